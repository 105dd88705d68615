/* main.c - intake: which messages, which work. */
#include <stdlib.h>

#include "actors/intake/intake.h"
#include "common/base/own.h"
#include "common/base/time.h"

static void recover (void *me)
{
    struct intake *in = me;

    in->mint = (struct ym_mint){0};
    in->reserving = true;
    in->polling = false;
    requirements_forget (in->requirements); /* a failover may have lost some */
    ym_put (in->yard, &reserve_work, NULL);
    ym_put (in->yard, &partitions_work, NULL);
    caps_reload (in);
}

static void recovered (void *me)
{
    struct intake *in = me;

    in->watch_poll_at_ms = 0;
    feeds_compare (in);
}

/* What the other end said meanwhile is lost. */
static void on_link (void *me, unsigned peer, enum ym_link_news news)
{
    if (peer == YM_ACTOR_ASSIGNMENT && news != YM_LINK_SILENT)
        feeds_compare (me);
}

static int least (int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int pass (void *me, int64_t mono_ms)
{
    struct intake *in = me;

    submit_pass (in, ym_time_wall_ms (), mono_ms);
    int wait = least (relays_pass (in, mono_ms), watch_pass (in, mono_ms));
    return least (1000, least (wait, feeds_pass (in, mono_ms)));
}

static void *begin (struct ym_yard *yard)
{
    struct intake *in = ym_new (sizeof *in);

    in->yard = yard;
    in->watch_max = (size_t)ym_yard_setting (yard, "watch_max");
    in->requirements = requirements_new ();
    in->limits = limits_new (ym_yard_setting (yard, "submit_rate"),
                             ym_yard_setting (yard, "submit_burst"));
    relays_begin (in);
    feeds_begin (in);
    in->partitions_at_ms = ym_time_wall_ms () + 3600000;
    return in;
}

static void end (void *me)
{
    struct intake *in = me;

    relays_done (in);
    watch_done (in);
    feeds_end (in);
    requirements_free (in->requirements);
    limits_free (in->limits);
    free (in);
}

static const struct ym_handler handlers[] = {
    {.message = YM_MSG_job_submit, .work = &submit_work},
    {.message = YM_MSG_job_get, .work = &get_work},
    {.message = YM_MSG_job_list, .work = &list_work},
    {.message = YM_MSG_job_watch, .work = &watch_work},
    {.message = YM_MSG_job_unwatch, .hear = on_unwatch},
    {.message = YM_MSG_job_act, .work = &act_look_work},
    {.message = YM_MSG_job_explain, .work = &explain_work},
    {.message = YM_MSG_job_why_not, .work = &why_not_work},
    {.message = YM_MSG_agent_list, .hear = on_agent_list},
    {.message = YM_MSG_queue_get, .hear = on_queue_get},
    {.message = YM_MSG_yard_get, .hear = on_yard_get},
    {.message = YM_MSG_key_authorize, .work = &authorize_work},
    {.message = YM_MSG_key_revoke, .work = &revoke_work},
    {.message = YM_MSG_key_list, .work = &key_list_work},
    {.message = YM_MSG_queue_act, .work = &policy_look_work},
    {.message = YM_MSG_agent_act, .work = &policy_look_work},
    {.message = YM_MSG_tenant_set, .work = &policy_look_work},
    {.message = YM_MSG_window_add, .work = &policy_look_work},
    {.message = YM_MSG_window_remove, .work = &policy_look_work},
    {.message = YM_MSG_tenant_list, .work = &tenant_list_work},
    {.message = YM_MSG_window_list, .work = &window_list_work},
    {.message = YM_MSG_problem_list, .work = &problem_list_work},
    {.message = YM_MSG_job_events, .work = &events_work},
    {.message = YM_MSG_feed_open, .work = &feed_open_work},
    {.message = YM_MSG_feed_close, .hear = on_feed_close},
    {.message = YM_MSG_load_get, .hear = on_load_get},
    {.message = YM_MSG_jobs_changed, .hear = on_jobs_changed},
    {.message = YM_MSG_tenants_waiting, .hear = on_tenants_waiting},
    {.message = YM_MSG_queue_status, .hear = on_relayed},
    {.message = YM_MSG_agent_page, .hear = on_relayed},
    {.message = YM_MSG_load_page, .hear = on_relayed},
    {.message = YM_MSG_job_explained, .hear = on_relayed},
    {.message = YM_MSG_refused, .hear = on_relayed},
};

static const struct ym_work *const works[] = {
    &reserve_work,     &partitions_work,  &policy_set_work,  &caps_work,
    &submit_work,      &act_work,         &authorize_work,   &revoke_work,
    &key_list_work,    &get_work,         &list_work,        &act_look_work,
    &explain_work,     &why_not_work,     &watch_work,       &poll_work,
    &policy_look_work, &tenant_list_work, &window_list_work, &problem_list_work,
    &events_work,      &feed_open_work,   &follow_work,      NULL};

static const struct ym_actor intake = {.name = "intake",
                                       .scope = "intake",
                                       .reads = true,
                                       .handlers = handlers,
                                       .handler_count = sizeof handlers / sizeof handlers[0],
                                       .works = works,
                                       .begin = begin,
                                       .end = end,
                                       .recover = recover,
                                       .recovered = recovered,
                                       .link = on_link,
                                       .pass = pass};

int main (void)
{
    return ym_actor_main (&intake);
}

/* main.c - assignment: which messages, which work, what is read at the start. */
#include <stdlib.h>
#include <string.h>

#include "actors/assignment/assignment.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

/* Hints: gathered over a pass, sent together. */

static void flush_changed (struct assignment *a)
{
    if (a->changed.count > 0)
        ym_send (a->yard, YM_ACTOR_INTAKE, YM_MSG_jobs_changed, 0,
                 &(struct ym_jobs_changed){.jobs = {a->changed.rows, a->changed.count}});
    a->changed.count = 0;
}

static void flush_used_up (struct assignment *a, uint32_t tier, bool refused)
{
    struct hints *h = refused ? &a->refused[tier] : &a->taken[tier];

    if (h->count > 0)
        ym_send (a->yard, ym_actor_queue (tier), YM_MSG_jobs_taken, 0,
                 &(struct ym_jobs_taken){.refused = refused, .jobs = {h->rows, h->count}});
    h->count = 0;
}

static void flush_ready (struct assignment *a, uint32_t tier)
{
    struct ready_hints *h = &a->ready[tier];

    flush_used_up (a, tier, true);
    flush_used_up (a, tier, false); /* taken was before it came back */
    if (h->count > 0)
        ym_send (a->yard, ym_actor_queue (tier), YM_MSG_jobs_ready, 0,
                 &(struct ym_jobs_ready){.jobs = {h->rows, h->count}});
    h->count = 0;
}

void hint_changed (struct assignment *a, int64_t job)
{
    if (a->changed.count == HINTS_MAX)
        flush_changed (a);
    a->changed.rows[a->changed.count++].job = job;
}

void hint_taken (struct assignment *a, uint32_t tier, int64_t job)
{
    if (a->taken[tier].count == HINTS_MAX)
        flush_used_up (a, tier, false);
    a->taken[tier].rows[a->taken[tier].count++].job = job;
}

void hint_refused (struct assignment *a, uint32_t tier, int64_t job)
{
    if (a->refused[tier].count == HINTS_MAX)
        flush_used_up (a, tier, true);
    a->refused[tier].rows[a->refused[tier].count++].job = job;
}

void hint_ready (struct assignment *a, uint32_t tier, const struct ym_ready *job)
{
    struct ready_hints *h = &a->ready[tier];

    if (h->count == HINTS_MAX)
        flush_ready (a, tier);
    h->rows[h->count++] = *job;
}

void send_hints (struct assignment *a)
{
    flush_changed (a);
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        flush_ready (a, tier);
}

/* Loading: agents, then the attempts they hold. */

static void plan_load (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)count;
    items[0]->call = store_call_agents (t);
    (void)store_call_attempts (t);
}

static void load_agent (struct assignment *a, const struct agent_row *row)
{
    struct agent *agent = roster_add_agent (&a->roster, row->agent, row->name);

    agent->session = row->session;
    agent->state = row->state;
    agent->slots = row->slots;
    memcpy (agent->request, row->request, sizeof agent->request);
    if (row->tick > agent->heard_tick)
        agent->heard_tick = row->tick;
    if (row->at_ms > agent->heard_ms)
        agent->heard_ms = row->at_ms;
    roster_describe_agent (&a->roster, agent, row->region, row->pool, &row->capabilities);
    policy_fit_agent (a, agent);
}

/* A wish heard of since the row was read counts; all else the row knows better. */
static void load_wish (struct assignment *a, struct attempt *t, const struct attempt_row *row)
{
    bool is_news = t->wish == YM_NOTHING ? row->wish != YM_NOTHING
                                         : t->wish == YM_SUSPEND && row->wish == YM_TERMINATE;

    t->state_count = row->state_count;
    if (row->wish == YM_NOTHING || (t->wish == YM_TERMINATE && row->wish == YM_SUSPEND))
        return;
    t->wish = row->wish;
    t->suspender = row->suspender;
    t->wanted_at = row->wanted_at;
    if (is_news)
        tell_wish (a, t);
}

static void load_attempt (struct assignment *a, const struct attempt_row *row)
{
    struct agent *agent = roster_agent (&a->roster, row->agent);
    struct attempt *t;

    if (!agent)
        ym_panic ("a job is held by an agent that never registered");
    t = roster_attempt (&a->roster, row->job);
    if (!t || t->fence != row->fence) {
        t = roster_add_attempt (&a->roster, agent, row->tier, row->tenant, row->job,
                                row->fence);
        t->told_ms = ym_time_mono_ms (); /* it may have been told just before we came */
    }
    t->requirement = row->requirement;
    t->retries = row->retries;
    t->state = row->state;
    t->state_at = row->state_at;
    t->errored_at = row->errored_at;
    t->started_at = row->started_at;
    t->checkpoint_at = row->checkpoint_at;
    t->run_limit_ms = row->run_limit_ms;
    t->beneficiary = row->beneficiary;
    t->preempted = row->preempted;
    t->losses = row->losses;
    t->fixed = row->fixed;
    load_wish (a, t, row);
}

/* A turn whose commit was not heard of may have brought jobs back, and what was on offer may
 * have been taken for an attempt that was no more. */
void ask_queues (struct assignment *a)
{
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++) {
        flush_ready (a, tier);
        ym_send (a->yard, ym_actor_queue (tier), YM_MSG_offer_again, 0,
                 &(struct ym_offer_again){0});
    }
}

static void done_load (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    unsigned call = items[0]->call;
    struct agent_row agent;
    struct attempt_row attempt;

    (void)count;
    a->reloading = false;
    a->loaded = true;
    for (size_t i = 0; i < store_rows (t, call); i++) {
        store_got_agent (t, call, i, &agent);
        load_agent (a, &agent);
    }
    for (size_t i = 0; i < store_rows (t, call + 1); i++) {
        store_got_attempt (t, call + 1, i, &attempt);
        load_attempt (a, &attempt);
    }
    a->look = true;
    if (a->was_away)
        ask_queues (a);
    a->was_away = false;
    a->was_here = true;
    ym_log (YM_LOG_INFO, "attempts_loaded",
            ym_log_number ("agents", (int64_t)a->roster.agent_count),
            ym_log_number ("attempts", HASH_COUNT (a->roster.attempts)),
            ym_log_number ("tick", a->tick));
}

static void failed_load (void *me, struct ym_item *item)
{
    struct assignment *a = me;

    (void)item;
    a->reloading = false;
    a->reload_wanted = true;
}

static const struct ym_work load_work = {.name = "load",
                                         .one_at_a_time = true,
                                         .forget_unknown = true,
                                         .plan = plan_load,
                                         .done = done_load,
                                         .failed = failed_load};

static void recover (void *me)
{
    struct assignment *a = me;

    roster_forget_work (&a->roster);
    a->was_away = a->was_here;
    a->loaded = false;
    a->tick = ym_yard_tick (a->yard);
    a->ticking = false;
    a->reloading = true;
    a->policy.number = 0;
    policy_read (a);
    ym_put (a->yard, &load_work, NULL);
}

/* Nobody is lost because we were away: an agent has a whole lease from now on to be heard. */
static void recovered (void *me)
{
    struct assignment *a = me;

    a->tick_at_ms = ym_time_mono_ms () + a->tick_ms;
}

static void on_link (void *me, unsigned peer, enum ym_link_news news)
{
    struct assignment *a = me;

    if (peer == YM_ACTOR_INTAKE && news != YM_LINK_SILENT) {
        a->reload_wanted = true; /* a wish to terminate may have been lost */
        a->policy.wanted = true;
        ym_yard_reload_keys (a->yard);
    }
    else if (news == YM_LINK_GAP) {
        ym_send (a->yard, peer, YM_MSG_offer_again, 0, &(struct ym_offer_again){0});
    }
}

static void on_keys_changed (void *me, struct ym_item *item)
{
    struct assignment *a = me;

    (void)item;
    ym_yard_reload_keys (a->yard);
}

static int pass (void *me, int64_t mono_ms)
{
    struct assignment *a = me;

    if (a->reload_wanted && !a->reloading && ym_yard_has_database (a->yard)) {
        a->reload_wanted = false;
        a->reloading = true;
        ym_put (a->yard, &load_work, NULL);
    }
    agents_pass (a, mono_ms);
    policy_pass (a);
    leasing_pass (a);
    preempting_pass (a);
    doubts_pass (a);
    send_hints (a);
    return agents_wait_ms (a, mono_ms);
}

static void *begin (struct ym_yard *yard)
{
    struct assignment *a = ym_new (sizeof *a);

    a->yard = yard;
    a->tick_ms = ym_yard_setting (yard, "tick_ms");
    a->lease_ticks = ym_yard_setting (yard, "lease_ticks");
    a->heartbeat_ms = ym_yard_setting (yard, "heartbeat_ms");
    a->signal_limits =
        (struct signal_limits){.retry_ms = ym_yard_setting (yard, "signal_retry_ms"),
                               .retries = (unsigned)ym_yard_setting (yard, "signal_retries"),
                               .stale_ms = ym_yard_setting (yard, "stale_after_ms"),
                               .grace_ms = ym_yard_setting (yard, "preempt_grace_ms")};
    a->end_limits =
        (struct end_limits){.attempts_max = (int32_t)ym_yard_setting (yard, "attempts_max"),
                            .losses_max = (int32_t)ym_yard_setting (yard, "losses_max"),
                            .retry_ms = ym_yard_setting (yard, "retry_ms")};
    a->run_expected_ms = ym_yard_setting (yard, "run_expected_ms");
    a->age_grants = ym_yard_setting (yard, "age_grants");
    a->preempt_exempt_ms = ym_yard_setting (yard, "preempt_exempt_ms");
    a->preempt_most = ym_yard_setting (yard, "preempt_most");
    a->round_most = ROUND_MAX;
    return a;
}

static void end (void *me)
{
    struct assignment *a = me;

    roster_done (&a->roster);
    policy_done (a);
    free (a->shunned);
    free (a->doubts);
    free (a);
}

static const struct ym_handler handlers[] = {
    {.message = YM_MSG_agent_register, .hear = on_register},
    {.message = YM_MSG_agent_beat, .hear = on_beat},
    {.message = YM_MSG_agent_leave, .hear = on_leave},
    {.message = YM_MSG_attempt_started, .work = &started_work},
    {.message = YM_MSG_attempt_progress, .hear = on_progress},
    {.message = YM_MSG_attempt_checkpoint, .work = &checkpoint_work},
    {.message = YM_MSG_attempt_lookup, .work = &lookup_work},
    {.message = YM_MSG_attempt_completed, .work = &end_work},
    {.message = YM_MSG_attempt_failed, .work = &end_work},
    {.message = YM_MSG_attempt_terminated, .work = &end_work},
    {.message = YM_MSG_attempt_suspended, .work = &end_work},
    {.message = YM_MSG_attempt_deprovisioned, .work = &end_work},
    {.message = YM_MSG_attempt_working, .work = &working_work},
    {.message = YM_MSG_attempt_prepared, .work = &prepared_work},
    {.message = YM_MSG_attempt_errored, .work = &errored_work},
    {.message = YM_MSG_attempt_resources, .work = &resources_work},
    {.message = YM_MSG_jobs_wanted, .hear = on_jobs_wanted},
    {.message = YM_MSG_jobs_overdue, .work = &expire_work},
    {.message = YM_MSG_jobs_offered, .hear = on_jobs_offered},
    {.message = YM_MSG_offers_withdrawn, .hear = on_offers_withdrawn},
    {.message = YM_MSG_policy_changed, .hear = on_policy_changed},
    {.message = YM_MSG_load_get, .hear = on_load_get},
    {.message = YM_MSG_explain_ask, .hear = on_explain_ask},
    {.message = YM_MSG_agent_list, .hear = on_agent_list},
    {.message = YM_MSG_keys_changed, .hear = on_keys_changed},
};

/* In the order their statements take in a turn: a report before the end of the same attempt,
 * ends before new leases. */
static const struct ym_work *const works[] = {
    &load_work,       &tick_work,     &register_work,  &move_work,
    &working_work,    &prepared_work, &started_work,   &errored_work,
    &checkpoint_work, &lookup_work,   &resources_work, &own_wish_work,
    &end_work,        &expire_work,   &leave_work,     &progress_work,
    &lease_work,      &doubt_work,    &again_work,     &verify_work,
    &class_work,      &want_work,     &policy_work,    NULL};

static void on_keys (void *me)
{
    struct assignment *a = me;

    if (ym_yard_has_database (a->yard))
        lose_revoked_agents (a);
}

static const struct ym_actor assignment = {.name = "assignment",
                                           .scope = "assignment",
                                           .handlers = handlers,
                                           .handler_count =
                                               sizeof handlers / sizeof handlers[0],
                                           .works = works,
                                           .begin = begin,
                                           .end = end,
                                           .recover = recover,
                                           .recovered = recovered,
                                           .link = on_link,
                                           .pass = pass,
                                           .keys = on_keys};

int main (void)
{
    return ym_actor_main (&assignment);
}

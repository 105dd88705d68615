/* main.c - queue: the waiting jobs of one tier, offered to assignment in their order.
 *
 * Everything here is a cache of the tables. A lost message is noticed as a gap of its link and
 * answered by reading them again.
 */
#include <stdlib.h>

#include "actors/queue/queue.h"
#include "common/base/id.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum { CLOCK_EVERY_MS = 1000 }; /* the wall clock may be set while we wait for a time on it */

/* What a queue hears. */

static void on_jobs_ready (void *me, struct ym_item *item)
{
    struct queue *q = me;
    const struct ym_jobs_ready *m = item->body;
    int64_t wall_ms = ym_time_wall_ms ();

    for (uint32_t i = 0; i < m->jobs.count; i++) {
        const struct ym_ready *r = &m->jobs.at[i];
        load_heard (q, r->job);
        waiting_put (q->waiting,
                     &(struct waiting_job){.job = r->job,
                                           .tenant = (uint32_t)r->tenant,
                                           .requirement = r->requirement,
                                           .urgency = (uint32_t)r->urgency,
                                           .hold = r->hold,
                                           .unmet = (uint32_t)r->unmet,
                                           .not_before_ms = r->not_before,
                                           .wait_until_ms = r->wait_until,
                                           .came_back = r->preempted},
                     wall_ms);
        if (item->from.peer == YM_ACTOR_INTAKE && r->job > q->heard_through)
            q->heard_through = r->job;
    }
}

static void on_jobs_gone (void *me, struct ym_item *item)
{
    struct queue *q = me;
    const struct ym_jobs_gone *m = item->body;

    for (uint32_t i = 0; i < m->jobs.count; i++) {
        load_heard (q, m->jobs.at[i].job);
        (void)waiting_remove (q->waiting, m->jobs.at[i].job);
    }
}

static void on_jobs_taken (void *me, struct ym_item *item)
{
    struct queue *q = me;
    const struct ym_jobs_taken *m = item->body;

    for (uint32_t i = 0; i < m->jobs.count; i++) {
        if (m->refused) { /* what a page says of it may be newer */
            (void)waiting_refuse (q->waiting, m->jobs.at[i].job);
            continue;
        }
        load_heard (q, m->jobs.at[i].job);
        (void)waiting_take (q->waiting, m->jobs.at[i].job);
    }
}

static void on_queue_get (void *me, struct ym_item *item)
{
    struct queue *q = me;
    struct waiting_counts n = waiting_counts (q->waiting);
    int64_t age = n.oldest ? ym_time_wall_ms () - ym_id_unix_ms (n.oldest) : 0;

    ym_answer (q->yard, item, YM_MSG_queue_status,
               &(struct ym_queue_status){.tier = q->tier,
                                         .waiting = n.waiting,
                                         .offered = n.offered,
                                         .classes = n.classes,
                                         .oldest_ms = (uint64_t)(age > 0 ? age : 0),
                                         .idle = n.idle,
                                         .stopped = q->gate.stopped,
                                         .reason = ym_str (q->gate.reason)});
}

static void on_offer_again (void *me, struct ym_item *item)
{
    struct queue *q = me;

    (void)item;
    q->load_wanted = true;
    offer_afresh (q);
}

static void on_policy_changed (void *me, struct ym_item *item)
{
    struct queue *q = me;

    (void)item;
    q->policy_wanted = true;
}

/* What follows of a job as the next pass would see it, in the question that goes on. */
static void explain (struct queue *q, struct ym_explain_ask *m,
                     struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX])
{
    struct waiting_ahead ahead = waiting_ahead (q->waiting, m->job);
    struct explain_wait_facts facts = {.ask = m,
                                       .offered = waiting_is_offered (q->waiting, m->job),
                                       .stopped = q->gate.stopped,
                                       .stop_reason = q->gate.reason,
                                       .stopped_ms = q->gate.at_ms,
                                       .now_ms = ym_time_wall_ms (),
                                       .tier = q->tier,
                                       .before_own = ahead.own,
                                       .before_others = ahead.others};

    facts.is_here = waiting_facts (q->waiting, m->job, &facts.waits);
    m->waiting = facts.is_here;
    m->offered = facts.offered;
    m->ahead = ahead.own + ahead.others;
    m->blockers.count = (uint32_t)decide_explain_wait (&facts, rows);
    m->blockers.at = rows;
}

static void on_explain_ask (void *me, struct ym_item *item)
{
    struct queue *q = me;
    struct ym_explain_ask m = *(const struct ym_explain_ask *)item->body;
    struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX];

    waiting_begin_due (q->waiting, ym_time_wall_ms ());
    tell_offers (q);
    explain (q, &m, rows);
    item->asked = false; /* assignment answers intake itself */
    ym_send (q->yard, YM_ACTOR_ASSIGNMENT, YM_MSG_explain_ask, item->from.ask, &m);
}

static const struct ym_handler handlers[] = {
    {.message = YM_MSG_jobs_ready, .hear = on_jobs_ready},
    {.message = YM_MSG_jobs_gone, .hear = on_jobs_gone},
    {.message = YM_MSG_jobs_taken, .hear = on_jobs_taken},
    {.message = YM_MSG_offer_again, .hear = on_offer_again},
    {.message = YM_MSG_policy_changed, .hear = on_policy_changed},
    {.message = YM_MSG_queue_get, .hear = on_queue_get},
    {.message = YM_MSG_explain_ask, .hear = on_explain_ask},
};

/* The life of a queue. */

static int least_wait (int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int until (int64_t at_ms, int64_t wall_ms)
{
    if (at_ms == 0)
        return -1;
    if (at_ms <= wall_ms)
        return CLOCK_EVERY_MS; /* told, or nobody is there to be told */
    return at_ms - wall_ms < CLOCK_EVERY_MS ? (int)(at_ms - wall_ms) : CLOCK_EVERY_MS;
}

static int pass (void *me, int64_t mono_ms)
{
    struct queue *q = me;
    int64_t wall_ms = ym_time_wall_ms ();
    int wait;

    wait = load_pass (q, mono_ms);
    waiting_begin_due (q->waiting, wall_ms);
    tell_offers (q);
    tell_overdue (q, wall_ms, mono_ms);
    wait = least_wait (wait, policy_pass (q, mono_ms));
    wait = least_wait (wait, tell_tenants (q, mono_ms));
    return least_wait (wait, until (waiting_next_ms (q->waiting), wall_ms));
}

/* A peer that started again knows nothing of us, and what it told us may have been cut short:
 * jobs taken that we did not hear of would stay on offer for ever. */
static void on_link (void *me, unsigned peer, enum ym_link_news news)
{
    struct queue *q = me;

    if (news == YM_LINK_SILENT || (peer != YM_ACTOR_ASSIGNMENT && peer != YM_ACTOR_INTAKE))
        return;
    load_missed (q);
    if (peer == YM_ACTOR_ASSIGNMENT)
        offer_afresh (q);
    else {
        q->tenants_fresh = true;
        q->policy_wanted = true;
    }
}

static void recover (void *me)
{
    policy_read (me);
    load_missed (me);
    load_start (me);
}

static void *begin (struct ym_yard *yard)
{
    struct queue *q = ym_new (sizeof *q);
    const char *tier = ym_handover_text (ym_yard_handover (yard), "argument");
    int found = ym_enum_find (YM_ENUM_TIER, tier, (unsigned)ym_str (tier).size);

    ym_assert (found >= 0);
    q->yard = yard;
    q->tier = (unsigned)found;
    q->waiting = waiting_new ();
    q->offer_fresh = true;
    q->tenants_fresh = true;
    return q;
}

static void end (void *me)
{
    struct queue *q = me;

    waiting_free (q->waiting);
    free (q->heard);
    free (q);
}

static const struct ym_work *const works[] = {&policy_work, &load_work, NULL};

static const struct ym_actor queue = {.name = "queue",
                                      .handlers = handlers,
                                      .handler_count = sizeof handlers / sizeof handlers[0],
                                      .works = works,
                                      .begin = begin,
                                      .end = end,
                                      .recover = recover,
                                      .link = on_link,
                                      .pass = pass};

int main (void)
{
    return ym_actor_main (&queue);
}

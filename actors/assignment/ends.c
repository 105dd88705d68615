/* ends.c - what ends an attempt: its agent's word, the loss of the agent, or the yard.
 *
 * Which end it is follows from the row, in the statement: a wish, what is provisioned, limits.
 * A report that moved nothing is asked about; of what the yard ends itself the agent is told
 * that it is lost.
 */
#include "actors/assignment/attempts.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"

static struct end_row end_of_report (const struct ym_item *item)
{
    struct report r = report_of (item);
    struct end_row e = {.job = r.job,
                        .fence = (int64_t)r.fence,
                        .agent = item->key.identity,
                        .message = r.message,
                        .detail = ym_str ("")};

    switch (item->letter.message->number) {
    case YM_MSG_attempt_completed: {
        const struct ym_attempt_completed *m = item->body;
        e.event = YM_JOB_ON_COMPLETE;
        e.done = (int64_t)m->done;
        e.total = (int64_t)m->total;
        e.detail = m->result;
        break;
    }
    case YM_MSG_attempt_failed: {
        const struct ym_attempt_failed *m = item->body;
        e.event = m->retryable ? YM_JOB_ON_RETRY : YM_JOB_ON_FAIL;
        e.detail = m->text;
        break;
    }
    case YM_MSG_attempt_suspended:
        e.event = YM_JOB_ON_SUSPEND;
        break;
    case YM_MSG_attempt_terminated:
        e.event = YM_JOB_ON_TERMINATE;
        break;
    default: /* deprovisioned: as the row says */
        break;
    }
    return e;
}

static struct end_row end_of (const struct ym_item *item)
{
    if (item->has_letter)
        return end_of_report (item);
    const struct ending *e = item->body;
    return (struct end_row){.job = e->job,
                            .fence = e->fence,
                            .agent = e->agent,
                            .event = e->event,
                            .counted = e->counted,
                            .detail = ym_str (e->detail)};
}

/* Problems first: their place in the history is before the end. */
static void raise_problems (struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct problem_row *rows = ym_arena_take (t->arena, count * sizeof *rows);
    size_t raised = 0;

    for (size_t i = 0; i < count; i++) {
        const struct ending *e = items[i]->has_letter ? NULL : items[i]->body;
        if (e && e->problem != SIGNAL_NO_PROBLEM)
            rows[raised++] =
                (struct problem_row){e->job, e->agent, e->problem, ym_str (e->detail)};
    }
    if (raised > 0)
        (void)store_call_problems (t, rows, raised);
}

static void plan_end (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct assignment *a = me;
    struct end_row *ends = ym_arena_take (t->arena, count * sizeof *ends);

    for (size_t i = 0; i < count; i++)
        ends[i] = end_of (items[i]);
    raise_problems (t, items, count);
    items[0]->call = store_call_end (t, ends, count, &a->end_limits);
    items[0]->note = ends;
}

/* Its work is over, but not the attempt: what is provisioned is removed first. */
static void close_attempt (struct assignment *a, struct attempt *t)
{
    t->wish = YM_NOTHING;
    t->suspender = YM_NOBODY_SUSPENDS;
    t->losses = 0;
    t->ending = false;
    tell_now (a, t);
}

static void forget_attempt (struct assignment *a, struct attempt *t, bool was_lost)
{
    if (was_lost)
        tell_agent (a, t->agent, YM_MSG_attempt_lost,
                    &(struct ym_attempt_lost){.job = t->job, .fence = (uint64_t)t->fence});
    roster_remove_attempt (&a->roster, t);
    a->look = true;
}

static void one_ended (struct assignment *a, struct ym_item *item, const struct end_row *e,
                       const struct ended *end, int64_t now_ms)
{
    const struct report r = {.job = e->job, .fence = (uint64_t)e->fence};
    struct attempt *t = attempt_of (a, r.job, r.fence);

    attempt_moved (a, t, &r, end->state, now_ms);
    if (t && end->state == YM_JOB_COMPLETING)
        close_attempt (a, t);
    else if (t)
        forget_attempt (a, t, !item->has_letter);
    if (item->asked)
        answer_noted (a, item, 0);
}

/* An end of our own that moved nothing: a lost attempt ended otherwise, and that was told; else
 * its agent was faster, and the attempt goes on. */
static void own_end_failed (struct assignment *a, const struct end_row *e)
{
    struct attempt *t = attempt_of (a, e->job, (uint64_t)e->fence);

    if (t && t->ending && e->event == YM_JOB_ON_LOSE)
        roster_remove_attempt (&a->roster, t);
    else if (t)
        t->ending = false;
}

static void done_end (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    const struct end_row *ends = items[0]->note;
    unsigned call = items[0]->call;

    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct ended end = store_got_ended (t, call, i);
        if (end.is_ready)
            hint_ready (a, end.tier, &end.ready);
        else
            one_ended (a, items[end.place], &ends[end.place], &end, t->now_ms);
    }
    for (size_t i = 0; i < count; i++)
        if (!items[i]->has_letter)
            own_end_failed (a, &ends[i]);
    rest_to_verify (a, items, count);
}

static void failed_end (void *me, struct ym_item *item)
{
    const struct ending *e = item->body;
    struct attempt *t = attempt_of (me, e->job, (uint64_t)e->fence);

    if (t)
        t->ending = false; /* the next tick tries again */
}

const struct ym_work end_work = {
    .name = "end", .plan = plan_end, .done = done_end, .failed = failed_end};

void attempt_finish (struct assignment *a, struct attempt *t, int event, int problem,
                     const char *detail)
{
    struct ending *e;

    if (t->ending)
        return;
    t->ending = true;
    e = ym_new (sizeof *e);
    *e = (struct ending){.job = t->job,
                         .fence = t->fence,
                         .agent = t->agent->id,
                         .event = (int16_t)event,
                         .problem = (int16_t)problem,
                         .counted = t->agent->state != YM_AGENT_LEFT};
    (void)ym_text_copy (e->detail, sizeof e->detail, detail);
    /* Behind what the agent reported before, by the key it speaks with. */
    ym_put_for (a->yard, &end_work, e, t->agent->to.key ? t->agent->to.key : t->agent->id);
}

void attempt_lose (struct assignment *a, struct attempt *t)
{
    attempt_finish (a, t, YM_JOB_ON_LOSE, SIGNAL_NO_PROBLEM, "");
}

void agent_lose_attempts (struct assignment *a, struct agent *agent)
{
    struct attempt *t;

    DL_FOREACH (agent->attempts, t)
    attempt_lose (a, t);
}

/* Jobs that waited too long. */

static void plan_expire (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct ym_jobs_overdue *m = items[i]->body;
        int64_t *jobs = ym_arena_take (t->arena, (m->jobs.count + 1) * sizeof *jobs);
        for (uint32_t k = 0; k < m->jobs.count; k++)
            jobs[k] = m->jobs.at[k].job;
        items[i]->call = store_call_expire (t, jobs, m->jobs.count);
    }
}

static void expired (struct assignment *a, const struct ended *end)
{
    struct offer offer;

    (void)roster_take_offer (&a->roster, end->job, &offer);
    hint_taken (a, end->tier, end->job);
    hint_changed (a, end->job);
    ym_log (YM_LOG_INFO, "job_moved", ym_log_job (end->job), ym_log_text ("to", "FAILED"),
            ym_log_text ("why", ym_life_why (&ym_job_life, YM_JOB_QUEUED, YM_JOB_ON_EXPIRE)));
}

static void done_expire (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < store_rows (t, items[i]->call); k++) {
            struct ended end = store_got_ended (t, items[i]->call, k);
            if (end.is_ready)
                hint_ready (me, end.tier, &end.ready);
            else
                expired (me, &end);
        }
}

const struct ym_work expire_work = {
    .name = "expire", .most = 8, .plan = plan_expire, .done = done_expire};

/* attempts.c - what agents report of their attempts, and what ends one.
 *
 * Every report is a compare-and-set on the fencing number and the agent. What moved is answered
 * after the commit; what did not move is asked about (verify): a repetition gets the answer of
 * the first time, anything else is refused as stale.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "actors/assignment/assignment.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

/* All reports of an attempt begin with the same three fields. */
struct report {
    int64_t job;
    uint64_t fence;
};

static struct report report_of (const struct ym_item *item)
{
    switch (item->letter.message->number) {
#define CASE(name)                                                                             \
    case YM_MSG_##name: {                                                                      \
        const struct ym_##name *m = item->body;                                                \
        return (struct report){m->job, m->fence};                                              \
    }
        CASE (attempt_started)
        CASE (attempt_checkpoint)
        CASE (attempt_completed)
        CASE (attempt_failed)
        CASE (attempt_terminated)
#undef CASE
    default:
        ym_panic ("no report: %s", item->letter.message->name);
    }
}

static void answer_noted (struct assignment *a, struct ym_item *item, int64_t checkpoint)
{
    struct report r = report_of (item);

    ym_answer (a->yard, item, YM_MSG_attempt_noted,
               &(struct ym_attempt_noted){
                   .job = r.job, .fence = r.fence, .checkpoint = (uint64_t)checkpoint});
}

static struct attempt *attempt_of (struct assignment *a, int64_t job, uint64_t fence)
{
    struct attempt *t = roster_attempt (&a->roster, job);

    return t && (uint64_t)t->fence == fence ? t : NULL;
}

/* Items by place. */
struct reports {
    int64_t *jobs, *fences, *agents;
};

static struct reports take_reports (struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct reports r = {.jobs = ym_arena_take (t->arena, 3 * count * sizeof *r.jobs)};

    r.fences = r.jobs + count;
    r.agents = r.jobs + 2 * count;
    for (size_t i = 0; i < count; i++) {
        struct report p = report_of (items[i]);
        r.jobs[i] = p.job;
        r.fences[i] = (int64_t)p.fence;
        r.agents[i] = items[i]->key.key;
    }
    return r;
}

/* Started. */

static void plan_started (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct reports r = take_reports (t, items, count);

    (void)me;
    items[0]->call = store_call_started (t, r.jobs, r.fences, r.agents, count);
}

static void started_moved (struct assignment *a, struct ym_item *item)
{
    struct report r = report_of (item);
    struct attempt *t = attempt_of (a, r.job, r.fence);

    if (t)
        t->started = true;
    hint_changed (a, r.job);
    ym_log (YM_LOG_INFO, "job_moved", ym_log_job (r.job), ym_log_text ("to", "STARTED"),
            ym_log_number ("fence", (int64_t)r.fence), ym_log_text ("agent", item->key.name));
    answer_noted (a, item, 0);
}

static void rest_to_verify (struct assignment *a, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->asked)
            ym_put_again (a->yard, items[i], &verify_work);
}

static void done_started (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    unsigned call = items[0]->call;

    for (size_t i = 0; i < store_rows (t, call); i++)
        started_moved (me, items[store_got_place (t, call, i)]);
    rest_to_verify (me, items, count);
}

const struct ym_work started_work = {
    .name = "started", .plan = plan_started, .done = done_started};

/* Checkpoints: in a turn one of each job; what came after it waits for the next turn. */

#define NOT_IN_THIS_CALL UINT32_MAX

static bool has_one_before (struct ym_item **items, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (report_of (items[k]).job == report_of (items[i]).job &&
            report_of (items[k]).fence == report_of (items[i]).fence &&
            items[k]->key.key == items[i]->key.key)
            return true;
    return false;
}

/* The items of the call, in their order. */
static struct ym_item **items_of_call (struct ym_turn *t, struct ym_item **items, size_t count,
                                       size_t *ret_count)
{
    struct ym_item **taken = ym_arena_take (t->arena, count * sizeof (struct ym_item *));

    *ret_count = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->call != NOT_IN_THIS_CALL)
            taken[(*ret_count)++] = items[i];
    return taken;
}

static void plan_checkpoint (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct ym_attempt_checkpoint **m = ym_arena_take (t->arena, count * sizeof *m);
    size_t n;

    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = has_one_before (items, i) ? NOT_IN_THIS_CALL : 0;
    struct ym_item **taken = items_of_call (t, items, count, &n);
    struct reports r = take_reports (t, taken, n);
    for (size_t i = 0; i < n; i++)
        m[i] = taken[i]->body;
    items[0]->call = store_call_checkpoints (t, m, r.agents, n);
}

static void checkpoint_moved (struct assignment *a, struct ym_item *item)
{
    const struct ym_attempt_checkpoint *m = item->body;

    hint_changed (a, m->job);
    answer_noted (a, item, (int64_t)m->checkpoint);
}

static void done_checkpoint (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    unsigned call = items[0]->call;
    size_t n;
    struct ym_item **taken = items_of_call (t, items, count, &n);

    for (size_t i = 0; i < store_rows (t, call); i++)
        checkpoint_moved (a, taken[store_got_place (t, call, i)]);
    for (size_t i = 0; i < count; i++)
        if (items[i]->call == NOT_IN_THIS_CALL)
            ym_put_again (a->yard, items[i], &checkpoint_work);
    rest_to_verify (a, items, count);
}

const struct ym_work checkpoint_work = {
    .name = "checkpoint", .most = 128, .plan = plan_checkpoint, .done = done_checkpoint};

/* Lookups. */

static void plan_lookup (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_lookup (t, items[i]->body, items[i]->key.key);
}

static void answer_lookup (struct assignment *a, struct ym_turn *t, struct ym_item *item)
{
    const struct ym_attempt_lookup *m = item->body;
    size_t rows = store_rows (t, item->call);
    struct ym_mapping *found = ym_arena_take (t->arena, (rows + 1) * sizeof *found);
    uint32_t count = 0;

    if (rows == 0) {
        ym_refuse (a->yard, item, YM_REFUSAL_STALE_LEASE);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        if (store_got_mapping (t, item->call, i, &found[count]))
            count++;
    ym_answer (a->yard, item, YM_MSG_attempt_mappings,
               &(struct ym_attempt_mappings){.job = m->job, .mappings = {found, count}});
}

static void done_lookup (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        answer_lookup (me, t, items[i]);
}

const struct ym_work lookup_work = {
    .name = "lookup", .most = 16, .plan = plan_lookup, .done = done_lookup};

/* Ends: an agent's word, or the loss of the agent. */

struct lost {
    int64_t job, fence, agent;
};

static struct end_row end_of_error (const struct assignment *a, const struct ym_item *item)
{
    const struct ym_attempt_failed *m = item->body;
    const struct attempt *t = roster_attempt (&a->roster, m->job);
    struct error_facts f = {.retryable = m->retryable,
                            .retries = t ? t->retries : 0,
                            .attempts_max = (uint32_t)a->attempts_max};

    return (struct end_row){
        m->job, (int64_t)m->fence, item->key.key, (int16_t)decide_error (&f), 0, 0, m->text};
}

static struct end_row end_of (const struct assignment *a, const struct ym_item *item)
{
    if (!item->has_letter) {
        const struct lost *l = item->body;
        return (struct end_row){l->job, l->fence, l->agent, YM_JOB_ON_LOSE, 0, 0, ym_str ("")};
    }
    if (item->letter.message->number == YM_MSG_attempt_failed)
        return end_of_error (a, item);
    if (item->letter.message->number == YM_MSG_attempt_terminated) {
        const struct ym_attempt_terminated *m = item->body;
        return (struct end_row){
            m->job, (int64_t)m->fence, item->key.key, YM_JOB_ON_TERMINATE, 0, 0, ym_str ("")};
    }
    const struct ym_attempt_completed *m = item->body;
    return (struct end_row){
        m->job,           (int64_t)m->fence, item->key.key, YM_JOB_ON_COMPLETE,
        (int64_t)m->done, (int64_t)m->total, m->result};
}

static void plan_end (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct end_row *ends = ym_arena_take (t->arena, count * sizeof *ends);

    for (size_t i = 0; i < count; i++)
        ends[i] = end_of (me, items[i]);
    items[0]->call = store_call_end (t, ends, count);
    items[0]->note = ends;
}

static void forget_attempt (struct assignment *a, const struct end_row *e,
                            const struct ended *end, bool was_lost)
{
    struct attempt *t = attempt_of (a, e->job, (uint64_t)e->fence);

    if (!t)
        return;
    if (was_lost)
        tell_agent (a, t->agent, YM_MSG_attempt_lost,
                    &(struct ym_attempt_lost){.job = e->job, .fence = (uint64_t)e->fence});
    if (!end->final)
        hint_ready (a, t);
    roster_remove_attempt (&a->roster, t);
    a->look = true;
}

static void one_ended (struct assignment *a, struct ym_item *item, const struct end_row *e,
                       const struct ended *end)
{
    ym_log (YM_LOG_INFO, "job_moved", ym_log_job (e->job),
            ym_log_text ("to", ym_life_state_name (&ym_job_life, end->state)),
            ym_log_number ("fence", e->fence));
    forget_attempt (a, e, end, !item->has_letter);
    hint_changed (a, e->job);
    if (item->asked)
        answer_noted (a, item, 0);
}

static void done_end (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    const struct end_row *ends = items[0]->note;
    unsigned call = items[0]->call;

    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct ended end = store_got_ended (t, call, i);
        one_ended (a, items[end.place], &ends[end.place], &end);
    }
    for (size_t i = 0; i < count; i++) {
        struct attempt *left =
            items[i]->has_letter ? NULL : attempt_of (a, ends[i].job, (uint64_t)ends[i].fence);
        if (left)
            roster_remove_attempt (&a->roster,
                                   left); /* it ended otherwise, and that was told */
    }
    rest_to_verify (a, items, count);
}

static void failed_end (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct lost *l = item->body;
    struct attempt *t = attempt_of (a, l->job, (uint64_t)l->fence);

    if (t)
        t->ending = false; /* the next tick tries again */
}

const struct ym_work end_work = {
    .name = "end", .plan = plan_end, .done = done_end, .failed = failed_end};

void attempt_lose (struct assignment *a, struct attempt *t)
{
    struct lost *l;

    if (t->ending)
        return;
    t->ending = true;
    l = ym_new (sizeof *l);
    *l = (struct lost){t->job, t->fence, t->agent->id};
    ym_put_for (a->yard, &end_work, l,
                t->agent->id); /* behind what the agent reported before */
}

void agent_lose_attempts (struct assignment *a, struct agent *agent)
{
    struct attempt *t;

    DL_FOREACH (agent->attempts, t)
    attempt_lose (a, t);
}

/* Repetitions and stale reports. */

static void plan_verify (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct reports r = take_reports (t, items, count);

    (void)me;
    items[0]->call = store_call_verify (t, r.jobs, r.fences, r.agents, count);
}

static enum report_kind kind_of (const struct ym_item *item)
{
    switch (item->letter.message->number) {
    case YM_MSG_attempt_started:
        return REPORT_STARTED;
    case YM_MSG_attempt_checkpoint:
        return REPORT_CHECKPOINT;
    case YM_MSG_attempt_completed:
        return REPORT_COMPLETED;
    case YM_MSG_attempt_failed:
        return REPORT_FAILED;
    default:
        return REPORT_TERMINATED;
    }
}

static enum ym_refusal verdict (const struct ym_item *item, const struct verified *v)
{
    struct report_facts f = {.kind = kind_of (item), .held = v->held, .ended_on = v->ended_on};
    const struct ym_attempt_checkpoint *m = item->body;

    if (f.kind == REPORT_CHECKPOINT)
        f.checkpoint_is_it =
            v->checkpoint == (int64_t)m->checkpoint && v->checkpoint_fence == (int64_t)m->fence;
    return decide_repeated (&f);
}

static void done_verify (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    unsigned call = items[0]->call;

    (void)count;
    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct verified v = store_got_verified (t, call, i);
        struct ym_item *item = items[v.place];
        enum ym_refusal why = verdict (item, &v);
        if (why == YM_REFUSAL_NONE)
            answer_noted (
                a, item,
                item->letter.message->number == YM_MSG_attempt_checkpoint ? v.checkpoint : 0);
        else
            ym_refuse (a->yard, item, why);
    }
}

const struct ym_work verify_work = {.name = "verify", .plan = plan_verify, .done = done_verify};

/* Progress: kept in memory, written with the tick. */

void on_progress (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_attempt_progress *m = item->body;
    struct attempt *t = attempt_of (a, m->job, m->fence);

    if (!t || t->agent->id != item->key.key || m->done < t->done)
        return;
    t->done = m->done;
    t->total = m->total;
    t->progressed = true;
}

static size_t gather_progress (struct assignment *a, int64_t *columns[5], size_t room)
{
    struct attempt *t, *next;
    size_t count = 0;

    HASH_ITER (hh, a->roster.attempts, t, next)
    {
        if (!t->progressed || count == room)
            continue;
        t->progressed = false;
        columns[0][count] = t->job;
        columns[1][count] = t->fence;
        columns[2][count] = t->agent->id;
        columns[3][count] = (int64_t)t->done;
        columns[4][count++] = (int64_t)t->total;
    }
    return count;
}

static void plan_progress (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    size_t room = HASH_COUNT (a->roster.attempts);
    int64_t *columns[5];

    (void)count;
    for (unsigned i = 0; i < 5; i++)
        columns[i] = ym_arena_take (t->arena, (room + 1) * sizeof **columns);
    size_t filled = gather_progress (a, columns, room);
    items[0]->note = columns[0];
    items[0]->call = (unsigned)filled;
    if (filled > 0)
        (void)store_call_progress (t, columns[0], columns[1], columns[2], columns[3],
                                   columns[4], filled);
}

static void done_progress (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const int64_t *jobs = items[0]->note;

    (void)t, (void)count;
    for (unsigned i = 0; i < items[0]->call; i++)
        hint_changed (me, jobs[i]);
}

const struct ym_work progress_work = {.name = "progress",
                                      .one_at_a_time = true,
                                      .forget_unknown = true,
                                      .plan = plan_progress,
                                      .done = done_progress};

/* Termination. */

static void tell_terminate (struct assignment *a, struct attempt *t)
{
    t->told_ms = ym_time_mono_ms ();
    tell_agent (a, t->agent, YM_MSG_attempt_terminate,
                &(struct ym_attempt_terminate){.job = t->job,
                                               .fence = (uint64_t)t->fence,
                                               .reason = ym_str ("asked for")});
}

void on_terminate_wanted (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_terminate_wanted *m = item->body;

    for (uint32_t i = 0; i < m->jobs.count; i++) {
        struct attempt *t = roster_attempt (&a->roster, m->jobs.at[i].job);
        hint_changed (a, m->jobs.at[i].job);
        if (!t) {
            a->reload_wanted = true; /* its lease may be on the way to us */
            continue;
        }
        t->wanted = true;
        tell_terminate (a, t);
    }
}

/* With each tick: what was told and not answered is told again; what nobody can end is lost. */
void attempts_tick (struct assignment *a)
{
    enum { AGAIN_MAX = 256 };
    const struct attempt *again[AGAIN_MAX];
    struct attempt *t, *next;
    size_t count = 0;
    int64_t now = ym_time_mono_ms ();
    bool progressed = false;

    HASH_ITER (hh, a->roster.attempts, t, next)
    {
        progressed |= t->progressed;
        if (t->ending)
            continue;
        if (t->agent->state != YM_AGENT_CONNECTED)
            attempt_lose (a, t);
        else if (now - t->told_ms < a->heartbeat_ms || !t->agent->reachable)
            continue;
        else if (t->wanted)
            tell_terminate (a, t);
        else if (!t->started && count < AGAIN_MAX) {
            t->told_ms = now;
            again[count++] = t;
        }
    }
    if (count > 0)
        tell_again (a, again, count);
    if (progressed)
        ym_put (a->yard, &progress_work, NULL);
}

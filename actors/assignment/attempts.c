/* attempts.c - what agents report of attempts that run.
 *
 * Every report is a compare-and-set on the fencing number, the agent and the number of the
 * callback. What moved is answered after the commit; what did not move is asked about (verify):
 * a repetition gets the answer of the first time, anything else is refused.
 */
#include "actors/assignment/attempts.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/panic.h"
#include "common/base/time.h"

struct report report_of (const struct ym_item *item)
{
    switch (item->letter.message->number) {
#define CASE(name, number)                                                                     \
    case YM_MSG_##name: {                                                                      \
        const struct ym_##name *m = item->body;                                                \
        return (struct report){m->job, m->fence, (int32_t)(number)};                           \
    }
        CASE (attempt_started, m->message)
        CASE (attempt_working, m->message)
        CASE (attempt_prepared, m->message)
        CASE (attempt_errored, m->message)
        CASE (attempt_resources, 0)
        CASE (attempt_checkpoint, 0)
        CASE (attempt_completed, m->message)
        CASE (attempt_failed, m->message)
        CASE (attempt_suspended, m->message)
        CASE (attempt_terminated, m->message)
        CASE (attempt_deprovisioned, m->message)
#undef CASE
    default:
        ym_panic ("no report: %s", item->letter.message->name);
    }
}

void answer_noted (struct assignment *a, struct ym_item *item, int64_t checkpoint)
{
    struct report r = report_of (item);

    ym_answer (a->yard, item, YM_MSG_attempt_noted,
               &(struct ym_attempt_noted){
                   .job = r.job, .fence = r.fence, .checkpoint = (uint64_t)checkpoint});
}

struct attempt *attempt_of (struct assignment *a, int64_t job, uint64_t fence)
{
    struct attempt *t = roster_attempt (&a->roster, job);

    return t && (uint64_t)t->fence == fence ? t : NULL;
}

struct callbacks take_callbacks (struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct callbacks c = {.jobs = ym_arena_take (t->arena, 3 * count * sizeof *c.jobs),
                          .messages = ym_arena_take (t->arena, count * sizeof *c.messages),
                          .count = count};

    c.fences = c.jobs + count;
    c.agents = c.jobs + 2 * count;
    for (size_t i = 0; i < count; i++) {
        struct report r = report_of (items[i]);
        c.jobs[i] = r.job;
        c.fences[i] = (int64_t)r.fence;
        c.agents[i] = items[i]->key.identity;
        c.messages[i] = r.message;
    }
    return c;
}

void rest_to_verify (struct assignment *a, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->asked)
            ym_put_again (a->yard, items[i], &verify_work);
}

void attempt_moved (struct assignment *a, struct attempt *t, const struct report *r, int state,
                    int64_t now_ms)
{
    if (t) {
        t->state = state;
        t->state_at = now_ms;
        t->state_count = 0;
        t->told_ms = ym_time_mono_ms ();
        if (state == YM_JOB_STARTED)
            t->started_at = now_ms;
    }
    hint_changed (a, r->job);
    ym_log (YM_LOG_INFO, "job_moved", ym_log_job (r->job),
            ym_log_text ("to", ym_life_state_name (&ym_job_life, state)),
            ym_log_number ("fence", (int64_t)r->fence),
            ym_log_text ("agent", t ? t->agent->name : ""));
}

/* Started. */

static void plan_started (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct callbacks c = take_callbacks (t, items, count);
    struct ym_str *sources = ym_arena_take (t->arena, 2 * count * sizeof *sources);

    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct ym_attempt_started *m = items[i]->body;
        sources[i] = m->source;
        sources[count + i] = m->target;
    }
    items[0]->call = store_call_started (t, &c, sources, sources + count);
}

static void done_started (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    unsigned call = items[0]->call;

    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct ym_item *item = items[store_got_place (t, call, i)];
        struct report r = report_of (item);
        attempt_moved (a, attempt_of (a, r.job, r.fence), &r, YM_JOB_STARTED, t->now_ms);
        answer_noted (a, item, 0);
    }
    rest_to_verify (me, items, count);
}

const struct ym_work started_work = {
    .name = "started", .plan = plan_started, .done = done_started};

/* Checkpoints: in a turn one of each job; what came after it waits for the next turn. */

static bool has_one_before (struct ym_item **items, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (report_of (items[k]).job == report_of (items[i]).job &&
            report_of (items[k]).fence == report_of (items[i]).fence &&
            items[k]->key.identity == items[i]->key.identity)
            return true;
    return false;
}

void choose_items_of_call (struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i]->call = has_one_before (items, i) ? NOT_IN_THIS_CALL : 0;
}

/* The items of the call, in their order. */
struct ym_item **items_of_call (struct ym_turn *t, struct ym_item **items, size_t count,
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
    choose_items_of_call (items, count);
    struct ym_item **taken = items_of_call (t, items, count, &n);
    struct callbacks c = take_callbacks (t, taken, n);
    for (size_t i = 0; i < n; i++)
        m[i] = taken[i]->body;
    items[0]->call = store_call_checkpoints (t, m, c.agents, n);
}

static void checkpoint_moved (struct assignment *a, struct ym_item *item, int64_t now_ms)
{
    const struct ym_attempt_checkpoint *m = item->body;
    struct attempt *t = attempt_of (a, m->job, m->fence);

    if (t) {
        t->checkpoint_at = now_ms;
        t->losses = 0;
    }
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
        checkpoint_moved (a, taken[store_got_place (t, call, i)], t->now_ms);
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
        items[i]->call = store_call_lookup (t, items[i]->body, items[i]->key.identity);
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

/* Repetitions and stale reports. */

static void plan_verify (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct callbacks c = take_callbacks (t, items, count);

    (void)me;
    items[0]->call = store_call_verify (t, &c);
}

static enum report_kind kind_of (const struct ym_item *item)
{
    static const struct {
        unsigned message;
        enum report_kind kind;
    } kinds[] = {{YM_MSG_attempt_started, REPORT_STARTED},
                 {YM_MSG_attempt_working, REPORT_WORKING},
                 {YM_MSG_attempt_prepared, REPORT_PREPARED},
                 {YM_MSG_attempt_errored, REPORT_ERRORED},
                 {YM_MSG_attempt_checkpoint, REPORT_CHECKPOINT},
                 {YM_MSG_attempt_completed, REPORT_COMPLETED},
                 {YM_MSG_attempt_failed, REPORT_FAILED},
                 {YM_MSG_attempt_suspended, REPORT_SUSPENDED},
                 {YM_MSG_attempt_terminated, REPORT_TERMINATED},
                 {YM_MSG_attempt_deprovisioned, REPORT_DEPROVISIONED}};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].message == item->letter.message->number)
            return kinds[i].kind;
    ym_panic ("no report: %s", item->letter.message->name);
}

static enum ym_refusal verdict (const struct ym_item *item, const struct verified *v)
{
    struct report_facts f = {.kind = kind_of (item),
                             .held = v->held,
                             .taken = v->taken,
                             .state = v->state,
                             .ended_on = v->ended_on,
                             .ended_as = v->ended_as};

    if (f.kind == REPORT_CHECKPOINT) {
        const struct ym_attempt_checkpoint *m = item->body;
        f.checkpoint_is_it =
            v->checkpoint == (int64_t)m->checkpoint && v->checkpoint_fence == (int64_t)m->fence;
    }
    else if (f.kind == REPORT_WORKING) {
        const struct ym_attempt_working *m = item->body;
        f.signal = m->signal;
    }
    return decide_repeated (&f);
}

static void refuse_report (struct assignment *a, struct ym_item *item, enum ym_refusal why)
{
    struct report r = report_of (item);

    ym_log (YM_LOG_INFO, "refused_callback", ym_log_job (r.job),
            ym_log_number ("fence", (int64_t)r.fence), ym_log_text ("agent", item->key.name),
            ym_log_text ("message", item->letter.message->name),
            ym_log_text ("why", ym_refusal_slug (why)));
    ym_refuse (a->yard, item, why);
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
            refuse_report (a, item, why);
    }
}

const struct ym_work verify_work = {.name = "verify", .plan = plan_verify, .done = done_verify};

/* Progress: kept in memory, written with the tick. */

void on_progress (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_attempt_progress *m = item->body;
    struct attempt *t = attempt_of (a, m->job, m->fence);

    if (!t || t->agent->id != item->key.identity || m->done < t->done)
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

/* signals.c - what agents are told of attempts that run, until they answer.
 *
 * A signal is out because of the job's row; decide_signal says from the row when it is due
 * again and when that is enough. Memory only spaces the repetitions of one process, so that one
 * that was started late does not use up the limit in a breath.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/assignment/attempts.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

static struct signal_facts facts_of (const struct attempt *t)
{
    return (struct signal_facts){.state = t->state,
                                 .state_at = t->state_at,
                                 .wanted = t->wish,
                                 .suspender = t->suspender,
                                 .wanted_at = t->wanted_at,
                                 .count = t->state_count,
                                 .losses = t->losses,
                                 .run_limit_ms = t->run_limit_ms,
                                 .errored_at = t->errored_at};
}

/* Telling. */

/* 0 means no hurry, so what is over is the shortest time there is. */
static uint64_t grace_left (const struct assignment *a, const struct attempt *t)
{
    int64_t grace_ms = a->signal_limits.grace_ms, left;

    if (t->suspender != YM_PREEMPTION && t->suspender != YM_DRAIN)
        return 0;
    left = t->wanted_at + grace_ms - ym_time_wall_ms ();
    if (left > grace_ms)
        left = grace_ms; /* the clock was set back */
    return left < 1 ? 1 : (uint64_t)left;
}

void tell_wish (struct assignment *a, struct attempt *t)
{
    t->told_ms = ym_time_mono_ms ();
    if (t->wish == YM_TERMINATE)
        tell_agent (a, t->agent, YM_MSG_attempt_terminate,
                    &(struct ym_attempt_terminate){.job = t->job,
                                                   .fence = (uint64_t)t->fence,
                                                   .reason = ym_str ("asked for")});
    else if (t->wish == YM_SUSPEND)
        tell_agent (
            a, t->agent, YM_MSG_attempt_suspend,
            &(struct ym_attempt_suspend){
                .job = t->job,
                .fence = (uint64_t)t->fence,
                .suspender = (uint32_t)t->suspender,
                .grace_ms = grace_left (a, t),
                .reason = ym_str (ym_enum_word (YM_ENUM_SUSPENDER, (unsigned)t->suspender))});
}

enum { TELL_MAX = 256 };
struct again {
    size_t count;
    bool counted; /* repetitions; else what is told for the first time */
    int64_t jobs[TELL_MAX], fences[TELL_MAX];
    int16_t counts[TELL_MAX];
};

static void add_again (struct again *g, struct attempt *t)
{
    ym_assert (g->count < TELL_MAX);
    t->telling = true;
    g->jobs[g->count] = t->job;
    g->fences[g->count] = t->fence;
    g->counts[g->count++] = (int16_t)t->state_count;
}

void tell_now (struct assignment *a, struct attempt *t)
{
    struct again *g = ym_new (sizeof *g);

    add_again (g, t);
    ym_put (a->yard, &again_work, g);
}

static void plan_again (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct again *g = items[i]->body;
        items[i]->call =
            store_call_again (t, g->jobs, g->fences, g->counted ? g->counts : NULL, g->count);
    }
}

static void told_again (struct assignment *a, const struct again *g, const struct told *told)
{
    struct attempt *t = attempt_of (a, told->job, told->start.fence);
    enum ym_signal signal;
    bool answered;

    if (!t)
        return;
    t->telling = false;
    if (g->counted && t->state_count < 30000)
        t->state_count++;
    t->told_ms = ym_time_mono_ms ();
    struct signal_facts f = facts_of (t);
    if (!decide_signal_out (&f, &signal, &answered))
        return;
    if (signal == YM_STOP || signal == YM_END)
        tell_wish (a, t);
    else
        tell_start (a, t->agent, told);
}

static void forget_telling (struct assignment *a, const struct again *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct attempt *t = attempt_of (a, g->jobs[i], (uint64_t)g->fences[i]);
        if (t)
            t->telling = false;
    }
}

/* What was not told is known otherwise by its row: without reading it again it never would be.
 */
static void look_for_untold (struct assignment *a, const struct again *g)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct attempt *t = attempt_of (a, g->jobs[i], (uint64_t)g->fences[i]);
        if (t && t->telling && g->counted && t->state_count == (uint32_t)g->counts[i])
            a->reload_wanted = true;
    }
}

static void done_again (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct told told;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < store_rows (t, items[i]->call); k++) {
            store_got_again (t, items[i]->call, k, &told);
            told_again (me, items[i]->body, &told);
        }
        look_for_untold (me, items[i]->body);
        forget_telling (me, items[i]->body);
    }
}

static void failed_again (void *me, struct ym_item *item)
{
    forget_telling (me, item->body);
}

const struct ym_work again_work = {.name = "again",
                                   .most = 16,
                                   .forget_unknown = true,
                                   .plan = plan_again,
                                   .done = done_again,
                                   .failed = failed_again};

/* The yard's own wishes, and problems. */

struct own_wish {
    int64_t job, fence, agent;
    int16_t ends_as, note, problem;
    bool wish; /* else only the problem */
    char detail[80];
};

static void put_own (struct assignment *a, struct attempt *t, const struct own_wish *what,
                     const char *detail)
{
    struct own_wish *w = ym_new (sizeof *w);

    *w = *what;
    w->job = t->job;
    w->fence = t->fence;
    w->agent = t->agent->id;
    (void)ym_text_copy (w->detail, sizeof w->detail, detail);
    t->wishing = t->wishing || w->wish;
    ym_put (a->yard, &own_wish_work, w);
}

enum { NO_WISH = UINT32_MAX };

static void plan_own_wish (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct problem_row *problems = ym_arena_take (t->arena, count * sizeof *problems);
    struct wish_row *wishes = ym_arena_take (t->arena, count * sizeof *wishes);
    size_t problem_count = 0, wish_count = 0;

    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct own_wish *w = items[i]->body;
        if (w->problem != SIGNAL_NO_PROBLEM)
            problems[problem_count++] =
                (struct problem_row){w->job, w->agent, w->problem, ym_str (w->detail)};
        if (w->wish)
            wishes[wish_count++] =
                (struct wish_row){w->job, w->fence, w->ends_as, w->note, ym_str (w->detail)};
    }
    if (problem_count > 0)
        (void)store_call_problems (t, problems, problem_count);
    items[0]->call = NO_WISH;
    if (wish_count > 0)
        items[0]->call = store_call_wish (t, wishes, wish_count);
}

/* The wishes of the call that were stored, by their items' place. */
static bool *take_stored (struct ym_turn *t, struct ym_item **items, size_t count)
{
    bool *stored = ym_arena_take (t->arena, count * sizeof *stored);
    size_t *places = ym_arena_take (t->arena, count * sizeof *places), wishes = 0;

    for (size_t i = 0; i < count; i++) {
        stored[i] = false;
        if (((const struct own_wish *)items[i]->body)->wish)
            places[wishes++] = i;
    }
    for (size_t k = 0; items[0]->call != NO_WISH && k < store_rows (t, items[0]->call); k++)
        stored[places[store_got_place (t, items[0]->call, k)]] = true;
    return stored;
}

static void wished (struct assignment *a, struct attempt *t, int wish, int suspender,
                    int64_t now_ms)
{
    t->wish = wish;
    t->suspender = suspender;
    t->wanted_at = now_ms;
    t->state_count = 0;
    tell_wish (a, t);
}

static void done_own_wish (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    const bool *stored = take_stored (t, items, count);

    for (size_t i = 0; i < count; i++) {
        const struct own_wish *w = items[i]->body;
        struct attempt *attempt = attempt_of (a, w->job, (uint64_t)w->fence);
        hint_changed (a, w->job);
        if (!attempt || !w->wish)
            continue;
        attempt->wishing = false;
        if (!stored[i])
            a->reload_wanted = true; /* its row changed meanwhile */
        else if (attempt->wish != YM_TERMINATE)
            wished (a, attempt, YM_TERMINATE, YM_NOBODY_SUSPENDS, t->now_ms);
    }
}

static void failed_own_wish (void *me, struct ym_item *item)
{
    const struct own_wish *w = item->body;
    struct attempt *t = attempt_of (me, w->job, (uint64_t)w->fence);

    if (t)
        t->wishing = false;
}

const struct ym_work own_wish_work = {.name = "own_wish",
                                      .forget_unknown = true,
                                      .plan = plan_own_wish,
                                      .done = done_own_wish,
                                      .failed = failed_own_wish};

/* Others' wishes: stored already. */

static void wanted (struct assignment *a, const struct ym_wish *m)
{
    struct attempt *t = roster_attempt (&a->roster, m->job);
    int wish = (int)m->wanted, suspender = (int)m->suspender;

    hint_changed (a, m->job);
    if (t && (uint64_t)t->fence > m->fence)
        return; /* it was about an attempt before this one */
    if (!t || (uint64_t)t->fence < m->fence) {
        a->reload_wanted = true; /* its lease may be on the way to us */
        return;
    }
    if (t->state == YM_JOB_COMPLETING || t->state == YM_JOB_DEPROVISION_REQUESTED)
        return; /* it ended meanwhile, and the wish with it */
    if (t->wish == wish && t->suspender == suspender)
        return; /* told before: the row counts its repetitions */
    if (t->wish != YM_TERMINATE || wish == YM_TERMINATE)
        wished (a, t, wish, suspender, ym_time_wall_ms ());
}

void on_jobs_wanted (void *me, struct ym_item *item)
{
    const struct ym_jobs_wanted *m = item->body;

    for (uint32_t i = 0; i < m->jobs.count; i++)
        wanted (me, &m->jobs.at[i]);
}

/* What is due. */

static void carry_out (struct assignment *a, struct attempt *t, const struct signal_verdict *v)
{
    switch (v->act) {
    case SIGNAL_NOTHING:
    case SIGNAL_TELL:
        if (v->problem != SIGNAL_NO_PROBLEM)
            put_own (a, t, &(struct own_wish){.problem = (int16_t)v->problem},
                     ym_life_state_name (&ym_job_life, t->state));
        break;
    case SIGNAL_GIVE_UP:
        attempt_finish (a, t, YM_JOB_ON_GIVE_UP, v->problem, "");
        break;
    case SIGNAL_EVICT:
        attempt_finish (a, t, YM_JOB_ON_EVICT, v->problem,
                        v->problem == SIGNAL_NO_PROBLEM ? "" : "terminate");
        break;
    case SIGNAL_TERMINATE:
        put_own (a, t,
                 &(struct own_wish){.wish = true,
                                    .note = YM_JOB_NOTE_TERMINATE_WANTED,
                                    .problem = (int16_t)v->problem},
                 "could not be made to suspend");
        break;
    case SIGNAL_OVERRUN:
        put_own (a, t,
                 &(struct own_wish){.wish = true,
                                    .ends_as = YM_JOB_FAILED,
                                    .note = YM_JOB_NOTE_OVERRUN,
                                    .problem = SIGNAL_NO_PROBLEM},
                 "");
        break;
    }
}

/* Was enough time given to answer what this very process told? */
static bool is_spaced (const struct assignment *a, const struct attempt *t, enum signal_act act,
                       int64_t mono_ms)
{
    unsigned doubled = act == SIGNAL_EVICT ? 0 : t->state_count < 20 ? t->state_count : 20;

    return mono_ms - t->told_ms >= a->signal_limits.retry_ms << doubled;
}

static void look_at (struct assignment *a, struct attempt *t, int64_t wall_ms, int64_t mono_ms,
                     struct again *again)
{
    struct signal_facts f = facts_of (t);
    struct signal_verdict v;

    if (t->ending || t->telling || t->wishing)
        return;
    if (t->agent->state != YM_AGENT_CONNECTED) {
        attempt_lose (a, t);
        return;
    }
    if (!t->agent->reachable)
        return;
    v = decide_signal (&f, &a->signal_limits, wall_ms);
    if (v.act == SIGNAL_NOTHING || !is_spaced (a, t, v.act, mono_ms))
        return;
    if (v.act == SIGNAL_TELL && again->count == TELL_MAX)
        return; /* with the next tick */
    carry_out (a, t, &v);
    if (v.act == SIGNAL_TELL)
        add_again (again, t);
}

void attempts_tick (struct assignment *a)
{
    struct again *again = ym_new (sizeof *again);
    struct attempt *t, *next;
    int64_t wall_ms = ym_time_wall_ms (), mono_ms = ym_time_mono_ms ();
    bool progressed = false;

    again->counted = true;
    HASH_ITER (hh, a->roster.attempts, t, next)
    {
        progressed |= t->progressed;
        look_at (a, t, wall_ms, mono_ms, again);
    }
    if (again->count > 0)
        ym_put (a->yard, &again_work, again);
    else
        free (again);
    if (progressed)
        ym_put (a->yard, &progress_work, NULL);
}

/* "Working on it." */

static int16_t event_of_working (uint32_t signal)
{
    static const int16_t events[YM_COUNT_signal] = {[YM_PREPARE] = YM_JOB_ON_PREPARING,
                                                    [YM_START] = YM_JOB_ON_STARTUP,
                                                    [YM_STOP] = YM_JOB_ON_SUSPENDING,
                                                    [YM_END] = YM_JOB_ON_TERMINATING,
                                                    [YM_DEPROVISION] = YM_JOB_ON_DEPROVISION};

    ym_assert (signal < YM_COUNT_signal);
    return events[signal];
}

static void plan_working (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct callbacks c = take_callbacks (t, items, count);
    int16_t *events = ym_arena_take (t->arena, count * sizeof *events);

    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct ym_attempt_working *m = items[i]->body;
        events[i] = event_of_working (m->signal);
    }
    items[0]->call = store_call_working (t, &c, events);
}

/* Also again, after an error: then the state is the same, and what was repeated stays counted.
 */
static void worked (struct assignment *a, struct attempt *t, const struct report *r, int state,
                    int64_t now_ms)
{
    if (!t || t->state != state) {
        attempt_moved (a, t, r, state, now_ms);
        return;
    }
    t->state_at = now_ms;
    t->errored_at = 0;
    t->told_ms = ym_time_mono_ms ();
}

static void done_working (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    unsigned call = items[0]->call;

    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct ym_item *item = items[store_got_place (t, call, i)];
        struct report r = report_of (item);
        worked (me, attempt_of (me, r.job, r.fence), &r, store_got_state (t, call, i),
                t->now_ms);
        answer_noted (me, item, 0);
    }
    rest_to_verify (me, items, count);
}

const struct ym_work working_work = {
    .name = "working", .plan = plan_working, .done = done_working};

/* "Everything is provisioned." */

static void plan_prepared (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct callbacks c = take_callbacks (t, items, count);
    struct ym_str *sources = ym_arena_take (t->arena, 2 * count * sizeof *sources);

    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct ym_attempt_prepared *m = items[i]->body;
        sources[i] = m->source;
        sources[count + i] = m->target;
    }
    items[0]->call = store_call_prepared (t, &c, sources, sources + count);
}

static void done_prepared (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    unsigned call = items[0]->call;

    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct ym_item *item = items[store_got_place (t, call, i)];
        struct report r = report_of (item);
        struct attempt *attempt = attempt_of (a, r.job, r.fence);
        int state = store_got_state (t, call, i);
        attempt_moved (a, attempt, &r, state, t->now_ms);
        answer_noted (a, item, 0);
        if (attempt && state == YM_JOB_STARTING)
            tell_now (a, attempt);
    }
    rest_to_verify (a, items, count);
}

const struct ym_work prepared_work = {
    .name = "prepared", .plan = plan_prepared, .done = done_prepared};

/* "It could not be done." */

static void plan_errored (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    enum { ROOM = 1100 };
    struct callbacks c = take_callbacks (t, items, count);
    struct ym_str *details = ym_arena_take (t->arena, count * sizeof *details);

    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct ym_attempt_errored *m = items[i]->body;
        char *text = ym_arena_take (t->arena, ROOM);
        (void)ym_text_format (text, ROOM, "%s: %.*s", ym_enum_word (YM_ENUM_SIGNAL, m->signal),
                              (int)m->text.size, m->text.at);
        details[i] = ym_str (text);
    }
    items[0]->call = store_call_errored (t, &c, details);
}

static void errored (struct assignment *a, struct ym_item *item, int64_t now_ms)
{
    const struct ym_attempt_errored *m = item->body;
    struct attempt *t = attempt_of (a, m->job, m->fence);

    hint_changed (a, m->job);
    ym_log (YM_LOG_INFO, "signal_errored", ym_log_job (m->job),
            ym_log_text ("signal", ym_enum_word (YM_ENUM_SIGNAL, m->signal)),
            ym_log_text ("agent", item->key.name));
    if (t)
        t->errored_at = now_ms;
    if (!t || m->retryable || t->ending || t->wishing)
        return;
    struct signal_facts f = facts_of (t);
    struct signal_verdict v = decide_signal_refused (&f, (enum ym_signal)m->signal);
    carry_out (a, t, &v);
}

static void done_errored (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    unsigned call = items[0]->call;

    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct ym_item *item = items[store_got_place (t, call, i)];
        errored (me, item, t->now_ms);
        answer_noted (me, item, 0);
    }
    rest_to_verify (me, items, count);
}

const struct ym_work errored_work = {
    .name = "errored", .most = 64, .plan = plan_errored, .done = done_errored};

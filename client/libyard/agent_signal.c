/* agent_signal.c - the signals of an attempt, from being heard to being answered.
 *
 * A handler that answers within the grace is all the answer; for one that takes longer
 * "working" is said. What could not be done is told as an error, and the yard gives the signal
 * again.
 */
#include <string.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/time.h"

static void settle (struct agent *a, struct yard_task *t);

/* --- the answer in time --- */

static void answer_off (struct agent *a, struct yard_task *t)
{
    if (t->answer_listed)
        DL_DELETE2 (a->answers, t, answer_prev, answer_next);
    t->answer_listed = false;
}

static void answer_by (struct agent *a, struct yard_task *t, unsigned signal)
{
    answer_off (a, t);
    t->answer_signal = signal;
    t->answer_due_ms = ym_time_mono_ms () + ANSWER_GRACE_MS;
    t->answer_listed = true;
    DL_APPEND2 (a->answers, t, answer_prev, answer_next);
    agent_look_by (a, t->answer_due_ms);
}

/* It said so before: so it says it again, and at once. */
static void answer_again_by (struct agent *a, struct yard_task *t, unsigned signal)
{
    if (t->working_message[signal])
        call_working (a, t, signal);
    else if (!t->answer_listed)
        answer_by (a, t, signal);
}

void signals_send (struct agent *a, int64_t now)
{
    struct yard_task *t;

    while ((t = a->answers) && t->answer_due_ms <= now) {
        answer_off (a, t);
        call_working (a, t, t->answer_signal);
    }
    if (t)
        agent_look_by (a, t->answer_due_ms);
}

/* --- what a task is at --- */

bool signal_is_busy (struct yard_task *t)
{
    return worker_state (t, MAIN) != ACT_IDLE || worker_state (t, SIDE) != ACT_IDLE;
}

void signal_prepare (struct agent *a, struct yard_task *t)
{
    t->stage = STAGE_PREPARE;
    answer_by (a, t, YM_PREPARE);
    worker_put (a, t, MAIN, YM_PREPARE);
}

/* Where source and target are now has to be told also of an attempt that ends at once. */
static bool has_moved (struct yard_task *t)
{
    bool has;

    pthread_mutex_lock (&t->agent->lock);
    has = (t->moved_source || t->moved_target) && !t->moved_told;
    pthread_mutex_unlock (&t->agent->lock);
    return has;
}

void signal_start (struct agent *a, struct yard_task *t)
{
    t->stage = STAGE_START;
    worker_put (a, t, MAIN, YM_START);
    if (t->handler && t->handler->says_started) {
        answer_by (a, t, YM_START);
    }
    else if (has_moved (t)) {
        call_started (a, t);
    }
    else {
        t->started_listed = true;
        t->started_due_ms = ym_time_mono_ms () + START_GRACE_MS;
        DL_APPEND2 (a->started, t, started_prev, started_next);
        agent_look_by (a, t->started_due_ms);
    }
}

void signal_clean (struct agent *a, struct yard_task *t)
{
    t->stage = STAGE_CLEAN;
    if (t->handler && t->handler->deprovision) {
        answer_by (a, t, YM_DEPROVISION);
        worker_put (a, t, MAIN, YM_DEPROVISION);
    }
    else if (resources_count (t) > 0) {
        call_errored (a, t, YM_DEPROVISION, false,
                      "this agent cannot remove what was provisioned");
    }
    else {
        t->end = END_DEPROVISIONED;
        report_begin (a, t, REPORT_END);
    }
}

/* --- the end --- */

static enum end_kind end_of (const struct yard_task *t)
{
    if (t->step == YARD_DONE)
        return END_COMPLETED;
    if (t->wish == YM_END)
        return END_TERMINATED;
    return t->wish == YM_STOP && t->step == YARD_STOPPED ? END_SUSPENDED : END_FAILED;
}

static void begin_end (struct agent *a, struct yard_task *t)
{
    answer_off (a, t);
    if (t->started_listed)
        DL_DELETE2 (a->started, t, started_prev, started_next);
    t->started_listed = false;
    if (has_moved (t) && t->act[MAIN].signal == YM_START && !t->started_message)
        call_started (a, t);
    if (call_waits (t, CALL_STARTED) && (t->moved_source || t->moved_target)) {
        t->end_waits = true;
        return;
    }
    calls_clear (a, t);
    if (t->end == END_FAILED && t->step == YARD_STOPPED && !t->result[0])
        (void)ym_text_copy (t->result, sizeof t->result,
                            "the handler stopped without being told to");
    report_begin (a, t, REPORT_END);
}

static bool is_final (const struct yard_task *t)
{
    return t->end == END_COMPLETED || t->end == END_TERMINATED ||
           (t->end == END_FAILED && t->step == YARD_FAIL);
}

/* Start is over. First what it left is removed, then its end is told. */
static void go_to_end (struct agent *a, struct yard_task *t)
{
    if (t->end == END_NONE)
        t->end = end_of (t);
    if (is_final (t) && !t->has_cleaned && t->handler && t->handler->deprovision &&
        resources_count (t) > 0) {
        t->has_cleaned = true;
        worker_put (a, t, MAIN, YM_DEPROVISION);
        return;
    }
    begin_end (a, t);
}

/* Stopped because this agent goes: nobody is told, the yard gives it to another. */
static bool is_left_behind (const struct agent *a, const struct yard_task *t)
{
    if (!a->draining || t->report[REPORT_END].active || t->end_waits)
        return false;
    if (t->stage != STAGE_OVER)
        return true;
    return t->end == END_NONE && !t->wish && (t->step == YARD_STOPPED || t->step == YARD_RETRY);
}

/* A step that is known is told, unless a handler may still say how it really ended. */
static void settle (struct agent *a, struct yard_task *t)
{
    bool waits = worker_state (t, MAIN) != ACT_IDLE ||
                 (worker_state (t, SIDE) != ACT_IDLE && t->step == YARD_STOPPED);

    if (waits || t->report[REPORT_END].active || t->end_waits)
        return;
    if (is_left_behind (a, t)) {
        task_leave (a, t);
        return;
    }
    if (t->stage == STAGE_OVER)
        go_to_end (a, t);
}

static void over (struct agent *a, struct yard_task *t, yard_step step)
{
    t->stage = STAGE_OVER;
    t->step = step;
    settle (a, t);
}

void signal_stopped (struct agent *a, struct yard_task *t)
{
    over (a, t, YARD_STOPPED);
}

/* --- being told to stop --- */

static void wish_again (struct agent *a, struct yard_task *t, unsigned wish)
{
    bool has_handler =
        t->handler && (wish == YM_STOP ? t->handler->suspend : t->handler->terminate);
    bool is_working = worker_state (t, MAIN) != ACT_IDLE;

    if (worker_state (t, SIDE) != ACT_IDLE) {
        answer_again_by (a, t, wish); /* also when it is still at the weaker wish */
    }
    else if (t->stage != STAGE_OVER && has_handler && (t->is_touched || is_working)) {
        answer_by (a, t, wish);
        worker_put (a, t, SIDE, wish);
    }
    else if (is_working) {
        answer_again_by (a, t, wish);
    }
    else {
        over (a, t, YARD_STOPPED);
    }
}

static void wish_new (struct agent *a, struct yard_task *t, unsigned wish)
{
    /* What waits for a thread need not begin. */
    if (t->stage != STAGE_OVER && worker_take_back (a, t, MAIN))
        answer_off (a, t);
    wish_again (a, t, wish);
}

static void wish (struct agent *a, struct yard_task *t, unsigned wish, yard_stop why)
{
    bool is_new = wish > t->wish;

    if (t->report[REPORT_END].active) {
        report_begin (a, t, REPORT_END);
        return;
    }
    if (t->stage == STAGE_CLEAN || t->end_waits || wish < t->wish)
        return;
    t->wish = wish;
    if (wish == YM_END)
        atomic_store (&t->stop_by_ms, 0);
    task_stop (t, why);
    if (is_new)
        wish_new (a, t, wish);
    else
        wish_again (a, t, wish);
}

/* Nothing of it is here: it ended, or it never came, and then it must not begin any more. */
static bool is_unknown (struct agent *a, int64_t job, uint64_t fence, enum end_kind end)
{
    struct yard_task *t = attempt_of (a, job);
    const struct noted *n = noted_find (a, job);

    if (t && t->fence >= fence)
        return t->fence > fence;
    if (t)
        task_fence (a, t, false);
    if (!n || n->fence < fence)
        noted_put (a, &(struct noted){job, fence, end, true, 0});
    return true;
}

void signal_hear_terminate (struct agent *a, const struct ym_attempt_terminate *m)
{
    struct ym_attempt_terminated answer = {
        .session = a->session, .job = m->job, .fence = m->fence};

    if (is_unknown (a, m->job, m->fence, END_TERMINATED))
        (void)agent_send (a, YM_MSG_attempt_terminated, agent_ask (a, SESSION_PLACE, 0),
                          &answer);
    else
        wish (a, attempt_of (a, m->job), YM_END, YARD_STOP_TERMINATED);
}

void signal_hear_suspend (struct agent *a, const struct ym_attempt_suspend *m)
{
    static const yard_stop why[YM_COUNT_suspender] = {
        [YM_NOBODY_SUSPENDS] = YARD_STOP_SUSPENDED,
        [YM_PREEMPTION] = YARD_STOP_PREEMPTED,
        [YM_DRAIN] = YARD_STOP_DRAIN,
        [YM_OWNER] = YARD_STOP_SUSPENDED,
        [YM_OPERATING] = YARD_STOP_SUSPENDED,
    };
    struct ym_attempt_suspended answer = {
        .session = a->session, .job = m->job, .fence = m->fence};
    struct yard_task *t;

    if (is_unknown (a, m->job, m->fence, END_SUSPENDED)) {
        (void)agent_send (a, YM_MSG_attempt_suspended, agent_ask (a, SESSION_PLACE, 0),
                          &answer);
        return;
    }
    t = attempt_of (a, m->job);
    if (t->wish != YM_END)
        atomic_store (&t->stop_by_ms,
                      m->grace_ms ? ym_time_mono_ms () + (int64_t)m->grace_ms : 0);
    wish (a, t, YM_STOP, why[m->suspender < YM_COUNT_suspender ? m->suspender : 0]);
}

/* --- handlers that answered --- */

static void prepare_answered (struct agent *a, struct yard_task *t, yard_step step)
{
    if (t->wish || a->draining) {
        over (a, t, YARD_STOPPED);
    }
    else if (step != YARD_DONE) {
        if (step == YARD_STOPPED && !t->act[MAIN].result[0])
            yard_task_result (t, "the handler stopped without being told to");
        call_errored (a, t, YM_PREPARE, step != YARD_FAIL, t->act[MAIN].result);
    }
    else if (t->working_message[YM_PREPARE] && !t->is_prepared) {
        t->stage = STAGE_PREPARED;
        call_prepared (a, t);
    }
    else {
        signal_start (a, t);
    }
}

static void clean_answered (struct agent *a, struct yard_task *t, yard_step step)
{
    if (t->stage == STAGE_OVER) {
        settle (a, t); /* what is left the yard will ask for */
    }
    else if (step == YARD_DONE) {
        t->end = END_DEPROVISIONED;
        begin_end (a, t);
    }
    else {
        call_errored (a, t, YM_DEPROVISION, step != YARD_FAIL, t->act[MAIN].result);
        settle (a, t);
    }
}

static void main_answered (struct agent *a, struct yard_task *t, unsigned signal,
                           yard_step step)
{
    if (!t->answer_listed || t->answer_signal == signal)
        answer_off (a, t);
    if (signal == YM_PREPARE) {
        prepare_answered (a, t, step);
    }
    else if (signal == YM_DEPROVISION) {
        clean_answered (a, t, step);
    }
    else {
        (void)ym_text_copy (t->result, sizeof t->result, t->act[MAIN].result);
        over (a, t, step);
    }
}

/* It is done when nothing runs any more; what goes on by itself has ended with it. */
static void side_done (struct agent *a, struct yard_task *t)
{
    if (t->stage != STAGE_OVER && worker_state (t, MAIN) == ACT_IDLE)
        over (a, t, YARD_STOPPED);
    else
        settle (a, t);
}

/* It could not be stopped: what had been kept from beginning begins. */
static void go_on (struct agent *a, struct yard_task *t)
{
    answer_off (a, t);
    task_go_on (t);
    if (t->stage != STAGE_START || worker_state (t, MAIN) != ACT_IDLE)
        return;
    if (t->started_listed)
        DL_DELETE2 (a->started, t, started_prev, started_next);
    t->started_listed = false;
    signal_start (a, t);
}

static void side_answered (struct agent *a, struct yard_task *t, unsigned signal,
                           yard_step step)
{
    if (t->stage == STAGE_OVER) {
        settle (a, t);
    }
    else if (signal != t->wish) {
        wish_again (a, t, t->wish); /* a stronger one came meanwhile */
    }
    else if (step == YARD_RETRY || step == YARD_FAIL) {
        go_on (a, t);
        call_errored (a, t, signal, step == YARD_RETRY, t->act[SIDE].result);
    }
    else {
        side_done (a, t);
    }
}

/* --- news from handlers --- */

struct news {
    enum act_state state;
    unsigned signal;
    yard_step step;
    bool is_async; /* since now */
};

static void take_news (struct yard_task *t, struct news ret[ACTS], bool *ret_has_begun)
{
    pthread_mutex_lock (&t->agent->lock);
    *ret_has_begun = t->has_begun;
    t->has_begun = false;
    for (unsigned i = 0; i < ACTS; i++) {
        struct act *act = &t->act[i];
        ret[i] = (struct news){act->state, act->signal, act->step,
                               act->state == ACT_ASYNC && !act->is_told};
        act->is_told |= ret[i].is_async;
        if (act->state == ACT_ANSWERED)
            act->state = ACT_IDLE;
    }
    pthread_mutex_unlock (&t->agent->lock);
}

/* It goes on by itself. A start that the yard knows to run needs no word about that. */
static void hear_async (struct agent *a, struct yard_task *t, unsigned signal)
{
    if (signal == YM_START && t->started_message)
        return;
    if (signal == YM_START && t->started_listed)
        DL_DELETE2 (a->started, t, started_prev, started_next);
    if (signal == YM_START)
        t->started_listed = false;
    if (t->stage == STAGE_OVER)
        return;
    if (t->answer_listed && t->answer_signal == signal)
        answer_off (a, t);
    call_working (a, t, signal);
}

static void hear_begun (struct agent *a, struct yard_task *t)
{
    if (t->answer_listed && t->answer_signal == YM_START)
        answer_off (a, t);
    if (t->stage == STAGE_START && !t->started_message)
        call_started (a, t);
}

static void hear (struct agent *a, struct yard_task *t)
{
    unsigned place = t->place;
    struct news news[ACTS];
    bool has_begun;

    take_news (t, news, &has_begun);
    if (!t->known) {
        task_leave (a, t);
        return;
    }
    if (has_begun)
        hear_begun (a, t);
    for (unsigned i = 0; i < ACTS; i++)
        if (news[i].is_async)
            hear_async (a, t, news[i].signal);
    t->is_touched |= news[MAIN].state != ACT_IDLE;
    if (news[MAIN].state == ACT_ANSWERED)
        main_answered (a, t, news[MAIN].signal, news[MAIN].step);
    /* It may be gone, left behind. */
    if (news[SIDE].state == ACT_ANSWERED && a->tasks[place] == t && t->known)
        side_answered (a, t, news[SIDE].signal, news[SIDE].step);
}

void signals_answered (struct agent *a)
{
    struct yard_task *t;

    for (;;) {
        pthread_mutex_lock (&a->lock);
        t = a->news;
        if (t) {
            DL_DELETE2 (a->news, t, news_prev, news_next);
            t->has_news = false;
        }
        pthread_mutex_unlock (&a->lock);
        if (!t)
            return;
        hear (a, t);
    }
}

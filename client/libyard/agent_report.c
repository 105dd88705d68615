/* agent_report.c - what goes to the yard about a task, until it is answered or the task is
 * fenced.
 *
 * A report is made anew from the task for each sending, with the same number and content; so it
 * survives lost connections, and an answer to any sending counts.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/refusal.h"
#include "common/base/time.h"

enum { PAUSE_LEAST_MS = 50, PAUSE_MOST_MS = 1000, INTERNAL_MS = 5000 };

void report_begin (struct agent *a, struct yard_task *t, enum report_kind kind)
{
    struct report *r = &t->report[kind];

    r->due_ms = 0;
    if (!r->active) {
        r->active = true;
        r->sent = r->refused = 0;
        r->ask = agent_ask (a, t->place, kind);
        DL_APPEND (a->reports, r);
    }
    agent_look_by (a, 0);
}

void report_end (struct agent *a, struct report *r)
{
    if (!r->active)
        return;
    r->active = false;
    r->ask = 0;
    DL_DELETE (a->reports, r);
}

void reports_again (struct agent *a)
{
    struct report *r;

    DL_FOREACH (a->reports, r)
    {
        r->due_ms = 0;
        r->sent = 0;
    }
    agent_look_by (a, 0);
}

/* --- sending --- */

/* The body was made by the worker; only the header's ask is ours. */
static bool send_work (struct agent *a, const struct report *r)
{
    struct yard_task *t = r->task;

    for (unsigned i = 0; i < 8; i++)
        t->work[4 + i] = (uint8_t)(r->ask >> (56 - 8 * i));
    return door_send (&a->door, t->work, t->work_size);
}

typedef bool send_f (struct agent *a, const struct report *r);
static send_f *const sends[REPORTS] = {
    [REPORT_CALL] = call_send, [REPORT_WORK] = send_work, [REPORT_END] = end_send};

static void started_send (struct agent *a, int64_t now);

/* 3 s, 6 s, 9 s: a yard that is slow is not helped by more to do. */
static int64_t again_ms (struct report *r)
{
    r->sent += r->sent < AGAIN_MOST;
    return (int64_t)r->sent * AGAIN_MS;
}

void reports_send (struct agent *a, int64_t now)
{
    struct report *r;

    if (a->session_state != SESSION_HERE)
        return;
    started_send (a, now);
    DL_FOREACH (a->reports, r)
    {
        if (r->due_ms <= now) {
            if (sends[r->kind](a, r))
                r->due_ms = now + again_ms (r);
            else
                r->due_ms = now + START_GRACE_MS;
        }
        agent_look_by (a, r->due_ms);
    }
}

/* Those that run for longer than the grace are told to run. */
static void started_send (struct agent *a, int64_t now)
{
    struct yard_task *t;

    while ((t = a->started) && t->started_due_ms <= now) {
        DL_DELETE2 (a->started, t, started_prev, started_next);
        if (worker_state (t, MAIN) != ACT_QUEUED) {
            t->started_listed = false;
            call_started (a, t);
            continue;
        }
        t->started_due_ms = now + START_GRACE_MS;
        DL_APPEND2 (a->started, t, started_prev, started_next);
    }
    if (t)
        agent_look_by (a, t->started_due_ms);
}

/* --- answers --- */

void task_answer (struct yard_task *t, yard_rc rc, zmq_msg_t *take_frame)
{
    pthread_mutex_lock (&t->agent->lock);
    if (t->asking) {
        t->asking = false;
        t->answer_rc = rc;
        if (take_frame)
            (void)zmq_msg_move (&t->answer, take_frame);
        pthread_cond_signal (&t->answered);
    }
    pthread_mutex_unlock (&t->agent->lock);
}

static void answered (struct agent *a, struct report *r, zmq_msg_t *frame)
{
    struct yard_task *t = r->task;

    report_end (a, r);
    if (r->kind == REPORT_WORK) {
        task_answer (t, YARD_OK, frame);
    }
    else if (r->kind == REPORT_CALL) {
        call_answered (a, t);
    }
    else {
        noted_put (a, &(struct noted){t->job, t->fence, t->end, false, t->message});
        task_leave (a, t);
    }
}

/* What the yard will never take of a handler: its own fault, or more than this yard knows. */
static bool is_handlers_matter (struct yard_task *t, enum ym_refusal why)
{
    yard_rc rc = YARD_OK;

    if (why == YM_REFUSAL_INVALID || why == YM_REFUSAL_MALFORMED)
        rc = YARD_EINVALID;
    else if (why == YM_REFUSAL_STALE_CHECKPOINT)
        rc = YARD_ECONFLICT;
    else if (why == YM_REFUSAL_UNKNOWN_MESSAGE)
        rc = YARD_EVERSION;
    if (rc == YARD_OK)
        return false;
    report_end (t->agent, &t->report[REPORT_WORK]);
    task_answer (t, rc, NULL);
    return true;
}

/* Two that crossed: what it answers is asked no more, or will be asked again; the attempt is
 * ours as before. Or a yard of a version before: it waits for nothing but that it runs. */
static bool is_said_for_nothing (struct agent *a, struct yard_task *t, enum ym_refusal why)
{
    enum call_kind kind = t->call[0].kind;

    if (why != YM_REFUSAL_UNKNOWN_MESSAGE && why != YM_REFUSAL_ILLEGAL_MOVE)
        return false;
    report_end (a, &t->report[REPORT_CALL]);
    call_answered (a, t);
    if (kind == CALL_PREPARED && t->stage == STAGE_PREPARED && !t->wish)
        signal_start (a, t);
    return true;
}

/* Anything else means that the attempt is no longer ours. */
static void refused_for_good (struct agent *a, struct report *r, enum ym_refusal why)
{
    if (r->kind == REPORT_WORK && is_handlers_matter (r->task, why))
        return;
    if (r->kind == REPORT_CALL && is_said_for_nothing (a, r->task, why))
        return;
    task_fence (a, r->task, false);
}

static void refused (struct agent *a, struct report *r, const struct ym_refused *m)
{
    enum ym_refusal why = ym_refusal_find (m->code);
    int wait = pause_ms (r->refused++, PAUSE_LEAST_MS, PAUSE_MOST_MS);

    if (why == YM_REFUSAL_NOT_REGISTERED) {
        session_over (a, false);
        return;
    }
    if (why == YM_REFUSAL_INTERNAL)
        wait = INTERNAL_MS;
    else if (!m->retryable) {
        refused_for_good (a, r, why);
        return;
    }
    if ((uint64_t)wait < m->retry_after_ms)
        wait = (int)m->retry_after_ms;
    r->due_ms = ym_time_mono_ms () + wait;
    agent_look_by (a, r->due_ms);
}

void report_hear (struct agent *a, const struct ym_header *h, zmq_msg_t *frame)
{
    unsigned place = (unsigned)(h->ask >> KIND_BITS) & SESSION_PLACE;
    unsigned kind = (unsigned)h->ask & ((1u << KIND_BITS) - 1);
    struct yard_task *t = place < a->place_max ? a->tasks[place] : NULL;
    const void *body;

    if (!t || kind >= REPORTS || !t->report[kind].active || t->report[kind].ask != h->ask)
        return;
    body = agent_read (a, h, frame);
    if (!body)
        return; /* it will be asked again */
    if (h->number == YM_MSG_refused)
        refused (a, &t->report[kind], body);
    else if (h->number == YM_MSG_attempt_noted || h->number == YM_MSG_attempt_mappings)
        answered (a, &t->report[kind], frame);
}

/* --- tasks --- */

void task_stop (struct yard_task *t, yard_stop why)
{
    const uint64_t one = 1;

    pthread_mutex_lock (&t->agent->lock);
    if (atomic_load (&t->stop) != YARD_STOP_FENCED) {
        atomic_store (&t->stop, (int)why);
        if (t->stop_fd >= 0 && write (t->stop_fd, &one, sizeof one) != sizeof one)
            ym_panic ("an eventfd that takes no more");
    }
    pthread_mutex_unlock (&t->agent->lock);
}

/* It could not be stopped, unless this agent goes anyway. */
void task_go_on (struct yard_task *t)
{
    uint64_t count;

    pthread_mutex_lock (&t->agent->lock);
    atomic_store (&t->stop_by_ms, 0);
    atomic_store (&t->stop, t->agent->draining ? YARD_STOP_DRAIN : YARD_GO_ON);
    if (!t->agent->draining && t->stop_fd >= 0)
        (void)!read (t->stop_fd, &count, sizeof count);
    pthread_mutex_unlock (&t->agent->lock);
}

/* It is no longer the job's attempt; its handlers may still run. */
static void forget (struct agent *a, struct yard_task *t)
{
    if (t->started_listed)
        DL_DELETE2 (a->started, t, started_prev, started_next);
    if (t->answer_listed)
        DL_DELETE2 (a->answers, t, answer_prev, answer_next);
    t->started_listed = t->answer_listed = false;
    calls_clear (a, t);
    for (unsigned i = 0; i < REPORTS; i++)
        report_end (a, &t->report[i]);
    if (t->known)
        HASH_DEL (a->by_job, t);
    t->known = false;
}

void task_free (struct agent *a, struct yard_task *t)
{
    forget (a, t);
    reports_collect (a); /* its counters may stand in the queue */
    if (t->progressed)
        DL_DELETE2 (a->counters, t, progress_prev, progress_next);
    a->ghosts -= t->is_ghost;
    a->tasks[t->place] = NULL;
    a->places[a->place_count++] = t->place;
    ym_close_at (&t->stop_fd);
    (void)zmq_msg_close (&t->answer);
    (void)pthread_cond_destroy (&t->answered);
    (void)pthread_mutex_destroy (&t->talk);
    free (t->resource);
    free (t->moved_source);
    free (t->moved_target);
    free (t->work);
    free (t);
}

static yard_rc fenced_rc (const struct yard_task *t)
{
    return t->gave_up ? YARD_EUNREACHABLE : YARD_EFENCED;
}

static bool is_held (struct yard_task *t)
{
    bool is_held;

    pthread_mutex_lock (&t->agent->lock);
    is_held = t->has_news || t->act[MAIN].state != ACT_IDLE || t->act[SIDE].state != ACT_IDLE;
    pthread_mutex_unlock (&t->agent->lock);
    return is_held;
}

void task_leave (struct agent *a, struct yard_task *t)
{
    forget (a, t);
    for (unsigned i = 0; i < ACTS; i++)
        (void)worker_take_back (a, t, i);
    if (!is_held (t)) {
        task_free (a, t);
        return;
    }
    a->ghosts += !t->is_ghost;
    t->is_ghost = true;
    task_stop (t, YARD_STOP_FENCED);
    /* From now on the worker asks no more; what it asked just before is in the queue. */
    reports_collect (a);
    task_answer (t, fenced_rc (t), NULL);
}

void task_fence (struct agent *a, struct yard_task *t, bool gave_up)
{
    t->gave_up = gave_up;
    task_leave (a, t);
}

/* --- what workers left for us --- */

static void take_counters (struct agent *a, int64_t now)
{
    struct yard_task *t, *next;

    DL_FOREACH_SAFE2 (a->progressed, t, next, progress_next)
    {
        DL_DELETE2 (a->progressed, t, progress_prev, progress_next);
        t->progress_due_ms = t->progress_sent_ms + PROGRESS_MS;
        if (t->progress_due_ms < now)
            t->progress_due_ms = now;
        DL_APPEND2 (a->counters, t, progress_prev, progress_next);
        agent_look_by (a, t->progress_due_ms);
    }
}

void reports_collect (struct agent *a)
{
    int64_t now = ym_time_mono_ms ();
    struct yard_task *t, *asking;

    pthread_mutex_lock (&a->lock);
    take_counters (a, now);
    asking = a->asking;
    a->asking = NULL;
    pthread_mutex_unlock (&a->lock);
    while ((t = asking)) {
        DL_DELETE (asking, t);
        if (t->known)
            report_begin (a, t, REPORT_WORK);
        else
            task_answer (t, fenced_rc (t), NULL);
    }
}

static void send_counters (struct agent *a, struct yard_task *t)
{
    struct ym_attempt_progress m = {.session = a->session, .job = t->job, .fence = t->fence};

    pthread_mutex_lock (&a->lock);
    t->progressed = false;
    m.done = t->done;
    m.total = t->total;
    pthread_mutex_unlock (&a->lock);
    if (t->known && a->session_state == SESSION_HERE)
        (void)agent_send (a, YM_MSG_attempt_progress, 0, &m);
}

void counters_send (struct agent *a, int64_t now)
{
    struct yard_task *t, *next;

    DL_FOREACH_SAFE2 (a->counters, t, next, progress_next)
    {
        if (t->progress_due_ms > now) {
            agent_look_by (a, t->progress_due_ms);
            continue;
        }
        DL_DELETE2 (a->counters, t, progress_prev, progress_next);
        t->progress_sent_ms = now;
        send_counters (a, t);
    }
}

/* agent_attempt.c - what the yard tells of attempts, and how an attempt becomes a task.
 *
 * The fencing number decides: the same one again is the same attempt, a higher one ends the
 * older attempt of the job here, a lower one is an echo.
 */
#include <stdlib.h>
#include <string.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/time.h"

static struct yard_task *task_of (struct agent *a, int64_t job)
{
    struct yard_task *t;

    HASH_FIND (hh, a->by_job, &job, sizeof job, t);
    return t;
}

static const yard_handler *handler_of (const struct agent *a, const char *kind)
{
    for (size_t i = 0; i < a->handler_count; i++)
        if (strcmp (a->handlers[i].kind, kind) == 0)
            return &a->handlers[i];
    return NULL;
}

static bool was_noted (const struct agent *a, int64_t job, uint64_t fence)
{
    size_t at = ((uint64_t)job * UINT64_C (0x9e3779b97f4a7c15)) >> 52 & (NOTED - 1);

    return a->noted[at].job == job && fence <= a->noted[at].fence;
}

/* --- a new task --- */

static char *put_octets (char *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy (to, from, size);
    to[size] = '\0';
    return to + size + 1;
}

static void copy_texts (struct yard_task *t, const struct ym_attempt_start *m)
{
    char *at = t->text;

    ym_id_print (t->job_text, m->job);
    (void)ym_text_copy (t->tenant, sizeof t->tenant, m->tenant);
    (void)ym_text_copy (t->name, sizeof t->name, m->name);
    (void)ym_text_copy (t->kind, sizeof t->kind, m->kind);
    t->source = at;
    at = put_octets (at, m->source.at, m->source.size);
    t->target = at;
    at = put_octets (at, m->target.at, m->target.size);
    t->mark = at;
    at = put_octets (at, m->mark.at, m->mark.size);
    t->payload = (const uint8_t *)at;
    t->payload_size = m->payload.size;
    at = put_octets (at, m->payload.at, m->payload.size);
    t->resume = (const uint8_t *)at;
    t->resume_size = m->resume.size;
    (void)put_octets (at, m->resume.at, m->resume.size);
}

static struct yard_task *task_new (struct agent *a, const struct ym_attempt_start *m)
{
    size_t text = (size_t)m->source.size + m->target.size + m->mark.size + m->payload.size +
                  m->resume.size + 5;
    struct yard_task *t = ym_new (sizeof *t + text);

    t->agent = a;
    t->job = m->job;
    t->fence = m->fence;
    t->attempt = m->attempt;
    t->handler = handler_of (a, m->kind);
    t->stop_fd = -1;
    t->checkpoint = m->checkpoint;
    t->done = t->resume_done = m->done;
    t->total = t->resume_total = m->total;
    for (unsigned i = 0; i < REPORTS; i++)
        t->report[i] = (struct report){.task = t, .kind = i};
    ym_assert (pthread_cond_init (&t->answered, NULL) == 0);
    ym_assert (zmq_msg_init (&t->answer) == 0);
    copy_texts (t, m);
    return t;
}

static void begin (struct agent *a, const struct ym_attempt_start *m)
{
    struct yard_task *t;

    /* More than we ever promised to hold; the yard tells us again. */
    if (a->place_count == 0)
        return;
    t = task_new (a, m);
    t->place = a->places[--a->place_count];
    a->tasks[t->place] = t;
    t->known = true;
    HASH_ADD (hh, a->by_job, job, sizeof t->job, t);
    t->started_listed = true;
    t->started_due_ms = ym_time_mono_ms () + START_GRACE_MS;
    DL_APPEND2 (a->started, t, started_prev, started_next);
    agent_look_by (a, t->started_due_ms);
    worker_put (a, t);
}

/* --- what the yard tells --- */

/* It was told before, and either our answer or the yard's to it is on the way or lost. */
static void answer_again (struct agent *a, struct yard_task *t)
{
    if (t->report[REPORT_END].active)
        report_begin (a, t, REPORT_END);
    else if (!t->started_listed)
        report_begin (a, t, REPORT_STARTED);
}

void attempt_hear_start (struct agent *a, const struct ym_attempt_start *m)
{
    struct yard_task *t = task_of (a, m->job);

    if (t && t->fence == m->fence) {
        answer_again (a, t);
        return;
    }
    if (a->draining || was_noted (a, m->job, m->fence) || (t && m->fence < t->fence))
        return;
    if (t)
        task_fence (a, t, false);
    begin (a, m);
}

/* Nothing of it is here: it may have ended before we heard of it. */
static void terminated_unknown (struct agent *a, const struct ym_attempt_terminate *m)
{
    struct ym_attempt_terminated msg = {
        .session = a->session, .job = m->job, .fence = m->fence};

    (void)agent_send (a, YM_MSG_attempt_terminated, agent_ask (a, SESSION_PLACE, 0), &msg);
}

void attempt_hear_terminate (struct agent *a, const struct ym_attempt_terminate *m)
{
    struct yard_task *t = task_of (a, m->job);

    if (!t || t->fence != m->fence) {
        terminated_unknown (a, m);
        return;
    }
    if (t->report[REPORT_END].active) {
        report_begin (a, t, REPORT_END);
        return;
    }
    t->terminate = true;
    if (worker_take_back (a, t)) {
        t->state = TASK_ENDED;
        t->step = YARD_STOPPED;
        report_begin (a, t, REPORT_END);
    }
    else {
        task_stop (t, YARD_STOP_TERMINATED);
    }
}

void attempt_lost (struct agent *a, int64_t job, uint64_t fence)
{
    struct yard_task *t = task_of (a, job);

    if (t && t->fence == fence)
        task_fence (a, t, false);
}

void attempts_lost (struct agent *a, bool gave_up)
{
    struct yard_task *t, *next;

    HASH_ITER (hh, a->by_job, t, next)
    task_fence (a, t, gave_up);
}

/* What has not begun is left to others; what runs is told. */
void attempts_drain (struct agent *a)
{
    struct yard_task *t, *next;

    HASH_ITER (hh, a->by_job, t, next)
    {
        if (worker_take_back (a, t))
            task_free (a, t);
        else if (!t->report[REPORT_END].active && atomic_load (&t->stop) == YARD_GO_ON)
            task_stop (t, YARD_STOP_DRAIN);
    }
}

/* --- handlers that returned --- */

/* Stopped because this agent goes: nobody is told, the yard gives it to another. */
static bool is_left_behind (const struct agent *a, const struct yard_task *t)
{
    return a->draining && !t->terminate && (t->step == YARD_STOPPED || t->step == YARD_RETRY);
}

static void task_ended (struct agent *a, struct yard_task *t)
{
    if (!t->known || is_left_behind (a, t)) {
        task_free (a, t);
        return;
    }
    if (t->started_listed)
        DL_DELETE2 (a->started, t, started_prev, started_next);
    t->started_listed = false;
    report_end (a, &t->report[REPORT_STARTED]);
    if (t->step == YARD_STOPPED && !t->terminate && !t->result[0])
        (void)ym_text_copy (t->result, sizeof t->result,
                            "the handler stopped without being told to");
    report_begin (a, t, REPORT_END);
}

void attempts_ended (struct agent *a)
{
    struct yard_task *ended, *t, *next;

    pthread_mutex_lock (&a->lock);
    ended = a->ended;
    a->ended = NULL;
    pthread_mutex_unlock (&a->lock);
    DL_FOREACH_SAFE (ended, t, next)
    {
        DL_DELETE (ended, t);
        task_ended (a, t);
    }
}

void attempts_free (struct agent *a)
{
    for (unsigned i = 0; i < a->place_max; i++)
        if (a->tasks[i])
            task_free (a, a->tasks[i]);
}

/* agent_attempt.c - which attempts are here, and how an attempt becomes a task.
 *
 * The fencing number decides: the same one again is the same attempt, a higher one ends the
 * older attempt of the job here, a lower one is an echo. What ended is noted, so that an echo
 * of it begins nothing; also what was told to end before it came.
 */
#include <stdlib.h>
#include <string.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/time.h"

struct yard_task *attempt_of (struct agent *a, int64_t job)
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

static size_t noted_at (int64_t job)
{
    return ((uint64_t)job * UINT64_C (0x9e3779b97f4a7c15)) >> 52 & (NOTED - 1);
}

const struct noted *noted_find (const struct agent *a, int64_t job)
{
    const struct noted *n = &a->noted[noted_at (job)];

    return n->job == job && n->fence > 0 ? n : NULL;
}

void noted_put (struct agent *a, const struct noted *n)
{
    a->noted[noted_at (n->job)] = *n;
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
    t->checkpoint = t->resume_checkpoint = m->checkpoint;
    t->done = t->resume_done = m->done;
    t->total = t->resume_total = m->total;
    for (unsigned i = 0; i < REPORTS; i++)
        t->report[i] = (struct report){.task = t, .kind = i};
    ym_assert (pthread_cond_init (&t->answered, NULL) == 0);
    ym_assert (pthread_mutex_init (&t->talk, NULL) == 0);
    ym_assert (zmq_msg_init (&t->answer) == 0);
    for (unsigned i = 0; i < ACTS; i++)
        t->act[i] = (struct act){.task = t, .which = i};
    resources_take (t, m);
    copy_texts (t, m);
    return t;
}

static void begin (struct agent *a, const struct ym_attempt_start *m)
{
    const struct noted *n = noted_find (a, m->job);
    struct yard_task *t;

    /* More than we ever promised to hold; the yard tells us again. */
    if (a->place_count == 0)
        return;
    t = task_new (a, m);
    t->place = a->places[--a->place_count];
    a->tasks[t->place] = t;
    t->known = true;
    HASH_ADD (hh, a->by_job, job, sizeof t->job, t);
    t->is_prepared = m->signal == YM_START;
    /* It ended here, and only what it left is removed: its callbacks are numbered on. */
    if (n && n->fence == m->fence)
        t->message = n->message;
    if (m->signal == YM_DEPROVISION)
        signal_clean (a, t);
    else if (t->handler && t->handler->prepare)
        signal_prepare (a, t);
    else
        signal_start (a, t);
}

/* --- what the yard tells --- */

/* It is told to remove what is left: its end was heard, or the yard ended it. */
static void clean_instead (struct agent *a, struct yard_task *t,
                           const struct ym_attempt_start *m)
{
    if (t->stage != STAGE_CLEAN) {
        report_end (a, &t->report[REPORT_END]);
        t->end_waits = false;
        t->end = END_NONE;
        t->end_message = 0;
    }
    if (t->report[REPORT_END].active) {
        report_begin (a, t, REPORT_END);
    }
    else if (!signal_is_busy (t)) {
        calls_clear (a, t);
        resources_take (t, m);
        signal_clean (a, t);
    }
    else if (t->stage == STAGE_CLEAN) {
        if (t->working_message[YM_DEPROVISION])
            call_working (a, t, YM_DEPROVISION);
    }
    else {
        task_stop (t, YARD_STOP_TERMINATED);
        call_errored (a, t, YM_DEPROVISION, true, "flow_exists: its handler still runs here");
    }
}

static void start_again (struct agent *a, struct yard_task *t)
{
    if (t->started_message)
        call_started (a, t);
    else if (t->working_message[YM_START])
        call_working (a, t, YM_START);
}

/* It was told before, and either our answer or the yard's to it is on the way or lost. */
static void told_again (struct agent *a, struct yard_task *t, const struct ym_attempt_start *m)
{
    bool is_busy = signal_is_busy (t);

    if (t->report[REPORT_END].active)
        report_begin (a, t, REPORT_END);
    else if (t->stage == STAGE_PREPARED && m->signal == YM_START && !t->wish && !is_busy) {
        calls_clear (a, t); /* it was heard */
        t->is_prepared = true;
        signal_start (a, t);
    }
    else if (t->calls > 0)
        report_begin (a, t, REPORT_CALL);
    else if (t->stage == STAGE_PREPARED)
        call_prepared (a, t);
    else if (t->stage == STAGE_START)
        start_again (a, t);
    else if (t->stage == STAGE_PREPARE && !is_busy && !t->wish)
        signal_prepare (a, t);
    else if (t->stage == STAGE_PREPARE && t->working_message[YM_PREPARE])
        call_working (a, t, YM_PREPARE);
}

/* An echo, or what was told to end before it came: then it is answered as ended. */
static bool is_over (struct agent *a, const struct ym_attempt_start *m)
{
    const struct noted *n = noted_find (a, m->job);
    struct ym_attempt_terminated terminated = {
        .session = a->session, .job = m->job, .fence = m->fence};
    struct ym_attempt_suspended suspended = {
        .session = a->session, .job = m->job, .fence = m->fence};

    if (!n || m->fence > n->fence)
        return false;
    if (m->fence < n->fence)
        return true;
    if (m->signal == YM_DEPROVISION)
        return n->end == END_DEPROVISIONED || n->end == END_LOST;
    if (n->is_unseen && n->end == END_TERMINATED)
        (void)agent_send (a, YM_MSG_attempt_terminated, agent_ask (a, SESSION_PLACE, 0),
                          &terminated);
    if (n->is_unseen && n->end == END_SUSPENDED)
        (void)agent_send (a, YM_MSG_attempt_suspended, agent_ask (a, SESSION_PLACE, 0),
                          &suspended);
    return true;
}

/* An older attempt of the job whose handlers are not through: two would work on one job. */
static bool has_ghost (const struct agent *a, int64_t job)
{
    for (unsigned i = 0; a->ghosts > 0 && i < a->place_max; i++)
        if (a->tasks[i] && a->tasks[i]->is_ghost && a->tasks[i]->job == job)
            return true;
    return false;
}

static void refuse_second (struct agent *a, const struct ym_attempt_start *m)
{
    struct ym_attempt_errored e = {
        .session = a->session,
        .job = m->job,
        .fence = m->fence,
        .signal = m->signal,
        .retryable = true,
        .text = ym_str ("flow_exists: an older attempt of this job has not stopped here")};

    (void)agent_send (a, YM_MSG_attempt_errored, agent_ask (a, SESSION_PLACE, 0), &e);
}

void attempt_hear_start (struct agent *a, const struct ym_attempt_start *m)
{
    struct yard_task *t = attempt_of (a, m->job);

    if (t && t->fence == m->fence) {
        if (m->signal == YM_DEPROVISION)
            clean_instead (a, t, m);
        else if (t->stage != STAGE_CLEAN)
            told_again (a, t, m);
        return;
    }
    if (a->draining || is_over (a, m) || (t && m->fence < t->fence))
        return;
    if (t)
        task_fence (a, t, false);
    if (has_ghost (a, m->job))
        refuse_second (a, m);
    else
        begin (a, m);
}

void attempt_lost (struct agent *a, int64_t job, uint64_t fence)
{
    struct yard_task *t = attempt_of (a, job);
    const struct noted *n = noted_find (a, job);

    if (t && t->fence <= fence)
        task_fence (a, t, false);
    if (!n || n->fence <= fence)
        noted_put (a, &(struct noted){job, fence, END_LOST, true, 0});
}

void attempts_lost (struct agent *a, bool gave_up)
{
    struct yard_task *t, *next;

    HASH_ITER (hh, a->by_job, t, next)
    task_fence (a, t, gave_up);
}

/* What has not begun, or waits for a signal, is left to others; what runs is told. */
void attempts_drain (struct agent *a)
{
    struct yard_task *t, *next;

    HASH_ITER (hh, a->by_job, t, next)
    {
        if (t->report[REPORT_END].active || t->end_waits || t->stage == STAGE_OVER)
            continue;
        (void)worker_take_back (a, t, MAIN);
        if (!signal_is_busy (t))
            task_leave (a, t);
        else if (atomic_load (&t->stop) == YARD_GO_ON)
            task_stop (t, YARD_STOP_DRAIN);
    }
}

void attempts_free (struct agent *a)
{
    for (unsigned i = 0; i < a->place_max; i++)
        if (a->tasks[i])
            task_free (a, a->tasks[i]);
}

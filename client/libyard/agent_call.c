/* agent_call.c - callbacks of an attempt: started, working, prepared, errored, and its end.
 *
 * Each has a number of its own, and a repetition has the same: the yard takes a number that is
 * not above the last one for a repetition. So they go out one at a time, each when the one
 * before it was noted; the end goes at once, and what waits before it is no longer said.
 */
#include <stdlib.h>
#include <string.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"

static void drop_first (struct yard_task *t)
{
    free (t->call[0].text);
    t->calls--;
    memmove (&t->call[0], &t->call[1], t->calls * sizeof t->call[0]);
}

void calls_clear (struct agent *a, struct yard_task *t)
{
    report_end (a, &t->report[REPORT_CALL]);
    while (t->calls > 0)
        drop_first (t);
}

bool call_waits (const struct yard_task *t, enum call_kind kind)
{
    for (unsigned i = 0; i < t->calls; i++)
        if (t->call[i].kind == kind)
            return true;
    return false;
}

void call_answered (struct agent *a, struct yard_task *t)
{
    if (t->calls > 0)
        drop_first (t);
    if (t->end_waits && !call_waits (t, CALL_STARTED)) {
        calls_clear (a, t);
        report_begin (a, t, REPORT_END);
    }
    else if (t->calls > 0) {
        report_begin (a, t, REPORT_CALL);
    }
}

/* The same as one that waits already is that one. */
static struct call *find (struct yard_task *t, enum call_kind kind, unsigned signal)
{
    for (unsigned i = 0; i < t->calls; i++)
        if (t->call[i].kind == kind && t->call[i].signal == signal)
            return &t->call[i];
    return NULL;
}

static uint32_t number (struct yard_task *t, uint32_t *kept)
{
    uint32_t n = kept ? *kept : 0;

    if (n == 0)
        n = ++t->message;
    if (kept)
        *kept = n;
    return n;
}

static void begin (struct agent *a, struct yard_task *t, struct call c, uint32_t *kept)
{
    struct call *same = find (t, c.kind, c.signal);

    /* More than can wait: the yard gives the signal again. */
    if (t->report[REPORT_END].active || (!same && t->calls == CALLS_MAX)) {
        free (c.text);
        return;
    }
    if (same) {
        free (c.text);
    }
    else {
        c.message = number (t, kept);
        t->call[t->calls++] = c;
    }
    if (t->calls == 1 || same == t->call)
        report_begin (a, t, REPORT_CALL);
}

void call_started (struct agent *a, struct yard_task *t)
{
    begin (a, t, (struct call){.kind = CALL_STARTED}, &t->started_message);
}

void call_prepared (struct agent *a, struct yard_task *t)
{
    begin (a, t, (struct call){.kind = CALL_PREPARED}, &t->prepared_message);
}

void call_working (struct agent *a, struct yard_task *t, unsigned signal)
{
    begin (a, t, (struct call){.kind = CALL_WORKING, .signal = signal},
           &t->working_message[signal]);
}

void call_errored (struct agent *a, struct yard_task *t, unsigned signal, bool retryable,
                   const char *text)
{
    size_t size = strlen (text) + 1;
    char *copy = ym_new (size);

    memcpy (copy, text, size);
    begin (a, t,
           (struct call){
               .kind = CALL_ERRORED, .signal = signal, .retryable = retryable, .text = copy},
           NULL);
}

/* --- sending --- */

/* Addresses that moved go with the first of the two; from then on they are told. */
static uint64_t moved (struct yard_task *t, struct ym_str *ret_source,
                       struct ym_str *ret_target)
{
    uint64_t has = 0;

    pthread_mutex_lock (&t->agent->lock);
    if (t->moved_source) {
        *ret_source = ym_str (t->moved_source);
        has |= HAS_SOURCE;
    }
    if (t->moved_target) {
        *ret_target = ym_str (t->moved_target);
        has |= HAS_TARGET;
    }
    t->moved_told = true;
    pthread_mutex_unlock (&t->agent->lock);
    return has;
}

static bool send_started (struct agent *a, const struct report *r, const struct call *c)
{
    struct yard_task *t = r->task;
    struct ym_attempt_started m = {
        .session = a->session, .job = t->job, .fence = t->fence, .message = c->message};

    m.has = HAS_MESSAGE | moved (t, &m.source, &m.target);
    return agent_send (a, YM_MSG_attempt_started, r->ask, &m);
}

static bool send_prepared (struct agent *a, const struct report *r, const struct call *c)
{
    struct yard_task *t = r->task;
    struct ym_attempt_prepared m = {
        .session = a->session, .job = t->job, .fence = t->fence, .message = c->message};

    m.has = HAS_MESSAGE | moved (t, &m.source, &m.target);
    return agent_send (a, YM_MSG_attempt_prepared, r->ask, &m);
}

static bool send_working (struct agent *a, const struct report *r, const struct call *c)
{
    struct ym_attempt_working m = {.has = HAS_MESSAGE,
                                   .session = a->session,
                                   .job = r->task->job,
                                   .fence = r->task->fence,
                                   .message = c->message,
                                   .signal = c->signal};

    return agent_send (a, YM_MSG_attempt_working, r->ask, &m);
}

static bool send_errored (struct agent *a, const struct report *r, const struct call *c)
{
    struct ym_attempt_errored m = {.has = HAS_MESSAGE,
                                   .session = a->session,
                                   .job = r->task->job,
                                   .fence = r->task->fence,
                                   .message = c->message,
                                   .signal = c->signal,
                                   .retryable = c->retryable,
                                   .text = ym_str (c->text)};

    return agent_send (a, YM_MSG_attempt_errored, r->ask, &m);
}

bool call_send (struct agent *a, const struct report *r)
{
    const struct call *c = &r->task->call[0];

    switch (c->kind) {
    case CALL_STARTED:
        return send_started (a, r, c);
    case CALL_PREPARED:
        return send_prepared (a, r, c);
    case CALL_WORKING:
        return send_working (a, r, c);
    default:
        return send_errored (a, r, c);
    }
}

/* --- ends --- */

static bool send_completed (struct agent *a, const struct report *r)
{
    struct yard_task *t = r->task;
    struct ym_attempt_completed m = {.has = HAS_MESSAGE,
                                     .session = a->session,
                                     .job = t->job,
                                     .fence = t->fence,
                                     .message = t->end_message,
                                     .result = ym_str (t->result)};

    pthread_mutex_lock (&a->lock);
    m.done = t->done;
    m.total = t->total;
    pthread_mutex_unlock (&a->lock);
    return agent_send (a, YM_MSG_attempt_completed, r->ask, &m);
}

static bool send_failed (struct agent *a, const struct report *r)
{
    const struct yard_task *t = r->task;
    struct ym_attempt_failed m = {.has = HAS_MESSAGE,
                                  .session = a->session,
                                  .job = t->job,
                                  .fence = t->fence,
                                  .message = t->end_message,
                                  .retryable = t->step != YARD_FAIL,
                                  .text = ym_str (t->result)};

    return agent_send (a, YM_MSG_attempt_failed, r->ask, &m);
}

/* These three say nothing but that it is so. */
#define SEND(name)                                                                             \
    static bool send_##name (struct agent *a, const struct report *r)                          \
    {                                                                                          \
        struct ym_attempt_##name m = {.has = HAS_MESSAGE,                                      \
                                      .session = a->session,                                   \
                                      .job = r->task->job,                                     \
                                      .fence = r->task->fence,                                 \
                                      .message = r->task->end_message};                        \
        return agent_send (a, YM_MSG_attempt_##name, r->ask, &m);                              \
    }
SEND (terminated)
SEND (suspended)
SEND (deprovisioned)

typedef bool send_f (struct agent *a, const struct report *r);

bool end_send (struct agent *a, const struct report *r)
{
    static send_f *const sends[] = {
        [END_COMPLETED] = send_completed,         [END_FAILED] = send_failed,
        [END_TERMINATED] = send_terminated,       [END_SUSPENDED] = send_suspended,
        [END_DEPROVISIONED] = send_deprovisioned,
    };

    if (r->task->end_message == 0)
        r->task->end_message = ++r->task->message;
    return sends[r->task->end](a, r);
}

/* watch.c - watched jobs: every event once, in order, over lost connections.
 *
 * A watch is an ask that is never over: it is sent again, with the number of the last event
 * that came, whenever the connection is new, an event is missing, or nothing was heard for
 * long. A sending has a number of its own, so what an older one still brings is known and
 * dropped; only its repetitions without an answer keep it, so that a slow answer is good.
 */
#include <stdlib.h>
#include <string.h>

#include "client/libyard/inside.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum {
    PAUSE_LEAST_MS = 50,
    PAUSE_MOST_MS = 5000,
    REPEATS_MOST = 8,
    REFRESH_MS = 30000, /* a quiet watch is asked for again: the yard may have lost it */
};

struct watch {
    int64_t job;
    uint64_t ask; /* of the latest sending and what it repeats */
    bool sent, answered;
    bool from_now; /* 'last' is not known before the first answer */
    bool inner;    /* of yard_job_wait: its events are for nobody */
    bool final;    /* the last event came */
    uint64_t last; /* number of the last event that was kept */
    unsigned tries, repeats;
    int64_t due_ms;
    yard_job *now;   /* of the first answer, for who waits for it */
    yard_err_t *err; /* it was refused */
};

static size_t place_of (const struct yard *y, const struct watch *w)
{
    size_t i = 0;

    while (y->watches[i] != w)
        i++;
    return i;
}

static struct watch *watch_new (struct yard *y, int64_t job)
{
    for (size_t i = 0; i < YARD_WATCHES; i++) {
        if (y->watches[i])
            continue;
        y->watches[i] = ym_new (sizeof (struct watch));
        y->watches[i]->job = job;
        y->watch_count++;
        return y->watches[i];
    }
    return NULL;
}

static void watch_free (struct yard *y, struct watch *w)
{
    y->watches[place_of (y, w)] = NULL;
    y->watch_count--;
    yard_free (w->now);
    yard_err_free (w->err);
    free (w);
}

/* The yard keeps one watch for a job and a connection, so we have no more. */
static struct watch *watch_find (struct yard *y, int64_t job)
{
    for (size_t i = 0; i < YARD_WATCHES; i++)
        if (y->watches[i] && y->watches[i]->job == job)
            return y->watches[i];
    return NULL;
}

static void ask_again (struct yard *y, struct watch *w, int wait_ms)
{
    w->answered = false;
    w->ask = 0;
    w->due_ms = ym_time_mono_ms () + wait_ms;
    look_by (y, w->due_ms);
}

/* --- sending --- */

bool send_message (struct yard *y, unsigned number, uint64_t ask, const void *msg)
{
    uint8_t frame[256];
    struct ym_header h = {.number = (uint16_t)number, .ask = ask};
    size_t size = ym_wire_encode (&h, msg, frame, sizeof frame);

    ym_assert (size > 0);
    return door_send (&y->door, frame, size);
}

static void send_watch (struct yard *y, struct watch *w, int64_t now)
{
    struct ym_job_watch msg = {.job = w->job, .after = w->last};

    if (!w->from_now)
        msg.has |= YM_HAS (job_watch, after);
    if (!w->ask || w->answered) {
        w->ask = WATCH_BIT | next_ask (y, (unsigned)place_of (y, w));
        w->repeats = 0;
    }
    w->sent = send_message (y, YM_MSG_job_watch, w->ask, &msg);
    w->answered = false;
    w->repeats += w->repeats < REPEATS_MOST;
    w->due_ms = now + (int64_t)y->silence_ms * w->repeats;
}

void watches_send (struct yard *y, int64_t now_ms)
{
    for (size_t i = 0; y->watch_count > 0 && i < YARD_WATCHES; i++) {
        struct watch *w = y->watches[i];
        if (!w || w->final || w->err || !y->door.up)
            continue;
        if (now_ms >= w->due_ms)
            send_watch (y, w, now_ms);
        look_by (y, w->due_ms);
    }
}

void watches_up (struct yard *y)
{
    for (size_t i = 0; y->watch_count > 0 && i < YARD_WATCHES; i++)
        if (y->watches[i])
            ask_again (y, y->watches[i], 0);
}

/* --- hearing --- */

static yard_event *event_of (const struct ym_job_changed *m)
{
    yard_event *e = event_new (YARD_EVENT_CHANGED);

    e->job = result_id (e, m->job);
    e->seq = m->seq;
    e->state = ym_life_state_name (&ym_job_life, m->state);
    e->final = m->final;
    e->at_ms = m->at;
    e->attempt = m->attempt;
    e->fence = m->fence;
    e->agent = result_text (e, m->agent);
    e->why = result_str (e, m->why);
    e->detail = result_str (e, m->detail);
    return e;
}

/* Nothing is unbounded: what there is no room for is asked for again, later. */
static bool has_room (struct yard *y, struct watch *w)
{
    if (w->inner || event_has_room (y))
        return true;
    ask_again (y, w, PAUSE_MOST_MS);
    return false;
}

static void hear_changed (struct yard *y, struct watch *w, const struct ym_job_changed *m)
{
    if (!w->answered || m->job != w->job || m->seq <= w->last)
        return;
    if (m->seq != w->last + 1) {
        ask_again (y, w, pause_ms (w->tries++, PAUSE_LEAST_MS, PAUSE_MOST_MS));
        return;
    }
    if (!has_room (y, w))
        return;
    w->last = m->seq;
    w->final = m->final;
    w->tries = 0;
    w->due_ms = y->door.heard_ms + REFRESH_MS;
    if (!w->inner)
        event_keep (y, event_of (m));
}

static void hear_progress (struct yard *y, struct watch *w, const struct ym_job_progress *m)
{
    yard_event *e;

    if (!w->answered || w->inner || m->job != w->job || !event_has_room (y))
        return;
    e = event_new (YARD_EVENT_PROGRESS);
    e->job = result_id (e, m->job);
    e->fence = m->fence;
    e->done = m->done;
    e->total = m->total;
    event_keep (y, e);
}

/* The yard sends what is between 'last' and the job's latest event; if there is nothing and the
 * job has ended, it sends no more. */
static void hear_status (struct yard *y, struct watch *w, const struct ym_job_status *m)
{
    if (m->job != w->job)
        return;
    if (w->from_now)
        w->last = m->seq;
    w->from_now = false;
    w->answered = true;
    w->due_ms = y->door.heard_ms + REFRESH_MS;
    w->final = ym_life_is_final (&ym_job_life, m->state) && w->last >= m->seq;
    yard_free (w->now);
    w->now = result_job (m);
}

static void hear_refused (struct yard *y, struct watch *w, const struct ym_refused *m)
{
    int wait = pause_ms (w->tries++, PAUSE_LEAST_MS, PAUSE_MOST_MS);

    if (!m->retryable) {
        w->err = error_refused (m);
        return;
    }
    if ((uint64_t)wait < m->retry_after_ms)
        wait = (int)m->retry_after_ms;
    ask_again (y, w, wait);
}

void watch_hear (struct yard *y, const struct ym_header *h, zmq_msg_t *frame)
{
    size_t place = h->ask & CALL_MASK;
    struct watch *w = place < YARD_WATCHES ? y->watches[place] : NULL;
    const void *body;

    if (!w || w->ask != h->ask || w->final || w->err)
        return;
    body = read_body (y, h, frame);
    if (!body)
        w->err = other_version ();
    else if (h->number == YM_MSG_job_changed)
        hear_changed (y, w, body);
    else if (h->number == YM_MSG_job_progress)
        hear_progress (y, w, body);
    else if (h->number == YM_MSG_job_status)
        hear_status (y, w, body);
    else if (h->number == YM_MSG_refused)
        hear_refused (y, w, body);
}

/* --- beginning and ending --- */

bool is_turned_away (const struct yard *y)
{
    return y->door.denied && !y->door.up;
}

static yard_err_t *read_watch (const char *job, int64_t after, int64_t *ret)
{
    yard_err_t *err = read_job (job, ret);

    if (err || after <= INT32_MAX)
        return err;
    return error_new (YARD_EINVALID, EXIT_DOCUMENT, "invalid", "'after' is no event's number");
}

/* NULL: 'reterr' says why. */
static struct watch *begin (struct yard *y, const char *job, int64_t after, bool inner,
                            yard_err_t **reterr)
{
    int64_t id = 0;
    struct watch *w;

    *reterr = read_watch (job, after, &id);
    if (*reterr)
        return NULL;
    w = watch_find (y, id);
    if (w)
        watch_free (y, w);
    w = watch_new (y, id);
    if (!w) {
        *reterr = error_new (YARD_EBUSY, 75, "watch_limit", "at most %d jobs can be watched",
                             YARD_WATCHES);
        return NULL;
    }
    if (!y->door.socket || is_turned_away (y))
        door_renew (&y->door);
    w->inner = inner;
    w->from_now = after < 0;
    w->last = after < 0 ? 0 : (uint64_t)after;
    look_by (y, 0);
    return w;
}

static yard_err_t *end_with (struct yard *y, struct watch *w, yard_err_t *take_err)
{
    watch_free (y, w);
    return take_err;
}

/* Until the first answer; on failure the watch is gone. */
static yard_err_t *await (struct yard *y, struct watch *w, int64_t until_ms, int after_ms)
{
    while (!w->answered) {
        yard_err_t *err = w->err;

        w->err = NULL;
        if (!err && is_turned_away (y))
            err = turned_away (y);
        if (!err && ym_time_mono_ms () >= until_ms)
            err = no_answer (y, after_ms);
        if (err)
            return end_with (y, w, err);
        pump (y, until_ms);
    }
    return NULL;
}

yard_rc yard_job_watch (yard_t *y, const char *job, int64_t after, yard_job **ret_now,
                        yard_err_t **reterr)
{
    yard_err_t *err;
    struct watch *w = begin (y, job, after, false, &err);

    if (!w)
        return error_give (err, reterr);
    err = await (y, w, ym_time_mono_ms () + y->timeout_ms, y->timeout_ms);
    settle (y);
    if (err)
        return error_give (err, reterr);
    if (ret_now) {
        *ret_now = w->now;
        w->now = NULL;
    }
    if (w->final)
        watch_free (y, w);
    return YARD_OK;
}

static void unwatch (struct yard *y, struct watch *w)
{
    struct ym_job_unwatch msg = {.job = w->job};

    if (!w->final && w->sent)
        (void)send_message (y, YM_MSG_job_unwatch, 0, &msg);
    watch_free (y, w);
}

void yard_job_unwatch (yard_t *y, const char *job)
{
    int64_t id;
    yard_err_t *err = read_job (job, &id);
    struct watch *w = err ? NULL : watch_find (y, id);

    yard_err_free (err);
    if (w)
        unwatch (y, w);
}

/* What the yard refused is for yard_process to tell if the watch is the caller's own. */
static yard_err_t *refusal_of (const struct watch *w)
{
    if (!w->err)
        return NULL;
    return error_new (yard_err_rc (w->err), yard_err_exit (w->err), yard_err_slug (w->err),
                      "%s", yard_err_text (w->err));
}

static yard_err_t *watch_until_final (struct yard *y, struct watch *w, int64_t until_ms)
{
    while (!w->final) {
        yard_err_t *err = refusal_of (w);

        if (!err && is_turned_away (y))
            err = turned_away (y);
        if (!err && ym_time_mono_ms () >= until_ms)
            err = error_new (YARD_ETIMEOUT, EXIT_TIMEOUT, "timeout", "the job has not ended");
        if (err)
            return err;
        pump (y, until_ms);
    }
    return NULL;
}

static yard_err_t *wait_final (struct yard *y, const char *job, int64_t until_ms)
{
    int64_t id;
    yard_err_t *err = read_job (job, &id);
    struct watch *w = err ? NULL : watch_find (y, id);

    if (err || w)
        return err ? err : watch_until_final (y, w, until_ms);
    w = begin (y, job, YARD_FROM_NOW, true, &err);
    if (!w)
        return err;
    err = watch_until_final (y, w, until_ms);
    unwatch (y, w);
    return err;
}

/* The caller's own limit for one ask, or what is left until 'until_ms' if that is less. */
static yard_rc get_until (struct yard *y, const char *job, int64_t until_ms, yard_job **ret,
                          yard_err_t **reterr)
{
    int64_t left = until_ms - ym_time_mono_ms ();
    int limit = y->timeout_ms;
    yard_err_t *err = NULL;
    yard_rc rc;

    if (left >= limit)
        return yard_job_get (y, job, ret, reterr);
    y->timeout_ms = left > 0 ? (int)left : 1;
    rc = yard_job_get (y, job, ret, &err);
    y->timeout_ms = limit;
    if (rc != YARD_EUNREACHABLE)
        return rc == YARD_OK ? YARD_OK : error_give (err, reterr);
    yard_err_free (err);
    err = error_new (YARD_ETIMEOUT, EXIT_TIMEOUT, "timeout",
                     "the job has ended; how, was not told in time");
    return error_give (err, reterr);
}

yard_rc yard_job_wait (yard_t *y, const char *job, int timeout_ms, yard_job **ret,
                       yard_err_t **reterr)
{
    int64_t until_ms = timeout_ms < 0 ? INT64_MAX : ym_time_mono_ms () + timeout_ms;
    yard_err_t *err = wait_final (y, job, until_ms);

    settle (y);
    if (err)
        return error_give (err, reterr);
    return ret ? get_until (y, job, until_ms, ret, reterr) : YARD_OK;
}

/* --- ending --- */

static void keep_lost (struct yard *y, const struct watch *w)
{
    yard_event *e = event_new (YARD_EVENT_LOST);

    e->job = result_id (e, w->job);
    e->seq = w->last;
    e->why = result_text (e, yard_err_text (w->err));
    e->detail = result_text (e, yard_err_slug (w->err));
    event_keep (y, e);
}

/* A watch that the yard refused to go on with ends with an event of its own. Nobody else frees
 * watches that have ended: until now somebody up the stack may look at them. */
void watches_sweep (struct yard *y)
{
    for (size_t i = 0; y->watch_count > 0 && i < YARD_WATCHES; i++) {
        struct watch *w = y->watches[i];
        if (!w || !(w->final || w->err))
            continue;
        if (w->err)
            keep_lost (y, w);
        watch_free (y, w);
    }
}

void watches_done (struct yard *y)
{
    for (size_t i = 0; i < YARD_WATCHES; i++)
        if (y->watches[i])
            watch_free (y, y->watches[i]);
}

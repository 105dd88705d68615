/* feed.c - the feed of all jobs: every row once and in order, or a word that it begins anew.
 *
 * Rows have numbers without gaps, and a beat each second tells the latest, so that also a lost
 * tail is noticed. Whatever was missed cannot be asked for again: then the feed is opened anew,
 * with a snapshot, and the caller is told to forget what it knew.
 */
#include <stdlib.h>
#include <string.h>

#include "client/libyard/inside.h"
#include "common/base/time.h"

enum {
    PAUSE_LEAST_MS = 50,
    PAUSE_MOST_MS = 5000,
    REPEATS_MOST = 8,
    SILENT_MS = 10000, /* of an open feed; there is a beat each second */
};

struct feed {
    struct ym_feed_open filter;
    uint64_t ask;   /* of the sending whose rows count; until one is answered, the latest */
    uint64_t first; /* of the sendings of this opening; 0: none was sent */
    bool on;        /* the yard sends rows, as far as we know */
    uint64_t id;    /* what it calls the feed */
    uint64_t last;  /* number of the last row */
    bool told;      /* rows of an earlier opening may have come to the caller */
    bool caught_up;
    bool opened; /* once, for who waits for it */
    unsigned tries, repeats;
    int64_t due_ms;
    yard_err_t *err;
};

static void feed_close (struct yard *y, struct feed *f)
{
    struct ym_feed_close msg = {.feed = f->id};

    if (f->on && y->door.up)
        (void)send_message (y, YM_MSG_feed_close, 0, &msg);
    f->on = false;
}

static void feed_free (struct yard *y, struct feed *f)
{
    y->feed = NULL;
    yard_err_free (f->err);
    free (f);
}

static void keep_resnapshot (struct yard *y, const char *why)
{
    yard_event *e = event_new (YARD_EVENT_RESNAPSHOT);

    e->why = why;
    event_keep (y, e);
}

/* Rows may be missing. One word for the caller is enough, however often it is tried. */
static void begin_anew (struct yard *y, struct feed *f, const char *why, int wait_ms)
{
    feed_close (y, f);
    if (f->told)
        keep_resnapshot (y, why);
    f->filter.snapshot |= f->opened;
    f->told = f->caught_up = false;
    f->first = f->ask = 0;
    f->due_ms = ym_time_mono_ms () + wait_ms;
    look_by (y, f->due_ms);
}

void feed_up (struct yard *y)
{
    if (!y->feed)
        return;
    y->feed->on = false; /* it ended with its connection */
    begin_anew (y, y->feed, "the connection was lost", 0);
}

/* --- sending --- */

static void send_open (struct yard *y, struct feed *f, int64_t now)
{
    f->ask = WATCH_BIT | next_ask (y, FEED_PLACE);
    if (!f->first) {
        f->first = f->ask;
        f->repeats = 0;
    }
    (void)send_message (y, YM_MSG_feed_open, f->ask, &f->filter);
    f->repeats += f->repeats < REPEATS_MOST;
    f->due_ms = now + (int64_t)y->silence_ms * f->repeats;
}

void feed_send (struct yard *y, int64_t now_ms)
{
    struct feed *f = y->feed;

    if (!f || f->err || !y->door.up)
        return;
    if (f->on && now_ms >= f->due_ms)
        begin_anew (y, f, "the yard was silent", 0);
    if (!f->on && now_ms >= f->due_ms)
        send_open (y, f, now_ms);
    look_by (y, f->due_ms);
}

/* --- hearing --- */

static yard_event *event_of (const struct ym_feed_row *m)
{
    bool snapshot = m->part == YM_SNAPSHOT;
    yard_event *e = event_new (snapshot ? YARD_EVENT_SNAPSHOT : YARD_EVENT_ROW);

    e->job = result_id (e, m->job);
    e->seq = m->seq;
    e->state = ym_life_state_name (&ym_job_life, m->state);
    e->final = ym_life_is_final (&ym_job_life, m->state);
    e->at_ms = m->at;
    e->agent = result_text (e, m->agent);
    e->why = result_str (e, m->why);
    e->detail = result_str (e, m->detail);
    e->tenant = result_text (e, m->tenant);
    e->name = result_text (e, m->name);
    e->tier = ym_enum_word (YM_ENUM_TIER, m->tier);
    return e;
}

static void hear_row (struct yard *y, struct feed *f, const struct ym_feed_row *m)
{
    if (!f->on || m->number <= f->last)
        return;
    if (m->number != f->last + 1 || !event_has_room (y)) {
        begin_anew (y, f, "rows were lost",
                    pause_ms (f->tries++, PAUSE_LEAST_MS, PAUSE_MOST_MS));
        return;
    }
    f->last = m->number;
    f->told = true;
    f->due_ms = y->door.heard_ms + SILENT_MS;
    event_keep (y, event_of (m));
}

static void hear_beat (struct yard *y, struct feed *f, const struct ym_feed_beat *m)
{
    if (!f->on)
        return;
    if (m->latest != f->last) {
        begin_anew (y, f, "rows were lost",
                    pause_ms (f->tries++, PAUSE_LEAST_MS, PAUSE_MOST_MS));
        return;
    }
    f->tries = 0;
    f->due_ms = y->door.heard_ms + SILENT_MS;
    f->told = true;
    if (m->caught_up && !f->caught_up)
        event_keep (y, event_new (YARD_EVENT_CAUGHT_UP));
    f->caught_up |= m->caught_up;
}

/* Each sending opens a feed of its own: the first that is answered is ours, also if its answer
 * was slow, and the others are closed. */
static void hear_opened (struct yard *y, struct feed *f, uint64_t ask,
                         const struct ym_feed_opened *m)
{
    struct ym_feed_close other = {.feed = m->feed};

    if (f->on || !f->first || ask < f->first) {
        (void)send_message (y, YM_MSG_feed_close, 0, &other);
        return;
    }
    f->on = true;
    f->ask = ask;
    f->id = m->feed;
    f->last = 0;
    f->opened = true;
    f->due_ms = y->door.heard_ms + SILENT_MS;
}

static void hear_refused (struct yard *y, struct feed *f, const struct ym_refused *m)
{
    int wait = pause_ms (f->tries++, PAUSE_LEAST_MS, PAUSE_MOST_MS);

    if (!m->retryable) {
        f->err = error_refused (m);
        return;
    }
    if ((uint64_t)wait < m->retry_after_ms)
        wait = (int)m->retry_after_ms;
    begin_anew (y, f, "the yard refused to go on for now", wait);
}

/* Nobody waits for it any more. */
static void close_late (struct yard *y, const struct ym_feed_opened *m)
{
    struct ym_feed_close other = {.feed = m ? m->feed : 0};

    if (m)
        (void)send_message (y, YM_MSG_feed_close, 0, &other);
}

void feed_hear (struct yard *y, const struct ym_header *h, zmq_msg_t *frame)
{
    struct feed *f = y->feed;
    const void *body;

    if (!f && h->number == YM_MSG_feed_opened)
        close_late (y, read_body (y, h, frame));
    if (!f || f->err || (h->number != YM_MSG_feed_opened && h->ask != f->ask))
        return;
    body = read_body (y, h, frame);
    if (!body)
        f->err = other_version ();
    else if (h->number == YM_MSG_feed_row)
        hear_row (y, f, body);
    else if (h->number == YM_MSG_feed_beat)
        hear_beat (y, f, body);
    else if (h->number == YM_MSG_feed_opened)
        hear_opened (y, f, h->ask, body);
    else if (h->number == YM_MSG_refused)
        hear_refused (y, f, body);
}

/* --- beginning and ending --- */

static yard_err_t *read_filter (const yard_feed_filter *from, struct ym_feed_open *m)
{
    struct check c = {0};

    if (!from)
        return NULL;
    if (from->size < sizeof *from)
        return error_options ("yard_feed_filter: size is wrong");
    m->snapshot = from->snapshot;
    if (from->tier) {
        m->has |= YM_HAS (feed_open, tier);
        check_word (&c, "/tier", YM_ENUM_TIER, from->tier, &m->tier);
    }
    if (from->state) {
        m->has |= YM_HAS (feed_open, state);
        check_state (&c, from->state, &m->state);
    }
    if (from->tenant) {
        m->has |= YM_HAS (feed_open, tenant);
        check_text (&c, "/tenant", from->tenant, 40, m->tenant);
    }
    return check_end (&c, YM_MSG_feed_open, m);
}

static yard_err_t *await (struct yard *y, int64_t until_ms)
{
    while (!y->feed->opened) {
        yard_err_t *err = y->feed->err;

        y->feed->err = NULL;
        if (!err && is_turned_away (y))
            err = turned_away (y);
        if (!err && ym_time_mono_ms () >= until_ms)
            err = no_answer (y, y->timeout_ms);
        if (err)
            return err;
        pump (y, until_ms);
    }
    return NULL;
}

yard_rc yard_feed_open (yard_t *y, const yard_feed_filter *filter, yard_err_t **reterr)
{
    struct ym_feed_open msg = {0};
    yard_err_t *err = read_filter (filter, &msg);

    if (err)
        return error_give (err, reterr);
    yard_feed_close (y);
    if (!y->door.socket || is_turned_away (y))
        door_renew (&y->door);
    y->feed = ym_new (sizeof *y->feed);
    y->feed->filter = msg;
    look_by (y, 0);
    err = await (y, ym_time_mono_ms () + y->timeout_ms);
    if (err)
        feed_free (y, y->feed);
    settle (y);
    return err ? error_give (err, reterr) : YARD_OK;
}

void yard_feed_close (yard_t *y)
{
    if (!y->feed)
        return;
    feed_close (y, y->feed);
    feed_free (y, y->feed);
}

void feed_sweep (struct yard *y)
{
    struct feed *f = y->feed;
    yard_event *e;

    if (!f || !f->err)
        return;
    e = event_new (YARD_EVENT_LOST);
    e->why = result_text (e, yard_err_text (f->err));
    e->detail = result_text (e, yard_err_slug (f->err));
    event_keep (y, e);
    feed_free (y, f);
}

void feed_done (struct yard *y)
{
    if (y->feed)
        feed_free (y, y->feed);
}

/* pump.c - asks go out and answers come in: one pass, and batches of asks.
 *
 * An ask is sent when the connection is up, again when it was lost in between, when there was
 * no answer for some time, and after a refusal for now only; always the same frame, so always
 * the same request id and number, so an answer to any sending is good. A slow answer is no
 * reason to break the connection; ZeroMQ's own heartbeats find out about a dead one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/libyard/inside.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum {
    PAUSE_LEAST_MS = 50,
    PAUSE_MOST_MS = 2000,
    FULL_MS = 5,
    LONGEST_MS = 60000,
    BURST = 256
};

uint64_t next_ask (struct yard *y, unsigned place)
{
    return ++y->serial << CALL_BITS | place;
}

void look_by (struct yard *y, int64_t at_ms)
{
    if (at_ms < y->look_at_ms)
        y->look_at_ms = at_ms;
}

yard_err_t *no_answer (const struct yard *y, int after_ms)
{
    return error_new (YARD_EUNREACHABLE, EXIT_UNREACHABLE, "unreachable",
                      "%s: %s within %.3g s", y->door.endpoint, door_trouble (&y->door),
                      after_ms / 1000.0);
}

yard_err_t *turned_away (const struct yard *y)
{
    return error_new (YARD_EDENIED, EXIT_DENIED, "denied",
                      "%s: the yard does not let this key in (%s)", y->door.endpoint,
                      y->door.public_text);
}

yard_err_t *other_version (void)
{
    return error_new (YARD_EVERSION, EXIT_INTERNAL, "version",
                      "the yard's answer cannot be read; is it of another version?");
}

const void *read_body (struct yard *y, const struct ym_header *h, zmq_msg_t *frame)
{
    const struct ym_message *m = ym_message_find (h->number);
    struct ym_faults faults;

    ym_arena_reset (y->arena);
    if (!m || !ym_wire_decode (m, zmq_msg_data (frame), zmq_msg_size (frame), y->arena,
                               y->answer, &faults))
        return NULL;
    return y->answer;
}

/* --- calls --- */

static void finish (struct yard *y, struct call *c, const void *answer, yard_err_t *take_err)
{
    struct batch *b = y->batch;

    c->ask = 0;
    yard_err_free (c->why);
    c->why = NULL;
    b->ended++;
    b->done (b->me, c->item, answer, take_err);
}

static void finish_all (struct yard *y, yard_err_t *(*why) (const struct yard *y))
{
    for (unsigned i = 0; i < CALLS_MAX; i++)
        if (y->calls[i] && y->calls[i]->ask)
            finish (y, y->calls[i], NULL, why (y));
}

/* Without an answer in time: the last refusal says more than silence. */
static void give_up (struct yard *y, struct call *c)
{
    yard_err_t *why = c->why ? c->why : no_answer (y, y->timeout_ms);

    c->why = NULL;
    finish (y, c, NULL, why);
}

static void hear_refused (struct yard *y, struct call *c, const struct ym_refused *r)
{
    int64_t now = ym_time_mono_ms ();
    int wait = pause_ms (c->refused++, PAUSE_LEAST_MS, PAUSE_MOST_MS);

    if (!r->retryable) {
        finish (y, c, NULL, error_refused (r));
        return;
    }
    yard_err_free (c->why);
    c->why = error_refused (r);
    if ((uint64_t)wait < r->retry_after_ms)
        wait = (int)r->retry_after_ms;
    c->due_ms = now + wait;
    if (c->due_ms >= c->until_ms)
        give_up (y, c);
    else
        look_by (y, c->due_ms);
}

static bool is_good (struct batch *b, unsigned number)
{
    b->heard = number;
    return number == b->answer || (b->other && number == b->other);
}

static void hear_answer (struct yard *y, const struct ym_header *h, zmq_msg_t *frame)
{
    size_t place = h->ask & CALL_MASK;
    struct call *c = place < CALLS_MAX ? y->calls[place] : NULL;
    const void *body;

    if (!c || c->ask != h->ask || !y->batch)
        return; /* answered before */
    body = read_body (y, h, frame);
    if (body && h->number == YM_MSG_refused)
        hear_refused (y, c, body);
    else if (body && is_good (y->batch, h->number))
        finish (y, c, body, NULL);
    else
        finish (y, c, NULL, other_version ());
}

static void send_call (struct yard *y, struct call *c, int64_t now)
{
    if (c->due_ms > now) {
        look_by (y, c->due_ms < c->until_ms ? c->due_ms : c->until_ms);
        return;
    }
    if (door_send (&y->door, c->frame, c->size)) {
        c->due_ms = now + (int64_t)y->silence_ms * ++c->sent;
    }
    else {
        c->due_ms = y->door.up ? now + FULL_MS : c->until_ms;
    }
    look_by (y, c->due_ms < c->until_ms ? c->due_ms : c->until_ms);
}

static void send_due (struct yard *y)
{
    int64_t now = ym_time_mono_ms ();

    if (now < y->look_at_ms)
        return;
    y->look_at_ms = INT64_MAX;
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        struct call *c = y->calls[i];
        if (!c || !c->ask)
            continue;
        if (now >= c->until_ms)
            give_up (y, c);
        else
            send_call (y, c, now);
    }
    watches_send (y, now);
    feed_send (y, now);
}

/* --- one pass --- */

static void calls_up (struct yard *y)
{
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        struct call *c = y->calls[i];
        if (c && c->ask && (!c->why || c->due_ms >= c->until_ms))
            c->due_ms = 0; /* a refused one goes on with its pause */
    }
    look_by (y, 0);
}

static void hear_news (struct yard *y)
{
    unsigned news = door_news (&y->door);

    if (news & DOOR_UP && y->door.up) {
        calls_up (y);
        watches_up (y);
        feed_up (y);
    }
    if (y->door.denied && !y->door.up)
        finish_all (y, turned_away);
}

static void hear_frame (struct yard *y, zmq_msg_t *frame)
{
    struct ym_header h;

    if (!ym_wire_header (zmq_msg_data (frame), zmq_msg_size (frame), &h))
        return;
    if (h.ask & WATCH_BIT && (h.ask & CALL_MASK) == FEED_PLACE)
        feed_hear (y, &h, frame);
    else if (h.ask & WATCH_BIT)
        watch_hear (y, &h, frame);
    else
        hear_answer (y, &h, frame);
}

static void receive (struct yard *y)
{
    zmq_msg_t frame;

    for (unsigned i = 0; i < BURST && door_receive (&y->door, &frame); i++) {
        if (i == 0)
            y->door.heard_ms = ym_time_mono_ms ();
        hear_frame (y, &frame);
        (void)zmq_msg_close (&frame);
    }
}

static void wait_until (struct yard *y, int64_t until_ms)
{
    zmq_pollitem_t items[DOOR_ITEMS];
    int64_t now = ym_time_mono_ms ();

    if (y->look_at_ms < until_ms)
        until_ms = y->look_at_ms;
    if (until_ms > now + LONGEST_MS)
        until_ms = now + LONGEST_MS;
    door_items (&y->door, items);
    (void)zmq_poll (items, DOOR_ITEMS, until_ms > now ? (long)(until_ms - now) : 0);
}

void pump (struct yard *y, int64_t until_ms)
{
    size_t ended = y->batch ? y->batch->ended : 0;

    hear_news (y);
    send_due (y);
    if (!y->batch || y->batch->ended == ended)
        wait_until (y, until_ms);
    hear_news (y);
    receive (y);
}

/* --- batches --- */

static void encode (struct yard *y, struct call *c, const void *msg)
{
    unsigned number = y->batch->ask;
    struct ym_header h = {.number = (uint16_t)number, .ask = c->ask};
    size_t room = ym_wire_room (ym_message_find (number), msg);

    if (room > c->room) {
        c->frame = ym_grow_array (c->frame, room, 1);
        c->room = room;
    }
    c->size = ym_wire_encode (&h, msg, c->frame, c->room);
    if (c->size == 0)
        ym_panic ("a checked message that cannot be encoded: %u", number);
}

static void begin_next (struct yard *y, unsigned place)
{
    struct batch *b = y->batch;
    size_t item = b->begun++;
    const void *msg = b->next (b->me, item);
    struct call *c = y->calls[place];

    if (!msg) {
        b->ended++;
        return;
    }
    if (!c)
        c = y->calls[place] = ym_new (sizeof *c);
    c->ask = next_ask (y, place);
    c->item = item;
    c->due_ms = 0;
    c->until_ms = ym_time_mono_ms () + y->timeout_ms;
    c->sent = c->refused = 0;
    encode (y, c, msg);
    look_by (y, 0);
}

static void fill (struct yard *y)
{
    for (unsigned i = 0; i < CALLS_MAX && y->batch->begun < y->batch->count;)
        if (!y->calls[i] || !y->calls[i]->ask)
            begin_next (y, i);
        else
            i++;
}

void batch_run (struct yard *y, struct batch *b)
{
    ym_assert (!y->batch);
    y->batch = b;
    if (!y->door.socket || (y->door.denied && !y->door.up))
        door_renew (&y->door);
    while (b->ended < b->count) {
        fill (y);
        if (b->ended < b->count)
            pump (y, INT64_MAX);
    }
    y->batch = NULL;
    settle (y);
}

struct single {
    const struct question *q;
    const struct batch *batch;
    void *result;
    yard_err_t *err;
};

static const void *single_next (void *me, size_t item)
{
    (void)item;
    return ((struct single *)me)->q->msg;
}

static void single_done (void *me, size_t item, const void *answer, yard_err_t *take_err)
{
    struct single *s = me;

    (void)item;
    s->err = take_err;
    if (answer)
        s->result = (s->batch->heard == s->q->answer ? s->q->make : s->q->make_other) (answer);
}

yard_rc ask (struct yard *y, const struct question *q, void **ret, yard_err_t **reterr)
{
    struct single s = {.q = q};
    struct batch b = {.count = 1,
                      .ask = q->ask,
                      .answer = q->answer,
                      .other = q->other,
                      .next = single_next,
                      .done = single_done,
                      .me = &s};

    s.batch = &b;
    batch_run (y, &b);
    if (s.err)
        return error_give (s.err, reterr);
    if (ret)
        *ret = s.result;
    else
        yard_free (s.result);
    return YARD_OK;
}

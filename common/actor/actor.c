/* actor.c - the loop: control pipe, signals, bus, lanes, the actor's own pass.
 *
 * Order within a pass: what the database answered, then what arrived, then the actor's pass,
 * then new turns, so that everything that came in meanwhile shares the next commit.
 */
#include "common/actor/yard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum {
    LETTERS_MAX = 1024, /* of one pass, so that the loop's other duties are not starved */
    DOWN_GRACE_MS =
        2000,       /* so long asks wait for a database that restarts before they are refused */
    STOP_SHARE = 2, /* draining may take this part of stop_ms */
    EXIT_CONFIG = 78,
};

/* Answering. */

struct ym_bus *ym_yard_bus (struct ym_yard *yard)
{
    return yard->bus;
}

void ym_answer (struct ym_yard *yard, struct ym_item *item, unsigned number, const void *msg)
{
    ym_assert (item->asked);
    item->asked = false;
    ym_bus_answer (yard->bus, &item->from, number, msg);
}

static void refuse (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why,
                    unsigned retry_after_ms, const struct ym_faults *faults)
{
    ym_log (YM_LOG_DEBUG, "refused",
            ym_log_text ("message", item->has_letter ? item->letter.message->name : "-"),
            ym_log_text ("from", item->key.name), ym_log_text ("why", ym_refusal_slug (why)));
    if (!item->asked) {
        yard->refused++; /* the bus counts those it tells */
        return;
    }
    item->asked = false;
    ym_bus_refuse (yard->bus, &item->from, why, NULL, retry_after_ms, faults);
}

void ym_refuse_faults (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why,
                       const struct ym_faults *faults)
{
    refuse (yard, item, why, ym_refusal_is_retryable (why) ? 100 : 0, faults);
}

void ym_refuse_later (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why,
                      unsigned retry_after_ms)
{
    refuse (yard, item, why, retry_after_ms, NULL);
}

void ym_refuse (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why)
{
    ym_refuse_faults (yard, item, why, NULL);
}

void ym_send (struct ym_yard *yard, unsigned peer, unsigned number, uint64_t ask,
              const void *msg)
{
    ym_bus_send (yard->bus, peer, number, ask, msg);
}

/* What an actor may ask of its process. */

const struct ym_handover *ym_yard_handover (const struct ym_yard *yard)
{
    return yard->handover;
}

int64_t ym_yard_setting (const struct ym_yard *yard, const char *name)
{
    return ym_handover_number (yard->handover, name);
}

int64_t ym_yard_epoch (const struct ym_yard *yard)
{
    return yard->epoch;
}

int64_t ym_yard_tick (const struct ym_yard *yard)
{
    return yard->tick;
}

bool ym_yard_has_database (const struct ym_yard *yard)
{
    return yard->lanes[YM_LANE_WRITE].up && !yard->lanes[YM_LANE_WRITE].recovering;
}

bool ym_yard_is_stopping (const struct ym_yard *yard)
{
    return yard->stopping;
}

uint64_t ym_yard_refused (const struct ym_yard *yard)
{
    return yard->refused + ym_bus_counts (yard->bus).refused;
}

int64_t ym_yard_started_ms (const struct ym_yard *yard)
{
    return yard->started_ms;
}

void ym_put (struct ym_yard *yard, const struct ym_work *work, void *take_body)
{
    ym_put_for (yard, work, take_body, 0);
}

void ym_put_for (struct ym_yard *yard, const struct ym_work *work, void *take_body, int64_t key)
{
    struct ym_lane_state *lane = &yard->lanes[work->lane];
    struct ym_item *item = ym_item_new (work, take_body);

    item->key.key = key;
    if (lane->recovering)
        ym_lane_add_first (lane, item);
    else
        ym_lane_add (lane, item);
}

static enum ym_refusal why_not_now (const struct ym_yard *yard,
                                    const struct ym_lane_state *lane,
                                    const struct ym_item *item)
{
    if (yard->stopping)
        return YM_REFUSAL_STOPPING;
    if (ym_lane_is_full (lane, item))
        return YM_REFUSAL_BUSY;
    if (!lane->up && ym_time_mono_ms () - lane->away_since_ms > DOWN_GRACE_MS)
        return YM_REFUSAL_BACKEND_UNAVAILABLE;
    return YM_REFUSAL_NONE;
}

static void put_waiting (struct ym_yard *yard, struct ym_item *item)
{
    struct ym_lane_state *lane = &yard->lanes[item->work->lane];
    enum ym_refusal why = why_not_now (yard, lane, item);

    if (why == YM_REFUSAL_NONE) {
        ym_lane_add (lane, item);
        return;
    }
    ym_refuse (yard, item, why);
    ym_item_free (item);
}

void ym_put_again (struct ym_yard *yard, struct ym_item *item, const struct ym_work *work)
{
    struct ym_item *moved = ym_item_new (work, NULL);

    ym_assert (item->has_letter);
    moved->from = item->from;
    moved->key = item->key;
    moved->asked = item->asked;
    moved->keep = item->keep;
    moved->deaths = item->deaths;
    moved->digest = item->digest;
    item->keep = NULL;
    moved->letter = item->letter;
    moved->has_letter = true;
    item->has_letter = false;
    item->body = NULL;
    item->asked = false;
    put_waiting (yard, moved);
}

/* Talking with the supervisor. */

static void tell_supervisor (const char *word)
{
    if (send (YM_FD_CONTROL, word, strlen (word), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
        errno != EAGAIN)
        _exit (1); /* it is gone: nobody would end us later */
}

void ym_yard_is_ready (struct ym_yard *yard)
{
    if (yard->ready)
        return;
    yard->ready = true;
    tell_supervisor ("READY");
    ym_log (YM_LOG_INFO, "ready",
            ym_log_number ("after_ms", ym_time_wall_ms () - yard->started_ms));
}

static void begin_stop (struct ym_yard *yard, int64_t mono_ms)
{
    if (yard->stopping)
        return;
    yard->stopping = true;
    yard->stop_at_ms = mono_ms + ym_yard_setting (yard, "stop_ms") / STOP_SHARE;
    ym_log_plain (YM_LOG_INFO, "stopping");
}

static void hear_supervisor (struct ym_yard *yard, int64_t mono_ms)
{
    char word[64];
    ssize_t n = recv (YM_FD_CONTROL, word, sizeof word - 1, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        _exit (1);
    word[n] = '\0';
    if (strcmp (word, "STOP") == 0)
        begin_stop (yard, mono_ms);
}

/* Messages. */

/* Understood at every door. */
static void on_hello (void *me, struct ym_item *item)
{
    struct ym_yard *yard = me;
    struct ym_welcome w = {.role = item->key.role,
                           .now = ym_time_wall_ms (),
                           .message_max = (uint64_t)ym_yard_setting (yard, "message_max")};

    (void)ym_text_copy (w.version, sizeof w.version, YM_VERSION);
    (void)ym_text_copy (w.tenant, sizeof w.tenant, item->key.tenant_name);
    (void)ym_text_copy (w.name, sizeof w.name, item->key.name);
    ym_answer (yard, item, YM_MSG_welcome, &w);
}

static const struct ym_handler hello = {.message = YM_MSG_hello, .hear = on_hello};

static const struct ym_handler *find_handler (const struct ym_actor *actor, unsigned number)
{
    if (number == hello.message)
        return &hello;
    for (size_t i = 0; i < actor->handler_count; i++)
        if (actor->handlers[i].message == number)
            return &actor->handlers[i];
    return NULL;
}

static void hear_now (struct ym_yard *yard, const struct ym_handler *h, struct ym_item *item)
{
    ym_quarantine_begins (yard, YM_POISON_HEARD, item);
    if (ym_item_decode (yard, item, yard->hear_arena))
        h->hear (h == &hello ? yard : yard->me, item);
    ym_quarantine_ends (yard, YM_POISON_HEARD);
    ym_arena_reset (yard->hear_arena);
    ym_item_free (item);
}

static void take_letter (struct ym_yard *yard, const struct ym_letter *letter)
{
    const struct ym_handler *h = find_handler (yard->actor, letter->header.number);
    struct ym_item *item = ym_item_new (h ? h->work : NULL, NULL);

    item->letter = *letter;
    item->has_letter = true;
    item->from = letter->from;
    item->key = letter->key;
    item->asked = letter->message->sort == YM_ASK;
    if (ym_quarantine_takes (yard, item))
        return;
    if (!h) {
        ym_refuse (yard, item, YM_REFUSAL_UNKNOWN_MESSAGE);
        ym_item_free (item);
    }
    else if (h->hear)
        hear_now (yard, h, item);
    else
        put_waiting (yard, item);
}

static void take_letters (struct ym_yard *yard)
{
    struct ym_letter letter;

    for (int n = 0; n < LETTERS_MAX && ym_bus_receive (yard->bus, &letter) == 1; n++)
        take_letter (yard, &letter);
}

static void take_news (struct ym_yard *yard)
{
    enum ym_link_news news;
    unsigned peer;

    while ((news = ym_bus_news (yard->bus, &peer)) != YM_LINK_NONE) {
        ym_log (news == YM_LINK_UP ? YM_LOG_INFO : YM_LOG_WARNING, "link",
                ym_log_text ("peer", ym_actor_rows[peer].name),
                ym_log_text ("news", news == YM_LINK_UP    ? "up"
                                     : news == YM_LINK_GAP ? "gap"
                                                           : "silent"));
        if (yard->actor->link)
            yard->actor->link (yard->me, peer, news);
    }
}

/* The loop. */

static int least_wait (int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int until (int64_t at_ms, int64_t mono_ms)
{
    return at_ms <= mono_ms ? 0 : (int)(at_ms - mono_ms > 60000 ? 60000 : at_ms - mono_ms);
}

static int lanes_wait (struct ym_yard *yard, int64_t mono_ms)
{
    int wait = -1;

    for (unsigned i = 0; i < yard->lane_count; i++) {
        const struct ym_lane_state *lane = &yard->lanes[i];
        wait = least_wait (wait, ym_store_wait_ms (lane->store, mono_ms));
        if ((!lane->up || lane->recovering) && lane->waiting_count > 0)
            wait = least_wait (wait, 100);
    }
    return wait;
}

/* True if something may be there to do. */
static void wait_for_something (struct ym_yard *yard, int pass_wait, int64_t mono_ms)
{
    zmq_pollitem_t items[YM_BUS_POLL_MAX + 1 + YM_LANES];
    int count = ym_bus_poll_items (yard->bus, items);
    int wait = least_wait (pass_wait, ym_bus_wait_ms (yard->bus, mono_ms));

    items[count++] = (zmq_pollitem_t){.fd = YM_FD_CONTROL, .events = ZMQ_POLLIN};
    for (unsigned i = 0; i < yard->lane_count; i++) {
        short want = 0;
        int fd = ym_store_fd (yard->lanes[i].store, &want);
        if (fd >= 0)
            items[count++] =
                (zmq_pollitem_t){.fd = fd,
                                 .events = (short)((want & POLLIN ? ZMQ_POLLIN : 0) |
                                                   (want & POLLOUT ? ZMQ_POLLOUT : 0))};
    }
    wait = least_wait (wait, lanes_wait (yard, mono_ms));
    wait = least_wait (wait, until (yard->beat_at_ms, mono_ms));
    if (yard->stopping)
        wait = least_wait (wait, until (yard->stop_at_ms, mono_ms));
    if (zmq_poll (items, count, wait) < 0 && errno != EINTR)
        ym_panic ("zmq_poll: %s", zmq_strerror (errno));
}

static bool is_drained (const struct ym_yard *yard, int64_t mono_ms)
{
    if (!yard->stopping)
        return false;
    if (mono_ms >= yard->stop_at_ms)
        return true;
    for (unsigned i = 0; i < yard->lane_count; i++)
        if (!ym_lane_is_idle (&yard->lanes[i]))
            return false;
    return true;
}

static void beat (struct ym_yard *yard, int64_t mono_ms)
{
    ym_bus_beat (yard->bus, mono_ms);
    if (mono_ms < yard->beat_at_ms)
        return;
    yard->beat_at_ms = mono_ms + yard->beat_ms;
    tell_supervisor ("BEAT");
}

static void loop (struct ym_yard *yard)
{
    int pass_wait = 0;

    for (;;) {
        wait_for_something (yard, pass_wait, ym_time_mono_ms ());
        int64_t mono_ms = ym_time_mono_ms ();
        hear_supervisor (yard, mono_ms);
        for (unsigned i = 0; i < yard->lane_count; i++)
            ym_store_process (yard->lanes[i].store, mono_ms);
        take_letters (yard);
        take_news (yard);
        ym_keys_step (yard, mono_ms);
        pass_wait = yard->actor->pass ? yard->actor->pass (yard->me, mono_ms) : -1;
        for (unsigned i = 0; i < yard->lane_count; i++)
            ym_lane_step (&yard->lanes[i], mono_ms);
        beat (yard, mono_ms);
        if (is_drained (yard, mono_ms))
            return;
    }
}

/* Start and end. */

static bool may (unsigned from, unsigned to, unsigned message)
{
    static const struct {
        unsigned from, to, message;
    } rows[] = {
#define ACTOR(symbol, name, program, argument, role, door, doc)
#define MAY(from, to, message) {YM_ACTOR_##from, YM_ACTOR_##to, YM_MSG_##message},
#include "schema/actors.def"
#undef ACTOR
#undef MAY
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].from == from && rows[i].to == to && rows[i].message == message)
            return true;
    return message == YM_MSG_refused; /* the answer to any question */
}

static int open_bus (struct ym_yard *yard)
{
    const struct ym_handover *h = yard->handover;
    struct ym_bus_peer peers[YM_ACTORS];
    char name[80], why[200] = "";

    for (unsigned i = 0; i < YM_ACTORS; i++) {
        (void)ym_text_format (name, sizeof name, "bus_public.%s", ym_actor_rows[i].name);
        peers[i] = (struct ym_bus_peer){ym_actor_rows[i].name, ym_handover_text (h, name)};
    }
    char directory[200];
    (void)ym_text_format (directory, sizeof directory, "%s/bus",
                          ym_handover_text (h, "run_directory"));
    int self = ym_actor_find (ym_handover_text (h, "name"));
    ym_assert (self >= 0);
    int r = ym_bus_open (
        &(struct ym_bus_options){.directory = directory,
                                 .self = (unsigned)self,
                                 .incarnation = (uint64_t)ym_handover_number (h, "incarnation"),
                                 .secret_key = ym_handover_text (h, "bus_secret"),
                                 .peers = peers,
                                 .peer_count = YM_ACTORS,
                                 .may = may,
                                 .door = ym_handover_text (h, "door"),
                                 .door_secret_key = ym_handover_text (h, "door_secret"),
                                 .message_max = (unsigned)ym_handover_number (h, "message_max"),
                                 .outbox_max = (unsigned)ym_handover_number (h, "outbox_max"),
                                 .handshake_ms =
                                     (unsigned)ym_handover_number (h, "handshake_ms"),
                                 .beat_ms = (unsigned)ym_handover_number (h, "beat_ms")},
        &yard->bus, why);
    if (r < 0)
        ym_log (YM_LOG_ERROR, "cannot_serve", ym_log_text ("why", why));
    return r;
}

static void block_signals (void)
{
    sigset_t set;

    ym_assert (sigemptyset (&set) == 0 && sigaddset (&set, SIGTERM) == 0 &&
               sigaddset (&set, SIGINT) == 0 && sigaddset (&set, SIGHUP) == 0 &&
               sigaddset (&set, SIGPIPE) == 0);
    /* The supervisor stops us over the control pipe; signals meant for its group are its
     * business. */
    ym_assert (sigprocmask (SIG_BLOCK, &set, NULL) == 0);
}

static void open_lanes (struct ym_yard *yard)
{
    yard->lane_count = yard->actor->reads ? 2 : 1;
    for (unsigned i = 0; i < yard->lane_count; i++)
        ym_lane_open (yard, (enum ym_lane)i);
}

static void close_yard (struct ym_yard *yard)
{
    for (unsigned i = 0; i < yard->lane_count; i++)
        ym_lane_close (&yard->lanes[i]);
    yard->actor->end (yard->me);
    ym_bus_close (yard->bus);
    for (unsigned lane = 0; lane < YM_POISON_LANES; lane++)
        ym_quarantine_ends (yard, lane);
    ym_arena_free (yard->hear_arena);
    ym_handover_free (yard->handover);
}

int ym_actor_main (const struct ym_actor *actor)
{
    struct ym_yard yard = {.actor = actor, .started_ms = ym_time_wall_ms ()};

    if (ym_handover_read (YM_FD_HANDOVER, &yard.handover) < 0) {
        (void)fprintf (stderr, "%s is started by yardmasterd, not by hand\n", actor->name);
        return EXIT_CONFIG;
    }
    block_signals ();
    (void)prctl (PR_SET_DUMPABLE, 0); /* keys are in memory */
    ym_log_open (ym_handover_text (yard.handover, "name"));
    yard.inbox_max = (size_t)ym_handover_number (yard.handover, "inbox_max");
    yard.turn_max = (size_t)ym_handover_number (yard.handover, "turn_max");
    yard.beat_ms = ym_handover_number (yard.handover, "beat_ms");
    yard.hear_arena = ym_arena_new (1 << 16);
    ym_quarantine_open (&yard, YM_FD_MEMORY);
    if (open_bus (&yard) < 0)
        return EXIT_CONFIG;
    yard.me = actor->begin (&yard);
    open_lanes (&yard);
    loop (&yard);
    close_yard (&yard);
    ym_log_plain (YM_LOG_INFO, "stopped");
    return 0;
}

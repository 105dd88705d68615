/* rig.h - a directory, keys, buses and raw clients for the tests of the bus.
 *
 * Nothing sleeps: spin() turns all buses until a condition holds, or fails after a limit.
 */
#ifndef YM_TEST_BUS_RIG_H
#define YM_TEST_BUS_RIG_H

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/refusal.h"
#include "common/base/time.h"
#include "common/bus/bus.h"

enum { ACTORS = 3, LIMIT_MS = 5000, FRAME = 65536 };

struct rig {
    char directory[40];
    char public_text[ACTORS][41], secret[ACTORS][41];
    char door_public[41], door_secret[41];
    void *context; /* of the raw clients */
};

struct station {
    struct ym_bus *bus;
    bool deaf; /* does not receive */
    unsigned letters;
    unsigned last; /* number of the last message */
    struct ym_letter letter;
    unsigned news[4], last_peer;
};

static struct rig rig;
static struct station stations[ACTORS];

static inline bool may_anything (unsigned from, unsigned to, unsigned message)
{
    return from != to && ym_message_find (message);
}

static inline bool may_nothing (unsigned from, unsigned to, unsigned message)
{
    (void)from, (void)to, (void)message;
    return false;
}

static inline void rig_up (void)
{
    strcpy (rig.directory, "/tmp/ym-bus-XXXXXX");
    cr_assert (mkdtemp (rig.directory));
    for (unsigned i = 0; i < ACTORS; i++)
        cr_assert_eq (zmq_curve_keypair (rig.public_text[i], rig.secret[i]), 0);
    cr_assert_eq (zmq_curve_keypair (rig.door_public, rig.door_secret), 0);
    cr_assert (rig.context = zmq_ctx_new ());
    zmq_ctx_set (rig.context, ZMQ_BLOCKY, 0);
}

static inline void sweep (void)
{
    static const char *const names[] = {"a", "b", "c", "a.lock", "b.lock", "c.lock"};
    char path[80];
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf (path, sizeof path, "%s/%s", rig.directory, names[i]);
        (void)unlink (path);
    }
    cr_assert_eq (rmdir (rig.directory), 0, "something was left in %s", rig.directory);
}

static inline void rig_down (void)
{
    for (unsigned i = 0; i < ACTORS; i++) {
        ym_letter_free (&stations[i].letter);
        ym_bus_close (stations[i].bus);
    }
    zmq_ctx_term (rig.context);
    sweep ();
}

static inline int try_open (unsigned self, struct ym_bus_options *o, char *reterr)
{
    static const char *const names[ACTORS] = {"a", "b", "c"};
    struct ym_bus_peer peers[ACTORS];
    for (unsigned i = 0; i < ACTORS; i++)
        peers[i] = (struct ym_bus_peer){names[i], rig.public_text[i]};
    if (!o->directory)
        o->directory = rig.directory;
    o->self = self;
    o->peers = peers;
    o->peer_count = ACTORS;
    o->incarnation = o->incarnation ? o->incarnation : 1;
    o->secret_key = o->secret_key ? o->secret_key : rig.secret[self];
    o->may = o->may ? o->may : may_anything;
    o->door_secret_key = rig.door_secret;
    o->message_max = o->message_max ? o->message_max : FRAME;
    o->outbox_max = o->outbox_max ? o->outbox_max : 64;
    o->handshake_ms = 2000;
    o->beat_ms = o->beat_ms ? o->beat_ms : 100;
    return ym_bus_open (o, &stations[self].bus, reterr);
}

static inline struct ym_bus *start (unsigned self, struct ym_bus_options o)
{
    char error[YM_BUS_ERROR_MAX] = "";
    int rc = try_open (self, &o, error);
    cr_assert_eq (rc, 0, "open: %d %s", rc, error);
    return stations[self].bus;
}

static inline void stop (unsigned self)
{
    ym_letter_free (&stations[self].letter);
    ym_bus_close (stations[self].bus);
    stations[self] = (struct station){0};
}

static inline void turn_one (struct station *s, int64_t mono_ms)
{
    unsigned peer;
    enum ym_link_news news;
    struct ym_letter letter;
    while (!s->deaf && ym_bus_receive (s->bus, &letter)) {
        ym_letter_free (&s->letter);
        s->letter = letter;
        s->last = letter.header.number;
        s->letters++;
    }
    ym_bus_beat (s->bus, mono_ms);
    while ((news = ym_bus_news (s->bus, &peer)) != YM_LINK_NONE) {
        s->news[news]++;
        s->last_peer = peer;
    }
}

/* One pass over all stations; waits at most 5 ms for something to happen. */
static inline void turn (void)
{
    zmq_pollitem_t items[ACTORS * YM_BUS_POLL_MAX];
    int count = 0;
    for (unsigned i = 0; i < ACTORS; i++) {
        if (stations[i].bus && !stations[i].deaf)
            count += ym_bus_poll_items (stations[i].bus, items + count);
    }
    cr_assert (zmq_poll (items, count, 5) >= 0 || errno == EINTR);
    for (unsigned i = 0; i < ACTORS; i++) {
        if (stations[i].bus)
            turn_one (&stations[i], ym_time_mono_ms ());
    }
}

/* Turns until 'what' holds. */
#define spin(what)                                                                             \
    do {                                                                                       \
        int64_t until_ms_ = ym_time_mono_ms () + LIMIT_MS;                                     \
        while (!(what)) {                                                                      \
            cr_assert (ym_time_mono_ms () < until_ms_, "waited in vain for %s", #what);        \
            turn ();                                                                           \
        }                                                                                      \
    } while (0)

/* Turns for long enough that what should not come would have come. */
static inline void settle (void)
{
    int64_t until_ms = ym_time_mono_ms () + 150;
    while (ym_time_mono_ms () < until_ms)
        turn ();
}

/* A raw socket with the keys given (NULL: none), not yet connected. */
static inline void *raw (const char *server, const char *public_text, const char *secret)
{
    void *s = zmq_socket (rig.context, ZMQ_DEALER);
    cr_assert (s);
    if (secret) {
        cr_assert_eq (zmq_setsockopt (s, ZMQ_CURVE_SERVERKEY, server, 41), 0);
        cr_assert_eq (zmq_setsockopt (s, ZMQ_CURVE_PUBLICKEY, public_text, 41), 0);
        cr_assert_eq (zmq_setsockopt (s, ZMQ_CURVE_SECRETKEY, secret, 41), 0);
    }
    cr_assert_eq (zmq_setsockopt (s, ZMQ_LINGER, &(int){0}, sizeof (int)), 0);
    cr_assert_eq (zmq_setsockopt (s, ZMQ_IPV6, &(int){1}, sizeof (int)), 0);
    return s;
}

/* Speaks on the bus to 'to' with the key of actor 'who'. */
static inline void *ghost (unsigned who, unsigned to)
{
    static const char *const names[ACTORS] = {"a", "b", "c"};
    char endpoint[80];
    void *s = raw (rig.public_text[to], rig.public_text[who], rig.secret[who]);
    snprintf (endpoint, sizeof endpoint, "ipc://%s/%s", rig.directory, names[to]);
    cr_assert_eq (zmq_connect (s, endpoint), 0);
    return s;
}

static inline void raw_send (void *socket, unsigned number, uint64_t ask, uint64_t seq,
                             const void *msg)
{
    static uint8_t frame[1 << 20];
    struct ym_header h = {
        .version = YM_WIRE_VERSION,
        .number = (uint16_t)number,
        .ask = ask,
        .seq = seq,
    };
    size_t size = ym_wire_encode (&h, msg, frame, sizeof frame);
    cr_assert (size > 0);
    cr_assert (zmq_send (socket, frame, size, 0) >= 0);
}

static inline void ghost_beat (void *socket, uint64_t incarnation, uint64_t latest)
{
    struct ym_beat beat = {.incarnation = incarnation, .latest = latest};
    raw_send (socket, YM_MSG_beat, 0, 0, &beat);
}

static inline void ghost_tell (void *socket, uint64_t seq)
{
    raw_send (socket, YM_MSG_keys_changed, 0, seq, &(struct ym_keys_changed){0});
}
#endif

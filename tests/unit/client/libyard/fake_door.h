/* fake_door.h - a door that a test plays: a ROUTER with CURVE on a free port of loopback.
 *
 * The test is the yard: it takes what came, looks at it, and answers what it likes. What it
 * waits for comes within PATIENCE_MS or the test fails.
 */
#ifndef TEST_FAKE_DOOR_H
#define TEST_FAKE_DOOR_H
#include <czmq.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/libyard/yard.h"
#include "common/base/id.h"
#include "common/base/panic.h"
#include "common/base/time.h"
#include "common/wire/wire.h"

enum { PATIENCE_MS = 8000 };

/* Criterion itself may leave a worker of its own behind when several tests run side by side. */
const char *__lsan_default_suppressions (void);
const char *__lsan_default_suppressions (void)
{
    return "leak:libcriterion";
}

struct fake_door {
    char directory[64], endpoint[64];
    char public_file[96], cert_file[96], server_key[41], server_secret[41], client_key[41];
    void *context, *socket, *zap;
    pthread_t zap_thread;
    bool denies;
    uint8_t route[5];
    struct ym_header header; /* of what was taken last */
    struct ym_arena *arena;
    union {
        uint8_t octets[1 << 16];
        int64_t aligned;
    } body;
    uint8_t frame[200000];
    size_t frame_size;
    /* for agents */
    bool answers_beats;
    uint64_t session;
    unsigned beats;
};

/* RFC 27: lets everybody in, or nobody. */
static void *fake_zap (void *me)
{
    struct fake_door *d = me;
    zmq_msg_t part;

    for (;;) {
        char id[64];
        int size = 0, at = 0, more = 1;
        while (more) {
            zmq_msg_init (&part);
            if (zmq_msg_recv (&part, d->zap, 0) < 0) {
                zmq_close (d->zap);
                return NULL;
            }
            if (at++ == 1) {
                size = (int)zmq_msg_size (&part);
                memcpy (id, zmq_msg_data (&part), (size_t)size);
            }
            more = zmq_msg_more (&part);
            zmq_msg_close (&part);
        }
        zmq_send (d->zap, "1.0", 3, ZMQ_SNDMORE);
        zmq_send (d->zap, id, (size_t)size, ZMQ_SNDMORE);
        zmq_send (d->zap, d->denies ? "400" : "200", 3, ZMQ_SNDMORE);
        zmq_send (d->zap, "", 0, ZMQ_SNDMORE);
        zmq_send (d->zap, "", 0, ZMQ_SNDMORE);
        zmq_send (d->zap, "", 0, 0);
    }
}

static inline void fake_open (struct fake_door *d)
{
    int yes = 1, none = 0, few = 20;
    size_t size = sizeof d->endpoint;

    d->socket = zmq_socket (d->context, ZMQ_ROUTER);
    zmq_setsockopt (d->socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt (d->socket, ZMQ_CURVE_SERVER, &yes, sizeof yes);
    zmq_setsockopt (d->socket, ZMQ_CURVE_SECRETKEY, d->server_secret, 41);
    zmq_setsockopt (d->socket, ZMQ_ZAP_DOMAIN, "door", 4);
    zmq_setsockopt (d->socket, ZMQ_ROUTER_MANDATORY, &yes, sizeof yes);
    zmq_setsockopt (d->socket, ZMQ_RCVTIMEO, &few, sizeof few);
    for (int i = 0; zmq_bind (d->socket, d->endpoint) != 0; i++) {
        cr_assert (errno == EADDRINUSE && i < 500, "bind %s: %s", d->endpoint,
                   zmq_strerror (errno));
        usleep (10000);
    }
    zmq_getsockopt (d->socket, ZMQ_LAST_ENDPOINT, d->endpoint, &size);
}

static inline void fake_start (struct fake_door *d, bool denies)
{
    zcert_t *server = zcert_new (), *client = zcert_new ();
    const char *base = getenv ("TMPDIR");

    memset (d, 0, sizeof *d);
    d->denies = denies;
    d->arena = ym_arena_new (65536);
    snprintf (d->directory, sizeof d->directory, "%.35s/yard-door-XXXXXX",
              base ? base : "/tmp");
    cr_assert (mkdtemp (d->directory));
    snprintf (d->public_file, sizeof d->public_file, "%s/door", d->directory);
    snprintf (d->cert_file, sizeof d->cert_file, "%s/client_secret", d->directory);
    cr_assert (zcert_save_public (server, d->public_file) == 0);
    cr_assert (zcert_save_secret (client, d->cert_file) == 0);
    strcpy (d->server_key, zcert_public_txt (server));
    strcpy (d->server_secret, zcert_secret_txt (server));
    strcpy (d->client_key, zcert_public_txt (client));
    zcert_destroy (&server);
    zcert_destroy (&client);
    d->context = zmq_ctx_new ();
    d->zap = zmq_socket (d->context, ZMQ_REP);
    cr_assert (zmq_bind (d->zap, "inproc://zeromq.zap.01") == 0);
    cr_assert (pthread_create (&d->zap_thread, NULL, fake_zap, d) == 0);
    strcpy (d->endpoint, "tcp://127.0.0.1:*");
    fake_open (d);
}

/* Cuts every connection; the door is there again at once. */
static inline void fake_cut (struct fake_door *d)
{
    zmq_close (d->socket);
    fake_open (d);
}

static inline void fake_stop (struct fake_door *d)
{
    zmq_close (d->socket);
    zmq_ctx_term (d->context);
    pthread_join (d->zap_thread, NULL);
    ym_arena_free (d->arena);
    unlink (d->public_file);
    unlink (d->cert_file);
    rmdir (d->directory);
}

/* --- what comes and goes --- */

static inline void fake_send_octets (struct fake_door *d, const void *frame, size_t size)
{
    int64_t until = ym_time_mono_ms () + PATIENCE_MS;

    /* A full pipe is waited out; a peer that has gone is not missed. */
    while (zmq_send (d->socket, d->route, sizeof d->route, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno == EHOSTUNREACH)
            return;
        cr_assert (errno == EAGAIN && ym_time_mono_ms () < until, "%s", zmq_strerror (errno));
        usleep (500);
    }
    cr_assert (zmq_send (d->socket, frame, size, ZMQ_DONTWAIT) >= 0);
}

static inline void fake_send (struct fake_door *d, unsigned number, uint64_t ask,
                              const void *msg)
{
    struct ym_header h = {.number = (uint16_t)number, .ask = ask};
    static uint8_t frame[400000];
    size_t size = ym_wire_encode (&h, msg, frame, sizeof frame);

    cr_assert (size > 0, "the test's message %u breaks a limit", number);
    fake_send_octets (d, frame, size);
}

static inline void fake_answer (struct fake_door *d, unsigned number, const void *msg)
{
    fake_send (d, number, d->header.ask, msg);
}

static inline void fake_tell (struct fake_door *d, unsigned number, const void *msg)
{
    fake_send (d, number, 0, msg);
}

static inline void fake_refuse (struct fake_door *d, const char *code, bool retryable,
                                unsigned after_ms)
{
    struct ym_refused m = {
        .text = ym_str ("because"), .retryable = retryable, .retry_after_ms = after_ms};

    strcpy (m.code, code);
    fake_answer (d, YM_MSG_refused, &m);
}

static inline bool fake_take_frame (struct fake_door *d)
{
    int size, more = 1;
    size_t more_size = sizeof more;

    if (zmq_recv (d->socket, d->route, sizeof d->route, 0) != sizeof d->route)
        return false;
    size = zmq_recv (d->socket, d->frame, sizeof d->frame, 0);
    cr_assert (size >= YM_HEADER_SIZE && (size_t)size <= sizeof d->frame);
    zmq_getsockopt (d->socket, ZMQ_RCVMORE, &more, &more_size);
    cr_assert (!more, "a message is one frame");
    d->frame_size = (size_t)size;
    cr_assert (ym_wire_header (d->frame, d->frame_size, &d->header));
    return true;
}

static inline const void *fake_read (struct fake_door *d)
{
    const struct ym_message *m = ym_message_find (d->header.number);
    struct ym_faults faults;

    cr_assert (m && m->size <= sizeof d->body);
    ym_arena_reset (d->arena);
    cr_assert (ym_wire_decode (m, d->frame, d->frame_size, d->arena, d->body.octets, &faults),
               "%s: %s %s", m->name, faults.at[0].path, faults.at[0].text);
    return d->body.octets;
}

/* Beats are answered on the way; false if nothing came within wait_ms. */
static inline bool fake_take (struct fake_door *d, int wait_ms)
{
    int64_t until = ym_time_mono_ms () + wait_ms;

    do {
        if (!fake_take_frame (d))
            continue;
        if (d->header.number != YM_MSG_agent_beat)
            return true;
        d->beats++;
        if (d->answers_beats)
            fake_answer (d, YM_MSG_agent_beaten,
                         &(struct ym_agent_beaten){.session = d->session});
    } while (ym_time_mono_ms () < until);
    return false;
}

static inline const void *fake_expect (struct fake_door *d, unsigned number)
{
    cr_assert (fake_take (d, PATIENCE_MS), "no %s came", ym_message_find (number)->name);
    cr_assert_eq (d->header.number, number, "%s came instead of %s",
                  ym_message_find (d->header.number)->name, ym_message_find (number)->name);
    return fake_read (d);
}

static inline yard_opts fake_opts (const struct fake_door *d, int timeout_ms)
{
    return (yard_opts){.size = sizeof (yard_opts),
                       .endpoint = d->endpoint,
                       .server_key = d->server_key,
                       .cert_path = d->cert_file,
                       .timeout_ms = timeout_ms};
}
#endif

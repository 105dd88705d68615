/* door.c - one connection to a door of the yard: a DEALER with CURVE and a monitor of it.
 *
 * ZMQ_IMMEDIATE keeps nothing for later: a frame is sent into a standing connection or not at
 * all, so that after a reconnection nothing old goes out twice. The monitor is the only way to
 * learn that a key was turned away: to the socket it looks like a yard that is not there.
 */
#include "client/libyard/door.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/libyard/error.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum {
    FRAME_MAX = 16777216 + 64, /* the largest message_max, with some room */
    QUEUE_MAX = 10000,
    EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
};

static const struct {
    int option, value;
} options[] = {
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_LINGER, 0},
    {ZMQ_SNDHWM, QUEUE_MAX},
    {ZMQ_RCVHWM, QUEUE_MAX},
    {ZMQ_RECONNECT_IVL, 20},
    {ZMQ_RECONNECT_IVL_MAX, 1000},
    {ZMQ_CONNECT_TIMEOUT, 3000},
    {ZMQ_HANDSHAKE_IVL, 5000},
    {ZMQ_HEARTBEAT_IVL, 5000},
    {ZMQ_HEARTBEAT_TIMEOUT, 10000},
    {ZMQ_IPV6, 1},
};

int pause_ms (unsigned tries, int least_ms, int most_ms)
{
    int64_t whole = (int64_t)least_ms << (tries < 16 ? tries : 16);

    if (whole > most_ms)
        whole = most_ms;
    return (int)(whole / 2 + randombytes_uniform ((uint32_t)(whole / 2 + 1)));
}

static bool set_text (void *socket, int option, const char *text)
{
    return zmq_setsockopt (socket, option, text, KEY_TEXT) == 0;
}

static bool prepare (const struct door *d, void *socket)
{
    int64_t most = FRAME_MAX;

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (zmq_setsockopt (socket, options[i].option, &options[i].value, sizeof (int)) != 0)
            return false;
    return zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0 &&
           set_text (socket, ZMQ_CURVE_SERVERKEY, d->server) &&
           set_text (socket, ZMQ_CURVE_PUBLICKEY, d->public_text) &&
           set_text (socket, ZMQ_CURVE_SECRETKEY, d->secret);
}

/* The monitor ends before its reader goes: an event sent to nobody would block libzmq's own
 * thread, with the lock that ending the monitor needs. */
static void drop_sockets (struct door *d)
{
    if (d->socket)
        (void)zmq_socket_monitor (d->socket, NULL, 0);
    if (d->monitor)
        (void)zmq_close (d->monitor);
    if (d->socket)
        (void)zmq_close (d->socket);
    d->socket = d->monitor = NULL;
}

static bool watch_socket (struct door *d)
{
    char name[40];
    int none = 0;

    (void)snprintf (name, sizeof name, "inproc://door-%u", ++d->serial);
    if (zmq_socket_monitor (d->socket, name, EVENTS) != 0)
        return false;
    d->monitor = zmq_socket (d->context, ZMQ_PAIR);
    return d->monitor && zmq_setsockopt (d->monitor, ZMQ_LINGER, &none, sizeof none) == 0 &&
           zmq_connect (d->monitor, name) == 0;
}

/* False with errno: the endpoint is not one, or a limit of the process is reached. */
static bool connect_socket (struct door *d)
{
    d->up = d->denied = false;
    d->heard_ms = ym_time_mono_ms ();
    d->socket = zmq_socket (d->context, ZMQ_DEALER);
    return d->socket && prepare (d, d->socket) && watch_socket (d) &&
           zmq_connect (d->socket, d->endpoint) == 0;
}

void door_renew (struct door *d)
{
    int error;

    drop_sockets (d);
    if (connect_socket (d))
        return;
    /* It worked once with the same values: what is left are descriptors and memory. Without a
     * socket the door stays down, and the next renewal tries again. */
    error = errno;
    drop_sockets (d);
    errno = error;
}

yard_err_t *door_open (struct door *d, const yard_opts *opts)
{
    yard_err_t *err = certificate_public (opts->server_key, "the server key", d->server);

    if (!err)
        err = certificate_pair (opts->cert_path, d->public_text, d->secret);
    if (!err && (!opts->endpoint || !*opts->endpoint))
        err = error_options ("the endpoint is not set");
    if (err)
        return err;
    d->endpoint = ym_copy_text (opts->endpoint);
    d->context = zmq_ctx_new ();
    if (!d->context)
        return error_options ("no ZeroMQ context: %s", zmq_strerror (errno));
    if (!connect_socket (d))
        return error_options ("%s: %s", opts->endpoint, zmq_strerror (errno));
    return NULL;
}

void door_close (struct door *d)
{
    drop_sockets (d);
    if (d->context)
        while (zmq_ctx_term (d->context) != 0 && errno == EINTR)
            ;
    free (d->endpoint);
    sodium_memzero (d->secret, sizeof d->secret);
    *d = (struct door){0};
}

/* A monitor's message is the event, its value and, in a second part, the endpoint. */
static bool next_event (struct door *d, uint16_t *ret_event)
{
    uint8_t first[6], rest[256];

    if (!d->monitor || zmq_recv (d->monitor, first, sizeof first, ZMQ_DONTWAIT) != sizeof first)
        return false;
    (void)zmq_recv (d->monitor, rest, sizeof rest, ZMQ_DONTWAIT);
    memcpy (ret_event, first, sizeof *ret_event);
    return true;
}

static unsigned take_event (struct door *d, uint16_t event)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        d->up = true;
        d->denied = d->shut = false;
        d->heard_ms = ym_time_mono_ms ();
        return DOOR_UP;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        d->denied = true;
        return DOOR_DENIED;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        d->shut = true;
        return 0;
    default:
        d->up = false;
        return DOOR_DOWN;
    }
}

unsigned door_news (struct door *d)
{
    unsigned news = 0;
    uint16_t event;

    while (next_event (d, &event))
        news |= take_event (d, event);
    return news;
}

/* The library takes note of new connections only now and then while it sends; asked for its
 * events it always does. */
static bool may_send (void *socket)
{
    int events = 0;
    size_t size = sizeof events;

    return zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLOUT);
}

bool door_send (struct door *d, const void *frame, size_t size)
{
    if (!d->socket || !d->up)
        return false;
    if (zmq_send (d->socket, frame, size, ZMQ_DONTWAIT) >= 0)
        return true;
    return may_send (d->socket) && zmq_send (d->socket, frame, size, ZMQ_DONTWAIT) >= 0;
}

static void drop_parts (struct door *d)
{
    zmq_msg_t part;
    int more = 1;

    while (more) {
        ym_assert (zmq_msg_init (&part) == 0);
        more = zmq_msg_recv (&part, d->socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more (&part);
        (void)zmq_msg_close (&part);
    }
}

bool door_receive (struct door *d, zmq_msg_t *ret)
{
    if (!d->socket)
        return false;
    for (;;) {
        ym_assert (zmq_msg_init (ret) == 0);
        if (zmq_msg_recv (ret, d->socket, ZMQ_DONTWAIT) < 0)
            return false;
        if (!zmq_msg_more (ret))
            return true;
        (void)zmq_msg_close (ret);
        drop_parts (d);
    }
}

void door_items (const struct door *d, zmq_pollitem_t ret[DOOR_ITEMS])
{
    ret[0] = (zmq_pollitem_t){.socket = d->socket, .fd = -1, .events = ZMQ_POLLIN};
    ret[1] = (zmq_pollitem_t){.socket = d->monitor, .fd = -1, .events = ZMQ_POLLIN};
}

const char *door_trouble (const struct door *d)
{
    if (d->up)
        return "no answer";
    if (d->shut)
        return "the handshake fails (is the server key right?)";
    return "no connection";
}

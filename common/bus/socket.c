/* socket.c - the options that every socket of an actor has.
 *
 * Limits are set on all of them before they are bound or connected: without ZMQ_MAXMSGSIZE a
 * peer makes the library reserve gigabytes before it has shown a key.
 */
#include <errno.h>
#include <string.h>

#include "common/bus/inside.h"

/* In zmq.h only with drafts, but honoured by the library: a domain without a handler admits
 * nobody. */
enum { ZAP_ENFORCE_DOMAIN = 93 };

int ym_socket_set (void *socket, int option, int value)
{
    return zmq_setsockopt (socket, option, &value, sizeof value) == 0 ? 0 : -errno;
}

struct setting {
    int option, value;
};

static int set_all (void *socket, const struct setting *settings, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int rc = ym_socket_set (socket, settings[i].option, settings[i].value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int ym_socket_new (const struct ym_bus *bus, int type, void **ret)
{
    void *socket = zmq_socket (bus->context, type);
    if (!socket)
        return -errno;
    const struct setting settings[] = {
        {ZMQ_LINGER, YM_BUS_LINGER_MS},
        {ZMQ_HANDSHAKE_IVL, (int)bus->handshake_ms},
    };
    int rc = set_all (socket, settings, sizeof settings / sizeof settings[0]);
    if (rc < 0) {
        (void)zmq_close (socket);
        return rc;
    }
    *ret = socket;
    return 0;
}

int ym_socket_limit (void *socket, unsigned frame_max, int queue_max)
{
    int64_t octets = (int64_t)frame_max + YM_BUS_ENVELOPE;
    if (zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &octets, sizeof octets) != 0)
        return -errno;
    const struct setting settings[] = {{ZMQ_SNDHWM, queue_max}, {ZMQ_RCVHWM, queue_max}};
    return set_all (socket, settings, sizeof settings / sizeof settings[0]);
}

static int set_text (void *socket, int option, const char *text, size_t size)
{
    return zmq_setsockopt (socket, option, text, size) == 0 ? 0 : -errno;
}

int ym_socket_serve (void *socket, const char *domain, const char *secret)
{
    int rc = ym_socket_set (socket, ZMQ_CURVE_SERVER, 1);
    if (rc == 0)
        rc = set_text (socket, ZMQ_CURVE_SECRETKEY, secret, YM_BUS_KEY_TEXT);
    if (rc == 0)
        rc = set_text (socket, ZMQ_ZAP_DOMAIN, domain, strlen (domain));
    if (rc == 0)
        rc = ym_socket_set (socket, ZAP_ENFORCE_DOMAIN, 1);
    return rc;
}

int ym_socket_speak (void *socket, const char *public_text, const char *secret,
                     const char *server)
{
    int rc = set_text (socket, ZMQ_CURVE_SERVERKEY, server, YM_BUS_KEY_TEXT);
    if (rc == 0)
        rc = set_text (socket, ZMQ_CURVE_PUBLICKEY, public_text, YM_BUS_KEY_TEXT);
    if (rc == 0)
        rc = set_text (socket, ZMQ_CURVE_SECRETKEY, secret, YM_BUS_KEY_TEXT);
    return rc;
}

/* Only where it is asked for: with it plain addresses would be shown as [::ffff:127.0.0.1]. */
int ym_socket_family (void *socket, const char *endpoint)
{
    bool is_wide = strchr (endpoint, '[') || strstr (endpoint, "//*:");
    return ym_socket_set (socket, ZMQ_IPV6, is_wide);
}

/* A client that vanished without a word is noticed in 15 s, and nobody waits in the kernel for
 * longer than that. */
int ym_socket_tcp (void *socket, const char *endpoint)
{
    static const struct setting settings[] = {
        {ZMQ_HEARTBEAT_IVL, 5000},    {ZMQ_HEARTBEAT_TIMEOUT, 15000},
        {ZMQ_HEARTBEAT_TTL, 20000},   {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 30}, {ZMQ_TCP_KEEPALIVE_INTVL, 10},
        {ZMQ_TCP_KEEPALIVE_CNT, 3},   {ZMQ_TCP_MAXRT, 15000},
        {ZMQ_BACKLOG, 1024},
    };
    int rc = ym_socket_family (socket, endpoint);
    return rc == 0 ? set_all (socket, settings, sizeof settings / sizeof settings[0]) : rc;
}

/* attack.c - the bus attacks itself before it serves.
 *
 * A library that is set up wrongly lets everybody in and says nothing. So each socket is tried
 * with a random key and with no CURVE at all, all at once, and each try must be seen to fail.
 * What is not seen to fail in time counts as a way in.
 */
#include <errno.h>
#include <string.h>

#include "common/base/time.h"
#include "common/bus/inside.h"

enum { TARGETS_MAX = 2, TRIES_MAX = 2 * TARGETS_MAX, PATIENCE_MS = 3000 };
enum {
    TURNED_AWAY = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                  ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
};

struct attempt {
    void *socket, *monitor;
    const char *what, *endpoint;
    bool failed; /* as it should */
};

static int watch (struct ym_bus *bus, struct attempt *a, unsigned number)
{
    char name[40];
    (void)ym_text_format (name, sizeof name, "inproc://ym.attack.%u", number);
    int events = TURNED_AWAY | ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (zmq_socket_monitor (a->socket, name, events) != 0)
        return -errno;
    int rc = ym_socket_new (bus, ZMQ_PAIR, &a->monitor);
    if (rc < 0)
        return rc;
    return zmq_connect (a->monitor, name) == 0 ? 0 : -errno;
}

struct disguise {
    char public_text[YM_BUS_KEY_TEXT], secret[YM_BUS_KEY_TEXT];
};

/* The handler is told whom to judge before the door's table is there. */
static int disguise (struct ym_bus *bus, struct disguise *ret)
{
    if (zmq_curve_keypair (ret->public_text, ret->secret) != 0)
        return -errno;
    ym_assert (zmq_z85_decode (bus->stranger, ret->public_text));
    return 0;
}

static int start (struct ym_bus *bus, struct attempt *a, unsigned number,
                  const struct ym_target *target, const struct disguise *as)
{
    bool with_key = number % 2 == 0;
    a->what = with_key ? "a random key" : "no key at all";
    a->endpoint = target->endpoint;
    int rc = ym_socket_new (bus, ZMQ_DEALER, &a->socket);
    if (rc == 0 && with_key)
        rc = ym_socket_speak (a->socket, as->public_text, as->secret, target->public_text);
    if (rc == 0)
        rc = ym_socket_set (a->socket, ZMQ_RECONNECT_IVL, -1);
    if (rc == 0)
        rc = ym_socket_set (a->socket, ZMQ_LINGER, 0);
    /* Losing patience is not being turned away. */
    if (rc == 0)
        rc = ym_socket_set (a->socket, ZMQ_HANDSHAKE_IVL, 0);
    if (rc == 0)
        rc = ym_socket_family (a->socket, target->endpoint);
    if (rc == 0)
        rc = watch (bus, a, number);
    if (rc == 0 && zmq_connect (a->socket, target->endpoint) != 0)
        rc = -errno;
    return rc;
}

static void stop (struct attempt *a)
{
    if (a->socket) {
        (void)zmq_socket_monitor (a->socket, NULL, 0);
        (void)zmq_close (a->socket);
    }
    if (a->monitor)
        (void)zmq_close (a->monitor);
}

/* True if it got in. An event is two frames; the number stands first. */
static bool has_got_in (struct attempt *a)
{
    uint8_t event[8], address[256];
    while (zmq_recv (a->monitor, event, sizeof event, ZMQ_DONTWAIT) >= 2) {
        uint16_t number;
        memcpy (&number, event, sizeof number);
        if (zmq_recv (a->monitor, address, sizeof address, 0) < 0)
            return true;
        if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return true;
        if (number & TURNED_AWAY)
            a->failed = true;
    }
    return false;
}

static int wait_for_news (struct ym_bus *bus, const struct attempt *attempts, unsigned count)
{
    zmq_pollitem_t items[TRIES_MAX + 1];
    for (unsigned i = 0; i < count; i++)
        items[i] = (zmq_pollitem_t){attempts[i].monitor, 0, ZMQ_POLLIN, 0};
    if (bus->zap)
        items[count++] = (zmq_pollitem_t){bus->zap, 0, ZMQ_POLLIN, 0};
    if (zmq_poll (items, (int)count, 20) < 0 && errno != EINTR)
        return -errno;
    if (bus->zap)
        ym_zap_serve (bus);
    return 0;
}

static int judge (struct ym_bus *bus, struct attempt *attempts, unsigned count, char *reterr)
{
    int64_t until_ms = ym_time_mono_ms () + PATIENCE_MS;
    for (unsigned open = count; open > 0;) {
        int rc = wait_for_news (bus, attempts, count);
        if (rc < 0)
            return ym_bus_failed (reterr, rc, "the self-attack could not be watched");
        open = 0;
        for (unsigned i = 0; i < count; i++) {
            if (has_got_in (&attempts[i]))
                return ym_bus_failed (reterr, -EPERM, "%s got in at %s", attempts[i].what,
                                      attempts[i].endpoint);
            open += !attempts[i].failed;
        }
        if (open > 0 && ym_time_mono_ms () > until_ms)
            return ym_bus_failed (reterr, -EPERM, "a stranger was not turned away in time");
    }
    return 0;
}

int ym_attack (struct ym_bus *bus, const struct ym_target *targets, unsigned count,
               char *reterr)
{
    struct attempt attempts[TRIES_MAX] = {0};
    struct disguise as;
    ym_assert (count <= TARGETS_MAX);
    int rc = disguise (bus, &as);
    if (rc < 0)
        return ym_bus_failed (reterr, rc, "a random key for the self-attack cannot be made");
    for (unsigned i = 0; i < 2 * count && rc == 0; i++) {
        rc = start (bus, &attempts[i], i, &targets[i / 2], &as);
        if (rc < 0)
            rc = ym_bus_failed (reterr, rc, "the self-attack at %s could not start",
                                targets[i / 2].endpoint);
    }
    if (rc == 0)
        rc = judge (bus, attempts, 2 * count, reterr);
    for (unsigned i = 0; i < 2 * count; i++)
        stop (&attempts[i]);
    return rc;
}

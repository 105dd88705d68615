/* bus.c - opening, waiting, beating, closing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/time.h"
#include "common/bus/inside.h"

enum { ARENA = 4096 };

int ym_bus_failed (char *reterr, int error, const char *format, ...)
{
    va_list args;
    char what[YM_BUS_ERROR_MAX];
    va_start (args, format);
    (void)vsnprintf (what, sizeof what, format, args);
    va_end (args);
    (void)ym_text_format (reterr, YM_BUS_ERROR_MAX, "%s: %s", what, zmq_strerror (-error));
    return error;
}

int ym_bus_open (const struct ym_bus_options *options, struct ym_bus **ret, char *reterr)
{
    struct ym_bus *bus = ym_new (sizeof *bus);
    bus->lock = -1;
    bus->from_door = true;
    bus->now_ms = ym_time_mono_ms ();
    bus->beat_due_ms = bus->now_ms;
    bus->arena = ym_arena_new (ARENA);
    int rc = ym_setup_options (bus, options, reterr);
    if (rc == 0)
        rc = ym_setup_directory (bus, options->directory, reterr);
    if (rc == 0)
        rc = ym_setup_sockets (bus, options, reterr);
    explicit_bzero (bus->secret_text, sizeof bus->secret_text);
    if (rc < 0) {
        ym_bus_close (bus);
        return rc;
    }
    bus->counts = (struct ym_bus_counts){0};
    *ret = bus;
    return 0;
}

static bool flush (struct ym_bus *bus)
{
    bool waits = false;
    for (unsigned i = 0; i < bus->peer_count; i++) {
        struct ym_link *link = &bus->peers[i].link;
        if (ym_link_has_waiting (link))
            ym_link_flush (bus, link);
        waits = waits || (link->socket && link->outbox.first);
    }
    ym_door_flush (bus);
    return waits || bus->slow;
}

static void flush_for_a_while (struct ym_bus *bus)
{
    int64_t until_ms = ym_time_mono_ms () + YM_BUS_FLUSH_MS;
    zmq_pollitem_t items[YM_BUS_POLL_MAX];
    while (flush (bus) && ym_time_mono_ms () < until_ms) {
        int count = ym_bus_poll_items (bus, items);
        /* Only what waits to be written: nothing is read any more. */
        for (int i = 0; i < count; i++)
            items[i].events &= ZMQ_POLLOUT;
        if (zmq_poll (items, count, YM_BUS_DOOR_RETRY_MS) < 0 && errno != EINTR)
            return;
    }
}

static void close_socket (void *socket)
{
    if (socket)
        (void)zmq_close (socket);
}

static void close_sockets (struct ym_bus *bus)
{
    for (unsigned i = 0; i < bus->peer_count; i++)
        close_socket (bus->peers[i].link.socket);
    close_socket (bus->door);
    close_socket (bus->bus);
    /* Ours as long as we hold the lock; libzmq leaves it. */
    if (bus->bus)
        (void)unlink (bus->endpoint + strlen ("ipc://"));
    close_socket (bus->zap);
    while (bus->context && zmq_ctx_term (bus->context) != 0 && errno == EINTR)
        continue;
}

void ym_bus_close (struct ym_bus *bus)
{
    if (!bus)
        return;
    if (bus->zap)
        flush_for_a_while (bus);
    ym_cut_due (bus, INT64_MAX);
    close_sockets (bus);
    for (unsigned i = 0; i < bus->peer_count; i++)
        (void)ym_outbox_clear (&bus->peers[i].link.outbox);
    ym_door_forget (bus);
    ym_keys_clear (&bus->keys);
    ym_zap_release (bus);
    if (bus->spare)
        (void)zmq_msg_close (bus->spare);
    free (bus->spare);
    free (bus->scratch);
    ym_arena_free (bus->arena);
    if (bus->lock >= 0)
        (void)close (bus->lock);
    free (bus);
}

const char *ym_bus_door_public (const struct ym_bus *bus)
{
    return bus->door_public;
}

const char *ym_bus_door (const struct ym_bus *bus)
{
    return bus->door_endpoint;
}

int ym_bus_poll_items (struct ym_bus *bus, void *ret_items)
{
    zmq_pollitem_t *items = ret_items;
    int count = 0;
    if (!ym_zap_is_full (bus))
        items[count++] = (zmq_pollitem_t){bus->zap, 0, ZMQ_POLLIN, 0};
    items[count++] = (zmq_pollitem_t){bus->bus, 0, ZMQ_POLLIN, 0};
    if (bus->door)
        items[count++] = (zmq_pollitem_t){bus->door, 0, ZMQ_POLLIN, 0};
    for (unsigned i = 0; i < bus->peer_count; i++) {
        struct ym_link *link = &bus->peers[i].link;
        if (ym_link_has_waiting (link))
            items[count++] = (zmq_pollitem_t){link->socket, 0, ZMQ_POLLOUT, 0};
    }
    return count;
}

int ym_bus_wait_ms (const struct ym_bus *bus, int64_t mono_ms)
{
    int64_t until_ms = bus->beat_due_ms;
    if (bus->slow && until_ms > mono_ms + YM_BUS_DOOR_RETRY_MS)
        until_ms = mono_ms + YM_BUS_DOOR_RETRY_MS;
    if (bus->doomed_count > 0 && until_ms > bus->doomed[0].due_ms)
        until_ms = bus->doomed[0].due_ms;
    return until_ms > mono_ms ? (int)(until_ms - mono_ms) : 0;
}

/* Time in which we did not look is nobody's silence. */
static void forgive_own_sleep (struct ym_bus *bus, int64_t mono_ms)
{
    int64_t overslept_ms = mono_ms - bus->beat_due_ms - bus->beat_ms;
    for (unsigned i = 0; overslept_ms > 0 && i < bus->peer_count; i++)
        bus->peers[i].ear.heard_ms += overslept_ms;
}

void ym_bus_beat (struct ym_bus *bus, int64_t mono_ms)
{
    bus->now_ms = mono_ms;
    ym_cut_due (bus, mono_ms);
    if (mono_ms >= bus->beat_due_ms) {
        forgive_own_sleep (bus, mono_ms);
        ym_ear_listen (bus, mono_ms);
        for (unsigned i = 0; i < bus->peer_count; i++)
            bus->peers[i].link.beat_owed = bus->peers[i].link.socket != NULL;
        bus->beat_due_ms = mono_ms + bus->beat_ms;
    }
    (void)flush (bus);
}

struct ym_bus_counts ym_bus_counts (const struct ym_bus *bus)
{
    return bus->counts;
}

/* door.c - what strangers with a key send, and what goes back to them.
 *
 * Each message is checked against the key table as it is now, then read, then held against its
 * roles; what fails is answered here. An answer waits only if its connection is slow: then a
 * record of that connection exists, bounded, until it has caught up or is cut.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/bus/inside.h"

static void address (struct ym_to *to, const zmq_msg_t *route, const zmq_msg_t *frame)
{
    *to = (struct ym_to){.at_door = true};
    memcpy (to->route, zmq_msg_data ((zmq_msg_t *)route), YM_BUS_ROUTE_SIZE);
    to->fd = zmq_msg_get ((zmq_msg_t *)frame, ZMQ_SRCFD);
    to->connection = ym_cut_cookie (to->fd);
}

/* A name that the client chose for itself could be another's. */
static bool is_route_ours (const zmq_msg_t *route)
{
    return zmq_msg_size ((zmq_msg_t *)route) == YM_BUS_ROUTE_SIZE &&
           *(const uint8_t *)zmq_msg_data ((zmq_msg_t *)route) == 0;
}

static const struct ym_key *sender (const struct ym_bus *bus, const zmq_msg_t *frame)
{
    int64_t key;
    const char *user = zmq_msg_gets ((zmq_msg_t *)frame, "User-Id");
    if (!user || ym_text_number (user, INT64_MIN, INT64_MAX, &key) < 0)
        return NULL;
    return ym_bus_find_key (bus, key);
}

static bool is_heard_at_doors (const struct ym_message *m)
{
    return m && m->roles != YM_NOBODY && (m->sort == YM_ASK || m->sort == YM_TELL);
}

static bool refuse (struct ym_bus *bus, const struct ym_to *to, enum ym_refusal why)
{
    ym_bus_refuse (bus, to, why, NULL, 0, NULL);
    return false;
}

static bool refuse_malformed (struct ym_bus *bus, const struct ym_to *to)
{
    bus->counts.malformed++;
    return refuse (bus, to, YM_REFUSAL_MALFORMED);
}

static bool check (struct ym_bus *bus, struct ym_letter *letter, bool is_readable)
{
    if (letter->size > bus->message_max || !is_readable)
        return refuse_malformed (bus, &letter->from);
    letter->message = ym_message_find (letter->header.number);
    if (!is_heard_at_doors (letter->message))
        return refuse (bus, &letter->from, YM_REFUSAL_UNKNOWN_MESSAGE);
    if (!(letter->message->roles & 1u << letter->key.role))
        return refuse (bus, &letter->from, YM_REFUSAL_ROLE_NOT_ALLOWED);
    return true;
}

bool ym_door_admit (struct ym_bus *bus, struct ym_letter *letter, const zmq_msg_t *route,
                    zmq_msg_t *frame, bool is_whole)
{
    struct ym_to *from = &letter->from;
    if (!is_route_ours (route)) {
        int fd = zmq_msg_get (frame, ZMQ_SRCFD);
        bus->counts.malformed++;
        ym_cut_now (bus, fd, ym_cut_cookie (fd));
        return false;
    }
    address (from, route, frame);
    if (ym_cut_is_doomed (bus, from))
        return false;
    bool is_readable = ym_wire_header (letter->frame, letter->size, &letter->header);
    if (is_readable) {
        from->ask = letter->header.ask;
        memcpy (from->trace, letter->header.trace, sizeof from->trace);
        memcpy (from->span, letter->header.span, sizeof from->span);
    }
    const struct ym_key *key = sender (bus, frame);
    if (!key) {
        (void)refuse (bus, from, YM_REFUSAL_KEY_REVOKED);
        ym_cut_soon (bus, from);
        return false;
    }
    letter->key = *key;
    from->key = key->key;
    if (is_whole)
        return check (bus, letter, is_readable);
    (void)refuse_malformed (bus, from);
    ym_cut_soon (bus, from);
    return false;
}

static struct ym_slow *find_slow (const struct ym_bus *bus, uint64_t connection)
{
    struct ym_slow *slow;
    HASH_FIND (hh, bus->slow, &connection, sizeof connection, slow);
    return slow;
}

static void forget (struct ym_bus *bus, struct ym_slow *slow)
{
    bus->slow_octets -= slow->outbox.octets;
    bus->counts.dropped += ym_outbox_clear (&slow->outbox);
    HASH_DEL (bus->slow, slow);
    free (slow);
}

void ym_door_forget (struct ym_bus *bus)
{
    struct ym_slow *slow, *next;
    HASH_ITER (hh, bus->slow, slow, next)
    forget (bus, slow);
}

/* A client that is refused because its key is gone has key 0 and gets that one answer. */
static bool may_hear (struct ym_bus *bus, const struct ym_to *to)
{
    if (to->connection == 0 || ym_cut_cookie (to->fd) != to->connection)
        return false;
    if (ym_cut_is_doomed (bus, to))
        return false;
    if (to->key == 0 || ym_bus_find_key (bus, to->key))
        return true;
    ym_cut_now (bus, to->fd, to->connection);
    ym_cut_soon (bus, to);
    return false;
}

bool ym_bus_reaches (const struct ym_bus *bus, const struct ym_to *to)
{
    if (!to->at_door)
        return true;
    return to->connection != 0 && ym_cut_cookie (to->fd) == to->connection &&
           !ym_cut_is_doomed (bus, to) && ym_bus_find_key (bus, to->key);
}

unsigned ym_bus_backlog (const struct ym_bus *bus, const struct ym_to *to)
{
    const struct ym_slow *slow = to->at_door ? find_slow (bus, to->connection) : NULL;

    return slow ? slow->outbox.count : 0;
}

/* 0, -EAGAIN if the connection is slow, -EHOSTUNREACH if it has gone or may not hear it. */
static int try_send (struct ym_bus *bus, const struct ym_to *to, zmq_msg_t *frame)
{
    int flags = ZMQ_DONTWAIT | ZMQ_SNDMORE;
    if (!may_hear (bus, to))
        return -EHOSTUNREACH;
    if (zmq_send (bus->door, to->route, YM_BUS_ROUTE_SIZE, flags) < 0)
        return errno == EHOSTUNREACH ? -EHOSTUNREACH : -EAGAIN;
    /* The route has taken the message, and takes all of it. */
    while (zmq_msg_send (frame, bus->door, ZMQ_DONTWAIT) < 0)
        ym_assert (errno == EINTR);
    bus->counts.sent++;
    return 0;
}

/* An event stream with a hole would be a lie: what cannot be kept costs the connection. */
static void keep (struct ym_bus *bus, struct ym_slow *slow, zmq_msg_t *frame)
{
    size_t size = zmq_msg_size (frame);
    bool has_room = bus->slow_octets + size <= YM_BUS_DOOR_OCTETS;
    if (has_room && ym_outbox_take (&slow->outbox, bus->outbox_max, 0, frame)) {
        bus->slow_octets += size;
        return;
    }
    if (!has_room)
        (void)zmq_msg_close (frame);
    ym_log (YM_LOG_WARNING, "connection_lost", ym_log_number ("key", slow->to.key),
            ym_log_number ("waiting", slow->outbox.count),
            ym_log_text ("why", "it does not read its answers; its outbox is full"));
    bus->counts.dropped++;
    ym_cut_now (bus, slow->to.fd, slow->connection);
    ym_cut_soon (bus, &slow->to);
    forget (bus, slow);
}

static struct ym_slow *new_slow (struct ym_bus *bus, const struct ym_to *to)
{
    struct ym_slow *slow = ym_new (sizeof *slow);
    slow->connection = to->connection;
    slow->to = *to;
    HASH_ADD (hh, bus->slow, connection, sizeof slow->connection, slow);
    return slow;
}

/* True if it has caught up, or is gone: then the record is gone too. */
static bool flush (struct ym_bus *bus, struct ym_slow *slow)
{
    while (slow->outbox.first) {
        struct ym_parcel *parcel = slow->outbox.first;
        int rc = try_send (bus, &slow->to, &parcel->frame);
        if (rc == -EAGAIN)
            return false;
        if (rc < 0)
            break;
        bus->slow_octets -= parcel->size;
        ym_outbox_pop (&slow->outbox);
    }
    forget (bus, slow);
    return true;
}

static void send_frame (struct ym_bus *bus, const struct ym_to *to, zmq_msg_t *frame)
{
    struct ym_slow *slow = find_slow (bus, to->connection);
    if (slow && !flush (bus, slow)) {
        keep (bus, slow, frame);
        return;
    }
    int rc = try_send (bus, to, frame);
    if (rc == -EAGAIN) {
        keep (bus, new_slow (bus, to), frame);
        return;
    }
    bus->counts.dropped += rc < 0;
    (void)zmq_msg_close (frame);
}

void ym_door_send (struct ym_bus *bus, const struct ym_to *to, struct ym_header *h,
                   const void *msg)
{
    zmq_msg_t frame;
    if (ym_bus_encode (bus, h, msg, bus->message_max, &frame)) {
        send_frame (bus, to, &frame);
        return;
    }
    ym_assert (h->number != YM_MSG_refused);
    ym_bus_refuse (bus, to, YM_REFUSAL_INTERNAL, "the answer is larger than a message may be",
                   0, NULL);
}

void ym_door_flush (struct ym_bus *bus)
{
    struct ym_slow *slow, *next;
    HASH_ITER (hh, bus->slow, slow, next)
    flush (bus, slow);
}

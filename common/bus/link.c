/* link.c - what we say to a peer: numbered messages through one DEALER, and beats.
 *
 * The first thing on a link, and on a link that comes back, is a beat: it tells the peer who
 * speaks and which number was the last before those that follow, so the peer knows what it
 * missed. A beat takes no number. While the peer is away or slow messages wait in the outbox,
 * bounded; when that is full all of it is given up, and the numbers tell the peer.
 */
#include <errno.h>

#include "common/base/log.h"
#include "common/bus/inside.h"

/* False keeps the frame: try again when the socket can take it. */
static bool try_send (const struct ym_link *link, zmq_msg_t *frame)
{
    if (zmq_msg_send (frame, link->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    ym_assert (errno == EAGAIN || errno == EINTR);
    return false;
}

static bool say_beat (struct ym_bus *bus, struct ym_link *link)
{
    const struct ym_parcel *next = link->outbox.first;
    struct ym_beat beat = {
        .incarnation = bus->incarnation,
        .latest = next ? next->seq - 1 : link->latest,
    };
    struct ym_header h = {.version = YM_WIRE_VERSION, .number = YM_MSG_beat};
    zmq_msg_t frame;
    ym_assert (ym_bus_encode (bus, &h, &beat, ym_bus_frame_max (bus), &frame));
    link->beat_owed = !try_send (link, &frame);
    if (link->beat_owed)
        (void)zmq_msg_close (&frame);
    return !link->beat_owed;
}

bool ym_link_has_waiting (const struct ym_link *link)
{
    return link->socket && (link->beat_owed || link->outbox.first);
}

/* A link that did not take a frame may be a new connection when it takes the next one. */
static bool send_or_owe (struct ym_bus *bus, struct ym_link *link, zmq_msg_t *frame)
{
    if (!try_send (link, frame)) {
        link->beat_owed = true;
        return false;
    }
    bus->counts.sent++;
    return true;
}

void ym_link_flush (struct ym_bus *bus, struct ym_link *link)
{
    if (link->beat_owed && !say_beat (bus, link))
        return;
    while (link->outbox.first && send_or_owe (bus, link, &link->outbox.first->frame))
        ym_outbox_pop (&link->outbox);
}

static void keep (struct ym_bus *bus, unsigned peer, uint64_t seq, zmq_msg_t *frame)
{
    struct ym_link *link = &bus->peers[peer].link;
    if (ym_outbox_take (&link->outbox, bus->outbox_max, seq, frame))
        return;
    unsigned dropped = 1 + ym_outbox_clear (&link->outbox);
    bus->counts.dropped += dropped;
    ym_log (YM_LOG_WARNING, "link_lost", ym_log_text ("peer", bus->peers[peer].name),
            ym_log_number ("dropped", dropped),
            ym_log_text ("why", "its outbox is full; it will read the tables again"));
}

void ym_link_send (struct ym_bus *bus, unsigned peer, struct ym_header *h, const void *msg)
{
    struct ym_link *link = &bus->peers[peer].link;
    zmq_msg_t frame;
    if (ym_link_has_waiting (link))
        ym_link_flush (bus, link);
    h->seq = link->latest + 1;
    if (!ym_bus_encode (bus, h, msg, ym_bus_frame_max (bus), &frame)) {
        bus->counts.dropped++;
        return;
    }
    link->latest = h->seq;
    if (ym_link_has_waiting (link) || !send_or_owe (bus, link, &frame))
        keep (bus, peer, h->seq, &frame);
}

/* ear.c - what we hear of a peer: who speaks, whether something is missing, whether it is
 * silent.
 *
 * Numbers belong to one connection of one incarnation. The rest of what a dead incarnation said
 * may still arrive between the first words of the next; it is delivered, since every bus
 * message is a hint, but it moves no number. A beat of a later incarnation, or of the same one
 * on another connection, makes that connection the one that counts.
 */
#include <string.h>

#include "common/base/log.h"
#include "common/bus/inside.h"

enum { BEATS_OF_SILENCE = 3, COMPLAIN_MS = 1000 };

void ym_ear_complain (struct ym_bus *bus, unsigned peer, unsigned number, const char *why)
{
    struct ym_ear *ear = &bus->peers[peer].ear;
    bus->counts.dropped++;
    ear->violations++;
    if (bus->now_ms < ear->complain_ms)
        return;
    ear->complain_ms = bus->now_ms + COMPLAIN_MS;
    const struct ym_message *m = ym_message_find (number);
    ym_log (YM_LOG_WARNING, "bus_violation", ym_log_text ("peer", bus->peers[peer].name),
            ym_log_number ("number", number), ym_log_text ("message", m ? m->name : "?"),
            ym_log_number ("times", (int64_t)ear->violations), ym_log_text ("why", why));
}

static void report (struct ym_ear *ear, enum ym_link_news news)
{
    ear->news |= 1u << news;
}

static void notice (const struct ym_bus *bus, struct ym_ear *ear)
{
    ear->heard_ms = bus->now_ms;
    ear->silent = false;
    ear->news &= ~(1u << YM_LINK_SILENT);
}

static bool is_current (const struct ym_ear *ear, const void *route)
{
    return ear->established && memcmp (ear->route, route, YM_BUS_ROUTE_SIZE) == 0;
}

static void follow (struct ym_ear *ear, const void *route, uint64_t seen)
{
    ear->established = true;
    memcpy (ear->route, route, YM_BUS_ROUTE_SIZE);
    ear->seen = seen;
}

static void hear_number (const struct ym_bus *bus, struct ym_ear *ear, const void *route,
                         uint64_t seq)
{
    if (!ear->established)
        follow (ear, route, seq);
    if (!is_current (ear, route))
        return;
    notice (bus, ear);
    if (seq > ear->seen + 1)
        report (ear, YM_LINK_GAP);
    if (seq > ear->seen)
        ear->seen = seq;
}

/* We may be as new to it as it is to us. */
static void hear_new (struct ym_bus *bus, struct ym_peer *peer, const void *route,
                      const struct ym_beat *beat)
{
    peer->ear.incarnation = beat->incarnation;
    follow (&peer->ear, route, beat->latest);
    peer->ear.news &= ~(1u << YM_LINK_GAP);
    report (&peer->ear, YM_LINK_UP);
    if (peer->link.socket) {
        peer->link.beat_owed = true;
        ym_link_flush (bus, &peer->link);
    }
}

/* An incarnation only rises; a lower one is a dead one's rest, unless nothing else was heard
 * for so long that the numbering itself must have started afresh. */
static void hear_beat (struct ym_bus *bus, struct ym_peer *peer, const void *route,
                       const struct ym_beat *beat)
{
    struct ym_ear *ear = &peer->ear;
    if (beat->incarnation < ear->incarnation && !ear->silent)
        return;
    notice (bus, ear);
    if (beat->incarnation != ear->incarnation) {
        hear_new (bus, peer, route, beat);
        return;
    }
    if (beat->latest > ear->seen)
        report (ear, YM_LINK_GAP);
    if (beat->latest > ear->seen || !is_current (ear, route))
        follow (ear, route, beat->latest);
}

static bool read_beat (struct ym_bus *bus, zmq_msg_t *frame, struct ym_beat *ret)
{
    struct ym_faults faults = {0};
    bool is_good = ym_wire_decode (ym_message_find (YM_MSG_beat), zmq_msg_data (frame),
                                   zmq_msg_size (frame), bus->arena, ret, &faults);
    ym_arena_reset (bus->arena);
    return is_good;
}

bool ym_ear_hear (struct ym_bus *bus, unsigned peer, const zmq_msg_t *route,
                  const struct ym_header *h, zmq_msg_t *frame)
{
    struct ym_beat beat;
    const void *from = zmq_msg_data ((zmq_msg_t *)route);
    if (h->number == YM_MSG_beat) {
        if (read_beat (bus, frame, &beat))
            hear_beat (bus, &bus->peers[peer], from, &beat);
        else
            ym_ear_complain (bus, peer, h->number, "a beat that cannot be read");
        return false;
    }
    hear_number (bus, &bus->peers[peer].ear, from, h->seq);
    if (ym_message_find (h->number) && bus->may (peer, bus->self, h->number))
        return true;
    ym_ear_complain (bus, peer, h->number, "not on the allow list");
    return false;
}

void ym_ear_listen (struct ym_bus *bus, int64_t mono_ms)
{
    for (unsigned i = 0; i < bus->peer_count; i++) {
        struct ym_ear *ear = &bus->peers[i].ear;
        if (!ear->established || ear->silent)
            continue;
        if (mono_ms - ear->heard_ms <= (int64_t)BEATS_OF_SILENCE * bus->beat_ms)
            continue;
        ear->silent = true;
        report (ear, YM_LINK_SILENT);
    }
}

/* Silence came first if both are there: what is heard now ends it. */
enum ym_link_news ym_bus_news (struct ym_bus *bus, unsigned *ret_peer)
{
    static const enum ym_link_news order[] = {YM_LINK_SILENT, YM_LINK_UP, YM_LINK_GAP};
    for (unsigned i = 0; i < bus->peer_count; i++) {
        struct ym_ear *ear = &bus->peers[i].ear;
        for (unsigned k = 0; k < sizeof order / sizeof order[0] && ear->news != 0; k++) {
            if (!(ear->news & 1u << order[k]))
                continue;
            ear->news &= ~(1u << order[k]);
            *ret_peer = i;
            return order[k];
        }
    }
    return YM_LINK_NONE;
}

bool ym_bus_hears (const struct ym_bus *bus, unsigned peer, uint64_t *ret_incarnation)
{
    ym_assert (peer < bus->peer_count);
    const struct ym_ear *ear = &bus->peers[peer].ear;
    if (ear->incarnation == 0 || ear->silent)
        return false;
    if (ret_incarnation)
        *ret_incarnation = ear->incarnation;
    return true;
}

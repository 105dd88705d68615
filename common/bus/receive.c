/* receive.c - the next message that passed all checks, fairly from the bus and the door.
 *
 * The two sockets take turns of up to 64 messages, so a flood at one does not starve the other,
 * and handshakes are answered at each change of turns. One call discards a bounded number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus/inside.h"

enum { BURST = 64 };
enum outcome { NOTHING, DISCARDED, LETTER };

static zmq_msg_t *new_frame (void)
{
    zmq_msg_t *frame = ym_new (sizeof *frame);
    ym_assert (zmq_msg_init (frame) == 0);
    return frame;
}

/* A message is there with all its frames or not at all. */
static void take_next (void *socket, zmq_msg_t *frame)
{
    while (zmq_msg_recv (frame, socket, ZMQ_DONTWAIT) < 0)
        ym_assert (errno == EINTR);
}

static void drain (void *socket)
{
    zmq_msg_t rest;
    int more = 1;
    ym_assert (zmq_msg_init (&rest) == 0);
    while (more) {
        take_next (socket, &rest);
        more = zmq_msg_more (&rest);
    }
    (void)zmq_msg_close (&rest);
}

/* Takes the route and the first frame; *ret_whole is false unless those are all there are. */
static bool take_frames (void *socket, zmq_msg_t *route, zmq_msg_t *frame, bool *ret_whole)
{
    if (zmq_msg_recv (route, socket, ZMQ_DONTWAIT) < 0) {
        ym_assert (errno == EAGAIN || errno == EINTR);
        return false;
    }
    ym_assert (zmq_msg_more (route));
    take_next (socket, frame);
    *ret_whole = !zmq_msg_more (frame);
    if (!*ret_whole)
        drain (socket);
    return true;
}

static bool admit_peer (struct ym_bus *bus, struct ym_letter *letter, const zmq_msg_t *route,
                        zmq_msg_t *frame, bool is_whole)
{
    int64_t peer;
    const char *user = zmq_msg_gets (frame, "User-Id");
    if (!user || ym_text_number (user, 0, (int64_t)bus->peer_count - 1, &peer) < 0 ||
        zmq_msg_size ((zmq_msg_t *)route) != YM_BUS_ROUTE_SIZE) {
        bus->counts.malformed++;
        return false;
    }
    if (!is_whole || !ym_wire_header (letter->frame, letter->size, &letter->header)) {
        bus->counts.malformed++;
        ym_ear_complain (bus, (unsigned)peer, 0, "a frame that cannot be read");
        return false;
    }
    letter->from.peer = (uint32_t)peer;
    letter->from.ask = letter->header.ask;
    memcpy (letter->from.trace, letter->header.trace, sizeof letter->from.trace);
    memcpy (letter->from.span, letter->header.span, sizeof letter->from.span);
    letter->message = ym_message_find (letter->header.number);
    return ym_ear_hear (bus, (unsigned)peer, route, &letter->header, frame);
}

static enum outcome take (struct ym_bus *bus, bool from_door, struct ym_letter *ret)
{
    void *socket = from_door ? bus->door : bus->bus;
    bool is_whole;
    zmq_msg_t route;
    if (!socket)
        return NOTHING;
    if (!bus->spare)
        bus->spare = new_frame ();
    ym_assert (zmq_msg_init (&route) == 0);
    if (!take_frames (socket, &route, bus->spare, &is_whole)) {
        (void)zmq_msg_close (&route);
        return NOTHING;
    }
    struct ym_letter letter = {
        .frame = zmq_msg_data (bus->spare),
        .size = zmq_msg_size (bus->spare),
        .owned = bus->spare,
    };
    bool is_good = from_door ? ym_door_admit (bus, &letter, &route, bus->spare, is_whole)
                             : admit_peer (bus, &letter, &route, bus->spare, is_whole);
    (void)zmq_msg_close (&route);
    if (!is_good)
        return DISCARDED;
    bus->spare = NULL;
    bus->counts.received++;
    *ret = letter;
    return LETTER;
}

static void change_turns (struct ym_bus *bus)
{
    ym_zap_serve (bus);
    bus->from_door = !bus->from_door;
    bus->burst = BURST;
}

int ym_bus_receive (struct ym_bus *bus, struct ym_letter *ret)
{
    unsigned idle = 0, discarded = 0;
    while (idle < 2 && discarded < BURST) {
        if (bus->burst == 0)
            change_turns (bus);
        bus->burst--;
        switch (take (bus, bus->from_door, ret)) {
        case LETTER:
            return 1;
        case DISCARDED:
            idle = 0;
            discarded++;
            break;
        case NOTHING:
            idle++;
            bus->burst = 0;
            break;
        }
    }
    return 0;
}

void ym_letter_free (struct ym_letter *letter)
{
    zmq_msg_t *frame = letter->owned;
    if (frame)
        (void)zmq_msg_close (frame);
    free (frame);
    *letter = (struct ym_letter){0};
}

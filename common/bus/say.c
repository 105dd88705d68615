/* say.c - what the actor sends: to a peer, as an answer, as a refusal. */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/bus/inside.h"

size_t ym_bus_frame_max (const struct ym_bus *bus)
{
    return bus->message_max > YM_BUS_FRAME_LEAST ? bus->message_max : YM_BUS_FRAME_LEAST;
}

bool ym_bus_encode (struct ym_bus *bus, const struct ym_header *h, const void *msg, size_t most,
                    zmq_msg_t *ret)
{
    const struct ym_message *m = ym_message_find (h->number);
    ym_assert (m);
    size_t room = ym_wire_room (m, msg);
    if (room > bus->scratch_size) {
        bus->scratch = ym_grow_array (bus->scratch, room, 1);
        bus->scratch_size = room;
    }
    size_t size = ym_wire_encode (h, msg, bus->scratch, room);
    ym_assert (size > 0);
    if (size > most) {
        ym_log (YM_LOG_ERROR, "message_too_large", ym_log_text ("message", m->name),
                ym_log_number ("size", (int64_t)size), ym_log_number ("most", (int64_t)most));
        return false;
    }
    ym_assert (zmq_msg_init_size (ret, size) == 0);
    memcpy (zmq_msg_data (ret), bus->scratch, size);
    return true;
}

static void send_to_peer (struct ym_bus *bus, unsigned peer, struct ym_header *h,
                          const void *msg)
{
    ym_assert (peer < bus->peer_count && bus->peers[peer].link.socket);
    if (!bus->may (bus->self, peer, h->number))
        ym_panic ("message %u to %s is not on the allow list", h->number,
                  bus->peers[peer].name);
    ym_link_send (bus, peer, h, msg);
}

void ym_bus_send (struct ym_bus *bus, unsigned peer, unsigned number, uint64_t ask,
                  const void *msg)
{
    struct ym_header h = {
        .version = YM_WIRE_VERSION,
        .number = (uint16_t)number,
        .ask = ask,
    };
    send_to_peer (bus, peer, &h, msg);
}

void ym_bus_answer (struct ym_bus *bus, const struct ym_to *to, unsigned number,
                    const void *msg)
{
    struct ym_header h = {
        .version = YM_WIRE_VERSION,
        .number = (uint16_t)number,
        .ask = to->ask,
    };
    memcpy (h.trace, to->trace, sizeof h.trace);
    memcpy (h.span, to->span, sizeof h.span);
    if (to->at_door)
        ym_door_send (bus, to, &h, msg);
    else
        send_to_peer (bus, to->peer, &h, msg);
}

/* A peer that may not be refused was not waiting for an answer. */
static bool is_deaf (struct ym_bus *bus, const struct ym_to *to)
{
    if (to->at_door || bus->may (bus->self, to->peer, YM_MSG_refused))
        return false;
    bus->counts.dropped++;
    ym_log (YM_LOG_WARNING, "refusal_dropped", ym_log_text ("peer", bus->peers[to->peer].name),
            ym_log_text ("why", "refused is not on the allow list to it"));
    return true;
}

void ym_bus_refuse (struct ym_bus *bus, const struct ym_to *to, enum ym_refusal why,
                    const char *text, unsigned retry_after_ms, const struct ym_faults *faults)
{
    struct ym_refused refused = {
        .text = ym_str (text ? text : ym_refusal_text (why)),
        .retryable = ym_refusal_is_retryable (why),
        .retry_after_ms = retry_after_ms,
    };
    if (is_deaf (bus, to))
        return;
    ym_assert (ym_text_copy (refused.code, sizeof refused.code, ym_refusal_slug (why)));
    if (faults) {
        refused.faults.at = faults->at;
        refused.faults.count = faults->count;
    }
    bus->counts.refused++;
    ym_bus_answer (bus, to, YM_MSG_refused, &refused);
}

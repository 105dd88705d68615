/* bus.h - all ZeroMQ and CURVE of an actor: its bus endpoint, its links to other actors, its
 * door.
 *
 * The bus is ipc with CURVE: every actor binds one ROUTER at <run_directory>/bus/<name> and
 * sends through one DEALER to each peer it may speak to; an answer goes the same way. A link
 * numbers its messages; the receiver reports a gap, and the beat carries the latest number so
 * that a lost tail is noticed too. The door is one ROUTER over TCP with CURVE.
 *
 * One own ZAP handler (RFC 27, inproc) runs in the caller's thread, inside ym_bus_receive. On
 * the bus it knows the actors' keys, at the door the keys of a table that the owner loads.
 * Before anything is served ym_bus_open attacks itself: a random key, and no CURVE at all, must
 * be refused at both sockets, or it returns -EPERM.
 *
 * Every message is checked again when it arrives: its User-Id against the table as it is now,
 * its role against the message's roles, or its {from, to, message} against schema/actors.def.
 * What fails is answered (door) or counted and logged (bus), and never reaches the actor.
 * Revoking a key takes effect with the next message, either way: what it sends is refused, what
 * is meant for it is dropped, and the connection is cut.
 *
 * One thread. No call blocks.
 */
#ifndef YM_BUS_H
#define YM_BUS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/refusal.h"
#include "common/wire/wire.h"

enum { YM_BUS_PEERS_MAX = 32, YM_BUS_POLL_MAX = 40, YM_BUS_ERROR_MAX = 200 };

struct ym_bus;

struct ym_bus_peer {
    const char *name;
    const char *public_key;
}; /* Z85 */
struct ym_bus_options {
    const char *directory; /* of the ipc sockets; made 0700 if missing */
    unsigned self;         /* place in peers */
    uint64_t incarnation;
    const char *secret_key;          /* Z85 */
    const struct ym_bus_peer *peers; /* place = number of the peer from now on */
    unsigned peer_count;
    bool (*may) (unsigned from, unsigned to, unsigned message); /* the allow list */
    const char *door, *door_secret_key;                         /* NULL without a door */
    unsigned message_max, outbox_max, handshake_ms;
    unsigned beat_ms; /* of links; a peer is heard if within 3 beats */
};

/* 0, or -EADDRINUSE, -EACCES, -EPERM (self-attack got in), -EINVAL (an endpoint or key), or
 * what the directory or a socket said. On failure 'reterr' (200 octets) says in a sentence what
 * was tried. Until the first ym_bus_set_keys handshakes at the door wait. */
int ym_bus_open (const struct ym_bus_options *options, struct ym_bus **ret, char *reterr);
void ym_bus_close (struct ym_bus *bus); /* flushes up to 200 ms; NULL does nothing */
/* The public door key (Z85) that belongs to the secret one. */
const char *ym_bus_door_public (const struct ym_bus *bus);
/* Where the door listens, with the port it really got; "" without a door. */
const char *ym_bus_door (const struct ym_bus *bus);

/* The key table of the door. Replaces all of it at once; rows are copied. */
struct ym_key {
    uint8_t public_key[32];
    int64_t key;      /* its id */
    int64_t identity; /* whose it is: the id of the first key of the same party */
    int32_t tenant;
    uint32_t role; /* enum ym_role */
    char tenant_name[41], name[41];
};
void ym_bus_set_keys (struct ym_bus *bus, const struct ym_key *keys, size_t count);
const struct ym_key *ym_bus_find_key (const struct ym_bus *bus,
                                      int64_t key); /* NULL; valid until set_keys */
/* Whether any key of this identity is in force. */
bool ym_bus_has_identity (const struct ym_bus *bus, int64_t identity);

/* What to wait for: fills zmq_pollitem_t items (as void * here so that only this room and the
 * actor's loop see zmq.h). Returns how many; at most YM_BUS_POLL_MAX. */
int ym_bus_poll_items (struct ym_bus *bus, void *ret_items);
/* Milliseconds until ym_bus_beat wants to be called; 0 = now. */
int ym_bus_wait_ms (const struct ym_bus *bus, int64_t mono_ms);

/* A reply handle: a peer of the bus, or a connection at the door. Plain; copy it freely. It is
 * never identity: that is 'key'. It outlives its connection harmlessly: a client may claim the
 * route of another that has left, so an answer goes out only while 'fd' is still that
 * connection (SO_COOKIE, which the kernel gives once). */
struct ym_to {
    bool at_door;
    uint32_t peer;
    int64_t key;         /* door: id of the key that sent */
    uint8_t route[5];    /* door: what libzmq calls the connection */
    int fd;              /* door: its descriptor, only to compare and cut */
    uint64_t connection; /* door: its kernel cookie; 0 if it has gone */
    uint64_t ask;
    uint8_t trace[16], span[8];
};

/* One message as it arrived. The frame stays valid until ym_letter_free. */
struct ym_letter {
    struct ym_to from;
    struct ym_header header;
    const struct ym_message *message;
    const void *frame;
    size_t size;
    struct ym_key key; /* door: a copy of the sender's row */
    void *owned;       /* the bus's own */
};

/* The next message that passed all checks: 1 and a letter to free, or 0 if none. Handles ZAP
 * requests and beats on the way. */
int ym_bus_receive (struct ym_bus *bus, struct ym_letter *ret);
void ym_letter_free (struct ym_letter *letter);

/* Sends through the outbox of that peer or connection, never blocking. A peer whose outbox is
 * full counts as lost: what waits for it is dropped, and the gap is reported to it by its
 * sequence number. A door connection whose outbox is full is cut. 'number' is the message's; to
 * a peer it must be on the allow list. What is too large to send is logged; at the door the
 * asker is told. */
void ym_bus_send (struct ym_bus *bus, unsigned peer, unsigned number, uint64_t ask,
                  const void *msg);
void ym_bus_answer (struct ym_bus *bus, const struct ym_to *to, unsigned number,
                    const void *msg);
/* Whether an answer would still go out: its connection is there and its key in force. */
bool ym_bus_reaches (const struct ym_bus *bus, const struct ym_to *to);
/* How many answers wait because that connection does not take them; 0 if it reads, or is gone.
 * Who has much to say says it while that is little. */
unsigned ym_bus_backlog (const struct ym_bus *bus, const struct ym_to *to);
void ym_bus_refuse (struct ym_bus *bus, const struct ym_to *to, enum ym_refusal why,
                    const char *text /* NULL: the refusal's own */, unsigned retry_after_ms,
                    const struct ym_faults *faults /* or NULL */);

/* Flushes outboxes, sends beats when due, forgets dead connections. Call it each pass of the
 * loop. */
void ym_bus_beat (struct ym_bus *bus, int64_t mono_ms);

/* What happened to links since the last call; each is reported once. */
enum ym_link_news {
    YM_LINK_NONE,
    YM_LINK_UP /* new incarnation */,
    YM_LINK_GAP,
    YM_LINK_SILENT
};
enum ym_link_news ym_bus_news (struct ym_bus *bus, unsigned *ret_peer);
bool ym_bus_hears (const struct ym_bus *bus, unsigned peer,
                   uint64_t *ret_incarnation /* or NULL */);

/* Counters since open, for status and tests. */
struct ym_bus_counts {
    uint64_t received, sent, refused, malformed, denied_handshakes, dropped, cut;
};
struct ym_bus_counts ym_bus_counts (const struct ym_bus *bus);
#endif

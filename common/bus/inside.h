/* inside.h - what the files of this room share; no other room includes it.
 *
 * outbox  frames that could not be sent yet, to one peer or connection
 * link    what we say to a peer: one DEALER, numbered messages, beats
 * ear     what we hear of a peer: its incarnation, gaps, silence
 * door    what strangers with a key send, and what goes back to them
 * cut     connections that are to be shut down
 * zap     who is let in; keys: the table it looks into at the door
 * attack  proof that others are not let in
 */
#ifndef YM_BUS_INSIDE_H
#define YM_BUS_INSIDE_H

#include <zmq.h>

#include "common/base/panic.h"
#include "common/bus/bus.h"

#define uthash_fatal(message) ym_panic ("%s", message)
#include <uthash.h>

enum {
    YM_BUS_ROUTE_SIZE = 5, /* of a routing id that libzmq chose */
    YM_BUS_KEY_SIZE = 32,
    YM_BUS_KEY_TEXT = 41, /* Z85 and its end */
    YM_BUS_NAME_MAX = 40,
    YM_BUS_LINGER_MS = 100,
    YM_BUS_FLUSH_MS = 100,           /* with the linger: what closing may take */
    YM_BUS_FRAME_LEAST = 1 << 20,    /* the bus carries frames of this size in any case */
    YM_BUS_ENVELOPE = 64,            /* CURVE adds 33 octets to a frame */
    YM_BUS_OUTBOX_OCTETS = 16 << 20, /* of one peer or connection */
    YM_BUS_DOOR_OCTETS = 256 << 20,  /* of all slow connections together */
    YM_BUS_DOOR_RETRY_MS = 10,
    YM_BUS_CALLERS_MAX = 8192,
    YM_BUS_CUT_MAX = 64,
    YM_BUS_CUT_MS = 50, /* for the last answer to leave */
};

/* outbox.c */
struct ym_parcel;
struct ym_outbox {
    struct ym_parcel *first, *last;
    unsigned count;
    size_t octets;
};
struct ym_parcel {
    struct ym_parcel *next;
    uint64_t seq;
    size_t size; /* a frame that was sent is empty */
    zmq_msg_t frame;
};
/* Takes the frame over; false, and the frame is closed, if the outbox is full. */
bool ym_outbox_take (struct ym_outbox *box, unsigned count_max, uint64_t seq, zmq_msg_t *frame);
void ym_outbox_pop (struct ym_outbox *box);
unsigned ym_outbox_clear (struct ym_outbox *box); /* how many were dropped */

/* link.c, ear.c */
struct ym_link {
    void *socket;    /* NULL: we have nothing to say to that peer */
    uint64_t latest; /* number of the last message */
    bool beat_owed;  /* before anything else goes out */
    struct ym_outbox outbox;
};
struct ym_ear {
    bool established, silent;
    uint8_t route[YM_BUS_ROUTE_SIZE]; /* of the connection that counts */
    uint64_t incarnation, seen;
    int64_t heard_ms;
    unsigned news;       /* a bit per enum ym_link_news */
    int64_t complain_ms; /* not before this */
    uint64_t violations;
};
struct ym_peer {
    char name[YM_BUS_NAME_MAX + 1], public_text[YM_BUS_KEY_TEXT];
    uint8_t public_key[YM_BUS_KEY_SIZE];
    struct ym_link link;
    struct ym_ear ear;
};

/* keys.c */
struct ym_known_key {
    struct ym_key key;
    UT_hash_handle by_public, by_id, by_identity;
};
struct ym_keys {
    struct ym_known_key *rows, *by_public, *by_id, *by_identity;
    bool loaded;
};

/* door.c, cut.c */
struct ym_slow {
    uint64_t connection;
    struct ym_to to;
    struct ym_outbox outbox;
    UT_hash_handle hh;
};
struct ym_doomed {
    int fd;
    uint64_t connection;
    int64_t due_ms;
};

struct ym_bus {
    void *context, *zap, *bus, *door;
    int lock; /* nobody else binds our name while we live */
    char public_text[YM_BUS_KEY_TEXT], secret_text[YM_BUS_KEY_TEXT];
    char door_public[YM_BUS_KEY_TEXT], endpoint[160], door_endpoint[160];
    unsigned door_port;
    unsigned self, peer_count;
    struct ym_peer peers[YM_BUS_PEERS_MAX];
    bool (*may) (unsigned from, unsigned to, unsigned message);
    uint64_t incarnation;
    unsigned message_max, outbox_max, handshake_ms, beat_ms;
    int64_t now_ms, beat_due_ms;

    struct ym_keys keys;
    struct ym_caller *callers; /* handshakes that wait for the table */
    unsigned caller_count;
    uint8_t stranger[YM_BUS_KEY_SIZE]; /* the key of our own attack */
    struct ym_slow *slow;
    size_t slow_octets;
    unsigned doomed_count;
    struct ym_doomed doomed[YM_BUS_CUT_MAX];

    bool from_door; /* whose turn it is, and for how many more */
    unsigned burst;
    zmq_msg_t *spare;
    uint8_t *scratch;
    size_t scratch_size;
    struct ym_arena *arena;
    struct ym_bus_counts counts;
};

/* Says what failed and returns the error, for "return". */
int ym_bus_failed (char *reterr, int error, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* socket.c. All return 0 or a negative errno. */
int ym_socket_new (const struct ym_bus *bus, int type, void **ret);
int ym_socket_limit (void *socket, unsigned frame_max, int queue_max);
int ym_socket_serve (void *socket, const char *domain, const char *secret);
int ym_socket_speak (void *socket, const char *public_text, const char *secret,
                     const char *server);
int ym_socket_set (void *socket, int option, int value);
int ym_socket_family (void *socket, const char *endpoint);
int ym_socket_tcp (void *socket, const char *endpoint);

/* setup.c */
int ym_setup_options (struct ym_bus *bus, const struct ym_bus_options *o, char *reterr);
int ym_setup_directory (struct ym_bus *bus, const char *directory, char *reterr);
int ym_setup_sockets (struct ym_bus *bus, const struct ym_bus_options *o, char *reterr);

void ym_keys_clear (struct ym_keys *keys);
const struct ym_key *ym_keys_by_public (const struct ym_keys *keys, const uint8_t *public_key);

/* Answers every handshake that asks, and holds those at a door without a table. */
struct ym_caller;
void ym_zap_serve (struct ym_bus *bus);
bool ym_zap_is_full (const struct ym_bus *bus);
/* The table is there, or never will be: answers, or forgets, those that were held. */
void ym_zap_release (struct ym_bus *bus);

/* 0 if every target turned a random key and no CURVE at all away, or -EPERM. Serves the bus's
 * ZAP meanwhile. */
struct ym_target {
    const char *endpoint, *public_text;
};
int ym_attack (struct ym_bus *bus, const struct ym_target *targets, unsigned count,
               char *reterr);

/* Encodes into a new message; false if it is larger than 'most'. */
bool ym_bus_encode (struct ym_bus *bus, const struct ym_header *h, const void *msg, size_t most,
                    zmq_msg_t *ret);
size_t ym_bus_frame_max (const struct ym_bus *bus); /* on the bus */

bool ym_link_has_waiting (const struct ym_link *link);
void ym_link_send (struct ym_bus *bus, unsigned peer, struct ym_header *h, const void *msg);
void ym_link_flush (struct ym_bus *bus, struct ym_link *link);

/* What a frame of a peer means to its link; true if it is a message for the actor. */
bool ym_ear_hear (struct ym_bus *bus, unsigned peer, const zmq_msg_t *route,
                  const struct ym_header *h, zmq_msg_t *frame);
void ym_ear_complain (struct ym_bus *bus, unsigned peer, unsigned number, const char *why);
void ym_ear_listen (struct ym_bus *bus, int64_t mono_ms); /* notices silence */

/* True if the message in 'letter' (frame, size and route set) may reach the actor. */
bool ym_door_admit (struct ym_bus *bus, struct ym_letter *letter, const zmq_msg_t *route,
                    zmq_msg_t *frame, bool is_whole);
void ym_door_send (struct ym_bus *bus, const struct ym_to *to, struct ym_header *h,
                   const void *msg);
void ym_door_flush (struct ym_bus *bus);
void ym_door_forget (struct ym_bus *bus);

/* The kernel's cookie of a socket, or 0. */
uint64_t ym_cut_cookie (int fd);
void ym_cut_now (struct ym_bus *bus, int fd, uint64_t connection);
void ym_cut_soon (struct ym_bus *bus, const struct ym_to *to);
bool ym_cut_is_doomed (const struct ym_bus *bus, const struct ym_to *to);
void ym_cut_due (struct ym_bus *bus, int64_t mono_ms);
#endif

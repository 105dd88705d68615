/* door.h - one connection to a door of the yard: a DEALER with CURVE and a monitor of it.
 *
 * Sends only while the connection stands; what was sent before it broke may be lost, so whoever
 * waits for an answer sends again when the door says that it is up. One thread.
 */
#ifndef YARD_DOOR_H
#define YARD_DOOR_H
#include <zmq.h>

#include "client/libyard/certificate.h"
#include "client/libyard/yard.h"

struct door {
    void *context, *socket, *monitor;
    char *endpoint;
    char server[KEY_TEXT], public_text[KEY_TEXT], secret[KEY_TEXT];
    unsigned serial;  /* of the socket; names its monitor */
    bool up;          /* the handshake is done */
    bool denied;      /* the yard turned this key away */
    bool shut;        /* a handshake ended without a word: another server key? */
    int64_t heard_ms; /* when a frame came last, or the connection up */
};

enum { DOOR_UP = 1, DOOR_DOWN = 2, DOOR_DENIED = 4 };

yard_err_t *door_open (struct door *d, const yard_opts *opts);
void door_close (struct door *d);

/* A new socket in place of the old one, which may hang on a connection that is dead. */
void door_renew (struct door *d);

/* What the monitor saw since the last call: a set of DOOR_... */
unsigned door_news (struct door *d);

/* False if it cannot be sent now. */
bool door_send (struct door *d, const void *frame, size_t size);
/* False if there is none. What has more than one part is dropped. */
bool door_receive (struct door *d, zmq_msg_t *ret);

/* The items to poll for: socket and monitor. */
enum { DOOR_ITEMS = 2 };
void door_items (const struct door *d, zmq_pollitem_t ret[DOOR_ITEMS]);

/* Why there is no answer, as a sentence's beginning. */
const char *door_trouble (const struct door *d);

/* Milliseconds in which an exponential pause with jitter ends. */
int pause_ms (unsigned tries, int least_ms, int most_ms);
#endif

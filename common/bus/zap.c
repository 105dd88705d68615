/* zap.c - who is let in: the ZAP handler (RFC 27) of both sockets.
 *
 * The bus knows the keys of the other actors, the door those of its table; the User-Id of what
 * they send is the peer's number or the key's id. Anybody else gets 400, which a client takes
 * as final. So until the door's table is loaded a handshake there waits for its verdict; but
 * the stranger of the self-attack gets it at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus/inside.h"

enum { ROUTE, DELIMITER, VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, KEY, FRAMES };
enum { FRAME_MAX = 64, USER_MAX = 24 };

/* Sizes are the true ones; octets beyond FRAME_MAX are lost. */
struct question {
    unsigned count;
    size_t size[FRAMES];
    char frame[FRAMES][FRAME_MAX];
};

struct ym_caller {
    struct ym_caller *next;
    size_t route_size, request_size;
    char route[FRAME_MAX], request[FRAME_MAX];
    uint8_t key[YM_BUS_KEY_SIZE];
};

/* False if none waits. Frames beyond the last are counted, and their octets lost. */
static bool receive (void *zap, struct question *ret)
{
    int more = 1;
    size_t more_size = sizeof more;
    ret->count = 0;
    while (more) {
        unsigned at = ret->count < FRAMES ? ret->count : FRAMES - 1;
        int size = zmq_recv (zap, ret->frame[at], FRAME_MAX, ZMQ_DONTWAIT);
        if (size < 0 && errno == EINTR && ret->count > 0)
            continue;
        if (size < 0)
            return false;
        ret->size[at] = (size_t)size;
        ret->count++;
        if (zmq_getsockopt (zap, ZMQ_RCVMORE, &more, &more_size) != 0)
            return false;
    }
    return true;
}

static bool is (const struct question *q, unsigned frame, const char *text)
{
    return q->size[frame] == strlen (text) &&
           memcmp (q->frame[frame], text, q->size[frame]) == 0;
}

/* The library asks, so anything else is not an answerable question. */
static bool is_readable (const struct question *q)
{
    return q->count == FRAMES && q->size[ROUTE] <= FRAME_MAX && q->size[REQUEST] <= FRAME_MAX &&
           q->size[KEY] == YM_BUS_KEY_SIZE && is (q, DELIMITER, "") && is (q, VERSION, "1.0") &&
           is (q, MECHANISM, "CURVE");
}

static bool judge_peer (const struct ym_bus *bus, const uint8_t *key, char *ret_user)
{
    for (unsigned i = 0; i < bus->peer_count; i++) {
        if (i == bus->self || memcmp (bus->peers[i].public_key, key, YM_BUS_KEY_SIZE) != 0)
            continue;
        return ym_text_format (ret_user, USER_MAX, "%u", i);
    }
    return false;
}

static bool judge_key (const struct ym_bus *bus, const uint8_t *key, char *ret_user)
{
    const struct ym_key *row = ym_keys_by_public (&bus->keys, key);
    return row && ym_text_format (ret_user, USER_MAX, "%" PRId64, row->key);
}

static void answer (struct ym_bus *bus, const struct ym_caller *to, bool is_good,
                    const char *user)
{
    const struct {
        const char *at;
        size_t size;
    } frames[] = {
        {to->route, to->route_size},
        {"", 0},
        {"1.0", 3},
        {to->request, to->request_size},
        {is_good ? "200" : "400", 3},
        {"", 0},
        {user, strlen (user)},
        {"", 0},
    };
    enum { COUNT = sizeof frames / sizeof frames[0] };
    bus->counts.denied_handshakes += !is_good;
    for (unsigned i = 0; i < COUNT; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < COUNT ? ZMQ_SNDMORE : 0);
        while (zmq_send (bus->zap, frames[i].at, frames[i].size, flags) < 0) {
            if (errno != EINTR)
                return;
        }
    }
}

static void answer_at_door (struct ym_bus *bus, const struct ym_caller *caller)
{
    char user[USER_MAX] = "";
    bool is_good = judge_key (bus, caller->key, user);
    answer (bus, caller, is_good, user);
}

static void hold (struct ym_bus *bus, const struct ym_caller *caller)
{
    struct ym_caller *copy = ym_new (sizeof *copy);
    *copy = *caller;
    copy->next = bus->callers;
    bus->callers = copy;
    bus->caller_count++;
}

static void hear (struct ym_bus *bus, const struct question *q)
{
    char user[USER_MAX] = "";
    struct ym_caller caller = {.route_size = q->size[ROUTE], .request_size = q->size[REQUEST]};
    if (!is_readable (q))
        return;
    memcpy (caller.route, q->frame[ROUTE], caller.route_size);
    memcpy (caller.request, q->frame[REQUEST], caller.request_size);
    memcpy (caller.key, q->frame[KEY], sizeof caller.key);
    if (!is (q, DOMAIN, "door")) {
        bool is_good = is (q, DOMAIN, "bus") && judge_peer (bus, caller.key, user);
        answer (bus, &caller, is_good, user);
        return;
    }
    if (bus->keys.loaded || memcmp (caller.key, bus->stranger, sizeof caller.key) == 0)
        answer_at_door (bus, &caller);
    else
        hold (bus, &caller);
}

bool ym_zap_is_full (const struct ym_bus *bus)
{
    return bus->caller_count >= YM_BUS_CALLERS_MAX;
}

void ym_zap_serve (struct ym_bus *bus)
{
    struct question q;
    while (!ym_zap_is_full (bus) && receive (bus->zap, &q))
        hear (bus, &q);
}

void ym_zap_release (struct ym_bus *bus)
{
    while (bus->callers) {
        struct ym_caller *first = bus->callers;
        if (bus->keys.loaded)
            answer_at_door (bus, first);
        bus->callers = first->next;
        bus->caller_count--;
        free (first);
    }
}

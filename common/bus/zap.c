/* zap.c - who is let in: the ZAP handler (RFC 27) of both sockets.
 *
 * The bus knows the keys of the other actors, the door those of its table; the User-Id of what
 * they send is the peer's number or the key's id. Anybody else gets 400. Until the door's table
 * is loaded everybody there gets 300: the connection closes without a verdict, and the client
 * tries again.
 */
#include <inttypes.h>
#include <string.h>

#include "common/bus/inside.h"

enum { VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };
enum { FRAME_MAX = 256, USER_MAX = 24 };

struct question {
    unsigned count;
    size_t size[FRAMES];
    char frame[FRAMES][FRAME_MAX];
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

static bool is_readable (const struct question *q)
{
    if (q->count != FRAMES || q->size[CREDENTIALS] != YM_BUS_KEY_SIZE)
        return false;
    return is (q, VERSION, "1.0") && is (q, MECHANISM, "CURVE") &&
           q->size[REQUEST] <= FRAME_MAX;
}

static const char *judge_peer (const struct ym_bus *bus, const uint8_t *key, char *ret_user)
{
    for (unsigned i = 0; i < bus->peer_count; i++) {
        if (i == bus->self || memcmp (bus->peers[i].public_key, key, YM_BUS_KEY_SIZE) != 0)
            continue;
        (void)ym_text_format (ret_user, USER_MAX, "%u", i);
        return "200";
    }
    return "400";
}

static const char *judge_key (const struct ym_bus *bus, const uint8_t *key, char *ret_user)
{
    if (!bus->keys.loaded)
        return "300";
    const struct ym_key *row = ym_keys_by_public (&bus->keys, key);
    if (!row)
        return "400";
    (void)ym_text_format (ret_user, USER_MAX, "%" PRId64, row->key);
    return "200";
}

static const char *judge (const struct ym_bus *bus, const struct question *q, char *ret_user)
{
    if (!is_readable (q))
        return "400";
    const uint8_t *key = (const uint8_t *)q->frame[CREDENTIALS];
    if (is (q, DOMAIN, "bus"))
        return judge_peer (bus, key, ret_user);
    return is (q, DOMAIN, "door") ? judge_key (bus, key, ret_user) : "400";
}

static void answer (void *zap, const struct question *q, const char *status, const char *user)
{
    size_t id_size = q->count > REQUEST && q->size[REQUEST] <= FRAME_MAX ? q->size[REQUEST] : 0;
    struct {
        const char *at;
        size_t size;
    } frames[] = {
        {"1.0", 3}, {q->frame[REQUEST], id_size}, {status, 3},
        {"", 0},    {user, strlen (user)},        {"", 0},
    };
    enum { COUNT = sizeof frames / sizeof frames[0] };
    for (unsigned i = 0; i < COUNT; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < COUNT ? ZMQ_SNDMORE : 0);
        if (zmq_send (zap, frames[i].at, frames[i].size, flags) < 0)
            return;
    }
}

void ym_zap_serve (struct ym_bus *bus)
{
    struct question q;
    while (receive (bus->zap, &q)) {
        char user[USER_MAX] = "";
        const char *status = judge (bus, &q, user);
        if (status[0] == '4')
            bus->counts.denied_handshakes++;
        answer (bus->zap, &q, status, user);
    }
}

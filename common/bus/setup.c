/* setup.c - from options to bound and connected sockets. Each step says in a sentence what
 * failed. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bus/inside.h"

enum { BUS_QUEUE = 256, DOOR_QUEUE = 128, RECONNECT_MS = 10, RECONNECT_MOST_MS = 100 };

static int copy_key (char *to, const char *from)
{
    uint8_t octets[YM_BUS_KEY_SIZE];
    if (!from || strlen (from) != YM_BUS_KEY_TEXT - 1 || !zmq_z85_decode (octets, from))
        return -EINVAL;
    memcpy (to, from, YM_BUS_KEY_TEXT);
    return 0;
}

static int copy_peer (struct ym_bus *bus, unsigned i, const struct ym_bus_peer *from,
                      char *reterr)
{
    struct ym_peer *peer = &bus->peers[i];
    if (!from->name || !ym_text_copy (peer->name, sizeof peer->name, from->name) ||
        peer->name[0] == 0 || strchr (peer->name, '/'))
        return ym_bus_failed (reterr, -EINVAL, "peer %u has no usable name", i);
    if (copy_key (peer->public_text, from->public_key) < 0)
        return ym_bus_failed (reterr, -EINVAL, "the public key of %s is not a Z85 key",
                              peer->name);
    ym_assert (zmq_z85_decode (peer->public_key, peer->public_text));
    return 0;
}

static int check_own_key (struct ym_bus *bus, const struct ym_bus_options *o, char *reterr)
{
    if (copy_key (bus->secret_text, o->secret_key) < 0 ||
        zmq_curve_public (bus->public_text, bus->secret_text) != 0)
        return ym_bus_failed (reterr, -EINVAL, "the secret key of the bus is not a Z85 key");
    if (strcmp (bus->public_text, bus->peers[bus->self].public_text) != 0)
        return ym_bus_failed (reterr, -EINVAL, "the secret key does not belong to %s",
                              bus->peers[bus->self].name);
    return 0;
}

int ym_setup_options (struct ym_bus *bus, const struct ym_bus_options *o, char *reterr)
{
    if (!o->directory || !o->may || o->peer_count == 0 || o->peer_count > YM_BUS_PEERS_MAX ||
        o->self >= o->peer_count || o->incarnation == 0 || o->incarnation > INT64_MAX)
        return ym_bus_failed (reterr, -EINVAL,
                              "the list of peers and our place in it do not fit");
    if (o->beat_ms == 0 || o->outbox_max == 0 || o->message_max < YM_HEADER_SIZE)
        return ym_bus_failed (reterr, -EINVAL, "a limit of the bus is zero");
    bus->self = o->self;
    bus->peer_count = o->peer_count;
    bus->may = o->may;
    bus->incarnation = o->incarnation;
    bus->message_max = o->message_max;
    bus->outbox_max = o->outbox_max;
    bus->handshake_ms = o->handshake_ms;
    bus->beat_ms = o->beat_ms;
    for (unsigned i = 0; i < o->peer_count; i++) {
        int rc = copy_peer (bus, i, &o->peers[i], reterr);
        if (rc < 0)
            return rc;
    }
    return check_own_key (bus, o, reterr);
}

static int make_private (const char *directory, char *reterr)
{
    struct stat is;
    if (mkdir (directory, 0700) != 0 && errno != EEXIST)
        return ym_bus_failed (reterr, -errno, "the bus directory %s cannot be made", directory);
    _close_ int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat (fd, &is) != 0)
        return ym_bus_failed (reterr, -errno, "the bus directory %s cannot be opened",
                              directory);
    if ((is.st_mode & 077) != 0 && fchmod (fd, 0700) != 0)
        return ym_bus_failed (reterr, -EACCES, "the bus directory %s is open to others",
                              directory);
    return 0;
}

/* libzmq takes a name that is in use without a word; the lock does not. The kernel frees it
 * with the process, so what a killed one left behind is no obstacle. */
static int lock_name (struct ym_bus *bus, const char *directory, char *reterr)
{
    char path[160];
    const char *name = bus->peers[bus->self].name;
    if (!ym_text_format (path, sizeof path, "%s/%s.lock", directory, name))
        return ym_bus_failed (reterr, -EINVAL, "the path of the bus directory is too long");
    bus->lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (bus->lock < 0)
        return ym_bus_failed (reterr, -errno, "%s cannot be made", path);
    if (flock (bus->lock, LOCK_EX | LOCK_NB) != 0)
        return ym_bus_failed (reterr, errno == EWOULDBLOCK ? -EADDRINUSE : -errno,
                              "another process is %s at %s", name, directory);
    return 0;
}

static int name_endpoint (char *to, size_t room, const char *directory, const char *name)
{
    return ym_text_format (to, room, "ipc://%s/%s", directory, name) ? 0 : -EINVAL;
}

int ym_setup_directory (struct ym_bus *bus, const char *directory, char *reterr)
{
    int rc = make_private (directory, reterr);
    if (rc == 0)
        rc = lock_name (bus, directory, reterr);
    if (rc == 0 && name_endpoint (bus->endpoint, sizeof bus->endpoint, directory,
                                  bus->peers[bus->self].name) < 0)
        rc = ym_bus_failed (reterr, -EINVAL, "the path of the bus directory is too long");
    return rc;
}

/* Before any other bind: a CURVE server without it would let everybody in. */
static int start_zap (struct ym_bus *bus, char *reterr)
{
    bus->context = zmq_ctx_new ();
    if (!bus->context)
        return ym_bus_failed (reterr, -errno, "a ZeroMQ context cannot be made");
    /* libzmq takes its first routing id from rand () and does not seed it. Who can foretell an
     * id and claims it makes the library abort when it gives it out. */
    srand (randombytes_random ());
    int rc = ym_socket_new (bus, ZMQ_ROUTER, &bus->zap);
    if (rc == 0 && zmq_bind (bus->zap, "inproc://zeromq.zap.01") != 0)
        rc = -errno;
    return rc < 0 ? ym_bus_failed (reterr, rc, "the ZAP handler cannot start") : 0;
}

/* What libzmq calls the trouble, in the few words of our contract. */
static int bind_error (int error)
{
    switch (error) {
    case EADDRINUSE:
    case EACCES:
        return -error;
    case EINVAL:
    case ENODEV:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
    case EADDRNOTAVAIL:
    case ENAMETOOLONG:
        return -EINVAL;
    default:
        return error > 0 && error < 4096 ? -error : -EIO;
    }
}

static int open_bus (struct ym_bus *bus, char *reterr)
{
    int rc = ym_socket_new (bus, ZMQ_ROUTER, &bus->bus);
    if (rc == 0)
        rc = ym_socket_limit (bus->bus, (unsigned)ym_bus_frame_max (bus), BUS_QUEUE);
    if (rc == 0)
        rc = ym_socket_serve (bus->bus, "bus", bus->secret_text);
    if (rc == 0 && zmq_bind (bus->bus, bus->endpoint) != 0)
        rc = bind_error (errno);
    return rc < 0 ? ym_bus_failed (reterr, rc, "the bus cannot be bound at %s", bus->endpoint)
                  : 0;
}

/* libzmq takes 99999 for 34463. */
static bool has_port (const char *endpoint, int64_t *ret)
{
    const char *colon = strrchr (endpoint, ':');
    return colon && ym_text_number (colon + 1, 1, UINT16_MAX, ret) == 0;
}

static bool is_door (const char *endpoint)
{
    int64_t port;
    size_t size = strlen (endpoint);
    if (strncmp (endpoint, "tcp://", 6) != 0)
        return false;
    return has_port (endpoint, &port) || (size > 8 && strcmp (endpoint + size - 2, ":*") == 0);
}

static int read_door (struct ym_bus *bus)
{
    size_t size = sizeof bus->door_endpoint;
    int64_t port;
    if (zmq_getsockopt (bus->door, ZMQ_LAST_ENDPOINT, bus->door_endpoint, &size) != 0)
        return -errno;
    if (!has_port (bus->door_endpoint, &port))
        return -EINVAL;
    bus->door_port = (unsigned)port;
    return 0;
}

static int limit_door (struct ym_bus *bus, const char *endpoint)
{
    int rc = ym_socket_limit (bus->door, bus->message_max, DOOR_QUEUE);
    if (rc == 0)
        rc = ym_socket_tcp (bus->door, endpoint);
    return rc == 0 ? ym_socket_set (bus->door, ZMQ_ROUTER_MANDATORY, 1) : rc;
}

static int bind_door (struct ym_bus *bus, const char *endpoint, const char *secret,
                      char *reterr)
{
    int rc = ym_socket_new (bus, ZMQ_ROUTER, &bus->door);
    if (rc == 0)
        rc = limit_door (bus, endpoint);
    if (rc == 0)
        rc = ym_socket_serve (bus->door, "door", secret);
    if (rc == 0 && zmq_bind (bus->door, endpoint) != 0)
        rc = bind_error (errno);
    if (rc == 0)
        rc = read_door (bus);
    if (rc == -EADDRINUSE)
        return ym_bus_failed (reterr, rc, "the door %s is taken by another process", endpoint);
    return rc < 0 ? ym_bus_failed (reterr, rc, "the door cannot be opened at %s", endpoint) : 0;
}

static int open_door (struct ym_bus *bus, const struct ym_bus_options *o, char *reterr)
{
    char secret[YM_BUS_KEY_TEXT];
    if (!is_door (o->door))
        return ym_bus_failed (reterr, -EINVAL, "the door %s is not tcp://ADDRESS:PORT",
                              o->door);
    if (copy_key (secret, o->door_secret_key) < 0 ||
        zmq_curve_public (bus->door_public, secret) != 0)
        return ym_bus_failed (reterr, -EINVAL, "the secret key of the door is not a Z85 key");
    int rc = bind_door (bus, o->door, secret, reterr);
    explicit_bzero (secret, sizeof secret);
    return rc;
}

static bool has_anything_to_say (const struct ym_bus *bus, unsigned peer)
{
    for (size_t i = 0; i < ym_message_count; i++) {
        if (peer != bus->self && bus->may (bus->self, peer, ym_messages[i]->number))
            return true;
    }
    return false;
}

static int tune_link (struct ym_bus *bus, void *socket, const struct ym_peer *peer)
{
    int rc = ym_socket_limit (socket, (unsigned)ym_bus_frame_max (bus), BUS_QUEUE);
    if (rc == 0)
        rc = ym_socket_speak (socket, bus->public_text, bus->secret_text, peer->public_text);
    if (rc == 0)
        rc = ym_socket_set (socket, ZMQ_IMMEDIATE, 1);
    if (rc == 0)
        rc = ym_socket_set (socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    if (rc == 0)
        rc = ym_socket_set (socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
    return rc;
}

static int open_link (struct ym_bus *bus, struct ym_peer *peer, const char *directory,
                      char *reterr)
{
    char endpoint[160];
    int rc = name_endpoint (endpoint, sizeof endpoint, directory, peer->name);
    if (rc == 0)
        rc = ym_socket_new (bus, ZMQ_DEALER, &peer->link.socket);
    if (rc == 0)
        rc = tune_link (bus, peer->link.socket, peer);
    if (rc == 0 && zmq_connect (peer->link.socket, endpoint) != 0)
        rc = bind_error (errno);
    peer->link.beat_owed = true;
    return rc < 0 ? ym_bus_failed (reterr, rc, "the link to %s cannot be made", peer->name) : 0;
}

static int prove (struct ym_bus *bus, char *reterr)
{
    const struct ym_target targets[] = {
        {bus->endpoint, bus->public_text},
        {bus->door_endpoint, bus->door_public},
    };
    return ym_attack (bus, targets, bus->door ? 2 : 1, reterr);
}

int ym_setup_sockets (struct ym_bus *bus, const struct ym_bus_options *o, char *reterr)
{
    int rc = start_zap (bus, reterr);
    if (rc == 0)
        rc = open_bus (bus, reterr);
    if (rc == 0 && o->door)
        rc = open_door (bus, o, reterr);
    if (rc == 0)
        rc = prove (bus, reterr);
    for (unsigned i = 0; i < bus->peer_count && rc == 0; i++) {
        if (has_anything_to_say (bus, i))
            rc = open_link (bus, &bus->peers[i], o->directory, reterr);
    }
    return rc;
}

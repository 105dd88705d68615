/* cut.c - connections of the door that are to be shut down.
 *
 * A descriptor may have been closed and given to something else since the message that named
 * it. So a connection is known by its kernel cookie, and only a socket of the door is ever shut
 * down.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/bus/inside.h"

uint64_t ym_cut_cookie (int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
        return 0;
    return cookie;
}

static bool is_of_door (const struct ym_bus *bus, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } local;
    socklen_t size = sizeof local;
    if (getsockname (fd, &local.any, &size) != 0)
        return false;
    if (local.any.sa_family == AF_INET)
        return ntohs (local.v4.sin_port) == bus->door_port;
    return local.any.sa_family == AF_INET6 && ntohs (local.v6.sin6_port) == bus->door_port;
}

void ym_cut_now (struct ym_bus *bus, int fd, uint64_t connection)
{
    if (connection == 0 || ym_cut_cookie (fd) != connection || !is_of_door (bus, fd))
        return;
    if (shutdown (fd, SHUT_RDWR) == 0)
        bus->counts.cut++;
}

static void cut_first (struct ym_bus *bus)
{
    struct ym_doomed first = bus->doomed[0];
    bus->doomed_count--;
    for (unsigned i = 0; i < bus->doomed_count; i++)
        bus->doomed[i] = bus->doomed[i + 1];
    ym_cut_now (bus, first.fd, first.connection);
}

/* Not at once: the answer that says why is still on its way out. */
void ym_cut_soon (struct ym_bus *bus, const struct ym_to *to)
{
    if (to->connection == 0 || ym_cut_is_doomed (bus, to))
        return;
    if (bus->doomed_count == YM_BUS_CUT_MAX)
        cut_first (bus);
    bus->doomed[bus->doomed_count++] = (struct ym_doomed){
        .fd = to->fd,
        .connection = to->connection,
        .due_ms = bus->now_ms + YM_BUS_CUT_MS,
    };
}

bool ym_cut_is_doomed (const struct ym_bus *bus, const struct ym_to *to)
{
    for (unsigned i = 0; i < bus->doomed_count; i++) {
        if (bus->doomed[i].connection == to->connection)
            return true;
    }
    return false;
}

void ym_cut_due (struct ym_bus *bus, int64_t mono_ms)
{
    while (bus->doomed_count > 0 && bus->doomed[0].due_ms <= mono_ms)
        cut_first (bus);
}

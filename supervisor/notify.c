/* notify.c - the sentences of sd_notify(3), sent by hand. */
#include "supervisor/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/base/text.h"
#include "common/base/time.h"

enum { MESSAGE_MAX = 512 };

/* A path, or a name in the abstract space if it begins with '@'. */
static bool find_address (struct sockaddr_un *ret, socklen_t *ret_size)
{
    const char *path = getenv ("NOTIFY_SOCKET");
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') ||
        !ym_text_copy (ret->sun_path, sizeof ret->sun_path, path))
        return false;
    *ret_size = (socklen_t)(offsetof (struct sockaddr_un, sun_path) + strlen (path));
    if (*path == '@')
        ret->sun_path[0] = '\0';
    return true;
}

static bool say (const char *message)
{
    struct sockaddr_un address;
    socklen_t size;
    if (!find_address (&address, &size))
        return true;

    struct timeval limit = {.tv_usec = NOTIFY_WAIT_MS * 1000};
    _close_ int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return false;
    return sendto (fd, message, strlen (message), MSG_NOSIGNAL, (struct sockaddr *)&address,
                   size) >= 0;
}

bool notify_status (const char *text, bool is_ready)
{
    char message[MESSAGE_MAX];
    (void)ym_text_format (message, sizeof message, "%sSTATUS=%s", is_ready ? "READY=1\n" : "",
                          text);
    return say (message);
}

bool notify_reloading (void)
{
    char message[MESSAGE_MAX];
    (void)ym_text_format (message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                          ym_time_mono_us ());
    return say (message);
}

bool notify_reloaded (void)
{
    return say ("READY=1");
}

bool notify_stopping (void)
{
    return say ("STOPPING=1");
}

bool notify_extend (int64_t ms)
{
    char message[MESSAGE_MAX];
    (void)ym_text_format (message, sizeof message, "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
    return say (message);
}

bool notify_alive (void)
{
    return say ("WATCHDOG=1");
}

int64_t notify_watchdog_ms (void)
{
    const char *text = getenv ("WATCHDOG_USEC"), *owner = getenv ("WATCHDOG_PID");
    int64_t us, pid = getpid ();
    if (!text || ym_text_number (text, 1, INT64_MAX, &us) != 0)
        return 0;
    if (owner && (ym_text_number (owner, 1, INT32_MAX, &pid) != 0 || pid != getpid ()))
        return 0;
    /* Thrice in the time allowed: one that is late does no harm. */
    return us >= 3000 ? us / 3000 : 1;
}

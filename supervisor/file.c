/* file.c - reads a small file that somebody else wrote, without waiting on a pipe or a device.
 */
#include "supervisor/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/own.h"

static int read_all (int fd, char *to, size_t room, size_t *ret_size)
{
    size_t size = 0;
    for (;;) {
        char more;
        ssize_t got = size < room ? read (fd, to + size, room - size) : read (fd, &more, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        if (size == room)
            return -EFBIG;
        size += (size_t)got;
    }
    *ret_size = size;
    return 0;
}

int file_read (const char *path, void *to, size_t room, size_t *ret_size, struct stat *ret_stat)
{
    _close_ int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat (fd, &st) < 0)
        return -errno;
    if (!S_ISREG (st.st_mode))
        return S_ISDIR (st.st_mode) ? -EISDIR : -EINVAL;

    int rc = read_all (fd, to, room, ret_size);
    if (!rc && ret_stat)
        *ret_stat = st;
    return rc;
}

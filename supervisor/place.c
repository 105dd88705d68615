/* place.c - the run directory, its lock, and the list of actors. */
#include "supervisor/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/base/text.h"

struct place {
    int directory, lock;
    uint64_t incarnation;
};

/* A directory that others may write to is refused; one that they may only read is closed. */
static int open_directory (const char *path, int *ret, char *reterr)
{
    if (mkdir (path, 0700) < 0 && errno != EEXIST) {
        int rc = -errno;
        (void)ym_text_format (reterr, PLACE_ERROR_MAX + 1,
                              "run directory %s cannot be made: %s", path, strerror (-rc));
        return rc;
    }
    _close_ int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat (fd, &st) < 0) {
        int rc = -errno;
        (void)ym_text_format (reterr, PLACE_ERROR_MAX + 1,
                              "run directory %s cannot be opened: %s", path, strerror (-rc));
        return rc;
    }
    if (st.st_uid != geteuid () || st.st_mode & 0022 || fchmod (fd, 0700) < 0) {
        (void)ym_text_format (reterr, PLACE_ERROR_MAX + 1,
                              "run directory %s must belong to user %u and be writable by "
                              "nobody else; it belongs to %u and has mode %04o",
                              path, (unsigned)geteuid (), (unsigned)st.st_uid,
                              st.st_mode & 07777);
        return -EPERM;
    }
    *ret = fd;
    fd = -1;
    return 0;
}

static uint64_t read_incarnation (int lock)
{
    char text[64] = "";
    uint64_t incarnation = 0;
    ssize_t size = pread (lock, text, sizeof text - 1, 0);
    if (size <= 0 || sscanf (text, "%*d %" SCNu64, &incarnation) != 1)
        return 0;
    return incarnation;
}

/* Of fixed size, so that nothing of the one before shows. A lock that cannot be written only
 * costs the guard against a clock that was set back. */
static void write_lock (const struct place *place)
{
    char text[64];
    (void)ym_text_format (text, sizeof text, "%-10d %-20" PRIu64 "\n", (int)getpid (),
                          place->incarnation);
    ssize_t written = pwrite (place->lock, text, strlen (text), 0);
    (void)written;
}

static int take_lock (struct place *place, const char *path, char *reterr)
{
    place->lock =
        openat (place->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (place->lock >= 0 && flock (place->lock, LOCK_EX | LOCK_NB) == 0) {
        place->incarnation = read_incarnation (place->lock);
        write_lock (place);
        return 0;
    }
    int rc = -errno;
    if (rc != -EWOULDBLOCK) {
        (void)ym_text_format (reterr, PLACE_ERROR_MAX + 1, "%s/lock cannot be taken: %s", path,
                              strerror (-rc));
        return rc;
    }
    char owner[16] = "";
    ssize_t size = pread (place->lock, owner, sizeof owner - 1, 0);
    owner[size > 0 ? strcspn (owner, " \n") : 0] = '\0';
    (void)ym_text_format (reterr, PLACE_ERROR_MAX + 1,
                          "another yardmasterd (pid %s) runs in %s", *owner ? owner : "unknown",
                          path);
    return -EBUSY;
}

int place_open (const char *directory, struct place **ret, char reterr[PLACE_ERROR_MAX + 1])
{
    struct place *place = ym_new (sizeof *place);
    place->directory = place->lock = -1;
    int rc = open_directory (directory, &place->directory, reterr);
    if (!rc)
        rc = take_lock (place, directory, reterr);
    if (rc) {
        place_close (place);
        return rc;
    }
    *ret = place;
    return 0;
}

void place_close (struct place *place)
{
    if (!place)
        return;
    ym_close_at (&place->lock);
    ym_close_at (&place->directory);
    ym_free_at (&place);
}

uint64_t place_next_incarnation (struct place *place, int64_t wall_ms)
{
    uint64_t clock = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    place->incarnation = clock > place->incarnation ? clock : place->incarnation + 1;
    write_lock (place);
    return place->incarnation;
}

int place_write_actors (const struct place *place, const char *text, size_t size)
{
    _close_ int fd = openat (place->directory, "actors.new",
                             O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    ssize_t written = write (fd, text, size);
    if (written < 0)
        return -errno;
    if ((size_t)written != size)
        return -ENOSPC;
    if (renameat (place->directory, "actors.new", place->directory, "actors") < 0)
        return -errno;
    return 0;
}

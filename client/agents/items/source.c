/* source.c - a JSON Lines file, line by line, from any offset. Memory is bounded by one line.
 */
#include "client/agents/items/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (ITEMS_LINE_MAX + 1)

static enum items_end cannot (struct items_work *work, const char *path, int error)
{
    bool may_pass = error == EIO || error == ENFILE || error == EMFILE || error == ESTALE;

    return items_say (work, may_pass ? ITEMS_RETRY : ITEMS_FAIL, "source: %s: %s", path,
                      strerror (error));
}

enum items_end items_source_open (struct items_work *work, struct items_source *ret_source)
{
    char path[PATH_MAX];
    struct stat is;

    if (!agents_address_path (work->task->source, path))
        return items_say (work, ITEMS_FAIL,
                          "source: '%s' is neither an absolute path nor file://",
                          work->task->source);
    /* Without O_NONBLOCK a named pipe would hold us here. */
    ret_source->fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (ret_source->fd < 0)
        return cannot (work, path, errno);
    if (fstat (ret_source->fd, &is) < 0)
        return cannot (work, path, errno);
    if (!S_ISREG (is.st_mode))
        return items_say (work, ITEMS_FAIL, "source: %s is not a file", path);
    ret_source->buffer = items_memory (1, ROOM);
    return ITEMS_GO_ON;
}

void items_source_close (struct items_source *source)
{
    if (source->fd >= 0)
        (void)close (source->fd);
    source->fd = -1;
    free (source->buffer);
    source->buffer = NULL;
}

enum items_end items_source_seek (struct items_work *work, struct items_source *source,
                                  uint64_t offset, uint64_t lines)
{
    if (lseek (source->fd, (off_t)offset, SEEK_SET) < 0)
        return cannot (work, work->task->source, errno);
    source->begin = source->end = 0;
    source->offset = offset;
    source->number = lines;
    source->is_at_end = false;
    return ITEMS_GO_ON;
}

/* Moves what is left to the front and reads behind it. */
static int fill (struct items_source *source)
{
    ssize_t n;

    memmove (source->buffer, source->buffer + source->begin, source->end - source->begin);
    source->end -= source->begin;
    source->begin = 0;
    do
        n = read (source->fd, source->buffer + source->end, ROOM - source->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    source->end += (size_t)n;
    source->is_at_end = n == 0;
    return 0;
}

/* The end of the line at 'begin', or NULL when more must be read. */
static const char *line_end (const struct items_source *source, size_t *seen)
{
    const char *from = source->buffer + source->begin;
    const char *end = memchr (from + *seen, '\n', source->end - source->begin - *seen);

    *seen = source->end - source->begin;
    if (end || !source->is_at_end)
        return end;
    return from + *seen;
}

enum items_end items_source_next (struct items_work *work, struct items_source *source,
                                  const char **ret_line, size_t *ret_size)
{
    const char *end;
    size_t seen = 0;
    int r;

    *ret_line = NULL;
    while (!(end = line_end (source, &seen))) {
        if (seen == ROOM)
            return items_say (work, ITEMS_FAIL,
                              "source: line %" PRIu64 " has more than %zu octets",
                              source->number + 1, ITEMS_LINE_MAX);
        r = fill (source);
        if (r < 0)
            return cannot (work, work->task->source, -r);
    }
    if (source->is_at_end && source->begin == source->end)
        return ITEMS_GO_ON;
    *ret_line = source->buffer + source->begin;
    *ret_size = (size_t)(end - *ret_line);
    r = end < source->buffer + source->end; /* there is a line feed to step over */
    source->begin += *ret_size + (size_t)r;
    source->offset += *ret_size + (uint64_t)r;
    source->number++;
    return ITEMS_GO_ON;
}

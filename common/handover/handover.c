/* handover.c - the sealed lines a new actor finds at its first descriptor.
 *
 * They carry secret keys, so they live in pages that are not dumped, not inherited by a fork,
 * locked when the limit allows it, and wiped before they are given back.  Inside, the space and
 * the line end of each "name value\n" are NULs: a name and a value can be pointed at as they
 * are.
 */
#include "common/handover/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/text.h"

struct ym_handover {
    size_t size;
    char lines[YM_HANDOVER_MAX];
};

struct ym_handover *ym_handover_new (void)
{
    struct ym_handover *h =
        mmap (NULL, sizeof *h, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (h == MAP_FAILED)
        ym_panic ("expected memory for a handover");
    (void)madvise (h, sizeof *h, MADV_DONTDUMP);
    (void)madvise (h, sizeof *h, MADV_DONTFORK);
    (void)mlock (h, sizeof *h);
    return h;
}

void ym_handover_free (struct ym_handover *h)
{
    if (!h)
        return;
    explicit_bzero (h, sizeof *h);
    ym_assert (munmap (h, sizeof *h) == 0);
}

static bool is_name (const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    return *name && name[strspn (name, letters)] == '\0';
}

static bool is_value (const char *value)
{
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return true;
}

const char *ym_handover_text (const struct ym_handover *h, const char *name)
{
    for (size_t at = 0; at < h->size;) {
        const char *value = h->lines + at + strlen (h->lines + at) + 1;
        if (strcmp (h->lines + at, name) == 0)
            return value;
        at = (size_t)(value - h->lines) + strlen (value) + 1;
    }
    return NULL;
}

int ym_handover_put (struct ym_handover *h, const char *name, const char *value)
{
    if (!is_name (name) || !is_value (value) || ym_handover_text (h, name))
        return -EINVAL;

    size_t name_size = strlen (name) + 1, value_size = strlen (value) + 1;
    if (name_size > sizeof h->lines || value_size > sizeof h->lines - name_size ||
        name_size + value_size > sizeof h->lines - h->size)
        return -E2BIG;

    memcpy (h->lines + h->size, name, name_size);
    memcpy (h->lines + h->size + name_size, value, value_size);
    h->size += name_size + value_size;
    return 0;
}

int64_t ym_handover_number (const struct ym_handover *h, const char *name)
{
    const char *text = ym_handover_text (h, name);
    int64_t number;
    if (!text || ym_text_number (text, INT64_MIN, INT64_MAX, &number))
        ym_panic ("expected a number called %s in the handover", name);
    return number;
}

static int write_all (int fd, const char *at, size_t size)
{
    while (size > 0) {
        ssize_t written = write (fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

/* The separators alternate: a space after a name, a line end after a value. */
static void join_lines (char *lines, size_t size)
{
    char separator = ' ';
    for (size_t at = 0; at < size; at++) {
        if (lines[at] != '\0')
            continue;
        lines[at] = separator;
        separator = separator == ' ' ? '\n' : ' ';
    }
}

static void free_at (struct ym_handover **h)
{
    ym_handover_free (*h);
}
#define _free_handover_ __attribute__ ((cleanup (free_at)))

static int write_lines (const struct ym_handover *h, int fd)
{
    _free_handover_ struct ym_handover *copy = ym_handover_new ();
    memcpy (copy->lines, h->lines, h->size);
    join_lines (copy->lines, h->size);
    return write_all (fd, copy->lines, h->size);
}

int ym_handover_seal (const struct ym_handover *h)
{
    _close_ int fd = memfd_create ("ym-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;

    int rc = write_lines (h, fd);
    if (rc)
        return rc;
    if (lseek (fd, 0, SEEK_SET) < 0 ||
        fcntl (fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -errno;

    int sealed = fd;
    fd = -1;
    return sealed;
}

/* Reads to the end; -E2BIG if there is more than 'room'. */
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
            return -E2BIG;
        size += (size_t)got;
    }
    *ret_size = size;
    return 0;
}

/* Takes the lines of 'raw' apart in place. */
static int put_lines (struct ym_handover *h, char *raw, size_t size)
{
    if (memchr (raw, '\0', size))
        return -EINVAL;
    for (char *line = raw, *end; line < raw + size; line = end + 1) {
        end = memchr (line, '\n', (size_t)(raw + size - line));
        if (!end)
            return -EINVAL;
        *end = '\0';
        char *space = strchr (line, ' ');
        if (!space)
            return -EINVAL;
        *space = '\0';
        int rc = ym_handover_put (h, line, space + 1);
        if (rc)
            return rc;
    }
    return 0;
}

int ym_handover_read (int fd, struct ym_handover **ret)
{
    _close_ int own = fd;
    _free_handover_ struct ym_handover *raw = ym_handover_new ();
    _free_handover_ struct ym_handover *h = ym_handover_new ();

    int rc = read_all (own, raw->lines, sizeof raw->lines, &raw->size);
    if (!rc)
        rc = put_lines (h, raw->lines, raw->size);
    if (rc)
        return rc == -E2BIG ? -EINVAL : rc;

    *ret = h;
    h = NULL;
    return 0;
}

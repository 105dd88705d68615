/* journal.c - the journal's native protocol: one datagram an entry, never waited for. */
#include "common/base/journal.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/base/text.h"

enum { ENTRY_MAX = 8192 };

struct entry {
    size_t size;
    bool is_full;
    char octets[ENTRY_MAX];
};

static void put (struct entry *e, const void *from, size_t size)
{
    if (e->is_full || size > sizeof e->octets - e->size) {
        e->is_full = true;
        return;
    }
    memcpy (e->octets + e->size, from, size);
    e->size += size;
}

/* The form with a length, which any value fits. */
static void put_field (struct entry *e, const char *name, const char *value, size_t size)
{
    uint64_t length = htole64 ((uint64_t)size);

    put (e, name, strlen (name));
    put (e, "\n", 1);
    put (e, &length, sizeof length);
    put (e, value, size);
    put (e, "\n", 1);
}

static void put_text (struct entry *e, const char *name, const char *value)
{
    put_field (e, name, value, strlen (value));
}

static void field_name (char to[64], const char *key)
{
    size_t at = 5;

    memcpy (to, "YARD_", at);
    for (; *key && at < 60; key++)
        to[at++] = isalnum ((unsigned char)*key) ? (char)toupper ((unsigned char)*key) : '_';
    to[at] = '\0';
    if (strcmp (to, "YARD_JOB") == 0)
        memcpy (to, "YARD_JOB_ID", sizeof "YARD_JOB_ID");
}

bool ym_journal_reads (int fd, const char *stream)
{
    char own[64];
    struct stat st;

    if (!stream || fstat (fd, &st) < 0)
        return false;
    (void)ym_text_format (own, sizeof own, "%llu:%llu", (unsigned long long)st.st_dev,
                          (unsigned long long)st.st_ino);
    return strcmp (own, stream) == 0;
}

int ym_journal_open (const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _close_ int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int kept = fd;

    if (fd < 0)
        return -errno;
    if (!ym_text_copy (address.sun_path, sizeof address.sun_path, path))
        return -ENAMETOOLONG;
    if (connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    fd = -1;
    return kept;
}

bool ym_journal_send (int fd, enum ym_priority priority, const char *event, const char *actor,
                      const char *line, size_t size, const struct ym_log_field *fields,
                      unsigned count)
{
    struct entry e = {.size = 0};
    char name[64];

    put_field (&e, "MESSAGE", line, size);
    put_field (&e, "PRIORITY", (const char[]){(char)('0' + priority)}, 1);
    put_text (&e, "SYSLOG_IDENTIFIER", "yardmaster");
    put_text (&e, "YARD_EVENT", event);
    put_text (&e, "YARD_ACTOR", actor);
    for (unsigned i = 0; i < count; i++) {
        field_name (name, fields[i].key);
        put_text (&e, name, fields[i].value);
    }
    return !e.is_full &&
           send (fd, e.octets, e.size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)e.size;
}

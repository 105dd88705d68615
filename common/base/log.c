/* log.c - one event, one line, one write.
 *
 * Where stderr is the journal's, an entry with fields goes to the journal itself; if it does
 * not take it, the line goes to stderr as anywhere else.
 *
 * The journal reads the "<priority>" before a line and takes it off; on a terminal nobody
 * would, so it is left out there. A line is built on the stack and written at once: lines of
 * several processes on one pipe do not mix, and a panic for want of memory can still be logged.
 * What cannot be written is lost; the log is no place to fail.
 */
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/id.h"
#include "common/base/journal.h"
#include "common/base/text.h"

enum { LINE_MAX_OCTETS = 2048, PREFIX = 3 };

struct line {
    bool is_full;
    size_t size;
    char text[LINE_MAX_OCTETS];
};

static struct {
    bool is_open, is_terminal;
    int journal; /* its socket, or negative */
    int most;
    char actor[41];
} out = {.journal = -1};

struct ym_log_field ym_log_text (const char *key, const char *value)
{
    struct ym_log_field f = {.key = key};

    (void)ym_text_copy (f.value, sizeof f.value, value ? value : "");
    return f;
}

struct ym_log_field ym_log_number (const char *key, int64_t value)
{
    struct ym_log_field f = {.key = key};

    (void)ym_text_format (f.value, sizeof f.value, "%" PRId64, value);
    return f;
}

struct ym_log_field ym_log_job (int64_t id)
{
    struct ym_log_field f = {.key = "job"};

    ym_id_print (f.value, id);
    return f;
}

struct ym_log_field ym_log_errno (int error)
{
    int number = error < 0 ? -error : error;
    const char *text = strerrordesc_np (number);
    struct ym_log_field f = {.key = "why"};

    if (text)
        (void)ym_text_copy (f.value, sizeof f.value, text);
    else
        (void)ym_text_format (f.value, sizeof f.value, "error %d", number);
    return f;
}

void ym_log_open (const char *actor)
{
    const char *wish = getenv ("YM_LOG");

    out.most = wish && strcmp (wish, "debug") == 0 ? YM_LOG_DEBUG : YM_LOG_INFO;
    out.is_terminal = isatty (STDERR_FILENO) == 1;
    if (out.journal < 0 && ym_journal_reads (STDERR_FILENO, getenv ("JOURNAL_STREAM")))
        out.journal = ym_journal_open (YM_JOURNAL_SOCKET);
    (void)ym_text_copy (out.actor, sizeof out.actor, actor ? actor : "");
    out.is_open = true;
}

/* Pieces go in whole; after the first that does not fit, nothing does. The last octet is kept
 * for the end of the line. */
static void put (struct line *l, const char *from, size_t size)
{
    if (l->is_full || size >= sizeof l->text - l->size) {
        l->is_full = true;
        return;
    }
    memcpy (l->text + l->size, from, size);
    l->size += size;
}

static void put_text (struct line *l, const char *text)
{
    put (l, text, strlen (text));
}

/* Octets of the character at 'at', 0 if it is none. */
static size_t character_size (const char *at, size_t left)
{
    for (size_t size = 1; size <= 4 && size <= left; size++)
        if (ym_text_is_clean (at, size))
            return size;
    return 0;
}

static bool is_control (const uint8_t *p, size_t size)
{
    return *p < 0x20 || *p == 0x7f || (size == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

/* Writes the character at 'at' so that it cannot end the value or steer a terminal. Returns the
 * octets taken. */
static size_t put_character (struct line *l, const char *at, size_t left)
{
    size_t size = character_size (at, left);
    char text[5];

    if (*at == '"' || *at == '\\') {
        put (l, (const char[]){'\\', *at}, 2);
        return 1;
    }
    if (*at == '\n') {
        put (l, "\\n", 2);
        return 1;
    }
    if (size > 0 && !is_control ((const uint8_t *)at, size)) {
        put (l, at, size);
        return size;
    }
    (void)snprintf (text, sizeof text, "\\x%02x", (unsigned)(uint8_t)*at);
    put (l, text, 4);
    return 1;
}

static bool is_bare (const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)value[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return size > 0;
}

static void put_field (struct line *l, const char *key, const char *value)
{
    size_t size = strlen (value);

    put_text (l, " ");
    put_text (l, key);
    put_text (l, "=");
    if (is_bare (value, size)) {
        put (l, value, size);
        return;
    }
    put_text (l, "\"");
    for (size_t i = 0; i < size;)
        i += put_character (l, value + i, size - i);
    put_text (l, "\"");
}

static void write_line (struct line *l)
{
    ssize_t written;

    l->text[l->size++] = '\n';
    do
        written = write (STDERR_FILENO, l->text, l->size);
    while (written < 0 && errno == EINTR);
}

void ym_log_event (enum ym_priority priority, const char *event,
                   const struct ym_log_field *fields, unsigned count)
{
    struct line l;
    int kept = errno;

    if (!out.is_open)
        ym_log_open (NULL);
    if ((int)priority > out.most)
        return;
    l.size = 0;
    l.is_full = false;
    if (!out.is_terminal)
        put (&l, (const char[]){'<', (char)('0' + priority), '>'}, PREFIX);
    put_text (&l, event);
    if (out.actor[0])
        put_field (&l, "actor", out.actor);
    for (unsigned i = 0; i < count; i++)
        put_field (&l, fields[i].key, fields[i].value);
    if (out.journal < 0 || !ym_journal_send (out.journal, priority, event, out.actor,
                                             l.text + PREFIX, l.size - PREFIX, fields, count))
        write_line (&l);
    errno = kept;
}

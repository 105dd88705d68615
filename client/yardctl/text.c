/* text.c - memory that is there or ends the process, and small pieces of text. */
#include "client/yardctl/text.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "client/libyard/yard.h"

enum { WORD_MAX = 48, FIRST_ROOM = 4096 };

static _Noreturn void no_memory (void)
{
    (void)fputs ("yardctl: out of memory\n", stderr);
    abort ();
}

void *ctl_memory (size_t size)
{
    void *got = calloc (1, size ? size : 1);

    if (!got)
        no_memory ();
    return got;
}

void *ctl_more_memory (void *old, size_t count, size_t size)
{
    void *got = reallocarray (old, count ? count : 1, size);

    if (!got)
        no_memory ();
    return got;
}

char *ctl_copy (const char *text)
{
    return ctl_format ("%s", text);
}

char *ctl_format (const char *format, ...)
{
    va_list args;
    char *text;
    int size;

    va_start (args, format);
    size = vasprintf (&text, format, args);
    va_end (args);
    if (size < 0)
        no_memory ();
    return text;
}

void ctl_free_at (void *pointer_to_pointer)
{
    free (*(void **)pointer_to_pointer);
}

void ctl_result_free_at (void *pointer_to_result)
{
    yard_free (*(void **)pointer_to_result);
}

void ctl_file_close_at (FILE **file)
{
    if (*file)
        (void)fclose (*file);
}

/* C1 controls are 0xc2 and 0x80 .. 0x9f in UTF-8; terminals obey them too. */
char *ctl_clean (const char *text)
{
    char *copy = ctl_copy (text);
    char *to = copy;

    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
            *to++ = '?';
            c++;
        }
        else {
            *to++ = *c < 0x20 || *c == 0x7f ? '?' : (char)*c;
        }
    }
    *to = '\0';
    return copy;
}

static unsigned least (unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance; words beyond WORD_MAX are cut. */
static unsigned distance (const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1], diagonal, above;
    size_t m = strnlen (a, WORD_MAX), n = strnlen (b, WORD_MAX);

    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            above = row[j];
            row[j] = least (least (above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

const char *ctl_nearest (const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    unsigned best = UINT_MAX, d;

    for (size_t i = 0; i < count; i++) {
        d = distance (word, words[i]);
        if (d < best && d <= 3 && d * 2 <= strlen (words[i]) + 1) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

static char *read_all (FILE *file, size_t most, size_t *ret_size)
{
    size_t size = 0, room = 0;
    char *text = NULL;

    do {
        if (room - size < 2) {
            room = room ? room * 2 : FIRST_ROOM;
            text = ctl_more_memory (text, room, 1);
        }
        size += fread (text + size, 1, room - size - 1, file);
    } while (!feof (file) && !ferror (file) && size <= most);
    if (!ferror (file) && size <= most) {
        text[size] = '\0';
        *ret_size = size;
        return text;
    }
    if (size > most)
        errno = EFBIG;
    ctl_free_at (&text);
    return NULL;
}

char *ctl_read_file (const char *path, size_t most, size_t *ret_size)
{
    _file_ FILE *file = NULL;

    if (strcmp (path, "-") == 0)
        return read_all (stdin, most, ret_size);
    file = fopen (path, "re");
    return file ? read_all (file, most, ret_size) : NULL;
}

void ctl_time_text (char to[CTL_TIME_TEXT], int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm day;
    char text[48];

    if (at_ms < 0 || !gmtime_r (&seconds, &day) || day.tm_year > 8099 ||
        strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%S", &day) == 0) {
        (void)snprintf (to, CTL_TIME_TEXT, "?");
        return;
    }
    (void)snprintf (to, CTL_TIME_TEXT, "%.19s.%03dZ", text, (int)(at_ms % 1000));
}

void ctl_span_text (char to[CTL_SPAN_TEXT], int64_t ms)
{
    int64_t seconds = ms > 0 ? ms / 1000 : 0;

    if (seconds < 120)
        (void)snprintf (to, CTL_SPAN_TEXT, "%llds", (long long)seconds);
    else if (seconds < 120 * 60)
        (void)snprintf (to, CTL_SPAN_TEXT, "%lldm", (long long)seconds / 60);
    else if (seconds < 48 * 3600)
        (void)snprintf (to, CTL_SPAN_TEXT, "%lldh", (long long)seconds / 3600);
    else
        (void)snprintf (to, CTL_SPAN_TEXT, "%lldd", (long long)seconds / 86400);
}

void ctl_clock_text (char to[CTL_CLOCK_TEXT], int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm day;

    if (!localtime_r (&seconds, &day) || strftime (to, CTL_CLOCK_TEXT, "%H:%M:%S", &day) == 0)
        (void)snprintf (to, CTL_CLOCK_TEXT, "?");
}

const char *ctl_make_key (char to[CTL_KEY_ROOM])
{
    uint8_t octets[(CTL_KEY_ROOM - 1) / 2];

    if (getrandom (octets, sizeof octets, 0) != (ssize_t)sizeof octets)
        abort ();
    for (size_t i = 0; i < sizeof octets; i++)
        (void)snprintf (to + 2 * i, 3, "%02x", octets[i]);
    return to;
}

static int64_t clock_ms (clockid_t which)
{
    struct timespec now;

    if (clock_gettime (which, &now) != 0)
        abort ();
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t ctl_now_ms (void)
{
    return clock_ms (CLOCK_REALTIME);
}

int64_t ctl_ticks_ms (void)
{
    return clock_ms (CLOCK_MONOTONIC);
}

int ctl_left_ms (int64_t until_ms)
{
    int64_t left = until_ms - ctl_ticks_ms ();

    if (until_ms < 0)
        return -1;
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void ctl_bar_text (char to[CTL_BAR_TEXT], uint64_t done, uint64_t total)
{
    enum { CELLS = 10 };
    bool wide = strcmp (nl_langinfo (CODESET), "UTF-8") == 0;
    const char *full = wide ? "█" : "#", *empty = wide ? "░" : ".";
    uint64_t percent = total == 0      ? 0
                       : done >= total ? 100
                                       : (uint64_t)((double)done * 100 / (double)total);
    int size;

    if (total == 0) {
        (void)snprintf (to, CTL_BAR_TEXT, done ? "%llu" : "-", (unsigned long long)done);
        return;
    }
    size = snprintf (to, CTL_BAR_TEXT, "%3u%% ", (unsigned)percent);
    for (unsigned i = 0; i < CELLS; i++)
        size += snprintf (to + size, CTL_BAR_TEXT - (size_t)size, "%s",
                          i < percent / (100 / CELLS) ? full : empty);
}

/* times.c - spans and moments as people write them.
 *
 * A moment without a zone is refused: what it means would depend on who reads it.
 */
#include "client/yardctl/times.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LONGEST_MS (INT64_C (3660) * 24 * 3600 * 1000)

static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    {"d", 86400000}, {"h", 3600000}, {"ms", 1}, {"m", 60000}, {"s", 1000},
};
enum { UNITS = sizeof units / sizeof *units };

/* Stands behind the digits afterwards; -1: there are none, or too many. */
static int64_t digits (const char **at, size_t most)
{
    int64_t number = 0;
    size_t count = 0;

    while (**at >= '0' && **at <= '9') {
        if (++count > most)
            return -1;
        number = number * 10 + (*(*at)++ - '0');
    }
    return count ? number : -1;
}

static int64_t unit (const char **at)
{
    for (size_t i = 0; i < UNITS; i++) {
        size_t size = strlen (units[i].name);
        if (strncmp (*at, units[i].name, size) != 0)
            continue;
        *at += size;
        return units[i].ms;
    }
    return 0;
}

bool ctl_span_read (const char *text, int64_t *ret_ms)
{
    int64_t sum = 0, last = INT64_MAX, number, each;

    do {
        number = digits (&text, 12);
        each = number < 0 ? 0 : unit (&text);
        if (each == 0 || each >= last || number > (LONGEST_MS - sum) / each)
            return false;
        sum += number * each;
        last = each;
    } while (*text);
    *ret_ms = sum;
    return true;
}

/* So many digits, a number from 'least' to 'most', and what stands behind it. */
struct part {
    size_t size;
    int least, most;
    const char *behind; /* any of these; "" for nothing */
};

static bool part (const char **at, const struct part *p, int *ret)
{
    const char *begin = *at;
    int64_t number = digits (at, p->size);

    if ((size_t)(*at - begin) != p->size || number < p->least || number > p->most)
        return false;
    *ret = (int)number;
    if (!*p->behind)
        return true;
    return **at && strchr (p->behind, *(*at)++);
}

static bool day_and_time (const char **at, struct tm *ret)
{
    static const struct part parts[] = {{4, 1970, 9999, "-"},
                                        {2, 1, 12, "-"},
                                        {2, 1, 31, "Tt "},
                                        {2, 0, 23, ":"},
                                        {2, 0, 59, ""}};
    int got[5], seconds = 0;

    for (size_t i = 0; i < 5; i++)
        if (!part (at, &parts[i], &got[i]))
            return false;
    if (**at == ':') {
        ++*at;
        if (!part (at, &(const struct part){2, 0, 60, ""}, &seconds))
            return false;
    }
    *ret = (struct tm){.tm_year = got[0] - 1900,
                       .tm_mon = got[1] - 1,
                       .tm_mday = got[2],
                       .tm_hour = got[3],
                       .tm_min = got[4],
                       .tm_sec = seconds};
    return true;
}

static int64_t fraction_ms (const char **at)
{
    int64_t ms = 0, worth = 100;

    if (**at != '.')
        return 0;
    for (++*at; **at >= '0' && **at <= '9'; ++*at, worth /= 10)
        ms += (**at - '0') * worth;
    return ms;
}

static bool zone (const char *at, int64_t *ret_ms)
{
    static const struct part hours = {2, 0, 23, ":"}, minutes = {2, 0, 59, ""};
    int sign = *at == '-' ? -1 : 1, hour, minute;

    if (strcmp (at, "Z") == 0 || strcmp (at, "z") == 0) {
        *ret_ms = 0;
        return true;
    }
    if (*at != '+' && *at != '-')
        return false;
    at++;
    if (!part (&at, &hours, &hour) || !part (&at, &minutes, &minute) || *at)
        return false;
    *ret_ms = sign * (hour * 60 + minute) * INT64_C (60000);
    return true;
}

static bool absolute (const char *at, int64_t *ret_ms)
{
    int64_t ms, offset_ms;
    struct tm day, same;
    time_t seconds;

    if (!day_and_time (&at, &day))
        return false;
    ms = fraction_ms (&at);
    if (!zone (at, &offset_ms))
        return false;
    same = day;
    seconds = timegm (&same);
    if (seconds < 0 || same.tm_mday != day.tm_mday)
        return false; /* the 31st of a shorter month */
    *ret_ms = (int64_t)seconds * 1000 + ms - offset_ms;
    return *ret_ms >= 0;
}

bool ctl_moment_read (const char *text, int64_t now_ms, int64_t *ret_ms)
{
    int64_t span;

    if (ctl_span_read (*text == '+' ? text + 1 : text, &span)) {
        *ret_ms = now_ms + span;
        return true;
    }
    return absolute (text, ret_ms);
}

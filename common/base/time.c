/* time.c - reading and printing the two clocks. */
#include "common/base/time.h"

#include <stdio.h>
#include <time.h>

#include "common/base/panic.h"

static struct timespec read_clock (clockid_t which)
{
    struct timespec t;

    if (clock_gettime (which, &t) < 0)
        ym_panic ("clock %d cannot be read", (int)which);
    return t;
}

int64_t ym_time_wall_ms (void)
{
    struct timespec t = read_clock (CLOCK_REALTIME);

    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t ym_time_mono_ms (void)
{
    return ym_time_mono_us () / 1000;
}

int64_t ym_time_mono_us (void)
{
    struct timespec t = read_clock (CLOCK_MONOTONIC);

    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The last millisecond that has a year of four digits. */
static const int64_t last_ms = INT64_C (253402300799999);

void ym_time_print (char to[YM_TIME_TEXT_MAX + 1], int64_t wall_ms)
{
    int64_t ms = wall_ms < 0 ? 0 : wall_ms > last_ms ? last_ms : wall_ms;
    time_t seconds = (time_t)(ms / 1000);
    char text[64];
    struct tm tm;

    if (!gmtime_r (&seconds, &tm))
        ym_panic ("%lld s is no time", (long long)seconds);
    (void)snprintf (text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                    (int)(ms % 1000));
    (void)snprintf (to, YM_TIME_TEXT_MAX + 1, "%.*s", YM_TIME_TEXT_MAX, text);
}

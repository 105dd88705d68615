/* times.h - spans and moments as people write them. */
#ifndef YARDCTL_TIMES_H
#define YARDCTL_TIMES_H
#include <stdbool.h>
#include <stdint.h>

/* "30s", "10m", "2h", "1d", "250ms", "1h30m"; units from the largest to the smallest, each
 * once. False: it is none, or longer than ten years. */
bool ctl_span_read (const char *text, int64_t *ret_ms);
/* "2026-11-22T09:30:00Z", with a zone always ("+01:00"), T or a space, seconds and their
 * fraction optional; or a span from now: "+10m" or "10m". Milliseconds since 1970. */
bool ctl_moment_read (const char *text, int64_t now_ms, int64_t *ret_ms);
#endif

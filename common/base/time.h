/* time.h - two clocks: the wall clock for people and rows, the monotonic one for waiting. */
#ifndef YM_BASE_TIME_H
#define YM_BASE_TIME_H
#include <stdint.h>

int64_t ym_time_wall_ms (void); /* since 1970 */
int64_t ym_time_mono_ms (void);
int64_t ym_time_mono_us (void);
/* "2026-11-22T04:51:16.123Z" */
enum { YM_TIME_TEXT_MAX = 24 };
void ym_time_print (char to[YM_TIME_TEXT_MAX + 1], int64_t wall_ms);
#endif

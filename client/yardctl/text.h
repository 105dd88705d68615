/* text.h - memory that is there or ends the process, and small pieces of text. */
#ifndef YARDCTL_TEXT_H
#define YARDCTL_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void *ctl_memory (size_t size); /* zeroed */
void *ctl_more_memory (void *old, size_t count, size_t size);
char *ctl_copy (const char *text);
char *ctl_format (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

void ctl_free_at (void *pointer_to_pointer);
void ctl_result_free_at (void *pointer_to_result); /* of libyard */
void ctl_file_close_at (FILE **file);
#define _free_   __attribute__ ((cleanup (ctl_free_at)))
#define _result_ __attribute__ ((cleanup (ctl_result_free_at)))
#define _file_   __attribute__ ((cleanup (ctl_file_close_at)))

/* A copy without control characters, so that what others wrote cannot steer a terminal. */
char *ctl_clean (const char *text);
/* The word of 'words' that was most likely meant, or NULL. */
const char *ctl_nearest (const char *word, const char *const *words, size_t count);
/* A whole file, or stdin for "-", with a NUL after it. NULL: errno says why; EFBIG if it has
 * more than 'most' octets. */
char *ctl_read_file (const char *path, size_t most, size_t *ret_size);

enum { CTL_TIME_TEXT = 25, CTL_SPAN_TEXT = 24 };
void ctl_time_text (char to[CTL_TIME_TEXT], int64_t at_ms); /* 2026-11-22T04:51:16.123Z */
void ctl_span_text (char to[CTL_SPAN_TEXT], int64_t ms);    /* 40s 11m 2h 3d */
enum { CTL_CLOCK_TEXT = 16, CTL_KEY_ROOM = 33 };
void ctl_clock_text (char to[CTL_CLOCK_TEXT], int64_t at_ms); /* 14:02:11, here */
/* A key that makes a repetition safe, made here and not by the library: it has to be told if
 * there is no answer. Returns 'to'. */
const char *ctl_make_key (char to[CTL_KEY_ROOM]);
int64_t ctl_now_ms (void);   /* since 1970 */
int64_t ctl_ticks_ms (void); /* for waiting */
/* What is left until 'until_ms' of ctl_ticks_ms as a timeout; -1 if that is negative. */
int ctl_left_ms (int64_t until_ms);

/* "62% ██████░░░░", or what is known. */
enum { CTL_BAR_TEXT = 64 };
void ctl_bar_text (char to[CTL_BAR_TEXT], uint64_t done, uint64_t total);
#endif

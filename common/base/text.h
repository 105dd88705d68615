/* text.h - bounded text. */
#ifndef YM_BASE_TEXT_H
#define YM_BASE_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Views: they own nothing and live as long as what they point into. A str is not terminated. */
struct ym_str {
    const char *at;
    uint32_t size;
};
struct ym_bytes {
    const uint8_t *at;
    uint32_t size;
};

struct ym_str ym_str (const char *text); /* NULL gives the empty view */
struct ym_bytes ym_bytes (const void *at, size_t size);
bool ym_str_is (struct ym_str s, const char *text);

/* Copies and always terminates; false if it had to cut (on a UTF-8 boundary). */
bool ym_text_copy (char *to, size_t room, const char *from);
bool ym_text_copy_str (char *to, size_t room, struct ym_str from);
bool ym_text_format (char *to, size_t room, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* UTF-8 (RFC 3629) without NUL. */
bool ym_text_is_clean (const char *at, size_t size);
/* A whole decimal number from least to most: 0, or -EINVAL and *ret untouched. */
int ym_text_number (const char *text, int64_t least, int64_t most, int64_t *ret);
/* Levenshtein distance, bounded inputs (both cut at 64 octets); for "did you mean". */
unsigned ym_text_distance (const char *a, const char *b);
void ym_text_hex (char *to, const uint8_t *from, size_t size); /* writes 2 * size + 1 octets */
#endif

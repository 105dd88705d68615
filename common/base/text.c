/* text.c - bounded text: nothing here writes past its room or reads past its size. */
#include "common/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/panic.h"

struct ym_str ym_str (const char *text)
{
    size_t size = text ? strlen (text) : 0;

    ym_assert (size <= UINT32_MAX);
    return (struct ym_str){text, (uint32_t)size};
}

struct ym_bytes ym_bytes (const void *at, size_t size)
{
    ym_assert (size <= UINT32_MAX);
    return (struct ym_bytes){at, (uint32_t)size};
}

bool ym_str_is (struct ym_str s, const char *text)
{
    return strlen (text) == s.size && (s.size == 0 || memcmp (s.at, text, s.size) == 0);
}

/* The longest piece of 'from' up to 'size' octets that does not split a character. */
static size_t whole_characters (const char *from, size_t size)
{
    size_t start = size;

    while (start > 0 && size - start < 3 && ((uint8_t)from[start] & 0xc0) == 0x80)
        start--;
    return ((uint8_t)from[start] & 0xc0) == 0x80 ? size : start;
}

static bool copy (char *to, size_t room, const char *from, size_t size)
{
    bool fits = size < room;

    ym_assert (room > 0);
    if (!fits)
        size = whole_characters (from, room - 1);
    if (size > 0)
        memcpy (to, from, size);
    to[size] = '\0';
    return fits;
}

bool ym_text_copy (char *to, size_t room, const char *from)
{
    return copy (to, room, from, strlen (from));
}

bool ym_text_copy_str (char *to, size_t room, struct ym_str from)
{
    return copy (to, room, from.at, from.size);
}

bool ym_text_format (char *to, size_t room, const char *format, ...)
{
    va_list args;
    int size;

    ym_assert (room > 0);
    va_start (args, format);
    size = vsnprintf (to, room, format, args);
    va_end (args);
    ym_assert (size >= 0);
    if ((size_t)size < room)
        return true;
    /* What was cut off is gone, so look at the last character for a split one. */
    size_t end = room - 1;
    while (end > 0 && ((uint8_t)to[end - 1] & 0xc0) == 0x80)
        end--;
    if (end > 0 && (uint8_t)to[end - 1] >= 0xc0 && !ym_text_is_clean (to + end - 1, room - end))
        to[end - 1] = '\0';
    return false;
}

static const uint64_t ones = UINT64_C (0x0101010101010101);

/* Eight octets of plain ASCII without NUL, the common case. */
static bool is_plain (const char *at)
{
    uint64_t w;

    memcpy (&w, at, sizeof w);
    return (((w - ones) | w) & (ones << 7)) == 0;
}

/* Octets of the character at 'p', 0 if it is none. RFC 3629: no surrogates, no longer forms
 * than needed, nothing above U+10FFFF. */
static size_t character (const uint8_t *p, size_t left)
{
    static const struct {
        uint8_t first, last, low, high, size;
    } forms[] = {
        {0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (*p < forms[i].first || *p > forms[i].last)
            continue;
        if (left < forms[i].size)
            return 0;
        if (forms[i].size > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
            return 0;
        for (size_t k = 2; k < forms[i].size; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].size;
    }
    return 0;
}

bool ym_text_is_clean (const char *at, size_t size)
{
    while (size > 0) {
        size_t step = size >= 8 && is_plain (at) ? 8 : character ((const uint8_t *)at, size);

        if (step == 0)
            return false;
        at += step;
        size -= step;
    }
    return true;
}

int ym_text_number (const char *text, int64_t least, int64_t most, int64_t *ret)
{
    bool is_negative = *text == '-';
    const char *p = text + is_negative;
    int64_t n = 0;

    if (*p == '\0')
        return -EINVAL;
    for (; *p; p++) {
        int digit = *p - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow (n, 10, &n) ||
            __builtin_add_overflow (n, is_negative ? -digit : digit, &n))
            return -EINVAL;
    }
    if (n < least || n > most)
        return -EINVAL;
    *ret = n;
    return 0;
}

static unsigned least_of (unsigned a, unsigned b, unsigned c)
{
    unsigned d = a < b ? a : b;

    return d < c ? d : c;
}

enum { DISTANCE_MAX = 64 };

unsigned ym_text_distance (const char *a, const char *b)
{
    size_t rows = strnlen (a, DISTANCE_MAX), columns = strnlen (b, DISTANCE_MAX);
    unsigned line[DISTANCE_MAX + 1];

    for (size_t k = 0; k <= columns; k++)
        line[k] = (unsigned)k;
    for (size_t i = 0; i < rows; i++) {
        unsigned diagonal = line[0];

        line[0] = (unsigned)i + 1;
        for (size_t k = 0; k < columns; k++) {
            unsigned above = line[k + 1];

            line[k + 1] = least_of (above + 1, line[k] + 1, diagonal + (a[i] != b[k]));
            diagonal = above;
        }
    }
    return line[columns];
}

void ym_text_hex (char *to, const uint8_t *from, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 0x0f];
    }
    *to = '\0';
}

/* test_text.c - promises 2 and 3 of common/base: text is bounded, whole and clean. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/base/text.h"

#define COUNT(rows) (sizeof (rows) / sizeof (rows)[0])

Test (text, copies_and_cuts_between_characters)
{
    static const struct {
        const char *from;
        size_t room;
        const char *to;
        bool fits;
    } rows[] = {
        {"", 1, "", true},
        {"a", 1, "", false},
        {"abc", 4, "abc", true},
        {"abcd", 4, "abc", false},
        {"a\xc3\xa4", 4, "a\xc3\xa4", true},
        {"a\xc3\xa4", 3, "a", false},
        {"\xe2\x82\xac!", 3, "", false},
        {"\xe2\x82\xac!", 4, "\xe2\x82\xac", false},
        {"x\xf0\x9f\x98\x80", 5, "x", false},
        {"x\xf0\x9f\x98\x80y", 6, "x\xf0\x9f\x98\x80", false},
        {"\x80\x80\x80\x80\x80", 4, "\x80\x80\x80", false},
    };

    for (size_t i = 0; i < COUNT (rows); i++) {
        char to[16], printed[16];

        memset (to, '#', sizeof to);
        cr_expect_eq (ym_text_copy (to, rows[i].room, rows[i].from), rows[i].fits, "row %zu",
                      i);
        cr_expect_str_eq (to, rows[i].to, "row %zu", i);
        cr_expect_eq (to[rows[i].room], '#', "row %zu writes past its room", i);
        cr_expect_eq (ym_text_copy_str (to, rows[i].room, ym_str (rows[i].from)), rows[i].fits);
        cr_expect_str_eq (to, rows[i].to, "row %zu", i);
        if (rows[i].from[0] != '\x80') {
            cr_expect_eq (ym_text_format (printed, rows[i].room, "%s", rows[i].from),
                          rows[i].fits, "row %zu", i);
            cr_expect_str_eq (printed, rows[i].to, "row %zu", i);
        }
    }
}

Test (text, is_clean_as_rfc_3629_says)
{
    static const struct {
        const char *at;
        size_t size;
        bool is_clean;
    } rows[] = {
        {"", 0, true},
        {"plain ascii, longer than eight", 30, true},
        {"eight..\0nine", 12, false},
        {"\0", 1, false},
        {"\x7f", 1, true},
        {"\x80", 1, false},
        {"\xc0\x80", 2, false},
        {"\xc1\xbf", 2, false},
        {"\xc2\x80", 2, true},
        {"\xdf\xbf", 2, true},
        {"\xc3", 1, false},
        {"\xe0\x9f\xbf", 3, false},
        {"\xe0\xa0\x80", 3, true},
        {"\xed\x9f\xbf", 3, true},
        {"\xed\xa0\x80", 3, false},
        {"\xef\xbf\xbf", 3, true},
        {"\xe2\x82", 2, false},
        {"\xe2\x28\xa1", 3, false},
        {"\xf0\x8f\xbf\xbf", 4, false},
        {"\xf0\x90\x80\x80", 4, true},
        {"\xf4\x8f\xbf\xbf", 4, true},
        {"\xf4\x90\x80\x80", 4, false},
        {"\xf5\x80\x80\x80", 4, false},
        {"\xff", 1, false},
        {"1234567\xc3\xa4 and then \xe2\x82\xac", 22, true},
        {"12345678\xc3", 9, false},
    };

    for (size_t i = 0; i < COUNT (rows); i++)
        cr_expect_eq (ym_text_is_clean (rows[i].at, rows[i].size), rows[i].is_clean, "row %zu",
                      i);
}

/* Every code point, written by the book, is clean; every surrogate is not. */
Test (text, knows_every_code_point)
{
    for (uint32_t c = 0x800; c < 0x10000; c++) {
        char three[3] = {(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
                         (char)(0x80 | (c & 63))};

        cr_assert_eq (ym_text_is_clean (three, 3), c < 0xd800 || c > 0xdfff, "U+%04X", c);
    }
    for (uint32_t c = 0x10000; c < 0x200000; c += 0x3ff) {
        char four[4] = {(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
                        (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63))};

        cr_assert_eq (ym_text_is_clean (four, 4), c <= 0x10ffff, "U+%04X", c);
    }
}

Test (text, reads_numbers)
{
    static const struct {
        const char *text;
        int64_t least, most;
        int result;
        int64_t number;
    } rows[] = {
        {"0", 0, 9, 0, 0},
        {"9", 0, 9, 0, 9},
        {"10", 0, 9, -EINVAL, 0},
        {"-1", 0, 9, -EINVAL, 0},
        {"-1", -1, 9, 0, -1},
        {"", 0, 9, -EINVAL, 0},
        {"-", -9, 9, -EINVAL, 0},
        {" 1", 0, 9, -EINVAL, 0},
        {"1 ", 0, 9, -EINVAL, 0},
        {"+1", 0, 9, -EINVAL, 0},
        {"0x1", 0, 9, -EINVAL, 0},
        {"1e1", 0, 99, -EINVAL, 0},
        {"9223372036854775807", 0, INT64_MAX, 0, INT64_MAX},
        {"9223372036854775808", 0, INT64_MAX, -EINVAL, 0},
        {"-9223372036854775808", INT64_MIN, 0, 0, INT64_MIN},
        {"-9223372036854775809", INT64_MIN, 0, -EINVAL, 0},
        {"99999999999999999999999999", 0, INT64_MAX, -EINVAL, 0},
    };

    for (size_t i = 0; i < COUNT (rows); i++) {
        int64_t n = 77;
        int r = ym_text_number (rows[i].text, rows[i].least, rows[i].most, &n);

        cr_expect_eq (r, rows[i].result, "row %zu", i);
        cr_expect_eq (n, r == 0 ? rows[i].number : 77, "row %zu", i);
    }
}

Test (text, measures_distance)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } rows[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"regions", "regions", 0},
        {"region", "regions", 1},
        {"kitten", "sitting", 3},
        {"ab", "ba", 2},
    };
    char a[101], b[201];

    for (size_t i = 0; i < COUNT (rows); i++)
        cr_expect_eq (ym_text_distance (rows[i].a, rows[i].b), rows[i].distance, "row %zu", i);
    memset (a, 'x', 100);
    memset (b, 'x', 200);
    a[100] = b[200] = '\0';
    cr_expect_eq (ym_text_distance (a, b), 0, "both are cut at 64 octets");
}

Test (text, views)
{
    char hex[7];

    cr_expect (ym_str_is (ym_str ("abc"), "abc"));
    cr_expect_not (ym_str_is (ym_str ("abc"), "abcd"));
    cr_expect_not (ym_str_is (ym_str ("abc"), "ab"));
    cr_expect (ym_str_is (ym_str (NULL), ""));
    cr_expect_eq (ym_bytes ("ab", 2).size, 2);
    ym_text_hex (hex, (const uint8_t *)"\x00\xa5\xff", 3);
    cr_expect_str_eq (hex, "00a5ff");
}

Test (text, no_room_at_all_is_our_own_fault, .signal = SIGABRT)
{
    char nothing[1];

    (void)ym_text_copy (nothing, 0, "");
}

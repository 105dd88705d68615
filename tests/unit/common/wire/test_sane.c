/* test_sane.c - promise 6 of common/wire: nothing reaches msgpack-c that lies about its size.
 */
#include <criterion/criterion.h>
#include <msgpack.h>
#include <string.h>

#include "common/wire/wire.h"

#define COUNT(rows) (sizeof (rows) / sizeof (rows)[0])

Test (sane, looks_at_every_kind_of_head)
{
    static const struct {
        const char *at;
        size_t size;
        bool is_sane;
    } rows[] = {
        {"", 0, false},
        {"\x00", 1, true},
        {"\x7f", 1, true},
        {"\xe0", 1, true},
        {"\xff", 1, true},
        {"\x00\x00", 2, false},
        {"\xc0", 1, true},
        {"\xc1", 1, false},
        {"\xc2", 1, true},
        {"\xc3", 1, true},
        {"\x80", 1, true},
        {"\x90", 1, true},
        {"\xa0", 1, true},
        {"\x81\x01\x02", 3, true},
        {"\x81\x01", 2, false},
        {"\x92\x01\x02", 3, true},
        {"\x92\x01", 2, false},
        {"\xa3"
         "abc",
         4, true},
        {"\xa3"
         "ab",
         3, false},
        {"\xcc\x01", 2, true},
        {"\xcc", 1, false},
        {"\xcd\x01\x02", 3, true},
        {"\xce\x01\x02\x03\x04", 5, true},
        {"\xcf\x01\x02\x03\x04\x05\x06\x07\x08", 9, true},
        {"\xcf\x01\x02\x03\x04\x05\x06\x07", 8, false},
        {"\xd0\x01", 2, true},
        {"\xd1\x01\x02", 3, true},
        {"\xd2\x01\x02\x03\x04", 5, true},
        {"\xd3\x01\x02\x03\x04\x05\x06\x07\x08", 9, true},
        {"\xca\x01\x02\x03\x04", 5, true},
        {"\xcb\x01\x02\x03\x04\x05\x06\x07\x08", 9, true},
        {"\xd9\x01"
         "a",
         3, true},
        {"\xd9\x02"
         "a",
         3, false},
        {"\xda\x00\x01"
         "a",
         4, true},
        {"\xdb\x00\x00\x00\x01"
         "a",
         6, true},
        {"\xdb\xff\xff\xff\xff"
         "a",
         6, false},
        {"\xc4\x01"
         "a",
         3, true},
        {"\xc5\x00\x01"
         "a",
         4, true},
        {"\xc6\x00\x00\x00\x01"
         "a",
         6, true},
        {"\xc6\xff\xff\xff\xff"
         "a",
         6, false},
        {"\xdc\x00\x01\x00", 4, true},
        {"\xdc\x00\x02\x00", 4, false},
        {"\xdd\x00\x00\x00\x01\x00", 6, true},
        {"\xdd\xff\xff\xff\xff\x00", 6, false},
        {"\xde\x00\x01\x00\x00", 5, true},
        {"\xde\x00\x01\x00", 4, false},
        {"\xdf\x00\x00\x00\x01\x00\x00", 7, true},
        {"\xdf\xff\xff\xff\xff\x00\x00", 7, false},
        {"\xdf\x80\x00\x00\x00\x00\x00", 7, false},
        {"\xd4\x01\x02", 3, false},
        {"\xd8\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11", 18, false},
        {"\xc7\x00\x01", 3, false},
        {"\xc8\x00\x00\x01", 4, false},
        {"\xc9\x00\x00\x00\x00\x01", 6, false},
    };

    for (size_t i = 0; i < COUNT (rows); i++)
        cr_expect_eq (ym_wire_is_sane ((const uint8_t *)rows[i].at, rows[i].size),
                      rows[i].is_sane, "row %zu, first octet %02x", i,
                      (unsigned)(uint8_t)rows[i].at[0]);
}

Test (sane, is_at_most_eight_deep)
{
    uint8_t nested[10];

    memset (nested, 0x91, sizeof nested);
    nested[8] = 0x05;
    cr_expect (ym_wire_is_sane (nested, 9));
    nested[8] = 0x90;
    cr_expect_not (ym_wire_is_sane (nested, 9), "an empty list is a container too");
    nested[8] = 0x91;
    nested[9] = 0x05;
    cr_expect_not (ym_wire_is_sane (nested, 10));
}

Test (sane, siblings_are_not_depth)
{
    uint8_t row[1 + 15 * 2];

    row[0] = 0x9f;
    for (size_t i = 0; i < 15; i++)
        memcpy (row + 1 + 2 * i, "\x91\x90", 2);
    cr_expect (ym_wire_is_sane (row, sizeof row));
    cr_expect_not (ym_wire_is_sane (row, sizeof row - 1));
}

/* All values of three octets: what we let through, msgpack-c takes, to the end. */
Test (sane, agrees_with_msgpack_c)
{
    for (uint32_t n = 0; n < 1u << 24; n += n % 64 == 63 ? 37 : 1) {
        const uint8_t p[3] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        msgpack_unpacked u;
        size_t used = 0;
        bool is_good;

        if (!ym_wire_is_sane (p, sizeof p))
            continue;
        msgpack_unpacked_init (&u);
        is_good = msgpack_unpack_next (&u, (const char *)p, sizeof p, &used) ==
                  MSGPACK_UNPACK_SUCCESS;
        msgpack_unpacked_destroy (&u);
        cr_assert (is_good && used == sizeof p, "%06x", n);
    }
}

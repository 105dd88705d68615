/* sane.c - look before unpacking.
 *
 * msgpack-c allocates what a container's header claims before it has seen one element: five
 * octets can ask for 16 GiB. An honest value cannot have more elements than octets, so the
 * headers are walked first and the rest is refused. Nothing is allocated.
 */
#include "common/wire/wire.h"

enum { DEPTH_MAX = 8 };

/* What a first octet says: octets of it and what belongs to it, or elements that follow. */
struct head {
    bool is_good, is_container;
    uint64_t skip, children;
};

static uint64_t big_endian (const uint8_t *p, size_t width)
{
    uint64_t n = 0;

    for (size_t i = 0; i < width; i++)
        n = n << 8 | p[i];
    return n;
}

/* 0xc0 .. 0xdf by its low five bits: what follows is either so many octets, or a count so wide.
 */
static const struct {
    uint8_t fixed, sized, counted;
} heads[32] = {
    [0x04] = {.sized = 1},   [0x05] = {.sized = 2},   [0x06] = {.sized = 4},
    [0x0a] = {.fixed = 4},   [0x0b] = {.fixed = 8},   [0x0c] = {.fixed = 1},
    [0x0d] = {.fixed = 2},   [0x0e] = {.fixed = 4},   [0x0f] = {.fixed = 8},
    [0x10] = {.fixed = 1},   [0x11] = {.fixed = 2},   [0x12] = {.fixed = 4},
    [0x13] = {.fixed = 8},   [0x19] = {.sized = 1},   [0x1a] = {.sized = 2},
    [0x1b] = {.sized = 4},   [0x1c] = {.counted = 2}, [0x1d] = {.counted = 4},
    [0x1e] = {.counted = 2}, [0x1f] = {.counted = 4},
};

static struct head read_long_head (const uint8_t *p, size_t left)
{
    uint8_t c = *p & 0x1f;
    size_t width = heads[c].sized + heads[c].counted;

    if (c == 0x00 || c == 0x02 || c == 0x03)
        return (struct head){.is_good = true, .skip = 1};
    if (heads[c].fixed)
        return (struct head){.is_good = true, .skip = 1 + heads[c].fixed};
    if (width == 0 || left < 1 + width)
        return (struct head){.is_good = false}; /* ext types, 0xc1, cut short */
    if (heads[c].sized)
        return (struct head){.is_good = true, .skip = 1 + width + big_endian (p + 1, width)};
    return (struct head){true, true, 1 + width,
                         big_endian (p + 1, width) * (c >= 0x1e ? 2 : 1)};
}

static struct head read_head (const uint8_t *p, size_t left)
{
    uint8_t c = *p;

    if (c <= 0x7f || c >= 0xe0)
        return (struct head){.is_good = true, .skip = 1};
    if (c <= 0x8f)
        return (struct head){true, true, 1, 2u * (c & 0x0f)};
    if (c <= 0x9f)
        return (struct head){true, true, 1, c & 0x0fu};
    if (c <= 0xbf)
        return (struct head){.is_good = true, .skip = 1 + (c & 0x1fu)};
    return read_long_head (p, left);
}

bool ym_wire_is_sane (const uint8_t *p, size_t size)
{
    uint64_t owed[DEPTH_MAX + 1] = {1}; /* elements still to come, by depth */
    unsigned depth = 0;

    for (;;) {
        while (depth > 0 && owed[depth] == 0)
            depth--;
        if (owed[depth] == 0)
            return size == 0;
        if (size == 0)
            return false;
        struct head h = read_head (p, size);
        if (!h.is_good || h.skip > size || h.children > size - h.skip)
            return false;
        if (h.is_container && depth == DEPTH_MAX)
            return false;
        p += h.skip;
        size -= h.skip;
        owed[depth]--;
        if (h.is_container)
            owed[++depth] = h.children;
    }
}

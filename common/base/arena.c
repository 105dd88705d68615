/* arena.c - a bump allocator for what lives as long as one turn.
 *
 * Blocks form a chain; only the last one has room. A request larger than a block gets a block
 * of its own. Nothing is given back before reset.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/own.h"
#include "common/base/panic.h"

struct block {
    struct block *next;
    size_t room;
    _Alignas(max_align_t) uint8_t data[];
};

struct ym_arena {
    struct block *first, *last;
    size_t block;  /* octets of an ordinary block */
    size_t filled; /* octets used in the last one */
    size_t used;   /* octets handed out since reset */
};

static struct block *block_new (size_t room)
{
    struct block *b = malloc (sizeof *b + room);

    if (!b)
        ym_panic ("out of memory: arena block of %zu octets", room);
    b->next = NULL;
    b->room = room;
    return b;
}

static void blocks_free (struct block *b)
{
    while (b) {
        struct block *next = b->next;

        free (b);
        b = next;
    }
}

static size_t aligned (size_t size)
{
    const size_t mask = _Alignof(max_align_t) - 1;

    /* No object is larger than PTRDIFF_MAX, and below it rounding up cannot overflow. */
    if (size > PTRDIFF_MAX / 2)
        ym_panic ("out of memory: %zu octets of an arena", size);
    return (size + mask) & ~mask;
}

struct ym_arena *ym_arena_new (size_t block)
{
    struct ym_arena *a = ym_new (sizeof *a);

    a->block = aligned (block);
    a->first = a->last = block_new (a->block);
    return a;
}

void ym_arena_free (struct ym_arena *arena)
{
    if (!arena)
        return;
    blocks_free (arena->first);
    free (arena);
}

void *ym_arena_take (struct ym_arena *arena, size_t size)
{
    size_t step = aligned (size);
    void *at;

    if (step > arena->last->room - arena->filled) {
        arena->last->next = block_new (step > arena->block ? step : arena->block);
        arena->last = arena->last->next;
        arena->filled = 0;
    }
    at = arena->last->data + arena->filled;
    arena->filled += step;
    arena->used += size;
    return at;
}

void ym_arena_reset (struct ym_arena *arena)
{
    blocks_free (arena->first->next);
    arena->first->next = NULL;
    arena->last = arena->first;
    arena->filled = arena->used = 0;
}

size_t ym_arena_used (const struct ym_arena *arena)
{
    return arena->used;
}

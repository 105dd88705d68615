/* seed.h - a first corpus: frames of every message, as our own encoder writes them. */
#ifndef YM_FUZZ_SEED_H
#define YM_FUZZ_SEED_H
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/wire.h"
#include "tests/unit/common/wire/fill.h"

enum { SEED_ROOM = 1 << 20, SEEDS_EACH = 4 };

static inline void seed_write (const char *folder, const struct ym_message *m, unsigned which,
                               const uint8_t *at, size_t size)
{
    _free_ char *path = NULL;

    if (asprintf (&path, "%s/%s.%u", folder, m->name, which) < 0)
        ym_panic ("out of memory");
    _fclose_ FILE *file = fopen (path, "w");
    if (!file || fwrite (at, 1, size, file) != size)
        ym_panic ("%s cannot be written", path);
}

/* With YM_SEEDS=DIR in the environment, writes the corpus there; 'skip' octets of each frame
 * are left out. */
static inline void seed_all (size_t skip)
{
    const char *folder = getenv ("YM_SEEDS");
    struct fill fill = {.seed = 1, .arena = ym_arena_new (1 << 20)};
    _free_ uint8_t *frame = ym_new (SEED_ROOM);

    for (size_t i = 0; folder && i < ym_message_count; i++)
        for (unsigned k = 0; k < SEEDS_EACH; k++) {
            struct ym_header h = {.number = ym_messages[i]->number, .ask = 1};
            size_t size;

            ym_arena_reset (fill.arena);
            size = ym_wire_encode (&h, fill_message (&fill, ym_messages[i]), frame, SEED_ROOM);
            ym_assert (size > skip);
            seed_write (folder, ym_messages[i], k, frame + skip, size - skip);
        }
    ym_arena_free (fill.arena);
}
#endif

/* fuzz_frame.c - whole frames, as a door gets them from a stranger.
 *
 * What decodes must encode again, within the room foretold, and decode to the same; what does
 * not must have a fault and leave the struct alone. YM_SEEDS=DIR writes a first corpus.
 */
#include "tests/fuzz/seed.h"

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *at, size_t size);

int LLVMFuzzerInitialize (int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    seed_all (0);
    return 0;
}

static struct ym_arena *arena;

static size_t encode (const struct ym_header *h, const struct ym_message *m, const void *msg,
                      uint8_t **ret)
{
    size_t room = ym_wire_room (m, msg), size;

    *ret = ym_arena_take (arena, room);
    size = ym_wire_encode (h, msg, *ret, room);
    ym_assert (size > YM_HEADER_SIZE && size <= room);
    return size;
}

static void encode_again (const struct ym_header *h, const struct ym_message *m,
                          const void *msg)
{
    void *back = ym_arena_take (arena, m->size);
    uint8_t *first, *second, one[32], other[32];
    size_t size = encode (h, m, msg, &first);
    struct ym_faults faults;

    ym_assert (ym_wire_decode (m, first, size, arena, back, &faults));
    ym_assert (encode (h, m, back, &second) == size && memcmp (first, second, size) == 0);
    ym_wire_digest (m, msg, one);
    ym_wire_digest (m, back, other);
    ym_assert (memcmp (one, other, sizeof one) == 0);
}

static void check_refused (const struct ym_message *m, const uint8_t *msg,
                           const struct ym_faults *faults)
{
    ym_assert (faults->count >= 1 && faults->count <= YM_FAULTS_MAX);
    for (uint32_t i = 0; i < faults->count; i++) {
        const struct ym_fault *f = &faults->at[i];

        ym_assert (f->code[0] && f->text[0]);
        ym_assert (ym_text_is_clean (f->path, strlen (f->path)));
        ym_assert (ym_text_is_clean (f->text, strlen (f->text)));
    }
    for (size_t i = 0; i < m->size; i++)
        ym_assert (msg[i] == 0x5a);
}

int LLVMFuzzerTestOneInput (const uint8_t *at, size_t size)
{
    const struct ym_message *m;
    struct ym_faults faults;
    struct ym_header h;
    uint8_t *msg;

    if (!ym_wire_header (at, size, &h) || !(m = ym_message_find (h.number)))
        return 0;
    if (!arena)
        arena = ym_arena_new (1 << 20);
    ym_arena_reset (arena);
    msg = memset (ym_arena_take (arena, m->size), 0x5a, m->size);
    if (ym_wire_decode (m, at, size, arena, msg, &faults))
        encode_again (&h, m, msg);
    else
        check_refused (m, msg, &faults);
    return 0;
}

/* fuzz_wire.c - bodies: the walk before msgpack-c against msgpack-c, and one body as any
 * message.
 *
 * The first two octets choose the message. What ym_wire_is_sane lets through, msgpack-c must
 * take to the end; what a message takes it must give back. YM_SEEDS=DIR writes a first corpus.
 */
#include <msgpack.h>

#include "tests/fuzz/seed.h"

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *at, size_t size);

enum { CHOICE = 2 };

int LLVMFuzzerInitialize (int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    seed_all (YM_HEADER_SIZE - CHOICE); /* the span's last octets are the choice */
    return 0;
}

static struct ym_arena *arena;

static void compare (const uint8_t *body, size_t size)
{
    msgpack_unpacked u;
    size_t used = 0;

    if (!ym_wire_is_sane (body, size))
        return;
    msgpack_unpacked_init (&u);
    ym_assert (msgpack_unpack_next (&u, (const char *)body, size, &used) ==
               MSGPACK_UNPACK_SUCCESS);
    ym_assert (used == size);
    msgpack_unpacked_destroy (&u);
}

static void decode (const struct ym_message *m, const uint8_t *frame, size_t size)
{
    void *msg = ym_arena_take (arena, m->size), *back = ym_arena_take (arena, m->size);
    struct ym_header h = {.number = m->number};
    struct ym_faults faults;

    if (!ym_wire_decode (m, frame, size, arena, msg, &faults)) {
        ym_assert (faults.count > 0);
        return;
    }
    size_t room = ym_wire_room (m, msg);
    uint8_t *again = ym_arena_take (arena, room);
    size = ym_wire_encode (&h, msg, again, room);
    ym_assert (size > 0 && ym_wire_decode (m, again, size, arena, back, &faults));
    ym_assert (memcmp (msg, back, sizeof (uint64_t)) == 0);
}

int LLVMFuzzerTestOneInput (const uint8_t *at, size_t size)
{
    if (size < CHOICE)
        return 0;
    if (!arena)
        arena = ym_arena_new (1 << 20);
    ym_arena_reset (arena);
    compare (at + CHOICE, size - CHOICE);
    /* A block of its own, so that reading past its end is noticed. */
    _free_ uint8_t *frame = ym_new (YM_HEADER_SIZE + size - CHOICE);
    memcpy (frame + YM_HEADER_SIZE, at + CHOICE, size - CHOICE);
    decode (ym_messages[(at[0] << 8 | at[1]) % ym_message_count], frame,
            YM_HEADER_SIZE + size - CHOICE);
    return 0;
}

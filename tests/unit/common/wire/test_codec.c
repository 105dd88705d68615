/* test_codec.c - promises 1, 2, 3, 5 and 7 of common/wire: what goes out comes in, equal. */
#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/wire.h"
#include "tests/unit/common/wire/fill.h"

enum { ROUNDS = 60, ROOM = 1 << 20 };

static struct ym_arena *arena;
static uint8_t *frame, *again;

static void begin (void)
{
    arena = ym_arena_new (1 << 20);
    frame = ym_new (ROOM);
    again = ym_new (ROOM);
}

static void end (void)
{
    ym_arena_free (arena);
    free (frame);
    free (again);
}

TestSuite (codec, .init = begin, .fini = end);

static struct ym_header header_of (const struct ym_message *m)
{
    struct ym_header h = {.version = YM_WIRE_VERSION,
                          .number = m->number,
                          .ask = UINT64_C (0x0102030405060708),
                          .seq = UINT64_MAX};

    memset (h.trace, 0xab, sizeof h.trace);
    memset (h.span, 0xcd, sizeof h.span);
    return h;
}

static void check_header (const struct ym_header *a, const struct ym_header *b)
{
    cr_assert (a->version == b->version && a->flags == b->flags && a->number == b->number);
    cr_assert (a->ask == b->ask && a->seq == b->seq);
    cr_assert_arr_eq (a->trace, b->trace, sizeof a->trace);
    cr_assert_arr_eq (a->span, b->span, sizeof a->span);
}

static bool is_same (const struct ym_message *m, const void *a, const void *b)
{
    struct ym_header h = header_of (m);
    size_t size = ym_wire_encode (&h, a, frame, ROOM);

    return size > 0 && ym_wire_encode (&h, b, again, ROOM) == size &&
           memcmp (frame, again, size) == 0 && memcmp (a, b, sizeof (uint64_t)) == 0;
}

Test (codec, every_message_comes_back_equal)
{
    struct fill fill = {.seed = 1, .arena = arena};
    struct ym_faults faults;

    for (unsigned round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < ym_message_count; i++) {
            const struct ym_message *m = ym_messages[i];
            struct ym_header h = header_of (m), read;

            ym_arena_reset (arena);
            void *msg = fill_message (&fill, m), *ret = ym_arena_take (arena, m->size);
            size_t size = ym_wire_encode (&h, msg, frame, ROOM);
            cr_assert_gt (size, YM_HEADER_SIZE, "%s", m->name);
            cr_assert_leq (size, ym_wire_room (m, msg), "%s", m->name);
            cr_assert (ym_wire_header (frame, size, &read));
            check_header (&read, &h);
            cr_assert (ym_wire_decode (m, frame, size, arena, ret, &faults), "%s: %s %s",
                       m->name, faults.at[0].path, faults.at[0].text);
            cr_assert_eq (faults.count, 0);
            void *copy = memcpy (ym_arena_take (arena, size), frame, size);
            cr_assert (is_same (m, msg, ret), "%s", m->name);
            cr_assert_eq (memcmp (frame, copy, size), 0);
        }
}

Test (codec, room_is_never_exceeded)
{
    struct fill fill = {.seed = 2, .arena = arena};

    for (size_t i = 0; i < ym_message_count; i++) {
        const struct ym_message *m = ym_messages[i];
        struct ym_header h = header_of (m);
        void *msg = fill_message (&fill, m);
        size_t size = ym_wire_encode (&h, msg, frame, ROOM);

        for (size_t room = 0; room < size; room += room < 200 ? 1 : 97) {
            memset (again, '#', size);
            cr_assert_eq (ym_wire_encode (&h, msg, again, room), 0, "%s in %zu", m->name, room);
            cr_assert_eq (again[room], '#', "%s wrote past %zu", m->name, room);
        }
        cr_assert_eq (ym_wire_encode (&h, msg, again, size), size);
    }
}

/* The frame's body with its fields in reverse, at 'to'. */
static size_t reversed (const uint8_t *from, size_t size, uint8_t *to)
{
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    msgpack_unpacked u;

    msgpack_sbuffer_init (&buffer);
    msgpack_packer_init (&pk, &buffer, msgpack_sbuffer_write);
    msgpack_unpacked_init (&u);
    cr_assert_eq (msgpack_unpack_next (&u, (const char *)from + YM_HEADER_SIZE,
                                       size - YM_HEADER_SIZE, NULL),
                  MSGPACK_UNPACK_SUCCESS);
    for (uint32_t i = 0, n = u.data.via.map.size; i < n / 2; i++) {
        msgpack_object_kv kept = u.data.via.map.ptr[i];

        u.data.via.map.ptr[i] = u.data.via.map.ptr[n - 1 - i];
        u.data.via.map.ptr[n - 1 - i] = kept;
    }
    cr_assert_eq (msgpack_pack_object (&pk, u.data), 0);
    memcpy (to, from, YM_HEADER_SIZE);
    memcpy (to + YM_HEADER_SIZE, buffer.data, buffer.size);
    size = YM_HEADER_SIZE + buffer.size;
    msgpack_unpacked_destroy (&u);
    msgpack_sbuffer_destroy (&buffer);
    return size;
}

Test (codec, fields_come_in_any_order)
{
    struct fill fill = {.seed = 3, .arena = arena};
    struct ym_faults faults;
    uint8_t *backwards = ym_arena_take (arena, 1 << 19);

    for (size_t i = 0; i < ym_message_count; i++) {
        const struct ym_message *m = ym_messages[i];
        struct ym_header h = header_of (m);
        void *msg = fill_message (&fill, m), *ret = ym_arena_take (arena, m->size);
        uint8_t one[32], other[32];
        size_t size = ym_wire_encode (&h, msg, frame, ROOM);

        size = reversed (frame, size, backwards);
        cr_assert (ym_wire_decode (m, backwards, size, arena, ret, &faults), "%s", m->name);
        cr_assert (is_same (m, msg, ret), "%s", m->name);
        ym_wire_digest (m, msg, one);
        ym_wire_digest (m, ret, other);
        cr_assert_arr_eq (one, other, sizeof one, "%s", m->name);
    }
}

Test (codec, a_cut_or_longer_frame_is_refused_and_nothing_written)
{
    struct fill fill = {.seed = 4, .arena = arena};
    struct ym_faults faults;

    for (size_t i = 0; i < ym_message_count; i++) {
        const struct ym_message *m = ym_messages[i];
        struct ym_header h = header_of (m);
        uint8_t *ret = ym_arena_take (arena, m->size);
        size_t size = ym_wire_encode (&h, fill_message (&fill, m), frame, ROOM);

        memset (ret, '#', m->size);
        for (size_t cut = 0; cut < size; cut += cut < 100 ? 1 : 501)
            cr_assert_not (ym_wire_decode (m, frame, cut, arena, ret, &faults), "%s", m->name);
        frame[size] = 0xc0;
        cr_assert_not (ym_wire_decode (m, frame, size + 1, arena, ret, &faults), "%s", m->name);
        cr_assert_str_eq (faults.at[0].code, "malformed");
        for (size_t k = 0; k < m->size; k++)
            cr_assert_eq (ret[k], '#', "%s", m->name);
    }
}

Test (codec, values_arrive_where_they_belong)
{
    static const struct ym_job_row rows[] = {
        {.job = 7,
         .tenant = "acme",
         .name = "one",
         .tier = YM_PLATINUM,
         .state = YM_JOB_STARTED},
        {.job = 6, .tier = YM_STANDARD, .state = YM_JOB_QUEUED, .total = INT64_MAX},
    };
    struct ym_job_page page = {.has = YM_HAS (job_page, next), .jobs = {rows, 2}, .next = 6},
                       ret;
    struct ym_header h = header_of (ym_message_find (YM_MSG_job_page));
    struct ym_faults faults;
    size_t size = ym_wire_encode (&h, &page, frame, ROOM);

    cr_assert (
        ym_wire_decode (ym_message_find (YM_MSG_job_page), frame, size, arena, &ret, &faults));
    cr_expect_eq (ret.has, YM_HAS (job_page, next) | YM_HAS (job_page, jobs));
    cr_expect_eq (ret.next, 6);
    cr_assert_eq (ret.jobs.count, 2);
    cr_expect_arr_eq (ret.jobs.at, rows, sizeof rows);
    page.has = 0;
    size = ym_wire_encode (&h, &page, frame, ROOM);
    cr_assert (
        ym_wire_decode (ym_message_find (YM_MSG_job_page), frame, size, arena, &ret, &faults));
    cr_expect_eq (ret.has, YM_HAS (job_page, jobs));
    cr_expect_eq (ret.next, 0, "what is absent is zero");
}

Test (codec, octets_are_those_of_the_handbook)
{
    static const uint8_t expected[] =
        "\x01\x00\x01\x03"
        "\x00\x00\x00\x00\x00\x00\x00\x05"
        "\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x81\xa3job\x07";
    struct ym_header h = {.version = 99, .flags = 99, .number = YM_MSG_job_get, .ask = 5};
    struct ym_job_get get = {.job = 7};

    cr_assert_eq (ym_wire_encode (&h, &get, frame, ROOM), sizeof expected - 1);
    cr_expect_arr_eq (frame, expected, sizeof expected - 1);
}

static void expect_breach (const struct ym_job_submit *bad, const char *path, const char *code,
                           const char *text)
{
    struct ym_faults faults;

    cr_assert_not (ym_wire_check (ym_message_find (YM_MSG_job_submit), bad, &faults));
    cr_assert_eq (faults.count, 1);
    cr_expect_str_eq (faults.at[0].path, path);
    cr_expect_str_eq (faults.at[0].code, code, "%s", path);
    cr_expect_str_eq (faults.at[0].text, text, "%s", path);
}

Test (codec, a_breach_names_its_rule)
{
    static const char long_text[4096];
    struct ym_job_submit good = {.name = "n",
                                 .kind = "k",
                                 .source = {"s", 1},
                                 .target = {"t", 1}},
                         bad = good;

    bad.kind[0] = 'K';
    expect_breach (&bad, "/kind", "text", "must be a word of a-z 0-9 . _ - : = >");
    bad = good;
    bad.name[0] = '\0';
    expect_breach (&bad, "/name", "length", "must not be empty");
    bad.name[0] = '\xff';
    expect_breach (&bad, "/name", "text", "must be UTF-8 without NUL");
    memset (bad.name, 'x', sizeof bad.name);
    expect_breach (&bad, "/name", "length", "must be at most 80 octets");
    bad = good;
    bad.source.size = 0;
    expect_breach (&bad, "/source", "length", "must not be empty");
    bad.source = (struct ym_str){long_text, sizeof long_text};
    expect_breach (&bad, "/source", "length", "must be at most 1024 octets");
    bad = good;
    bad.tier = YM_COUNT_tier;
    expect_breach (&bad, "/tier", "range", "must be a word of its list");
    bad = good;
    bad.has = YM_HAS (job_submit, regions);
    bad.regions.count = 1;
    expect_breach (&bad, "/regions", "text", "may hold only words of a-z 0-9 . _ - : = >");
    bad.regions.count = 9;
    expect_breach (&bad, "/regions", "length", "must have at most 8 elements");
}

Test (codec, a_breach_of_our_own_is_not_sent)
{
    struct ym_header h = {.number = YM_MSG_job_submit};
    struct ym_job_submit good = {.name = "n",
                                 .kind = "k",
                                 .source = {"s", 1},
                                 .target = {"t", 1}},
                         bad;
    struct ym_job_get no_id = {.job = 0};
    struct ym_faults faults;

    cr_assert_gt (ym_wire_encode (&h, &good, frame, ROOM), 0);
    bad = good;
    bad.tier = YM_COUNT_tier;
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0);
    bad = good;
    memset (bad.name, 'x', sizeof bad.name);
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0);
    bad = good;
    bad.name[0] = '\xff';
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0);
    bad = good;
    bad.name[0] = '\0';
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0, "a title is not empty");
    cr_expect_not (ym_wire_check (ym_message_find (YM_MSG_job_submit), &bad, &faults));
    cr_expect_str_eq (faults.at[0].path, "/name");
    cr_expect (ym_wire_check (ym_message_find (YM_MSG_job_submit), &good, &faults));
    bad = good;
    bad.kind[0] = 'K';
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0, "a word has no capitals");
    bad = good;
    bad.target.size = 0;
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0, "a filled text is not empty");
    bad = good;
    bad.source = (struct ym_str){"a\0b", 3};
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0);
    bad = good;
    bad.has = YM_HAS (job_submit, regions);
    bad.regions.count = 9;
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0);
    bad.regions.count = 1;
    cr_expect_eq (ym_wire_encode (&h, &bad, frame, ROOM), 0, "an empty word is none");
    bad.has = 0;
    cr_expect_gt (ym_wire_encode (&h, &bad, frame, ROOM), 0, "what is absent is not looked at");
    h.number = YM_MSG_job_get;
    cr_expect_eq (ym_wire_encode (&h, &no_id, frame, ROOM), 0);
    h.number = 0x0fff;
    cr_expect_eq (ym_wire_encode (&h, &good, frame, ROOM), 0);
}

Test (codec, header_of_another_version_is_none)
{
    struct ym_header h = {.number = YM_MSG_yard_get}, ret = {.ask = 77};
    struct ym_yard_get get = {0};
    size_t size = ym_wire_encode (&h, &get, frame, ROOM);

    cr_expect_eq (size, YM_HEADER_SIZE + 1);
    cr_expect_not (ym_wire_header (frame, YM_HEADER_SIZE - 1, &ret));
    frame[0] = 2;
    cr_expect_not (ym_wire_header (frame, size, &ret));
    frame[0] = YM_WIRE_VERSION;
    frame[1] = 1;
    cr_expect_not (ym_wire_header (frame, size, &ret));
    cr_expect_eq (ret.ask, 77);
    frame[1] = 0;
    cr_expect (ym_wire_header (frame, size, &ret));
    cr_expect_eq (ret.ask, 0);
}

Test (codec, request_is_not_part_of_the_digest)
{
    const struct ym_message *m = ym_message_find (YM_MSG_job_act);
    struct ym_job_act one = {.request = {1}, .job = 7, .verb = YM_DO_TERMINATE},
                      two = {.request = {2}, .job = 7, .verb = YM_DO_TERMINATE};
    struct ym_job_act three = {.request = {1}, .job = 8, .verb = YM_DO_TERMINATE};
    uint8_t a[32], b[32], c[32];

    ym_wire_digest (m, &one, a);
    ym_wire_digest (m, &two, b);
    ym_wire_digest (m, &three, c);
    cr_expect_arr_eq (a, b, 32);
    cr_expect_neq (memcmp (a, c, 32), 0);
    one.has = YM_HAS (job_act, reason);
    ym_wire_digest (m, &one, b);
    cr_expect_neq (memcmp (a, b, 32), 0, "an empty reason is not none");
}

/* The digest is stored: it must be the same in the next release. */
Test (codec, digest_stays_what_it_is)
{
    struct ym_job_act m = {.request = {1}, .job = 7, .verb = YM_DO_TERMINATE};
    uint8_t digest[32];
    char text[65];

    ym_wire_digest (ym_message_find (YM_MSG_job_act), &m, digest);
    ym_text_hex (text, digest, sizeof digest);
    cr_expect_str_eq (text, "ece1032df5fb064470d6ccd2aaaeee671ca572473342b3d9e9f1441e81dd5475");
}

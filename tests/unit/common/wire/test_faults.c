/* test_faults.c - promise 4 of common/wire: every fault of a body, with its path.
 *
 * Bodies are written as JSON with #6869 for binary and 'c for 'many' times the character c.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/wire.h"

#define COUNT(rows) (sizeof (rows) / sizeof (rows)[0])

static struct ym_arena *arena;

static void begin (void)
{
    arena = ym_arena_new (1 << 16);
}

static void end (void)
{
    ym_arena_free (arena);
}

TestSuite (faults, .init = begin, .fini = end);

static const char *pack (msgpack_packer *pk, const char *at, unsigned many);

static const char *pack_all (msgpack_packer *pk, const char *at, unsigned many)
{
    const char *p = at + 1;
    bool is_map = *at == '{';
    size_t count = 0;

    for (unsigned depth = 1; depth > 0; p++) {
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        count += depth == 1 && *p == ',';
    }
    count = p == at + 2 ? 0 : count + 1;
    (void)(is_map ? msgpack_pack_map (pk, count) : msgpack_pack_array (pk, count));
    for (p = at + 1; *p != '}' && *p != ']'; p += *p == ',') {
        p = pack (pk, p, many);
        if (is_map)
            p = pack (pk, p + 1, many);
    }
    return p + 1;
}

static const char *pack_binary (msgpack_packer *pk, const char *at)
{
    uint8_t octets[64];
    size_t count = 0;

    for (; isxdigit ((unsigned char)*at); at += 2)
        octets[count++] = (uint8_t)strtoul ((const char[]){at[0], at[1], 0}, NULL, 16);
    (void)msgpack_pack_bin_with_body (pk, octets, count);
    return at;
}

static const char *pack (msgpack_packer *pk, const char *at, unsigned many)
{
    char *end_of_number, filler[2000];
    size_t size;

    switch (*at) {
    case '{':
    case '[':
        return pack_all (pk, at, many);
    case '"':
        size = strcspn (at + 1, "\"");
        (void)msgpack_pack_str_with_body (pk, at + 1, size);
        return at + size + 2;
    case '\'':
        memset (filler, at[1], many);
        (void)msgpack_pack_str_with_body (pk, filler, many);
        return at + 2;
    case '#':
        return pack_binary (pk, at + 1);
    case 't':
        (void)msgpack_pack_true (pk);
        return at + 4;
    case 'n':
        (void)msgpack_pack_nil (pk);
        return at + 4;
    default:
        size = strcspn (at, ",]}:");
        if (memchr (at, '.', size))
            (void)msgpack_pack_double (pk, strtod (at, &end_of_number));
        else if (*at == '-')
            (void)msgpack_pack_int64 (pk, strtoll (at, &end_of_number, 10));
        else
            (void)msgpack_pack_uint64 (pk, strtoull (at, &end_of_number, 10));
        cr_assert_eq (end_of_number, at + size, "%s", at);
        return at + size;
    }
}

static bool decode (const char *message, const char *body, unsigned many,
                    struct ym_faults *faults)
{
    static uint64_t ret[1024];
    const struct ym_message *m = ym_message_named (message);
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    bool is_good;

    cr_assert (m && m->size <= sizeof ret);
    memset (ret, '#', sizeof ret);
    msgpack_sbuffer_init (&buffer);
    msgpack_packer_init (&pk, &buffer, msgpack_sbuffer_write);
    (void)msgpack_sbuffer_write (&buffer, (const char[YM_HEADER_SIZE]){0}, YM_HEADER_SIZE);
    cr_assert_eq (*pack (&pk, body, many), '\0', "%s", body);
    is_good = ym_wire_decode (m, buffer.data, buffer.size, arena, ret, faults);
    msgpack_sbuffer_destroy (&buffer);
    if (!is_good)
        cr_assert_eq (ret[0], UINT64_C (0x2323232323232323), "written in spite of a fault");
    return is_good;
}

static const struct {
    const char *message, *body;
    unsigned many;
    const char *path, *code; /* NULL: no fault */
} rows[] = {
    {"job_get", "{\"job\":1}", 0, NULL, NULL},
    {"job_get", "{\"job\":9223372036854775807}", 0, NULL, NULL},
    {"job_get", "{\"job\":9223372036854775808}", 0, "/job", "range"},
    {"job_get", "{\"job\":0}", 0, "/job", "range"},
    {"job_get", "{\"job\":-1}", 0, "/job", "range"},
    {"job_get", "{\"job\":1.5}", 0, "/job", "type"},
    {"job_get", "{\"job\":\"1\"}", 0, "/job", "type"},
    {"job_get", "{\"job\":null}", 0, "/job", "type"},
    {"job_get", "{}", 0, "/job", "missing"},
    {"job_get", "{\"job\":1,\"job\":1}", 0, "/job", "repeated"},
    {"job_get", "{\"job\":1,\"jobs\":1}", 0, "/jobs", "unknown"},
    {"job_get", "{\"job\":1,\"\":1}", 0, "", "unknown"},
    {"job_get", "{\"job\":1,\"A/B\":1}", 0, "", "unknown"},
    {"job_get", "{\"job\":1,'x:1}", 41, "", "unknown"},
    {"job_get", "{\"job\":1,'x:1}", 40, "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "unknown"},
    {"job_get", "{\"job\":1,7:1}", 0, "", "unknown"},
    {"job_get", "{\"job\":1,null:1}", 0, "", "unknown"},
    {"job_get", "[1]", 0, "", "type"},
    {"job_get", "1", 0, "", "type"},
    {"yard_get", "{}", 0, NULL, NULL},
    {"yard_get", "null", 0, "", "type"},
    {"job_list", "{\"limit\":200}", 0, NULL, NULL},
    {"job_list", "{\"limit\":201}", 0, "/limit", "range"},
    {"job_list", "{\"limit\":1,\"state\":\"QUEUED\"}", 0, NULL, NULL},
    {"job_list", "{\"limit\":1,\"state\":\"queued\"}", 0, "/state", "range"},
    {"job_list", "{\"limit\":1,\"state\":100}", 0, "/state", "type"},
    {"job_list", "{\"limit\":1,\"tier\":\"premium\"}", 0, NULL, NULL},
    {"job_list", "{\"limit\":1,\"tier\":\"premiu\"}", 0, "/tier", "range"},
    {"job_list", "{\"limit\":1,\"tier\":1}", 0, "/tier", "type"},
    {"job_list", "{\"limit\":1,\"tier\":null}", 0, "/tier", "type"},
    {"hello", "{\"program\":'x}", 40, NULL, NULL},
    {"hello", "{\"program\":'x}", 41, "/program", "length"},
    {"hello", "{\"program\":'\xff}", 3, "/program", "text"},
    {"hello", "{\"program\":#6869}", 0, "/program", "type"},
    {"hello", "{\"program\":\"\"}", 0, NULL, NULL},
    {"agent_list", "{}", 0, NULL, NULL},
    {"key_list", "{\"after\":#00}", 0, "/after", "length"},
    {"key_list", "{\"after\":\"00\"}", 0, "/after", "type"},
    {"attempt_failed", "{\"session\":1,\"job\":1,\"fence\":1,\"retryable\":true,\"text\":'x}",
     1024, NULL, NULL},
    {"attempt_failed", "{\"session\":1,\"job\":1,\"fence\":1,\"retryable\":true,\"text\":'x}",
     1025, "/text", "length"},
    {"attempt_failed", "{\"session\":1,\"job\":1,\"fence\":1,\"retryable\":1,\"text\":\"\"}", 0,
     "/retryable", "type"},
    {"jobs_gone", "{\"jobs\":[]}", 0, NULL, NULL},
    {"jobs_gone", "{\"jobs\":[[1],[2]]}", 0, NULL, NULL},
    {"jobs_gone", "{\"jobs\":[[1],[0],[3]]}", 0, "/jobs/1/job", "range"},
    {"jobs_gone", "{\"jobs\":[[1],2]}", 0, "/jobs/1", "type"},
    {"jobs_gone", "{\"jobs\":[[]]}", 0, "/jobs/0", "length"},
    {"jobs_gone", "{\"jobs\":[[1,2]]}", 0, "/jobs/0", "length"},
    {"jobs_gone", "{\"jobs\":[{\"job\":1}]}", 0, "/jobs/0", "type"},
    {"jobs_gone", "{\"jobs\":1}", 0, "/jobs", "type"},
    {"key_done", "{\"keys\":[[1],[2]]}", 0, "/keys", "length"},
    {"job_submit",
     "{\"request\":#00112233445566778899aabbccddeeff,\"tier\":\"standard\",\"name\":\"\","
     "\"kind\":\"k\",\"source\":\"s\",\"target\":\"t\"}",
     0, "/name", "length"},
    {"job_submit",
     "{\"request\":#00112233445566778899aabbccddeeff,\"tier\":\"standard\",\"name\":\"n\","
     "\"kind\":\"Kind\",\"source\":\"s\",\"target\":\"t\"}",
     0, "/kind", "text"},
    {"job_submit",
     "{\"request\":#00112233445566778899aabbccddeeff,\"tier\":\"standard\",\"name\":\"n\","
     "\"kind\":\"\",\"source\":\"s\",\"target\":\"t\"}",
     0, "/kind", "text"},
    {"job_submit",
     "{\"request\":#00112233445566778899aabbccddeeff,\"tier\":\"standard\",\"name\":\"n\","
     "\"kind\":\"k\",\"source\":\"\",\"target\":\"t\"}",
     0, "/source", "length"},
    {"agent_page",
     "{\"agents\":[[\"a\",\"LOST\",\"\",\"\",[\"x\",\"Y\"],1,0,1,1,true,0,\"\"]]}", 0,
     "/agents/0/capabilities/1", "text"},
};

Test (faults, have_path_and_code)
{
    for (size_t i = 0; i < COUNT (rows); i++) {
        struct ym_faults faults;
        bool is_good = decode (rows[i].message, rows[i].body, rows[i].many, &faults);

        cr_expect_eq (is_good, rows[i].code == NULL, "row %zu: %s", i, rows[i].body);
        cr_expect_eq (faults.count, rows[i].code ? 1 : 0, "row %zu: %s", i, rows[i].body);
        if (is_good || !rows[i].code)
            continue;
        cr_expect_str_eq (faults.at[0].path, rows[i].path, "row %zu: %s", i, rows[i].body);
        cr_expect_str_eq (faults.at[0].code, rows[i].code, "row %zu: %s", i, rows[i].body);
        cr_expect_gt (strlen (faults.at[0].text), 0);
    }
}

static const char submit[] =
    "{\"request\":#00112233445566778899aabbccddeeff,\"name\":\"n\",\"kind\":\"k\","
    "\"tier\":\"standard\",\"source\":\"s\",\"target\":\"t\"";

Test (faults, of_words)
{
    static const struct {
        const char *words;
        unsigned many;
        const char *path, *code;
    } cases[] = {
        {"[]", 0, NULL, NULL},
        {"[\"eu-1\",\"a.b_c:d=e>f\",\"0\"]", 0, NULL, NULL},
        {"['a]", 40, NULL, NULL},
        {"['a]", 41, "/regions/0", "length"},
        {"[\"a\",\"\"]", 0, "/regions/1", "length"},
        {"[\"a\",\"b\",\"c\",\"D\"]", 0, "/regions/3", "text"},
        {"[\"a b\"]", 0, "/regions/0", "text"},
        {"[1]", 0, "/regions/0", "type"},
        {"\"a\"", 0, "/regions", "type"},
        {"[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\"]", 0, NULL, NULL},
        {"[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]", 0, "/regions", "length"},
    };

    for (size_t i = 0; i < COUNT (cases); i++) {
        struct ym_faults faults;
        char body[400];

        (void)snprintf (body, sizeof body, "%s,\"regions\":%s}", submit, cases[i].words);
        (void)decode ("job_submit", body, cases[i].many, &faults);
        cr_expect_eq (faults.count, cases[i].code ? 1 : 0, "row %zu", i);
        if (!cases[i].code)
            continue;
        cr_expect_str_eq (faults.at[0].path, cases[i].path, "row %zu", i);
        cr_expect_str_eq (faults.at[0].code, cases[i].code, "row %zu", i);
    }
}

Test (faults, are_all_listed)
{
    struct ym_faults faults;

    cr_assert_not (
        decode ("job_submit",
                "{\"request\":#00,\"name\":7,\"tier\":\"gold\",\"regions\":[\"A\",\"b\",3],"
                "\"regoin\":[],\"source\":\"s\"}",
                0, &faults));
    static const struct {
        const char *path, *code, *text;
    } expected[] = {
        {"/request", "length", "must be exactly 16 octets"},
        {"/name", "type", "must be text"},
        {"/tier", "range", "must be one of standard, premium, platinum"},
        {"/regions/0", "text", "may hold only a-z 0-9 . _ - : = >"},
        {"/regions/2", "type", "must be a word"},
        {"/regoin", "unknown", "no such field"},
        {"/kind", "missing", "is required"},
        {"/target", "missing", "is required"},
    };
    cr_assert_eq (faults.count, COUNT (expected));
    for (size_t i = 0; i < COUNT (expected); i++) {
        cr_expect_str_eq (faults.at[i].path, expected[i].path);
        cr_expect_str_eq (faults.at[i].code, expected[i].code);
        cr_expect_str_eq (faults.at[i].text, expected[i].text);
    }
}

Test (faults, name_the_field_that_was_meant)
{
    struct ym_faults faults;
    char body[400];

    (void)snprintf (body, sizeof body, "%s,\"region\":[]}", submit);
    cr_assert_not (decode ("job_submit", body, 0, &faults));
    cr_expect_str_eq (faults.at[0].path, "/region");
    cr_expect_str_eq (faults.at[0].text, "no such field; regions is one");
}

Test (faults, end_at_sixteen)
{
    struct ym_faults faults;
    char body[4000] = "{\"jobs\":[[0]";

    for (size_t i = 0; i < 500; i++)
        (void)strcat (body, ",[0]");
    (void)strcat (body, "]}");
    cr_assert_not (decode ("jobs_gone", body, 0, &faults));
    cr_expect_eq (faults.count, YM_FAULTS_MAX);
    cr_expect_str_eq (faults.at[15].path, "/jobs/15/job");
    ym_faults_add (&faults, "/more", "type", "more");
    cr_expect_eq (faults.count, YM_FAULTS_MAX);
}

Test (faults, take_little_from_the_arena)
{
    struct ym_faults faults;

    ym_arena_reset (arena);
    cr_assert_not (decode ("key_done", "{\"keys\":[1,2,3,4]}", 0, &faults));
    cr_expect_eq (ym_arena_used (arena), 0, "a list that is too long is not made room for");
}

Test (faults, are_cut_to_their_room)
{
    struct ym_faults faults = {.count = 0};
    char longer[200];

    memset (longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ym_faults_add (&faults, longer, longer, longer);
    cr_expect_eq (strlen (faults.at[0].path), 80);
    cr_expect_eq (strlen (faults.at[0].code), 32);
    cr_expect_eq (strlen (faults.at[0].text), 80);
}

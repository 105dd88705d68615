/* test_values.c - what goes to the server as a parameter comes back as a column. */
#include "common/base/own.h"
#include "tests/lib/cluster.h"
#include "tests/lib/store_client.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct ym_statement echo = {
    "echo",
    "SELECT $1::int2, $2::int4, $3::int8, $4::bool, $5::text, $6::bytea, $7::int8, $8::text,"
    " 'n'::name, 'v'::varchar"};

static void check_echo (struct ym_batch *b)
{
    const struct ym_rows *r = ym_batch_rows (b, 0);
    struct ym_bytes bytes = ym_row_bytea (r, 0, 5);

    cr_assert_eq (ym_rows_count (r), 1);
    cr_assert_eq (ym_row_int2 (r, 0, 0), INT16_MIN);
    cr_assert_eq (ym_row_int4 (r, 0, 1), INT32_MIN);
    cr_assert_eq (ym_row_int8 (r, 0, 2), INT64_MIN);
    cr_assert (ym_row_bool (r, 0, 3));
    cr_assert (ym_str_is (ym_row_text (r, 0, 4), "grüße"));
    cr_assert_eq (bytes.size, 3);
    cr_assert_eq (memcmp (bytes.at, "\0\1\377", 3), 0);
    cr_assert (ym_row_is_null (r, 0, 6));
    cr_assert_eq (ym_row_int8 (r, 0, 6), 0);
    cr_assert_eq (ym_row_text (r, 0, 7).size, 0);
    cr_assert_not (ym_row_is_null (r, 0, 7));
    cr_assert (ym_str_is (ym_row_text (r, 0, 8), "n"));
    cr_assert (ym_str_is (ym_row_text (r, 0, 9), "v"));
}

Test (values, carries_every_type)
{
    struct client c;
    struct ym_batch *b;

    client_up (&c, "t_types");
    b = client_begin (&c);
    ym_store_call (b, &echo);
    ym_param_int2 (b, INT16_MIN);
    ym_param_int4 (b, INT32_MIN);
    ym_param_int8 (b, INT64_MIN);
    ym_param_bool (b, true);
    ym_param_text (b, ym_str ("grüße"));
    ym_param_bytea (b, ym_bytes ("\0\1\377", 3));
    ym_param_null (b);
    ym_param_text (b, ym_str (""));
    c.check = check_echo;
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED, "%s", c.result.text);
    ym_store_close (c.store);
}

static const struct ym_statement unnest = {
    "unnest",
    "SELECT a, b, c, d, e, f FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::bool[],"
    " $5::text[], $6::bytea[]) AS u(a, b, c, d, e, f)"};
static const struct ym_statement texts = {
    "texts", "SELECT $1::text[], cardinality($2::int8[]), NULL::text[], ARRAY['x', NULL]"};

static void count_text (void *arg, struct ym_str v)
{
    char *all = arg;

    (void)strncat (all, v.at, v.size);
    (void)strcat (all, "|");
}

static void check_arrays (struct ym_batch *b)
{
    const struct ym_rows *r = ym_batch_rows (b, 0);
    char all[100] = "";

    cr_assert_eq (ym_rows_count (r), 2);
    cr_assert_eq (ym_row_int2 (r, 1, 0), -2);
    cr_assert_eq (ym_row_int4 (r, 1, 1), -20);
    cr_assert_eq (ym_row_int8 (r, 1, 2), INT64_MAX);
    cr_assert (ym_row_bool (r, 0, 3) && !ym_row_bool (r, 1, 3));
    cr_assert (ym_str_is (ym_row_text (r, 1, 4), ""));
    cr_assert_eq (ym_row_bytea (r, 0, 5).size, 0);
    cr_assert_eq (ym_row_bytea (r, 1, 5).at[1], 255);

    cr_assert_eq (ym_rows_count (ym_batch_rows (b, 1)), 0);
    r = ym_batch_rows (b, 2);
    ym_row_texts (r, 0, 0, all, count_text);
    cr_assert_str_eq (all, "one||");
    cr_assert_eq (ym_row_int4 (r, 0, 1), 0);
    ym_row_texts (r, 0, 2, all, count_text);
    cr_assert_str_eq (all, "one||");
    ym_row_texts (r, 0, 3, all, count_text);
    cr_assert_str_eq (all, "one||x||");
}

static void call_unnest (struct ym_batch *b, size_t n)
{
    const struct ym_str words[] = {ym_str ("one"), ym_str ("")};
    const struct ym_bytes octets[] = {ym_bytes (NULL, 0), ym_bytes ("\0\377", 2)};

    ym_store_call (b, &unnest);
    ym_param_int2s (b, (const int16_t[]){1, -2}, n);
    ym_param_int4s (b, (const int32_t[]){10, -20}, n);
    ym_param_int8s (b, (const int64_t[]){INT64_MIN, INT64_MAX}, n);
    ym_param_bools (b, (const bool[]){true, false}, n);
    ym_param_texts (b, words, n);
    ym_param_byteas (b, octets, n);
}

Test (values, carries_arrays_and_empty_ones)
{
    const struct ym_str words[] = {ym_str ("one"), ym_str ("")};
    struct client c;
    struct ym_batch *b;

    client_up (&c, "t_arrays");
    c.check = check_arrays;
    for (int again = 0; again < 3; again++) {
        b = client_begin (&c);
        call_unnest (b, 2);
        call_unnest (b, 0);
        ym_store_call (b, &texts);
        ym_param_texts (b, words, 2);
        ym_param_int8s (b, NULL, 0);
        cr_assert_eq (client_commit (&c, b), YM_COMMITTED, "%s", c.result.text);
    }
    ym_store_close (c.store);
}

enum { LARGE = 24 << 20 };
static const struct ym_statement large = {"large", "SELECT $1::bytea"};

static void check_large (struct ym_batch *b)
{
    struct ym_bytes back = ym_row_bytea (ym_batch_rows (b, 1), 0, 0);

    cr_assert_eq (back.size, LARGE);
    cr_assert_eq (back.at[LARGE - 1], 'z');
}

/* More than the sockets hold in both directions at once. */
Test (values, carries_large_parameters)
{
    struct client c;
    struct ym_batch *b;
    uint8_t *octets = ym_new (LARGE);

    octets[LARGE - 1] = 'z';
    client_open (&c, cluster_conninfo (), "t_large", 20000);
    client_await (&c, &c.ups, 1);
    b = client_begin (&c);
    for (int i = 0; i < 2; i++) {
        ym_store_call (b, &large);
        ym_param_bytea (b, ym_bytes (octets, LARGE));
    }
    c.check = check_large;
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED, "%s", c.result.text);
    ym_free_at (&octets);
    ym_store_close (c.store);
}

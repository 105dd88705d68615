/* test_id.c - promise 4 of common/base: ids rise, print in their order, and are given out once.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/time.h"

#define COUNT(rows) (sizeof (rows) / sizeof (rows)[0])
static const int64_t now = INT64_C (1800000000000);

Test (id, holds_its_parts)
{
    int64_t id = ym_id_make (2047, now, 2047);

    cr_expect_gt (id, 0);
    cr_expect_eq (ym_id_shard (id), 2047);
    cr_expect_eq (ym_id_unix_ms (id), now);
    cr_expect_eq (ym_id_make (0, YM_ID_EPOCH_MS + 1, 0), 1 << 11);
    cr_expect_eq (ym_id_make (2047, YM_ID_EPOCH_MS + (INT64_C (1) << 41) - 1, 2047), INT64_MAX);
}

Test (id, is_printed_in_order)
{
    static const int64_t ids[] = {1,        31, 32, 1 << 11, INT64_C (1) << 52, INT64_MAX - 1,
                                  INT64_MAX};
    char before[YM_ID_TEXT_MAX + 1] = "job_0000000000000", text[YM_ID_TEXT_MAX + 1];

    for (size_t i = 0; i < COUNT (ids); i++) {
        int64_t read = 0;

        ym_id_print (text, ids[i]);
        cr_expect_eq (strlen (text), YM_ID_TEXT_MAX);
        cr_expect_lt (strcmp (before, text), 0, "%s before %s", before, text);
        cr_expect (ym_id_read (text, &read));
        cr_expect_eq (read, ids[i]);
        memcpy (before, text, sizeof before);
    }
    cr_expect_str_eq (text, "job_7zzzzzzzzzzzz");
}

Test (id, reads_what_people_write)
{
    static const struct {
        const char *text;
        bool is_good;
        int64_t id;
    } rows[] = {
        {"job_0000000000001", true, 1},
        {"0000000000001", true, 1},
        {"JOB_000000000000Z", true, 31},
        {"job_ooooOOOO000iL", true, 33},
        {"job_0000000000000", false, 0},
        {"job_8000000000000", false, 0},
        {"job_000000000000u", false, 0},
        {"job_00000000000-1", false, 0},
        {"job_000000000001", false, 0},
        {"job_00000000000001", false, 0},
        {"000000000001", false, 0},
        {"yob_0000000000001", false, 0},
        {"job_job_000000001", false, 0},
        {"job_", false, 0},
        {"", false, 0},
    };

    for (size_t i = 0; i < COUNT (rows); i++) {
        int64_t id = -7;

        cr_expect_eq (ym_id_read (rows[i].text, &id), rows[i].is_good, "%s", rows[i].text);
        cr_expect_eq (id, rows[i].is_good ? rows[i].id : -7, "%s", rows[i].text);
    }
}

Test (id, mint_rises_and_stays_in_its_block)
{
    struct ym_mint mint = {.shard = 3, .at_ms = now, .until_ms = now + 3};
    int64_t before = 0, id;
    unsigned count = 0;

    while ((id = ym_mint_next (&mint, now - 1000)) != 0) {
        cr_assert_gt (id, before);
        cr_assert_eq (ym_id_shard (id), 3);
        before = id;
        count++;
    }
    cr_expect_eq (count, 3 * 2048);
    cr_expect_lt (ym_id_unix_ms (before), mint.until_ms);
    cr_expect_eq (ym_mint_next (&mint, now), 0);
}

Test (id, mint_follows_the_clock_but_not_back)
{
    struct ym_mint mint = {.at_ms = now, .until_ms = now + 100};
    int64_t first = ym_mint_next (&mint, now + 50);
    int64_t second = ym_mint_next (&mint, now);

    cr_expect_eq (ym_id_unix_ms (first), now + 50);
    cr_expect_eq (second, first + 1);
    cr_expect_eq (ym_mint_next (&mint, now + 100), 0);
}

Test (id, no_ids_before_their_time, .signal = SIGABRT)
{
    (void)ym_id_make (0, YM_ID_EPOCH_MS, 0);
}

Test (time, prints)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {YM_ID_EPOCH_MS, "2025-01-01T00:00:00.000Z"},
        {INT64_C (1795323076123), "2026-11-22T04:51:16.123Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char text[YM_TIME_TEXT_MAX + 1];

    for (size_t i = 0; i < COUNT (rows); i++) {
        ym_time_print (text, rows[i].ms);
        cr_expect_str_eq (text, rows[i].text);
    }
}

Test (time, clocks_run)
{
    int64_t us = ym_time_mono_us (), ms = ym_time_mono_ms ();

    cr_expect_geq (ms, us / 1000);
    cr_expect_geq (ym_time_mono_us (), us);
    cr_expect_gt (ym_time_wall_ms (), YM_ID_EPOCH_MS);
}

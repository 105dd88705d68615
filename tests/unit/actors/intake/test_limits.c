/* test_limits.c - tokens by key, waiting jobs by tenant. */
#include <criterion/criterion.h>

#include "actors/intake/limits.h"

Test (limits, tokens_come_back_with_time)
{
    static const struct {
        int64_t at_ms, waits_ms;
    } rows[] = {
        {1000, 0}, {1000, 0},   {1000, 0},   {1000, 500}, {1000, 500}, {1499, 1},
        {1500, 0}, {1500, 500}, {1400, 500}, {1900, 0},   {2000, 400}, {9000, 0},
        {9000, 0}, {9000, 0},   {9000, 500}, {9500, 0},   {9500, 500},
    };
    struct bucket b = decide_full (3, 1000);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq (decide_token (&b, 2, 3, rows[i].at_ms), rows[i].waits_ms, "row %zu", i);
}

/* A clock that was set back gives nothing and takes nothing; one far ahead does not overflow.
 */
Test (limits, a_clock_that_jumps)
{
    struct bucket b = decide_full (1, INT64_MAX / 2);

    cr_expect_eq (decide_token (&b, 1000000, 1, INT64_MAX / 2), 0);
    cr_expect_eq (decide_token (&b, 1, 1, 5), 1000);
    cr_expect_eq (decide_token (&b, 1000000, 1, INT64_MAX - 1), 0);
    cr_expect_eq (b.thousandths, 0);
}

Test (limits, keys_are_apart_and_forgotten)
{
    struct limits *l = limits_new (1, 2);

    for (int64_t key = 1; key <= 1000; key++) {
        cr_expect_eq (limits_token (l, key, 0), 0);
        cr_expect_eq (limits_token (l, key, 0), 0);
        cr_expect_eq (limits_token (l, key, 0), 1000);
    }
    cr_expect_eq (limits_keys (l), 1000);
    limits_sweep (l, 1000);
    cr_expect_eq (limits_keys (l), 1000, "they have a token, and may have two");
    cr_expect_eq (limits_token (l, 7, 1500), 0);
    limits_sweep (l, 2001);
    cr_expect_eq (limits_keys (l), 1);
    limits_free (l);
}

Test (limits, no_rate_is_no_limit)
{
    struct limits *l = limits_new (0, 1);

    for (int i = 0; i < 100; i++)
        cr_expect_eq (limits_token (l, 1, 0), 0);
    cr_expect_eq (limits_keys (l), 0);
    limits_free (l);
}

Test (limits, a_cap_counts_all_queues_and_what_they_did_not_hear)
{
    struct limits *l = limits_new (0, 1);

    cr_expect (limits_has_room (l, 1, 1000000), "no cap");
    limits_cap (l, 1, 5);
    limits_waiting (l, YM_STANDARD, 1, 2);
    limits_waiting (l, YM_PLATINUM, 1, 1);
    limits_waiting (l, YM_STANDARD, 2, 900);
    cr_expect (limits_has_room (l, 1, 1));
    cr_expect_not (limits_has_room (l, 1, 2));
    limits_accepted (l, YM_STANDARD, 1, 100);
    limits_accepted (l, YM_PREMIUM, 1, 101);
    cr_expect_not (limits_has_room (l, 1, 0));
    limits_counted (l, YM_STANDARD, false, 99);
    cr_expect_not (limits_has_room (l, 1, 0), "100 is not among what was counted");
    limits_counted (l, YM_STANDARD, false, 200);
    limits_waiting (l, YM_STANDARD, 1, 2);
    cr_expect (limits_has_room (l, 1, 0), "one started meanwhile");
    limits_counted (l, YM_PLATINUM, true, 0);
    cr_expect (limits_has_room (l, 1, 1));
    cr_expect_not (limits_has_room (l, 1, 2));
    limits_free (l);
}

Test (limits, a_cap_that_is_lifted)
{
    struct limits *l = limits_new (0, 1);

    limits_cap (l, 1, 1);
    limits_accepted (l, YM_STANDARD, 1, 1);
    cr_expect_not (limits_has_room (l, 1, 0));
    limits_caps_begin (l);
    cr_expect (limits_has_room (l, 1, 0));
    cr_expect_not (limits_is_capped (l, 1));
    limits_cap (l, 1, 2);
    cr_expect (limits_has_room (l, 1, 0));
    cr_expect_not (limits_has_room (l, 1, 1));
    limits_free (l);
}

/* A queue that is away for long costs a bounded amount of memory, and no count goes wrong. */
Test (limits, what_is_remembered_is_bounded)
{
    struct limits *l = limits_new (0, 1);

    limits_cap (l, 1, 70000);
    for (int64_t job = 1; job <= 70000; job++)
        limits_accepted (l, YM_STANDARD, 1, job);
    cr_expect (limits_has_room (l, 1, 4463));
    cr_expect_not (limits_has_room (l, 1, 4464));
    limits_counted (l, YM_STANDARD, true, 69999);
    cr_expect (limits_has_room (l, 1, 69998));
    cr_expect_not (limits_has_room (l, 1, 69999));
    limits_free (l);
}

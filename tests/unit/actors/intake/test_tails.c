/* test_tails.c - the table of tails against a simple one, through growth and holes. */
#include "actors/intake/tails.h"

#include <criterion/criterion.h>
#include <stdint.h>

enum { JOBS = 5000, STEPS = 60000 };

static uint64_t chance (uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Ids as they are minted: close together, in clumps. */
static int64_t id_of (size_t i)
{
    return (INT64_C (60000000000) + (int64_t)(i / 7)) << 11 | (int64_t)(i % 7);
}

static void check_all (const struct tails *t, const int32_t *expected)
{
    size_t at = 0, met = 0, count = 0;

    for (size_t i = 0; i < JOBS; i++) {
        const struct tail *row = tails_find (t, id_of (i));
        cr_assert_eq (row != NULL, expected[i] >= 0, "job %zu", i);
        if (row)
            cr_assert_eq (row->seq, expected[i]);
        count += row != NULL;
    }
    while (tails_next (t, &at))
        met++;
    cr_assert_eq (met, count);
    cr_assert_eq (tails_count (t), count);
}

Test (tails, is_a_table)
{
    static int32_t expected[JOBS];
    struct tails *t = tails_new ();
    uint64_t state = 42;

    for (size_t i = 0; i < JOBS; i++)
        expected[i] = -1;
    for (int step = 0; step < STEPS; step++) {
        size_t i = chance (&state) % JOBS;
        if (expected[i] < 0 && chance (&state) % 3 > 0)
            tails_add (t, id_of (i), expected[i] = step);
        else {
            tails_remove (t, id_of (i));
            expected[i] = -1;
        }
        if (step % 10000 == 0)
            check_all (t, expected);
    }
    check_all (t, expected);
    for (size_t i = 0; i < JOBS; i++)
        tails_remove (t, id_of (i));
    cr_assert_eq (tails_count (t), 0);
    tails_free (t);
    tails_free (NULL);
}

Test (tails, begins_empty_and_forgets)
{
    struct tails *t = tails_new ();
    size_t at = 0;

    cr_assert_null (tails_find (t, 1));
    cr_assert_null (tails_next (t, &at));
    tails_remove (t, 1);
    struct tail *row = tails_add (t, 1, 5);
    row->news = true;
    row->feeds = 3;
    tails_remove (t, 1);
    row = tails_add (t, 1, 6);
    cr_assert (row->seq == 6 && !row->news && row->feeds == 0 && !row->ended);
    tails_free (t);
}

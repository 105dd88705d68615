/* test_poison.c - who is suspected after a death, and who is cleared. */
#include "common/actor/poison.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"

static struct ym_poison *p;

static void begin (void)
{
    p = ym_new (sizeof *p);
    memset (p, 0x5a, sizeof *p); /* whatever was there before is not ours */
    cr_assert_eq (ym_poison_begin (p), 0);
}

static void end (void)
{
    free (p);
}

TestSuite (poison, .init = begin, .fini = end);

static struct ym_digest digest (int number)
{
    return ym_poison_digest (7, 1, &number, sizeof number);
}

static void fly (unsigned lane, int number)
{
    struct ym_digest d = digest (number);

    ym_poison_takes_off (p, lane, &d);
}

static unsigned deaths (int number)
{
    struct ym_digest d = digest (number);

    return ym_poison_deaths (p, &d);
}

Test (poison, what_was_under_way_is_suspected)
{
    fly (0, 1);
    fly (0, 2);
    fly (1, 3);
    fly (YM_POISON_HEARD, 4);
    cr_expect_eq (ym_poison_begin (p), 4);
    for (int n = 1; n <= 4; n++)
        cr_expect_eq (deaths (n), 1);
    cr_expect_eq (deaths (5), 0);
    cr_expect_eq (ym_poison_begin (p), 0, "a death without anything under way");
    cr_expect_eq (deaths (1), 1);
}

Test (poison, what_ends_well_is_cleared)
{
    fly (0, 1);
    (void)ym_poison_begin (p);
    fly (0, 1);
    fly (1, 2);
    ym_poison_lands (p, 0);
    cr_expect_eq (deaths (1), 0);
    cr_expect_eq (ym_poison_begin (p), 1, "the other lane had not landed");
    cr_expect_eq (deaths (2), 1);
}

Test (poison, three_deaths)
{
    struct ym_digest d = digest (1);

    for (unsigned n = 1; n <= YM_POISON_DEATHS; n++) {
        fly (0, 1);
        (void)ym_poison_begin (p);
        cr_expect_eq (deaths (1), n);
    }
    cr_expect (ym_poison_tell_once (p, &d));
    cr_expect_not (ym_poison_tell_once (p, &d));
}

Test (poison, who_flies_beside_a_suspect_is_innocent)
{
    fly (0, 1);
    (void)ym_poison_begin (p);
    fly (0, 1);
    fly (1, 2);
    fly (YM_POISON_HEARD, 3);
    cr_expect_eq (ym_poison_begin (p), 1);
    cr_expect_eq (deaths (1), 2);
    cr_expect_eq (deaths (2) + deaths (3), 0);
}

Test (poison, the_oldest_suspect_goes)
{
    for (int n = 0; n <= YM_POISON_ROWS; n++)
        fly (0, n);
    cr_expect_eq (ym_poison_begin (p), YM_POISON_ROWS + 1);
    cr_expect_eq (deaths (0), 0);
    for (int n = 1; n <= YM_POISON_ROWS; n++)
        cr_assert_eq (deaths (n), 1, "%d", n);
}

Test (poison, a_lane_is_bounded)
{
    for (int n = 0; n < YM_POISON_FLIGHTS + 10; n++)
        fly (1, n);
    p->flight_count[0] = UINT32_MAX; /* as a wild write would leave it */
    cr_expect_leq (ym_poison_begin (p), 2 * YM_POISON_FLIGHTS);
}

Test (poison, another_key_message_or_body_is_another_request)
{
    struct ym_digest d = ym_poison_digest (7, 1, "x", 1), e = ym_poison_digest (7, 2, "x", 1);
    struct ym_digest f = ym_poison_digest (8, 1, "x", 1), g = ym_poison_digest (7, 1, "y", 1);

    cr_expect_neq (memcmp (&d, &e, sizeof d), 0);
    cr_expect_neq (memcmp (&d, &f, sizeof d), 0);
    cr_expect_neq (memcmp (&d, &g, sizeof d), 0);
    e = ym_poison_digest (7, 1, "x", 1);
    cr_expect_eq (memcmp (&d, &e, sizeof d), 0);
}

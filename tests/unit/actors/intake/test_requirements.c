/* test_requirements.c - how many different requirements there may be, and of whom. */
#include <criterion/criterion.h>

#include "actors/intake/requirements.h"

static struct requirements *r;

static void begin (void)
{
    r = requirements_new ();
}

static void end (void)
{
    requirements_free (r);
}

TestSuite (requirements, .init = begin, .fini = end);

/* Brings 'count' new ones, numbered from 'first'; returns how many were let in. */
static unsigned bring (int32_t tenant, uint64_t first, unsigned count)
{
    unsigned in = 0;

    for (unsigned i = 0; i < count; i++)
        in += requirements_count (r, first + i, tenant);
    return in;
}

Test (requirements, of_one_tenant_are_bounded_and_others_still_may)
{
    cr_expect_eq (bring (1, 1000, 5000), REQUIREMENTS_OF_ONE_TENANT);
    cr_expect_eq (bring (2, 10000, 10), 10);
    cr_expect_eq (bring (1, 10000, 10), 10, "what another brought is there for all");
    cr_expect_eq (bring (1, 1000, 5), 5, "what is counted is not counted again");
    cr_expect_eq (bring (1, 20000, 5), 0);
}

Test (requirements, of_all_are_bounded)
{
    unsigned in = 0;

    for (int32_t tenant = 1; tenant <= 20; tenant++)
        in += bring (tenant, (uint64_t)tenant * 10000, REQUIREMENTS_OF_ONE_TENANT);
    cr_expect_eq (in, REQUIREMENTS_MAX);
    cr_expect_eq (bring (21, 10000, 1), 1, "a known one is no new one");
}

Test (requirements, are_had_when_they_are_stored)
{
    cr_expect_not (requirements_has (r, 7));
    cr_expect (requirements_count (r, 7, 1));
    cr_expect_not (requirements_has (r, 7), "counted only: its turn may fail");
    requirements_stored (r, 7);
    cr_expect (requirements_has (r, 7));
}

Test (requirements, that_are_forgotten_count_no_more)
{
    cr_expect_eq (bring (1, 1000, 300), REQUIREMENTS_OF_ONE_TENANT);
    requirements_stored (r, 1000);
    requirements_forget (r);
    cr_expect_not (requirements_has (r, 1000));
    requirements_stored (r, 1000);
    cr_expect_not (requirements_has (r, 1000), "of a turn that began before");
    cr_expect_eq (bring (1, 1000, 300), REQUIREMENTS_OF_ONE_TENANT);
}

/* test_share.c - how tenants share a tier: a server that takes the smallest rank, then the
 * oldest job, again and again, as assignment does. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "actors/queue/waiting.h"

enum { ON_OFFER_MAX = 4096, TENANTS_MAX = 8 };

static struct {
    struct waiting *w;
    struct waiting_offer offers[ON_OFFER_MAX];
    size_t count;
    size_t served[TENANTS_MAX];
    uint64_t stuck; /* a class nobody can run */
} test;

static void begin (void)
{
    test.w = waiting_new ();
    test.count = 0;
}

static void end (void)
{
    waiting_free (test.w);
}

TestSuite (share, .init = begin, .fini = end, .timeout = 60);

static void put (int64_t job, uint32_t tenant, uint64_t requirement, uint32_t urgency)
{
    waiting_put (
        test.w,
        &(struct waiting_job){
            .job = job, .tenant = tenant, .requirement = requirement, .urgency = urgency},
        1);
}

static void forget (int64_t job)
{
    for (size_t i = 0; i < test.count; i++)
        if (test.offers[i].job == job)
            test.offers[i] = test.offers[--test.count];
}

static void hear (void)
{
    struct waiting_offer got[64];
    int64_t gone[64];
    size_t count, gone_count;

    do {
        count = waiting_offer (test.w, got, 64);
        while ((gone_count = waiting_withdrawn (test.w, gone, 64)) > 0)
            for (size_t i = 0; i < gone_count; i++)
                forget (gone[i]);
        for (size_t i = 0; i < count; i++) {
            cr_assert_lt (test.count, ON_OFFER_MAX);
            test.offers[test.count++] = got[i];
        }
    } while (count > 0);
}

/* The job that is served now; 0 if there is none. */
static int64_t serve (void)
{
    const struct waiting_offer *best = NULL;
    int64_t job;

    hear ();
    for (size_t i = 0; i < test.count; i++) {
        const struct waiting_offer *o = &test.offers[i];
        if (o->requirement != test.stuck &&
            (!best || o->rank < best->rank || (o->rank == best->rank && o->job < best->job)))
            best = o;
    }
    if (!best)
        return 0;
    job = best->job;
    test.served[best->tenant]++;
    cr_assert (waiting_take (test.w, job));
    forget (job);
    return job;
}

Test (share, one_tenant_is_first_in_first_out)
{
    for (int64_t j = 1000; j > 0; j--)
        put (j, 1, 5, 16);
    for (int64_t j = 1; j <= 1000; j++)
        cr_assert_eq (serve (), j);
    cr_assert_eq (serve (), 0);
}

Test (share, one_tenant_with_two_classes_by_age_within_the_windows)
{
    for (int64_t j = 1; j <= 2 * QUEUE_WINDOW; j++)
        put (j, 1, 5 + (uint64_t)(j % 2), 16);
    for (int64_t j = 1; j <= 2 * QUEUE_WINDOW; j++)
        cr_assert_eq (serve (), j);
}

Test (share, by_weight)
{
    waiting_set_weight (test.w, 2, 3);
    for (int64_t j = 1; j <= 10000; j++)
        put (j, 1, 5, 16);
    for (int64_t j = 10001; j <= 20000; j++)
        put (j, 2, 5, 16);
    for (size_t n = 1; n <= 10000; n++) {
        cr_assert_neq (serve (), 0);
        size_t own = n / 4;
        cr_assert (test.served[1] + 2 >= own && test.served[1] <= own + 2,
                   "after %zu: %zu and %zu", n, test.served[1], test.served[2]);
    }
}

Test (share, a_backlog_does_not_delay_another)
{
    for (int64_t j = 1; j <= 100000; j++)
        put (j, 1, 5, 16);
    for (size_t n = 0; n < 5000; n++)
        cr_assert_neq (serve (), 0);
    put (200001, 2, 5, 16);
    put (200002, 2, 5, 16);
    for (size_t n = 0; n < 4; n++)
        (void)serve ();
    cr_assert_eq (test.served[2], 2, "each in its turn");
}

/* Work of another class moves the virtual time on; the backlog here is old when the other
 * comes. */
Test (share, nor_does_one_of_another_class)
{
    for (int64_t j = 1; j <= 2000; j++)
        put (j, 1, 5, 16);
    for (int64_t j = 2001; j <= 4000; j++)
        put (j, 1, 6, 16);
    test.stuck = 5;
    for (size_t n = 0; n < 1500; n++)
        cr_assert_gt (serve (), 2000);
    put (9000, 2, 5, 16);
    test.stuck = 6;
    (void)serve ();
    (void)serve ();
    cr_assert_eq (test.served[2], 1);
}

/* A class that nobody can run costs its tenant a window once, and others nothing. */
Test (share, what_cannot_run_costs_nothing)
{
    test.stuck = 9;
    for (int64_t j = 1; j <= 3000; j++)
        put (j, 1, 9, 16);
    for (int64_t j = 3001; j <= 9000; j++) {
        put (j, 1, 5, 16);
        put (j + 10000, 2, 5, 16);
    }
    for (size_t n = 0; n < 8000; n++)
        cr_assert_neq (serve (), 0);
    cr_assert_leq (test.served[2], 4000 + QUEUE_WINDOW);
    cr_assert_geq (test.served[2], 4000 - QUEUE_WINDOW);
}

/* Who rests cannot save it up. */
Test (share, nothing_is_saved_up)
{
    for (int64_t j = 1; j <= 3000; j++)
        put (j, 1, 5, 16);
    for (size_t n = 0; n < 1000; n++)
        (void)serve ();
    for (int64_t j = 5001; j <= 6000; j++)
        put (j, 2, 5, 16);
    for (size_t n = 0; n < 500; n++)
        (void)serve ();
    cr_assert (test.served[2] >= 249 && test.served[2] <= 251, "%zu", test.served[2]);
}

Test (share, urgency_goes_first)
{
    for (int64_t j = 1; j <= 600; j++)
        put (j, 1, 5, 16);
    put (1000, 2, 5, 16);
    put (1001, 2, 5, 20);
    put (1002, 1, 5, 31);
    cr_assert_eq (serve (), 1002);
    cr_assert_eq (serve (), 1001);
    put (1003, 1, 5, 17);
    cr_assert_eq (serve (), 1003);
    cr_assert_lt (serve (), 1001);
    put (3, 1, 5, 1);
    for (size_t n = 0; n < 601 - 2; n++)
        cr_assert_neq (serve (), 3);
}

Test (share, back_in_its_place)
{
    for (int64_t j = 1; j <= 1000; j++)
        put (j, 1, 5, 16);
    for (int64_t j = 1; j <= 300; j++)
        cr_assert_eq (serve (), j);
    put (40, 1, 5, 16);
    put (20, 1, 5, 16);
    cr_assert_eq (serve (), 20);
    cr_assert_eq (serve (), 40);
    cr_assert_eq (serve (), 301);
}

Test (share, ranks_after_a_withdrawal)
{
    for (int64_t j = 1; j <= 500; j++) {
        put (j, 1, 5, 16);
        put (j + 1000, 2, 5, 16);
    }
    for (size_t n = 0; n < 100; n++)
        (void)serve ();
    waiting_withdraw (test.w);
    test.count = 0;
    for (size_t n = 0; n < 400; n++)
        (void)serve ();
    cr_assert (test.served[1] >= 249 && test.served[1] <= 251, "%zu", test.served[1]);
    for (int64_t j = 400; j <= 450; j++)
        (void)waiting_remove (test.w, j);
    for (size_t n = 0; n < 200; n++)
        (void)serve ();
    cr_assert (test.served[1] >= 348 && test.served[1] <= 352, "%zu", test.served[1]);
}

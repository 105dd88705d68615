/* test_round_cost.c - what a round and a search for victims cost in a large yard: thousands of
 * agents and of requirement classes, all of which fit each other.
 *
 * Measured in the processor's time, with limits far above what it takes and far below what
 * looking at every agent for every class takes.
 */
#include <criterion/criterion.h>
#include <time.h>

#include "actors/assignment/roster.h"

#if defined __SANITIZE_ADDRESS__
#define SIZE 500
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SIZE 500
#endif
#endif
#ifndef SIZE
#define SIZE 4000
#endif

enum { ROUND = 512, LIMIT_MS = 150 };

static struct roster roster;
static struct round_lease leases[ROUND];
static const struct moment moment = {
    .tick = 1, .lease_ticks = 10, .now_ms = 100000, .run_expected_ms = 1};

static void set_yard (void)
{
    struct ym_requirement need = {.pool = "shared"};

    for (uint32_t i = 0; i < SIZE; i++) {
        struct agent *a = roster_add_agent (&roster, 100 + i, "agent");
        a->state = YM_AGENT_CONNECTED;
        a->reachable = true;
        a->heard_tick = 1;
        a->slots = 1;
        roster_describe_agent (&roster, a, "here", "shared", &(struct ym_words){0});
    }
    for (uint32_t c = 0; c < SIZE; c++) {
        need.run_minutes = 1 + c;
        roster_know_class (&roster, roster_class (&roster, 1000 + c), &need);
        for (uint32_t t = YM_STANDARD; t < YM_COUNT_tier; t++)
            (void)roster_add_offer (&roster, t,
                                    &(struct ym_offered){.job = 1 + c * YM_COUNT_tier + t,
                                                         .tenant = 1,
                                                         .requirement = 1000 + c,
                                                         .rank = c});
    }
}

static void fill_yard (void)
{
    for (uint32_t i = 0; i < SIZE; i++) {
        struct attempt *t =
            roster_add_attempt (&roster, roster.agents[i], YM_STANDARD, 1, 1000000 + i, 1);
        t->state = YM_JOB_STARTED;
        t->started_at = 1;
        t->fixed = true;
    }
}

static double cpu_ms (void)
{
    struct timespec t;

    (void)clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void round_leases (size_t expected, const char *what)
{
    double from = cpu_ms ();
    size_t count = roster_round (&roster, &moment, leases, ROUND);
    double took = cpu_ms () - from;

    cr_expect_eq (count, expected, "%s: %zu", what, count);
    cr_expect_lt (took, LIMIT_MS, "%s: %.1f ms", what, took);
}

Test (round, cost_in_a_large_yard, .timeout = 60)
{
    const struct preempt_rules rules = {100000, 1000, 10000, 3};
    struct preempt_pair pairs[64];

    set_yard ();
    double from = cpu_ms ();
    for (size_t i = 0; i < SIZE; i++) /* all of them are read again */
        roster_describe_agent (&roster, roster.agents[i], "here", "shared",
                               &(struct ym_words){0});
    cr_expect_lt (cpu_ms () - from, LIMIT_MS, "words as they were");
    fill_yard ();
    round_leases (0, "no free slot");
    from = cpu_ms ();
    cr_expect_eq (roster_victims (&roster, &moment, &rules, pairs, 64), 0);
    cr_expect_lt (cpu_ms () - from, LIMIT_MS, "nobody gives way");
    roster_remove_attempt (&roster, roster.agents[SIZE - 1]->attempts);
    round_leases (1, "one free slot");
    roster_done (&roster);
}

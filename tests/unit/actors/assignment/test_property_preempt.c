/* test_property_preempt.c - random arrivals over random tiers and classes: preemption is cheap,
 * bounded and comes to an end.
 *
 * A yard of a few agents, played with the roster and the deciders alone: jobs are offered as a
 * queue would, rounds lease, victims give way, work is done. Each sequence must end with every
 * job done.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/assignment/roster.h"

#if defined __SANITIZE_ADDRESS__
#define SEQUENCES 5000
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SEQUENCES 5000
#endif
#endif
#ifndef SEQUENCES
#define SEQUENCES 100000
#endif

enum { AGENTS = 3, JOBS = 8, CLASSES = 3, STEPS_MAX = 400, EXEMPT = 2, GRACE = 5 };

struct job {
    uint32_t tier, class, preempted;
    int arrives, work;
    bool fixed, came_back, done, owed; /* a slot was freed for it */
};
struct yard {
    struct roster roster;
    struct job jobs[JOBS + 1];
    uint32_t most;
    int64_t now;
    int64_t fence;
};

/* xorshift: the same on every machine, and fast. */
static uint64_t state;
static unsigned preemptions;

static unsigned below (unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

static struct moment moment_of (const struct yard *y)
{
    return (struct moment){
        .tick = 1, .lease_ticks = 10, .now_ms = y->now, .run_expected_ms = 1};
}

static void set_agents (struct yard *y)
{
    for (int64_t i = 0; i < AGENTS; i++) {
        struct agent *a = roster_add_agent (&y->roster, 100 + i, "agent");
        a->state = YM_AGENT_CONNECTED;
        a->reachable = true;
        a->heard_tick = 1;
        a->slots = i == 0 ? 1 : below (3);
        roster_describe_agent (&y->roster, a, i == 0 || below (2) ? "a" : "b", "shared",
                               &(struct ym_words){0});
    }
    for (uint32_t c = 0; c < CLASSES; c++) {
        struct ym_requirement need = {.pool = "shared"};
        if (c > 0) /* region a has a slot, so every class can run */
            cr_assert (ym_words_add (&need.regions, ym_str ("a")));
        if (c > 1)
            cr_assert (ym_words_add (&need.regions, ym_str ("b")));
        roster_know_class (&y->roster, roster_class (&y->roster, 1000 + c), &need);
    }
}

static void set_yard (struct yard *y)
{
    memset (y, 0, sizeof *y);
    y->now = 1000;
    y->most = below (4);
    set_agents (y);
    for (int i = 1; i <= JOBS; i++)
        y->jobs[i] = (struct job){.tier = below (YM_COUNT_tier),
                                  .class = below (CLASSES),
                                  .arrives = (int)below (20),
                                  .work = 1 + (int)below (12),
                                  .fixed = below (6) == 0};
}

static void offer (struct yard *y, int64_t job)
{
    const struct job *j = &y->jobs[job];

    (void)roster_add_offer (&y->roster, j->tier,
                            &(struct ym_offered){.job = job,
                                                 .tenant = 1,
                                                 .requirement = 1000 + j->class,
                                                 .preempted = j->came_back});
}

/* A beneficiary gets the slot of its victim, and slots are never exceeded. */
static void lease (struct yard *y)
{
    struct round_lease leases[JOBS];
    struct moment m = moment_of (y);
    struct offer taken;

    size_t count = roster_round (&y->roster, &m, leases, JOBS);
    for (size_t i = 0; i < count; i++) {
        struct job *j = &y->jobs[leases[i].job];
        struct agent *a = y->roster.agents[leases[i].agent];
        cr_assert (roster_take_offer (&y->roster, leases[i].job, &taken));
        struct attempt *t =
            roster_add_attempt (&y->roster, a, j->tier, 1, leases[i].job, ++y->fence);
        cr_assert_leq (a->used, a->slots);
        t->state = YM_JOB_STARTED;
        t->started_at = y->now;
        t->preempted = j->preempted;
        t->fixed = j->fixed;
        j->came_back = false;
    }
    for (int64_t job = 1; job <= JOBS; job++) {
        if (y->jobs[job].owed && !y->jobs[job].done)
            cr_assert (roster_attempt (&y->roster, job),
                       "the beneficiary did not get the slot that was freed for it");
        y->jobs[job].owed = false;
    }
}

static bool fits (const struct yard *y, int64_t job, const struct agent *a)
{
    struct moment m = moment_of (y);
    struct agent_facts f = roster_facts (&y->roster, a, &m);
    struct ym_requirement need =
        roster_class ((struct roster *)&y->roster, 1000 + y->jobs[job].class)->need;

    f.used = 0;
    f.slots = 1;
    f.kept = 0;
    return decide_match (&need, 0, &f) == 0;
}

/* Slots on agents that fit the job which come free anyway, against the jobs that are before it:
 * if there are more of them, nobody has to give way. */
static void check_need (const struct yard *y, int64_t job)
{
    unsigned leaving = 0, before = 0;
    const struct attempt *t, *next;

    HASH_ITER (hh, y->roster.attempts, t, next)
    leaving += t->wish == YM_TERMINATE && y->now - t->wanted_at <= GRACE &&
               fits (y, job, t->agent) && !roster_offer (&y->roster, t->beneficiary);
    for (int64_t i = 1; i <= JOBS; i++)
        before += i != job && roster_offer (&y->roster, i) &&
                  (y->jobs[i].tier > y->jobs[job].tier ||
                   (y->jobs[i].tier == y->jobs[job].tier && i < job));
    cr_assert_leq (leaving, before, "more than needed");
}

/* Nobody cheaper could have given way to this one. */
static void check_pair (const struct yard *y, const struct preempt_pair *p)
{
    const struct attempt *t = roster_attempt (&y->roster, p->victim);
    const struct job *up = &y->jobs[p->beneficiary];

    cr_assert (t && t->wish == YM_NOTHING);
    cr_assert_lt (t->tier, up->tier, "strictly lower");
    cr_assert_not (t->fixed);
    cr_assert_lt (t->preempted, y->most, "immune");
    cr_assert_gt (y->now - t->started_at, EXEMPT, "exempt");
    cr_assert_not (up->came_back, "a cascade");
    cr_assert (fits (y, p->beneficiary, t->agent), "of no use");
    cr_assert (roster_offer (&y->roster, p->beneficiary), "needs none");
    check_need (y, p->beneficiary);
    for (size_t i = 0; i < y->roster.agent_count; i++) {
        const struct agent *a = y->roster.agents[i];
        cr_assert (!fits (y, p->beneficiary, a) || a->used >= a->slots, "more than needed");
    }
}

static void preempt (struct yard *y)
{
    struct preempt_pair pairs[JOBS];
    struct preempt_rules rules = {
        .now_ms = y->now, .exempt_ms = EXEMPT, .grace_ms = GRACE, .most = y->most};
    struct moment m = moment_of (y);
    size_t count = roster_victims (&y->roster, &m, &rules, pairs, JOBS);

    for (size_t i = 0; i < count; i++)
        check_pair (y, &pairs[i]);
    for (size_t i = 0; i < count; i++) {
        struct attempt *t = roster_attempt (&y->roster, pairs[i].victim);
        struct attempt *o, *next;
        HASH_ITER (hh, y->roster.attempts, o, next)
        cr_assert_neq (o->beneficiary, pairs[i].beneficiary, "a second victim for one job");
        preemptions++;
        t->wish = YM_SUSPEND;
        t->suspender = YM_PREEMPTION;
        t->wanted_at = y->now;
        t->beneficiary = pairs[i].beneficiary;
    }
}

/* Owners terminate some, whether they run or wait. */
static void terminate_some (struct yard *y)
{
    int64_t job = 1 + below (JOBS * 4);
    struct offer taken;
    struct attempt *t;

    if (job > JOBS)
        return;
    if (roster_take_offer (&y->roster, job, &taken))
        y->jobs[job].done = true;
    if ((t = roster_attempt (&y->roster, job)) && t->wish != YM_TERMINATE) {
        t->wish = YM_TERMINATE;
        t->wanted_at = y->now;
    }
}

/* However it ends: its slot is now that of the job it was asked to give way to. */
static void leave (struct yard *y, struct attempt *t)
{
    if (t->suspender == YM_PREEMPTION && roster_offer (&y->roster, t->beneficiary))
        y->jobs[t->beneficiary].owed = true;
    roster_remove_attempt (&y->roster, t);
}

/* Attempts work; those asked to give way do so sooner or later, or are done before. */
static void work (struct yard *y)
{
    struct attempt *t, *next;

    HASH_ITER (hh, y->roster.attempts, t, next)
    {
        struct job *j = &y->jobs[t->job];
        int64_t job = t->job;
        if (below (4) == 0)
            t->checkpoint_at = y->now;
        if (--j->work <= 0 || (t->wish == YM_TERMINATE && below (4) == 0)) {
            j->done = true;
            leave (y, t);
        }
        else if (t->wish == YM_SUSPEND && below (3) == 0) {
            j->preempted++;
            j->came_back = true;
            leave (y, t);
            offer (y, job);
        }
    }
}

static bool all_done (const struct yard *y)
{
    for (int i = 1; i <= JOBS; i++)
        if (!y->jobs[i].done)
            return false;
    return true;
}

static void run_sequence (struct yard *y)
{
    int step;

    set_yard (y);
    for (step = 0; step < STEPS_MAX && !all_done (y); step++) {
        for (int64_t i = 1; i <= JOBS; i++)
            if (y->jobs[i].arrives == step)
                offer (y, i);
        lease (y);
        preempt (y);
        terminate_some (y);
        work (y);
        y->now++;
    }
    cr_assert_lt (step, STEPS_MAX, "it never ends");
    for (int i = 1; i <= JOBS; i++)
        cr_assert_leq (y->jobs[i].preempted, y->most);
    roster_done (&y->roster);
}

Test (preempt, random_sequences)
{
    const char *text = getenv ("YM_TEST_SEED");
    uint64_t seed = text ? strtoull (text, NULL, 10) : (uint64_t)time (NULL);
    static struct yard y;

    (void)fprintf (stderr, "YM_TEST_SEED=%llu\n", (unsigned long long)seed);
    state = seed * 2654435761u + 88172645463325252u;
    for (int i = 0; i < SEQUENCES; i++)
        run_sequence (&y);
    cr_assert_gt (preemptions, SEQUENCES / 4, "nothing was tried: %u", preemptions);
}

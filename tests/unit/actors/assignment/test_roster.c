/* test_roster.c - random yards: what is in memory against a naive model of it, and every round
 * against what rounds promise. Agents and jobs are small numbers, needs are out of few words.
 */
#include "actors/assignment/roster.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TENANTS = 2,
    YARDS = 10000,
    ROUNDS = 3,
    AGENTS = 6,
    CLASSES = 4,
    JOBS = 40,
    LEASE_TICKS = 10
};

/* What the roster should know of a job: nothing, that it is on offer, or that an agent has it.
 */
struct job {
    bool offered;
    uint32_t tier, class;
    int64_t agent; /* 0: nobody */
};
struct yard {
    struct roster roster;
    struct ym_requirement needs[CLASSES];
    struct job jobs[JOBS + 1];
    int64_t tick;
};

static struct moment moment_of (const struct yard *y)
{
    return (struct moment){.tick = y->tick, .lease_ticks = LEASE_TICKS, .run_expected_ms = 1};
}

static uint32_t tenant_of (int64_t job)
{
    return 1 + (uint32_t)job % TENANTS;
}

static unsigned below (unsigned n)
{
    return (unsigned)rand () % n;
}

static struct ym_words some_words (const char *letters, unsigned odds)
{
    struct ym_words w = {0};

    for (; *letters; letters++)
        if (below (odds) == 0)
            cr_assert (ym_words_add (&w, (struct ym_str){letters, 1}));
    return w;
}

static struct ym_requirement some_need (void)
{
    struct ym_requirement need = {.regions = some_words ("ab", 3),
                                  .capabilities = some_words ("xyz", 3)};

    (void)ym_text_copy (need.pool, sizeof need.pool, below (4) ? "shared" : "own");
    return need;
}

static void change_agent (struct yard *y, struct agent *a)
{
    struct ym_words capabilities = some_words ("xyz", 2);

    roster_describe_agent (&y->roster, a, below (2) ? "a" : "b", below (4) ? "shared" : "own",
                           &capabilities);
    a->state = below (6) ? YM_AGENT_CONNECTED : YM_AGENT_LOST;
    a->reachable = below (8) > 0;
    a->moving = below (8) == 0;
    a->slots = below (5);
    a->reserved = below (6) == 0;
    a->draining = below (8) == 0;
    a->window_ms = below (8) ? DECIDE_NO_WINDOW : 0;
    a->heard_tick = y->tick - below (LEASE_TICKS);
}

static void add_agent (struct yard *y)
{
    char name[] = "agent-?";

    name[6] = (char)('0' + y->roster.agent_count);
    struct agent *a = roster_add_agent (&y->roster, 100 + (int64_t)y->roster.agent_count, name);
    cr_assert_str_eq (a->name, name);
    cr_assert_eq (roster_add_agent (&y->roster, a->id, "other"), a);
    cr_assert_str_eq (a->name, name);
    change_agent (y, a);
}

static struct class *class_at (struct yard *y, uint32_t number)
{
    return roster_class (&y->roster, 1000 + number);
}

static void some_change (struct yard *y)
{
    int64_t job = 1 + below (JOBS);
    struct job *j = &y->jobs[job];
    struct agent *a = y->roster.agent_count
                          ? y->roster.agents[below ((unsigned)y->roster.agent_count)]
                          : NULL;
    uint32_t number = below (CLASSES), tier = below (YM_COUNT_tier);
    struct offer taken;
    bool is_news;

    switch (below (11)) {
    case 10: /* its slot was freed for it */
        if (a && j->offered)
            roster_keep (&y->roster, job, a->number);
        break;
    case 0:
        if (y->roster.agent_count < AGENTS)
            add_agent (y);
        break;
    case 1:
        if (a)
            change_agent (y, a);
        break;
    case 2:
        roster_know_class (&y->roster, class_at (y, number), &y->needs[number]);
        break;
    case 3:
        cr_assert_eq (roster_take_offer (&y->roster, job, &taken), j->offered);
        cr_assert (!j->offered || (taken.job == job && taken.tier == j->tier &&
                                   taken.requirement == 1000 + j->class));
        j->offered = false;
        break;
    case 4:
        if (j->agent) {
            roster_remove_attempt (&y->roster, roster_attempt (&y->roster, job));
            j->agent = 0;
        }
        break;
    case 5:
        if (below (8) == 0) {
            roster_drop_offers (&y->roster, tier);
            for (int64_t i = 1; i <= JOBS; i++)
                y->jobs[i].offered &= y->jobs[i].tier != tier;
        }
        break;
    default:
        if (j->agent)
            break;
        is_news = !j->offered || j->tier != tier || j->class != number;
        cr_assert_eq (roster_add_offer (&y->roster, tier,
                                        &(struct ym_offered){.job = job,
                                                             .tenant = tenant_of (job),
                                                             .requirement = 1000 + number}),
                      is_news);
        *j = (struct job){true, tier, number, 0};
    }
}

/* The roster is what the model says. */
static void check_roster (struct yard *y)
{
    struct moment m = moment_of (y);

    for (size_t i = 0; i < y->roster.agent_count; i++) {
        const struct agent *a = y->roster.agents[i];
        uint32_t used = 0;
        for (int64_t job = 1; job <= JOBS; job++)
            used += y->jobs[job].agent == a->id;
        cr_assert_eq (a->used, used);
        cr_assert_eq (roster_facts (&y->roster, a, &m).used, used + a->reserved);
        cr_assert_eq (roster_agent (&y->roster, a->id), a);
    }
    for (int64_t job = 1; job <= JOBS; job++) {
        const struct attempt *t = roster_attempt (&y->roster, job);
        cr_assert_eq (t ? t->agent->id : 0, y->jobs[job].agent);
    }
}

static struct agent_facts facts_of (const struct yard *y, size_t agent)
{
    struct moment m = moment_of (y);

    return roster_facts (&y->roster, y->roster.agents[agent], &m);
}

static bool is_known (struct yard *y, uint32_t class)
{
    return class_at (y, class)->known;
}

/* Served before: a higher tier, or the same tier and older. */
static bool goes_before (const struct yard *y, int64_t a, int64_t b)
{
    const struct job *x = &y->jobs[a], *z = &y->jobs[b];

    return x->offered && (x->tier > z->tier || (x->tier == z->tier && a < b));
}

/* What operators decide: caps, and queues that are stopped. */
static void change_policy (struct yard *y)
{
    for (uint32_t i = 1; i <= TENANTS; i++)
        roster_tenant (&y->roster, i)->running_max = below (3) ? 0 : 1 + below (6);
    for (unsigned t = 0; t < YM_COUNT_tier; t++)
        y->roster.stopped[t] = below (6) == 0;
}

/* The blockers that were ever told. */
static unsigned codes;

struct outcome {
    uint32_t leased[TENANTS + 1]; /* of a tenant */
    struct agent_facts before[AGENTS];
    bool kept[JOBS + 1];     /* it got a slot that was freed for it */
    int64_t agent[JOBS + 1]; /* number of the agent that got it, -1: nobody */
    uint32_t given[AGENTS];
};

/* Leases are of what was on offer, once, to those that may, and no more than there are slots.
 */
static void check_leases (struct yard *y, const struct round_lease *leases, size_t count,
                          struct outcome *o)
{
    for (int64_t job = 0; job <= JOBS; job++)
        o->agent[job] = -1;
    for (size_t i = 0; i < count; i++) {
        const struct round_lease *l = &leases[i];
        const struct job *j = &y->jobs[l->job];
        cr_assert (l->job >= 1 && l->job <= JOBS && j->offered && o->agent[l->job] < 0);
        cr_assert_eq (l->tier, j->tier);
        cr_assert_eq (y->roster.classes[l->class]->requirement, 1000 + j->class);
        cr_assert (is_known (y, j->class));
        struct agent_facts f = o->before[l->agent];
        f.kept = l->kept ? 0 : f.kept;
        cr_assert_eq (decide_match (&y->needs[j->class], 1, &f), 0);
        o->kept[l->job] = l->kept;
        o->agent[l->job] = l->agent;
        o->given[l->agent]++;
        cr_assert_leq (++o->leased[tenant_of (l->job)],
                       roster_room (roster_tenant (&y->roster, tenant_of (l->job))));
        cr_assert_leq (o->before[l->agent].used + o->given[l->agent],
                       o->before[l->agent].slots);
        cr_assert_not (y->roster.stopped[l->tier]);
    }
}

/* Who got nothing: each agent that fits is full, and gave nothing to one that comes after. */
static void check_left (struct yard *y, int64_t job, const struct outcome *o)
{
    const struct job *j = &y->jobs[job];

    if (y->roster.stopped[j->tier] ||
        roster_room (roster_tenant (&y->roster, tenant_of (job))) <= o->leased[tenant_of (job)])
        return;
    for (size_t a = 0; a < y->roster.agent_count; a++) {
        if (decide_match (&y->needs[j->class], 1, &o->before[a]) != 0)
            continue;
        cr_assert_eq (o->before[a].used + o->given[a], o->before[a].slots,
                      "job %ld waits beside a free slot", (long)job);
        for (int64_t other = 1; other <= JOBS; other++)
            cr_assert (o->agent[other] != (int64_t)a || o->kept[other] ||
                           goes_before (y, other, job),
                       "job %ld was served before %ld", (long)other, (long)job);
    }
}

/* What the queue knows: jobs of its lane that go before. */
static uint64_t ahead_of (const struct yard *y, int64_t job)
{
    const struct job *j = &y->jobs[job];
    uint64_t count = 0;

    for (int64_t other = 1; other <= JOBS; other++)
        count += y->jobs[other].tier == j->tier && y->jobs[other].class == j->class &&
                 tenant_of (other) == tenant_of (job) && goes_before (y, other, job);
    return count;
}

/* The agent that the explanation says gets the job: asked about each, at most one has no
 * blocker.
 */
static int64_t explained_agent (struct yard *y, struct explain_question *q)
{
    struct ym_blocker_row rows[EXPLAIN_MAX];
    struct moment m = moment_of (y);
    int64_t agent = -1;

    for (size_t a = 0; a < y->roster.agent_count; a++) {
        q->agent = y->roster.agents[a]->name;
        if (roster_explain (&y->roster, &m, class_at (y, y->jobs[q->job].class), q, rows) > 0)
            continue;
        cr_assert_lt (agent, 0, "two agents for one job");
        agent = (int64_t)a;
    }
    return agent;
}

/* What is explained before a round: the agent of each job, -1 if it has blockers. */
static void explain_all (struct yard *y, int64_t explained[JOBS + 1])
{
    struct ym_blocker_row rows[EXPLAIN_MAX];
    struct moment m = moment_of (y);

    for (int64_t job = 1; job <= JOBS; job++) {
        const struct job *j = &y->jobs[job];
        struct explain_question q = {.job = job,
                                     .tenant = tenant_of (job),
                                     .tier = j->tier,
                                     .agent = "",
                                     .waiting = true,
                                     .ahead = ahead_of (y, job)};
        explained[job] = -1;
        if (!j->offered || !is_known (y, j->class))
            continue;
        size_t count = roster_explain (&y->roster, &m, class_at (y, j->class), &q, rows);
        for (size_t i = 0; i < count; i++)
            codes |= 1u << rows[i].code;
        explained[job] = explained_agent (y, &q);
        cr_assert_eq (count == 0, explained[job] >= 0, "of all and of each");
    }
}

static void check_round (struct yard *y, const struct round_lease *leases, size_t count,
                         const struct agent_facts before[AGENTS],
                         const int64_t explained[JOBS + 1])
{
    static struct outcome o;

    memset (&o, 0, sizeof o);
    memcpy (o.before, before, sizeof o.before);
    check_leases (y, leases, count, &o);
    for (int64_t job = 1; job <= JOBS; job++) {
        if (!y->jobs[job].offered || !is_known (y, y->jobs[job].class))
            continue;
        if (o.agent[job] < 0)
            check_left (y, job, &o);
        cr_assert_eq (o.agent[job], explained[job], "job %ld", (long)job);
    }
}

static void carry_out (struct yard *y, const struct round_lease *leases, size_t count)
{
    struct offer offer;

    for (size_t i = 0; i < count; i++) {
        struct agent *a = y->roster.agents[leases[i].agent];
        cr_assert (roster_take_offer (&y->roster, leases[i].job, &offer));
        cr_assert_not (roster_take_offer (&y->roster, leases[i].job, &offer));
        (void)roster_add_attempt (&y->roster, a, leases[i].tier, tenant_of (leases[i].job),
                                  leases[i].job, 7);
        y->jobs[leases[i].job].offered = false;
        y->jobs[leases[i].job].agent = a->id;
    }
}

static void run_yard (void)
{
    static struct yard y;
    struct round_lease leases[JOBS];
    struct agent_facts before[AGENTS] = {0};
    int64_t explained[JOBS + 1];
    size_t count;

    memset (&y, 0, sizeof y);
    y.tick = 100;
    for (uint32_t i = 0; i < CLASSES; i++)
        y.needs[i] = some_need ();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned n = 10 + below (60); n > 0; n--)
            some_change (&y);
        change_policy (&y);
        check_roster (&y);
        struct moment m = moment_of (&y);
        explain_all (&y, explained);
        roster_settle_kept (&y.roster, &m);
        for (size_t a = 0; a < y.roster.agent_count; a++)
            before[a] = facts_of (&y, a);
        count = roster_round (&y.roster, &m, leases, JOBS);
        check_round (&y, leases, count, before, explained);
        carry_out (&y, leases, count);
        check_roster (&y);
    }
    roster_done (&y.roster);
}

Test (roster, random_yards)
{
    const char *text = getenv ("YM_TEST_SEED");
    unsigned seed = text ? (unsigned)strtoul (text, NULL, 10) : (unsigned)time (NULL);

    (void)fprintf (stderr, "YM_TEST_SEED=%u\n", seed);
    srand (seed);
    for (int i = 0; i < YARDS; i++)
        run_yard ();
    static const enum ym_blocker all[] = {YM_CAPABILITY, YM_REGION,     YM_POOL,  YM_SILENT,
                                          YM_DRAINED,    YM_WINDOW,     YM_SLOTS, YM_BEHIND,
                                          YM_GATE,       YM_RUNNING_CAP};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cr_expect (codes >> all[i] & 1, "%s was never told",
                   ym_enum_word (YM_ENUM_BLOCKER, all[i]));
}

/* A new attempt of a job takes the place of the old one. */
Test (roster, one_attempt_a_job)
{
    struct roster r = {0};
    struct agent *a = roster_add_agent (&r, 1, "a"), *b = roster_add_agent (&r, 2, "b");

    (void)roster_add_attempt (&r, a, 0, 1, 7, 1);
    (void)roster_add_attempt (&r, b, 0, 1, 7, 2);
    cr_expect_eq (a->used, 0);
    cr_expect_eq (b->used, 1);
    cr_expect_eq (roster_attempt (&r, 7)->fence, 2);
    roster_forget_work (&r);
    cr_expect_null (roster_attempt (&r, 7));
    cr_expect_eq (b->used, 0);
    roster_done (&r);
}

/* What is read again does not change a class that is known. */
Test (roster, a_class_is_learned_once)
{
    struct roster r = {0};
    struct class *c = roster_class (&r, 5);

    cr_expect_eq (roster_class (&r, 5), c);
    roster_know_class (&r, c, &(struct ym_requirement){.pool = "one"});
    roster_know_class (&r, c, &(struct ym_requirement){.pool = "two"});
    cr_expect_str_eq (c->need.pool, "one");
    roster_done (&r);
}

/* Read or registered again with the words it had, an agent costs the classes nothing. */
Test (roster, words_as_they_were_change_no_class)
{
    struct roster r = {0};
    struct agent *a = roster_add_agent (&r, 1, "a"), *b = roster_add_agent (&r, 2, "b");
    struct class *c = roster_class (&r, 5);
    const struct ym_words none = {0};

    roster_know_class (&r, c, &(struct ym_requirement){.pool = "shared"});
    cr_expect_eq (c->agents.count, 0, "nothing is known of them yet");
    roster_describe_agent (&r, a, "x", "shared", &none);
    roster_describe_agent (&r, b, "x", "shared", &none);
    roster_describe_agent (&r, a, "x", "shared", &none);
    cr_assert_eq (c->agents.count, 2);
    cr_expect_eq (c->agents.at[0], a->number);
    roster_describe_agent (&r, a, "x", "other", &none);
    cr_assert_eq (c->agents.count, 1);
    cr_expect_eq (c->agents.at[0], b->number);
    roster_done (&r);
}

/* test_decide_round.c - the order of service, by rows. */
#include "actors/assignment/decide_round.h"

#include <criterion/criterion.h>
#include <string.h>

/* Up to three classes with two tiers, and what is leased in which order. */

struct list {
    int64_t jobs[6]; /* ends with 0 */
};
static const struct round_row {
    const char *what;
    uint32_t free[4];
    struct {
        uint32_t agents[4];
        size_t agent_count, cursor;
        struct list standard, platinum;
    } classes[3];
    size_t room;
    const char *leased; /* job>agent */
} rounds[] = {
    {"nothing", {3, 3}, {{{0, 1}, 2, 0, {{0}}, {{0}}}}, 9, ""},
    {"no agent", {3}, {{{0}, 0, 0, {{1, 2}}, {{3}}}}, 9, ""},
    {"no slot", {0}, {{{0}, 1, 0, {{1, 2}}, {{3}}}}, 9, ""},
    {"slots are not exceeded", {2}, {{{0}, 1, 0, {{1, 2, 3}}, {{0}}}}, 9, " 1>0 2>0"},
    {"agents take turns",
     {2, 2},
     {{{0, 1}, 2, 0, {{1, 2, 3, 4, 5}}, {{0}}}},
     9,
     " 1>0 2>1 3>0 4>1"},
    {"the turn goes on where it was",
     {2, 2, 2},
     {{{0, 1, 2}, 3, 2, {{1, 2}}, {{0}}}},
     9,
     " 1>2 2>0"},
    {"a cursor beyond the end", {1, 1}, {{{0, 1}, 2, 7, {{1, 2}}, {{0}}}}, 9, " 1>1 2>0"},
    {"a full agent is passed over",
     {0, 2},
     {{{0, 1}, 2, 0, {{1, 2, 3}}, {{0}}}},
     9,
     " 1>1 2>1"},
    {"the upper tier first, though younger",
     {2},
     {{{0}, 1, 0, {{1, 2}}, {{8, 9}}}},
     9,
     " 8>0 9>0"},
    {"the oldest first over classes",
     {9},
     {{{0}, 1, 0, {{2, 5}}, {{0}}}, {{0}, 1, 0, {{1, 6}}, {{0}}}, {{0}, 1, 0, {{3, 4}}, {{0}}}},
     9,
     " 1>0 2>0 3>0 4>0 5>0 6>0"},
    {"what an upper tier cannot use is for others",
     {1, 1},
     {{{0}, 1, 0, {{0}}, {{7, 8}}}, {{0, 1}, 2, 0, {{1, 2}}, {{0}}}},
     9,
     " 7>0 1>1"},
    {"a class without slots does not hold up another",
     {0, 1},
     {{{0}, 1, 0, {{1}}, {{0}}}, {{1}, 1, 0, {{2}}, {{0}}}},
     9,
     " 2>1"},
    {"room ends it", {9}, {{{0}, 1, 0, {{1, 2, 3}}, {{8, 9}}}}, 3, " 8>0 9>0 1>0"},
    {"no room", {9}, {{{0}, 1, 0, {{1, 2, 3}}, {{8, 9}}}}, 0, ""},
};

static size_t length (const struct list *l)
{
    size_t n = 0;

    while (l->jobs[n])
        n++;
    return n;
}

/* Of one tenant, all with one rank. */
static struct round_offer *as_offers (const struct list *l, struct round_offer to[6])
{
    for (size_t n = 0; l->jobs[n]; n++)
        to[n] = (struct round_offer){.job = l->jobs[n]};
    return to;
}

static void run_round (const struct round_row *row, char *text, size_t size)
{
    struct round_class classes[3] = {0};
    struct round_offer offers[6][6];
    struct round_lease leases[16];
    int64_t window[4];
    uint32_t free[4], room = UINT32_MAX;
    struct round_facts f = {.classes = classes,
                            .class_count = 3,
                            .agent_count = 4,
                            .free = free,
                            .window = window,
                            .room = &room};

    memcpy (free, row->free, sizeof free);
    for (size_t i = 0; i < 4; i++)
        window[i] = DECIDE_NO_WINDOW;
    for (size_t i = 0; i < 3; i++) {
        classes[i].agents = (struct round_agents){.at = row->classes[i].agents,
                                                  .count = row->classes[i].agent_count,
                                                  .cursor = row->classes[i].cursor};
        classes[i].tiers[YM_STANDARD].offers =
            as_offers (&row->classes[i].standard, offers[2 * i]);
        classes[i].tiers[YM_STANDARD].count = length (&row->classes[i].standard);
        classes[i].tiers[YM_PLATINUM].offers =
            as_offers (&row->classes[i].platinum, offers[2 * i + 1]);
        classes[i].tiers[YM_PLATINUM].count = length (&row->classes[i].platinum);
    }
    text[0] = '\0';
    for (size_t i = 0, n = decide_round (&f, leases, row->room); i < n; i++) {
        size_t used = strlen (text);
        (void)ym_text_format (text + used, size - used, " %d>%u", (int)leases[i].job,
                              leases[i].agent);
    }
}

Test (decide_round, round)
{
    char text[200];

    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
        run_round (&rounds[i], text, sizeof text);
        cr_expect_str_eq (text, rounds[i].leased, "%s: %s", rounds[i].what, text);
    }
}

/* Two rounds with one slot each time: the second agent gets the second job. */
Test (decide_round, turns_go_on_in_the_next_round)
{
    const uint32_t agents[] = {0, 1, 2};
    const int64_t window[] = {DECIDE_NO_WINDOW, DECIDE_NO_WINDOW, DECIDE_NO_WINDOW};
    const struct round_offer offer = {.job = 1};
    struct round_class c = {.agents = {.at = agents, .count = 3}};
    uint32_t free[3], served[3] = {0}, room = UINT32_MAX;
    struct round_lease lease;

    c.tiers[YM_PREMIUM].offers = &offer;
    c.tiers[YM_PREMIUM].count = 1;
    for (int i = 0; i < 30; i++) {
        struct round_facts f = {.classes = &c,
                                .class_count = 1,
                                .agent_count = 3,
                                .free = free,
                                .window = window,
                                .room = &room};
        free[0] = free[1] = free[2] = 5;
        cr_assert_eq (decide_round (&f, &lease, 1), 1);
        served[lease.agent]++;
    }
    for (int i = 0; i < 3; i++)
        cr_expect_eq (served[i], 10);
}

/* One class on two agents and one of overflow, with what operators decided. */
struct stage {
    struct round_class class;
    uint32_t agents[2], overflow[1], free[3], room[3];
    int64_t window[3];
    struct round_offer offers[YM_COUNT_tier][4];
    struct round_kept kept[2];
    struct round_facts facts;
};

static void set_stage (struct stage *s)
{
    memset (s, 0, sizeof *s);
    s->agents[1] = 1;
    s->overflow[0] = 2;
    s->class.agents = (struct round_agents){.at = s->agents, .count = 2};
    for (int i = 0; i < 3; i++) {
        s->free[i] = 1;
        s->room[i] = UINT32_MAX;
        s->window[i] = DECIDE_NO_WINDOW;
    }
    for (unsigned t = 0; t < YM_COUNT_tier; t++)
        s->class.tiers[t].offers = s->offers[t];
    s->facts = (struct round_facts){.classes = &s->class,
                                    .class_count = 1,
                                    .agent_count = 3,
                                    .free = s->free,
                                    .window = s->window,
                                    .room = s->room,
                                    .kept = s->kept};
}

static void offer (struct stage *s, unsigned tier, int64_t job, uint64_t rank, uint32_t tenant)
{
    s->offers[tier][s->class.tiers[tier].count++] =
        (struct round_offer){job, rank, tenant, false};
}

static void leases_are (struct stage *s, const char *expected)
{
    struct round_lease leases[8];
    char text[100] = "";

    for (size_t i = 0, n = decide_round (&s->facts, leases, 8); i < n; i++) {
        size_t used = strlen (text);
        (void)ym_text_format (text + used, sizeof text - used, " %d>%u%s%s", (int)leases[i].job,
                              leases[i].agent, leases[i].kept ? "k" : "",
                              leases[i].overflow ? "o" : "");
    }
    cr_expect_str_eq (text, expected, "%s", text);
}

Test (decide_round, rank_before_age)
{
    struct stage s;

    set_stage (&s);
    offer (&s, YM_STANDARD, 9, 1, 0);
    offer (&s, YM_STANDARD, 3, 2, 1);
    offer (&s, YM_STANDARD, 4, 2, 1);
    leases_are (&s, " 9>0 3>1");
}

Test (decide_round, a_stopped_queue_is_passed_over)
{
    struct stage s;

    set_stage (&s);
    s.facts.stopped[YM_PLATINUM] = true;
    offer (&s, YM_PLATINUM, 9, 0, 0);
    offer (&s, YM_STANDARD, 3, 0, 0);
    leases_are (&s, " 3>0");
}

Test (decide_round, a_tenant_at_its_cap_is_passed_over)
{
    struct stage s;

    set_stage (&s);
    s.room[1] = 0;
    s.room[2] = 1;
    offer (&s, YM_STANDARD, 1, 0, 1);
    offer (&s, YM_STANDARD, 2, 0, 2);
    offer (&s, YM_STANDARD, 3, 0, 2);
    leases_are (&s, " 2>0");
    cr_expect_eq (s.room[2], 0);
    cr_expect_eq (s.free[1], 1);
}

Test (decide_round, a_window_keeps_long_jobs_away)
{
    struct stage s;

    set_stage (&s);
    s.class.until_ms = 100;
    s.window[0] = 99;
    s.window[1] = 100;
    offer (&s, YM_STANDARD, 1, 0, 0);
    offer (&s, YM_STANDARD, 2, 0, 0);
    leases_are (&s, " 1>1");
}

Test (decide_round, overflow_is_for_the_top_tier_when_nothing_else_is_free)
{
    struct stage s;

    set_stage (&s);
    s.class.overflow = (struct round_agents){.at = s.overflow, .count = 1};
    offer (&s, YM_PLATINUM, 1, 0, 0);
    offer (&s, YM_PLATINUM, 2, 0, 0);
    offer (&s, YM_PLATINUM, 3, 0, 0);
    offer (&s, YM_STANDARD, 4, 0, 0);
    leases_are (&s, " 1>0 2>1 3>2o");
    set_stage (&s);
    s.class.overflow = (struct round_agents){.at = s.overflow, .count = 1};
    s.free[0] = s.free[1] = 0;
    offer (&s, YM_PREMIUM, 4, 0, 0);
    leases_are (&s, "");
}

Test (decide_round, a_kept_slot_is_the_jobs_it_was_freed_for)
{
    struct stage s;

    set_stage (&s);
    s.free[0] = 0; /* the kept one is not free */
    s.free[1] = 0;
    s.kept[0] = (struct round_kept){.job = 7, .class = 0, .tier = YM_PREMIUM, .agent = 1};
    s.facts.kept_count = 1;
    offer (&s, YM_PLATINUM, 1, 0, 0);
    offer (&s, YM_PREMIUM, 7, 0, 0);
    leases_are (&s, " 7>1k");
    set_stage (&s);
    s.kept[0] = (struct round_kept){.job = 7, .class = 0, .tier = YM_PREMIUM, .agent = 1};
    s.facts.kept_count = 1;
    offer (&s, YM_PREMIUM, 7, 0, 0);
    offer (&s, YM_PREMIUM, 8, 0, 0);
    leases_are (&s, " 7>1k 8>0"); /* and is not served twice */
}

/* After so many leases of higher tiers a lower one has its turn, and then they count anew. */
Test (decide_round, ageing)
{
    struct stage s;
    char order[40] = "";

    set_stage (&s);
    s.facts.age_grants = 3;
    for (int64_t job = 1; job <= 12; job++) {
        struct round_lease lease;
        s.free[0] = 1;
        s.class.tiers[YM_PLATINUM].count = s.class.tiers[YM_STANDARD].count = 0;
        offer (&s, YM_PLATINUM, 100 + job, 0, 0);
        offer (&s, YM_STANDARD, job, 0, 0);
        cr_assert_eq (decide_round (&s.facts, &lease, 1), 1);
        strcat (order, lease.tier == YM_PLATINUM ? "p" : "s");
    }
    cr_expect_str_eq (order, "pppspppsppps", "%s", order);
}

/* Nothing is saved up while no job of the tier could have run. */
Test (decide_round, ageing_counts_only_while_somebody_waits)
{
    struct stage s;
    struct round_lease lease;

    set_stage (&s);
    s.facts.age_grants = 2;
    for (int64_t job = 1; job <= 9; job++) {
        s.free[0] = 1;
        s.class.tiers[YM_PLATINUM].count = 0;
        offer (&s, YM_PLATINUM, 100 + job, 0, 0);
        cr_assert_eq (decide_round (&s.facts, &lease, 1), 1);
    }
    cr_expect_eq (s.facts.aged[YM_STANDARD], 0);
}

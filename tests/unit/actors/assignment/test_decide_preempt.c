/* test_decide_preempt.c - who gives way to whom, by rows. */
#include "actors/assignment/decide_preempt.h"

#include <criterion/criterion.h>
#include <string.h>

enum { NOW = 1000, EXEMPT = 100, GRACE = 50, MOST = 2 };

static const struct preempt_rules rules = {NOW, EXEMPT, GRACE, MOST};

static const struct {
    const char *what;
    struct preempt_attempt t;
    bool may;
} mays[] = {
    {"long enough", {.started = true, .started_at = 899}, true},
    {"just started", {.started = true, .started_at = 900}, false},
    {"not started, or something is wanted of it", {.started = false, .started_at = 1}, false},
    {"fixed", {.started = true, .fixed = true, .started_at = 1}, false},
    {"once more", {.started = true, .preempted = 1, .started_at = 1}, true},
    {"immune", {.started = true, .preempted = 2, .started_at = 1}, false},
};

Test (decide_preempt, may_give_way)
{
    for (size_t i = 0; i < sizeof mays / sizeof mays[0]; i++)
        cr_expect_eq (decide_may_give_way (&rules, &mays[i].t), mays[i].may, "%s",
                      mays[i].what);
}

static const struct {
    const char *what;
    struct preempt_attempt x, y;
} cheaper[] = {
    {"the lower tier",
     {.job = 1, .tier = YM_STANDARD, .started_at = 1},
     {.job = 2, .tier = YM_PREMIUM, .started_at = 800}},
    {"the later start", {.job = 1, .started_at = 500}, {.job = 2, .started_at = 400}},
    {"the later checkpoint",
     {.job = 1, .started_at = 1, .checkpoint_at = 600},
     {.job = 2, .started_at = 500}},
    {"a checkpoint of an earlier attempt does not count",
     {.job = 1, .started_at = 500, .checkpoint_at = 3},
     {.job = 2, .started_at = 400, .checkpoint_at = 450}},
    {"the younger job", {.job = 2, .started_at = 500}, {.job = 1, .started_at = 500}},
};

Test (decide_preempt, cheapest_first)
{
    for (size_t i = 0; i < sizeof cheaper / sizeof cheaper[0]; i++) {
        cr_expect (decide_gives_way_before (&cheaper[i].x, &cheaper[i].y), "%s",
                   cheaper[i].what);
        cr_expect_not (decide_gives_way_before (&cheaper[i].y, &cheaper[i].x), "%s",
                       cheaper[i].what);
    }
}

/* Two agents; class 0 runs on both, class 1 on the second only. */
struct stage {
    struct preempt_attempt attempts[4];
    struct round_offer offers[2][YM_COUNT_tier][4];
    struct preempt_class classes[2];
    struct preempt_served served[2];
    uint32_t agents[2], second[1], room[2], coming[2];
    bool usable[2];
    int64_t window[2];
    struct preempt_facts facts;
};

static void set_stage (struct stage *s)
{
    memset (s, 0, sizeof *s);
    s->agents[1] = s->second[0] = 1;
    s->classes[0] = (struct preempt_class){.agents = s->agents, .agent_count = 2};
    s->classes[1] = (struct preempt_class){.agents = s->second, .agent_count = 1};
    for (int i = 0; i < 2; i++) {
        s->room[i] = UINT32_MAX;
        s->usable[i] = true;
        s->window[i] = DECIDE_NO_WINDOW;
        for (unsigned t = 0; t < YM_COUNT_tier; t++)
            s->classes[i].tiers[t].offers = s->offers[i][t];
    }
    s->facts = (struct preempt_facts){.rules = &rules,
                                      .attempts = s->attempts,
                                      .classes = s->classes,
                                      .class_count = 2,
                                      .served = s->served,
                                      .usable = s->usable,
                                      .window = s->window,
                                      .coming = s->coming,
                                      .agent_count = 2,
                                      .room = s->room};
}

static void runs (struct stage *s, int64_t job, uint32_t tier, uint32_t agent, int64_t since)
{
    s->attempts[s->facts.attempt_count++] = (struct preempt_attempt){
        .job = job, .agent = agent, .tier = tier, .started = true, .started_at = since};
}

static struct round_offer *waits (struct stage *s, int64_t job, uint32_t tier, uint32_t class)
{
    struct round_offer *o = &s->offers[class][tier][s->classes[class].tiers[tier].count++];

    *o = (struct round_offer){.job = job};
    return o;
}

static void is_served (struct stage *s, int64_t job, uint32_t tenant)
{
    s->served[s->facts.served_count++] = (struct preempt_served){job, tenant};
}

static void pairs_are (struct stage *s, const char *expected, size_t room)
{
    struct preempt_pair pairs[4];
    char text[100] = "";

    for (size_t i = 0, n = decide_preempt (&s->facts, pairs, room); i < n; i++) {
        size_t used = strlen (text);
        (void)ym_text_format (text + used, sizeof text - used, " %d<%d", (int)pairs[i].victim,
                              (int)pairs[i].beneficiary);
    }
    cr_expect_str_eq (text, expected, "%s", text);
}

Test (decide_preempt, one_for_one_in_the_order_of_service)
{
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 100);
    runs (&s, 2, YM_PREMIUM, 0, 800);
    runs (&s, 3, YM_STANDARD, 1, 700);
    waits (&s, 11, YM_PREMIUM, 0);
    waits (&s, 12, YM_PLATINUM, 0);
    waits (&s, 13, YM_PREMIUM, 0);
    pairs_are (&s, " 3<12 1<11", 4); /* nothing lower is left for 13 */
}

Test (decide_preempt, only_where_it_can_run)
{
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 800);
    runs (&s, 2, YM_STANDARD, 1, 100);
    waits (&s, 11, YM_PLATINUM, 1);
    pairs_are (&s, " 2<11", 4);
    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 1, 100);
    waits (&s, 11, YM_PLATINUM, 1);
    s.usable[1] = false;
    pairs_are (&s, "", 4);
    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 1, 100);
    waits (&s, 11, YM_PLATINUM, 1);
    s.window[1] = -1; /* it could not end in time there */
    pairs_are (&s, "", 4);
    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 1, 100);
    waits (&s, 11, YM_PLATINUM, 1);
    s.facts.stopped[YM_PLATINUM] = true;
    pairs_are (&s, "", 4);
}

Test (decide_preempt, who_preempts_nobody)
{
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 100);
    runs (&s, 2, YM_STANDARD, 0, 100);
    waits (&s, 11, YM_STANDARD, 0);
    waits (&s, 12, YM_PREMIUM, 0)->preempted = true;
    waits (&s, 13, YM_PREMIUM, 0);
    is_served (&s, 13, 0);
    s.room[1] = 1;
    waits (&s, 14, YM_PREMIUM, 0)->tenant = 1;
    pairs_are (&s, " 2<14", 4);
}

Test (decide_preempt, nobody_for_one_whose_tenant_runs_as_much_as_it_may)
{
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 100);
    s.room[1] = 0;
    waits (&s, 14, YM_PREMIUM, 0)->tenant = 1;
    waits (&s, 15, YM_PREMIUM, 0);
    pairs_are (&s, " 1<15", 4);
}

/* Those for whom somebody gives way already take places of their tenant. */
Test (decide_preempt, a_cap_counts_who_is_on_the_way)
{
    struct stage s;

    set_stage (&s);
    s.room[1] = 1;
    runs (&s, 1, YM_STANDARD, 0, 100);
    waits (&s, 11, YM_PREMIUM, 0)->tenant = 1;
    is_served (&s, 11, 1);
    waits (&s, 12, YM_PREMIUM, 0)->tenant = 1;
    pairs_are (&s, "", 4);
}

Test (decide_preempt, room_ends_it)
{
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 100);
    runs (&s, 2, YM_STANDARD, 0, 100);
    waits (&s, 11, YM_PLATINUM, 0);
    waits (&s, 12, YM_PLATINUM, 0);
    pairs_are (&s, " 2<11", 1);
    pairs_are (&s, "", 0);
}

/* What comes free anyway is for those who are first; nobody gives way for them. */
Test (decide_preempt, a_slot_that_comes_free_spares_a_victim)
{
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 100);
    runs (&s, 2, YM_STANDARD, 0, 100);
    waits (&s, 11, YM_PLATINUM, 0);
    waits (&s, 12, YM_PREMIUM, 0);
    s.coming[1] = 1;
    pairs_are (&s, " 2<12", 4);
    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 1, 100);
    waits (&s, 11, YM_PLATINUM, 1);
    s.coming[0] = 1; /* on an agent that does not fit */
    pairs_are (&s, " 1<11", 4);
}

/* One that gave way itself preempts nobody, but it is before others at what comes free. */
Test (decide_preempt, who_gave_way_is_first_at_what_comes_free)
{
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 100);
    waits (&s, 11, YM_PREMIUM, 0)->preempted = true;
    waits (&s, 12, YM_PREMIUM, 0)->preempted = true;
    waits (&s, 13, YM_PREMIUM, 0);
    s.coming[0] = 1;
    pairs_are (&s, " 1<13", 4);
}

/* However many jobs for whom there is nobody are before one for whom there is somebody. */
Test (decide_preempt, a_class_without_hope_hides_no_other)
{
    enum { MANY = 2000 };
    static struct round_offer many[MANY];
    struct stage s;

    set_stage (&s);
    runs (&s, 1, YM_STANDARD, 0, 100);
    for (int i = 0; i < MANY; i++)
        many[i] = (struct round_offer){.job = 100 + i};
    s.classes[1].tiers[YM_PLATINUM].offers = many;
    s.classes[1].tiers[YM_PLATINUM].count = MANY;
    waits (&s, 9000, YM_PLATINUM, 0);
    pairs_are (&s, " 1<9000", 4);
}

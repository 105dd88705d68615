/* test_decide_preempt.c - who gives way to whom, by rows. */
#include "actors/assignment/decide_preempt.h"

#include <criterion/criterion.h>
#include <string.h>

enum { NOW = 1000, EXEMPT = 100, MOST = 2 };

static const struct preempt_rules rules = {NOW, EXEMPT, MOST};

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
    struct preempt_offer offers[4];
    struct preempt_class classes[2];
    uint32_t agents[2], second[1], room[2];
    bool usable[2];
    int64_t window[2];
    struct preempt_facts facts;
};

static void set_stage (struct stage *s)
{
    memset (s, 0, sizeof *s);
    s->agents[1] = s->second[0] = 1;
    s->classes[0] = (struct preempt_class){s->agents, 2, 0};
    s->classes[1] = (struct preempt_class){s->second, 1, 0};
    for (int i = 0; i < 2; i++) {
        s->room[i] = UINT32_MAX;
        s->usable[i] = true;
        s->window[i] = DECIDE_NO_WINDOW;
    }
    s->facts = (struct preempt_facts){.rules = &rules,
                                      .attempts = s->attempts,
                                      .offers = s->offers,
                                      .classes = s->classes,
                                      .usable = s->usable,
                                      .window = s->window,
                                      .agent_count = 2,
                                      .room = s->room};
}

static void runs (struct stage *s, int64_t job, uint32_t tier, uint32_t agent, int64_t since)
{
    s->attempts[s->facts.attempt_count++] = (struct preempt_attempt){
        .job = job, .agent = agent, .tier = tier, .started = true, .started_at = since};
}

static struct preempt_offer *waits (struct stage *s, int64_t job, uint32_t tier, uint32_t class)
{
    struct preempt_offer *o = &s->offers[s->facts.offer_count++];

    *o = (struct preempt_offer){.offer = {.job = job}, .class = class, .tier = tier};
    return o;
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
    s.facts.attempt_count = s.facts.offer_count = 0;
    runs (&s, 1, YM_STANDARD, 1, 100);
    waits (&s, 11, YM_PLATINUM, 1);
    s.usable[1] = false;
    pairs_are (&s, "", 4);
    s.usable[1] = true;
    s.window[1] = -1; /* it could not end in time there */
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
    waits (&s, 13, YM_PREMIUM, 0)->served = true;
    s.room[1] = 1;
    waits (&s, 14, YM_PREMIUM, 0)->offer.tenant = 1;
    pairs_are (&s, " 2<14", 4);
    s.room[1] = 0; /* its tenant runs as much as it may */
    pairs_are (&s, "", 4);
}

/* Those for whom somebody gives way already take places of their tenant. */
Test (decide_preempt, a_cap_counts_who_is_on_the_way)
{
    struct stage s;

    set_stage (&s);
    s.room[1] = 1;
    runs (&s, 1, YM_STANDARD, 0, 100);
    waits (&s, 11, YM_PREMIUM, 0)->served = true;
    s.offers[0].offer.tenant = 1;
    waits (&s, 12, YM_PREMIUM, 0)->offer.tenant = 1;
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

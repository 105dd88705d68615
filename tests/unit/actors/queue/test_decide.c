/* test_decide.c - the rules of a queue, by rows. */
#include "actors/queue/decide.h"

#include <criterion/criterion.h>
#include <string.h>

#define HELD    DECIDE_BIT (YM_ON_HOLD)
#define URGENCY DECIDE_BIT (YM_URGENCY)
#define UNMET   DECIDE_BIT (YM_DEPENDENCY)
#define EARLY   DECIDE_BIT (YM_NOT_BEFORE)

enum { NOW = 1000 };

static const struct {
    const char *what;
    struct waits_facts facts;
    unsigned waits;
} waits_rows[] = {
    {"nothing", {0, 16, 0, 0}, 0},
    {"the least urgency", {0, 1, 0, 0}, 0},
    {"held", {YM_AT_SUBMIT, 16, 0, 0}, HELD},
    {"held for its errors", {YM_RETRIES_USED, 16, 0, 0}, HELD},
    {"urgency 0", {0, 0, 0, 0}, URGENCY},
    {"one dependency", {0, 16, 1, 0}, UNMET},
    {"its time is to come", {0, 16, 0, NOW + 1}, EARLY},
    {"its time has just come", {0, 16, 0, NOW}, 0},
    {"everything", {YM_BY_OPERATOR, 0, 3, NOW + 9}, HELD | URGENCY | UNMET | EARLY},
};

Test (decide, waits)
{
    for (size_t i = 0; i < sizeof waits_rows / sizeof waits_rows[0]; i++)
        cr_expect_eq (decide_waits (&waits_rows[i].facts, NOW), waits_rows[i].waits, "%s",
                      waits_rows[i].what);
}

static const struct {
    const char *what;
    struct lane_facts facts;
    enum offer_verdict verdict;
} offer_rows[] = {
    {"nothing is left", {0, 1, false, false}, OFFER_NOTHING},
    {"nothing is left, something is on offer", {3, 1, false, false}, OFFER_NOTHING},
    {"the first", {0, 1, true, false}, OFFER_NEXT},
    {"room in the window", {QUEUE_WINDOW - 1, 1, true, false}, OFFER_NEXT},
    {"the window is full", {QUEUE_WINDOW, 1, true, false}, OFFER_NOTHING},
    {"full, and it goes first", {QUEUE_WINDOW, 1, true, true}, OFFER_INSTEAD},
    {"half of it is another's", {QUEUE_WINDOW / 2, 2, true, false}, OFFER_NOTHING},
    {"room in its half", {QUEUE_WINDOW / 2 - 1, 2, true, false}, OFFER_NEXT},
    {"very many lanes", {LANE_WINDOW - 1, 100000, true, false}, OFFER_NEXT},
    {"very many lanes, full", {LANE_WINDOW, 100000, true, false}, OFFER_NOTHING},
};

Test (decide, window)
{
    for (size_t i = 0; i < sizeof offer_rows / sizeof offer_rows[0]; i++)
        cr_expect_eq (decide_offer (&offer_rows[i].facts), offer_rows[i].verdict, "%s",
                      offer_rows[i].what);
}

Test (decide, pass)
{
    cr_expect_eq (decide_pass (7, 100, 10, 0), 100, "a rest is not saved up");
    cr_expect_eq (decide_pass (7, 100, 10, 3), 70, "what is on offer may be behind");
    cr_expect_eq (decide_pass (7, 100, 10, 99), 7);
    cr_expect_eq (decide_pass (200, 100, 10, 0), 200, "what was served is not forgotten");
    cr_expect_eq (decide_cost (1), 3 * decide_cost (3) + 1);
    cr_expect_eq (decide_cost (0), decide_cost (1));
    cr_expect_eq (decide_cost (UINT32_MAX), 1);
    cr_expect_eq (decide_virtual (5, 9, 7), 7);
    cr_expect_eq (decide_virtual (5, 6, 7), 6);
    cr_expect_eq (decide_virtual (8, 6, 7), 8, "never back");
}

Test (decide, rank)
{
    cr_expect_lt (decide_rank (17, 1000), decide_rank (16, 0));
    cr_expect_lt (decide_rank (16, 5), decide_rank (16, 6));
    cr_expect_lt (decide_rank (31, UINT64_MAX), decide_rank (30, 0), "no tag reaches urgency");
}

/* Explaining: which rows, and what they say. */

static size_t explain (struct explain_wait_facts f, struct ym_blocker_row *rows)
{
    static struct ym_explain_ask ask;

    ask = (struct ym_explain_ask){.state = YM_JOB_QUEUED, .state_at = 11, .job = 5};
    if (!f.ask)
        f.ask = &ask;
    if (!f.stop_reason)
        f.stop_reason = "";
    f.now_ms = NOW;
    return decide_explain_wait (&f, rows);
}

Test (decide, explain_says_each)
{
    struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX];
    size_t count = explain (
        (struct explain_wait_facts){
            .is_here = true, .waits = {YM_BY_OPERATOR, 0, 2, NOW + 1}, .stopped = true},
        rows);

    cr_assert_eq (count, 5);
    cr_expect_eq (rows[0].code, YM_ON_HOLD);
    cr_expect_str_eq (rows[0].have, "held");
    cr_expect_eq (rows[1].code, YM_URGENCY);
    cr_expect_eq (rows[2].code, YM_DEPENDENCY);
    cr_expect_str_eq (rows[2].have, "2 have not");
    cr_expect_eq (rows[3].code, YM_NOT_BEFORE);
    cr_expect_str_eq (rows[3].wanted, "not before 1970-01-01T00:00:01.001Z");
    cr_expect_eq (rows[4].code, YM_GATE);
    cr_expect_str_eq (rows[4].subject, "queue standard");
    for (size_t i = 0; i < count; i++)
        cr_expect (rows[i].lifted_by[0] && rows[i].wanted[0] && rows[i].have[0]);
}

Test (decide, explain_in_words_of_others)
{
    struct ym_explain_ask ask = {.state = YM_JOB_QUEUED,
                                 .hold_since = 77,
                                 .hold_reason = ym_str ("paid late"),
                                 .waits_for = ym_str ("job_1 STARTED")};
    struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX];

    cr_assert_eq (explain ((struct explain_wait_facts){.ask = &ask,
                                                       .is_here = true,
                                                       .waits = {YM_AT_SUBMIT, 16, 1, 0}},
                           rows),
                  2);
    cr_expect_str_eq (rows[0].have, "paid late");
    cr_expect_str_eq (rows[0].subject, "at_submit");
    cr_expect_eq (rows[0].since, 77);
    cr_expect_str_eq (rows[1].have, "job_1 STARTED");
}

Test (decide, explain_order_only_if_not_offered)
{
    struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX];
    struct explain_wait_facts f = {.is_here = true, .waits = {0, 16, 0, 0}, .before_own = 300};

    cr_assert_eq (explain (f, rows), 1);
    cr_expect_eq (rows[0].code, YM_BEHIND);
    cr_expect_str_eq (rows[0].have, "300 of its tenant's jobs are before it");
    f.before_others = 12;
    cr_assert_eq (explain (f, rows), 1);
    cr_expect (strstr (rows[0].have, "of others about 12"));
    f.offered = true;
    cr_expect_eq (explain (f, rows), 0, "on offer: the next round may take it");
}

Test (decide, explain_elsewhere)
{
    struct ym_blocker_row rows[QUEUE_BLOCKERS_MAX];
    struct ym_explain_ask ask = {.state = YM_JOB_SUSPENDED, .suspender = YM_OPERATING};

    cr_assert_eq (explain ((struct explain_wait_facts){.ask = &ask}, rows), 1);
    cr_expect_eq (rows[0].code, YM_SUSPENSION);
    cr_expect_str_eq (rows[0].lifted_by, "an operator: job resume");
    ask.suspender = YM_OWNER;
    cr_assert_eq (explain ((struct explain_wait_facts){.ask = &ask}, rows), 1);
    cr_expect_str_eq (rows[0].lifted_by, "its owner: job resume");
    ask.state = YM_JOB_STARTED;
    cr_assert_eq (explain ((struct explain_wait_facts){.ask = &ask}, rows), 1);
    cr_expect_eq (rows[0].code, YM_NOT_WAITING);
}

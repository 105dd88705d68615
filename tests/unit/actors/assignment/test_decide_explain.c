/* test_decide_explain.c - decisions in words, by rows. */
#include "actors/assignment/decide_explain.h"

#include <criterion/criterion.h>
#include <string.h>

/* Words separated by blanks. */
static struct ym_words words (const char *text)
{
    struct ym_words w = {0};

    while (*text) {
        size_t size = strcspn (text, " ");
        cr_assert (ym_words_add (&w, (struct ym_str){text, (uint32_t)size}));
        text += size + (text[size] == ' ');
    }
    return w;
}

/* Explanations: codes in their order. */

struct explain_agent {
    const char *pool, *region, *capabilities;
    uint32_t slots, used;
    bool heard;
};
static const struct explain_row {
    const char *what;
    const char *pool, *regions, *capabilities;
    struct explain_agent agents[3];
    size_t agent_count;
    bool waiting;
    uint64_t ahead;
    const char *codes;
} explains[] = {
    {"leased next", "shared", "", "git", {{"shared", "eu", "git", 1, 0, true}}, 1, true, 0, ""},
    {"not in its queue", "own", "", "git", {{0}}, 0, false, 9, " not_waiting"},
    {"no agents at all", "shared", "", "git", {{0}}, 0, true, 0, " no_capability no_pool"},
    {"no agents at all, regions too",
     "shared",
     "eu",
     "git",
     {{0}},
     0,
     true,
     3,
     " no_capability no_region no_pool behind_others"},
    {"silent",
     "shared",
     "",
     "git",
     {{"shared", "eu", "git", 1, 0, false}},
     1,
     true,
     0,
     " agents_silent"},
    {"taken",
     "shared",
     "",
     "git",
     {{"shared", "eu", "git", 1, 1, true}},
     1,
     true,
     0,
     " slots_taken"},
    {"taken, and not the first",
     "shared",
     "",
     "git",
     {{"shared", "eu", "git", 1, 1, true}},
     1,
     true,
     2,
     " slots_taken behind_others"},
    {"a free one is silent, the other is full",
     "shared",
     "",
     "git",
     {{"shared", "eu", "git", 1, 1, true}, {"shared", "eu", "git", 1, 0, false}},
     2,
     true,
     0,
     " slots_taken"},
    {"each agent lacks something else",
     "own",
     "us",
     "git",
     {{"own", "eu", "git", 1, 0, true}, {"own", "us", "big", 1, 0, true}},
     2,
     true,
     0,
     " no_region"},
    {"each agent lacks something else, the pool too",
     "own",
     "us",
     "git",
     {{"shared", "us", "git", 1, 0, true}, {"own", "us", "big", 1, 0, true}},
     2,
     true,
     0,
     " no_pool"},
    {"everything is lacking",
     "own",
     "us",
     "big",
     {{"shared", "eu", "git", 1, 1, false}},
     1,
     true,
     0,
     " no_capability no_region no_pool"},
    {"as many before it as there are slots",
     "shared",
     "",
     "git",
     {{"shared", "eu", "git", 3, 1, true}},
     1,
     true,
     2,
     " behind_others"},
    {"fewer before it than slots",
     "shared",
     "",
     "git",
     {{"shared", "eu", "git", 3, 1, true}},
     1,
     true,
     1,
     ""},
};

static size_t explain (const struct explain_row *r, struct ym_blocker_row *rows)
{
    struct ym_words has[3];
    struct agent_facts agents[3];
    struct ym_requirement need = {.regions = words (r->regions),
                                  .capabilities = words (r->capabilities)};

    (void)ym_text_copy (need.pool, sizeof need.pool, r->pool);
    for (size_t i = 0; i < r->agent_count; i++) {
        const struct explain_agent *a = &r->agents[i];
        has[i] = words (a->capabilities);
        agents[i] = (struct agent_facts){.name = "a1",
                                         .region = a->region,
                                         .pool = a->pool,
                                         .capabilities = &has[i],
                                         .slots = a->slots,
                                         .used = a->used,
                                         .connected = true,
                                         .heard = a->heard,
                                         .window_ms = DECIDE_NO_WINDOW};
    }
    return decide_explain (&(struct explain_facts){.need = &need,
                                                   .agents = agents,
                                                   .agent_count = r->agent_count,
                                                   .waiting = r->waiting,
                                                   .ahead = r->ahead,
                                                   .state_at = 77},
                           rows);
}

Test (decide_explain, explain)
{
    struct ym_blocker_row rows[EXPLAIN_MAX];
    char codes[200];

    for (size_t i = 0; i < sizeof explains / sizeof explains[0]; i++) {
        size_t count = explain (&explains[i], rows);
        codes[0] = '\0';
        for (size_t n = 0; n < count; n++) {
            size_t used = strlen (codes);
            (void)ym_text_format (codes + used, sizeof codes - used, " %s",
                                  ym_enum_word (YM_ENUM_BLOCKER, rows[n].code));
            cr_expect_eq (rows[n].since, 77);
            cr_expect (rows[n].subject[0] && rows[n].wanted[0] && rows[n].have[0] &&
                           rows[n].lifted_by[0],
                       "%s: %s", explains[i].what, codes);
        }
        cr_expect_str_eq (codes, explains[i].codes, "%s: %s", explains[i].what, codes);
    }
}

/* Long lists are cut at a word, and say so. */
Test (decide_explain, explain_with_long_words)
{
    struct ym_requirement need = {.pool = "shared"};
    struct ym_blocker_row rows[EXPLAIN_MAX];
    char word[YM_WORD_MAX + 1] = {0};

    memset (word, 'x', YM_WORD_MAX);
    for (int i = 0; i < YM_WORDS_MAX; i++) {
        word[0] = (char)('a' + i);
        cr_assert (ym_words_add (&need.capabilities, ym_str (word)));
    }
    cr_assert_eq (
        decide_explain (&(struct explain_facts){.need = &need, .waiting = true}, rows), 2);
    size_t size = strlen (rows[0].wanted);
    cr_expect_str_eq (rows[0].wanted + size - 3, " ..", "%s", rows[0].wanted);
    cr_expect (ym_str (rows[0].wanted).size < sizeof rows[0].wanted);
}

/* What operators decided, each alone and together, over all agents and for one. */
static const struct {
    const char *what;
    bool stopped, draining, heard;
    uint32_t used, kept, running, running_max;
    int64_t window_ms;
    const char *codes, *one;
} policies[] = {
    {"nothing", false, false, true, 0, 0, 9, 0, 50, "", ""},
    {"a stopped queue", true, false, true, 0, 0, 0, 0, 50, " queue_stopped", " queue_stopped"},
    {"drained", false, true, true, 0, 0, 0, 0, 50, " agents_drained", " agents_drained"},
    {"a window", false, false, true, 0, 0, 0, 0, 49, " window", " window"},
    {"kept", false, false, true, 0, 2, 0, 0, 50, " slot_kept", " slot_kept"},
    {"a cap", false, false, true, 0, 0, 2, 2, 50, " running_cap", " running_cap"},
    {"below its cap", false, false, true, 0, 0, 1, 2, 50, "", ""},
    {"everything", true, true, true, 2, 0, 3, 2, 0,
     " agents_drained window slots_taken queue_stopped running_cap",
     " agents_drained window slots_taken queue_stopped running_cap"},
    {"silent and more", false, true, false, 2, 0, 0, 0, 50, " agents_silent",
     " agents_silent agents_drained slots_taken"},
};

static void codes_of (const struct ym_blocker_row *rows, size_t count, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t n = 0; n < count; n++) {
        size_t used = strlen (text);
        (void)ym_text_format (text + used, size - used, " %s",
                              ym_enum_word (YM_ENUM_BLOCKER, rows[n].code));
        cr_expect (rows[n].subject[0] && rows[n].wanted[0] && rows[n].have[0] &&
                   rows[n].lifted_by[0]);
    }
}

Test (decide_explain, policy)
{
    struct ym_requirement need = {.pool = "shared"};
    struct ym_words none = {0};
    struct ym_blocker_row rows[EXPLAIN_MAX];
    char codes[300];

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        struct agent_facts agent = {.name = "a1",
                                    .region = "eu",
                                    .pool = "shared",
                                    .capabilities = &none,
                                    .slots = 2,
                                    .used = policies[i].used,
                                    .kept = policies[i].kept,
                                    .connected = true,
                                    .heard = policies[i].heard,
                                    .draining = policies[i].draining,
                                    .window_ms = policies[i].window_ms};
        struct explain_facts f = {.need = &need,
                                  .until_ms = 50,
                                  .agents = &agent,
                                  .agent_count = 1,
                                  .waiting = true,
                                  .state_at = 7,
                                  .stopped = policies[i].stopped,
                                  .running = policies[i].running,
                                  .running_max = policies[i].running_max};
        codes_of (rows, decide_explain (&f, rows), codes, sizeof codes);
        cr_expect_str_eq (codes, policies[i].codes, "%s: %s", policies[i].what, codes);
        codes_of (rows, decide_why_not (&f, rows), codes, sizeof codes);
        cr_expect_str_eq (codes, policies[i].one, "%s: %s", policies[i].what, codes);
    }
}

/* The three best of the losers, without the one that was taken. */
Test (decide_explain, chosen)
{
    struct losers l = {0};
    struct agent_facts agent = {.name = "a1", .slots = 4, .used = 2};
    char text[CHOSEN_TEXT];

    decide_add_loser (&l, &(struct loser){"far", 4, 1 << YM_REGION | 1 << YM_POOL});
    decide_add_loser (&l, &(struct loser){"a1", 0, 0});
    decide_add_loser (&l, &(struct loser){"full", 1, 1 << YM_SLOTS});
    decide_add_loser (&l, &(struct loser){"late", 2, 0});
    decide_add_loser (&l, &(struct loser){"us-1", 3, 1 << YM_REGION});
    decide_chosen (&(struct chosen_facts){.agent = &agent, .number = 0, .losers = &l}, text);
    cr_expect_str_eq (text,
                      "a1: 2 of 4 slots free, its turn; not late: not its turn; not full: "
                      "slots_taken; not us-1: no_region",
                      "%s", text);
    l.count = 0;
    decide_chosen (
        &(struct chosen_facts){.agent = &agent, .number = 0, .kept = true, .losers = &l}, text);
    cr_expect_str_eq (text, "a1: its slot was freed for this job");
}

/* What one agent stands in the way with began with the agent, not with the job. */
Test (decide_explain, a_drain_has_its_own_time)
{
    const struct ym_words none = {0};
    const struct ym_requirement need = {.pool = "shared"};
    const struct agent_facts agent = {.name = "a",
                                      .region = "x",
                                      .pool = "shared",
                                      .capabilities = &none,
                                      .slots = 1,
                                      .connected = true,
                                      .heard = true,
                                      .draining = true,
                                      .drained_ms = 77,
                                      .window_ms = DECIDE_NO_WINDOW};
    const struct explain_facts f = {
        .need = &need, .agents = &agent, .agent_count = 1, .waiting = true, .state_at = 5};
    struct ym_blocker_row rows[EXPLAIN_MAX];

    cr_assert_eq (decide_why_not (&f, rows), 1);
    cr_expect_eq (rows[0].code, YM_DRAINED);
    cr_expect_eq (rows[0].since, 77);
}

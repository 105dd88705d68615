/* test_decide.c - who may be leased to whom, by rows. */
#include "actors/assignment/decide.h"

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

enum {
    C = 1 << YM_CAPABILITY,
    R = 1 << YM_REGION,
    P = 1 << YM_POOL,
    Q = 1 << YM_SILENT,
    S = 1 << YM_SLOTS
};

static const struct match_row {
    const char *pool, *regions, *capabilities;
    const char *agent_pool, *agent_region, *agent_capabilities;
    uint32_t slots, used;
    bool connected, heard;
    unsigned blockers;
} matches[] = {
    {"shared", "", "git", "shared", "eu", "git", 1, 0, true, true, 0},
    {"shared", "", "git", "shared", "eu", "git", 1, 1, true, true, S},
    {"shared", "", "git", "shared", "eu", "git", 1, 2, true, true, S},
    {"shared", "", "git", "shared", "eu", "git", 0, 0, true, true, S},
    {"shared", "", "git", "shared", "eu", "git", 1, 0, true, false, Q},
    {"shared", "", "git", "shared", "eu", "git", 1, 0, false, true, Q},
    {"shared", "", "git", "shared", "eu", "git", 1, 0, false, false, Q},
    {"shared", "", "git", "shared", "eu", "gi", 1, 0, true, true, C},
    {"shared", "", "git", "shared", "eu", "gitt", 1, 0, true, true, C},
    {"shared", "", "git", "shared", "eu", "", 1, 0, true, true, C},
    {"shared", "", "git big", "shared", "eu", "big git x", 1, 0, true, true, 0},
    {"shared", "", "git big", "shared", "eu", "git", 1, 0, true, true, C},
    {"shared", "", "", "shared", "eu", "", 1, 0, true, true, 0},
    {"shared", "eu", "git", "shared", "eu", "git", 1, 0, true, true, 0},
    {"shared", "us eu", "git", "shared", "eu", "git", 1, 0, true, true, 0},
    {"shared", "us", "git", "shared", "eu", "git", 1, 0, true, true, R},
    {"shared", "us", "git", "shared", "", "git", 1, 0, true, true, R},
    {"own", "", "git", "shared", "eu", "git", 1, 0, true, true, P},
    {"shared", "", "git", "own", "eu", "git", 1, 0, true, true, P},
    {"own", "us", "big", "shared", "eu", "git", 1, 1, false, false, C | R | P | Q | S},
};

Test (decide, match)
{
    for (size_t i = 0; i < sizeof matches / sizeof matches[0]; i++) {
        const struct match_row *r = &matches[i];
        struct ym_words has = words (r->agent_capabilities);
        struct ym_requirement need = {.regions = words (r->regions),
                                      .capabilities = words (r->capabilities)};
        struct agent_facts agent = {.region = r->agent_region,
                                    .pool = r->agent_pool,
                                    .capabilities = &has,
                                    .slots = r->slots,
                                    .used = r->used,
                                    .connected = r->connected,
                                    .heard = r->heard};
        (void)ym_text_copy (need.pool, sizeof need.pool, r->pool);
        cr_expect_eq (decide_match (&need, &agent), r->blockers, "row %zu: %#x", i,
                      decide_match (&need, &agent));
        cr_expect_eq (decide_fits_never (&need, &agent), r->blockers & (C | R | P), "row %zu",
                      i);
    }
}

/* Rounds: up to three classes with two tiers, and what is leased in which order. */

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

static void run_round (const struct round_row *row, char *text, size_t size)
{
    struct round_class classes[3] = {0};
    struct round_lease leases[16];
    uint32_t free[4];
    struct round_facts f = {.classes = classes, .class_count = 3, .free = free};

    memcpy (free, row->free, sizeof free);
    for (size_t i = 0; i < 3; i++) {
        classes[i].agents = row->classes[i].agents;
        classes[i].agent_count = row->classes[i].agent_count;
        classes[i].cursor = row->classes[i].cursor;
        classes[i].tiers[YM_STANDARD].jobs = row->classes[i].standard.jobs;
        classes[i].tiers[YM_STANDARD].count = length (&row->classes[i].standard);
        classes[i].tiers[YM_PLATINUM].jobs = row->classes[i].platinum.jobs;
        classes[i].tiers[YM_PLATINUM].count = length (&row->classes[i].platinum);
    }
    text[0] = '\0';
    for (size_t i = 0, n = decide_round (&f, leases, row->room); i < n; i++) {
        size_t used = strlen (text);
        (void)ym_text_format (text + used, size - used, " %d>%u", (int)leases[i].job,
                              leases[i].agent);
    }
}

Test (decide, round)
{
    char text[200];

    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
        run_round (&rounds[i], text, sizeof text);
        cr_expect_str_eq (text, rounds[i].leased, "%s: %s", rounds[i].what, text);
    }
}

/* Two rounds with one slot each time: the second agent gets the second job. */
Test (decide, turns_go_on_in_the_next_round)
{
    const uint32_t agents[] = {0, 1, 2};
    const int64_t jobs[] = {1};
    struct round_class c = {.agents = agents, .agent_count = 3};
    uint32_t free[3], served[3] = {0};
    struct round_lease lease;

    c.tiers[YM_PREMIUM].jobs = jobs;
    c.tiers[YM_PREMIUM].count = 1;
    for (int i = 0; i < 30; i++) {
        free[0] = free[1] = free[2] = 5;
        cr_assert_eq (decide_round (&(struct round_facts){&c, 1, free}, &lease, 1), 1);
        served[lease.agent]++;
    }
    for (int i = 0; i < 3; i++)
        cr_expect_eq (served[i], 10);
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
        agents[i] = (struct agent_facts){a->region, a->pool, &has[i],  a->slots,
                                         a->used,   true,    a->heard, 0};
    }
    return decide_explain (&(struct explain_facts){.need = &need,
                                                   .agents = agents,
                                                   .agent_count = r->agent_count,
                                                   .waiting = r->waiting,
                                                   .ahead = r->ahead,
                                                   .state_at = 77},
                           rows);
}

Test (decide, explain)
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
Test (decide, explain_with_long_words)
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

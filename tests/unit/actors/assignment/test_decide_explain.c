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

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
    D = 1 << YM_DEDICATED,
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
    {"shared", "", "git", "dedicated:a", "eu", "git", 1, 0, true, true, D},
    {"dedicated:a", "", "git", "dedicated:b", "eu", "git", 1, 0, true, true, D},
    {"dedicated:a", "", "git", "shared", "eu", "git", 1, 0, true, true, P},
    {"dedicated:a", "", "git", "dedicated:a", "eu", "git", 1, 0, true, true, 0},
    {"dedicated:a", "us", "git", "dedicated:b", "eu", "git", 1, 0, true, true, D | R},
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
                                    .heard = r->heard,
                                    .window_ms = DECIDE_NO_WINDOW};
        (void)ym_text_copy (need.pool, sizeof need.pool, r->pool);
        cr_expect_eq (decide_match (&need, 99, &agent), r->blockers, "row %zu: %#x", i,
                      decide_match (&need, 99, &agent));
        cr_expect_eq (decide_fits_never (&need, &agent), r->blockers & (C | R | P | D),
                      "row %zu", i);
        cr_expect_eq (decide_fits_overflow (&need, &agent),
                      decide_pool_tenant (r->pool) && (r->blockers & (C | R | P | D)) == P);
    }
}

/* What operators decided, and what is kept for others. */
static const struct {
    uint32_t slots, used, kept;
    bool draining;
    int64_t until_ms, window_ms;
    unsigned blockers;
} decided[] = {
    {2, 1, 0, false, 100, 100, 0},
    {2, 1, 0, false, 101, 100, 1 << YM_WINDOW},
    {2, 1, 0, false, 100, 0, 1 << YM_WINDOW},
    {2, 1, 0, true, 100, 100, 1 << YM_DRAINED},
    {2, 1, 1, false, 100, 100, 1 << YM_KEPT},
    {3, 1, 1, false, 100, 100, 0},
    {2, 2, 1, false, 100, 100, S},
    {2, 2, 0, true, 101, 100, S | 1 << YM_DRAINED | 1 << YM_WINDOW},
};

Test (decide, match_by_policy)
{
    struct ym_requirement need = {.pool = "shared"};
    struct ym_words none = {0};

    for (size_t i = 0; i < sizeof decided / sizeof decided[0]; i++) {
        struct agent_facts agent = {.region = "eu",
                                    .pool = "shared",
                                    .capabilities = &none,
                                    .slots = decided[i].slots,
                                    .used = decided[i].used,
                                    .kept = decided[i].kept,
                                    .connected = true,
                                    .heard = true,
                                    .draining = decided[i].draining,
                                    .window_ms = decided[i].window_ms};
        cr_expect_eq (decide_match (&need, decided[i].until_ms, &agent), decided[i].blockers,
                      "row %zu", i);
    }
}

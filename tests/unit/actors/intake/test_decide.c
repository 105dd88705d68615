/* test_decide.c - what intake makes of what it accepted, by rows. */
#include "actors/intake/decide.h"

#include <criterion/criterion.h>
#include <string.h>

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

static const struct {
    const char *kind, *pool, *regions, *capabilities, *text;
} needs[] = {
    {"git", NULL, "", "", "shared||git"},
    {"git", "own", "", "", "own||git"},
    {"git", NULL, "us eu", "", "shared|eu,us|git"},
    {"git", NULL, "", "big fast", "shared||big,fast,git"},
    {"git", NULL, "", "git", "shared||git"},
    {"git", NULL, "eu eu", "git zip git", "shared|eu|git,zip"},
    {"items", "own", "a b", "git", "own|a,b|git,items"},
};

Test (decide, requirement)
{
    char text[YM_REQUIREMENT_TEXT_MAX + 1];

    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        struct ym_job_submit m = {.regions = words (needs[i].regions),
                                  .capabilities = words (needs[i].capabilities)};
        struct ym_requirement need;
        (void)ym_text_copy (m.kind, sizeof m.kind, needs[i].kind);
        if (needs[i].pool) {
            m.has |= YM_HAS (job_submit, pool);
            (void)ym_text_copy (m.pool, sizeof m.pool, needs[i].pool);
        }
        decide_requirement (&m, "acme", &need);
        (void)ym_requirement_print (&need, text);
        cr_expect_str_eq (text, needs[i].text, "row %zu: %s", i, text);
    }
}

/* As many words as a message may bring: the kind still finds its place. */
Test (decide, requirement_of_the_largest_document)
{
    struct ym_job_submit m = {.kind = "kind"};
    struct ym_requirement need;
    char word[YM_WORD_MAX + 1] = {0}, text[YM_REQUIREMENT_TEXT_MAX + 1];

    memset (word, 'x', YM_WORD_MAX);
    for (int i = 0; i < 15; i++) {
        word[0] = (char)('a' + i);
        cr_assert (ym_words_add (&m.capabilities, ym_str (word)));
        cr_assert (i >= 8 || ym_words_add (&m.regions, ym_str (word)));
    }
    memset (m.pool, 'p', YM_WORD_MAX);
    m.has = YM_HAS (job_submit, pool);
    decide_requirement (&m, "acme", &need);
    cr_expect (ym_words_has (&need.capabilities, "kind"));
    cr_expect_eq (need.capabilities.count, 16);
    cr_expect_neq (ym_requirement_print (&need, text), 0);
    cr_expect_leq (strlen (text), YM_REQUIREMENT_TEXT_MAX);
}

Test (decide, repeat)
{
    uint8_t a[32] = {1}, b[32] = {1};

    cr_expect_eq (decide_repeat (a, b), YM_REFUSAL_NONE);
    for (size_t i = 0; i < sizeof b; i++) {
        b[i] ^= 0x80;
        cr_expect_eq (decide_repeat (a, b), YM_REFUSAL_KEY_REUSED, "octet %zu", i);
        b[i] ^= 0x80;
    }
}

Test (decide, sees)
{
    static const struct {
        uint32_t role;
        int32_t tenant, sees;
    } rows[] = {{YM_SUBMITTER, 7, 7},
                {YM_VIEWER, 7, 7},
                {YM_OPERATOR, 7, 0},
                {YM_ADMIN, 7, 0},
                {YM_AGENT, 7, 7}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq (decide_sees (rows[i].role, rows[i].tenant), rows[i].sees, "row %zu", i);
}

/* What its fields cannot say each by itself. */
Test (decide, submits_by_rule)
{
    static const struct {
        const char *pool;
        uint64_t urgency;
        uint32_t role;
        enum ym_refusal refusal;
    } rows[] = {
        {NULL, 16, YM_SUBMITTER, YM_REFUSAL_NONE},
        {NULL, 17, YM_SUBMITTER, YM_REFUSAL_URGENCY_NOT_ALLOWED},
        {NULL, 31, YM_ADMIN, YM_REFUSAL_NONE},
        {"shared", 0, YM_SUBMITTER, YM_REFUSAL_NONE},
        {"dedicated", 0, YM_SUBMITTER, YM_REFUSAL_NONE},
        {"dedicated:acme", 0, YM_SUBMITTER, YM_REFUSAL_NONE},
        {"dedicated:globex", 0, YM_SUBMITTER, YM_REFUSAL_POOL_NOT_YOURS},
        {"dedicated:", 0, YM_SUBMITTER, YM_REFUSAL_POOL_NOT_YOURS},
        {"dedicated:acme2", 0, YM_ADMIN, YM_REFUSAL_POOL_NOT_YOURS},
        {"dedicated2", 0, YM_SUBMITTER, YM_REFUSAL_NONE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ym_job_submit m = {.has = YM_HAS (job_submit, urgency),
                                  .urgency = rows[i].urgency};
        struct ym_faults faults = {0};
        if (rows[i].pool) {
            m.has |= YM_HAS (job_submit, pool);
            (void)ym_text_copy (m.pool, sizeof m.pool, rows[i].pool);
        }
        cr_expect_eq (decide_submit (&m, rows[i].role, "acme", &faults), rows[i].refusal,
                      "row %zu", i);
        cr_expect_eq (faults.count, 0);
    }
}

Test (decide, submits_with_faults)
{
    struct ym_dependency after[] = {{1, YM_AFTER_ANY}, {2, YM_AFTER_ANY}, {1, 0}};
    struct ym_job_submit m = {.after = {after, 3}};
    struct ym_faults faults = {0};

    cr_expect_eq (decide_submit (&m, YM_SUBMITTER, "acme", &faults), YM_REFUSAL_INVALID);
    cr_expect_str_eq (faults.at[0].path, "/after/2/job");
    m = (struct ym_job_submit){.has = YM_HAS (job_submit, pool), .pool = "dedicated"};
    faults.count = 0;
    cr_expect_eq (
        decide_submit (&m, YM_SUBMITTER, "a-name-of-more-than-thirty-letters-xxxx", &faults),
        YM_REFUSAL_INVALID);
    cr_expect_str_eq (faults.at[0].path, "/pool");
}

Test (decide, a_dedicated_pool_is_that_of_the_tenant)
{
    struct ym_job_submit m = {
        .has = YM_HAS (job_submit, pool), .pool = "dedicated", .kind = "git"};
    struct ym_requirement need;

    decide_requirement (&m, "acme", &need);
    cr_expect_str_eq (need.pool, "dedicated:acme");
}

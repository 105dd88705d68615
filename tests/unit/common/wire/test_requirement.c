/* test_requirement.c - equal needs have equal texts and numbers, and a text is read back. */
#include "common/wire/requirement.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct ym_requirement need_of (const char *text)
{
    struct ym_requirement r;

    cr_assert (ym_requirement_read (ym_str (text), &r), "%s", text);
    return r;
}

static const char *const canonical[] = {
    "shared||git",
    "own||",
    "||",
    "shared|eu|git",
    "shared|eu,us|git,items",
    "a|b,c,d|e,f,g,h",
    "a.b_c-d:e=f||x",
    "shared||git|1",
    "shared|eu|git|4096",
};

Test (requirement, reads_what_it_prints)
{
    char text[YM_REQUIREMENT_TEXT_MAX + 1];

    for (size_t i = 0; i < sizeof canonical / sizeof canonical[0]; i++) {
        struct ym_requirement r = need_of (canonical[i]), again;
        uint64_t number = ym_requirement_print (&r, text);
        cr_expect_str_eq (text, canonical[i]);
        cr_expect_neq (number, 0);
        again = need_of (text);
        cr_expect_eq (ym_requirement_print (&again, text), number);
    }
}

Test (requirement, order_and_repetition_do_not_matter)
{
    static const struct {
        const char *as, *text;
    } rows[] = {{"p|b,a|z,y", "p|a,b|y,z"},
                {"p|a,a,a|z,y,z", "p|a|y,z"},
                {"p||b,b", "p||b"},
                {"p|aa,a|", "p|a,aa|"}};
    char text[YM_REQUIREMENT_TEXT_MAX + 1];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ym_requirement r = need_of (rows[i].as), same = need_of (rows[i].text);
        uint64_t number = ym_requirement_print (&r, text);
        cr_expect_str_eq (text, rows[i].text);
        cr_expect_eq (ym_requirement_print (&same, text), number);
    }
}

/* The number is known to others: a client of another language computes the same. */
Test (requirement, number_is_the_hash_of_the_text)
{
    struct ym_requirement r = need_of ("shared||git");
    char text[YM_REQUIREMENT_TEXT_MAX + 1];

    cr_expect_eq (ym_requirement_print (&r, text), UINT64_C (0xc59e6d4eb0fd69be));
}

Test (requirement, refuses_what_is_not_one)
{
    static const char *const bad[] = {"",
                                      "shared",
                                      "shared|",
                                      "shared|eu",
                                      "p|a,|x",
                                      "p|,a|x",
                                      "p||x,,y",
                                      "p||,",
                                      "12345678901234567890123456789012345678901||x",
                                      "p||12345678901234567890123456789012345678901",
                                      "p||a|b|c,",
                                      "p|1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h|x"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ym_requirement r = {.pool = "untouched"};
        cr_expect_not (ym_requirement_read (ym_str (bad[i]), &r), "%s", bad[i]);
        cr_expect_str_eq (r.pool, "untouched");
    }
}

static struct ym_words random_words (uint32_t most)
{
    struct ym_words w = {0};
    char word[YM_WORD_MAX + 1];

    for (uint32_t n = (uint32_t)rand () % (most + 1); n > 0; n--) {
        size_t size = 1 + (size_t)rand () % (rand () % 4 ? 2 : YM_WORD_MAX);
        for (size_t i = 0; i < size; i++)
            word[i] = "abc019._-:="[rand () % 11];
        cr_assert (ym_words_add (&w, (struct ym_str){word, (uint32_t)size}));
    }
    return w;
}

/* Any need within the limits of the messages: 8 regions, 16 capabilities. */
Test (requirement, round_trip)
{
    char text[YM_REQUIREMENT_TEXT_MAX + 1], again[YM_REQUIREMENT_TEXT_MAX + 1];

    srand (1);
    for (int i = 0; i < 10000; i++) {
        struct ym_requirement r = {.regions = random_words (8),
                                   .capabilities = random_words (16)};
        (void)ym_text_copy (r.pool, sizeof r.pool, i % 2 ? "shared" : "own");
        uint64_t number = ym_requirement_print (&r, text);
        struct ym_requirement back = need_of (text);
        cr_assert_eq (back.regions.count, r.regions.count);
        cr_assert_eq (back.capabilities.count, r.capabilities.count);
        for (uint32_t k = 0; k < r.capabilities.count; k++)
            cr_assert (ym_words_has (&back.capabilities, r.capabilities.word[k]));
        cr_assert_eq (ym_requirement_print (&back, again), number);
        cr_assert_str_eq (again, text);
    }
}

Test (requirement, words_are_bounded)
{
    struct ym_words w = {0};

    cr_expect_not (ym_words_add (&w, ym_str ("")));
    for (int i = 0; i < YM_WORDS_MAX; i++)
        cr_expect (ym_words_add (&w, ym_str ("x")));
    cr_expect_not (ym_words_add (&w, ym_str ("x")));
    ym_words_settle (&w);
    cr_expect_eq (w.count, 1);
    cr_expect (ym_words_has (&w, "x"));
    cr_expect_not (ym_words_has (&w, "xx"));
}

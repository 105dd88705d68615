/* test_decide.c - the rule of the window, by rows. */
#include "actors/queue/decide.h"

#include <criterion/criterion.h>

static const struct {
    const char *what;
    struct class_facts facts;
    bool offer;
} rows[] = {
    {"nothing is left", {0, 0, 0}, false},
    {"nothing is left, something is on offer", {3, 9, 0}, false},
    {"the first", {0, 0, 1}, true},
    {"room in the window", {QUEUE_WINDOW - 1, 500, 501}, true},
    {"the window is full", {QUEUE_WINDOW, 500, 501}, false},
    {"the window is full, but this one is older", {QUEUE_WINDOW, 500, 499}, true},
    {"far beyond the window, still older", {3 * QUEUE_WINDOW, 500, 1}, true},
    {"the same as the newest", {QUEUE_WINDOW, 500, 500}, false},
    {"the greatest id", {0, 0, INT64_MAX}, true},
};

Test (decide, window)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq (decide_offer (&rows[i].facts), rows[i].offer, "%s", rows[i].what);
}

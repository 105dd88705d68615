/* test_waiting.c - the waiting jobs of a tier against a naive model of them, in any order of
 * calls, and what a million of them would cost. */
#include "actors/queue/waiting.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/queue/decide.h"

/* A sanitizer's memory is not ours to measure. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* The model: a row per job that could be, and all answers by counting. */

enum { JOBS = 1500, CLASSES = 4, OPERATIONS = 100000, CHECK_EVERY = 64, ROOM = 37 };

struct model {
    bool here[JOBS + 1], offered[JOBS + 1];
    uint64_t requirement[JOBS + 1];
    int64_t newest[CLASSES + 1]; /* on offer since the last withdrawal */
};

static unsigned seed_of_run (void)
{
    const char *text = getenv ("YM_TEST_SEED");
    unsigned seed = text ? (unsigned)strtoul (text, NULL, 10) : (unsigned)time (NULL);

    (void)fprintf (stderr, "YM_TEST_SEED=%u\n", seed);
    return seed;
}

static size_t model_count (const struct model *m, uint64_t class, bool offered)
{
    size_t count = 0;

    for (int64_t j = 1; j <= JOBS; j++)
        count += m->here[j] && m->requirement[j] == class && m->offered[j] == offered;
    return count;
}

static void model_forget_class (struct model *m, uint64_t class)
{
    if (model_count (m, class, true) + model_count (m, class, false) == 0)
        m->newest[class] = 0;
}

static void add (struct waiting *w, struct model *m, int64_t job)
{
    uint64_t class = 1 + (uint64_t)rand () % CLASSES;
    bool fresh = waiting_add (w, &(struct waiting_job){job, (uint32_t)job + 7, class});

    cr_assert_eq (fresh, !m->here[job]);
    if (!fresh)
        return;
    m->here[job] = true;
    m->offered[job] = false;
    m->requirement[job] = class;
}

static void remove_one (struct waiting *w, struct model *m, int64_t job)
{
    cr_assert_eq (waiting_remove (w, job), m->here[job]);
    if (!m->here[job])
        return;
    m->here[job] = false;
    model_forget_class (m, m->requirement[job]);
}

/* The oldest of the class that is not on offer; 0 if none. */
static int64_t model_next (const struct model *m, uint64_t class)
{
    for (int64_t j = 1; j <= JOBS; j++)
        if (m->here[j] && !m->offered[j] && m->requirement[j] == class)
            return j;
    return 0;
}

static void check_offered (struct model *m, const struct waiting_job *job)
{
    uint64_t class = job->requirement;

    cr_assert (class >= 1 && class <= CLASSES);
    cr_assert_eq (job->job, model_next (m, class), "job %ld", (long)job->job);
    cr_assert_eq (job->tenant, (uint32_t)job->job + 7);
    cr_assert (model_count (m, class, true) < QUEUE_WINDOW || job->job < m->newest[class]);
    m->offered[job->job] = true;
    if (job->job > m->newest[class])
        m->newest[class] = job->job;
}

/* What was not taken must not be to be offered. */
static void check_nothing_left (const struct model *m)
{
    for (uint64_t class = 1; class <= CLASSES; class ++) {
        int64_t next = model_next (m, class);
        cr_assert (next == 0 ||
                   (model_count (m, class, true) >= QUEUE_WINDOW && next >= m->newest[class]));
    }
}

static void offer (struct waiting *w, struct model *m)
{
    struct waiting_job jobs[ROOM];
    size_t room = (size_t)rand () % (ROOM + 1), count = waiting_offer (w, jobs, room);

    cr_assert_leq (count, room);
    for (size_t i = 0; i < count; i++)
        check_offered (m, &jobs[i]);
    if (count < room)
        check_nothing_left (m);
}

static void withdraw (struct waiting *w, struct model *m)
{
    waiting_withdraw (w);
    memset (m->offered, 0, sizeof m->offered);
    memset (m->newest, 0, sizeof m->newest);
}

static struct waiting_counts model_counts (const struct model *m)
{
    struct waiting_counts n = {0};

    for (int64_t j = JOBS; j > 0; j--) {
        n.waiting += m->here[j];
        n.offered += m->here[j] && m->offered[j];
        n.oldest = m->here[j] ? j : n.oldest;
    }
    for (uint64_t class = 1; class <= CLASSES; class ++)
        n.classes += model_count (m, class, true) + model_count (m, class, false) > 0;
    return n;
}

static size_t model_ahead (const struct model *m, int64_t job)
{
    size_t ahead = 0;

    for (int64_t j = 1; m->here[job] && j < job; j++)
        ahead += m->here[j] && m->requirement[j] == m->requirement[job];
    return ahead;
}

static void check_all (const struct waiting *w, const struct model *m)
{
    struct waiting_counts is = waiting_counts (w), expected = model_counts (m);
    int64_t job = 1 + rand () % JOBS;

    cr_assert_eq (is.waiting, expected.waiting);
    cr_assert_eq (is.offered, expected.offered);
    cr_assert_eq (is.classes, expected.classes);
    cr_assert_eq (is.oldest, expected.oldest);
    cr_assert_eq (waiting_has (w, job), m->here[job]);
    cr_assert_eq (waiting_ahead (w, job), model_ahead (m, job), "job %ld: %zu, not %zu",
                  (long)job, waiting_ahead (w, job), model_ahead (m, job));
}

/* Long phases in which more come than go, and the other way round, so that windows fill. */
static void one_operation (struct waiting *w, struct model *m, unsigned n)
{
    int64_t job = 1 + rand () % JOBS;
    unsigned grows = n / 5000 % 2, dice = (unsigned)rand () % 100;

    if (dice < (grows ? 60u : 25u))
        add (w, m, job);
    else if (dice < 85)
        remove_one (w, m, job);
    else if (dice < 99)
        offer (w, m);
    else if (rand () % 20 == 0)
        withdraw (w, m);
}

Test (waiting, model)
{
    static struct model m;
    struct waiting *w = waiting_new ();

    srand (seed_of_run ());
    for (unsigned n = 0; n < OPERATIONS; n++) {
        one_operation (w, &m, n);
        if (n % CHECK_EVERY == 0)
            check_all (w, &m);
    }
    for (int64_t j = 1; j <= JOBS; j++)
        remove_one (w, &m, j);
    check_all (w, &m);
    waiting_free (w);
}

Test (waiting, oldest_first_over_windows)
{
    struct waiting *w = waiting_new ();
    struct waiting_job jobs[QUEUE_WINDOW + 8];

    for (int64_t j = 2000; j > 1000; j--)
        cr_assert (waiting_add (w, &(struct waiting_job){j, 1, 5}));
    cr_assert_eq (waiting_offer (w, jobs, QUEUE_WINDOW + 8), QUEUE_WINDOW);
    for (int64_t i = 0; i < QUEUE_WINDOW; i++)
        cr_assert_eq (jobs[i].job, 1001 + i);
    cr_assert_eq (waiting_offer (w, jobs, 8), 0);
    cr_assert (waiting_add (w, &(struct waiting_job){7, 1, 5}), "back after an attempt");
    cr_assert_eq (waiting_offer (w, jobs, 8), 1);
    cr_assert_eq (jobs[0].job, 7);
    cr_assert (waiting_remove (w, 1001));
    cr_assert_eq (waiting_offer (w, jobs, 8), 0, "one above the window is still too many");
    cr_assert (waiting_remove (w, 1002));
    cr_assert_eq (waiting_offer (w, jobs, 8), 1);
    cr_assert_eq (jobs[0].job, 1001 + QUEUE_WINDOW);
    waiting_free (w);
}

static size_t octets_in_use (void)
{
    struct mallinfo2 m = mallinfo2 ();

    return m.uordblks + m.hblkhd;
}

/* A job that is taken out and comes back while it is not on offer is counted and kept once. */
Test (waiting, back_again_is_one)
{
    struct waiting *w = waiting_new ();
    struct waiting_job jobs[4];

    cr_assert (waiting_add (w, &(struct waiting_job){1, 1, 5}));
    for (int i = 0; i < 10; i++) {
        cr_assert (waiting_add (w, &(struct waiting_job){2, 1, 5}));
        cr_assert (waiting_remove (w, 2));
    }
    cr_assert (waiting_add (w, &(struct waiting_job){2, 1, 5}));
    cr_assert (waiting_add (w, &(struct waiting_job){3, 1, 5}));
    cr_assert_eq (waiting_ahead (w, 3), 2, "%zu", waiting_ahead (w, 3));
    cr_assert_eq (waiting_offer (w, jobs, 4), 3);
    cr_assert_eq (waiting_counts (w).offered, 3);
    waiting_free (w);
}

/* Neither do its places in memory add up. */
Test (waiting, churn_is_bounded)
{
    struct waiting *w = waiting_new ();

    for (int64_t j = 1; j <= 100; j++)
        cr_assert (waiting_add (w, &(struct waiting_job){j, 1, 5}));
    size_t before = octets_in_use ();
    for (int i = 0; i < 200000; i++) {
        cr_assert (waiting_remove (w, 50));
        cr_assert (waiting_add (w, &(struct waiting_job){50, 1, 5}));
    }
    size_t grown = octets_in_use () - before;
    cr_assert (SANITIZED || grown <= 16384, "%zu octets", grown);
    waiting_free (w);
}

Test (waiting, octets_a_job)
{
    enum { MANY = 100000, OCTETS = 300 };
    size_t before = octets_in_use ();
    struct waiting *w = waiting_new ();

    for (int64_t j = 1; j <= MANY; j++)
        cr_assert (waiting_add (w, &(struct waiting_job){j << 11, 1, (uint64_t)j % 50}));
    size_t each = (octets_in_use () - before) / MANY;
    cr_log_info ("%zu octets a waiting job", each);
    cr_assert (SANITIZED || (each > 50 && each <= OCTETS), "%zu octets", each);
    waiting_free (w);
}

Test (waiting, nothing_at_all)
{
    struct waiting *w = waiting_new ();
    struct waiting_job job;

    waiting_free (NULL);
    cr_expect_not (waiting_remove (w, 1));
    cr_expect_not (waiting_has (w, 1));
    cr_expect_eq (waiting_ahead (w, 1), 0);
    cr_expect_eq (waiting_offer (w, &job, 1), 0);
    cr_expect_eq (waiting_counts (w).oldest, 0);
    waiting_withdraw (w);
    waiting_free (w);
}

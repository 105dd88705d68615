/* test_waiting.c - the waiting jobs of a tier against a naive model of them, in any order of
 * calls; and what a job and a million of them cost. */
#include "actors/queue/waiting.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

enum { JOBS = 1500, CLASSES = 3, TENANTS = 3, OPERATIONS = 60000, CHECK_EVERY = 64, ROOM = 37 };

/* The model: a row per job that could be, all answers by counting. 'told' is what assignment
 * was told last. */
struct model {
    struct waiting_job jobs[JOBS + 1];
    bool here[JOBS + 1], told[JOBS + 1];
    int64_t now_ms;
};

static unsigned seed_of_run (void)
{
    const char *text = getenv ("YM_TEST_SEED");
    unsigned seed = text ? (unsigned)strtoul (text, NULL, 10) : (unsigned)time (NULL);

    (void)fprintf (stderr, "YM_TEST_SEED=%u\n", seed);
    return seed;
}

static bool is_idle (const struct model *m, int64_t j)
{
    const struct waiting_job *job = &m->jobs[j];

    return job->hold || job->urgency == 0 || job->unmet || job->not_before_ms > m->now_ms;
}

static bool is_before (const struct waiting_job *a, const struct waiting_job *b)
{
    return a->urgency != b->urgency ? a->urgency > b->urgency : a->job < b->job;
}

static bool same_lane (const struct waiting_job *a, const struct waiting_job *b)
{
    return a->requirement == b->requirement && a->tenant == b->tenant;
}

static struct waiting_job any_job (const struct model *m, int64_t id)
{
    return (struct waiting_job){.job = id,
                                .tenant = 1 + (uint32_t)rand () % TENANTS,
                                .requirement = 1 + (uint64_t)rand () % CLASSES,
                                .urgency = rand () % 9 ? 15 + (uint32_t)rand () % 3 : 0,
                                .hold = rand () % 10 == 0,
                                .unmet = rand () % 12 == 0,
                                .not_before_ms =
                                    rand () % 8 ? 0 : m->now_ms - 20 + rand () % 60,
                                .came_back = rand () % 2 == 0};
}

static void put (struct waiting *w, struct model *m, int64_t id)
{
    if (!m->here[id] || rand () % 3 == 0)
        m->jobs[id] = any_job (m, id);
    m->here[id] = true;
    waiting_put (w, &m->jobs[id], m->now_ms);
}

static void hear_withdrawn (struct waiting *w, struct model *m)
{
    int64_t ids[ROOM];
    size_t count;

    while ((count = waiting_withdrawn (w, ids, ROOM)) > 0)
        for (size_t i = 0; i < count; i++)
            m->told[ids[i]] = false;
}

static void remove_one (struct waiting *w, struct model *m, int64_t id)
{
    if (rand () % 2)
        cr_assert_eq (waiting_remove (w, id), m->here[id]);
    else {
        hear_withdrawn (w, m);
        cr_assert_eq (waiting_take (w, id), m->here[id]);
        m->told[id] = false;
    }
    m->here[id] = false;
}

static void offer (struct waiting *w, struct model *m)
{
    struct waiting_offer jobs[ROOM];
    size_t count;

    do {
        count = waiting_offer (w, jobs, ROOM);
        hear_withdrawn (w, m);
        for (size_t i = 0; i < count; i++) {
            const struct waiting_job *job = &m->jobs[jobs[i].job];
            cr_assert (m->here[job->job] && !is_idle (m, job->job));
            cr_assert_eq (jobs[i].tenant, job->tenant);
            cr_assert_eq (jobs[i].requirement, job->requirement);
            cr_assert_eq (jobs[i].came_back, job->came_back);
            m->told[job->job] = true;
        }
    } while (count == ROOM);
}

static size_t active_lanes (const struct model *m, uint64_t requirement)
{
    bool seen[TENANTS + 1] = {false};
    size_t count = 0;

    for (int64_t j = 1; j <= JOBS; j++)
        if (m->here[j] && !is_idle (m, j) && m->jobs[j].requirement == requirement &&
            !seen[m->jobs[j].tenant]) {
            seen[m->jobs[j].tenant] = true;
            count++;
        }
    return count;
}

/* What assignment knows is the beginning of each lane, and no less of it than its window. */
static void check_windows (const struct waiting *w, const struct model *m)
{
    for (int64_t j = 1; j <= JOBS; j++) {
        const struct waiting_job *job = &m->jobs[j];
        size_t before = 0, share;
        cr_assert_eq (waiting_has (w, j), m->here[j]);
        cr_assert_eq (m->told[j], waiting_is_offered (w, j), "job %ld", (long)j);
        if (!m->here[j] || is_idle (m, j)) {
            cr_assert_not (m->told[j]);
            continue;
        }
        for (int64_t o = 1; o <= JOBS; o++)
            if (m->here[o] && !is_idle (m, o) && same_lane (job, &m->jobs[o]) &&
                is_before (&m->jobs[o], job)) {
                cr_assert (m->told[o] || !m->told[j], "%ld goes before %ld", (long)o, (long)j);
                before++;
            }
        share = QUEUE_WINDOW / active_lanes (m, job->requirement);
        cr_assert (m->told[j] || before >= share);
        cr_assert_eq (waiting_ahead (w, j).own, before);
    }
}

static void check_counts (const struct waiting *w, const struct model *m)
{
    struct waiting_counts is = waiting_counts (w), expected = {0};

    for (int64_t j = JOBS; j > 0; j--) {
        expected.waiting += m->here[j];
        expected.offered += m->told[j];
        expected.idle += m->here[j] && is_idle (m, j);
        if (m->here[j] && !is_idle (m, j))
            expected.oldest = j;
    }
    cr_assert_eq (is.waiting, expected.waiting);
    cr_assert_eq (is.offered, expected.offered);
    cr_assert_eq (is.idle, expected.idle);
    cr_assert_eq (is.oldest, expected.oldest, "%ld, not %ld", (long)is.oldest,
                  (long)expected.oldest);
}

static void time_passes (struct waiting *w, struct model *m)
{
    m->now_ms += rand () % 10;
    waiting_begin_due (w, m->now_ms);
}

/* Long phases in which more come than go, and the other way round, so that windows fill. */
static void one_operation (struct waiting *w, struct model *m, unsigned n)
{
    int64_t id = 1 + rand () % JOBS;
    unsigned grows = n / 5000 % 2, dice = (unsigned)rand () % 100;

    time_passes (w, m);
    if (dice < (grows ? 70u : 25u))
        put (w, m, id);
    else if (dice < 90)
        remove_one (w, m, id);
    else if (rand () % 500 == 0) {
        waiting_withdraw (w);
        memset (m->told, 0, sizeof m->told);
    }
}

Test (waiting, model, .timeout = 100)
{
    static struct model m;
    struct waiting *w = waiting_new ();

    srand (seed_of_run ());
    m.now_ms = 1000000;
    for (unsigned n = 0; n < OPERATIONS; n++) {
        one_operation (w, &m, n);
        if (rand () % 4 == 0)
            offer (w, &m);
        if (n % (CHECK_EVERY * 16) == 0) {
            offer (w, &m);
            check_windows (w, &m);
        }
        if (n % CHECK_EVERY == 0) {
            hear_withdrawn (w, &m);
            check_counts (w, &m);
        }
    }
    for (int64_t j = 1; j <= JOBS; j++)
        remove_one (w, &m, j);
    hear_withdrawn (w, &m);
    check_counts (w, &m);
    cr_assert_eq (waiting_counts (w).classes, 0);
    waiting_free (w);
}

/* Small things. */

static void put_job (struct waiting *w, int64_t id, uint32_t tenant, uint64_t requirement)
{
    waiting_put (w,
                 &(struct waiting_job){
                     .job = id, .tenant = tenant, .requirement = requirement, .urgency = 16},
                 1);
}

static void put_urgent (struct waiting *w, int64_t id, uint32_t tenant, uint32_t urgency)
{
    waiting_put (w,
                 &(struct waiting_job){
                     .job = id, .tenant = tenant, .requirement = 5, .urgency = urgency},
                 1);
}

Test (waiting, the_window_is_the_beginning)
{
    struct waiting *w = waiting_new ();
    struct waiting_offer jobs[QUEUE_WINDOW + 8];
    int64_t ids[8];

    for (int64_t j = 2000; j > 1000; j--)
        put_job (w, j, 1, 5);
    cr_assert_eq (waiting_offer (w, jobs, QUEUE_WINDOW + 8), QUEUE_WINDOW);
    for (int64_t i = 0; i < QUEUE_WINDOW; i++)
        cr_assert_eq (jobs[i].job, 1001 + i);
    cr_assert_eq (waiting_offer (w, jobs, 8), 0);
    put_job (w, 7, 1, 5);
    cr_assert_eq (waiting_offer (w, jobs, 8), 1, "back after an attempt");
    cr_assert_eq (jobs[0].job, 7);
    cr_assert_eq (waiting_withdrawn (w, ids, 8), 1, "the last one makes room");
    cr_assert_eq (ids[0], 1000 + QUEUE_WINDOW);
    cr_assert (waiting_take (w, 1001));
    cr_assert_eq (waiting_offer (w, jobs, 8), 1);
    cr_assert_eq (jobs[0].job, 1000 + QUEUE_WINDOW);
    waiting_free (w);
}

Test (waiting, the_same_again_moves_nothing)
{
    struct waiting *w = waiting_new ();
    struct waiting_offer jobs[8];
    int64_t ids[8];

    put_job (w, 1, 1, 5);
    cr_assert_eq (waiting_offer (w, jobs, 8), 1);
    put_job (w, 1, 1, 5);
    cr_expect_eq (waiting_offer (w, jobs, 8), 0);
    cr_expect_eq (waiting_withdrawn (w, ids, 8), 0);
    put_urgent (w, 1, 1, 20);
    cr_expect_eq (waiting_offer (w, jobs, 8), 1);
    cr_expect_eq (waiting_withdrawn (w, ids, 8), 1);
    waiting_free (w);
}

Test (waiting, hold_and_release)
{
    struct waiting *w = waiting_new ();
    struct waiting_job job = {.job = 9, .tenant = 1, .requirement = 5, .urgency = 16};
    struct waiting_offer offers[4];
    int64_t ids[4];

    waiting_put (w, &job, 1);
    cr_assert_eq (waiting_offer (w, offers, 4), 1);
    job.hold = YM_BY_OPERATOR;
    waiting_put (w, &job, 1);
    cr_expect_eq (waiting_withdrawn (w, ids, 4), 1);
    cr_expect_eq (waiting_offer (w, offers, 4), 0);
    cr_expect_eq (waiting_counts (w).idle, 1);
    cr_expect (waiting_has (w, 9) && !waiting_is_offered (w, 9));
    job.hold = YM_NOT_HELD;
    waiting_put (w, &job, 1);
    cr_expect_eq (waiting_offer (w, offers, 4), 1);
    waiting_free (w);
}

Test (waiting, times)
{
    struct waiting *w = waiting_new ();
    struct waiting_offer offers[4];
    int64_t ids[4];

    waiting_put (w,
                 &(struct waiting_job){.job = 1,
                                       .tenant = 1,
                                       .requirement = 5,
                                       .urgency = 16,
                                       .not_before_ms = 500,
                                       .wait_until_ms = 900},
                 100);
    waiting_put (
        w,
        &(struct waiting_job){
            .job = 2, .tenant = 1, .requirement = 5, .urgency = 16, .not_before_ms = 300},
        100);
    cr_expect_eq (waiting_next_ms (w), 300);
    waiting_begin_due (w, 299);
    cr_expect_eq (waiting_offer (w, offers, 4), 0);
    waiting_begin_due (w, 300);
    cr_expect_eq (waiting_offer (w, offers, 4), 1);
    cr_expect_eq (offers[0].job, 2);
    cr_expect_eq (waiting_next_ms (w), 500);
    waiting_begin_due (w, 600);
    cr_expect_eq (waiting_offer (w, offers, 4), 1);
    cr_expect_eq (waiting_overdue (w, 899, ids, 4), 0);
    cr_expect_eq (waiting_overdue (w, 900, ids, 4), 1);
    cr_expect_eq (ids[0], 1);
    cr_expect_eq (waiting_overdue (w, 901, ids, 4), 0);
    cr_expect_eq (waiting_overdue (w, 10000, ids, 4), 1, "again until it is gone");
    cr_assert (waiting_remove (w, 1));
    cr_expect_eq (waiting_overdue (w, 100000, ids, 4), 0);
    cr_expect_eq (waiting_next_ms (w), 0);
    waiting_free (w);
}

Test (waiting, a_load_removes_ghosts)
{
    struct waiting *w = waiting_new ();
    struct waiting_offer offers[8];
    int64_t ids[8];

    for (int64_t j = 1; j <= 4; j++)
        put_job (w, j, 1, 5);
    cr_assert_eq (waiting_offer (w, offers, 8), 4);
    waiting_load_begin (w);
    put_job (w, 1, 1, 5);
    waiting_load_begin (w); /* cut off, and begun again */
    put_job (w, 4, 1, 5);
    put_job (w, 5, 1, 5);
    cr_expect_eq (waiting_load_end (w), 3);
    cr_expect (!waiting_has (w, 1), "it may have gone since it was seen");
    cr_expect (!waiting_has (w, 2) && !waiting_has (w, 3) && waiting_has (w, 5));
    cr_expect_eq (waiting_withdrawn (w, ids, 8), 3);
    cr_expect (waiting_is_offered (w, 4), "what stays is not disturbed");
    waiting_free (w);
}

Test (waiting, tenants_are_told_once)
{
    struct waiting *w = waiting_new ();
    struct waiting_tenant t[4];

    put_job (w, 1, 7, 5);
    put_job (w, 2, 7, 6);
    put_job (w, 3, 8, 5);
    cr_expect (waiting_has_tenant_news (w));
    cr_assert_eq (waiting_tenants (w, t, 4), 2);
    cr_expect_eq (waiting_tenants (w, t, 4), 0);
    cr_expect_not (waiting_has_tenant_news (w));
    cr_assert (waiting_take (w, 3));
    cr_assert_eq (waiting_tenants (w, t, 4), 1);
    cr_expect (t[0].tenant == 8 && t[0].waiting == 0);
    waiting_forget_told (w);
    cr_expect_eq (waiting_tenants (w, t, 1), 1);
    cr_expect (waiting_has_tenant_news (w), "one is left");
    cr_expect_eq (waiting_tenants (w, t, 1), 1);
    waiting_free (w);
}

/* A refusal that comes after the job was told anew says nothing about it. */
Test (waiting, a_refusal_counts_only_for_what_is_on_offer)
{
    struct waiting *w = waiting_new ();
    struct waiting_offer jobs[4];
    int64_t ids[4];
    struct waiting_job held = {
        .job = 1, .tenant = 1, .requirement = 5, .urgency = 16, .hold = YM_BY_OPERATOR};

    put_job (w, 1, 1, 5);
    cr_assert_eq (waiting_offer (w, jobs, 4), 1);
    waiting_put (w, &held, 1000);
    cr_expect_not (waiting_refuse (w, 1), "it is held, and known");
    cr_expect (waiting_has (w, 1));
    put_job (w, 1, 1, 5);
    cr_expect_not (waiting_refuse (w, 1), "it may start again");
    cr_assert_eq (waiting_withdrawn (w, ids, 4), 1);
    cr_assert_eq (waiting_offer (w, jobs, 4), 1);
    cr_expect (waiting_refuse (w, 1));
    cr_expect_not (waiting_has (w, 1));
    cr_expect_eq (waiting_withdrawn (w, ids, 4), 0, "assignment knows");
    cr_expect_not (waiting_refuse (w, 1));
    waiting_free (w);
}

Test (waiting, ahead)
{
    struct waiting *w = waiting_new ();

    for (int64_t j = 1; j <= 400; j++)
        put_job (w, j, 1, 5);
    for (int64_t j = 401; j <= 500; j++)
        put_job (w, j, 2, 5);
    put_urgent (w, 501, 2, 20);
    put_job (w, 502, 1, 6);
    waiting_set_weight (w, 2, 3);
    cr_expect_eq (waiting_ahead (w, 400).own, 399);
    cr_expect_eq (waiting_ahead (w, 11).own, 10);
    cr_expect_eq (waiting_ahead (w, 11).others, 31,
                  "three for each of ten, and the urgent one");
    cr_expect_eq (waiting_ahead (w, 400).others, 101, "all there are");
    cr_expect_eq (waiting_ahead (w, 502).own, 0);
    cr_expect_eq (waiting_ahead (w, 999).own, 0);
    waiting_free (w);
}

/* What they cost. */

static size_t octets_in_use (void)
{
    struct mallinfo2 m = mallinfo2 ();

    return m.uordblks + m.hblkhd;
}

Test (waiting, churn_is_bounded)
{
    struct waiting *w = waiting_new ();
    struct waiting_offer offers[4];
    int64_t ids[4];

    for (int64_t j = 1; j <= 100; j++)
        put_job (w, j, 1, 5);
    size_t before = octets_in_use ();
    for (int64_t i = 0; i < 100000; i++) {
        cr_assert (waiting_remove (w, 50));
        put_job (w, 50, 1, 5);
        put_job (w, 1000 + i, 3, 7 + (uint64_t)i);
        (void)waiting_offer (w, offers, 4);
        while (waiting_withdrawn (w, ids, 4) > 0)
            continue;
        cr_assert (waiting_take (w, 1000 + i));
    }
    size_t grown = octets_in_use () - before;
    cr_assert (SANITIZED || grown <= 65536, "%zu octets", grown);
    waiting_free (w);
}

static double seconds_since (struct timespec from)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from.tv_sec) + (double)(now.tv_nsec - from.tv_nsec) / 1e9;
}

Test (waiting, octets_a_job)
{
    enum { MANY = SANITIZED ? 100000 : 1000000, OCTETS = 64 };
    size_t before = octets_in_use ();
    struct waiting *w = waiting_new ();
    struct timespec from;

    (void)clock_gettime (CLOCK_MONOTONIC, &from);
    for (int64_t j = 1; j <= MANY; j++)
        put_job (w, j << 11, (uint32_t)j % 7, (uint64_t)j % 50);
    size_t each = (octets_in_use () - before) / MANY;
    cr_log_info ("%zu octets a waiting job, %d put in %.2f s", each, MANY,
                 seconds_since (from));
    cr_assert (SANITIZED || each <= OCTETS, "%zu octets", each);
    waiting_free (w);
}

Test (waiting, nothing_at_all)
{
    struct waiting *w = waiting_new ();
    struct waiting_offer offers[1];
    int64_t ids[1];

    waiting_free (NULL);
    cr_expect_not (waiting_remove (w, 1));
    cr_expect_not (waiting_take (w, 1));
    cr_expect_not (waiting_has (w, 1));
    cr_expect_eq (waiting_ahead (w, 1).own, 0);
    cr_expect_eq (waiting_offer (w, offers, 1), 0);
    cr_expect_eq (waiting_withdrawn (w, ids, 1), 0);
    cr_expect_eq (waiting_overdue (w, INT64_MAX / 2, ids, 1), 0);
    cr_expect_eq (waiting_counts (w).oldest, 0);
    cr_expect_eq (waiting_next_ms (w), 0);
    waiting_withdraw (w);
    waiting_free (w);
}

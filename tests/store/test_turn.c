/* test_turn.c - turns of the actors' skeleton against a real server: what belongs together is
 * committed together, only the culprit is given up, what is unknown is done again. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/actor/yard.h"
#include "common/base/own.h"
#include "common/base/time.h"
#include "tests/lib/cluster.h"

enum { LIMIT_MS = 10000, CULPRIT = 13, OWN = 77 };

static struct {
    struct ym_yard yard;
    unsigned turns, done, failed, recoveries, most_in_a_turn;
    int64_t failed_number, own_at; /* own_at: how many were done before OWN */
    char conninfo[CLUSTER_TEXT_MAX];
} test;

static const struct ym_statement divide = {
    "divide", "INSERT INTO thing SELECT $1::int8, 1 / ($1::int8 - 13) ON CONFLICT DO NOTHING"};
static const struct ym_statement divide_slowly = {
    "divide_slowly", "SELECT pg_sleep(CASE WHEN $1::int8 = 99 THEN 0.3 ELSE 0 END)"};

static void plan_numbers (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    test.turns++;
    if (count > test.most_in_a_turn)
        test.most_in_a_turn = (unsigned)count;
    for (size_t i = 0; i < count; i++) {
        (void)ym_turn_call (t, &divide_slowly);
        ym_param_int8 (t->batch, *(const int64_t *)items[i]->body);
        (void)ym_turn_call (t, &divide);
        ym_param_int8 (t->batch, *(const int64_t *)items[i]->body);
    }
}

static void done_numbers (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)t;
    for (size_t i = 0; i < count; i++) {
        if (*(const int64_t *)items[i]->body == OWN)
            test.own_at = test.done;
        test.done++;
    }
}

static void failed_number (void *me, struct ym_item *item)
{
    (void)me;
    test.failed++;
    test.failed_number = *(const int64_t *)item->body;
}

static const struct ym_work number_work = {.name = "number",
                                           .most = 20,
                                           .plan = plan_numbers,
                                           .done = done_numbers,
                                           .failed = failed_number};
static const struct ym_work forgotten_work = {.name = "forgotten",
                                              .most = 20,
                                              .forget_unknown = true,
                                              .plan = plan_numbers,
                                              .done = done_numbers,
                                              .failed = failed_number};
static const struct ym_work *const works[] = {&number_work, &forgotten_work, NULL};

static void recover (void *me)
{
    (void)me;
    test.recoveries++;
}

static const struct ym_actor actor = {.name = "test", .works = works, .recover = recover};

static void put_setting (struct ym_handover *h, const char *name, const char *value)
{
    cr_assert_eq (ym_handover_put (h, name, value), 0);
}

static struct ym_handover *settings (void)
{
    struct ym_handover *h = ym_handover_new (), *read = NULL;

    put_setting (h, "conninfo", test.conninfo);
    put_setting (h, "role", "postgres");
    put_setting (h, "name", "test_turn");
    put_setting (h, "connect_ms", "2000");
    put_setting (h, "statement_ms", "3000");
    cr_assert_eq (ym_handover_read (ym_handover_seal (h), &read), 0);
    ym_handover_free (h);
    return read;
}

/* The supervisor's end of the control pair, at the descriptor an actor expects. */
static void be_supervised (void)
{
    int pair[2];

    cr_assert_eq (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    cr_assert_eq (dup2 (pair[0], YM_FD_CONTROL), YM_FD_CONTROL);
}

static void begin (void)
{
    be_supervised ();
    cluster_database (test.conninfo);
    cluster_do (test.conninfo, "CREATE TABLE thing (number int8 PRIMARY KEY, share int8)");
    test.yard = (struct ym_yard){.actor = &actor,
                                 .me = &test,
                                 .handover = settings (),
                                 .lane_count = 1,
                                 .inbox_max = 100,
                                 .turn_max = 20};
    ym_lane_open (&test.yard, YM_LANE_WRITE);
}

static void end (void)
{
    ym_lane_close (&test.yard.lanes[0]);
    ym_handover_free (test.yard.handover);
}

TestSuite (turn, .init = begin, .fini = end, .timeout = 60);

static void put_number_for (const struct ym_work *work, int64_t number, int64_t key)
{
    int64_t *body = ym_new (sizeof *body);

    *body = number;
    ym_put_for (&test.yard, work, body, key);
}

static void put_number (const struct ym_work *work, int64_t number)
{
    put_number_for (work, number, 0);
}

static void step (void)
{
    struct ym_lane_state *lane = &test.yard.lanes[0];
    int64_t now = ym_time_mono_ms ();
    struct pollfd p = {.fd = -1};

    p.fd = ym_store_fd (lane->store, &p.events);
    int wait = ym_store_wait_ms (lane->store, now);
    (void)poll (&p, 1, wait < 0 || wait > 20 ? 20 : wait);
    ym_store_process (lane->store, ym_time_mono_ms ());
    ym_lane_step (lane, ym_time_mono_ms ());
}

static void run_until (const unsigned *count, unsigned least)
{
    int64_t limit = ym_time_mono_ms () + LIMIT_MS;

    while (*count < least) {
        cr_assert_lt (ym_time_mono_ms (), limit, "waited for %u, there are %u", least, *count);
        step ();
    }
}

static void await_idle (void)
{
    int64_t limit = ym_time_mono_ms () + LIMIT_MS;

    while (!test.yard.lanes[0].up || test.yard.lanes[0].recovering ||
           !ym_lane_is_idle (&test.yard.lanes[0])) {
        cr_assert_lt (ym_time_mono_ms (), limit);
        step ();
    }
}

Test (turn, is_what_gathered)
{
    await_idle ();
    for (int64_t i = 100; i < 120; i++)
        put_number (&number_work, i);
    run_until (&test.done, 20);
    cr_expect_eq (test.turns, 1, "twenty items, one transaction");
    cr_expect_eq (test.failed, 0);
    cluster_await (test.conninfo, "SELECT count(*) FROM thing", "20");
}

Test (turn, that_fails_is_replayed_and_only_the_culprit_is_given_up)
{
    await_idle ();
    for (int64_t i = 5; i < 20; i++)
        put_number (&number_work, i);
    run_until (&test.failed, 1);
    await_idle ();
    cr_expect_eq (test.failed, 1);
    cr_expect_eq (test.failed_number, CULPRIT);
    cr_expect_eq (test.done, 14);
    cr_expect_eq (test.turns, 16, "once together, then each alone");
    cluster_await (test.conninfo, "SELECT count(*) FROM thing", "14");
}

Test (turn, of_unknown_outcome_is_done_again_after_recovery)
{
    await_idle ();
    put_number (&number_work, 99);
    put_number (&number_work, 98);
    put_number (&forgotten_work, 97);
    while (!test.yard.lanes[0].busy)
        step ();
    cluster_await (test.conninfo,
                   "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test_turn' "
                   "AND wait_event = 'PgSleep'",
                   "1");
    cluster_do (test.conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                               "application_name = 'test_turn'");
    run_until (&test.done, 2);
    cr_expect_eq (test.recoveries, 2, "once at the start, once after the loss");
    cr_expect_eq (test.failed, 1, "what recovery makes up for is not done again");
    cr_expect_eq (test.failed_number, 97);
    cluster_await (test.conninfo, "SELECT count(*) FROM thing", "2");
}

Test (turn, takes_no_more_than_its_bound)
{
    await_idle ();
    for (int64_t i = 1000; i < 1090; i++)
        put_number (&number_work, i);
    run_until (&test.done, 90);
    cr_expect_eq (test.most_in_a_turn, 20);
    cr_expect_geq (test.turns, 5);
}

/* As many keys as there could be shares: one of them has whatever share is not kept free. */
Test (turn, of_the_actors_own_has_nobodys_backlog_before_it)
{
    await_idle ();
    for (int64_t key = 1; key <= YM_LANE_SHARES; key++)
        put_number_for (&number_work, 1000 + key, key);
    for (int64_t i = 0; i < 60; i++)
        put_number_for (&number_work, 2000 + i, YM_LANE_SHARES);
    put_number (&number_work, OWN);
    run_until (&test.done, YM_LANE_SHARES + 61);
    cr_expect_leq (test.own_at, YM_LANE_SHARES, "%lld were before it", (long long)test.own_at);
}

Test (turn, may_be_put_behind_what_a_key_has_asked)
{
    await_idle ();
    for (int64_t i = 0; i < 50; i++)
        put_number_for (&number_work, 1000 + i, 5);
    put_number_for (&number_work, OWN, 5);
    run_until (&test.done, 51);
    cr_expect_eq (test.own_at, 50);
}

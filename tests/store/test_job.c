/* test_job.c - jobs are accepted once and ended once, and told as they are. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/life.h"
#include "tests/lib/yard_sql.h"

TestSuite (job, .timeout = 60, .fini = yard_end);

/* Submitting. */

Test (job, submit_is_idempotent)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "fresh", "SELECT t.submit (1, 1, 'r', 'body')");
    yard_mark (su);
    yard_is (in, "same-1", "SELECT t.submit (2, 1, 'r', 'body')");
    yard_is (in, "other-1", "SELECT t.submit (3, 1, 'r', 'another body')");
    cr_assert (yard_is_unchanged (su));
    yard_is (in, "fresh", "SELECT t.submit (4, 2, 'r', 'body')");
    yard_is (su, "run QUEUED 1 0 0 0", "SELECT t.job (4)");
    yard_is (su, "2 2 2 2",
             "SELECT (SELECT count (*) FROM ym.job), (SELECT count (*) FROM ym.job_run),"
             " (SELECT count (*) FROM ym.job_event), (SELECT count (*) FROM ym.request)");
}

Test (job, same_request_twice_in_one_batch_is_one_job)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "fresh; again; fresh; again",
             "SELECT t.submit (ARRAY[1, 2, 3, 4], ARRAY[1, 1, 2, 1], ARRAY['r', 'r', 'r', 'r'],"
             " ARRAY['b', 'b', 'b', 'other'])");
    yard_is (su, "1; 3", "SELECT t.of (job_id) FROM ym.job ORDER BY 1");
    yard_is (su, "1; 3", "SELECT t.of (job_id) FROM ym.job_run ORDER BY 1");
    yard_is (su, "1 1; 3 1", "SELECT t.of (job_id), seq FROM ym.job_event ORDER BY 1");
    yard_is (
        in, "same-1; other-1",
        "SELECT t.submit (ARRAY[2, 4], ARRAY[1, 1], ARRAY['r', 'r'], ARRAY['b', 'other'])");
}

Test (job, same_request_from_two_sessions_is_one_job)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    PGconn *su = yard_session (NULL);

    yard_is (a, "fresh", "SELECT t.submit (0, 1, 'q', 'body')");
    yard_do (a, "BEGIN");
    yard_is (a, "fresh", "SELECT t.submit (1, 1, 'r', 'body')");
    yard_block (b, "SELECT t.submit (2, 1, 'r', 'body')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "again");
    yard_is (b, "same-1", "SELECT t.submit (2, 1, 'r', 'body')");
    yard_is (su, "0; 1", "SELECT t.of (job_id) FROM ym.job ORDER BY 1");

    yard_do (a, "BEGIN");
    yard_is (a, "fresh", "SELECT t.submit (3, 1, 's', 'body')");
    yard_block (b, "SELECT t.submit (4, 1, 's', 'body')");
    yard_do (a, "ROLLBACK");
    yard_then_is (b, "fresh");
    yard_is (su, "0; 1; 4", "SELECT t.of (job_id) FROM ym.job ORDER BY 1");
}

Test (job, an_id_given_twice_stores_nothing)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "fresh", "SELECT t.submit (1, 1, 'r', 'body')");
    yard_mark (su);
    yard_says_no (in, "23505", "SELECT t.submit (1, 1, 's', 'body')");
    yard_says_no (
        in, "23505",
        "SELECT t.submit (ARRAY[2, 1], ARRAY[1, 1], ARRAY['s', 'u'], ARRAY['b', 'b'])");
    cr_assert (yard_is_unchanged (su));
}

Test (job, submit_keeps_what_was_given)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "fresh", "SELECT t.submit (1, 1, 'r', 'body', 2::int2)");
    yard_is (su, "1 2 7 1000 5 body git body body null body",
             "SELECT tenant_id, tier, requirement, submitted_ms, submitted_by, name, kind,"
             " source, target, trace, convert_from (payload, 'UTF8') FROM ym.job");
    yard_is (su, "50 100 100 5",
             "SELECT on_event, from_state, state, who FROM ym.job_event WHERE seq = 1");
    yard_is (su, "7 shared||git", "SELECT requirement, text FROM ym.requirement");
}

/* Terminating. */

Test (job, terminate_by_where_the_job_is)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);
    int64_t fence;

    yard_is (in, "fresh; fresh; fresh",
             "SELECT t.submit (ARRAY[1, 2, 3], ARRAY[1, 1, 2], ARRAY['1', '2', '3'],"
             " ARRAY['b', 'b', 'b'])");
    fence = yard_number (as, "SELECT t.lease (2, 9)");
    yard_mark (su);
    yard_is (in, "2 0 0", "SELECT t.terminate (99, 1, 1, 'x')");
    yard_is (in, "2 0 0", "SELECT t.terminate (3, 1, 1, 'x')");
    cr_assert (yard_is_unchanged (su), "unknown and another tenant's: nothing happens");

    yard_is (in, "0 910 2", "SELECT t.terminate (1, 1, 1, 'q')");
    yard_is (su, "done TERMINATED 2 0", "SELECT t.job (1)");
    yard_is (in, "0 200 3", "SELECT t.terminate (2, 1, 1, 'run')");
    yard_is (su, "run LEASED 3 1 0 1", "SELECT t.job (2)");
    yard_is (in, "0 200 3", "SELECT t.terminate (2, 1, 1, 'wished again')");
    yard_is (su, "run LEASED 3 1 0 1", "SELECT t.job (2)");
    yard_mark (su);
    yard_is (in, "3 0 0", "SELECT t.terminate (1, 1, 1, 'once more')");
    yard_is (in, "2 0 0", "SELECT t.terminate (1, 2, 2, 'once more')");
    yard_is (in, "1 0 0", "SELECT t.terminate (1, 1, 1, 'q')");
    yard_is (in, "1 0 0", "SELECT t.terminate (2, 1, 1, 'run')");
    cr_assert (yard_is_unchanged (su), "final, and repeated: nothing happens");
    yard_is (in, "0 910 2", "SELECT t.terminate (3, 0, 1, 'operator')");
    yard_is (su, "8 100 910 why; 52 200 200 why",
             "SELECT on_event, from_state, state, detail FROM ym.job_event"
             " WHERE detail <> '' AND t.of (job_id) < 3 ORDER BY job_id");
    cr_assert_gt (fence, 0);
}

Test (job, same_termination_from_two_sessions)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    PGconn *as = yard_session ("ym_assignment"), *su = yard_session (NULL);

    yard_is (a, "fresh; fresh",
             "SELECT t.submit (ARRAY[1, 2], ARRAY[1, 1], ARRAY['1', '2'], ARRAY['b', 'b'])");
    yard_do (a, "BEGIN");
    yard_is (a, "0 910 2", "SELECT t.terminate (1, 1, 1, 'x')");
    yard_block (b, "SELECT t.terminate (1, 1, 1, 'x')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "1 0 0");

    (void)yard_number (as, "SELECT t.lease (2, 9)");
    yard_do (a, "BEGIN");
    yard_is (a, "0 200 3", "SELECT t.terminate (2, 1, 1, 'y')");
    yard_block (b, "SELECT t.terminate (2, 1, 1, 'y')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "1 0 0");
    yard_is (su, "run LEASED 3 1 0 1", "SELECT t.job (2)");
}

Test (job, terminate_against_a_lease)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);
    char fence[40];

    yard_is (in, "fresh; fresh; fresh",
             "SELECT t.submit (ARRAY[1, 2, 3], ARRAY[1, 1, 1], ARRAY['1', '2', '3'],"
             " ARRAY['b', 'b', 'b'])");
    yard_do (in, "BEGIN");
    yard_is (in, "0 910 2", "SELECT t.terminate (1, 1, 1, 'x')");
    yard_block (as, "SELECT t.lease (1, 9)");
    yard_do (in, "COMMIT");
    yard_then_is (as, "");
    yard_is (su, "done TERMINATED 2 0", "SELECT t.job (1)");

    yard_do (as, "BEGIN");
    (void)yard_number (as, "SELECT t.lease (2, 9)");
    yard_block (in, "SELECT t.terminate (2, 1, 1, 'y')");
    yard_do (as, "COMMIT");
    yard_then_is (in, "0 200 3");
    yard_is (su, "run LEASED 3 1 0 1", "SELECT t.job (2)");

    yard_do (in, "BEGIN");
    yard_is (in, "0 910 2", "SELECT t.terminate (3, 1, 1, 'z')");
    yard_block (as, "SELECT t.lease (3, 9)");
    strcpy (fence, yard_ask (su, "SELECT fence + 1 FROM ym.owner WHERE scope = 'assignment'"));
    yard_do (in, "ROLLBACK");
    yard_then_is (as, fence);
}

/* Telling. */

static void some_history (PGconn *in, PGconn *as)
{
    int64_t fence;

    yard_is (in, "fresh; fresh",
             "SELECT t.submit (ARRAY[1, 2], ARRAY[1, 2], ARRAY['1', '2'], ARRAY['b', 'c'])");
    fence = yard_number (as, "SELECT t.lease (1, 9)");
    yard_is (as, "t", "SELECT t.started (1, %ld, 9)", (long)fence);
    yard_is (as, "t", "SELECT t.checkpoint (1, %ld, 9, 1)", (long)fence);
}

Test (job, get_tells_only_what_one_may_see)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");

    some_history (in, as);
    yard_is (in, "1 1 one 400 4; 4 2 two 100 1; 5 1 one 400 4",
             "SELECT ix, t.of (job_id), tenant, state, seq FROM ym.job_get ("
             " ARRAY[t.id (1), t.id (2), t.id (99), t.id (2), t.id (1)], ARRAY[1, 1, 0, 0, 0])"
             " ORDER BY ix");
    yard_is (in, "1 100 10 51 400",
             "SELECT checkpoint, total, done, on_event, from_state"
             " FROM ym.job_get (ARRAY[t.id (1)], ARRAY[1])");
}

Test (job, events_are_complete)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");

    some_history (in, as);
    yard_is (in, "1 0 0; 1 2 2; 1 3 3; 2 0 0",
             "SELECT t.of (job_id), seq, on_event FROM ym.job_events ("
             " ARRAY[t.id (1), t.id (2)], ARRAY[1, 1], 2)");
    yard_is (in, "0 10 100; 4 0 0",
             "SELECT seq, done, total FROM ym.job_events (ARRAY[t.id (1)], ARRAY[3], 9)");
    yard_is (in, "", "SELECT seq FROM ym.job_events (ARRAY[t.id (77)], ARRAY[0], 9)");
    yard_is (in, "0 910 2", "SELECT t.terminate (2, 2, 2, 'x')");
    yard_is (in, "1; 2", "SELECT seq FROM ym.job_events (ARRAY[t.id (2)], ARRAY[0], 9)");
}

/* All pages of a list are its whole, each job once, whatever the filter. */
static void page_through (PGconn *in, int tenant, int limit, int state, int tier,
                          int64_t expected)
{
    static char seen[20000];
    int64_t before = INT64_MAX, count = 0;

    for (;;) {
        int64_t n, last;
        (void)snprintf (seen, sizeof seen, "ym.job_list (%d, %ld, %d, %d::int2, %d::int2)",
                        tenant, (long)before, limit, state, tier);
        n = yard_number (in, "SELECT count (*) FROM %s WHERE fits", seen);
        yard_is (in, "t",
                 "SELECT COALESCE (bool_and (o), true) FROM (SELECT job_id < lag (job_id, 1,"
                 " %ld::int8) OVER () AS o FROM %s) x",
                 (long)before, seen);
        count += n;
        cr_assert_leq (n, limit);
        last = yard_number (in, "SELECT COALESCE (min (job_id), 0) FROM %s", seen);
        if (last == 0)
            break;
        before = last;
    }
    cr_assert_eq (count, expected, "tenant %d state %d tier %d: %ld of %ld", tenant, state,
                  tier, (long)count, (long)expected);
}

Test (job, list_is_complete)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);

    for (int tier = 0; tier < 3; tier++)
        yard_do (in,
                 "SELECT t.submit (array_agg (n), array_agg ((1 + n %% 2)::int4),"
                 " array_agg (n::text), array_agg (n::text), %d::int2)"
                 " FROM generate_series (%d, %d) n",
                 tier, 100 * tier, 100 * tier + 99);
    for (int i = 0; i < 300; i += 7)
        (void)yard_number (as, "SELECT t.lease (%d, 9)", i);
    for (int i = 1; i < 300; i += 9)
        yard_do (in, "SELECT t.terminate (%d, 0, 1, 't%d')", i, i);
    for (int tenant = 0; tenant < 3; tenant++)
        for (int state = 0; state < 4; state++)
            for (int tier = -1; tier < 3; tier += 2) {
                static const int states[] = {0, YM_JOB_QUEUED, YM_JOB_LEASED,
                                             YM_JOB_TERMINATED};
                int64_t all = yard_number (
                    su,
                    "SELECT count (*) FROM ym.job_status WHERE (%d = 0 OR tenant_id = %d)"
                    " AND (%d = 0 OR state = %d) AND (%d < 0 OR tier = %d)",
                    tenant, tenant, states[state], states[state], tier, tier);
                page_through (in, tenant, 17, states[state], tier, all);
            }
}

Test (job, list_looks_at_a_bounded_number)
{
    PGconn *in = yard_session ("ym_intake");

    yard_do (in, "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text),"
                 " array_agg (n::text)) FROM generate_series (1, 6000) n");
    yard_do (in, "SELECT t.terminate (3, 1, 1, 'x')");
    yard_is (in, "1001 f",
             "SELECT t.of (job_id), fits FROM ym.job_list (1, %ld, 10, 910::int2,"
             " (-1)::int2)",
             (long)INT64_MAX);
    yard_is (in, "3 t",
             "SELECT t.of (job_id), fits FROM ym.job_list (1, t.id (1001), 10,"
             " 910::int2, (-1)::int2)");
}

Test (job, queue_loads_what_waits)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *queue = yard_session ("ym_queue");
    int64_t fence;

    yard_do (in, "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text),"
                 " array_agg (n::text), 1::int2) FROM generate_series (1, 9) n");
    yard_is (in, "fresh", "SELECT t.submit (10, 1, 'other', 'tier', 2::int2)");
    yard_do (in, "SELECT t.terminate (3, 1, 1, 'x')");
    fence = yard_number (as, "SELECT t.lease (4, 9)");
    (void)yard_number (as, "SELECT t.lease (6, 9)");
    yard_is (as, "100", "SELECT t.finish (4, %ld, 9, 'RETRY')", (long)fence);
    yard_is (queue, "2 1 7; 4 1 7; 5 1 7; 7 1 7",
             "SELECT t.of (job_id), tenant_id, requirement FROM ym.queue_load (1::int2,"
             " t.id (1), 4)");
    yard_is (queue, "10", "SELECT t.of (job_id) FROM ym.queue_load (2::int2, 0, 9)");
    yard_is (queue, "", "SELECT t.of (job_id) FROM ym.queue_load (0::int2, 0, 9)");
}

/* The tests' superuser makes the rows as they could be; who moves them there is tested
 * elsewhere. */
Test (job, queue_loads_what_waits_and_why_it_waits)
{
    PGconn *in = yard_session ("ym_intake"), *queue = yard_session ("ym_queue");
    PGconn *su = yard_session (NULL);

    yard_do (in, "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text),"
                 " array_agg (n::text)) FROM generate_series (1, 7) n");
    yard_do (su, "UPDATE ym.job_run SET held = 2 WHERE job_id = t.id (2)");
    yard_do (su, "UPDATE ym.job_run SET urgency = 0, unmet = 3 WHERE job_id = t.id (3)");
    yard_do (su, "UPDATE ym.job_run SET not_before_ms = 77, wait_until_ms = 88"
                 " WHERE job_id = t.id (4)");
    yard_do (su, "UPDATE ym.job_run SET wait_until_ms = 88, attempt = 1, came_back = true"
                 " WHERE job_id = t.id (5)");
    yard_do (su, "UPDATE ym.job_run SET ends_as = 910, held = 1, urgency = 0, unmet = 1,"
                 " not_before_ms = 77, wait_until_ms = 88 WHERE job_id = t.id (6)");
    yard_do (su, "UPDATE ym.job_run SET state = 520 WHERE job_id = t.id (7)");
    yard_is (queue,
             "1 16 0 0 0 0 f; 2 16 2 0 0 0 f; 3 0 0 3 0 0 f; 4 16 0 0 77 88 f; 5 16 0 0 0 0 t;"
             " 6 31 0 0 0 0 f",
             "SELECT t.of (job_id), urgency, hold, unmet, not_before_ms, wait_until_ms,"
             " came_back FROM ym.queue_load (0::int2, 0, 9)");
    yard_is (su, "6", "SELECT count (*) FROM ym.waiting");
}

Test (job, queue_reads_the_policy)
{
    PGconn *queue = yard_session ("ym_queue"), *su = yard_session (NULL);

    yard_is (queue, "0 f ; 1 f ; 2 f ", "SELECT tier, stopped, reason FROM ym.policy_gates ()");
    yard_do (su, "UPDATE ym.queue_gate SET stopped = true, reason = 'full' WHERE tier = 1");
    yard_do (su, "UPDATE ym.tenant SET weight = 3 WHERE name = 'two'");
    yard_is (queue, "1 full", "SELECT tier, reason FROM ym.policy_gates () WHERE stopped");
    yard_is (queue, "two 3", "SELECT name, weight FROM ym.policy_tenants () WHERE weight > 1");
}

/* Ids and partitions. */

Test (job, ids_are_reserved_once)
{
    PGconn *in = yard_session ("ym_intake");
    int64_t epoch = yard_number (in, "SELECT epoch FROM ym.owner_claim ('intake')");

#define RESERVE(expected, now)                                                                 \
    yard_is (in, expected,                                                                     \
             "SELECT from_ms, until_ms FROM ym.id_reserve ('intake', %ld, %d, 10)",            \
             (long)epoch, now)
    RESERVE ("1000 1010", 1000);
    RESERVE ("1010 1020", 1000);
    RESERVE ("1020 1030", 3); /* the clock was set back */
    RESERVE ("5000 5010", 5000);
    RESERVE ("5010 5020", 5005);
    yard_is (in, "", "SELECT from_ms FROM ym.id_reserve ('intake', %ld, 1, 10)",
             (long)epoch - 1);
    epoch = yard_number (in, "SELECT epoch FROM ym.owner_claim ('intake')");
    RESERVE ("5020 5030", 1);
#undef RESERVE
}

Test (job, ids_of_two_sessions_never_overlap)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    long epoch = (long)yard_number (a, "SELECT epoch FROM ym.owner_claim ('intake')");

    yard_do (a, "BEGIN");
    yard_is (a, "1000 1010",
             "SELECT from_ms, until_ms FROM ym.id_reserve ('intake', %ld, 1000, 10)", epoch);
    yard_block (b, "SELECT from_ms, until_ms FROM ym.id_reserve ('intake', %ld, 1000, 10)",
                epoch);
    yard_do (a, "COMMIT");
    yard_then_is (b, "1010 1020");
}

Test (job, partitions_are_made_once)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    const char *far = "SELECT ym.partitions_ahead (1900000000000)";

    yard_is (a, "0",
             "SELECT ym.partitions_ahead ((extract (epoch FROM clock_timestamp ())"
             " * 1000)::int8)");
    yard_do (a, "BEGIN");
    yard_is (a, "20", "%s", far);
    yard_block (b, "%s", far);
    yard_do (a, "COMMIT");
    yard_then_is (b, "0");
    yard_is (a, "5", "SELECT ym.partitions_ahead (1900000000000 + 86400000)");
}

/* A new day does not wait for who writes today, nor the other way round. */
Test (job, partitions_disturb_nobody)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");

    yard_do (a, "SET lock_timeout = 200; BEGIN");
    yard_do (b, "SET lock_timeout = 200; BEGIN");
    yard_is (a, "fresh", "SELECT t.submit (1, 1, 'r', 'b')");
    yard_is (b, "20", "SELECT ym.partitions_ahead (1900000000000)");
    yard_is (a, "fresh", "SELECT t.submit (2, 1, 's', 'b')");
    yard_do (a, "COMMIT");
    yard_do (b, "COMMIT");
}

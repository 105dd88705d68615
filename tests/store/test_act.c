/* test_act.c - changes to one job, and who waits for whom. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/enums.h"
#include "common/base/life.h"
#include "tests/lib/yard_sql.h"

TestSuite (act, .timeout = 60, .fini = yard_end);

/* One call of job_act: on and to, and the columns after it. */
struct change {
    int job, seq;
    const char *request;
    int on, to, wanted, suspender, hold, urgency, tier, ends_as;
    bool forget;
    int wait_for, condition;
    const char *detail;
};
#define AS_IT_WAS .to = YM_JOB_QUEUED, .urgency = 16

static char text[2000];

/* "own waiting job tier urgency hold unmet" of each row. */
static const char *act (struct change c)
{
    (void)snprintf (
        text, sizeof text,
        "SELECT own, waiting, t.of (job_id), tier, urgency, hold, unmet FROM ym.job_act (9000,"
        " t.id (%d), %d, 1, 5, t.request ('%s'), t.digest ('b'), '\\x01', %d::int2, %d::int2,"
        " '%s', %d::int2, %d::int2, %d::int2, %d::int2, %d::int2, %d::int2, %s,"
        " CASE %d WHEN 0 THEN 0 ELSE t.id (%d) END, %d::int2)",
        c.job, c.seq, c.request, c.on, c.to, c.detail ? c.detail : "why", c.wanted, c.suspender,
        c.hold, c.urgency, c.tier, c.ends_as, c.forget ? "true" : "false", c.wait_for,
        c.wait_for, c.condition);
    return text;
}

/* "state seq wanted suspender held urgency tier ends_as unmet awaited" */
static void job_is (PGconn *su, int job, const char *expected)
{
    yard_is (su, expected,
             "SELECT s.name, r.seq, wanted, suspender, held, urgency, tier, ends_as, unmet,"
             " awaited FROM ym.job_run r JOIN ym.state s ON s.machine = 'job'"
             " AND s.number = r.state WHERE r.job_id = t.id (%d)",
             job);
}

static void three_jobs (PGconn *in)
{
    yard_is (in, "fresh; fresh; fresh",
             "SELECT t.submit (ARRAY[1, 2, 3], ARRAY[1, 1, 1], ARRAY['1', '2', '3'],"
             " ARRAY['b', 'b', 'b'])");
}

Test (act, waiting_jobs_change_in_place)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    three_jobs (in);
    yard_is (in, "t t 1 0 16 1 0", "%s",
             act ((struct change){1, 1, "hold", YM_JOB_NOTE_HELD, AS_IT_WAS,
                                  .hold = YM_BY_OPERATOR, .detail = "look first"}));
    job_is (su, 1, "QUEUED 2 0 0 1 16 0 0 0 f");
    yard_is (su, "1 look first 5 9000", "SELECT hold, reason, who, at_ms FROM ym.hold");
    yard_is (in, "t t 1 0 20 1 0", "%s",
             act ((struct change){1, 2, "urge", YM_JOB_NOTE_CHANGED, .to = YM_JOB_QUEUED,
                                  .hold = YM_BY_OPERATOR, .urgency = 20}));
    yard_is (su, "look first", "SELECT reason FROM ym.hold");
    yard_is (in, "t t 1 0 20 0 0", "%s",
             act ((struct change){1, 3, "release", YM_JOB_NOTE_RELEASED, .to = YM_JOB_QUEUED,
                                  .urgency = 20}));
    yard_is (su, "0", "SELECT count (*) FROM ym.hold");
    yard_is (in, "t t 1 2 20 0 0", "%s",
             act ((struct change){1, 4, "retier", YM_JOB_NOTE_CHANGED, .to = YM_JOB_QUEUED,
                                  .urgency = 20, .tier = YM_PLATINUM}));
    job_is (su, 1, "QUEUED 5 0 0 0 20 2 0 0 f");
    yard_is (in, "2", "SELECT tier FROM ym.job_get (ARRAY[t.id (1)], ARRAY[1])");
    yard_is (su, "1 50; 2 57; 3 59; 4 58; 5 59",
             "SELECT seq, on_event FROM ym.job_event WHERE job_id = t.id (1) ORDER BY 1");
}

Test (act, suspend_resume_and_end)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    three_jobs (in);
    yard_is (in, "t f 1 0 0 0 0", "%s",
             act ((struct change){1, 1, "s", YM_JOB_ON_SUSPEND, .to = YM_JOB_SUSPENDED,
                                  .suspender = YM_OWNER, .urgency = 16}));
    job_is (su, 1, "SUSPENDED 2 0 3 0 16 0 0 0 f");
    yard_is (in, "t t 1 0 16 0 0", "%s",
             act ((struct change){1, 2, "r", YM_JOB_ON_RESUME, AS_IT_WAS}));
    yard_is (in, "t f 1 0 0 0 0", "%s",
             act ((struct change){1, 3, "t", YM_JOB_ON_TERMINATE, .to = YM_JOB_TERMINATED}));
    yard_is (su, "done TERMINATED 4 0", "SELECT t.job (1)");
    yard_is (su, "why", "SELECT result FROM ym.job_done");
}

Test (act, a_wish_for_a_running_job)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);
    struct change wish = {1,
                          2,
                          "s",
                          YM_JOB_NOTE_SUSPEND_WANTED,
                          .to = YM_JOB_LEASED,
                          .wanted = YM_SUSPEND,
                          .suspender = YM_OPERATING,
                          .urgency = 16};

    three_jobs (in);
    (void)yard_number (as, "SELECT t.lease (1, 9)");
    yard_is (in, "t f 1 0 0 0 0", "%s", act (wish));
    job_is (su, 1, "LEASED 3 2 4 0 16 0 0 0 f");
    yard_is (su, "9000 0 3000",
             "SELECT wanted_at, state_count, state_at FROM ym.job_run"
             " WHERE wanted <> 0");
}

/* What was decided with another number is not stored, and leaves no trace. */
Test (act, only_what_did_not_move_changes)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    struct change hold = {1, 1, "x", YM_JOB_NOTE_HELD, AS_IT_WAS, .hold = YM_BY_OPERATOR};

    three_jobs (in);
    yard_mark (su);
    hold.seq = 2;
    yard_is (in, "", "%s", act (hold));
    hold.job = 77;
    yard_is (in, "", "%s", act (hold));
    cr_assert (yard_is_unchanged (su));
    hold.job = hold.seq = 1;
    yard_is (in, "t t 1 0 16 1 0", "%s", act (hold));
    yard_mark (su);
    hold.seq = 2;
    yard_is (in, "", "%s", act (hold));
    cr_assert (yard_is_unchanged (su), "the request is used");
}

/* Nothing to change is an answer too, and is repeated. */
Test (act, nothing_to_do_keeps_the_answer)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    struct change nothing = {1, 1, "x", .to = YM_JOB_QUEUED, .urgency = 16};

    three_jobs (in);
    yard_is (in, "t t 1 0 16 0 0", "%s", act (nothing));
    job_is (su, 1, "QUEUED 1 0 0 0 16 0 0 0 f");
    yard_is (in, "", "%s", act (nothing));
    yard_is (in, "t \\x01",
             "SELECT digest = t.digest ('b'), reply FROM ym.job_facts (ARRAY[t.id (1)],"
             " ARRAY[1], ARRAY[1], ARRAY[t.request ('x')], ARRAY[0]::int8[])");
}

Test (act, two_sessions_change_one_job)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    PGconn *su = yard_session (NULL);
    struct change hold = {1, 1, "a", YM_JOB_NOTE_HELD, AS_IT_WAS, .hold = YM_BY_OPERATOR};

    three_jobs (a);
    yard_do (a, "BEGIN");
    yard_is (a, "t t 1 0 16 1 0", "%s", act (hold));
    hold.request = "b";
    yard_block (b, "%s", act (hold));
    yard_do (a, "COMMIT");
    yard_then_is (b, "");
    job_is (su, 1, "QUEUED 2 0 0 1 16 0 0 0 f");

    hold = (struct change){2, 1, "c", YM_JOB_NOTE_HELD, AS_IT_WAS, .hold = YM_BY_OPERATOR};
    yard_do (a, "BEGIN");
    yard_is (a, "t t 2 0 16 1 0", "%s", act (hold));
    yard_block (b, "%s", act (hold));
    yard_do (a, "ROLLBACK");
    yard_then_is (b, "t t 2 0 16 1 0");
}

/* Also if the other one is a submit. */
Test (act, one_request_from_two_sessions)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    PGconn *su = yard_session (NULL);

    three_jobs (a);
    yard_do (a, "BEGIN");
    yard_is (a, "fresh", "SELECT t.submit (4, 1, 'x', 'b')");
    yard_block (b, "%s",
                act ((struct change){1, 1, "x", YM_JOB_ON_TERMINATE, .to = YM_JOB_TERMINATED}));
    yard_do (a, "COMMIT");
    yard_then_is (b, "");
    yard_is (su, "run QUEUED 1 0 0 0", "SELECT t.job (1)");

    yard_do (a, "BEGIN");
    yard_is (a, "0 910 2", "SELECT t.terminate (2, 1, 1, 'y')");
    yard_block (b, "SELECT t.submit (5, 1, 'y', 'other')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "again");
    yard_is (su, "1; 2; 3; 4", "SELECT t.of (job_id) FROM ym.job ORDER BY 1");
}

Test (act, against_a_lease)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    struct change hold = {1, 1, "a", YM_JOB_NOTE_HELD, AS_IT_WAS, .hold = YM_BY_OPERATOR};

    three_jobs (in);
    yard_do (as, "BEGIN");
    (void)yard_number (as, "SELECT t.lease (1, 9)");
    yard_block (in, "%s", act (hold));
    yard_do (as, "COMMIT");
    yard_then_is (in, "");
    hold.job = 2;
    yard_do (in, "BEGIN");
    yard_is (in, "t t 2 0 16 1 0", "%s", act (hold));
    yard_block (as, "SELECT t.lease (2, 9)");
    yard_do (in, "COMMIT");
    yard_then_is (as, "");
}

/* Dependencies. */

static const char *wait_for (int job, int seq, int on, int condition)
{
    static int n;
    static char request[20];

    (void)snprintf (request, sizeof request, "w%d", n++);
    return act ((struct change){job, seq, request, YM_JOB_NOTE_CHANGED, AS_IT_WAS,
                                .wait_for = on, .condition = condition});
}

static const char *end (int job, int seq, int to)
{
    static char request[20];

    (void)snprintf (request, sizeof request, "end%d", job);
    return act ((struct change){job, seq, request, YM_JOB_ON_TERMINATE, .to = to});
}

Test (act, waits_for_another_and_is_told)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    three_jobs (in);
    yard_is (in, "t t 2 0 16 0 1", "%s", wait_for (2, 1, 1, YM_AFTER_ANY));
    yard_is (in, "t t 3 0 16 0 1", "%s", wait_for (3, 1, 1, YM_AFTER_SUCCESS));
    yard_is (in, "t t 3 0 16 0 2", "%s", wait_for (3, 2, 2, YM_AFTER_ANY));
    yard_is (in, "t t 3 0 16 0 2", "%s", wait_for (3, 3, 2, YM_AFTER_SUCCESS));
    job_is (su, 1, "QUEUED 1 0 0 0 16 0 0 0 t");
    yard_is (in, "2",
             "SELECT awaiting FROM ym.job_facts (ARRAY[t.id (1)], ARRAY[1],"
             " ARRAY[1], ARRAY[t.request ('-')], ARRAY[0]::int8[])");
    yard_is (in, "t f 1 0 0 0 0; f t 2 0 16 0 0; f t 3 0 16 5 1", "%s",
             end (1, 1, YM_JOB_TERMINATED));
    job_is (su, 2, "QUEUED 3 0 0 0 16 0 0 0 t");
    job_is (su, 3, "QUEUED 6 0 0 5 16 0 0 1 f");
    yard_is (su, "t",
             "SELECT reason = ym.job_name (t.id (1)) || ' ended TERMINATED' FROM ym.hold");
    yard_is (su, "5 63; 6 57",
             "SELECT seq, on_event FROM ym.job_event WHERE job_id = t.id (3) AND seq > 4"
             " ORDER BY 1");
    yard_is (in, "t f 3 0 0 0 0", "%s", end (3, 6, YM_JOB_TERMINATED));
    yard_is (su, "0 0",
             "SELECT (SELECT count (*) FROM ym.hold),"
             " (SELECT count (*) FROM ym.dependency)");
}

Test (act, no_cycle_is_stored)
{
    PGconn *in = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    PGconn *su = yard_session (NULL);

    three_jobs (in);
    yard_is (in, "t t 2 0 16 0 1", "%s", wait_for (2, 1, 1, YM_AFTER_ANY));
    yard_is (in, "t t 3 0 16 0 1", "%s", wait_for (3, 1, 2, YM_AFTER_ANY));
    yard_mark (su);
    yard_is (in, "", "%s", wait_for (1, 1, 3, YM_AFTER_ANY));
    yard_is (in, "", "%s", wait_for (1, 1, 2, YM_AFTER_ANY));
    cr_assert (yard_is_unchanged (su));
    yard_is (in, "t t; f f",
             "SELECT on_found, on_leads_here FROM ym.job_facts (ARRAY[t.id (1), t.id (1)],"
             " ARRAY[1, 1], ARRAY[1, 1], ARRAY[t.request ('-'), t.request ('-')],"
             " ARRAY[t.id (3), t.id (50)]) ORDER BY ix");
    yard_is (in, "fresh; fresh",
             "SELECT t.submit (ARRAY[4, 5], ARRAY[1, 1], ARRAY['4', '5'], ARRAY['b', 'b'])");
    yard_do (in, "BEGIN");
    yard_is (in, "t t 4 0 16 0 1", "%s", wait_for (4, 1, 5, YM_AFTER_ANY));
    yard_block (b, "%s", wait_for (5, 1, 4, YM_AFTER_ANY));
    yard_do (in, "COMMIT");
    yard_then_is (b, "");
}

/* Whoever is first, the other one sees it. */
Test (act, a_dependency_meets_its_end)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    PGconn *su = yard_session (NULL);

    three_jobs (a);
    yard_do (a, "BEGIN");
    yard_is (a, "t f 1 0 0 0 0", "%s", end (1, 1, YM_JOB_TERMINATED));
    yard_block (b, "%s", wait_for (2, 1, 1, YM_AFTER_ANY));
    yard_do (a, "COMMIT");
    yard_then_is (b, "");
    yard_is (a, "t 910",
             "SELECT on_found, on_state FROM ym.job_facts (ARRAY[t.id (2)],"
             " ARRAY[1], ARRAY[1], ARRAY[t.request ('-')], ARRAY[t.id (1)])");

    yard_do (a, "BEGIN");
    yard_is (a, "t t 3 0 16 0 1", "%s", wait_for (3, 1, 2, YM_AFTER_ANY));
    yard_block (b, "%s", end (2, 1, YM_JOB_TERMINATED));
    yard_do (a, "COMMIT");
    yard_then_is (b, "t f 2 0 0 0 0; f t 3 0 16 0 0");
    job_is (su, 3, "QUEUED 3 0 0 0 16 0 0 0 f");
}

/* Its owner could lift a hold for a dependency. */
Test (act, an_operators_hold_outlasts_a_bad_end)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    three_jobs (in);
    yard_is (in, "t t 2 0 16 0 1", "%s", wait_for (2, 1, 1, YM_AFTER_SUCCESS));
    yard_is (in, "t t 2 0 16 1 1", "%s",
             act ((struct change){2, 2, "hold", YM_JOB_NOTE_HELD, AS_IT_WAS,
                                  .hold = YM_BY_OPERATOR, .detail = "look first"}));
    yard_is (in, "t f 1 0 0 0 0; f t 2 0 16 1 0", "%s", end (1, 1, YM_JOB_TERMINATED));
    job_is (su, 2, "QUEUED 5 0 0 1 16 0 0 0 f");
    yard_is (su, "1 5 t",
             "SELECT hold, who, reason = 'look first; ' || ym.job_name (t.id (1)) ||"
             " ' ended TERMINATED' FROM ym.hold");
}

/* Submitting with orders. */

static const char *submit (int job, const char *request, const char *orders)
{
    (void)snprintf (text, sizeof text,
                    "SELECT fresh, digest IS NULL, hold, unmet, strange FROM ym.job_submit ("
                    "1000, ARRAY[7]::int8[], ARRAY['shared||git'], ARRAY[t.id (%d)], ARRAY[1],"
                    " ARRAY[5]::int8[], ARRAY[t.request ('%s')], ARRAY[t.digest ('b')],"
                    " ARRAY[0]::int2[], ARRAY[7]::int8[], ARRAY['n'], ARRAY['git'], ARRAY['s'],"
                    " ARRAY['t'], ARRAY[''::bytea], ARRAY[''::bytea], %s)",
                    job, request, orders);
    return text;
}

Test (act, submit_with_orders)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "t t 2 0 f", "%s",
             submit (1, "1",
                     "ARRAY[5]::int2[], ARRAY[2]::int2[], ARRAY[true],"
                     " ARRAY[5000]::int8[], ARRAY[60000, 7000]::int8[]"));
    yard_is (su, "5 2 t 5000 60000 8000 1",
             "SELECT urgency, held, fixed, not_before_ms, run_limit_ms, wait_until_ms, seq"
             " FROM ym.job_run");
    yard_is (su, "2 5", "SELECT hold, who FROM ym.hold");
    yard_is (in, "5 2 5000 60000 shared||git",
             "SELECT urgency, hold, not_before_ms, run_limit_ms, needs"
             " FROM ym.job_get (ARRAY[t.id (1)], ARRAY[0])");
}

Test (act, submit_after_others)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    const char *after_one_and_two =
        "_after_ix => ARRAY[1, 1], _after_on => ARRAY[t.id (1), t.id (2)],"
        " _after_condition => ARRAY[0, 1]::int2[]";

    three_jobs (in);
    yard_is (in, "t t 0 2 f", "%s", submit (10, "10", after_one_and_two));
    yard_is (in, "f f 0 2 f", "%s", submit (11, "10", after_one_and_two));
    yard_is (su, "1 0; 2 1",
             "SELECT t.of (on_job), condition FROM ym.dependency WHERE job_id = t.id (10)"
             " ORDER BY 1");
    yard_is (in, "t f 2 0 0 0 0; f t 10 0 16 0 1", "%s", end (2, 1, YM_JOB_TERMINATED));
    yard_is (in, "t t 0 1 f", "%s", submit (12, "12", after_one_and_two));
    yard_is (in, "t f 1 0 0 0 0; f t 10 0 16 5 0; f t 12 0 16 5 0", "%s",
             end (1, 1, YM_JOB_TERMINATED));
    yard_is (in, "t t 5 0 f", "%s", submit (13, "13", after_one_and_two));
    job_is (su, 13, "QUEUED 2 0 0 5 16 0 0 0 f");
    yard_is (su, "1 50; 2 57",
             "SELECT seq, on_event FROM ym.job_event WHERE job_id = t.id (13) ORDER BY 1");
}

Test (act, submit_after_a_strange_job_stores_nothing)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "fresh; fresh",
             "SELECT t.submit (ARRAY[1, 2], ARRAY[1, 2], ARRAY['1', '2'], ARRAY['b', 'b'])");
    yard_mark (su);
    yard_is (in, "f t 0 0 t", "%s",
             submit (10, "10",
                     "_after_ix => ARRAY[1], _after_on => ARRAY[t.id (2)],"
                     " _after_condition => ARRAY[0]::int2[]"));
    yard_is (in, "f t 0 0 t", "%s",
             submit (10, "10",
                     "_after_ix => ARRAY[1], _after_on => ARRAY[t.id (10)],"
                     " _after_condition => ARRAY[0]::int2[]"));
    cr_assert (yard_is_unchanged (su));
}

/* What C and SQL say about jobs and about words is the same. */
Test (act, names_are_those_of_the_program)
{
    PGconn *su = yard_session (NULL);

    yard_is (su, "job_00c2v6t3g0010 job_7zzzzzzzzzzzz",
             "SELECT ym.job_name ((12::int8 << 50) + (2::int8 << 45) + (27::int8 << 40)"
             " + (6::int8 << 35) + (26::int8 << 30) + (3 << 25) + (16 << 20) + 32),"
             " ym.job_name (9223372036854775807)");
    cr_expect_eq (yard_number (su, "SELECT ym.word_number ('hold', 'dependency_failed')"),
                  YM_DEPENDENCY_BAD);
    cr_expect_eq (yard_number (su, "SELECT ym.word_number ('condition', 'success')"),
                  YM_AFTER_SUCCESS);
}

/* What counted its tries is still told once it has ended. */
Test (act, the_end_keeps_the_counts)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);

    three_jobs (in);
    yard_do (su, "UPDATE ym.job_run SET retries = 2, preempted = 1");
    yard_do (as, "SELECT t.finish (1, (SELECT t.lease (1, 9)), 9, 'COMPLETE')");
    yard_is (in, "t f 2 0 0 0 0", "%s", end (2, 1, YM_JOB_TERMINATED));
    yard_is (in, "900 2 1; 910 2 1",
             "SELECT state, retries, preempted FROM ym.job_get (ARRAY[t.id (1), t.id (2)],"
             " ARRAY[1, 1]) ORDER BY ix");
}

/* What is said about a job that does not start. */
Test (act, reasons_are_read)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");

    three_jobs (in);
    yard_is (in, "t t 1 0 16 1 0", "%s",
             act ((struct change){1, 1, "hold", YM_JOB_NOTE_HELD, AS_IT_WAS,
                                  .hold = YM_BY_OPERATOR, .detail = "look first"}));
    yard_is (in, "t t 2 0 16 0 1", "%s", wait_for (2, 1, 1, YM_AFTER_ANY));
    (void)yard_number (as, "SELECT t.lease (3, 9)");
    yard_is (in, "1 100 1 9000 look first 0 f; 2 100 0 0  1 t; 3 200 0 0  0 f",
             "SELECT ix, state, hold, hold_since, hold_reason, unmet,"
             " waits_for LIKE 'job_%% (QUEUED)' FROM ym.job_why ("
             "ARRAY[t.id (1), t.id (2), t.id (3), t.id (3), t.id (9)], ARRAY[1, 0, 1, 2, 0])"
             " ORDER BY ix");
}

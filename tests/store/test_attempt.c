/* test_attempt.c - a job has one live lease; nothing stale takes effect. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/life.h"
#include "tests/lib/yard_sql.h"

TestSuite (attempt, .timeout = 60, .fini = yard_end);

enum { AGENT = 9, OTHER = 10 };

/* Two sessions, the superuser's, and jobs 1 .. 5 of tenant 1. */
struct scene {
    PGconn *in, *as, *su;
};

static struct scene scene (void)
{
    struct scene s = {yard_session ("ym_intake"), yard_session ("ym_assignment"),
                      yard_session (NULL)};

    yard_do (s.as, "SELECT ym.owner_claim ('assignment')");
    yard_do (s.in, "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text),"
                   " array_agg (n::text)) FROM generate_series (1, 5) n");
    return s;
}

static long lease (const struct scene *s, int job)
{
    return (long)yard_number (s->as, "SELECT t.lease (%d, %d)", job, AGENT);
}

static void job_is (const struct scene *s, int job, const char *expected)
{
    yard_is (s->su, expected, "SELECT t.job (%d)", job);
}

/* Leases. */

Test (attempt, lease_tells_all)
{
    struct scene s = scene ();

    yard_is (s.as, "1 9 1 0 one 1 git 1 1 \\x 1 0   0 0 200",
             "SELECT t.of (job_id), agent_id, attempt, retries, tenant, name, kind, source,"
             " target, trace, convert_from (payload, 'UTF8'), checkpoint,"
             " convert_from (resume, 'UTF8'), mark, done, total, state"
             " FROM t.attempt_lease (900000, ARRAY[t.id (1)], ARRAY[9::int8], ARRAY[t.session "
             "(9)])");
    job_is (&s, 1, "run LEASED 2 1 0 0");
    yard_is (s.as, "", "SELECT t.lease (1, 9)");
    yard_is (s.as, "", "SELECT t.lease (77, 9)");
}

Test (attempt, one_of_two_sessions_gets_it)
{
    struct scene s = scene ();
    PGconn *b = yard_session ("ym_assignment");

    yard_do (s.as, "BEGIN");
    (void)lease (&s, 1);
    yard_block (b, "SELECT t.lease (1, 10)");
    yard_do (s.as, "COMMIT");
    yard_then_is (b, "");
    yard_is (s.su, "9 1", "SELECT holder, attempt FROM ym.job_run WHERE job_id = t.id (1)");
    yard_do (s.as, "BEGIN");
    (void)lease (&s, 2);
    yard_block (b, "SELECT t.lease (2, 10) > 0");
    yard_do (s.as, "ROLLBACK");
    yard_then_is (b, "t");
    yard_is (s.su, "10 1", "SELECT holder, attempt FROM ym.job_run WHERE job_id = t.id (2)");
}

Test (attempt, fences_rise)
{
    struct scene s = scene ();
    long last = 0, fence;

    for (int round = 0; round < 4; round++)
        for (int job = 1; job <= 3; job++) {
            fence = lease (&s, job);
            cr_assert_gt (fence, last);
            last = fence;
            yard_is (s.as, "100", "SELECT t.finish (%d, %ld, 9, 'RETRY')", job, fence);
            if (job == 2)
                (void)yard_number (s.as, "SELECT epoch FROM ym.owner_claim ('assignment')");
        }
    yard_is (s.su, "t",
             "SELECT bool_and (fence > before) FROM (SELECT fence, lag (fence, 1, 0::int8)"
             " OVER (ORDER BY fence) AS before FROM ym.job_event WHERE on_event = 2) x");
    yard_is (s.su, "12", "SELECT count (DISTINCT fence) FROM ym.job_event WHERE fence > 0");
}

/* In a batch each has a number of its own, and one that does not wait is not there. */
Test (attempt, leases_by_the_batch)
{
    struct scene s = scene ();

    (void)lease (&s, 2);
    yard_is (s.as, "3 1",
             "SELECT count (DISTINCT fence), min (attempt) FROM t.attempt_lease (900000,"
             " ARRAY[t.id (1), t.id (2), t.id (3), t.id (4), t.id (99)],"
             " ARRAY[9, 9, 9, 10, 9]::int8[], ARRAY[t.session (9), 1, 1, t.session (10), 1])");
    yard_is (s.su, "9 9 9 10 0",
             "SELECT string_agg (holder::text, ' ' ORDER BY job_id) FROM ym.job_run");
    yard_is (s.as, "", "SELECT fence FROM t.attempt_lease (900000, '{}', '{}', '{}')");
}

Test (attempt, owner_is_one)
{
    PGconn *a = yard_session ("ym_assignment"), *b = yard_session ("ym_assignment");
    long old = (long)yard_number (a, "SELECT epoch FROM ym.owner_claim ('assignment')"), next;

    yard_do (a, "SELECT ym.owner_check ('assignment', %ld)", old);
    yard_do (a, "BEGIN; SELECT ym.owner_check ('assignment', %ld)", old);
    yard_block (b, "SELECT epoch > %ld FROM ym.owner_claim ('assignment')", old);
    yard_do (a, "COMMIT");
    yard_then_is (b, "t");
    yard_says_no (a, "YM001", "SELECT ym.owner_check ('assignment', %ld)", old);
    yard_says_no (a, "YM001", "SELECT ym.owner_check ('no such', %ld)", old);
    next = (long)yard_number (b, "SELECT epoch FROM ym.owner_claim ('assignment')");
    cr_assert_gt (next, old + 1);
    yard_do (b, "SELECT ym.owner_check ('assignment', %ld)", next);
    yard_is (b, "", "SELECT epoch FROM ym.owner_claim ('no such')");
}

/* An epoch carries the timeline, so that one of a lost server is never given out again. */
Test (attempt, epochs_carry_the_timeline)
{
    PGconn *a = yard_session ("ym_assignment"), *su = yard_session (NULL);

    yard_is (a, "1", "SELECT epoch >> 40 FROM ym.owner_claim ('assignment')");
    yard_is (su, "1", "SELECT fence >> 40 FROM ym.owner WHERE scope = 'assignment'");
    yard_do (su, "UPDATE ym.owner SET epoch = 7::int8 << 40, fence = (7::int8 << 40) + 5");
    yard_is (a, "1", "SELECT epoch - (7::int8 << 40) FROM ym.owner_claim ('assignment')");
    yard_is (su, "5",
             "SELECT fence - (7::int8 << 40) FROM ym.owner WHERE scope = 'assignment'");
}

/* Reports. */

Test (attempt, stale_reports_change_nothing)
{
    struct scene s = scene ();
    long old = lease (&s, 1), now;

    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", old);
    now = lease (&s, 1);
    yard_mark (s.su);
    const long fences[] = {old, now, now + 1, 0};
    const int agents[] = {AGENT, OTHER, AGENT, 0};
    for (size_t i = 0; i < 4; i++) {
        yard_is (s.as, "f", "SELECT t.started (1, %ld, %d)", fences[i], agents[i]);
        yard_is (s.as, "f", "SELECT t.checkpoint (1, %ld, %d, 5, ARRAY['a'])", fences[i],
                 agents[i]);
        static const char *const ends[] = {"COMPLETE", "FAIL", "RETRY", "LOSE", "TERMINATE"};
        for (size_t e = 0; e < sizeof ends / sizeof ends[0]; e++)
            yard_is (s.as, "", "SELECT t.finish (1, %ld, %d, '%s')", fences[i], agents[i],
                     ends[e]);
        yard_do (s.as,
                 "SELECT ym.attempt_progress (ARRAY[t.id (1)], ARRAY[%ld], ARRAY[%d::int8],"
                 " ARRAY[50::int8], ARRAY[60::int8])",
                 fences[i], agents[i]);
    }
    cr_assert (yard_is_unchanged (s.su));
    yard_is (s.as, "t", "SELECT t.started (1, %ld, 9)", now);
    yard_mark (s.su);
    yard_is (s.as, "f", "SELECT t.started (1, %ld, 9)", now);
    cr_assert (yard_is_unchanged (s.su), "a repetition");
}

Test (attempt, one_end)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_is (s.as, "t", "SELECT t.started (1, %ld, 9)", fence);
    yard_is (s.as, "900", "SELECT t.finish (1, %ld, 9, 'COMPLETE')", fence);
    job_is (&s, 1, "done COMPLETED 4 1");
    yard_is (s.su, "100 100 9 detail",
             "SELECT done, total, agent_id, result FROM ym.job_done WHERE job_id = t.id (1)");
    yard_mark (s.su);
    yard_is (s.as, "", "SELECT t.finish (1, %ld, 9, 'COMPLETE')", fence);
    yard_is (s.as, "", "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    yard_is (s.as, "", "SELECT t.lease (1, 9)");
    cr_assert (yard_is_unchanged (s.su));
}

/* The same attempt twice in one batch, with ends that differ. */
Test (attempt, one_end_in_a_batch)
{
    struct scene s = scene ();

    for (int job = 1; job <= 2; job++) {
        long fence = lease (&s, job);
        yard_is (s.as, "1",
                 "SELECT count (*) FROM t.attempt_end (1, ARRAY[t.id (%d), t.id (%d)],"
                 " ARRAY[%ld, %ld], ARRAY[9, 9]::int8[], ARRAY[t.ev ('%s'), t.ev ('%s')],"
                 " ARRAY[0, 0]::int8[], ARRAY[0, 0]::int8[], ARRAY['', ''])",
                 job, job, fence, fence, job == 1 ? "RETRY" : "COMPLETE",
                 job == 1 ? "COMPLETE" : "COMPLETE");
        yard_is (s.su, "1",
                 "SELECT count (*) FROM (SELECT job_id FROM ym.job_run UNION ALL SELECT job_id"
                 " FROM ym.job_done) x WHERE job_id = t.id (%d)",
                 job);
        yard_is (s.su, "3",
                 "SELECT max (seq) FROM ym.job_event WHERE job_id = t.id (%d) HAVING"
                 " max (seq) = count (*)",
                 job);
    }
}

Test (attempt, only_retries_count)
{
    struct scene s = scene ();

    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'RETRY')", lease (&s, 1));
    job_is (&s, 1, "run QUEUED 3 1 1 0");
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", lease (&s, 1));
    job_is (&s, 1, "run QUEUED 5 2 1 0");
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'RETRY')", lease (&s, 1));
    job_is (&s, 1, "run QUEUED 7 3 2 0");
    yard_is (s.as, "920", "SELECT t.finish (1, %ld, 9, 'FAIL')", lease (&s, 1));
    job_is (&s, 1, "done FAILED 9 4");
    yard_is (s.su, "9 t",
             "SELECT count (*), bool_and (seq = n) FROM (SELECT seq, row_number () OVER"
             " (ORDER BY seq) AS n FROM ym.job_event WHERE job_id = t.id (1)) x");
}

/* What a wish to terminate makes of each end. */
Test (attempt, a_wish_to_terminate_ends_it)
{
    static const struct {
        const char *on, *state;
    } rows[] = {{"LOSE", "910"},
                {"RETRY", "910"},
                {"TERMINATE", "910"},
                {"COMPLETE", "900"},
                {"FAIL", "920"}};
    struct scene s = scene ();

    for (int i = 0; i < 5; i++) {
        int job = i + 1;
        long fence = lease (&s, job);
        yard_is (s.in, "0 200 3", "SELECT t.terminate (%d, 1, 1, 'w%d')", job, job);
        yard_is (s.as, rows[i].state, "SELECT t.finish (%d, %ld, 9, '%s')", job, fence,
                 rows[i].on);
        yard_is (s.su, "4 0",
                 "SELECT d.seq, (SELECT count (*) FROM ym.job_run WHERE job_id = d.job_id)"
                 " FROM ym.job_done d WHERE job_id = t.id (%d)",
                 job);
    }
}

Test (attempt, a_wish_meets_the_end)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_do (s.in, "BEGIN");
    yard_is (s.in, "0 200 3", "SELECT t.terminate (1, 1, 1, 'x')");
    yard_block (s.as, "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    yard_do (s.in, "COMMIT");
    yard_then_is (s.as, "910");
    job_is (&s, 1, "done TERMINATED 4 1");

    fence = lease (&s, 2);
    yard_do (s.as, "BEGIN");
    yard_is (s.as, "100", "SELECT t.finish (2, %ld, 9, 'LOSE')", fence);
    yard_block (s.in, "SELECT t.terminate (2, 1, 1, 'y')");
    yard_do (s.as, "COMMIT");
    yard_then_is (s.in, "0 910 4");
    job_is (&s, 2, "done TERMINATED 4 1");

    fence = lease (&s, 3);
    yard_do (s.as, "BEGIN");
    yard_is (s.as, "900", "SELECT t.finish (3, %ld, 9, 'COMPLETE')", fence);
    yard_block (s.in, "SELECT t.terminate (3, 1, 1, 'z')");
    yard_do (s.as, "COMMIT");
    yard_then_is (s.in, "3 0 0");
    job_is (&s, 3, "done COMPLETED 3 1");
}

Test (attempt, an_end_from_two_sessions)
{
    struct scene s = scene ();
    PGconn *b = yard_session ("ym_assignment");
    long fence = lease (&s, 1);

    yard_do (s.as, "BEGIN");
    yard_is (s.as, "900", "SELECT t.finish (1, %ld, 9, 'COMPLETE')", fence);
    yard_block (b, "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    yard_do (s.as, "COMMIT");
    yard_then_is (b, "");
    job_is (&s, 1, "done COMPLETED 3 1");
}

/* A reader never sees a job in both places, or in neither. */
Test (attempt, an_end_is_one_step)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);
    const char *places = "SELECT (SELECT count (*) FROM ym.job_run WHERE job_id = t.id (1)),"
                         " (SELECT count (*) FROM ym.job_done WHERE job_id = t.id (1))";

    yard_do (s.as, "BEGIN");
    yard_is (s.as, "900", "SELECT t.finish (1, %ld, 9, 'COMPLETE')", fence);
    yard_is (s.su, "1 0", "%s", places);
    yard_is (s.in, "200", "SELECT state FROM ym.job_get (ARRAY[t.id (1)], ARRAY[1])");
    yard_do (s.as, "COMMIT");
    yard_is (s.su, "0 1", "%s", places);
    yard_is (s.in, "900", "SELECT state FROM ym.job_get (ARRAY[t.id (1)], ARRAY[1])");
}

/* Checkpoints. */

Test (attempt, checkpoints_rise)
{
    struct scene s = scene ();
    long fence = lease (&s, 1), next;

    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 3, ARRAY['a', 'b'])", fence);
    job_is (&s, 1, "run LEASED 3 1 0 0");
    yard_mark (s.su);
    yard_is (s.as, "f", "SELECT t.checkpoint (1, %ld, 9, 3, ARRAY['a', 'c'])", fence);
    yard_is (s.as, "f", "SELECT t.checkpoint (1, %ld, 9, 2, ARRAY['d'])", fence);
    cr_assert (yard_is_unchanged (s.su));
    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 4, ARRAY['b', 'e'])", fence);
    yard_is (s.su, "a to-a 3; b to-b 3; e to-e 4",
             "SELECT source, target, checkpoint FROM ym.id_map ORDER BY source");
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'RETRY')", fence);
    yard_is (
        s.as, "4 resume mark 4 40 100",
        "SELECT checkpoint, convert_from (resume, 'UTF8'), mark, done, total FROM"
        " t.attempt_lease (900000, ARRAY[t.id (1)], ARRAY[9::int8], ARRAY[t.session (9)])");
    next = (long)yard_number (s.su, "SELECT fence FROM ym.job_run WHERE job_id = t.id (1)");
    yard_is (s.as, "f", "SELECT t.checkpoint (1, %ld, 9, 5)", fence);
    yard_is (s.as, "f", "SELECT t.checkpoint (1, %ld, 9, 4)", next);
    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 5)", next);
}

/* Both or neither. */
Test (attempt, a_checkpoint_is_one_with_its_mappings)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_mark (s.su);
    yard_do (s.su, "ALTER TABLE ym.id_map ADD CONSTRAINT no CHECK (source <> 'bad')");
    yard_says_no (s.as, "23514", "SELECT t.checkpoint (1, %ld, 9, 1, ARRAY['good', 'bad'])",
                  fence);
    cr_assert (yard_is_unchanged (s.su));
    yard_do (s.as, "BEGIN");
    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 1, ARRAY['good'])", fence);
    yard_do (s.as, "ROLLBACK");
    cr_assert (yard_is_unchanged (s.su));
}

/* In one batch: only the mappings of what moved. */
Test (attempt, checkpoints_by_the_batch)
{
    struct scene s = scene ();
    long a = lease (&s, 1), b = lease (&s, 2);

    yard_is (s.as, "1",
             "SELECT ix FROM ym.attempt_checkpoint (1, ARRAY[t.id (1), t.id (2)],"
             " ARRAY[%ld, %ld], ARRAY[9, 10]::int8[], ARRAY[1, 1]::int8[],"
             " ARRAY['r', 'r']::bytea[], ARRAY['', ''], ARRAY[1, 1]::int8[],"
             " ARRAY[2, 2]::int8[], ARRAY[t.id (1), t.id (2), t.id (1), t.id (5)],"
             " ARRAY['x', 'y', 'z', 'w'], ARRAY['X', 'Y', 'Z', 'W'])",
             a, b);
    yard_is (s.su, "1 x X; 1 z Z",
             "SELECT t.of (job_id), source, target FROM ym.id_map ORDER BY source");
}

Test (attempt, lookup_is_for_the_holder)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 1, ARRAY['a', 'b', 'c'])", fence);
#define LOOKUP(expected, f, agent, sources)                                                    \
    yard_is (s.as, expected,                                                                   \
             "SELECT held, source, target FROM ym.attempt_lookup (t.id (1), %ld, %d, %s)"      \
             " ORDER BY source",                                                               \
             f, agent, sources)
    LOOKUP ("t a to-a; t c to-c", fence, AGENT, "ARRAY['c', 'x', 'a']");
    LOOKUP ("t null null", fence, AGENT, "ARRAY['x', 'y']");
    LOOKUP ("t null null", fence, AGENT, "'{}'");
    LOOKUP ("", fence, OTHER, "ARRAY['a']");
    LOOKUP ("", fence - 1, AGENT, "ARRAY['a']");
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    LOOKUP ("", fence, AGENT, "ARRAY['a']");
#undef LOOKUP
}

Test (attempt, progress_does_not_go_back)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);
    static const struct {
        int done, total;
        const char *then;
    } rows[] = {{5, 50, "5 50"}, {4, 40, "5 50"}, {5, 60, "5 60"}, {6, 60, "6 60"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        yard_do (s.as,
                 "SELECT ym.attempt_progress (ARRAY[t.id (1)], ARRAY[%ld], ARRAY[9::int8],"
                 " ARRAY[%d::int8], ARRAY[%d::int8])",
                 fence, rows[i].done, rows[i].total);
        yard_is (s.su, rows[i].then,
                 "SELECT done, total FROM ym.job_run WHERE job_id = t.id (1)");
    }
    job_is (&s, 1, "run LEASED 2 1 0 0");
}

/* Verifying and telling again. */

static void verified (const struct scene *s, int job, long fence, int agent,
                      const char *expected)
{
    yard_is (s->as, expected,
             "SELECT held, ended_on, state, checkpoint, checkpoint_fence = %ld FROM"
             " ym.attempt_verify (ARRAY[t.id (%d)], ARRAY[%ld], ARRAY[%d::int8], ARRAY[0])",
             fence, job, fence, agent);
}

Test (attempt, verify_tells_how_it_ended)
{
    static const struct {
        const char *on, *then;
    } rows[] = {{"COMPLETE", "f 4 900 0 f"},
                {"RETRY", "f 5 100 0 f"},
                {"FAIL", "f 6 920 0 f"},
                {"LOSE", "f 7 100 0 f"},
                {"TERMINATE", "f 8 910 0 f"}};
    struct scene s = scene ();
    long fence;

    for (int i = 0; i < 5; i++) {
        int job = i + 1;
        fence = lease (&s, job);
        verified (&s, job, fence, AGENT, "t 0 200 0 f");
        verified (&s, job, fence, OTHER, "f 0 0 0 f");
        verified (&s, job, fence - 1, AGENT, "f 0 0 0 f");
        if (strcmp (rows[i].on, "TERMINATE") == 0) {
            yard_do (s.as, "SELECT t.finish (%d, %ld, 9, 'TERMINATE')", job, fence);
            verified (&s, job, fence, AGENT, "t 0 200 0 f"); /* nobody asked for it */
            yard_do (s.su, "UPDATE ym.job_run SET wanted = 1 WHERE job_id = t.id (%d)", job);
        }
        yard_do (s.as, "SELECT t.finish (%d, %ld, 9, '%s')", job, fence, rows[i].on);
        verified (&s, job, fence, AGENT, rows[i].then);
        verified (&s, job, fence, OTHER, "f 0 0 0 f");
    }
    fence = (long)yard_number (s.su, "SELECT fence FROM ym.job_run WHERE job_id = t.id (4)");
    (void)lease (&s, 4);
    verified (&s, 4, fence, AGENT, "f 7 0 0 f");
    verified (&s, 99, fence, AGENT, "f 0 0 0 f");
}

/* What happened to the job after the attempt is not the attempt's end. */
Test (attempt, verify_is_not_misled_by_what_came_later)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    yard_is (s.in, "0 910 4", "SELECT t.terminate (1, 1, 1, 'x')");
    verified (&s, 1, fence, AGENT, "f 7 910 0 f");
}

Test (attempt, verify_knows_the_checkpoint)
{
    struct scene s = scene ();
    long fence = lease (&s, 1), next;

    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 6)", fence);
    verified (&s, 1, fence, AGENT, "t 0 200 6 t");
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'RETRY')", fence);
    next = lease (&s, 1);
    verified (&s, 1, next, AGENT, "t 0 530 6 f");
}

Test (attempt, again_is_the_same)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);
    char first[500];
    static const char columns[] =
        "job_id, agent_id, fence, attempt, retries, tenant, name, kind, source, target, trace,"
        " payload, checkpoint, resume, mark, done, total, state";

    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 6)", fence);
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    strcpy (first, yard_ask (s.as,
                             "SELECT %s FROM t.attempt_lease (900000, ARRAY[t.id (1)],"
                             " ARRAY[9::int8], ARRAY[t.session (9)])",
                             columns));
    fence = (long)yard_number (s.su, "SELECT fence FROM ym.job_run WHERE job_id = t.id (1)");
    yard_is (s.as, first,
             "SELECT %s FROM ym.attempt_told (ARRAY[t.id (1), t.id (2), t.id (1)],"
             " ARRAY[%ld, 0, %ld])",
             columns, fence, fence - 1);
    yard_is (s.as, "1 1 0 7 530 0 2 0 9",
             "SELECT t.of (job_id), tenant_id, tier, requirement, state, wanted, attempt,"
             " retries, holder FROM ym.attempt_load ()");
}

/* An agent that began anew, or is gone, is not leased to on what was known of it before. */
Test (attempt, lease_is_for_the_session_meant)
{
    struct scene s = scene ();
    char before[40];

    (void)lease (&s, 2);
    strcpy (before, yard_ask (s.su, "SELECT state FROM ym.job_run WHERE job_id = t.id (1)"));
    yard_do (s.su, "UPDATE ym.agent SET session = session + 1 WHERE agent_id = 9");
    yard_is (s.as, "",
             "SELECT fence FROM t.attempt_lease (900000, ARRAY[t.id (1)], ARRAY[9::int8],"
             " ARRAY[t.session (9) - 1])");
    yard_do (s.su, "UPDATE ym.agent SET state = 200 WHERE agent_id = 9");
    yard_is (s.as, "", "SELECT t.lease (1, 9)");
    yard_is (s.su, before, "SELECT state FROM ym.job_run WHERE job_id = t.id (1)");
    yard_do (s.su, "UPDATE ym.agent SET state = 100 WHERE agent_id = 9");
    cr_assert_gt (lease (&s, 1), 0);
}

/* A new attempt counts from its checkpoint, not from what an earlier one only told. */
Test (attempt, counters_go_back_to_the_checkpoint)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 1)", fence);
    yard_do (s.as,
             "SELECT ym.attempt_progress (ARRAY[t.id (1)], ARRAY[%ld], ARRAY[9::int8],"
             " ARRAY[15::int8], ARRAY[200::int8])",
             fence);
    yard_is (s.su, "15 200", "SELECT done, total FROM ym.job_run WHERE job_id = t.id (1)");
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    yard_is (s.as, "1 10 100",
             "SELECT checkpoint, done, total FROM t.attempt_lease (900000, ARRAY[t.id (1)],"
             " ARRAY[9::int8], ARRAY[t.session (9)])");
}

Test (attempt, only_the_last_checkpoint_is_kept)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 1)", fence);
    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 4)", fence);
    yard_is (s.su, "4", "SELECT checkpoint FROM ym.checkpoint WHERE job_id = t.id (1)");
}

/* Of two ends of one attempt in one batch the first counts. */
Test (attempt, first_end_of_a_batch_counts)
{
    struct scene s = scene ();
    long fence = lease (&s, 1);

    yard_is (s.as, "1 900 t",
             "SELECT ix, state, final FROM t.attempt_end (6, ARRAY[t.id (1), t.id (1)],"
             " ARRAY[%ld, %ld], ARRAY[9, 9]::int8[], ARRAY[4, 7]::int2[], ARRAY[1, 0]::int8[],"
             " ARRAY[1, 0]::int8[], ARRAY['', ''])",
             fence, fence);
    yard_is (s.su, "0 1",
             "SELECT (SELECT count (*) FROM ym.job_run WHERE job_id = t.id (1)),"
             " (SELECT count (*) FROM ym.job_done WHERE job_id = t.id (1))");
}

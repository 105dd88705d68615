/* test_resource.c - what is provisioned is removed before its job is final. */
#include <criterion/criterion.h>

#include "common/base/life.h"
#include "tests/lib/yard_sql.h"

TestSuite (resource, .timeout = 60, .fini = yard_end);

enum { REQUESTED, PROVISIONED, REMOVED };

struct scene {
    PGconn *in, *as, *su;
};

static struct scene scene (void)
{
    struct scene s = {yard_session ("ym_intake"), yard_session ("ym_assignment"),
                      yard_session (NULL)};

    yard_do (s.as, "SELECT ym.owner_claim ('assignment')");
    yard_do (s.in, "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text),"
                   " array_agg (n::text)) FROM generate_series (1, 20) n");
    return s;
}

/* An attempt with one thing made and one begun. */
static long provisioned (const struct scene *s, int job)
{
    long fence = (long)yard_number (s->as, "SELECT t.lease (%d, 9)", job);

    yard_is (s->as, "0", "SELECT t.resource (%d, %ld, 9, 'volume', 1::int2)", job, fence);
    yard_is (s->as, "0", "SELECT t.resource (%d, %ld, 9, 'network', 0::int2)", job, fence);
    return fence;
}

static void live_is (const struct scene *s, int job, const char *expected)
{
    yard_is (s->su, expected,
             "SELECT live, (SELECT count (*) FROM ym.resource x WHERE x.job_id = r.job_id) FROM"
             " ym.job_run r WHERE job_id = t.id (%d)",
             job);
}

Test (resource, is_written_down)
{
    struct scene s = scene ();
    long f = provisioned (&s, 1);

    live_is (&s, 1, "2 2");
    yard_is (s.as, "0", "SELECT t.resource (1, %ld, 9, 'network', 1::int2)", f);
    live_is (&s, 1, "2 2");
    yard_is (s.as, "{network,1,\"at network\",volume,1,\"at volume\"}",
             "SELECT resources FROM ym.attempt_told (ARRAY[t.id (1)], ARRAY[%ld])", f);
    yard_is (s.as, "0", "SELECT t.resource (1, %ld, 9, 'network', 2::int2)", f);
    yard_mark (s.su);
    yard_is (s.as, "0", "SELECT t.resource (1, %ld, 9, 'network', 2::int2)", f);
    yard_is (s.as, "0", "SELECT t.resource (1, %ld, 9, 'never made', 2::int2)", f);
    yard_is (s.as, "0", "SELECT t.resource (1, %ld, 9, 'volume', 1::int2)", f);
    cr_assert (yard_is_unchanged (s.su), "what is known already is not written again");
    live_is (&s, 1, "1 1");
    yard_is (s.su,
             "volume provisioned; network requested; network provisioned; network"
             " removed",
             "SELECT detail FROM ym.job_event WHERE job_id = t.id (1) AND on_event = 60 ORDER"
             " BY seq");
    yard_is (s.su, "t",
             "SELECT max (seq) = count (*) FROM ym.job_event WHERE job_id = t.id (1)");
}

Test (resource, has_a_most)
{
    struct scene s = scene ();
    long f = (long)yard_number (s.as, "SELECT t.lease (1, 9)");

    for (int i = 0; i < 32; i++)
        yard_is (s.as, "0", "SELECT t.resource (1, %ld, 9, 'r%d', 0::int2)", f, i);
    yard_mark (s.su);
    yard_is (s.as, "1", "SELECT t.resource (1, %ld, 9, 'one more', 0::int2)", f);
    cr_assert (yard_is_unchanged (s.su));
    yard_is (s.as, "0", "SELECT t.resource (1, %ld, 9, 'r5', 1::int2)", f);
    live_is (&s, 1, "32 32");
}

/* Two messages of two jobs in one call, one of them a stranger's. */
Test (resource, by_the_batch)
{
    struct scene s = scene ();
    long a = (long)yard_number (s.as, "SELECT t.lease (1, 9)");
    long b = (long)yard_number (s.as, "SELECT t.lease (2, 9)");

    yard_is (s.as, "1 0",
             "SELECT ix, outcome FROM ym.attempt_resources (1, ARRAY[t.id (1), t.id (2)],"
             " ARRAY[%ld, %ld], ARRAY[9, 10]::int8[], ARRAY[1, 1, 2], ARRAY['x', 'y', 'z'],"
             " ARRAY[0, 1, 1]::int2[], ARRAY['', '', ''])",
             a, b);
    live_is (&s, 1, "2 2");
    live_is (&s, 2, "0 0");
}

/* No end is final while something is provisioned. */
static const struct {
    const char *on;
    int wanted, ends_as;
    int state; /* then */
    int final; /* ends_as then */
} ends[] = {
    {"COMPLETE", 0, 0, YM_JOB_COMPLETING, 900},
    {"FAIL", 0, 0, YM_JOB_COMPLETING, 920},
    {"GIVE_UP", 0, 0, YM_JOB_COMPLETING, 920},
    {"TERMINATE", 1, 0, YM_JOB_COMPLETING, 910},
    {"TERMINATE", 1, 920, YM_JOB_COMPLETING, 920},
    {"RETRY", 1, 0, YM_JOB_COMPLETING, 910},
    {"SUSPEND", 1, 0, YM_JOB_COMPLETING, 910},
    {"LOSE", 1, 0, YM_JOB_QUEUED, 910},
    {"EVICT", 1, 0, YM_JOB_QUEUED, 910},
    {"LOSE", 0, 0, YM_JOB_QUEUED, 0},
    {"RETRY", 0, 0, YM_JOB_QUEUED, 0},
    {"SUSPEND", 2, 0, YM_JOB_SUSPENDED, 0},
};

static void deprovision (const struct scene *s, int job, long fence, int final)
{
    yard_is (s->as, "610", "SELECT t.working (%d, %ld, 9, 23::int2)", job, fence);
    yard_is (s->as, "", "SELECT t.finish (%d, %ld, 9, 'COMPLETE')", job, fence);
    cr_assert_eq (
        yard_number (s->as, "SELECT t.finish (%d, %ld, 9, 'deprovisioned')::int8", job, fence),
        final);
    yard_is (s->su, "0 0",
             "SELECT (SELECT count (*) FROM ym.resource WHERE job_id = t.id (%d)), (SELECT"
             " count (*) FROM ym.job_run WHERE job_id = t.id (%d))",
             job, job);
    yard_is (s->as, "f t",
             "SELECT held, state >= 900 AND ended_on = 21 FROM ym.attempt_verify (ARRAY[t.id"
             " (%d)], ARRAY[%ld], ARRAY[9::int8], ARRAY[0])",
             job, fence);
}

Test (resource, ends_close_first)
{
    struct scene s = scene ();

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        int job = (int)i + 1;
        long f = provisioned (&s, job);
        yard_do (
            s.su,
            "UPDATE ym.job_run SET wanted = %d, suspender = %d, ends_as = %d WHERE job_id ="
            " t.id (%d)",
            ends[i].wanted, ends[i].wanted == 2 ? 4 : 0, ends[i].ends_as, job);
        cr_assert_eq (
            yard_number (s.as, "SELECT t.finish (%d, %ld, 9, '%s')::int8", job, f, ends[i].on),
            ends[i].state, "row %zu", i);
        cr_assert_eq (
            yard_number (s.su, "SELECT ends_as FROM ym.job_run WHERE job_id = t.id (%d)", job),
            ends[i].final, "row %zu", i);
        live_is (&s, job, "2 2");
        if (ends[i].state == YM_JOB_COMPLETING)
            deprovision (&s, job, f, ends[i].final);
    }
}

/* What is told to the owner is the result of the work, not of the cleaning. */
Test (resource, the_result_is_kept)
{
    struct scene s = scene ();
    long f = provisioned (&s, 1);

    yard_is (s.as, "600", "SELECT t.finish (1, %ld, 9, 'COMPLETE')", f);
    deprovision (&s, 1, f, YM_JOB_COMPLETED);
    yard_is (s.su, "detail 100",
             "SELECT result, done FROM ym.job_done WHERE job_id = t.id (1)");
}

/* The agent is lost while it cleans: another one only cleans, before everything else. */
Test (resource, another_agent_cleans)
{
    struct scene s = scene ();
    long f = provisioned (&s, 1);

    yard_is (s.as, "600", "SELECT t.finish (1, %ld, 9, 'FAIL')", f);
    yard_is (s.as, "f", "SELECT t.checkpoint (1, %ld, 9, 1)", f);
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", f);
    yard_is (s.su, "31 0 0 0",
             "SELECT urgency, hold, unmet, not_before_ms FROM ym.waiting WHERE job_id = t.id"
             " (1)");
    yard_is (s.su, "920 0", "SELECT ends_as, losses FROM ym.job_run WHERE job_id = t.id (1)");
    long next = (long)yard_number (s.as, "SELECT t.lease (1, 9)");
    yard_is (s.su, "600", "SELECT state FROM ym.job_run WHERE job_id = t.id (1)");
    yard_is (s.as, "", "SELECT t.finish (1, %ld, 9, 'deprovisioned')", f);
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'EVICT')", next);
    yard_is (s.su, "920 1 2",
             "SELECT ends_as, losses, live FROM ym.job_run WHERE job_id = t.id (1)");
}

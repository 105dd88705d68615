/* test_signal.c - signals, their answers and their limits; what wishes make of the ends. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/enums.h"
#include "common/base/life.h"
#include "tests/lib/yard_sql.h"

TestSuite (signal, .timeout = 60, .fini = yard_end);

struct scene {
    PGconn *in, *as, *su;
};

static struct scene scene (void)
{
    struct scene s = {yard_session ("ym_intake"), yard_session ("ym_assignment"),
                      yard_session (NULL)};

    yard_do (s.as, "SELECT ym.owner_claim ('assignment')");
    yard_do (s.in, "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text),"
                   " array_agg (n::text)) FROM generate_series (1, 9) n");
    return s;
}

static long lease (const struct scene *s, int job)
{
    return (long)yard_number (s->as, "SELECT t.lease (%d, 9)", job);
}

static long start (const struct scene *s, int job)
{
    long fence = lease (s, job);

    yard_is (s->as, "t", "SELECT t.started (%d, %ld, 9)", job, fence);
    return fence;
}

static void wish (const struct scene *s, int job, int wanted, int suspender)
{
    yard_do (
        s->su,
        "UPDATE ym.job_run SET wanted = %d, suspender = %d, wanted_at = 4000 WHERE job_id ="
        " t.id (%d)",
        wanted, suspender, job);
}

static void finish (const struct scene *s, int job, long fence, const char *on,
                    const char *state)
{
    yard_is (s->as, state, "SELECT t.finish (%d, %ld, 9, '%s')", job, fence, on);
}

static void row_is (const struct scene *s, int job, const char *columns, const char *expected)
{
    yard_is (s->su, expected, "SELECT %s FROM ym.job_run WHERE job_id = t.id (%d)", columns,
             job);
}

/* The history after the lease, as words of the events. */
static void history_is (const struct scene *s, int job, const char *expected)
{
    yard_is (s->su, expected,
             "SELECT string_agg (COALESCE (v.word, n.name), ' ' ORDER BY e.seq) FROM"
             " ym.job_event e LEFT JOIN t.event v ON v.machine = 'job' AND v.number ="
             " e.on_event LEFT JOIN ym.note n ON n.machine = 'job' AND n.number = e.on_event"
             " WHERE e.job_id = t.id (%d) AND e.seq > 2",
             job);
    yard_is (s->su, "t",
             "SELECT max (seq) = count (*) FROM ym.job_event WHERE job_id = t.id (%d)", job);
}

/* Answers. */

Test (signal, every_answer_in_turn)
{
    struct scene s = scene ();
    long f = lease (&s, 1);

    yard_is (s.as, "210", "SELECT t.working (1, %ld, 9, 10::int2, 1)", f);
    yard_is (s.as, "300", "SELECT t.prepared (1, %ld, 9, 2)", f);
    yard_is (s.as, "310", "SELECT t.working (1, %ld, 9, 13::int2, 3)", f);
    yard_is (s.as, "t", "SELECT t.started (1, %ld, 9)", f);
    wish (&s, 1, YM_SUSPEND, YM_OPERATING);
    yard_is (s.as, "510", "SELECT t.working (1, %ld, 9, 14::int2, 5)", f);
    finish (&s, 1, f, "SUSPEND", "520");
    history_is (&s, 1, "PREPARING PREPARED START STARTUP STARTED SUSPENDING SUSPEND");
    row_is (&s, 1, "holder, suspender, wanted, message", "0 4 0 5");
}

/* One that answers at once pays for nothing else. */
Test (signal, at_once)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    finish (&s, 1, f, "COMPLETE", "900");
    history_is (&s, 1, "STARTED COMPLETE");
}

Test (signal, prepared_with_a_wish_does_not_start)
{
    struct scene s = scene ();
    long f = lease (&s, 1);

    wish (&s, 1, YM_TERMINATE, 0);
    yard_is (s.as, "220", "SELECT t.prepared (1, %ld, 9)", f);
    history_is (&s, 1, "PREPARED");
    finish (&s, 1, f, "TERMINATE", "910");
}

Test (signal, nobody_works_on_what_nobody_wants)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    yard_mark (s.su);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 14::int2)", f);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 19::int2)", f);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 23::int2)", f);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 4::int2)", f); /* no signal at all */
    finish (&s, 1, f, "SUSPEND", "");
    finish (&s, 1, f, "TERMINATE", "");
    finish (&s, 1, f, "none: deprovisioned", "");
    cr_assert (yard_is_unchanged (s.su));
    wish (&s, 1, YM_SUSPEND, YM_OWNER);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 19::int2)", f);
    finish (&s, 1, f, "TERMINATE", "");
}

Test (signal, strangers_change_nothing)
{
    struct scene s = scene ();
    long old = lease (&s, 1), f;

    finish (&s, 1, old, "LOSE", "100");
    f = lease (&s, 1);
    wish (&s, 1, YM_SUSPEND, YM_OWNER);
    yard_mark (s.su);
    const long fences[] = {old, f, f + 1};
    const int agents[] = {9, 10, 9};
    for (int i = 0; i < 3; i++) {
        yard_is (s.as, "", "SELECT t.working (1, %ld, %d, 10::int2)", fences[i], agents[i]);
        yard_is (s.as, "", "SELECT t.working (1, %ld, %d, 14::int2)", fences[i], agents[i]);
        yard_is (s.as, "", "SELECT t.prepared (1, %ld, %d, 0, 'a', 'b')", fences[i], agents[i]);
        yard_is (s.as, "f", "SELECT t.errored (1, %ld, %d)", fences[i], agents[i]);
        yard_is (s.as, "", "SELECT t.resource (1, %ld, %d, 'r', 0::int2)", fences[i],
                 agents[i]);
        yard_is (s.as, "", "SELECT t.finish (1, %ld, %d, 'SUSPEND')", fences[i], agents[i]);
    }
    cr_assert (yard_is_unchanged (s.su));
}

/* The number tells a repetition, whatever happened since. */
Test (signal, a_callback_counts_once)
{
    struct scene s = scene ();
    long f = lease (&s, 1);

    yard_is (s.as, "210", "SELECT t.working (1, %ld, 9, 10::int2, 1)", f);
    yard_is (s.as, "t", "SELECT t.errored (1, %ld, 9, 2)", f);
    yard_mark (s.su);
    yard_is (s.as, "f", "SELECT t.errored (1, %ld, 9, 2)", f);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 10::int2, 1)", f);
    yard_is (s.as, "", "SELECT t.prepared (1, %ld, 9, 2)", f);
    yard_is (s.as, "", "SELECT t.finish (1, %ld, 9, 'COMPLETE', 1)", f);
    cr_assert (yard_is_unchanged (s.su));
    yard_is (s.as, "t t; t t; t f; t f",
             "SELECT held, taken FROM ym.attempt_verify (array_fill (t.id (1), ARRAY[4]),"
             " array_fill (%ld::int8, ARRAY[4]), array_fill (9::int8, ARRAY[4]),"
             " ARRAY[1, 2, 3, 0]) ORDER BY ix",
             f);
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'RETRY', 3)", f);
    yard_is (s.as, "f t 5",
             "SELECT held, taken, ended_on FROM ym.attempt_verify (ARRAY[t.id (1)],"
             " ARRAY[%ld], ARRAY[9::int8], ARRAY[3])",
             f);
}

/* It is recorded, and nothing else. */
Test (signal, an_error_moves_nothing)
{
    struct scene s = scene ();
    long f = lease (&s, 1);

    yard_is (s.as, "t", "SELECT t.errored (1, %ld, 9)", f);
    row_is (&s, 1, "state, seq, state_count, retries", "200 3 0 0");
    yard_is (s.su, "start: no",
             "SELECT detail FROM ym.job_event WHERE job_id = t.id (1) AND seq = 3");
    history_is (&s, 1, "ERRORED");
}

/* Each repetition is counted where it is read, and by one of two only. */
Test (signal, repetitions_are_counted)
{
    struct scene s = scene ();
    long f = lease (&s, 1);
    static const char again[] = "SELECT count (*) FROM ym.attempt_again (ARRAY[t.id (1)],"
                                " ARRAY[%ld], ARRAY[%d::int2])";

    yard_is (s.as, "1", again, f, 0);
    yard_is (s.as, "0", again, f, 0);
    yard_is (s.as, "1", again, f, 1);
    yard_is (s.as, "0", again, f - 1, 2);
    row_is (&s, 1, "state_count, seq", "2 2");
    yard_is (s.as, "210", "SELECT t.working (1, %ld, 9, 10::int2)", f);
    row_is (&s, 1, "state_count", "0");
}

/* Wishes and ends. */

static const struct {
    int wanted, suspender;
    const char *on;
    int state;
    const char *then; /* holder, suspender, preempted, came_back, losses, retries */
} wishes[] = {
    {YM_SUSPEND, YM_OPERATING, "SUSPEND", 520, "0 4 0 f 0 0"},
    {YM_SUSPEND, YM_OWNER, "SUSPEND", 520, "0 3 0 f 0 0"},
    {YM_SUSPEND, YM_OWNER, "LOSE", 520, "0 3 0 f 0 0"},
    {YM_SUSPEND, YM_OWNER, "RETRY", 520, "0 3 0 f 0 1"},
    {YM_SUSPEND, YM_OWNER, "EVICT", 520, "0 3 0 f 0 0"},
    {YM_SUSPEND, YM_OWNER, "COMPLETE", 900, NULL},
    {YM_SUSPEND, YM_OWNER, "FAIL", 920, NULL},
    {YM_SUSPEND, YM_PREEMPTION, "SUSPEND", 100, "0 0 1 t 0 0"},
    {YM_SUSPEND, YM_PREEMPTION, "EVICT", 100, "0 0 1 t 0 0"},
    {YM_SUSPEND, YM_PREEMPTION, "LOSE", 100, "0 0 0 f 1 0"},
    {YM_SUSPEND, YM_PREEMPTION, "RETRY", 100, "0 0 0 f 0 1"},
    {YM_SUSPEND, YM_PREEMPTION, "COMPLETE", 900, NULL},
    {YM_SUSPEND, YM_DRAIN, "SUSPEND", 100, "0 0 0 f 0 0"},
    {YM_SUSPEND, YM_DRAIN, "EVICT", 100, "0 0 0 f 0 0"},
    {YM_TERMINATE, 0, "SUSPEND", 910, NULL},
    {YM_TERMINATE, 0, "TERMINATE", 910, NULL},
    {YM_TERMINATE, 0, "EVICT", 910, NULL},
    {YM_TERMINATE, 0, "LOSE", 910, NULL},
    {YM_TERMINATE, 0, "COMPLETE", 900, NULL},
    {0, 0, "LOSE", 100, "0 0 0 f 1 0"},
};

Test (signal, what_wishes_make_of_ends)
{
    struct scene s = scene ();

    yard_do (s.in, "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text),"
                   " array_agg (n::text)) FROM generate_series (100, 130) n");
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        int job = 100 + (int)i;
        long f = start (&s, job);
        char state[8];
        (void)snprintf (state, sizeof state, "%d", wishes[i].state);
        wish (&s, job, wishes[i].wanted, wishes[i].suspender);
        finish (&s, job, f, wishes[i].on, state);
        if (wishes[i].then)
            row_is (&s, job, "holder, suspender, preempted, came_back, losses, retries",
                    wishes[i].then);
    }
}

/* A wish meets the end it would change: whoever has the row first. */
Test (signal, a_wish_meets_the_answer)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    wish (&s, 1, YM_SUSPEND, YM_OPERATING);
    yard_do (s.su, "BEGIN");
    wish (&s, 1, YM_TERMINATE, 0);
    yard_block (s.as, "SELECT t.finish (1, %ld, 9, 'SUSPEND')", f);
    yard_do (s.su, "COMMIT");
    yard_then_is (s.as, "910");
}

/* Limits. */

Test (signal, retries_wait_longer_and_then_hold)
{
    struct scene s = scene ();
    static const char *const after[] = {"100 0", "200 0", "400 0", "800 0", "1600 3"};

    for (int i = 0; i < 5; i++) {
        finish (&s, 1, start (&s, 1), "RETRY", "100");
        row_is (&s, 1, "not_before_ms - 6000, held", after[i]);
        yard_do (s.su, "UPDATE ym.job_run SET not_before_ms = 0");
    }
    yard_is (s.su, "3 detail", "SELECT hold, reason FROM ym.hold WHERE job_id = t.id (1)");
    yard_is (s.su, "57 retries_used",
             "SELECT on_event, detail FROM ym.job_event WHERE job_id = t.id (1) ORDER BY seq"
             " DESC LIMIT 1");
    yard_is (s.as, "", "SELECT t.lease (1, 9)");
    yard_is (s.su, "t",
             "SELECT max (seq) = count (*) FROM ym.job_event WHERE job_id = t.id (1)");
}

Test (signal, losses_hold)
{
    struct scene s = scene ();
    long f;

    finish (&s, 1, lease (&s, 1), "LOSE", "100"); /* before its start: nothing it did */
    row_is (&s, 1, "losses", "0");
    finish (&s, 1, start (&s, 1), "LOSE", "100");
    finish (&s, 1, start (&s, 1), "LOSE", "100");
    row_is (&s, 1, "losses, held", "2 0");
    f = start (&s, 1);
    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 1)", f);
    finish (&s, 1, f, "LOSE", "100");
    row_is (&s, 1, "losses, held", "1 0");
    yard_do (s.su, "UPDATE ym.job_run SET checkpoint = 0, losses = 2 WHERE job_id = t.id (1)");
    finish (&s, 1, start (&s, 1), "LOSE", "100");
    row_is (&s, 1, "losses, held", "3 4");
    yard_is (s.su, "4", "SELECT hold FROM ym.hold WHERE job_id = t.id (1)");
}

/* A polite goodbye counts nothing. */
Test (signal, leaving_is_no_loss)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    yard_is (s.as, "100",
             "SELECT state FROM ym.attempt_end (6, ARRAY[t.id (1)], ARRAY[%ld], ARRAY[9::int8],"
             " ARRAY[0], ARRAY[7::int2], ARRAY[0::int8], ARRAY[0::int8], ARRAY[''],"
             " ARRAY[false], 5, 1, 100) WHERE ix = 1",
             f);
    row_is (&s, 1, "losses, held", "0 0");
}

/* What waits again comes back as its queue knows it. */
Test (signal, what_comes_back_is_told)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    wish (&s, 1, YM_SUSPEND, YM_PREEMPTION);
    yard_is (s.as, "0 1 100 0 16 0 0 t",
             "SELECT ix, t.of (job_id), state, tier, urgency, hold, not_before_ms, came_back"
             " FROM ym.attempt_end (6, ARRAY[t.id (1)], ARRAY[%ld], ARRAY[9::int8], ARRAY[0],"
             " ARRAY[15::int2], ARRAY[0::int8], ARRAY[0::int8], ARRAY[''], ARRAY[true], 5, 3,"
             " 100) WHERE ix = 0",
             f);
}

static void yards_wish (const struct scene *s, int job, long fence, int ends_as, int note,
                        const char *expected)
{
    yard_is (s->as, expected,
             "SELECT ix FROM ym.attempt_wish (5500, ARRAY[t.id (%d)], ARRAY[%ld],"
             " ARRAY[1::int2], ARRAY[%d::int2], ARRAY[%d::int2], ARRAY['why'])",
             job, fence, ends_as, note);
}

Test (signal, an_overrun_fails)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    yards_wish (&s, 1, f, YM_JOB_FAILED, YM_JOB_NOTE_OVERRUN, "1");
    yards_wish (&s, 1, f, YM_JOB_FAILED, YM_JOB_NOTE_OVERRUN, "");
    yards_wish (&s, 2, f, YM_JOB_FAILED, YM_JOB_NOTE_OVERRUN, "");
    row_is (&s, 1, "wanted, ends_as, wanted_at", "1 920 5500");
    yard_is (s.as, "710", "SELECT t.working (1, %ld, 9, 19::int2)", f);
    finish (&s, 1, f, "TERMINATE", "920");
    history_is (&s, 1, "STARTED OVERRUN TERMINATING FAIL");
}

/* One that cannot be suspended is to end, and its suspension is forgotten. */
Test (signal, a_failed_suspension_terminates)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    wish (&s, 1, YM_SUSPEND, YM_OPERATING);
    yards_wish (&s, 1, f, 0, YM_JOB_NOTE_TERMINATE_WANTED, "1");
    row_is (&s, 1, "wanted, suspender, state_count", "1 0 0");
    finish (&s, 1, f, "EVICT", "910");
}

static void raise_problem (const struct scene *s, int kind, int job, const char *expected)
{
    yard_is (s->as, expected,
             "SELECT ix FROM ym.problem_raise (5600, ARRAY[%d::int2], ARRAY[t.id (%d)],"
             " ARRAY[9::int8], ARRAY['it'])",
             kind, job);
}

Test (signal, problems_are_raised_once)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    raise_problem (&s, YM_STALE_REQUEST, 1, "1");
    raise_problem (&s, YM_STALE_REQUEST, 1, "");
    raise_problem (&s, YM_SIGNAL_FAILED, 1, "1");
    history_is (&s, 1, "STARTED PROBLEM PROBLEM");
    finish (&s, 1, f, "COMPLETE", "900");
    yard_is (s.su, "0 6000; 1 6000", "SELECT kind, closed_ms FROM ym.problem ORDER BY kind");
}

/* Raised with the eviction itself: the agent may run it still, until it begins anew. */
Test (signal, who_does_not_end_is_a_problem_until_it_begins_anew)
{
    struct scene s = scene ();
    long f = start (&s, 1);

    wish (&s, 1, YM_TERMINATE, 0);
    yard_is (s.as, "1",
             "SELECT ix FROM ym.problem_raise (6000, ARRAY[1::int2], ARRAY[t.id (1)],"
             " ARRAY[9::int8], ARRAY['terminate'])");
    finish (&s, 1, f, "EVICT", "910");
    yard_is (s.su, "1 0", "SELECT kind, closed_ms FROM ym.problem");
    yard_do (s.as, "SELECT t.register (9, 'another program')");
    yard_is (s.su, "1 7000", "SELECT kind, closed_ms FROM ym.problem");
}

/* An error while it works makes the signal due again; who then works on it anew is waited for,
 * and what was repeated stays counted. */
Test (signal, works_again_after_an_error)
{
    struct scene s = scene ();
    long f = lease (&s, 1);

    yard_is (s.as, "210", "SELECT t.working (1, %ld, 9, 10::int2)", f);
    yard_mark (s.su);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 10::int2)", f);
    cr_assert (yard_is_unchanged (s.su));
    yard_is (s.as, "t", "SELECT t.errored (1, %ld, 9)", f);
    row_is (&s, 1, "state, errored_at >= state_at", "210 t");
    yard_is (s.as, "1",
             "SELECT count (*) FROM ym.attempt_again (ARRAY[t.id (1)], ARRAY[%ld],"
             " ARRAY[0::int2])",
             f);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 9, 13::int2)", f);
    yard_is (s.as, "", "SELECT t.working (1, %ld, 10, 10::int2)", f);
    row_is (&s, 1, "errored_at > 0", "t");
    yard_is (s.as, "210", "SELECT t.working (1, %ld, 9, 10::int2)", f);
    row_is (&s, 1, "state, errored_at, state_count", "210 0 1");
    history_is (&s, 1, "PREPARING ERRORED");
}

/* Who waited too long fails; who ever started does not. */
Test (signal, expiry)
{
    struct scene s = scene ();
    long f;

    yard_do (s.su, "UPDATE ym.job_run SET wait_until_ms = 5000 WHERE job_id <= t.id (3)");
    f = lease (&s, 2);
    finish (&s, 2, f, "LOSE", "100");
    yard_is (s.as, "", "SELECT ix FROM ym.job_expire (4999, ARRAY[t.id (1)])");
    yard_do (s.su, "INSERT INTO ym.hold VALUES (t.id (3), 0, 1, 'r', 1, 1)");
    yard_is (s.as, "1 1 920 t; 4 3 920 t",
             "SELECT ix, t.of (job_id), state, final FROM ym.job_expire (5000,"
             " ARRAY[t.id (1), t.id (2), t.id (4), t.id (3), t.id (99)]) ORDER BY ix");
    yard_is (s.su, "0", "SELECT count (*) FROM ym.hold");
    yard_is (s.as, "", "SELECT ix FROM ym.job_expire (5000, ARRAY[t.id (1)])");
}

/* Another address is told from then on; the job keeps what was asked. */
Test (signal, addresses)
{
    struct scene s = scene ();
    long f = lease (&s, 1);
    static const char told[] =
        "SELECT source, target FROM ym.attempt_told (ARRAY[t.id (1)], ARRAY[%ld])";

    yard_is (s.as, "300", "SELECT t.prepared (1, %ld, 9, 1, '', 'new')", f);
    yard_is (s.as, "1 new", told, f);
    yard_is (s.as, "1",
             "SELECT ix FROM ym.attempt_started (4100, ARRAY[t.id (1)], ARRAY[%ld],"
             " ARRAY[9::int8], ARRAY[2], ARRAY['moved'], ARRAY[''])",
             f);
    yard_is (s.as, "moved new", told, f);
    history_is (&s, 1, "PREPARED START READDRESSED STARTED READDRESSED");
    yard_is (s.su, "1 1", "SELECT source, target FROM ym.job WHERE job_id = t.id (1)");
}

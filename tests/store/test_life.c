/* test_life.c - every move of a row is an edge of the published table (S5), and the statements
 * of the hot path find rows by their key whatever the statistics say. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/life.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "tests/lib/yard_sql.h"

TestSuite (life, .timeout = 100, .fini = yard_end);

enum { AGENT = 9, FENCE = 77 };

/* The table in the database is the one that was built in. */
Test (life, law_is_what_was_built)
{
    PGconn *su = yard_session (NULL);
    const struct ym_life *lives[] = {&ym_job_life, &ym_agent_life};

    for (int l = 0; l < 2; l++) {
        const struct ym_life *life = lives[l];
        cr_assert_eq (yard_number (su,
                                   "SELECT count (*) FROM ym.legal_move WHERE machine = '%s'",
                                   life->name),
                      life->move_count);
        for (unsigned i = 0; i < life->move_count; i++)
            yard_is (
                su, life->moves[i].why,
                "SELECT why FROM ym.legal_move WHERE machine = '%s' AND from_state = %d AND"
                " on_event = %d AND to_state = %d",
                life->name, life->moves[i].from, life->moves[i].on, life->moves[i].to);
        for (unsigned i = 0; i < life->state_count; i++)
            yard_is (
                su, life->states[i].final ? "t" : "f",
                "SELECT final FROM ym.state WHERE machine = '%s' AND number = %d AND name ="
                " '%s'",
                life->name, life->states[i].number, life->states[i].name);
    }
}

static bool has_holder (int state)
{
    return state != YM_JOB_QUEUED && state != YM_JOB_SUSPENDED;
}

static void job_exists (PGconn *su)
{
    yard_do (su, "INSERT INTO ym.job VALUES (0, t.id (1), 1, 0, 7, 1, 5, 'n', 'git', 's', 't',"
                 " NULL, '')");
}

/* Job 1 in a state: final ones lie in job_done, all but those that wait have a holder. */
static void come_to (PGconn *su, const struct ym_state *state)
{
    yard_do (su, "DELETE FROM ym.job_run; DELETE FROM ym.job_done; DELETE FROM ym.job_event");
    yard_do (su, "INSERT INTO ym.%s VALUES (0, t.id (1), 1, 0, %d, 5, 1, %s)",
             state->final ? "job_done" : "job_run", state->number,
             state->final                  ? "2, 77, 9, 0, 0, 0, ''"
             : !has_holder (state->number) ? "0, 0, 0, 16, 2, 0, 7, 0, 77, 9, 0, 0, 0, 0"
                                           : "0, 0, 0, 16, 2, 0, 7, 0, 77, 9, 9, 0, 0, 0");
}

/* What a job must be like for an event, and who makes it happen. */
enum maker { BY_END, BY_WORKING, BY_PREPARED, BY_STARTED, BY_EXPIRE, BY_LEASE, BY_SUBMIT };
static const struct {
    int on;
    enum maker maker;
    int reported;
    const char *facts;
} makers[] = {
    {YM_JOB_ON_SUBMIT, BY_SUBMIT, 0, ""},
    {YM_JOB_ON_LEASE, BY_LEASE, 0, ""},
    {YM_JOB_ON_STARTED, BY_STARTED, 0, ""},
    {YM_JOB_ON_PREPARED, BY_PREPARED, 0, "wanted = 1"}, /* else START follows at once */
    {YM_JOB_ON_PREPARING, BY_WORKING, 0, ""},
    {YM_JOB_ON_STARTUP, BY_WORKING, 0, ""},
    {YM_JOB_ON_SUSPENDING, BY_WORKING, 0, "wanted = 2, suspender = 4"},
    {YM_JOB_ON_TERMINATING, BY_WORKING, 0, "wanted = 1"},
    {YM_JOB_ON_DEPROVISION, BY_WORKING, 0, "ends_as = 900"},
    {YM_JOB_ON_COMPLETE, BY_END, YM_JOB_ON_COMPLETE, "ends_as = 900"},
    {YM_JOB_ON_FAIL, BY_END, YM_JOB_ON_FAIL, "ends_as = 920"},
    {YM_JOB_ON_TERMINATE, BY_END, YM_JOB_ON_TERMINATE, "wanted = 1, ends_as = 910"},
    {YM_JOB_ON_RETRY, BY_END, YM_JOB_ON_RETRY, ""},
    {YM_JOB_ON_LOSE, BY_END, YM_JOB_ON_LOSE, ""},
    {YM_JOB_ON_EVICT, BY_END, YM_JOB_ON_EVICT, ""},
    {YM_JOB_ON_GIVE_UP, BY_END, YM_JOB_ON_GIVE_UP, ""},
    {YM_JOB_ON_SUSPEND, BY_END, YM_JOB_ON_SUSPEND, "wanted = 2, suspender = 4"},
    {YM_JOB_ON_PREEMPT, BY_END, YM_JOB_ON_SUSPEND, "wanted = 2, suspender = 1"},
    {YM_JOB_ON_CLOSE, BY_END, YM_JOB_ON_COMPLETE, "live = 1"},
    {YM_JOB_ON_EXPIRE, BY_EXPIRE, 0, "wait_until_ms = 1, attempt = 0"},
};
enum { MAKERS = sizeof makers / sizeof makers[0] };

static void let_end (PGconn *as, int state, int reported, int holder)
{
    bool closing = state == YM_JOB_COMPLETING || state == YM_JOB_DEPROVISION_REQUESTED;
    bool by_row = closing && (reported == YM_JOB_ON_COMPLETE || reported == YM_JOB_ON_FAIL ||
                              reported == YM_JOB_ON_TERMINATE);

    yard_do (as,
             "SELECT t.attempt_end (6, ARRAY[t.id (1)], ARRAY[%d::int8], ARRAY[%d::int8],"
             " ARRAY[%d::int2], ARRAY[0::int8], ARRAY[0::int8], ARRAY[''])",
             FENCE, holder, by_row ? 0 : reported);
}

/* Whoever would make it happen does so; the server may say no. */
static void let_happen (PGconn *in, PGconn *as, int state, unsigned i)
{
    int holder = has_holder (state) ? AGENT : 0;

    switch (makers[i].maker) {
    case BY_SUBMIT:
        PQclear (PQexec (in, "SELECT t.submit (1, 1, 'r', 'body')"));
        break;
    case BY_LEASE:
        yard_do (as, "SELECT t.lease (1, 10)");
        break;
    case BY_STARTED:
        yard_do (as, "SELECT t.started (1, %d, %d)", FENCE, holder);
        break;
    case BY_PREPARED:
        yard_do (as, "SELECT t.prepared (1, %d, %d)", FENCE, holder);
        break;
    case BY_WORKING:
        yard_do (as, "SELECT t.working (1, %d, %d, %d::int2)", FENCE, holder, makers[i].on);
        break;
    case BY_EXPIRE:
        yard_do (as, "SELECT ym.job_expire (6, ARRAY[t.id (1)])");
        break;
    default:
        let_end (as, state, makers[i].reported, holder);
    }
}

static void check_move (PGconn *su, const struct ym_move *move)
{
    bool final = ym_life_is_final (&ym_job_life, move->to);

    yard_is (su, final ? "0 1" : "1 0",
             "SELECT (SELECT count (*) FROM ym.job_run), (SELECT count (*) FROM ym.job_done)");
    cr_assert_eq (yard_number (su, "SELECT state FROM ym.%s WHERE seq = 6",
                               final ? "job_done" : "job_run"),
                  move->to, "%s", move->why);
    yard_is (su, "1", "SELECT count (*) FROM ym.job_event");
    yard_is (
        su, move->why,
        "SELECT why FROM ym.job_history WHERE seq = 6 AND on_event = %d AND from_state = %d",
        move->on, move->from);
}

/* What waits is suspended and terminated by people, who have tests of their own; and an end in
 * COMPLETING is that of its row, so that of another one cannot be asked for. */
static bool is_others (int state, int on)
{
    return !has_holder (state) && (on == YM_JOB_ON_SUSPEND || on == YM_JOB_ON_TERMINATE);
}

/* No state is lost and none is won: for each pair, what the table says or nothing. */
static void one_pair (PGconn *in, PGconn *as, PGconn *su, const struct ym_state *state,
                      unsigned i)
{
    const struct ym_move *move = ym_life_next (&ym_job_life, state->number, makers[i].on);

    if (is_others (state->number, makers[i].on))
        return;
    yard_do (su, "DELETE FROM ym.request; DELETE FROM ym.job; DELETE FROM ym.requirement");
    job_exists (su);
    come_to (su, state);
    if (makers[i].facts[0])
        yard_do (su, "UPDATE ym.job_run SET %s", makers[i].facts);
    yard_mark (su);
    let_happen (in, as, state->number, i);
    if (move)
        check_move (su, move);
    else
        cr_assert (yard_is_unchanged (su), "%s on %d", state->name, makers[i].on);
}

Test (life, every_pair)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);

    for (unsigned s = 0; s < ym_job_life.state_count; s++)
        for (unsigned i = 0; i < MAKERS; i++)
            one_pair (in, as, su, &ym_job_life.states[s], i);
}

/* A termination of what runs is a wish: it takes a place in the history and moves nothing. */
Test (life, a_wish_is_no_move)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    job_exists (su);
    for (unsigned s = 0; s < ym_job_life.state_count; s++) {
        const struct ym_state *state = &ym_job_life.states[s];
        if (state->final || !has_holder (state->number))
            continue;
        yard_do (su, "DELETE FROM ym.request");
        come_to (su, state);
        yard_do (in, "SELECT t.terminate (1, 1, 1, 'x')");
        cr_assert_eq (
            yard_number (su, "SELECT state FROM ym.job_run WHERE seq = 6 AND wanted = 1"),
            state->number);
    }
}

/* Plans: statements prepared while the tables were empty, then many rows and no statistics,
 * then statistics. */

enum { ROWS = 20000, BOUND_MS = 2000, ARRAY_MAX = 1 << 14 };

static void submit_many (PGconn *in, int from, int count)
{
    yard_is (in, "fresh",
             "SELECT DISTINCT t.submit (array_agg (n), array_agg (1), array_agg ('f' || n),"
             " array_agg ('b'::text)) FROM generate_series (%d, %d) n",
             from, from + count - 1);
}

static long scans (PGconn *in, PGconn *as, PGconn *su)
{
    yard_do (in, "SELECT pg_stat_force_next_flush ()");
    yard_do (as, "SELECT pg_stat_force_next_flush ()");
    yard_do (su, "SELECT pg_stat_force_next_flush ()");
    return (long)yard_number (su,
                              "SELECT sum (seq_scan)::int8 FROM pg_stat_user_tables WHERE"
                              " schemaname = 'ym' AND relname ~"
                              " '^(job|job_run|request|job_event|checkpoint|id_map)(_2|$)'");
}

static void prepare (PGconn *as)
{
    yard_do (as, "PREPARE lease (int8[], int8[]) AS SELECT count (*) FROM t.attempt_lease (1,"
                 " $1, $2, array_fill (t.session (9), ARRAY[500]))");
    yard_do (as, "PREPARE started (int8[], int8[], int8[]) AS SELECT count (*) FROM"
                 " ym.attempt_started (1, $1, $2, $3, array_fill (0, ARRAY[500]),"
                 " array_fill (''::text, ARRAY[500]), array_fill (''::text, ARRAY[500]))");
    yard_do (as, "PREPARE checkpoint (int8[], int8[], int8[], text[]) AS SELECT count (*) FROM"
                 " ym.attempt_checkpoint (1, $1, $2, $3, array_fill (1::int8, ARRAY[500]),"
                 " array_fill (''::bytea, ARRAY[500]), $4, array_fill (1::int8, ARRAY[500]),"
                 " array_fill (1::int8, ARRAY[500]), $1, $4, $4)");
    yard_do (as, "PREPARE verify (int8[], int8[], int8[]) AS SELECT count (*) FROM"
                 " ym.attempt_verify ($1, $2, $3, array_fill (0, ARRAY[500]))");
    yard_do (as, "PREPARE finish (int8[], int8[], int8[], text[]) AS SELECT count (*) FROM"
                 " ym.attempt_end (1, $1, $2, $3, array_fill (0, ARRAY[500]),"
                 " array_fill (4::int2, ARRAY[500]), array_fill (1::int8, ARRAY[500]),"
                 " array_fill (1::int8, ARRAY[500]), $4, array_fill (true, ARRAY[500]), 5, 3,"
                 " 100)");
}

struct columns {
    char jobs[ARRAY_MAX], fences[ARRAY_MAX], agents[ARRAY_MAX], texts[ARRAY_MAX];
};

static void keep (char to[ARRAY_MAX], const char *array)
{
    cr_assert (ym_text_copy (to, ARRAY_MAX, array));
}

/* 'arguments' are those of a prepared statement. */
static void timed (PGconn *c, const char *name, const char *arguments)
{
    int64_t begin_ms = ym_time_mono_ms (), took_ms;

    yard_is (c, "500", "EXECUTE %s (%s)", name, arguments);
    took_ms = ym_time_mono_ms () - begin_ms;
    cr_log_info ("%s: %ld ms", name, (long)took_ms);
    cr_assert_lt (took_ms, BOUND_MS, "%s: %ld ms", name, (long)took_ms);
}

static void timed_submit (PGconn *in, int from)
{
    int64_t begin_ms = ym_time_mono_ms (), took_ms;

    submit_many (in, from, 500);
    took_ms = ym_time_mono_ms () - begin_ms;
    cr_log_info ("submit: %ld ms", (long)took_ms);
    cr_assert_lt (took_ms, BOUND_MS, "submit: %ld ms", (long)took_ms);
}

/* The life of 500 jobs, spread over the table. */
static void run_batch (PGconn *as, PGconn *su, int round)
{
    static struct columns c;
    static char arguments[5 * ARRAY_MAX];

    keep (c.jobs, yard_ask (su,
                            "SELECT array_agg (t.id (n * 20 + %d)) FROM generate_series (0,"
                            " 499) n",
                            round));
    keep (c.texts, yard_ask (su, "SELECT array_agg (n) FROM generate_series (1, 500) n"));
    keep (c.agents, yard_ask (su, "SELECT array_agg (9) FROM generate_series (1, 500)"));
    (void)snprintf (arguments, sizeof arguments, "'%s', '%s'", c.jobs, c.agents);
    timed (as, "lease", arguments);
    /* Given out in the order of the batch; asking job_run would be counted. */
    keep (c.fences, yard_ask (su, "SELECT array_agg (o.fence - 500 + n) FROM ym.owner o,"
                                  " generate_series (1, 500) n WHERE o.scope = 'assignment'"));
    (void)snprintf (arguments, sizeof arguments, "'%s', '%s', '%s'", c.jobs, c.fences,
                    c.agents);
    timed (as, "started", arguments);
    timed (as, "verify", arguments);
    (void)snprintf (arguments, sizeof arguments, "'%s', '%s', '%s', '%s'", c.jobs, c.fences,
                    c.agents, c.texts);
    timed (as, "checkpoint", arguments);
    timed (as, "finish", arguments);
}

Test (life, hot_statements_use_the_key)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);

    yard_do (su, "ALTER TABLE ym.job_run SET (autovacuum_enabled = off)");
    yard_do (su, "ALTER TABLE ym.request SET (autovacuum_enabled = off)");
    prepare (as);
    submit_many (in, 0, 20);
    yard_do (as, "SELECT t.lease (19, 8)");
    for (int i = 20; i < ROWS; i += 1000)
        submit_many (in, i, ROWS - i < 1000 ? ROWS - i : 1000);
    for (int round = 0; round < 7; round++) {
        if (round == 6) {
            yard_do (su, "ANALYZE");
            yard_do (as, "DISCARD PLANS");
        }
        long before = scans (in, as, su);
        run_batch (as, su, round);
        timed_submit (in, 30000 + 500 * round);
        long grown = scans (in, as, su) - before;
        cr_assert_eq (grown, 0, "round %d: %ld scans", round, grown);
    }
    long quiet = scans (in, as, su);
    yard_do (su, "SET enable_indexscan = off; SET enable_bitmapscan ="
                 " off; SET enable_indexonlyscan = off");
    yard_do (su, "SELECT count (*) FROM ym.job_run WHERE holder = 9");
    cr_assert_gt (scans (in, as, su), quiet, "a scan would be seen");
}

/* test_property.c - whatever comes in whatever order: no job is forgotten, none ends with
 * something left behind, and what is final stays.
 *
 * Seeded random steps over a few dozen jobs, of which new ones come when others have ended:
 * leases, answers, repetitions, losses, wishes, resources, ends; words that were kept and come
 * late; sessions that are cut off before they commit. The promises are checked after each step.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/life.h"
#include "common/base/text.h"
#include "tests/lib/yard_sql.h"

TestSuite (property, .timeout = 150, .fini = yard_end);

enum { PLACES = 24, STEPS = 1500, WHOLE_EVERY = 100, KEPT = 64, SQL_ROOM = 300 };

/* What breaks a promise, in words; nothing if all holds. Of the histories only that of one job,
 * because they are long, or of all. */
static const char prepare_broken[] =
    "PREPARE broken (int8, int8) AS"
    " SELECT string_agg (what || ' ' || t.of (job_id), ', ') FROM ("
    " SELECT 'forgotten' AS what, r.job_id FROM ym.job_run r WHERE r.holder = 0 AND r.held = 0"
    "  AND r.unmet = 0 AND r.state <> 520"
    "  AND NOT EXISTS (SELECT FROM ym.waiting w WHERE w.job_id = r.job_id)"
    " UNION ALL SELECT 'held by nobody', r.job_id FROM ym.job_run r"
    "  WHERE (r.holder = 0) <> (r.state IN (100, 520))"
    " UNION ALL SELECT 'left behind', x.job_id FROM ym.resource x"
    "  WHERE NOT EXISTS (SELECT FROM ym.job_run r WHERE r.job_id = x.job_id)"
    " UNION ALL SELECT 'miscounted', r.job_id FROM ym.job_run r"
    "  WHERE r.live <> (SELECT count (*) FROM ym.resource x WHERE x.job_id = r.job_id)"
    " UNION ALL SELECT 'in two places', r.job_id FROM ym.job_run r JOIN ym.job_done d USING"
    "  (job_id)"
    " UNION ALL SELECT 'nowhere', j.job_id FROM ym.job j"
    "  WHERE NOT EXISTS (SELECT FROM ym.job_run r WHERE r.job_id = j.job_id)"
    "  AND NOT EXISTS (SELECT FROM ym.job_done d WHERE d.job_id = j.job_id)"
    " UNION ALL SELECT 'closing for nothing', r.job_id FROM ym.job_run r"
    "  WHERE r.state IN (600, 610) AND r.ends_as = 0"
    " UNION ALL SELECT 'a hold without a reason', r.job_id FROM ym.job_run r"
    "  WHERE r.held IN (3, 4) AND NOT EXISTS (SELECT FROM ym.hold h WHERE h.job_id = r.job_id)"
    " UNION ALL SELECT 'a gap in', e.job_id FROM ym.job_event e WHERE e.job_id BETWEEN $1 AND "
    "$2"
    "  GROUP BY e.job_id HAVING max (e.seq) <> count (*)"
    " UNION ALL SELECT 'other number', r.job_id FROM ym.job_run r WHERE r.job_id BETWEEN $1 "
    "AND $2"
    "  AND r.seq <> (SELECT max (seq) FROM ym.job_event e WHERE e.job_id = r.job_id)"
    " UNION ALL SELECT 'after its end', e.job_id FROM ym.job_event e JOIN ym.job_done d USING"
    "  (job_id) WHERE e.job_id BETWEEN $1 AND $2 AND e.seq > d.seq"
    " UNION ALL SELECT 'not by the table', e.job_id FROM ym.job_event e"
    "  WHERE e.job_id BETWEEN $1 AND $2 AND e.on_event < 50"
    "  AND NOT EXISTS (SELECT FROM ym.legal_move m WHERE m.machine = 'job' AND"
    "   m.from_state = e.from_state AND m.on_event = e.on_event AND m.to_state = e.state)) x";

/* A callback as it was said once. */
struct word {
    char sql[SQL_ROOM];
    int job;
    int64_t fence;
    bool is_numbered; /* or recognized by the state alone */
};
struct world {
    PGconn *intake, *assignment, *superuser;
    unsigned from;
    int step, jobs;    /* so many were ever submitted */
    int place[PLACES]; /* the jobs that things happen to */
    struct word kept[KEPT];
    unsigned late, cut_off, repeated;
};

static unsigned seed;

static unsigned any (unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

/* A callback of the latest attempt, of the one before it, or of another agent's. */
static struct word some_word (struct world *w, int job)
{
    static const char *const ends[] = {"COMPLETE",      "RETRY",        "FAIL",  "LOSE",
                                       "TERMINATE",     "SUSPEND",      "EVICT", "GIVE_UP",
                                       "deprovisioned", "deprovisioned"};
    static const int signals[] = {10, 13, 14, 19, 23};
    struct word to = {.job = job};
    char who[80];
    unsigned message = any (3) ? 0 : 1 + any (6);

    to.fence = yard_number (w->superuser, "SELECT t.fence (%d)", job) - (any (12) ? 0 : 1);
    to.is_numbered = message > 0;
    (void)ym_text_format (who, sizeof who, "%d, %lld, %d", job, (long long)to.fence,
                          any (15) ? 9 : 10);
    switch (any (9)) {
    case 0:
    case 1:
        (void)ym_text_format (to.sql, SQL_ROOM, "SELECT t.started (%s)", who);
        to.is_numbered = true; /* a second one says nothing new */
        break;
    case 2:
        (void)ym_text_format (to.sql, SQL_ROOM, "SELECT t.prepared (%s, %u)", who, message);
        break;
    case 3:
    case 4:
        (void)ym_text_format (to.sql, SQL_ROOM, "SELECT t.working (%s, %d::int2, %u)", who,
                              signals[any (5)], message);
        break;
    case 5:
        (void)ym_text_format (to.sql, SQL_ROOM, "SELECT t.resource (%s, 'r%u', %u::int2)", who,
                              any (3), any (3));
        break;
    case 6:
        (void)ym_text_format (to.sql, SQL_ROOM, "SELECT t.checkpoint (%s, %u)", who,
                              1 + any (50));
        to.is_numbered = true;
        break;
    case 7:
        (void)ym_text_format (to.sql, SQL_ROOM, "SELECT t.errored (%s, %u)", who, message);
        break;
    default:
        (void)ym_text_format (to.sql, SQL_ROOM, "SELECT t.finish (%s, '%s', %u)", who,
                              ends[any (sizeof ends / sizeof ends[0])], message);
    }
    return to;
}

/* What people and the yard itself want: as rows have it afterwards. */
static void some_wish (PGconn *su, PGconn *as, int job)
{
    if (any (4) == 0)
        yard_do (as,
                 "SELECT ym.attempt_wish (1, ARRAY[t.id (%d)], ARRAY[t.fence (%d)],"
                 " ARRAY[1::int2], ARRAY[%d::int2], ARRAY[%d::int2], ARRAY['']) ",
                 job, job, any (2) ? 920 : 0, YM_JOB_NOTE_OVERRUN);
    else if (any (2))
        yard_do (su,
                 "UPDATE ym.job_run SET wanted = 2, suspender = %u WHERE job_id = t.id (%d) AND"
                 " wanted = 0 AND holder <> 0 AND state NOT IN (600, 610)",
                 1 + any (4), job);
    else
        yard_do (su, "SELECT t.let_go (%d)", job);
}

/* All that is known of a job, to see whether it changed. */
static void look (const struct world *w, int job, char ret[4096])
{
    cr_assert (ym_text_copy (
        ret, 4096,
        yard_ask (w->superuser,
                  "SELECT (SELECT r::text FROM ym.job_run r WHERE r.job_id = t.id (%d)),"
                  " (SELECT d::text FROM ym.job_done d WHERE d.job_id = t.id (%d)),"
                  " (SELECT string_agg (x::text, ' ' ORDER BY x::text) FROM ym.resource x WHERE"
                  "  x.job_id = t.id (%d)),"
                  " (SELECT max (seq) FROM ym.job_event e WHERE e.job_id = t.id (%d)),"
                  " (SELECT string_agg (c::text, ' ' ORDER BY c::text) FROM ym.checkpoint c"
                  "  WHERE c.job_id = t.id (%d))",
                  job, job, job, job, job)));
}

static void is_as_before (const struct world *w, const struct word *word, const char *before,
                          const char *what)
{
    char now[4096];

    look (w, word->job, now);
    cr_assert_str_eq (now, before, "seed %u step %d: %s: %s\n was %s\n now %s", w->from,
                      w->step, what, word->sql, before, now);
}

/* The same message once more. */
static void say_again (struct world *w, const struct word *word)
{
    char before[4096];

    look (w, word->job, before);
    yard_do (w->assignment, "%s", word->sql);
    if (word->is_numbered)
        is_as_before (w, word, before, "a repetition changed it");
    w->repeated++;
}

/* A word that was kept comes now. Of an attempt that is over it changes nothing. */
static void say_late (struct world *w, const struct word *word)
{
    bool is_over;
    char before[4096];

    look (w, word->job, before);
    is_over = yard_number (w->superuser, "SELECT t.fence (%d)", word->job) != word->fence;
    yard_do (w->assignment, "%s", word->sql);
    if (is_over)
        is_as_before (w, word, before, "an attempt that is over changed it");
    w->late += is_over;
}

/* The process dies after it was carried out and before it is committed; what was asked comes
 * again, to the next one. */
static void say_cut_off (struct world *w, const struct word *word)
{
    PGconn *dying = yard_session ("ym_assignment");
    char before[4096];

    look (w, word->job, before);
    yard_do (dying, "BEGIN");
    yard_do (dying, "%s", word->sql);
    if (any (2))
        yard_do (w->superuser, "SELECT pg_terminate_backend (%d)", PQbackendPID (dying));
    yard_close (dying);
    is_as_before (w, word, before, "what was not committed changed it");
    yard_do (w->assignment, "%s", word->sql);
    w->cut_off++;
}

static void submit (struct world *w, int place)
{
    w->place[place] = ++w->jobs;
    yard_do (w->intake, "SELECT t.submit (%d, 1, '%d', '%d')", w->jobs, w->jobs, w->jobs);
}

static bool has_ended (const struct world *w, int job)
{
    return yard_number (w->superuser,
                        "SELECT count (*) FROM ym.job_done WHERE job_id = t.id (%d)", job) > 0;
}

static void say (struct world *w, int place)
{
    struct word word = some_word (w, w->place[place]);

    if (any (16) == 0)
        say_cut_off (w, &word);
    else
        yard_do (w->assignment, "%s", word.sql);
    if (any (4) == 0)
        say_again (w, &word);
    if (any (2))
        w->kept[any (KEPT)] = word;
    if (word.fence <= 0 && any (4) == 0 && has_ended (w, word.job))
        submit (w, place); /* late words of the old one may still come */
}

/* The job that something happened to. */
static int step (struct world *w)
{
    int place = (int)any (PLACES), job = w->place[place];
    const struct word *late = &w->kept[any (KEPT)];

    switch (any (9)) {
    case 0:
    case 1:
        yard_do (w->assignment, "SELECT t.lease (%d, 9)", job);
        break;
    case 2:
        some_wish (w->superuser, w->assignment, job);
        break;
    case 3:
        if (!late->sql[0])
            break;
        say_late (w, late);
        return late->job;
    default:
        say (w, place);
    }
    return job;
}

static void helpers (PGconn *su)
{
    yard_do (
        su, "CREATE FUNCTION t.fence (n int8) RETURNS int8 LANGUAGE sql STABLE SECURITY DEFINER"
            " AS 'SELECT COALESCE (max (fence), 0) FROM ym.job_run WHERE job_id = t.id (n)'");
    /* Time passes: suspended jobs are resumed, held ones released, waits are over. */
    yard_do (su,
             "CREATE FUNCTION t.let_go (n int8) RETURNS void LANGUAGE sql AS $$"
             " DELETE FROM ym.hold WHERE job_id = t.id (n);"
             " UPDATE ym.job_run SET held = 0, retries = 0, losses = 0, not_before_ms = 0 WHERE"
             "  job_id = t.id (n) AND state = 100;"
             " WITH r AS (UPDATE ym.job_run SET state = 100, suspender = 0, seq = seq + 1 WHERE"
             "  job_id = t.id (n) AND state = 520 RETURNING *)"
             " INSERT INTO ym.job_event SELECT 0, job_id, seq, 1, 18, 520, 100, attempt, fence,"
             "  agent_id, 0, '' FROM r $$");
}

/* Of the history of one job, or of all. */
static void check (const struct world *w, int job)
{
    int64_t id = job ? yard_number (w->superuser, "SELECT t.id (%d)", job) : 0;
    const char *broken = yard_ask (w->superuser, "EXECUTE broken (%lld, %lld)", (long long)id,
                                   (long long)(job ? id : INT64_MAX));

    cr_assert_str_eq (broken, "null", "seed %u step %d, of job %d: %s", w->from, w->step, job,
                      broken);
}

static void walk (unsigned from)
{
    static struct world w;

    w = (struct world){.intake = yard_session ("ym_intake"),
                       .assignment = yard_session ("ym_assignment"),
                       .superuser = yard_session (NULL),
                       .from = from};
    seed = from;
    helpers (w.superuser);
    yard_do (w.superuser, "SET plan_cache_mode = force_generic_plan"); /* asked at each step */
    yard_do (w.superuser, prepare_broken);
    yard_do (w.assignment, "SELECT ym.owner_claim ('assignment')");
    for (int place = 0; place < PLACES; place++)
        submit (&w, place);
    for (w.step = 0; w.step < STEPS; w.step++) {
        check (&w, step (&w));
        if (w.step % WHOLE_EVERY == 0)
            check (&w, 0);
    }
    check (&w, 0);
    cr_assert (w.late > 10 && w.cut_off > 20 && w.repeated > 100 && w.jobs > PLACES + 4,
               "%u late, %u cut off, %u repeated, %d jobs", w.late, w.cut_off, w.repeated,
               w.jobs);
    cr_assert_gt (
        yard_number (w.superuser, "SELECT count (DISTINCT on_event) FROM ym.job_event"), 15,
        "it went far enough to mean something");
}

Test (property, one)
{
    walk (1);
}

Test (property, two)
{
    walk (20260);
}

Test (property, another)
{
    const char *text = getenv ("YM_TEST_SEED");
    unsigned from = text ? (unsigned)strtoul (text, NULL, 10) : (unsigned)time (NULL);

    (void)fprintf (stderr, "YM_TEST_SEED=%u\n", from);
    walk (from);
}

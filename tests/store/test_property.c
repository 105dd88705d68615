/* test_property.c - whatever comes in whatever order: no job is forgotten, none ends with
 * something left behind, and what is final stays.
 *
 * Seeded random steps over a few dozen jobs: leases, answers, repetitions, words of earlier
 * attempts, losses, wishes, resources, ends. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/life.h"
#include "common/base/text.h"
#include "tests/lib/yard_sql.h"

TestSuite (property, .timeout = 150, .fini = yard_end);

enum { JOBS = 24, STEPS = 2500, BATCH = 10 };

/* What breaks a promise, in words; nothing if all holds. */
static const char broken[] =
    "SELECT string_agg (what || ' ' || t.of (job_id), ', ') FROM ("
    " SELECT 'forgotten' AS what, r.job_id FROM ym.job_run r WHERE r.holder = 0 AND r.held = 0 "
    "AND"
    "  r.unmet = 0 AND r.state <> 520 AND NOT EXISTS (SELECT FROM ym.waiting w WHERE w.job_id ="
    "  r.job_id)"
    " UNION ALL SELECT 'held by nobody', r.job_id FROM ym.job_run r WHERE (r.holder = 0) <>"
    "  (r.state IN (100, 520))"
    " UNION ALL SELECT 'left behind', x.job_id FROM ym.resource x WHERE NOT EXISTS (SELECT FROM"
    "  ym.job_run r WHERE r.job_id = x.job_id)"
    " UNION ALL SELECT 'miscounted', r.job_id FROM ym.job_run r WHERE r.live <> (SELECT count "
    "(*)"
    "  FROM ym.resource x WHERE x.job_id = r.job_id)"
    " UNION ALL SELECT 'a gap in', e.job_id FROM ym.job_event e GROUP BY e.job_id HAVING max"
    "  (e.seq) <> count (*)"
    " UNION ALL SELECT 'other number', r.job_id FROM ym.job_run r WHERE r.seq <> (SELECT max "
    "(seq)"
    "  FROM ym.job_event e WHERE e.job_id = r.job_id)"
    " UNION ALL SELECT 'in two places', r.job_id FROM ym.job_run r JOIN ym.job_done d USING"
    "  (job_id)"
    " UNION ALL SELECT 'after its end', e.job_id FROM ym.job_event e JOIN ym.job_done d USING"
    "  (job_id) WHERE e.seq > d.seq"
    " UNION ALL SELECT 'nowhere', j.job_id FROM ym.job j WHERE NOT EXISTS (SELECT FROM "
    "ym.job_run r"
    "  WHERE r.job_id = j.job_id) AND NOT EXISTS (SELECT FROM ym.job_done d WHERE d.job_id ="
    "  j.job_id)"
    " UNION ALL SELECT 'closing for nothing', r.job_id FROM ym.job_run r WHERE r.state IN (600,"
    "  610) AND r.ends_as = 0"
    " UNION ALL SELECT 'not by the table', e.job_id FROM ym.job_event e WHERE e.on_event < 50 "
    "AND"
    "  NOT EXISTS (SELECT FROM ym.legal_move m WHERE m.machine = 'job' AND m.from_state ="
    "  e.from_state AND m.on_event = e.on_event AND m.to_state = e.state)"
    " UNION ALL SELECT 'a hold without a reason', r.job_id FROM ym.job_run r WHERE r.held IN "
    "(3, 4)"
    "  AND NOT EXISTS (SELECT FROM ym.hold h WHERE h.job_id = r.job_id)) x";

static unsigned seed;

static unsigned any (unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

/* A callback of the latest attempt, of the one before it, or of another agent's. */
static void some_word (char *to, size_t room, int job)
{
    static const char *const ends[] = {"COMPLETE",      "RETRY",        "FAIL",  "LOSE",
                                       "TERMINATE",     "SUSPEND",      "EVICT", "GIVE_UP",
                                       "deprovisioned", "deprovisioned"};
    static const int signals[] = {10, 13, 14, 19, 23};
    char who[80];
    unsigned message = any (3) ? 0 : 1 + any (6);

    (void)ym_text_format (who, sizeof who, "%d, t.fence (%d) - %u, %d", job, job,
                          any (12) ? 0 : 1, any (15) ? 9 : 10);
    switch (any (9)) {
    case 0:
    case 1:
        (void)ym_text_format (to, room, "SELECT t.started (%s)", who);
        break;
    case 2:
        (void)ym_text_format (to, room, "SELECT t.prepared (%s, %u)", who, message);
        break;
    case 3:
    case 4:
        (void)ym_text_format (to, room, "SELECT t.working (%s, %d::int2, %u)", who,
                              signals[any (5)], message);
        break;
    case 5:
        (void)ym_text_format (to, room, "SELECT t.resource (%s, 'r%u', %u::int2)", who, any (3),
                              any (3));
        break;
    case 6:
        (void)ym_text_format (to, room, "SELECT t.checkpoint (%s, %u)", who, 1 + any (50));
        break;
    case 7:
        (void)ym_text_format (to, room, "SELECT t.errored (%s, %u)", who, message);
        break;
    default:
        (void)ym_text_format (to, room, "SELECT t.finish (%s, '%s', %u)", who,
                              ends[any (sizeof ends / sizeof ends[0])], message);
    }
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

static void step (PGconn *as, PGconn *su)
{
    int job = 1 + (int)any (JOBS);
    char sql[200];

    switch (any (8)) {
    case 0:
    case 1:
        yard_do (as, "SELECT t.lease (%d, 9)", job);
        break;
    case 2:
        some_wish (su, as, job);
        break;
    default:
        some_word (sql, sizeof sql, job);
        yard_do (as, "%s", sql);
        if (any (4) == 0) /* and once more */
            yard_do (as, "%s", sql);
    }
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

static void walk (unsigned from)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);

    seed = from;
    helpers (su);
    yard_do (as, "SELECT ym.owner_claim ('assignment')");
    yard_do (in,
             "SELECT t.submit (array_agg (n), array_agg (1), array_agg (n::text), array_agg"
             " (n::text)) FROM generate_series (1, %d) n",
             JOBS);
    for (int i = 0; i < STEPS; i++) {
        step (as, su);
        if (i % BATCH == 0 || i < 50)
            cr_assert_str_eq (yard_ask (su, "%s", broken), "null", "seed %u step %d: %s", from,
                              i, yard_ask (su, "%s", broken));
    }
    cr_assert_str_eq (yard_ask (su, "%s", broken), "null", "seed %u: %s", from,
                      yard_ask (su, "%s", broken));
    cr_assert_gt (yard_number (su, "SELECT count (DISTINCT on_event) FROM ym.job_event"), 15,
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

/* test_lease.c - what may be leased, and under which policy; wishes that attempts suspend. */
#include <criterion/criterion.h>

#include "tests/lib/yard_sql.h"

TestSuite (lease, .timeout = 60, .fini = yard_end);

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
    yard_do (s.as, "SELECT t.session (9)");
    return s;
}

#define LEASE(policy)                                                                          \
    "SELECT count (*) FROM ym.attempt_lease (5000, " policy ", ARRAY[t.id (1)],"               \
    " ARRAY[9::int8], ARRAY[1::int8], ARRAY['a1: its turn'], t.ev ('LEASE'), t.ev ('GO_ON'),"  \
    " t.ev ('CLEAN'))"

Test (lease, under_an_older_policy_nothing_is_leased)
{
    struct scene s = scene ();

    yard_mark (s.su);
    yard_is (s.as, "0", LEASE ("ym.policy_number () - 1"));
    yard_is (s.as, "0", LEASE ("ym.policy_number () + 1"));
    cr_assert (yard_is_unchanged (s.su));
    yard_is (s.as, "1", LEASE ("ym.policy_number ()"));
    yard_is (s.su, "a1: its turn",
             "SELECT detail FROM ym.job_event WHERE job_id = t.id (1) AND on_event = 2");
}

/* A change of policy and a lease that meet: whoever is first, the other one sees it. */
Test (lease, leases_nothing_while_the_policy_changes)
{
    struct scene s = scene ();

    yard_do (s.su, "BEGIN");
    yard_do (s.su, "UPDATE ym.policy_change SET number = number + 1");
    yard_is (s.as, "0", LEASE ("1"));
    yard_do (s.su, "COMMIT");
    yard_is (s.as, "0", LEASE ("1"));
    yard_do (s.as, "BEGIN");
    yard_is (s.as, "1", LEASE ("2"));
    yard_block (s.su, "UPDATE ym.policy_change SET number = number + 1 RETURNING number");
    yard_do (s.as, "COMMIT");
    yard_then_is (s.su, "3");
}

/* Who may not start is not leased, whatever is remembered of it. */
Test (lease, only_who_may_start)
{
    static const char *const blocks[][2] = {
        {"held = 1", "held = 0"},     {"urgency = 0", "urgency = 16"},
        {"unmet = 1", "unmet = 0"},   {"not_before_ms = 5001", "not_before_ms = 5000"},
        {"wanted = 1", "wanted = 0"}, {"state = 520", "state = 100"},
    };
    struct scene s = scene ();

    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        yard_do (s.su, "UPDATE ym.job_run SET %s WHERE job_id = t.id (1)", blocks[i][0]);
        yard_is (s.as, "0", LEASE ("1"));
        yard_do (s.su, "UPDATE ym.job_run SET %s WHERE job_id = t.id (1)", blocks[i][1]);
    }
    yard_is (s.as, "1", LEASE ("1"));
}

Test (lease, goes_on_from_a_checkpoint)
{
    struct scene s = scene ();
    long fence = (long)yard_number (s.as, "SELECT t.lease (1, 9)");

    yard_is (s.as, "t", "SELECT t.checkpoint (1, %ld, 9, 3)", fence);
    yard_is (s.as, "100", "SELECT t.finish (1, %ld, 9, 'LOSE')", fence);
    yard_is (s.as, "530 3 30",
             "SELECT state, checkpoint, done FROM t.attempt_lease (900000, ARRAY[t.id (1)],"
             " ARRAY[9::int8], ARRAY[1::int8])");
}

/* One that is over and only left something behind is cleaned up, though held. */
Test (lease, cleans_up_whatever_holds_it)
{
    struct scene s = scene ();

    yard_do (s.su, "INSERT INTO ym.resource VALUES (t.id (1), 0, 'vm', 1, 'here', 1, 9, 1)");
    yard_do (s.su, "UPDATE ym.job_run SET ends_as = 910, live = 1, held = 1, urgency = 0"
                   " WHERE job_id = t.id (1)");
    yard_is (s.as, "600 {vm,1,here}",
             "SELECT state, resources FROM t.attempt_lease (5000, ARRAY[t.id (1)],"
             " ARRAY[9::int8], ARRAY[1::int8])");
}

/* A lease leaves nothing of an earlier suspension. */
Test (lease, begins_with_a_clean_row)
{
    struct scene s = scene ();

    yard_do (s.su, "UPDATE ym.job_run SET came_back = true, suspender = 1, beneficiary = 7,"
                   " wanted_at = 5, message = 9, preempted = 2 WHERE job_id = t.id (1)");
    yard_is (s.as, "1", LEASE ("1"));
    yard_is (s.su, "f 0 0 0 0 2",
             "SELECT came_back, suspender, beneficiary, wanted_at, message, preempted FROM"
             " ym.job_run WHERE job_id = t.id (1)");
}

/* Wishes. */

#define WANT(fence, beneficiary)                                                               \
    "SELECT ix FROM ym.attempt_want (7000, ARRAY[t.id (1)], ARRAY[" fence                      \
    "::int8], ARRAY[CASE WHEN " beneficiary                                                    \
    " = 0 THEN 2 ELSE 1 END::int2], ARRAY[" beneficiary                                        \
    "::int8], ARRAY['why'], t.ev ('SUSPEND'), 2::int2)"

Test (lease, a_wish_is_stored_once)
{
    struct scene s = scene ();
    long fence = (long)yard_number (s.as, "SELECT t.lease (1, 9)");

    yard_is (s.as, "t", "SELECT t.started (1, %ld, 9)", fence);
    yard_mark (s.su);
    yard_is (s.as, "", WANT ("%ld", "77"), fence + 1); /* another attempt */
    cr_assert (yard_is_unchanged (s.su));
    yard_is (s.as, "1", WANT ("%ld", "77"), fence);
    yard_is (
        s.su, "2 1 7000 77 54 why",
        "SELECT r.wanted, r.suspender, r.wanted_at, r.beneficiary, e.on_event, e.detail FROM"
        " ym.job_run r JOIN ym.job_event e USING (job_id, seq) WHERE job_id = t.id (1)");
    yard_mark (s.su);
    yard_is (s.as, "", WANT ("%ld", "78"), fence); /* something is wanted already */
    cr_assert (yard_is_unchanged (s.su));
}

Test (lease, who_is_fixed_is_drained_but_not_preempted)
{
    struct scene s = scene ();
    long fence = (long)yard_number (s.as, "SELECT t.lease (1, 9)");

    yard_do (s.su, "UPDATE ym.job_run SET fixed = true WHERE job_id = t.id (1)");
    yard_is (s.as, "", WANT ("%ld", "77"), fence);
    yard_is (s.as, "1", WANT ("%ld", "0"), fence);
    yard_is (s.su, "2 2 0 55",
             "SELECT r.wanted, r.suspender, r.beneficiary, e.on_event FROM ym.job_run r"
             " JOIN ym.job_event e USING (job_id, seq) WHERE job_id = t.id (1)");
}

/* A wish and the end of the attempt that meet: the end takes it along, or there is none. */
Test (lease, a_wish_meets_the_end)
{
    struct scene s = scene ();
    long fence = (long)yard_number (s.as, "SELECT t.lease (1, 9)");
    PGconn *other = yard_session ("ym_assignment");

    yard_do (s.as, "BEGIN");
    yard_is (s.as, "900", "SELECT t.finish (1, %ld, 9, 'COMPLETE')", fence);
    yard_block (other, WANT ("%ld", "77"), fence);
    yard_do (s.as, "COMMIT");
    yard_then_is (other, "");
}

/* Of what was refused, only what may start, now or later, is told to its queue again. */
Test (lease, refused_is_not_forgotten)
{
    struct scene s = scene ();

    yard_do (s.su, "UPDATE ym.job_run SET not_before_ms = 9000 WHERE job_id = t.id (1)");
    yard_do (s.su, "UPDATE ym.job_run SET held = 1 WHERE job_id = t.id (2)");
    yard_do (s.su, "UPDATE ym.job_run SET unmet = 1 WHERE job_id = t.id (3)");
    yard_do (s.su, "UPDATE ym.job_run SET held = 1, ends_as = 910 WHERE job_id = t.id (4)");
    yard_is (s.as, "0", LEASE ("ym.policy_number ()"));
    yard_is (s.as, "1 9000,4 0",
             "SELECT string_agg (n || ' ' || not_before_ms, ',' ORDER BY n) FROM"
             " generate_series (1, 4) n JOIN ym.waiting_still (ARRAY (SELECT t.id (i) FROM"
             " generate_series (1, 4) i)) w ON w.job_id = t.id (n)");
}

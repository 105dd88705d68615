/* test_policy.c - what operators decide: each change once, one after another, and numbered. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/lib/yard_sql.h"

TestSuite (policy, .timeout = 60, .fini = yard_end);

/* A request by tenant 1, told by a letter. */
#define HEAD(now, request, version)                                                            \
#now ", 5, 1, t.request ('" request "'), t.digest ('" request "'), 'reply-" request        \
         "'::bytea, " #version

static long number (PGconn *c)
{
    return (long)yard_number (c, "SELECT ym.policy_number ()");
}

/* Gates. */

#define GATE(request, version, stopped)                                                        \
    "SELECT outcome, convert_from (reply, 'UTF8') FROM ym.policy_set_gate (" HEAD (            \
        100, request, version) ", 1::int2, " #stopped ", 'why')"

Test (policy, a_gate_is_set_once_and_numbered)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    long before = number (in);

    yard_is (in, "f; f; f", "SELECT stopped FROM ym.policy_gates ()");
    yard_is (in, "0 reply-a", GATE ("a", 1, true));
    yard_is (in, "1 t why 100",
             "SELECT tier, stopped, reason, at_ms FROM ym.policy_gates () WHERE tier = 1");
    cr_assert_eq (number (in), before + 1);
    yard_mark (su);
    yard_is (in, "1 reply-a", GATE ("a", 1, true)); /* the same request again */
    yard_is (in, "2 ", GATE ("b", 1, false));       /* by a version that is past */
    yard_is (in, "2 ", GATE ("b", 7, false));
    cr_assert (yard_is_unchanged (su), "neither changes anything");
    yard_is (in, "0 reply-b", GATE ("b", 2, false));
    yard_is (in, "f; f; f", "SELECT stopped FROM ym.policy_gates ()");
    cr_assert_eq (number (in), before + 2);
    yard_is (su, "5 3 2",
             "SELECT g.who, g.version, count (q.request) FROM ym.queue_gate g, "
             "ym.request q WHERE g.tier = 1 GROUP BY 1, 2");
}

Test (policy, two_sessions_follow_each_other)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    long before = number (a);

    yard_do (a, "BEGIN");
    yard_is (a, "0 reply-a", GATE ("a", 1, true));
    yard_block (b, GATE ("b", 1, false));
    yard_do (a, "COMMIT");
    yard_then_is (b, "2 ");
    yard_do (a, "BEGIN");
    yard_is (a, "0 reply-c", GATE ("c", 2, false));
    yard_block (b, GATE ("c", 2, false)); /* the same request by two */
    yard_do (a, "COMMIT");
    yard_then_is (b, "1 reply-c");
    yard_do (a, "BEGIN");
    yard_is (a, "0 reply-d", GATE ("d", 3, true));
    yard_block (b, GATE ("e", 3, true));
    yard_do (a, "ROLLBACK");
    yard_then_is (b, "0 reply-e");
    cr_assert_eq (number (a), before + 3);
}

/* Drains. */

#define DRAIN(request, version, draining, deadline)                                            \
    "SELECT outcome FROM ym.policy_set_drain (" HEAD (                                         \
        200, request, version) ", 42, " #draining ", 'disk', " #deadline ")"

Test (policy, drains)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "", "SELECT * FROM ym.policy_drains ()");
    yard_is (in, "0", DRAIN ("a", 0, true, 900));
    yard_is (in, "42 disk 900 200", "SELECT * FROM ym.policy_drains ()");
    yard_mark (su);
    yard_is (in, "2", DRAIN ("b", 0, true, 0));
    cr_assert (yard_is_unchanged (su));
    yard_is (in, "0", DRAIN ("b", 1, false, 0));
    yard_is (in, "", "SELECT * FROM ym.policy_drains ()");
    yard_is (in, "0", DRAIN ("c", 2, true, 0)); /* the version went on */
    yard_is (in, "42 disk 0 200", "SELECT * FROM ym.policy_drains ()");
}

Test (policy, an_agent_is_looked_up_by_its_name_in_force)
{
    PGconn *in = yard_session ("ym_intake");
    const char *look = "SELECT id > 0, version, running, draining, digest IS NULL "
                       "FROM ym.policy_look_agent (1, t.request ('a'), 'mover')";

    yard_is (in, "f 0 0 f t", "%s", look);
    yard_do (in, "SELECT ym.key_authorize (1, decode (repeat ('aa', 32), 'hex'), 4::int2, "
                 "'one', 'mover')");
    yard_is (in, "t 0 0 f t", "%s", look);
    yard_do (in, "SELECT ym.key_authorize (1, decode (repeat ('bb', 32), 'hex'), 2::int2, "
                 "'one', 'person')");
    yard_is (in, "0", "SELECT id FROM ym.policy_look_agent (1, t.request ('a'), 'person')");
    yard_do (in, "SELECT ym.key_revoke (2, decode (repeat ('aa', 32), 'hex'))");
    yard_is (in, "f 0 0 f t", "%s", look);
}

/* Both keys are good until the old one is revoked, and are one agent. */
Test (policy, a_drain_is_of_all_keys_of_an_agent)
{
    PGconn *in = yard_session ("ym_intake");
    const char *look = "SELECT id = 1, version, draining "
                       "FROM ym.policy_look_agent (1, t.request ('x'), 'mover')";

    yard_do (in, "SELECT ym.key_authorize (1, decode (repeat ('aa', 32), 'hex'), 4::int2, "
                 "'one', 'mover')");
    yard_do (in, "SELECT ym.key_authorize (1, decode (repeat ('bb', 32), 'hex'), 4::int2, "
                 "'one', 'mover', decode (repeat ('aa', 32), 'hex'))");
    yard_is (in, "t 0 f", "%s", look);
    yard_is (in, "0",
             "SELECT outcome FROM ym.policy_set_drain (" HEAD (200, "a",
                                                               0) ", 1, true, 'disk', 900)");
    yard_is (in, "t 1 t", "%s", look);
    yard_is (in, "1", "SELECT agent_id FROM ym.policy_drains ()");
    yard_do (in, "SELECT ym.key_revoke (2, decode (repeat ('aa', 32), 'hex'))");
    yard_is (in, "t 1 t", "%s", look);
    yard_is (in, "1", "SELECT agent_id FROM ym.policy_drains ()");
}

/* Tenants. */

Test (policy, tenants)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    const char *look = "SELECT id, version, weight, waiting_max, running_max, overflow "
                       "FROM ym.policy_look_tenant (1, t.request ('a'), 'two')";

    yard_is (in, "", "SELECT * FROM ym.policy_tenants ()");
    yard_is (in, "2 1 1 0 0 f", "%s", look);
    yard_is (in, "0 0 0 0 0 f",
             "SELECT id, version, weight, waiting_max, running_max, overflow "
             "FROM ym.policy_look_tenant (1, t.request ('a'), 'none')");
    yard_is (in, "0",
             "SELECT outcome FROM ym.policy_set_tenant (" HEAD (300, "a", 1) ", 2, 7, 10, 20, "
                                                                             "true)");
    yard_is (in, "2 two 7 10 20 t", "SELECT * FROM ym.policy_tenants ()");
    yard_is (in, "2 2 7 10 20 t", "%s", look);
    yard_is (in, "one 1 0 0 f 1; two 7 10 20 t 2", "SELECT * FROM ym.tenant_page ('', 9)");
    yard_is (in, "two 7 10 20 t 2", "SELECT * FROM ym.tenant_page ('one', 9)");
    yard_mark (su);
    yard_says_no (in, "23514",
                  "SELECT ym.policy_set_tenant (" HEAD (300, "b", 2) ", 2, 0, 0, 0, false)");
    yard_is (in, "2",
             "SELECT outcome FROM ym.policy_set_tenant (" HEAD (300, "b", 1) ", 2, 1, 0, 0, "
                                                                             "false)");
    cr_assert (yard_is_unchanged (su));
}

/* Windows. */

#define WINDOW(request, begins, ends)                                                          \
    "SELECT outcome FROM ym.policy_add_window (400, 5, 1, t.request ('" request                \
    "'), t.digest ('b'), 'r', %ld, " #begins ", " #ends ", 1::int2, 'eu', 'cables')"

Test (policy, windows)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    long first = number (in);

    yard_is (in, "0", WINDOW ("a", 500, 600), first);
    yard_mark (su);
    yard_is (in, "2", WINDOW ("b", 700, 800), first); /* something was changed since */
    yard_says_no (in, "23514", WINDOW ("b", 900, 800), first + 1);
    cr_assert (yard_is_unchanged (su));
    yard_is (in, "0", WINDOW ("b", 700, 800), first + 1);
    cr_assert_eq (yard_number (in, "SELECT min (window_id) FROM ym.policy_windows (0)"),
                  first + 1, "it has the number of the change that made it");
    yard_is (in, "500 600 1 eu cables; 700 800 1 eu cables",
             "SELECT begins_ms, ends_ms, scope, subject, reason FROM ym.policy_windows (599)");
    yard_is (in, "700", "SELECT begins_ms FROM ym.policy_windows (600)");
    yard_is (in, "700", "SELECT begins_ms FROM ym.window_page (0, %ld, 9)", first + 1);
    yard_is (in, "2 500 600",
             "SELECT windows, begins_ms, ends_ms FROM ym.policy_look_window (400, 1, "
             "t.request ('z'), %ld, '')",
             first + 1);
    yard_is (in, "0 0",
             "SELECT id, version FROM ym.policy_look_window (400, 1, "
             "t.request ('z'), 999, '')");
    yard_is (in, "0",
             "SELECT outcome FROM ym.policy_remove_window (" HEAD (450, "c", 1) ", %ld)",
             first + 1);
    yard_is (in, "2",
             "SELECT outcome FROM ym.policy_remove_window (" HEAD (450, "d", 1) ", %ld)",
             first + 1);
    yard_is (in, "700", "SELECT begins_ms FROM ym.policy_windows (0)");
    cr_assert_eq (number (in), first + 3);
}

#define LOOK                                                                                   \
    "SELECT convert_from (reply, 'UTF8'), digest = t.digest ('a'), stopped "                   \
    "FROM ym.policy_look_gate (%d, t.request ('a'), 1::int2)"

Test (policy, a_look_finds_the_request_of_the_same_tenant)
{
    PGconn *in = yard_session ("ym_intake");

    yard_is (in, "null null f", LOOK, 1);
    yard_do (in, GATE ("a", 1, true));
    yard_is (in, "reply-a t t", LOOK, 1);
    yard_is (in, "null null t", LOOK, 2);
}

Test (policy, jobs_are_counted_by_whom_they_concern)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "fresh", "SELECT t.submit (1, 1, 'r', 'b')");
    yard_is (in, "fresh", "SELECT t.submit (2, 2, 's', 'b')");
    yard_is (in, "fresh", "SELECT t.submit (3, 2, 't', 'b', 1::int2)");
    yard_do (su,
             "UPDATE ym.job_run SET holder = 42, state = (SELECT number FROM ym.state WHERE "
             "machine = 'job' AND name = 'STARTED') WHERE job_id = t.id (2)");
    yard_is (su, "2 1 t", "SELECT * FROM ym.policy_counts (-1::int2, 0, 0)");
    yard_is (su, "1 1 t", "SELECT * FROM ym.policy_counts (0::int2, 0, 0)");
    yard_is (su, "1 0 t", "SELECT * FROM ym.policy_counts (1::int2, 0, 0)");
    yard_is (su, "1 1 t", "SELECT * FROM ym.policy_counts (-1::int2, 2, 0)");
    yard_is (su, "0 1 t", "SELECT * FROM ym.policy_counts (-1::int2, 0, 42)");
    yard_is (in, "1 0",
             "SELECT waiting, running FROM ym.policy_look_gate (1, t.request ('a'), "
             "1::int2)");
}

/* Histories and feeds. */

Test (policy, a_history_is_for_who_may_see_the_job)
{
    PGconn *in = yard_session ("ym_intake");

    yard_is (in, "fresh", "SELECT t.submit (1, 1, 'r', 'b')");
    yard_is (in, "0; 1", "SELECT seq FROM ym.job_history_page (t.id (1), 0, 0, 9)");
    yard_is (in, "0; 1", "SELECT seq FROM ym.job_history_page (t.id (1), 1, 0, 9)");
    yard_is (in, "0", "SELECT seq FROM ym.job_history_page (t.id (1), 1, 1, 9)");
    yard_is (in, "", "SELECT seq FROM ym.job_history_page (t.id (1), 2, 0, 9)");
    yard_is (in, "", "SELECT seq FROM ym.job_history_page (t.id (2), 0, 0, 9)");
}

Test (policy, feeds_page_live_jobs_and_read_what_followed)
{
    PGconn *in = yard_session ("ym_intake");

    yard_is (in, "0", "SELECT ym.feed_newest ()");
    for (int n = 1; n <= 4; n++) {
        char request[] = {(char)('a' + n), '\0'};
        yard_is (in, "fresh", "SELECT t.submit (%d, %d, '%s', 'b')", n, 1 + n % 2, request);
    }
    yard_is (in, "4", "SELECT t.of (ym.feed_newest ())");
    yard_is (in, "1; 2", "SELECT t.of (job_id) FROM ym.feed_snapshot (0, t.id (3), 2)");
    yard_is (in, "3 2 two b 0 1 0",
             "SELECT t.of (job_id), tenant_id, tenant, name, tier, seq, length (agent) "
             "FROM ym.feed_snapshot (t.id (2), t.id (3), 9)");
    yard_is (in, "3 1; 4 1",
             "SELECT t.of (job_id), seq FROM ym.feed_compare (t.id (2), "
             "9223372036854775807, 9)");
    yard_is (in, "2", "SELECT split_part (t.terminate (2, 0, 1, 'z'), ' ', 3)");
    yard_is (in, "1; 3; 4", "SELECT t.of (job_id) FROM ym.feed_compare (0, t.id (9), 9)");
    yard_is (in, "2; 3; 4", "SELECT t.of (job_id) FROM ym.feed_newer (t.id (1), 9)");
    yard_is (in, "1 1; 2 1; 2 2",
             "SELECT t.of (job_id), seq FROM ym.feed_events (ARRAY[t.id (1), t.id (2), "
             "t.id (3)], ARRAY[0, 0, 1], 9)");
    yard_is (in, "2 1",
             "SELECT t.of (job_id), seq FROM ym.feed_events (ARRAY[t.id (2)], "
             "ARRAY[0], 1)");
}

/* Who may call. */

Test (policy, only_intake_changes_it)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment"),
           *qu = yard_session ("ym_queue");

    cr_assert_eq (number (as), number (qu));
    yard_is (as, "3", "SELECT count (*) FROM ym.policy_gates ()");
    yard_is (qu, "0", "SELECT count (*) FROM ym.policy_windows (0)");
    yard_says_no (as, "42501", GATE ("a", 1, true));
    yard_says_no (qu, "42501", DRAIN ("a", 0, true, 0));
    yard_says_no (in, "42501", "UPDATE ym.queue_gate SET stopped = true");
    yard_says_no (in, "42501",
                  "SELECT ym.policy_leave (1, 1, t.request ('a'), t.digest ('a'), 'r')");
}

/* test_key.c - who may come in, and what each role of the database may do. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/lib/yard_sql.h"

TestSuite (key, .timeout = 60, .fini = yard_end);

/* A key is told by its first octet. */
#define KEY(n) "decode (repeat ('" n "', 32), 'hex')"

static long change (PGconn *su)
{
    return (long)yard_number (su, "SELECT number FROM ym.key_change");
}

Test (key, authorize_outcomes)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    long before = change (su);

    yard_is (in, "0 100",
             "SELECT * FROM ym.key_authorize (100, " KEY ("aa") ", 3::int2, 'one', 'root')");
    cr_assert_gt (change (su), before);
    yard_mark (su);
    yard_is (in, "0 100",
             "SELECT * FROM ym.key_authorize (200, " KEY ("aa") ", 3::int2, 'one', 'root')");
    yard_is (in, "1 100",
             "SELECT * FROM ym.key_authorize (200, " KEY ("aa") ", 2::int2, 'one', 'root')");
    yard_is (in, "1 100",
             "SELECT * FROM ym.key_authorize (200, " KEY ("aa") ", 3::int2, 'two', 'root')");
    yard_is (in, "1 100",
             "SELECT * FROM ym.key_authorize (200, " KEY ("aa") ", 3::int2, 'new', 'root')");
    yard_is (in, "1 100",
             "SELECT * FROM ym.key_authorize (200, " KEY ("aa") ", 3::int2, 'one', 'toor')");
    cr_assert (yard_is_unchanged (su), "repeated and refused: no row, no tenant");
    yard_is (in, "0 300",
             "SELECT * FROM ym.key_authorize (300, " KEY ("bb") ", 0::int2, 'new', 'x')");
    yard_says_no (in, "23514", "SELECT ym.key_authorize (1, 'short', 0::int2, 'one', 'x')");
    yard_says_no (in, "23514",
                  "SELECT ym.key_authorize (1, " KEY ("cc") ", 5::int2, 'one', 'x')");
}

#define AUTHORIZE(key, role, tenant, name, replaces)                                           \
    "SELECT outcome FROM ym.key_authorize (1, " KEY (key) ", " role "::int2, '" tenant         \
                                                          "', '" name "', " KEY (replaces) ")"

Test (key, a_key_is_replaced_by_one_of_the_same_identity)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_do (in, "SELECT ym.key_authorize (1, " KEY ("c1") ", 4::int2, 'one', 'carrier')");
    yard_mark (su);
    yard_is (in, "3", AUTHORIZE ("c2", "4", "one", "other", "c1"));
    yard_is (in, "3", AUTHORIZE ("c2", "0", "one", "carrier", "c1"));
    yard_is (in, "3", AUTHORIZE ("c2", "4", "one", "carrier", "cf"));
    cr_assert (yard_is_unchanged (su), "what is not replaced leaves nothing");
    yard_is (in, "0", AUTHORIZE ("c2", "4", "one", "carrier", "c1"));
    yard_is (in, "0", AUTHORIZE ("c2", "4", "one", "carrier", "c1"));
    yard_is (
        su, "1 t",
        "SELECT count (DISTINCT identity), bool_and (identity = (SELECT key_id FROM ym.key "
        "WHERE public_key = " KEY ("c1") ")) FROM ym.key WHERE name = 'carrier'");
    yard_is (in, "0", "SELECT outcome FROM ym.key_revoke (2, " KEY ("c1") ")");
    yard_is (in, "0", AUTHORIZE ("c2", "4", "one", "carrier", "c1"));
    yard_is (in, "3", AUTHORIZE ("c3", "4", "one", "carrier", "c1"));
    yard_is (
        in, "2",
        "SELECT outcome FROM ym.key_authorize (3, " KEY ("c4") ", 4::int2, 'two', 'carrier')");
    yard_is (in, "0", AUTHORIZE ("c3", "4", "one", "carrier", "c2"));
}

Test (key, two_agents_have_two_names)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_is (in, "0 1",
             "SELECT * FROM ym.key_authorize (1, " KEY ("a1") ", 4::int2, 'one', 'mover')");
    yard_mark (su);
    yard_is (in, "2 0",
             "SELECT * FROM ym.key_authorize (2, " KEY ("a2") ", 4::int2, 'two', 'mover')");
    cr_assert (yard_is_unchanged (su), "a taken name leaves nothing");
    yard_is (in, "0 3",
             "SELECT * FROM ym.key_authorize (3, " KEY ("a3") ", 0::int2, 'two', 'mover')");
    yard_is (in, "0", "SELECT outcome FROM ym.key_revoke (4, " KEY ("a1") ")");
    yard_is (in, "0 5",
             "SELECT * FROM ym.key_authorize (5, " KEY ("a2") ", 4::int2, 'two', 'mover')");
}

#define REVOKED "SELECT outcome, role, tenant, name, since_ms, revoked_ms FROM ym.key_revoke ("

Test (key, revoke_outcomes)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_do (in, "SELECT ym.key_authorize (1, " KEY ("aa") ", 3::int2, 'one', 'root')");
    yard_do (in, "SELECT ym.key_authorize (2, " KEY ("bb") ", 4::int2, 'one', 'agent')");
    yard_mark (su);
    yard_is (in, "2", "SELECT outcome FROM ym.key_revoke (5, " KEY ("aa") ")");
    yard_is (in, "1", "SELECT outcome FROM ym.key_revoke (5, " KEY ("ff") ")");
    cr_assert (yard_is_unchanged (su), "a refusal changes nothing");
    yard_is (in, "0 4 one agent 2 6", REVOKED "6, " KEY ("bb") ")");
    yard_mark (su);
    yard_is (in, "0 4 one agent 2 6", REVOKED "7, " KEY ("bb") ")");
    cr_assert (yard_is_unchanged (su), "a repetition changes nothing");
    yard_is (
        in, "1",
        "SELECT outcome FROM ym.key_authorize (8, " KEY ("bb") ", 4::int2, 'one', 'agent')");
    yard_do (in, "SELECT ym.key_authorize (9, " KEY ("cc") ", 3::int2, 'two', 'root2')");
    yard_is (in, "0", "SELECT outcome FROM ym.key_revoke (10, " KEY ("aa") ")");
    yard_is (in, "2", "SELECT outcome FROM ym.key_revoke (11, " KEY ("cc") ")");
    yard_is (in, "0", "SELECT outcome FROM ym.key_revoke (12, " KEY ("aa") ")");
}

#define PLAN                                                                                   \
    "SELECT outcome, name, revoked_ms, others, running, whole, number = (SELECT number FROM "  \
    "ym.key_change) FROM ym.key_revoke (9, "

/* The plan of each and its refusals, and that neither changes anything. */
Test (key, a_revocation_is_planned)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_do (in, "SELECT ym.key_authorize (1, " KEY ("aa") ", 3::int2, 'one', 'root')");
    yard_do (in, "SELECT ym.key_authorize (1, " KEY ("bb") ", 4::int2, 'one', 'agent')");
    yard_is (in, "fresh", "SELECT t.submit (1, 1, 'r', 'b')");
    yard_do (
        su,
        "UPDATE ym.job_run SET holder = (SELECT identity FROM ym.key WHERE name = 'agent'), "
        "state = (SELECT number FROM ym.state WHERE machine = 'job' AND name = 'STARTED')");
    yard_mark (su);
    yard_is (su, "0 agent 0 0 1 t t", PLAN KEY ("bb") ", true)");
    yard_is (su, "2", "SELECT outcome FROM ym.key_revoke (9, " KEY ("aa") ", true)");
    yard_is (su, "1", "SELECT outcome FROM ym.key_revoke (9, " KEY ("ff") ", true)");
    yard_is (su, "3", "SELECT outcome FROM ym.key_revoke (9, " KEY ("bb") ", true, 4711)");
    yard_is (su, "3", "SELECT outcome FROM ym.key_revoke (9, " KEY ("aa") ", true, 4711)");
    cr_assert (yard_is_unchanged (su), "a plan changes nothing");
    yard_is (in, "0", AUTHORIZE ("b2", "4", "one", "agent", "bb"));
    yard_is (su, "0 agent 0 1 0 t t", PLAN KEY ("bb") ", true)");
    yard_do (in, "SELECT ym.key_revoke (3, " KEY ("bb") ")");
    yard_is (su, "0 agent 3 1 0 t t", PLAN KEY ("bb") ", true)");
}

/* It is done by the number that its plan told; a repetition finds it done, whatever followed.
 */
Test (key, a_revocation_is_of_a_version)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);
    long planned;

    yard_do (in, "SELECT ym.key_authorize (1, " KEY ("bb") ", 0::int2, 'one', 'x')");
    planned =
        (long)yard_number (in, "SELECT number FROM ym.key_revoke (2, " KEY ("bb") ", true)");
    yard_do (in, "SELECT ym.key_authorize (3, " KEY ("cc") ", 0::int2, 'one', 'y')");
    yard_mark (su);
    yard_is (in, "3", "SELECT outcome FROM ym.key_revoke (4, " KEY ("bb") ", false, %ld)",
             planned);
    cr_assert (yard_is_unchanged (su), "an older version changes nothing");
    yard_is (in, "0", "SELECT outcome FROM ym.key_revoke (5, " KEY ("bb") ", false, %ld)",
             planned + 1);
    cr_assert_eq (change (su), planned + 2);
    yard_is (in, "0 0 one x 1 5", REVOKED "6, " KEY ("bb") ", false, %ld)", planned + 1);
    cr_assert_eq (change (su), planned + 2);
}

Test (key, authorize_from_two_sessions)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");
    PGconn *su = yard_session (NULL);

    yard_do (a, "BEGIN");
    yard_is (a, "0",
             "SELECT outcome FROM ym.key_authorize (1, " KEY ("aa") ", 0::int2, 'new', 'x')");
    yard_block (b, "SELECT outcome, since_ms FROM ym.key_authorize (2, " KEY (
                       "aa") ", 0::int2, 'new', 'x')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "0 1");
    yard_do (a, "BEGIN");
    yard_is (a, "0",
             "SELECT outcome FROM ym.key_authorize (1, " KEY ("bb") ", 0::int2, 'other', 'x')");
    yard_block (
        b, "SELECT outcome FROM ym.key_authorize (2, " KEY ("bb") ", 1::int2, 'other', 'x')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "1");
    yard_is (su, "2", "SELECT count (*) FROM ym.key");
}

/* Two admins who revoke each other at the same time: one of them stays. */
Test (key, the_last_admin_stays)
{
    PGconn *a = yard_session ("ym_intake"), *b = yard_session ("ym_intake");

    yard_do (a, "SELECT ym.key_authorize (1, " KEY ("aa") ", 3::int2, 'one', 'a')");
    yard_do (a, "SELECT ym.key_authorize (1, " KEY ("bb") ", 3::int2, 'one', 'b')");
    yard_do (a, "BEGIN");
    yard_is (a, "0", "SELECT outcome FROM ym.key_revoke (2, " KEY ("bb") ")");
    yard_block (b, "SELECT outcome FROM ym.key_revoke (2, " KEY ("aa") ")");
    yard_do (a, "COMMIT");
    yard_then_is (b, "2");
}

Test (key, keys_are_told_when_they_changed)
{
    PGconn *in = yard_session ("ym_intake"), *as = yard_session ("ym_assignment");
    PGconn *su = yard_session (NULL);
    long now = change (su);

    yard_is (as, "", "SELECT * FROM ym.keys_since (%ld)", now);
    yard_is (as, "t null", "SELECT number = %ld, key_id FROM ym.keys_since (0)", now);
    yard_do (in, "SELECT ym.key_authorize (1, " KEY ("aa") ", 3::int2, 'one', 'a')");
    yard_do (in, "SELECT ym.key_authorize (1, " KEY ("bb") ", 4::int2, 'two', 'b')");
    yard_is (as, "one 3 a t; two 4 b t",
             "SELECT tenant, role, name, number > %ld FROM ym.keys_since (%ld) ORDER BY name",
             now, now);
    now = change (su);
    yard_is (as, "", "SELECT * FROM ym.keys_since (%ld)", now);
    yard_do (in, "SELECT ym.key_revoke (2, " KEY ("bb") ")");
    yard_is (as, "a", "SELECT name FROM ym.keys_since (%ld)", now);
}

Test (key, pages)
{
    PGconn *in = yard_session ("ym_intake");

    for (int i = 1; i <= 5; i++)
        yard_do (in,
                 "SELECT ym.key_authorize (%d, decode (repeat ('0%d', 32), 'hex'), 3::int2, "
                 "'one', 'k%d')",
                 i, i, i);
    yard_do (in, "SELECT ym.key_revoke (9, " KEY ("02") ")");
    yard_is (in, "k1 0; k2 9", "SELECT name, revoked_ms FROM ym.key_page ('', 2)");
    yard_is (in, "k3 0; k4 0; k5 0",
             "SELECT name, revoked_ms FROM ym.key_page (" KEY ("02") ", 9)");
    yard_is (in, "", "SELECT name FROM ym.key_page (" KEY ("05") ", 9)");
}

/* The roles of the database. */

static const struct {
    const char *role, *functions;
} roles[] = {
    {"ym_intake",
     "feed_compare; feed_events; feed_newer; feed_newest; feed_snapshot; id_reserve; job_act;"
     " job_events; job_facts; job_get; job_history_page; job_list; job_submit; job_why;"
     " key_authorize; key_page; key_revoke; keys_since; owner_check; owner_claim;"
     " partitions_ahead; policy_add_window; policy_drains; policy_gates; policy_look_agent;"
     " policy_look_gate; policy_look_tenant; policy_look_window; policy_number;"
     " policy_remove_window; policy_set_drain; policy_set_gate; policy_set_tenant;"
     " policy_tenants; policy_windows; problem_page; problem_raise; request_seen; tenant_page;"
     " waiting_counts; window_page"},
    {"ym_queue", "policy_drains; policy_gates; policy_number; policy_tenants; policy_windows;"
                 " queue_load"},
    {"ym_assignment",
     "agent_load; agent_move; agent_register; attempt_again; attempt_checkpoint;"
     " attempt_end; attempt_errored; attempt_lease; attempt_load; attempt_lookup;"
     " attempt_prepared; attempt_progress; attempt_resources; attempt_started; attempt_told;"
     " attempt_verify; attempt_want; attempt_wish; attempt_working; id_reserve; job_expire;"
     " keys_since; owner_check; owner_claim; policy_drains; policy_gates; policy_number;"
     " policy_tenants; policy_windows; problem_raise; requirement_texts; tick; waiting_still"},
};

Test (key, roles_may_call_their_functions_only)
{
    PGconn *su = yard_session (NULL);

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        yard_is (su, roles[i].functions,
                 "SELECT proname FROM pg_proc WHERE pronamespace = 'ym'::regnamespace AND"
                 " has_function_privilege ('%s', oid, 'EXECUTE') ORDER BY proname",
                 roles[i].role);
}

Test (key, roles_may_touch_no_table)
{
    PGconn *su = yard_session (NULL);

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        yard_is (su, "",
                 "SELECT relname, p FROM pg_class, unnest (ARRAY['SELECT', 'INSERT', 'UPDATE',"
                 " 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p WHERE relnamespace ="
                 " 'ym'::regnamespace AND relkind IN ('r', 'p', 'v') AND"
                 " has_table_privilege ('%s', oid, p)",
                 roles[i].role);
        yard_is (su, "t f",
                 "SELECT has_schema_privilege ('%s', 'ym', 'USAGE'), has_schema_privilege"
                 " ('%s', 'ym', 'CREATE')",
                 roles[i].role, roles[i].role);
        yard_is (
            su, "t f f f f f",
            "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls,"
            " pg_has_role (rolname, 'ym_owner', 'MEMBER') FROM pg_roles WHERE rolname = '%s'",
            roles[i].role);
    }
    yard_is (su, "f f",
             "SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'ym_owner'");
}

/* And the server agrees, also for partitions made later. */
Test (key, roles_are_refused)
{
    static const char *const names[] = {"ym_intake", "ym_queue", "ym_assignment"};

    for (size_t i = 0; i < 3; i++) {
        PGconn *c = yard_session (names[i]);
        yard_says_no (c, "42501", "SELECT FROM ym.job_run");
        yard_says_no (c, "42501", "DELETE FROM ym.owner");
        yard_says_no (c, "42501", "SELECT FROM ym.job_status");
        yard_says_no (c, "42501", "CREATE TABLE ym.mine (a int)");
        yard_says_no (c, "42501", "SELECT ym.timeline_base ()");
        yard_says_no (c, "42501", "SET ROLE ym_owner");
    }
    yard_says_no (yard_session ("ym_queue"), "42501", "SELECT ym.tick (1, 1, '{}', '{}')");
    yard_says_no (yard_session ("ym_intake"), "42501", "SELECT ym.agent_load ()");
    yard_says_no (yard_session ("ym_assignment"), "42501", "SELECT ym.partitions_ahead (1)");
}

Test (key, functions_are_pinned)
{
    PGconn *su = yard_session (NULL);

    yard_is (su, "",
             "SELECT proname FROM pg_proc WHERE pronamespace = 'ym'::regnamespace AND NOT"
             " ('search_path=ym, pg_temp' = ANY (COALESCE (proconfig, '{}')))");
    yard_is (su, "ym_owner",
             "SELECT DISTINCT proowner::regrole FROM pg_proc WHERE pronamespace ="
             " 'ym'::regnamespace");
    /* What is no such function is called by one only. */
    yard_is (su, "",
             "SELECT proname, r.role FROM pg_proc, unnest (ARRAY['ym_intake', 'ym_queue',"
             " 'ym_assignment']) AS r (role) WHERE pronamespace = 'ym'::regnamespace AND NOT"
             " prosecdef AND has_function_privilege (r.role, oid, 'EXECUTE')");
}

/* A temporary table of the caller's own must not stand in for one of the yard's. */
Test (key, temporary_tables_do_not_shadow)
{
    PGconn *in = yard_session ("ym_intake"), *su = yard_session (NULL);

    yard_do (in, "CREATE TEMP TABLE key_change (one bool, number int8)");
    yard_do (in, "CREATE TEMP TABLE job_run (job_id int8)");
    yard_is (in, "fresh", "SELECT t.submit (1, 1, 'r', 'b')");
    yard_is (su, "1", "SELECT count (*) FROM ym.job_run");
}

Test (key, every_role_has_its_limits)
{
    static const struct {
        const char *name, *value;
    } limits[] = {{"statement_timeout", "30s"},
                  {"lock_timeout", "5s"},
                  {"idle_in_transaction_session_timeout", "10s"},
                  {"client_connection_check_interval", "2s"}};

    for (size_t r = 0; r < sizeof roles / sizeof roles[0]; r++) {
        PGconn *c = yard_session (roles[r].role);
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
            yard_is (c, limits[i].value, "SHOW %s", limits[i].name);
    }
}

/* test_migration.c - yardctl-db against a real server, with little steps of its own. */
#include "tests/lib/cluster.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM YM_BINARY_DIR "/bin/yardctl-db"

static char conninfo[CLUSTER_TEXT_MAX], directory[CLUSTER_TEXT_MAX], output[CLUSTER_OUTPUT_MAX];

static void setup (void)
{
    cluster_database (conninfo);
    cluster_directory (directory);
}

static void teardown (void)
{
    cluster_remove (directory);
}

TestSuite (migration, .init = setup, .fini = teardown, .timeout = 60);

static void write_step (const char *name, const char *text)
{
    char path[2 * CLUSTER_TEXT_MAX];
    FILE *f;

    (void)snprintf (path, sizeof path, "%s/%s", directory, name);
    f = fopen (path, "we");
    cr_assert_not_null (f);
    cr_assert_geq (fputs (text, f), 0);
    cr_assert_eq (fclose (f), 0);
}

static void remove_step (const char *name)
{
    char path[2 * CLUSTER_TEXT_MAX];

    (void)snprintf (path, sizeof path, "%s/%s", directory, name);
    cr_assert_eq (unlink (path), 0);
}

static int db (const char *verb)
{
    const char *arguments[] = {PROGRAM, "--conninfo", conninfo, "--dir", directory, verb, NULL};

    return cluster_run (arguments, output);
}

static int db_real (const char *verb)
{
    const char *arguments[] = {
        PROGRAM, "--conninfo", conninfo, "--dir", YM_SOURCE_DIR "/schema/sql", verb, NULL};

    return cluster_run (arguments, output);
}

static void expect (const char *sql, const char *expected)
{
    char is[200];

    cluster_sql (conninfo, sql, is, sizeof is);
    cr_assert_str_eq (is, expected, "%s: %s", sql, is);
}

static void expect_output (const char *part)
{
    cr_assert (strstr (output, part), "'%s' is not in: %s", part, output);
}

#define LEDGER                                                                                 \
    "SELECT string_agg(number || ' ' || name, ', ' ORDER BY number) FROM ym.schema_step"

static void write_two (void)
{
    write_step ("0001_first.sql",
                "CREATE TABLE ym.first (n int);\nINSERT INTO ym.first VALUES (1);\n");
    write_step ("0002_second.sql", "INSERT INTO ym.first VALUES (2);\n");
}

Test (migration, applies_what_is_pending_and_then_nothing)
{
    write_two ();
    cr_assert_eq (db ("status"), 3, "%s", output);
    expect_output ("pending");
    cr_assert_eq (db ("upgrade"), 0, "%s", output);
    expect_output ("applied 0002 second");
    expect (LEDGER, "1 first, 2 second");
    cr_assert_eq (db ("upgrade"), 0, "%s", output);
    expect_output ("nothing to apply");
    expect ("SELECT sum(n) FROM ym.first", "3");
    cr_assert_eq (db ("status"), 0, "%s", output);

    write_step ("0003_third.sql", "INSERT INTO ym.first VALUES (3);\n");
    cr_assert_eq (db ("upgrade"), 0, "%s", output);
    expect ("SELECT sum(n) FROM ym.first", "6");
}

Test (migration, refuses_a_step_that_was_changed)
{
    write_two ();
    cr_assert_eq (db ("upgrade"), 0, "%s", output);
    write_step ("0001_first.sql", "CREATE TABLE ym.first (n int8);\n");
    write_step ("0003_third.sql", "INSERT INTO ym.first VALUES (3);\n");
    cr_assert_eq (db ("upgrade"), 78, "%s", output);
    expect_output ("step 0001 first was changed after it was applied");
    expect (LEDGER, "1 first, 2 second");
    cr_assert_eq (db ("status"), 78);
    cr_assert_eq (db ("verify"), 1);
}

Test (migration, refuses_a_step_it_does_not_know)
{
    write_two ();
    cr_assert_eq (db ("upgrade"), 0, "%s", output);
    remove_step ("0002_second.sql");
    cr_assert_eq (db ("upgrade"), 78, "%s", output);
    expect_output ("step 0002 second was applied to this database, but has no file");
}

Test (migration, refuses_files_that_do_not_fit)
{
    static const struct {
        const char *file, *says;
    } cases[] = {
        {"0003_third.sql", "step 0002 is missing"},
        {"0001_other.sql", "have the same number"},
        {"2_short.sql", "not named like a step"},
        {"0002_Upper.sql", "not named like a step"},
    };

    write_step ("0001_first.sql", "CREATE TABLE ym.first (n int);\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_step (cases[i].file, "SELECT 1;\n");
        cr_assert_eq (db ("upgrade"), 78, "%s: %s", cases[i].file, output);
        expect_output (cases[i].says);
        remove_step (cases[i].file);
    }
    write_step ("0002_latin.sql", "SELECT '\xff';\n");
    cr_assert_eq (db ("upgrade"), 78, "%s", output);
    expect ("SELECT to_regclass('ym.schema_step') IS NULL", "t");
}

Test (migration, refuses_a_gap_in_the_ledger)
{
    write_two ();
    cr_assert_eq (db ("upgrade"), 0, "%s", output);
    cluster_do (conninfo, "DELETE FROM ym.schema_step WHERE number = 1");
    cr_assert_eq (db ("upgrade"), 78, "%s", output);
    expect_output ("step 0001 first was never applied, but a later one was");
}

Test (migration, leaves_nothing_of_a_step_that_fails)
{
    write_two ();
    write_step ("0003_third.sql",
                "CREATE TABLE ym.third (n int);\n-- grüße\nSELECT nothing FROM ym.first;\n");
    cr_assert_eq (db ("upgrade"), 1, "%s", output);
    expect_output ("0003_third.sql, line 3: column \"nothing\" does not exist");
    expect (LEDGER, "1 first, 2 second");
    expect ("SELECT to_regclass('ym.third') IS NULL", "t");

    write_step ("0003_third.sql",
                "CREATE TABLE ym.third (n int);\nSELECT 1 / n FROM (VALUES (0)) AS v (n);\n");
    cr_assert_eq (db ("upgrade"), 1, "%s", output);
    expect_output ("0003_third.sql, statement 2: division by zero");
    expect ("SELECT to_regclass('ym.third') IS NULL", "t");
}

Test (migration, finds_a_step_that_ends_its_transaction)
{
    write_step ("0001_first.sql", "CREATE TABLE ym.first (n int);\nCOMMIT;\n");
    cr_assert_eq (db ("upgrade"), 1, "%s", output);
    expect_output ("ends the transaction");
    expect ("SELECT count(*) FROM ym.schema_step", "0");
}

static pid_t start_upgrade (void)
{
    pid_t pid = fork ();

    if (pid != 0)
        return pid;
    (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (!freopen ("/dev/null", "w", stdout))
        _exit (127);
    (void)execl (PROGRAM, PROGRAM, "--conninfo", conninfo, "--dir", directory, "upgrade",
                 (char *)NULL);
    _exit (127);
}

Test (migration, four_at_once_are_one)
{
    pid_t pids[4];
    int status;

    write_two ();
    write_step ("0003_third.sql", "SELECT pg_sleep(0.2);\nINSERT INTO ym.first VALUES (3);\n");
    for (int i = 0; i < 4; i++)
        pids[i] = start_upgrade ();
    for (int i = 0; i < 4; i++) {
        cr_assert_eq (waitpid (pids[i], &status, 0), pids[i]);
        cr_assert (WIFEXITED (status) && WEXITSTATUS (status) == 0, "%d", status);
    }
    expect ("SELECT sum(n) FROM ym.first", "6");
    expect (LEDGER, "1 first, 2 second, 3 third");
}

Test (migration, brings_the_law_and_verifies_it)
{
    cr_assert_eq (db_real ("upgrade"), 0, "%s", output);
    expect_output ("ym.legal_move");
    cr_assert_eq (db_real ("verify"), 0, "%s", output);
    cluster_do (conninfo, "UPDATE ym.legal_move SET to_state = 300 WHERE machine = 'job' AND "
                          "from_state = 100 AND on_event = 2");
    cluster_do (conninfo, "DELETE FROM ym.state WHERE machine = 'agent' AND number = 300");
    cr_assert_eq (db_real ("verify"), 1, "%s", output);
    expect_output ("ym.legal_move: surplus (job,100,2,300,");
    expect_output ("ym.legal_move: missing (job,100,2,200,");
    expect_output ("ym.state: missing (agent,300,LEFT,");
    cr_assert_eq (db_real ("upgrade"), 0, "%s", output);
    cr_assert_eq (db_real ("verify"), 0, "%s", output);
}

static int by_name (const struct dirent *x)
{
    return strstr (x->d_name, ".sql") != NULL;
}

static void copy_step (const char *name)
{
    static char text[1 << 20];
    char path[2 * CLUSTER_TEXT_MAX];
    FILE *f;
    size_t size;

    (void)snprintf (path, sizeof path, YM_SOURCE_DIR "/schema/sql/%s", name);
    f = fopen (path, "re");
    cr_assert_not_null (f);
    size = fread (text, 1, sizeof text - 1, f);
    cr_assert_lt (size, sizeof text - 1, "the step is longer than this test reads");
    text[size] = '\0';
    cr_assert_eq (fclose (f), 0);
    write_step (name, text);
}

/* Rows of the version before are there when the last step comes, and are read after it: also
 * one in a state that no move leads to any more. */
Test (migration, rows_of_the_version_before_are_read)
{
    struct dirent **steps;
    int count = scandir (YM_SOURCE_DIR "/schema/sql", &steps, by_name, alphasort);

    cr_assert_gt (count, 1);
    for (int i = 0; i < count - 1; i++)
        copy_step (steps[i]->d_name);
    for (int i = 0; i < count; i++)
        free (steps[i]);
    free (steps);
    cr_assert_eq (db ("upgrade"), 0, "%s", output);
    cluster_do (conninfo, "INSERT INTO ym.tenant (name, created_ms) VALUES ('acme', 1)");
    cluster_do (conninfo,
                "INSERT INTO ym.job (shard_id, job_id, tenant_id, tier, requirement, "
                "submitted_ms, submitted_by, name, kind, source, target, payload) SELECT 0, "
                "x << 11, 1, 0, 7, 1, 1, 'old', 'git', 's', 't', '' FROM "
                "(SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8 - 1735689600000 "
                "AS x) t");
    cluster_do (conninfo, "INSERT INTO ym.job_run (shard_id, job_id, tenant_id, tier, state, "
                          "seq, state_at, requirement) SELECT 0, job_id, 1, 0, 450, 3, 1, 7 "
                          "FROM ym.job");
    cr_assert_eq (db_real ("upgrade"), 0, "%s", output);
    cr_assert_eq (db_real ("verify"), 0, "%s", output);
    expect ("SELECT name || ' ' || state_name || ' ' || seq FROM ym.job_status",
            "old CUTOVER 3");
}

static int authorize (const char *role, const char *name)
{
    const char *arguments[] = {
        PROGRAM,     "--conninfo",   conninfo,
        "authorize", "--public-key", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
        "--role",    role,           "--tenant",
        "yard",      "--name",       name,
        NULL};

    return cluster_run (arguments, output);
}

Test (migration, lets_the_first_key_in)
{
    cr_assert_eq (db_real ("upgrade"), 0, "%s", output);
    cr_assert_eq (authorize ("admin", "first"), 0, "%s", output);
    cr_assert_eq (authorize ("admin", "first"), 0, "%s", output);
    cr_assert_eq (authorize ("viewer", "first"), 4, "%s", output);
    cr_assert_eq (authorize ("king", "first"), 64, "%s", output);
    cr_assert_eq (authorize ("admin", ""), 64, "%s", output);
    expect ("SELECT encode(public_key, 'hex') || ' ' || role FROM ym.key",
            "54fcba24e93249969316fb617c872bb0c1d1ff14800427c594cbfacf1bc2d652 3");
}

Test (migration, says_when_there_is_no_database)
{
    write_two ();
    (void)snprintf (conninfo, sizeof conninfo, "host=%.200s", directory);
    cr_assert_eq (db ("upgrade"), 69, "%s", output);
    cr_assert_eq (db ("status"), 69, "%s", output);
}

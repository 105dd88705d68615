/* test_connection.c - the asynchronous connection against a real server that is hurt on
 * purpose. */
#include "common/base/time.h"
#include "common/store/store.h"
#include "tests/lib/cluster.h"
#include "tests/lib/store_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct ym_statement make_table = {
    "make_table", "CREATE TABLE IF NOT EXISTS thing (id int8 PRIMARY KEY, word text)"};
static const struct ym_statement add_thing = {"add_thing",
                                              "INSERT INTO thing VALUES ($1::int8, $2::text)"};
static const struct ym_statement sleep_for = {"sleep_for",
                                              "SELECT pg_sleep($1::int4 / 1000.0)"};
static const struct ym_statement missing = {"missing", "SELECT ym_no_such_function()"};
static const struct ym_statement one = {"one", "SELECT 1::int4"};

static void add (struct ym_batch *b, int64_t id, const char *word)
{
    ym_store_call (b, &add_thing);
    ym_param_int8 (b, id);
    ym_param_text (b, ym_str (word));
}

static void sleeping (struct ym_batch *b, int32_t ms)
{
    ym_store_call (b, &sleep_for);
    ym_param_int4 (b, ms);
}

/* A database of its own with the table in it. */
static void open_things (struct client *c, char conninfo[CLUSTER_TEXT_MAX],
                         const char *application)
{
    cluster_database (conninfo);
    cluster_do (conninfo, make_table.text);
    client_open (c, conninfo, application, CLIENT_STATEMENT_MS);
    client_await (c, &c->ups, 1);
}

static void expect (const char *conninfo, const char *sql, const char *expected)
{
    char is[100];

    cluster_sql (conninfo, sql, is, sizeof is);
    cr_assert_str_eq (is, expected, "%s: %s", sql, is);
}

Test (connection, commits_a_batch_as_one)
{
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;

    open_things (&c, conninfo, "t_commit");
    b = client_begin (&c);
    for (int64_t i = 1; i <= 10; i++)
        add (b, i, "word");
    cr_assert (ym_store_is_busy (c.store));
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    cr_assert_eq (c.result.calls, 10);
    expect (conninfo, "SELECT count(*) || ' ' || count(DISTINCT xmin::text) FROM thing",
            "10 1");
    ym_store_close (c.store);
}

Test (connection, rolls_back_all_of_it)
{
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;

    open_things (&c, conninfo, "t_rollback");
    b = client_begin (&c);
    add (b, 1, "first");
    add (b, 2, "second");
    add (b, 1, "again");
    add (b, 3, "after");
    cr_assert_eq (client_commit (&c, b), YM_ROLLED_BACK);
    cr_assert_str_eq (c.result.sqlstate, "23505");
    cr_assert_eq (c.result.failed_call, 2);
    cr_assert (strstr (c.result.text, "duplicate key"));
    expect (conninfo, "SELECT count(*) FROM thing", "0");

    b = client_begin (&c);
    add (b, 1, "goes on");
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    cr_assert_eq (c.downs, 0);
    ym_store_close (c.store);
}

Test (connection, says_so_when_the_commit_itself_fails)
{
    static const struct ym_statement insert = {"insert_later",
                                               "INSERT INTO later VALUES ($1::int8)"};
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;

    open_things (&c, conninfo, "t_deferred");
    cluster_do (conninfo, "CREATE TABLE later (id int8 UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    b = client_begin (&c);
    for (int i = 0; i < 2; i++) {
        ym_store_call (b, &insert);
        ym_param_int8 (b, 7);
    }
    cr_assert_eq (client_commit (&c, b), YM_ROLLED_BACK);
    cr_assert_str_eq (c.result.sqlstate, "23505");
    cr_assert_eq (c.result.failed_call, 2);
    expect (conninfo, "SELECT count(*) FROM later", "0");
    ym_store_close (c.store);
}

Test (connection, prepares_again_what_could_not_be_prepared)
{
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;

    open_things (&c, conninfo, "t_missing");
    for (int i = 0; i < 2; i++) {
        b = client_begin (&c);
        add (b, 1, "before");
        ym_store_call (b, &missing);
        ym_store_call (b, &one);
        cr_assert_eq (client_commit (&c, b), YM_ROLLED_BACK);
        cr_assert_str_eq (c.result.sqlstate, "42883");
        cr_assert_eq (c.result.failed_call, 1);
    }
    cluster_do (
        conninfo,
        "CREATE FUNCTION ym_no_such_function() RETURNS int4 LANGUAGE sql AS 'SELECT 1'");
    b = client_begin (&c);
    ym_store_call (b, &missing);
    ym_store_call (b, &one);
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    ym_store_close (c.store);
}

Test (connection, heals_statements_older_than_the_schema)
{
    static const struct ym_statement all = {"all_things", "SELECT * FROM thing"};
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;

    open_things (&c, conninfo, "t_stale");
    b = client_begin (&c);
    ym_store_call (b, &all);
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    cluster_do (conninfo, "ALTER TABLE thing ADD COLUMN more int4");
    b = client_begin (&c);
    ym_store_call (b, &all);
    cr_assert_eq (client_commit (&c, b), YM_ROLLED_BACK);
    cr_assert_str_eq (c.result.sqlstate, "0A000");
    client_await (&c, &c.ups, 2);
    b = client_begin (&c);
    ym_store_call (b, &all);
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    ym_store_close (c.store);
}

static const struct ym_statement settings = {
    "settings", "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings "
                "WHERE name IN"
                " ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',"
                " 'client_connection_check_interval', 'application_name')"};

static void check_settings (struct ym_batch *b)
{
    cr_assert (ym_str_is (ym_row_text (ym_batch_rows (b, 0), 0, 0),
                          "application_name=t_settings client_connection_check_interval=2000 "
                          "idle_in_transaction_session_timeout=800 lock_timeout=400 "
                          "statement_timeout=700"));
}

Test (connection, is_up_only_with_its_settings)
{
    struct client c;
    struct ym_batch *b;

    client_up (&c, "t_settings");
    b = client_begin (&c);
    ym_store_call (b, &settings);
    c.check = check_settings;
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    ym_store_close (c.store);
}

/* Starts a batch and waits until its statement sleeps in the server. */
static void sleep_there (struct client *c, const char *application, int32_t ms)
{
    struct ym_batch *b = client_begin (c);
    int64_t end_ms = ym_time_mono_ms () + CLIENT_LIMIT_MS;
    char sql[200], is[8] = "0";

    add (b, 1, "perhaps");
    sleeping (b, ms);
    ym_store_commit (b);
    (void)snprintf (sql, sizeof sql,
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'"
                    " AND wait_event = 'PgSleep'",
                    application);
    while (is[0] != '1' && ym_time_mono_ms () < end_ms) {
        client_turn (c, 5);
        cluster_sql (cluster_conninfo (), sql, is, sizeof is);
    }
    cr_assert_str_eq (is, "1");
}

Test (connection, does_not_know_what_a_killed_backend_did)
{
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;

    open_things (&c, conninfo, "t_killed");
    sleep_there (&c, "t_killed", 600);
    cluster_do (conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                          "application_name = 't_killed'");
    client_await (&c, &c.dones, 1);
    cr_assert_eq (c.result.outcome, YM_UNKNOWN);
    cr_assert_str_eq (c.result.sqlstate, "57P01");
    cr_assert_eq (c.downs, 1);
    cr_assert (strstr (c.why, "administrator"), "%s", c.why);
    client_await (&c, &c.ups, 2);
    b = client_begin (&c);
    add (b, 1, "not there before");
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    ym_store_close (c.store);
}

Test (connection, is_told_no_by_a_statement_that_takes_too_long)
{
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;

    open_things (&c, conninfo, "t_slow");
    b = client_begin (&c);
    add (b, 1, "no");
    sleeping (b, 10000);
    cr_assert_eq (client_commit (&c, b), YM_ROLLED_BACK);
    cr_assert_str_eq (c.result.sqlstate, "57014");
    cr_assert_eq (c.downs, 0);
    ym_store_close (c.store);
}

/* Each statement is in time, the batch is not. */
Test (connection, gives_up_at_its_own_deadline)
{
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;
    struct ym_batch *b;
    int64_t began_ms, took_ms;

    open_things (&c, conninfo, "t_deadline");
    b = client_begin (&c);
    add (b, 1, "perhaps");
    sleeping (b, 500);
    sleeping (b, 500);
    sleeping (b, 500);
    began_ms = ym_time_mono_ms ();
    cr_assert_eq (client_commit (&c, b), YM_UNKNOWN);
    took_ms = ym_time_mono_ms () - began_ms;
    cr_assert (took_ms >= CLIENT_STATEMENT_MS && took_ms < 2 * CLIENT_STATEMENT_MS, "%d ms",
               (int)took_ms);
    cr_assert_eq (c.downs, 1);
    cr_assert_not (ym_store_is_up (c.store));
    client_await (&c, &c.ups, 2);
    ym_store_close (c.store);
}

Test (connection, sends_nothing_while_down)
{
    struct client c;
    struct ym_batch *b;

    client_open (&c, cluster_conninfo (), "t_early", CLIENT_STATEMENT_MS);
    b = client_begin (&c);
    ym_store_call (b, &one);
    ym_store_commit (b);
    cr_assert_eq (c.dones, 1);
    cr_assert_eq (c.result.outcome, YM_NOT_SENT);
    client_await (&c, &c.ups, 1);
    ym_store_close (c.store);
}

Test (connection, notices_a_loss_while_idle)
{
    struct client c;

    client_up (&c, "t_idle");
    cluster_do (cluster_conninfo (), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                     "WHERE application_name = 't_idle'");
    client_await (&c, &c.downs, 1);
    cr_assert (strstr (c.why, "administrator"), "%s", c.why);
    client_await (&c, &c.ups, 2);
    cr_assert_eq (c.downs, 1);
    ym_store_close (c.store);
}

Test (connection, waits_for_a_database_that_comes_later_and_goes, .timeout = 60)
{
    struct cluster own;
    struct client c;
    struct ym_batch *b;

    cluster_name (&own);
    client_open (&c, own.conninfo, "t_later", CLIENT_STATEMENT_MS);
    client_await (&c, &c.downs, 1);
    for (int64_t end_ms = ym_time_mono_ms () + 200; ym_time_mono_ms () < end_ms;)
        client_turn (&c, 20);
    cr_assert_eq (c.downs, 1, "an outage is one outage");
    cluster_start (&own);
    client_await (&c, &c.ups, 1);

    cluster_halt (&own);
    client_await (&c, &c.downs, 2);
    cluster_start (&own);
    client_await (&c, &c.ups, 2);
    b = client_begin (&c);
    ym_store_call (b, &one);
    cr_assert_eq (client_commit (&c, b), YM_COMMITTED);
    ym_store_close (c.store);
    cluster_stop (&own);
}

Test (connection, goes_on_to_the_next_host)
{
    char conninfo[3 * CLUSTER_TEXT_MAX], host[CLUSTER_TEXT_MAX];
    struct client c;

    cr_assert_eq (sscanf (cluster_conninfo (), "host=%200s", host), 1);
    (void)snprintf (conninfo, sizeof conninfo,
                    "host=/nonexistent,%s dbname=yardmaster target_session_attrs=read-write",
                    host);
    client_open (&c, conninfo, "t_hosts", CLIENT_STATEMENT_MS);
    client_await (&c, &c.ups, 1);
    cr_assert_eq (c.downs, 1);
    ym_store_close (c.store);
}

/* A socket that accepts and never answers, as a frozen server does. */
Test (connection, leaves_a_frozen_host_at_the_deadline)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char conninfo[3 * CLUSTER_TEXT_MAX], host[CLUSTER_TEXT_MAX], frozen[CLUSTER_TEXT_MAX];
    struct client c;
    int64_t began_ms = ym_time_mono_ms ();
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cluster_directory (frozen);
    (void)snprintf (address.sun_path, sizeof address.sun_path, "%.80s/.s.PGSQL.5432", frozen);
    cr_assert_eq (bind (fd, (const struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq (listen (fd, 4), 0);
    cr_assert_eq (sscanf (cluster_conninfo (), "host=%200s", host), 1);
    (void)snprintf (conninfo, sizeof conninfo, "host=%s,%s dbname=yardmaster", frozen, host);
    client_open (&c, conninfo, "t_frozen", CLIENT_STATEMENT_MS);
    client_await (&c, &c.ups, 1);
    cr_assert_geq (ym_time_mono_ms () - began_ms, 2000);
    ym_store_close (c.store);
    (void)close (fd);
    cluster_remove (frozen);
}

Test (connection, says_what_is_wrong_with_a_conninfo)
{
    struct client c;

    client_open (&c, "host='", "t_wrong", CLIENT_STATEMENT_MS);
    client_await (&c, &c.downs, 1);
    cr_assert (strstr (c.why, "unterminated"), "%s", c.why);
    ym_store_close (c.store);
}

/* Two writers, one row: the second is told no by the server before its own deadline. */
Test (connection, gives_up_a_row_that_another_holds)
{
    static const struct ym_statement update = {
        "update_thing", "UPDATE thing SET word = $2::text WHERE id = $1::int8"};
    char conninfo[CLUSTER_TEXT_MAX];
    struct client holder, other;
    struct ym_batch *held, *b;

    open_things (&holder, conninfo, "t_holder");
    cluster_do (conninfo, "INSERT INTO thing VALUES (1, 'old')");
    client_open (&other, conninfo, "t_other", CLIENT_STATEMENT_MS);
    client_await (&other, &other.ups, 1);

    held = client_begin (&holder);
    ym_store_call (held, &update);
    ym_param_int8 (held, 1);
    ym_param_text (held, ym_str ("held"));
    sleeping (held, 650);
    ym_store_commit (held);
    while (!ym_store_is_busy (holder.store))
        client_turn (&holder, 5);
    cluster_await (conninfo,
                   "SELECT count(*) FROM pg_stat_activity WHERE application_name = 't_holder'"
                   " AND wait_event = 'PgSleep'",
                   "1");

    b = client_begin (&other);
    ym_store_call (b, &update);
    ym_param_int8 (b, 1);
    ym_param_text (b, ym_str ("other"));
    cr_assert_eq (client_commit (&other, b), YM_ROLLED_BACK);
    cr_assert_str_eq (other.result.sqlstate, "55P03");
    client_await (&holder, &holder.dones, 1);
    cr_assert_eq (holder.result.outcome, YM_COMMITTED);
    expect (conninfo, "SELECT word FROM thing", "held");
    ym_store_close (holder.store);
    ym_store_close (other.store);
}

/* The done callback of one batch begins the next. */
static unsigned links;

static void on_link (void *arg, struct ym_batch *b, const struct ym_result *result)
{
    struct client *c = arg;

    cr_assert_eq (result->outcome, YM_COMMITTED);
    cr_assert_not (ym_store_is_busy (c->store));
    if (++links < 50) {
        struct ym_batch *next = ym_store_begin (c->store, c, on_link);

        ym_store_call (next, &one);
        ym_store_commit (next);
    }
    cr_assert_eq (ym_row_int4 (ym_batch_rows (b, 0), 0, 0), 1);
}

Test (connection, may_begin_the_next_batch_when_one_is_done)
{
    struct client c;
    struct ym_batch *b;

    client_up (&c, "t_chain");
    b = ym_store_begin (c.store, &c, on_link);
    ym_store_call (b, &one);
    ym_store_commit (b);
    client_await (&c, &links, 50);
    ym_store_close (c.store);
}

Test (connection, closes_under_way_without_a_word)
{
    char conninfo[CLUSTER_TEXT_MAX];
    struct client c;

    open_things (&c, conninfo, "t_close");
    sleep_there (&c, "t_close", 600);
    ym_store_close (c.store);
    ym_store_close (NULL);
    cr_assert_eq (c.dones, 0);
    cr_assert_eq (c.downs, 0);
}

/* A commit that stopped waiting for its standby may be lost with this server. */
Test (connection, does_not_trust_a_commit_without_its_standby, .timeout = 60)
{
    struct cluster own;
    struct client c;
    struct ym_batch *b;
    char local[2 * CLUSTER_TEXT_MAX], is[4] = "";

    cluster_name (&own);
    cluster_start (&own);
    cluster_do (own.conninfo, make_table.text);
    cluster_do (own.conninfo, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    cluster_halt (&own);
    cluster_start (&own);
    (void)snprintf (local, sizeof local, "%s options='-c synchronous_commit=local'",
                    own.conninfo);
    client_open (&c, own.conninfo, "t_standby", 5000);
    client_await (&c, &c.ups, 1);

    b = client_begin (&c);
    add (b, 1, "alone");
    ym_store_commit (b);
    for (int64_t end_ms = ym_time_mono_ms () + CLIENT_LIMIT_MS;
         ym_time_mono_ms () < end_ms && is[0] != '1';) {
        client_turn (&c, 5);
        cluster_sql (local,
                     "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
                     " WHERE application_name = 't_standby' AND wait_event = 'SyncRep'",
                     is, sizeof is);
    }
    client_await (&c, &c.dones, 1);
    cr_assert_eq (c.result.outcome, YM_UNKNOWN);
    cr_assert (strstr (c.result.text, "synchronous replication"), "%s", c.result.text);
    expect (local, "SELECT count(*) FROM thing", "1");
    ym_store_close (c.store);
    cluster_stop (&own);
}

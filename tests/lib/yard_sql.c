/* yard_sql.c - a database with the yard's schema; see yard_sql.h. */
#include "tests/lib/yard_sql.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/life.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "tests/lib/cluster.h"

enum { SQL_MAX = 1 << 16, ANSWER_MAX = 1 << 16 };

static PGconn *connect_to (const char *name, const char *role)
{
    char host[CLUSTER_TEXT_MAX], all[2 * CLUSTER_TEXT_MAX];
    PGconn *c;

    (void)ym_text_copy (host, sizeof host, cluster_conninfo ());
    *strchr (host, ' ') = '\0';
    (void)ym_text_format (all, sizeof all, "%s dbname=%s user=%s", host, name,
                          role ? role : "postgres");
    c = PQconnectdb (all);
    cr_assert_eq (PQstatus (c), CONNECTION_OK, "%s", PQerrorMessage (c));
    return c;
}

static PGresult *run (PGconn *c, const char *sql)
{
    PGresult *r = PQexec (c, sql);
    ExecStatusType status = PQresultStatus (r);

    cr_assert (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%.500s: %s", sql,
               PQerrorMessage (c));
    return r;
}

/* Making the database. */

static void run_stream (PGconn *c, FILE *f)
{
    static char sql[1 << 18];
    size_t size = fread (sql, 1, sizeof sql - 1, f);

    cr_assert (size > 0 && size < sizeof sql - 1);
    sql[size] = '\0';
    PQclear (run (c, "BEGIN"));
    PQclear (run (c, sql));
    PQclear (run (c, "COMMIT"));
}

static void run_file (PGconn *c, const char *path)
{
    FILE *f = fopen (path, "r");

    cr_assert_not_null (f, "%s", path);
    run_stream (c, f);
    (void)fclose (f);
}

static void run_output (PGconn *c, const char *command)
{
    FILE *f = popen (command, "r"); /* it writes and ends; nothing is left of it */

    cr_assert_not_null (f);
    run_stream (c, f);
    cr_assert_eq (pclose (f), 0, "%s: build ym-schema first", command);
}

static void name_events (PGconn *c, const char *machine, const struct ym_life *life)
{
    char sql[200];

    for (unsigned i = 0; i < life->event_count; i++) {
        (void)ym_text_format (sql, sizeof sql, "INSERT INTO t.event VALUES ('%s', '%s', %d)",
                              machine, life->events[i].name, life->events[i].number);
        PQclear (run (c, sql));
    }
}

static void make_schema (PGconn *c)
{
    glob_t files;

    PQclear (run (c, "SET client_min_messages = warning"));
    PQclear (run (c, "CREATE SCHEMA ym"));
    cr_assert_eq (glob (YM_SOURCE_DIR "/schema/sql/0*.sql", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        run_file (c, files.gl_pathv[i]);
    globfree (&files);
    run_output (c, YM_BINARY_DIR "/bin/ym-schema sql");
    run_file (c, YM_SOURCE_DIR "/tests/lib/yard_sql.sql");
    name_events (c, "job", &ym_job_life);
    name_events (c, "agent", &ym_agent_life);
}

static void make_template (PGconn *all)
{
    PGconn *c;
    PGresult *r = run (all, "SELECT FROM pg_database WHERE datname = 'yard_made'");
    bool made = PQntuples (r) > 0;

    PQclear (r);
    if (made)
        return;
    PQclear (run (all, "CREATE DATABASE yard_template"));
    c = connect_to ("yard_template", NULL);
    make_schema (c);
    PQfinish (c);
    PQclear (run (all, "ALTER DATABASE yard_template RENAME TO yard_made"));
}

/* Tests run side by side: one makes the template, and copies are made one at a time. */
static const char *database (void)
{
    static char name[64];
    char sql[128];
    PGconn *all;

    if (name[0])
        return name;
    all = connect_to ("yardmaster", NULL);
    PQclear (run (all, "SELECT pg_advisory_lock (1)"));
    make_template (all);
    (void)ym_text_format (name, sizeof name, "yard_%d_%llx", getpid (),
                          (unsigned long long)ym_time_mono_us ());
    (void)ym_text_format (sql, sizeof sql, "CREATE DATABASE %s TEMPLATE yard_made", name);
    PQclear (run (all, sql));
    PQfinish (all);
    return name;
}

enum { SESSIONS_MAX = 128 };
static PGconn *sessions[SESSIONS_MAX];
static size_t session_count;

PGconn *yard_session (const char *role)
{
    cr_assert_lt (session_count, SESSIONS_MAX);
    return sessions[session_count++] = connect_to (database (), role);
}

void yard_close (PGconn *c)
{
    size_t at = 0;

    while (at < session_count && sessions[at] != c)
        at++;
    cr_assert_lt (at, session_count);
    sessions[at] = sessions[--session_count];
    PQfinish (c);
}

void yard_end (void)
{
    while (session_count > 0)
        PQfinish (sessions[--session_count]);
}

/* Asking. */

static void print_format (char sql[SQL_MAX], const char *format, va_list arguments)
    __attribute__ ((format (printf, 2, 0)));

static void print_format (char sql[SQL_MAX], const char *format, va_list arguments)
{
    int size = vsnprintf (sql, SQL_MAX, format, arguments);

    cr_assert (size > 0 && size < SQL_MAX);
}

#define PRINT(sql, format)                                                                     \
    va_list arguments;                                                                         \
    va_start (arguments, format);                                                              \
    print_format (sql, format, arguments);                                                     \
    va_end (arguments)

static const char *text_of (const PGresult *r)
{
    static char text[ANSWER_MAX];
    size_t used = 0;

    text[0] = '\0';
    for (int row = 0; row < PQntuples (r); row++)
        for (int column = 0; column < PQnfields (r); column++) {
            const char *between = column > 0 ? " " : row > 0 ? "; " : "";
            const char *is =
                PQgetisnull (r, row, column) ? "null" : PQgetvalue (r, row, column);
            cr_assert (used + strlen (is) + 3 < ANSWER_MAX);
            used = (size_t)(stpcpy (stpcpy (text + used, between), is) - text);
        }
    return text;
}

static const char *ask (PGconn *c, const char *sql)
{
    PGresult *r = run (c, sql);
    const char *text = text_of (r);

    PQclear (r);
    return text;
}

const char *yard_ask (PGconn *c, const char *format, ...)
{
    static char sql[SQL_MAX];

    PRINT (sql, format);
    return ask (c, sql);
}

void yard_is (PGconn *c, const char *expected, const char *format, ...)
{
    static char sql[SQL_MAX];

    PRINT (sql, format);
    const char *is = ask (c, sql);
    cr_assert_str_eq (is, expected, "%s\n is '%s', not '%s'", sql, is, expected);
}

void yard_do (PGconn *c, const char *format, ...)
{
    static char sql[SQL_MAX];

    PRINT (sql, format);
    PQclear (run (c, sql));
}

int64_t yard_number (PGconn *c, const char *format, ...)
{
    static char sql[SQL_MAX];
    char *end;
    int64_t number;

    PRINT (sql, format);
    const char *is = ask (c, sql);
    number = strtoll (is, &end, 10);
    cr_assert (end > is && *end == '\0', "%s\n is '%s'", sql, is);
    return number;
}

void yard_says_no (PGconn *c, const char *sqlstate, const char *format, ...)
{
    static char sql[SQL_MAX];

    PRINT (sql, format);
    PGresult *r = PQexec (c, sql);
    const char *is = PQresultErrorField (r, PG_DIAG_SQLSTATE);
    cr_assert_str_eq (is ? is : "none", sqlstate, "%s: %s", sql, PQerrorMessage (c));
    PQclear (r);
}

/* Two at once. */

void yard_block (PGconn *c, const char *format, ...)
{
    static char sql[SQL_MAX];
    char waits[200];

    PRINT (sql, format);
    cr_assert_eq (PQsendQuery (c, sql), 1, "%s", PQerrorMessage (c));
    (void)ym_text_format (waits, sizeof waits,
                          "SELECT count (*) FROM pg_locks WHERE pid = %d AND NOT granted",
                          PQbackendPID (c));
    cluster_await (cluster_conninfo (), waits, "1");
}

void yard_then_is (PGconn *c, const char *expected)
{
    PGresult *r = PQgetResult (c);
    const char *is = PQresultStatus (r) == PGRES_TUPLES_OK
                         ? text_of (r)
                         : PQresultErrorField (r, PG_DIAG_SQLSTATE);

    cr_assert_str_eq (is, expected, "%s", PQerrorMessage (c));
    PQclear (r);
    cr_assert_null (PQgetResult (c));
}

static char marked[2000];

void yard_mark (PGconn *superuser)
{
    cr_assert (ym_text_copy (marked, sizeof marked, yard_ask (superuser, "SELECT t.rows ()")));
}

bool yard_is_unchanged (PGconn *superuser)
{
    return strcmp (marked, yard_ask (superuser, "SELECT t.rows ()")) == 0;
}

/* cluster.c - a private PostgreSQL for one Criterion program; see cluster.h.
 *
 * All the work is done by scripts/dev/cluster, which binds the server's life to a process.
 */
#include "tests/lib/cluster.h"

#include "common/base/text.h"
#include "common/base/time.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <errno.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT YM_SOURCE_DIR "/scripts/dev/cluster"
#define NAME   "YM_TEST_CLUSTER"

/* SIGTERM, so that the script still takes back what it began. */
static void become (const char *const *arguments, int output)
{
    (void)prctl (PR_SET_PDEATHSIG, SIGTERM);
    if (dup2 (output, STDOUT_FILENO) < 0 || dup2 (output, STDERR_FILENO) < 0)
        _exit (127);
    (void)execv (arguments[0], (char *const *)(uintptr_t)arguments);
    dprintf (STDERR_FILENO, "%s: %s\n", arguments[0], strerror (errno));
    _exit (127);
}

static void read_all (int fd, char *output)
{
    size_t used = 0;
    char surplus[512];

    for (;;) {
        size_t room = output ? CLUSTER_OUTPUT_MAX - 1 - used : 0;
        ssize_t r =
            room > 0 ? read (fd, output + used, room) : read (fd, surplus, sizeof surplus);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        used += room > 0 ? (size_t)r : 0;
    }
    if (output)
        output[used] = '\0';
}

int cluster_run (const char *const *arguments, char *output)
{
    int ends[2], status;
    pid_t pid;

    if (pipe2 (ends, 0) < 0)
        return 127;
    pid = fork ();
    if (pid == 0) {
        (void)close (ends[0]);
        become (arguments, ends[1]);
    }
    (void)close (ends[1]);
    if (pid > 0)
        read_all (ends[0], output);
    (void)close (ends[0]);
    if (pid < 0 || waitpid (pid, &status, 0) != pid)
        return 127;
    return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

static int call_script (const char *verb, const char *directory)
{
    char pid[16], output[CLUSTER_OUTPUT_MAX];
    const char *arguments[] = {SCRIPT, verb, directory, NULL, NULL, NULL};
    int r;

    if (strcmp (verb, "start") == 0) {
        (void)snprintf (pid, sizeof pid, "%d", getpid ());
        arguments[3] = "--with-pid";
        arguments[4] = pid;
    }
    r = cluster_run (arguments, output);
    if (r != 0)
        fprintf (stderr, "cluster %s: %s\n", verb, output);
    return r;
}

/* In the program itself, not in the process of a test. */
ReportHook (PRE_ALL) (struct criterion_test_set *tests)
{
    char directory[CLUSTER_TEXT_MAX];

    (void)tests;
    (void)snprintf (directory, sizeof directory, "/tmp/ym-test-%d-%llx", getpid (),
                    (unsigned long long)ym_time_mono_us ());
    if (call_script ("start", directory) != 0)
        exit (1);
    if (setenv (NAME, directory, 1) != 0)
        exit (1);
}

ReportHook (POST_ALL) (struct criterion_global_stats *stats)
{
    (void)stats;
    if (getenv (NAME))
        (void)call_script ("stop", getenv (NAME));
}

const char *cluster_conninfo (void)
{
    static char conninfo[CLUSTER_TEXT_MAX];

    cr_assert_not_null (getenv (NAME));
    (void)snprintf (conninfo, sizeof conninfo, "host=%s dbname=yardmaster", getenv (NAME));
    return conninfo;
}

void cluster_name (struct cluster *ret)
{
    (void)snprintf (ret->directory, sizeof ret->directory, "/tmp/ym-own-%d-%llx", getpid (),
                    (unsigned long long)ym_time_mono_us ());
    (void)snprintf (ret->conninfo, sizeof ret->conninfo, "host=%s dbname=yardmaster",
                    ret->directory);
}

void cluster_start (const struct cluster *c)
{
    cr_assert_eq (call_script ("start", c->directory), 0);
}

void cluster_halt (const struct cluster *c)
{
    cr_assert_eq (call_script ("halt", c->directory), 0);
}

void cluster_stop (const struct cluster *c)
{
    cr_assert_eq (call_script ("stop", c->directory), 0);
}

void cluster_sql (const char *conninfo, const char *sql, char *to, size_t room)
{
    PGconn *c = PQconnectdb (conninfo);
    PGresult *result = PQexec (c, sql);
    ExecStatusType status = PQresultStatus (result);

    cr_assert (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
               PQerrorMessage (c));
    if (to)
        (void)ym_text_copy (to, room, PQntuples (result) > 0 ? PQgetvalue (result, 0, 0) : "");
    PQclear (result);
    PQfinish (c);
}

void cluster_do (const char *conninfo, const char *sql)
{
    cluster_sql (conninfo, sql, NULL, 0);
}

void cluster_database (char ret_conninfo[CLUSTER_TEXT_MAX])
{
    char sql[80], name[40];

    (void)snprintf (name, sizeof name, "t%d_%llx", getpid (),
                    (unsigned long long)ym_time_mono_us ());
    (void)snprintf (sql, sizeof sql, "CREATE DATABASE %s", name);
    cluster_do (cluster_conninfo (), sql);
    (void)snprintf (ret_conninfo, CLUSTER_TEXT_MAX, "host=%s dbname=%s", getenv (NAME), name);
}

void cluster_await (const char *conninfo, const char *sql, const char *expected)
{
    int64_t end_ms = ym_time_mono_ms () + 10000;
    char is[200];

    do
        cluster_sql (conninfo, sql, is, sizeof is);
    while (strcmp (is, expected) != 0 && ym_time_mono_ms () < end_ms);
    cr_assert_str_eq (is, expected, "%s: %s", sql, is);
}

void cluster_directory (char ret[CLUSTER_TEXT_MAX])
{
    (void)snprintf (ret, CLUSTER_TEXT_MAX, "/tmp/ym-files-XXXXXX");
    cr_assert_not_null (mkdtemp (ret));
}

void cluster_remove (const char *directory)
{
    const char *arguments[] = {"/bin/rm", "-rf", directory, NULL};

    cr_assert_eq (cluster_run (arguments, NULL), 0);
}

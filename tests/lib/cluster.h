/* cluster.h - a private PostgreSQL for one Criterion program.
 *
 * It starts before the first test and ends after the last one; if the program is killed, it
 * ends too. Tests run side by side in processes of their own, so a test that stops or hurts the
 * server takes a cluster of its own (cluster_start), and others that would meet take a
 * database.
 */
#ifndef YM_TEST_CLUSTER_H
#define YM_TEST_CLUSTER_H
#include <stddef.h>
#include <sys/types.h>

enum { CLUSTER_TEXT_MAX = 256, CLUSTER_OUTPUT_MAX = 16384 };

/* Of the program's cluster; "host=DIR dbname=yardmaster". */
const char *cluster_conninfo (void);

/* A new, empty database in the program's cluster. */
void cluster_database (char ret_conninfo[CLUSTER_TEXT_MAX]);

/* A cluster of the test's own; it ends with the test. Its name is settled before it is there.
 */
struct cluster {
    char directory[CLUSTER_TEXT_MAX / 2], conninfo[CLUSTER_TEXT_MAX];
};
void cluster_name (struct cluster *ret);
void cluster_start (const struct cluster *c);
void cluster_halt (const struct cluster *c);
void cluster_stop (const struct cluster *c);

/* Runs SQL as superuser and copies the first column of the first row, or "". The test fails if
 * the server says no. */
void cluster_sql (const char *conninfo, const char *sql, char *to, size_t room);
void cluster_do (const char *conninfo, const char *sql);

/* Runs a program to its end; it dies with the test. Returns its exit status, or 128 + signal.
 * 'output' (CLUSTER_OUTPUT_MAX) receives what it printed, both streams. */
int cluster_run (const char *const *arguments, char *output);

/* Polls until the SQL returns 'expected'; the test fails after ten seconds. */
void cluster_await (const char *conninfo, const char *sql, const char *expected);

/* A new directory, removed by cluster_remove. */
void cluster_directory (char ret[CLUSTER_TEXT_MAX]);
void cluster_remove (const char *directory);
#endif

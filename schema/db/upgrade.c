/* upgrade.c - applies what is pending, one transaction a step, one runner at a time.
 *
 * The lock belongs to the session, so that it ends with the runner whatever happens to it. A
 * step and its row in the ledger commit together: a kill between any two lines leaves a
 * database that the next run takes further.
 */
#include "schema/db/database.h"

#include <stdio.h>
#include <string.h>

#define LOCK_NUMBER "7306362930284593"

enum { TRIES = 5 };

/* Another transaction was in the way (also a step of another database of the same cluster,
 * where both change roles); the same again can succeed. */
static bool may_pass (const char *sqlstate, const char *text)
{
    return strcmp (sqlstate, "40001") == 0 || strcmp (sqlstate, "40P01") == 0 ||
           (strcmp (sqlstate, "XX000") == 0 && strstr (text, "concurrently"));
}

/* The line of a position that the server counts in characters, from 1. */
static unsigned line_of (const char *text, unsigned long position)
{
    unsigned line = 1;

    for (; *text && position > 1; text++) {
        line += *text == '\n';
        if (((unsigned char)text[1] & 0xc0) != 0x80)
            position--;
    }
    return line;
}

static const char *field (const PGresult *result, int which)
{
    const char *text = PQresultErrorField (result, which);

    return text ? text : "";
}

static void say_failure (const struct step *step, const PGresult *result, unsigned statement)
{
    const char *position = field (result, PG_DIAG_STATEMENT_POSITION);
    unsigned long at = 0;

    if (sscanf (position, "%lu", &at) == 1)
        fprintf (stderr, "yardctl-db: %s, line %u: ", step->file, line_of (step->text, at));
    else
        fprintf (stderr, "yardctl-db: %s, statement %u: ", step->file, statement);
    fprintf (stderr, "%s\n", field (result, PG_DIAG_MESSAGE_PRIMARY));
    if (field (result, PG_DIAG_MESSAGE_DETAIL)[0])
        fprintf (stderr, "  detail: %s\n", field (result, PG_DIAG_MESSAGE_DETAIL));
    if (field (result, PG_DIAG_MESSAGE_HINT)[0])
        fprintf (stderr, "  hint: %s\n", field (result, PG_DIAG_MESSAGE_HINT));
    if (field (result, PG_DIAG_CONTEXT)[0])
        fprintf (stderr, "  where: %s\n", field (result, PG_DIAG_CONTEXT));
}

/* All statements of the file. *ret_again: the same again can succeed, so nothing was said. */
static int run_text (PGconn *c, const struct step *step, bool is_last_try, bool *ret_again)
{
    unsigned statement = 1;
    int status = DB_DONE;
    PGresult *result;

    if (!PQsendQuery (c, step->text))
        return db_fail (c, step->file);
    while ((result = PQgetResult (c))) {
        ExecStatusType is = PQresultStatus (result);

        if (is == PGRES_COPY_IN)
            (void)PQputCopyEnd (c, "a step may not copy from its client");
        if (is == PGRES_FATAL_ERROR && status == DB_DONE) {
            status = PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
            *ret_again = !is_last_try && may_pass (field (result, PG_DIAG_SQLSTATE),
                                                   field (result, PG_DIAG_MESSAGE_PRIMARY));
            if (!*ret_again)
                say_failure (step, result, statement);
        }
        statement++;
        PQclear (result);
    }
    return status;
}

static int run (PGconn *c, const char *sql)
{
    PGresult *result = db_ask (c, sql, sql, 0, NULL);

    if (!result)
        return PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
    PQclear (result);
    return DB_DONE;
}

static int write_row (PGconn *c, const struct step *step)
{
    char number[12];
    const char *values[] = {number, step->name, step->sha256};
    PGresult *result;

    (void)snprintf (number, sizeof number, "%u", step->number);
    result = db_ask (c, "writing the ledger",
                     "INSERT INTO ym.schema_step (number, name, sha256, applied_at)"
                     " VALUES ($1::int, $2, $3, clock_timestamp())",
                     3, values);
    if (!result)
        return PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
    PQclear (result);
    return DB_DONE;
}

/* A step that commits by itself has torn its ledger row from what it did; that is found here,
 * too late to undo, so it is said. */
static int try_step (PGconn *c, const struct step *step, bool is_last_try, bool *ret_again)
{
    int r = run (c, "BEGIN");

    *ret_again = false;
    if (r == DB_DONE)
        r = run_text (c, step, is_last_try, ret_again);
    if (r == DB_DONE && PQtransactionStatus (c) != PQTRANS_INTRANS) {
        fprintf (stderr, "yardctl-db: %s ends the transaction it runs in; steps may not\n",
                 step->file);
        return DB_FAILED;
    }
    if (r == DB_DONE)
        r = write_row (c, step);
    if (r == DB_DONE)
        return run (c, "COMMIT");
    if (PQstatus (c) == CONNECTION_OK)
        (void)run (c, "ROLLBACK");
    return r;
}

static int apply (PGconn *c, const struct step *step)
{
    bool again = true;
    int r = DB_FAILED;

    for (int i = 1; i <= TRIES && again; i++)
        r = try_step (c, step, i == TRIES, &again);
    if (r == DB_DONE)
        printf ("applied %04u %s\n", step->number, step->name);
    return r;
}

static int prepare (PGconn *c)
{
    static const char *const statements[] = {
        "SET client_min_messages = warning",
        "SET statement_timeout = 0",
        "SET lock_timeout = 0",
        "SELECT pg_advisory_lock(" LOCK_NUMBER ")",
        "SET lock_timeout = '30s'", /* a step must not wait for ever with everybody behind it */
        "CREATE SCHEMA IF NOT EXISTS ym",
        "CREATE TABLE IF NOT EXISTS ym.schema_step ("
        "number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at "
        "timestamptz NOT NULL)",
    };
    int r = DB_DONE;

    for (unsigned i = 0; i < sizeof statements / sizeof statements[0] && r == DB_DONE; i++)
        r = run (c, statements[i]);
    return r;
}

static int apply_pending (PGconn *c, const struct plan *plan)
{
    int r = DB_DONE;

    if (plan->pending == 0)
        printf ("nothing to apply: %u steps are in place\n", plan->count);
    for (unsigned i = 0; i < plan->count && r == DB_DONE; i++)
        if (plan->steps[i].state == STEP_PENDING)
            r = apply (c, &plan->steps[i]);
    return r == DB_DONE ? law_fill (c) : r;
}

static int refused (const struct plan *plan)
{
    fprintf (stderr, "yardctl-db: %s\nnothing was changed\n", plan->refusal);
    return DB_REFUSED;
}

static int upgrade (PGconn *c, struct plan *plan)
{
    int r = prepare (c);

    if (r == DB_DONE)
        r = plan_read_ledger (plan, c);
    if (r == DB_DONE && plan->refusal[0])
        r = refused (plan);
    return r == DB_DONE ? apply_pending (c, plan) : r;
}

/* The files first: what is wrong with them is known without the database. */
int db_upgrade (const char *conninfo, const char *directory)
{
    struct plan *plan = plan_new ();
    PGconn *c = NULL;
    int r;

    plan_read_files (plan, directory);
    if (plan->refusal[0])
        r = refused (plan);
    else if (!(c = db_open (conninfo)))
        r = DB_UNREACHABLE;
    else
        r = upgrade (c, plan);
    db_close (&c);
    plan_free (plan);
    return r;
}

/* ledger.c - ym.schema_step: which steps this database has had, and whether the files agree. */
#include "schema/db/database.h"

#include "common/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PGconn *db_open (const char *conninfo)
{
    const char *keywords[] = {"connect_timeout", "dbname", "fallback_application_name",
                              "client_encoding", NULL};
    const char *values[] = {"10", conninfo, "yardctl-db", "UTF8", NULL};
    PGconn *c = PQconnectdbParams (keywords, values, 1);

    if (PQstatus (c) == CONNECTION_OK)
        return c;
    fprintf (stderr, "yardctl-db: the database cannot be reached: %s", PQerrorMessage (c));
    PQfinish (c);
    return NULL;
}

void db_close (PGconn **c)
{
    PQfinish (*c);
    *c = NULL;
}

int db_fail (PGconn *c, const char *what)
{
    fprintf (stderr, "yardctl-db: %s: %s", what, PQerrorMessage (c));
    return PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
}

PGresult *db_ask (PGconn *c, const char *what, const char *sql, int count,
                  const char *const *values)
{
    PGresult *result = PQexecParams (c, sql, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus (result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return result;
    PQclear (result);
    (void)db_fail (c, what);
    return NULL;
}

static struct step *find (struct plan *plan, unsigned number)
{
    for (unsigned i = 0; i < plan->count; i++)
        if (plan->steps[i].number == number)
            return &plan->steps[i];
    return NULL;
}

static void refuse (struct plan *plan, const struct step *step, const char *why)
{
    if (!plan->refusal[0])
        (void)ym_text_format (plan->refusal, sizeof plan->refusal, "step %04u %s %s",
                              step->number, step->name, why);
}

static void take_row (struct plan *plan, const PGresult *rows, int row)
{
    unsigned number = (unsigned)strtoul (PQgetvalue (rows, row, 0), NULL, 10);
    const char *sha256 = PQgetvalue (rows, row, 2);
    struct step *step = find (plan, number);

    if (!step) {
        if (plan->count == STEPS_MAX)
            return;
        step = &plan->steps[plan->count++];
        *step = (struct step){.number = number, .state = STEP_UNKNOWN};
        (void)ym_text_copy (step->name, sizeof step->name, PQgetvalue (rows, row, 1));
        (void)ym_text_copy (step->sha256, sizeof step->sha256, sha256);
        refuse (plan, step,
                "was applied to this database, but has no file: a newer version was here, or "
                "the wrong --dir is given");
    }
    else if (strcmp (step->sha256, sha256) != 0) {
        step->state = STEP_CHANGED;
        refuse (plan, step,
                "was changed after it was applied: steps are never edited; write a new one");
    }
    else {
        step->state = STEP_APPLIED;
    }
    (void)ym_text_copy (step->applied_at, sizeof step->applied_at, PQgetvalue (rows, row, 3));
}

/* Steps are applied in order, so what is pending is at the end. */
static void check_order (struct plan *plan)
{
    for (unsigned i = 0; i < plan->count; i++) {
        if (plan->steps[i].state != STEP_PENDING)
            continue;
        plan->pending++;
        if (i + 1 < plan->count && plan->steps[i + 1].state != STEP_PENDING)
            refuse (plan, &plan->steps[i], "was never applied, but a later one was");
    }
}

int plan_read_ledger (struct plan *plan, PGconn *c)
{
    PGresult *rows = db_ask (c, "looking for the ledger",
                             "SELECT to_regclass('ym.schema_step') IS NOT NULL", 0, NULL);
    bool is_there;

    if (!rows)
        return PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
    is_there = PQgetvalue (rows, 0, 0)[0] == 't';
    PQclear (rows);
    if (is_there) {
        rows = db_ask (c, "reading the ledger",
                       "SELECT number, name, sha256, to_char(applied_at AT TIME ZONE 'UTC', "
                       "'YYYY-MM-DD HH24:MI:SS')"
                       " FROM ym.schema_step ORDER BY number LIMIT 1000",
                       0, NULL);
        if (!rows)
            return PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
        for (int i = 0; i < PQntuples (rows); i++)
            take_row (plan, rows, i);
        PQclear (rows);
    }
    check_order (plan);
    return DB_DONE;
}

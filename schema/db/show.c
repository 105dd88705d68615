/* show.c - status and verify: what is there, and whether it is what it should be. */
#include "schema/db/database.h"

#include <stdio.h>

static const char *const words[] = {[STEP_PENDING] = "pending",
                                    [STEP_APPLIED] = "applied",
                                    [STEP_CHANGED] = "changed",
                                    [STEP_UNKNOWN] = "no file"};

/* Files and ledger; DB_DONE also if they do not fit. */
static int read_both (struct plan *plan, const char *directory, PGconn *c)
{
    plan_read_files (plan, directory);
    return plan_read_ledger (plan, c);
}

static void print_table (const struct plan *plan)
{
    printf ("%-6s%-32s%-10s%-21s%s\n", "STEP", "NAME", "STATE", "APPLIED (UTC)", "SHA256");
    for (unsigned i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];

        printf ("%04u  %-32s%-10s%-21s%.12s\n", step->number, step->name, words[step->state],
                step->applied_at[0] ? step->applied_at : "-", step->sha256);
    }
}

static int status (PGconn *c, struct plan *plan, const char *directory)
{
    int r = read_both (plan, directory, c);

    if (r != DB_DONE)
        return r;
    print_table (plan);
    if (plan->refusal[0]) {
        fprintf (stderr, "yardctl-db: %s\n", plan->refusal);
        return DB_REFUSED;
    }
    if (plan->pending > 0)
        fprintf (stderr, "hint: yardctl-db upgrade applies what is pending\n");
    return plan->pending > 0 ? DB_PENDING : DB_DONE;
}

static int verify (PGconn *c, struct plan *plan, const char *directory)
{
    int r = read_both (plan, directory, c), law;

    if (r != DB_DONE)
        return r;
    if (plan->refusal[0] || plan->pending > 0)
        r = DB_FAILED;
    if (plan->refusal[0])
        fprintf (stderr, "yardctl-db: %s\n", plan->refusal);
    for (unsigned i = 0; i < plan->count; i++)
        if (plan->steps[i].state != STEP_APPLIED)
            printf ("step %04u %s: %s\n", plan->steps[i].number, plan->steps[i].name,
                    words[plan->steps[i].state]);
    law = law_verify (c);
    if (law != DB_DONE)
        r = law;
    if (r == DB_DONE)
        printf ("the database is what this version expects: %u steps\n", plan->count);
    return r;
}

static int with_both (const char *conninfo, const char *directory,
                      int (*act) (PGconn *c, struct plan *plan, const char *directory))
{
    PGconn *c = db_open (conninfo);
    struct plan *plan;
    int r;

    if (!c)
        return DB_UNREACHABLE;
    plan = plan_new ();
    r = act (c, plan, directory);
    plan_free (plan);
    db_close (&c);
    return r;
}

int db_status (const char *conninfo, const char *directory)
{
    return with_both (conninfo, directory, status);
}

int db_verify (const char *conninfo, const char *directory)
{
    return with_both (conninfo, directory, verify);
}

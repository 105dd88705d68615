/* database.h - what brings a database to this version and proves that it is there.
 *
 * Functions print what a person should read (results to stdout, faults to stderr) and return
 * the exit status. They block: this is a tool.
 */
#ifndef YM_DATABASE_H
#define YM_DATABASE_H
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DB_DONE = 0,
    DB_FAILED = 1,  /* a step failed, or the database is not what it should be */
    DB_PENDING = 3, /* steps are left to apply */
    DB_USAGE = 64,
    DB_UNREACHABLE = 69,
    DB_REFUSED = 78, /* files and ledger do not fit; nothing was applied */
};

enum { STEPS_MAX = 999, STEP_OCTETS_MAX = 4 << 20, STEP_NAME_MAX = 60, SHA256_TEXT = 64 };

enum step_state { STEP_PENDING, STEP_APPLIED, STEP_CHANGED, STEP_UNKNOWN };
struct step {
    unsigned number;
    enum step_state state;
    char name[STEP_NAME_MAX + 1];
    char file[STEP_NAME_MAX + 16]; /* "" if there is none */
    char sha256[SHA256_TEXT + 1];  /* of the file, or else of the ledger */
    char applied_at[32];
    char *text;
};
/* The files of a directory and the rows of the ledger, by number. */
struct plan {
    struct step steps[STEPS_MAX];
    unsigned count, pending;
    char refusal[400]; /* why nothing may be applied; "" if it may */
};

/* The directory of the steps: the installed one, or that of the tree this program was built in.
 */
bool plan_find_directory (char *to, size_t room);
struct plan *plan_new (void);
void plan_free (struct plan *plan);
/* Faults end up in plan->refusal. */
void plan_read_files (struct plan *plan, const char *directory);
/* 0, or an exit status. A database that was never upgraded has an empty ledger. */
int plan_read_ledger (struct plan *plan, PGconn *c);

/* NULL: said why; exit with DB_UNREACHABLE. */
PGconn *db_open (const char *conninfo);
void db_close (PGconn **c);
/* Prints the server's sentence and says which status it means. */
int db_fail (PGconn *c, const char *what);
/* One statement; NULL: failed, and said why. */
PGresult *db_ask (PGconn *c, const char *what, const char *sql, int count,
                  const char *const *values);

int db_status (const char *conninfo, const char *directory);
int db_upgrade (const char *conninfo, const char *directory);
int db_verify (const char *conninfo, const char *directory);

/* Writes the built-in tables (schema/states, schema/enums) to the tables of the law. */
int law_fill (PGconn *c);
/* Lists every row that differs. DB_DONE, DB_FAILED. */
int law_verify (PGconn *c);

struct authorization {
    const char *public_key, *role, *tenant, *name;
};
int db_authorize (const char *conninfo, const struct authorization *a);
#endif

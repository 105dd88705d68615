/* main.c - yardctl-db: the database of the yard, for its operator. */
#include "schema/db/database.h"

#include <argp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define CONNINFO "host=/run/postgresql dbname=yardmaster"

enum { OPTION_PUBLIC_KEY = 256, OPTION_ROLE, OPTION_TENANT, OPTION_NAME };

struct arguments {
    const char *conninfo, *directory, *verb;
    struct authorization authorization;
};

const char *argp_program_version = "yardctl-db " YM_VERSION;

static const struct argp_option options[] = {
    {"conninfo", 'c', "DSN", 0, "libpq connection string; default: " CONNINFO, 0},
    {"dir", 'd', "DIR", 0,
     "directory of the steps, NNNN_what_it_does.sql; default: the installed one", 0},
    {NULL, 0, NULL, 0, "authorize, all of them:", 1},
    {"public-key", OPTION_PUBLIC_KEY, "Z85|FILE", 0,
     "CURVE public key, or a certificate that has it", 1},
    {"role", OPTION_ROLE, "ROLE", 0, "submitter, viewer, operator, admin or agent", 1},
    {"tenant", OPTION_TENANT, "TENANT", 0, "made if it is new", 1},
    {"name", OPTION_NAME, "NAME", 0, "for people", 1},
    {0},
};

static error_t parse (int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'c':
        a->conninfo = arg;
        return 0;
    case 'd':
        a->directory = arg;
        return 0;
    case OPTION_PUBLIC_KEY:
        a->authorization.public_key = arg;
        return 0;
    case OPTION_ROLE:
        a->authorization.role = arg;
        return 0;
    case OPTION_TENANT:
        a->authorization.tenant = arg;
        return 0;
    case OPTION_NAME:
        a->authorization.name = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->verb)
            argp_error (state, "one verb at a time");
        a->verb = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->verb)
            argp_error (state, "which verb? status, upgrade, verify or authorize");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "status|upgrade|verify|authorize",
    .doc =
        "The database of the yard: brings it to this version, shows and proves what is there, "
        "lets a first key in."
        "\vExit status: 0 done, 1 a step failed or something differs, 3 steps are pending, 4 "
        "the key is there with"
        " other values, 64 usage, 69 database not reachable, 78 files and ledger do not fit.",
};

static int authorize (const struct arguments *a)
{
    const struct authorization *z = &a->authorization;

    if (z->public_key && z->role && z->tenant && z->name)
        return db_authorize (a->conninfo, z);
    fprintf (stderr, "yardctl-db: authorize wants --public-key, --role, --tenant and --name\n");
    return DB_USAGE;
}

static int status (const struct arguments *a)
{
    return db_status (a->conninfo, a->directory);
}

static int upgrade (const struct arguments *a)
{
    return db_upgrade (a->conninfo, a->directory);
}

static int verify (const struct arguments *a)
{
    return db_verify (a->conninfo, a->directory);
}

static const struct verb {
    const char *name;
    int (*act) (const struct arguments *a);
    bool wants_steps;
} verbs[] = {
    {"status", status, true},
    {"upgrade", upgrade, true},
    {"verify", verify, true},
    {"authorize", authorize, false},
};

static int act (const struct verb *verb, struct arguments *a)
{
    char directory[4200];

    if (verb->wants_steps && !a->directory) {
        if (!plan_find_directory (directory, sizeof directory)) {
            fprintf (
                stderr,
                "yardctl-db: the steps are not installed; say where they are with --dir\n");
            return DB_REFUSED;
        }
        a->directory = directory;
    }
    return verb->act (a);
}

int main (int argc, char **argv)
{
    struct arguments a = {.conninfo = CONNINFO};

    if (sodium_init () < 0)
        return DB_FAILED;
    if (argp_parse (&argp, argc, argv, 0, NULL, &a) != 0)
        return DB_USAGE;
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp (a.verb, verbs[i].name) == 0)
            return act (&verbs[i], &a);
    fprintf (stderr, "yardctl-db: %s is no verb: status, upgrade, verify or authorize\n",
             a.verb);
    return DB_USAGE;
}

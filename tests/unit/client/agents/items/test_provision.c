/* test_provision.c - what a job makes at the target beside its items: the store and the staging
 * file, half made, handed over, removed, and never anybody else's. */
#include "client/agents/items/yard_items.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static char said[1024];

static const char *in_root (const char *name)
{
    static char paths[8][128];
    static int at;
    char *path = paths[at++ % 8];

    (void)snprintf (path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static bool is_there (const char *name)
{
    return access (in_root (name), F_OK) == 0;
}

static void run_sql (const char *sql)
{
    sqlite3 *db;

    cr_assert (sqlite3_open (in_root ("target"), &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s",
               sqlite3_errmsg (db));
    cr_assert (sqlite3_close (db) == SQLITE_OK);
}

static void set_up (void)
{
    FILE *file;

    strcpy (root, "/tmp/ym-provision-XXXXXX");
    cr_assert (mkdtemp (root));
    file = fopen (in_root ("source"), "w");
    cr_assert (file);
    for (int i = 0; i < 20; i++)
        fprintf (file, "{\"id\": \"item/%d\"}\n", i);
    cr_assert (fclose (file) == 0);
}

static void tear_down (void)
{
    static const char *const names[] = {"source", "target", "target-wal", "target-shm",
                                        "target.job_1.staging"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink (in_root (names[i]));
    cr_assert (rmdir (root) == 0, "something was left behind");
}

TestSuite (provision, .init = set_up, .fini = tear_down, .timeout = 60);

/* The list that the yard keeps. */
struct fake {
    struct items_task task;
    struct {
        char name[41];
        bool is_there, is_made;
    } row[2];
    unsigned words, fail_at; /* the n-th word is not noted */
    unsigned stop_at_checkpoint, checkpoints;
};

static int fake_provision (void *self, const char *name, const char *address,
                           enum agents_provision state)
{
    struct fake *fake = self;
    unsigned i = strcmp (name, "staging") == 0;

    (void)address;
    cr_assert (i == 1 || strcmp (name, "store") == 0);
    if (++fake->words == fake->fail_at)
        return -EHOSTUNREACH;
    fake->row[i].is_there = state != AGENTS_GONE;
    fake->row[i].is_made = state == AGENTS_MADE;
    return 0;
}

static bool fake_provisioned (void *self, const char *name,
                              char ret_address[AGENTS_ADDRESS_MAX])
{
    struct fake *fake = self;

    ret_address[0] = '\0';
    return fake->row[strcmp (name, "staging") == 0].is_there;
}

static int fake_checkpoint (void *self, const void *resume, size_t size, const char *mark,
                            uint64_t done, uint64_t total, const struct items_mapping *mappings,
                            size_t count)
{
    struct fake *fake = self;

    (void)resume, (void)size, (void)mark, (void)done, (void)total, (void)mappings, (void)count;
    fake->checkpoints++;
    return 0;
}

static int fake_lookup (void *self, const char *const *sources, size_t count,
                        char **ret_targets)
{
    (void)self, (void)sources;
    memset (ret_targets, 0, count * sizeof *ret_targets);
    return 0;
}

static void fake_progress (void *self, uint64_t done, uint64_t total)
{
    (void)self, (void)done, (void)total;
}

static bool fake_should_stop (void *self)
{
    struct fake *fake = self;

    return fake->stop_at_checkpoint && fake->checkpoints >= fake->stop_at_checkpoint;
}

static int fake_stop_fd (void *self)
{
    (void)self;
    return -1;
}

static struct fake *fake_new (void)
{
    static struct fake fake;
    static char source[128], target[128];

    strcpy (source, in_root ("source"));
    strcpy (target, in_root ("target"));
    fake = (struct fake){
        .task = {.self = &fake,
                 .job = "job_1",
                 .source = source,
                 .target = target,
                 .payload = "{\"batch\": 5}",
                 .payload_size = 12,
                 .fence = 5,
                 .checkpoint = fake_checkpoint,
                 .lookup = fake_lookup,
                 .progress = fake_progress,
                 .should_stop = fake_should_stop,
                 .stop_fd = fake_stop_fd,
                 .provision = fake_provision,
                 .provisioned = fake_provisioned},
    };
    return &fake;
}

static enum items_end prepare (struct fake *fake)
{
    return items_prepare (&fake->task, said, sizeof said);
}

static enum items_end deprovision (struct fake *fake)
{
    return items_deprovision (&fake->task, said, sizeof said);
}

static void cr_assert_nothing_left (const struct fake *fake)
{
    cr_assert_not (fake->row[0].is_there || fake->row[1].is_there);
    cr_assert_not (is_there ("target") || is_there ("target-wal") ||
                   is_there ("target.job_1.staging") || is_there ("target.job_1.new"));
}

Test (provision, made_and_removed)
{
    struct fake *fake = fake_new ();

    cr_assert (prepare (fake) == ITEMS_DONE, "%s", said);
    cr_assert (fake->row[0].is_made && fake->row[1].is_made && fake->words == 4);
    cr_assert (is_there ("target") && is_there ("target.job_1.staging"));
    cr_assert (prepare (fake) == ITEMS_DONE, "again: %s", said);
    cr_assert (fake->row[0].is_made && fake->row[1].is_made);
    cr_assert (deprovision (fake) == ITEMS_DONE, "%s", said);
    cr_assert_nothing_left (fake);
    cr_assert (deprovision (fake) == ITEMS_DONE, "again: %s", said);
}

/* Whichever word to the yard is lost: the next attempt makes what is missing, and what is there
 * can be removed. */
Test (provision, half_made)
{
    for (unsigned goes_on = 0; goes_on < 2; goes_on++)
        for (unsigned i = 1; i <= 4; i++) {
            struct fake *fake = fake_new ();
            fake->fail_at = i;
            cr_assert (prepare (fake) == ITEMS_RETRY);
            fake->task.fence++;
            if (goes_on)
                cr_assert (prepare (fake) == ITEMS_DONE && fake->row[0].is_made &&
                               fake->row[1].is_made,
                           "%u: %s", i, said);
            cr_assert (deprovision (fake) == ITEMS_DONE, "%u: %s", i, said);
            cr_assert_nothing_left (fake);
        }
}

Test (provision, stopped_half_way_and_removed)
{
    struct fake *fake = fake_new ();

    fake->stop_at_checkpoint = 2;
    cr_assert (prepare (fake) == ITEMS_DONE);
    cr_assert (items_move (&fake->task, said, sizeof said) == ITEMS_STOPPED, "%s", said);
    fake->task.fence++;
    cr_assert (deprovision (fake) == ITEMS_DONE, "%s", said);
    cr_assert_nothing_left (fake);
}

/* Done: the store is the owner's, and only the staging file is removed. */
Test (provision, handed_over)
{
    struct fake *fake = fake_new ();

    cr_assert (prepare (fake) == ITEMS_DONE);
    cr_assert (items_move (&fake->task, said, sizeof said) == ITEMS_DONE, "%s", said);
    cr_assert_not (fake->row[0].is_there);
    cr_assert (fake->row[1].is_there && is_there ("target.job_1.staging"));
    fake->row[0].is_there = true; /* that it was handed over got lost */
    cr_assert (deprovision (fake) == ITEMS_DONE, "%s", said);
    cr_assert (is_there ("target") && !is_there ("target.job_1.staging"));
    cr_assert_not (fake->row[0].is_there || fake->row[1].is_there);
}

Test (provision, what_was_there_stays)
{
    struct fake *fake = fake_new ();

    run_sql ("CREATE TABLE mine (x)");
    cr_assert (prepare (fake) == ITEMS_DONE, "%s", said);
    cr_assert (!fake->row[0].is_there && fake->row[1].is_made);
    fake->row[0].is_there = true; /* whatever the list says */
    cr_assert (deprovision (fake) == ITEMS_DONE, "%s", said);
    cr_assert (is_there ("target") && !is_there ("target.job_1.staging"));
}

Test (provision, what_others_use_stays)
{
    struct fake *fake = fake_new ();

    cr_assert (prepare (fake) == ITEMS_DONE);
    fake->stop_at_checkpoint = 1;
    cr_assert (items_move (&fake->task, said, sizeof said) == ITEMS_STOPPED);
    run_sql ("INSERT INTO fence (job, number) VALUES ('job_2', 1)");
    cr_assert (deprovision (fake) == ITEMS_DONE, "%s", said);
    cr_assert (is_there ("target") && !fake->row[0].is_there);
}

/* A later attempt works there: an earlier one removes nothing. */
Test (provision, overtaken)
{
    struct fake *fake = fake_new ();

    fake->stop_at_checkpoint = 1;
    fake->task.fence = 7;
    cr_assert (prepare (fake) == ITEMS_DONE);
    cr_assert (items_move (&fake->task, said, sizeof said) == ITEMS_STOPPED);
    fake->task.fence = 6;
    cr_assert (deprovision (fake) == ITEMS_STOPPED, "%s", said);
    cr_assert (is_there ("target") && fake->row[0].is_there);
}

/* What is wrong with a job is for the move to say. */
Test (provision, refused)
{
    struct fake *fake = fake_new ();
    char nowhere[128];

    (void)snprintf (nowhere, sizeof nowhere, "%s/source/below", root);
    fake->task.target = "not a path";
    cr_assert (prepare (fake) == ITEMS_DONE && fake->words == 0);
    fake->task.target = nowhere;
    cr_assert (prepare (fake) == ITEMS_DONE && !fake->row[0].is_made, "%s", said);
    cr_assert (deprovision (fake) == ITEMS_DONE, "%s", said);
    cr_assert_not (fake->row[0].is_there || fake->row[1].is_there);
}

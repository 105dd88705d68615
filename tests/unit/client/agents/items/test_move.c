/* test_move.c - real files and stores, moved with interruptions at every point: each item
 * written once, mapped once. */
#include "client/agents/items/yard_items.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 57
#define BATCH 5

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

static void set_up (void)
{
    strcpy (root, "/tmp/ym-items-XXXXXX");
    cr_assert (mkdtemp (root));
}

static void tear_down (void)
{
    static const char *const names[] = {"source", "target", "target-wal", "target-shm"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink (in_root (names[i]));
    cr_assert (rmdir (root) == 0);
}

TestSuite (items, .init = set_up, .fini = tear_down, .timeout = 60);

static void write_source (const char *text, size_t size)
{
    FILE *file = fopen (in_root ("source"), "w");

    cr_assert (file);
    cr_assert (fwrite (text, 1, size, file) == size);
    cr_assert (fclose (file) == 0);
}

static void make_source (int from, int count)
{
    FILE *file = fopen (in_root ("source"), from ? "a" : "w");

    cr_assert (file);
    for (int i = from; i < from + count; i++)
        fprintf (file, "{\"id\": \"item/%d\", \"title\": \"t\", \"body\": \"%0*d\"}\n", i,
                 i % 50 + 1, i);
    cr_assert (fclose (file) == 0);
}

/* One number out of the target. */
static int64_t ask (const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *row;
    int64_t number;

    cr_assert (sqlite3_open_v2 (in_root ("target"), &db, SQLITE_OPEN_READWRITE, NULL) ==
               SQLITE_OK);
    cr_assert (sqlite3_prepare_v2 (db, sql, -1, &row, NULL) == SQLITE_OK, "%s",
               sqlite3_errmsg (db));
    number = sqlite3_step (row) == SQLITE_ROW ? sqlite3_column_int64 (row, 0) : -1;
    (void)sqlite3_finalize (row);
    (void)sqlite3_close (db);
    return number;
}

/* The control plane as one attempt after the other sees it. */
struct fake {
    struct items_task task;
    char resume[256];
    size_t resume_size;
    char source[200][ITEMS_ID_MAX + 1], target[200][24];
    size_t mapped;
    uint64_t done, total;
    uint64_t worked; /* lines of all batches that came to a checkpoint */
    unsigned checkpoints, looks;
    unsigned stop_at_look;       /* 0: never */
    int loss;                    /* what it is told then; 0: -ESTALE */
    unsigned lose_at_checkpoint; /* the attempt ends with this checkpoint not stored */
    unsigned stop_at_checkpoint; /* ... with it stored */
    const char *at_checkpoint;   /* SQL to run at the first */
    bool is_stopped;
};

static int find (const struct fake *fake, const char *source)
{
    for (size_t i = 0; i < fake->mapped; i++)
        if (strcmp (fake->source[i], source) == 0)
            return (int)i;
    return -1;
}

static int fake_checkpoint (void *self, const void *resume, size_t size, const char *mark,
                            uint64_t done, uint64_t total, const struct items_mapping *mappings,
                            size_t count)
{
    struct fake *fake = self;

    fake->checkpoints++;
    fake->worked += done - fake->done;
    cr_assert (done > fake->done && done <= total && size < sizeof fake->resume && *mark);
    cr_assert (count <= ITEMS_BATCH_MAX && fake->mapped + count <= 200);
    if (fake->at_checkpoint && fake->checkpoints == 1)
        (void)ask (fake->at_checkpoint);
    if (fake->checkpoints == fake->lose_at_checkpoint)
        return fake->loss ? fake->loss : -ESTALE;
    for (size_t i = 0; i < count; i++) {
        cr_assert (find (fake, mappings[i].source) < 0, "%s mapped twice", mappings[i].source);
        strcpy (fake->source[fake->mapped], mappings[i].source);
        strcpy (fake->target[fake->mapped++], mappings[i].target);
    }
    memcpy (fake->resume, resume, size);
    fake->resume_size = size;
    fake->done = done, fake->total = total;
    fake->is_stopped = fake->checkpoints == fake->stop_at_checkpoint;
    return 0;
}

static int fake_lookup (void *self, const char *const *sources, size_t count,
                        char **ret_targets)
{
    const struct fake *fake = self;

    for (size_t i = 0; i < count; i++) {
        int at = find (fake, sources[i]);
        ret_targets[i] = at < 0 ? NULL : strdup (fake->target[at]);
    }
    return 0;
}

static void fake_progress (void *self, uint64_t done, uint64_t total)
{
    (void)self;
    cr_assert (done <= total);
}

static bool fake_should_stop (void *self)
{
    struct fake *fake = self;

    fake->looks++;
    if (fake->stop_at_look && fake->looks >= fake->stop_at_look)
        fake->is_stopped = true;
    return fake->is_stopped;
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
        .task = {.job = "job_1",
                 .source = source,
                 .target = target,
                 .payload = "{\"batch\": 5}",
                 .payload_size = 12,
                 .checkpoint = fake_checkpoint,
                 .lookup = fake_lookup,
                 .progress = fake_progress,
                 .should_stop = fake_should_stop,
                 .stop_fd = fake_stop_fd},
    };
    return &fake;
}

static enum items_end attempt (struct fake *fake)
{
    fake->task.self = fake;
    fake->task.fence++;
    fake->task.resume = fake->resume, fake->task.resume_size = fake->resume_size;
    fake->checkpoints = fake->looks = 0;
    fake->is_stopped = false;
    return items_move (&fake->task, said, sizeof said);
}

/* Every line is at the target as it is, written once, mapped once to the id it has there. */
static void cr_assert_moved (const struct fake *fake, int items)
{
    char sql[400];

    cr_assert (ask ("SELECT count(*) FROM item") == items, "%s", said);
    cr_assert (ask ("SELECT count(*) FROM effect") == items);
    cr_assert (ask ("SELECT count(DISTINCT source_id) FROM effect") == items);
    cr_assert (ask ("SELECT count(*) FROM item WHERE json_extract(body, '$.id') = source_id"
                    " AND length(digest) = 32") == items);
    cr_assert (fake->mapped == (size_t)items, "%zu mapped", fake->mapped);
    for (size_t i = 0; i < fake->mapped; i++) {
        (void)snprintf (sql, sizeof sql, "SELECT target_id FROM item WHERE source_id = '%s'",
                        fake->source[i]);
        cr_assert (ask (sql) == atoll (fake->target[i]));
    }
}

Test (items, whole)
{
    struct fake *fake = fake_new ();

    make_source (0, ITEMS);
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert (strstr (said, "57 items of 57 lines (57 written"), "%s", said);
    cr_assert (fake->checkpoints == 12 && fake->done == ITEMS && fake->total == ITEMS);
    cr_assert (fake->worked == ITEMS);
    cr_assert_moved (fake, ITEMS);
    cr_assert (attempt (fake) == ITEMS_DONE && fake->checkpoints == 0, "again: %s", said);
    cr_assert_moved (fake, ITEMS);
}

/* Each checkpoint stored is where the next attempt begins: nothing is done twice. */
Test (items, stopped_after_each_checkpoint)
{
    struct fake *fake = fake_new ();
    int attempts = 0;

    make_source (0, ITEMS);
    fake->stop_at_checkpoint = 1;
    while (attempt (fake) == ITEMS_STOPPED)
        cr_assert (++attempts < 20);
    cr_assert (fake->worked == ITEMS && attempts == 12);
    cr_assert_moved (fake, ITEMS);
}

/* The batch is at the target, its checkpoint is lost: done again it writes nothing and maps
 * all. */
Test (items, each_checkpoint_lost_once)
{
    struct fake *fake = fake_new ();

    make_source (0, ITEMS);
    for (int i = 0; fake->done < ITEMS; i++) {
        uint64_t worked = fake->worked;
        cr_assert (i < 40);
        fake->lose_at_checkpoint = i % 2 ? 2 : 1;
        fake->stop_at_checkpoint = i % 2 ? 1 : 0;
        cr_assert (attempt (fake) == ITEMS_STOPPED, "%s", said);
        cr_assert (fake->worked - worked <= BATCH);
    }
    fake->lose_at_checkpoint = fake->stop_at_checkpoint = 0;
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert (fake->worked <= 2 * ITEMS);
    cr_assert_moved (fake, ITEMS);
}

Test (items, stopped_everywhere)
{
    struct fake *fake = fake_new ();
    unsigned at = 0;

    make_source (0, ITEMS);
    do {
        fake->stop_at_look = ++at;
        cr_assert (at < 200, "it does not come to an end");
    } while (attempt (fake) == ITEMS_STOPPED);
    cr_assert (at > 2 && fake->worked == ITEMS, "stopped at %u places", at);
    cr_assert_moved (fake, ITEMS);
}

/* Killed between a batch and its checkpoint, each time one batch later, with nothing
 * remembered. */
Test (items, killed)
{
    struct fake *fake = fake_new ();
    int status;

    make_source (0, ITEMS);
    for (unsigned at = 1; at <= 12; at++) {
        pid_t pid = fork ();
        if (pid == 0) {
            (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
            fake->lose_at_checkpoint = at;
            fake->task.fence = at;
            (void)attempt (fake);
            (void)raise (SIGKILL);
        }
        cr_assert (pid > 0 && waitpid (pid, &status, 0) == pid && WIFSIGNALED (status));
    }
    fake->task.fence = 100;
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert_moved (fake, ITEMS);
}

/* What the yard will never take is no reason to try for ever. */
Test (items, refused_checkpoints)
{
    struct fake *fake = fake_new ();

    make_source (0, ITEMS);
    fake->lose_at_checkpoint = 1;
    fake->loss = -EEXIST;
    cr_assert (attempt (fake) == ITEMS_STOPPED && strstr (said, "another checkpoint"), "%s",
               said);
    fake->loss = -EHOSTUNREACH;
    cr_assert (attempt (fake) == ITEMS_RETRY, "%s", said);
    fake->loss = -EINVAL;
    cr_assert (attempt (fake) == ITEMS_FAIL && strstr (said, "never"), "%s", said);
}

Test (items, fenced)
{
    struct fake *fake = fake_new ();

    make_source (0, ITEMS);
    fake->task.fence = 9;
    fake->stop_at_checkpoint = 1;
    cr_assert (attempt (fake) == ITEMS_STOPPED);
    fake->stop_at_checkpoint = 0;
    fake->task.fence = 4;
    cr_assert (attempt (fake) == ITEMS_STOPPED);
    cr_assert (strstr (said, "taken over"), "%s", said);
    cr_assert (ask ("SELECT count(*) FROM item") == BATCH);
    cr_assert (ask ("SELECT number FROM fence WHERE job = 'job_1'") == 10);
    fake->task.fence = 10;
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert_moved (fake, ITEMS);
}

/* The fence is raised under a running attempt: its next batch does not land. */
Test (items, fenced_while_running)
{
    struct fake *fake = fake_new ();

    make_source (0, ITEMS);
    fake->at_checkpoint = "UPDATE fence SET number = 5 RETURNING number";
    cr_assert (attempt (fake) == ITEMS_STOPPED);
    cr_assert (strstr (said, "taken over"), "%s", said);
    cr_assert (ask ("SELECT count(*) FROM item") == BATCH);
    fake->at_checkpoint = NULL;
    fake->task.fence = 5;
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert_moved (fake, ITEMS);
}

/* Two jobs, one store: what is there with the same content is mapped, not written again. */
Test (items, two_jobs_share_a_store)
{
    struct fake *fake = fake_new ();

    make_source (0, 20);
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    fake = fake_new ();
    fake->task.job = "job_2";
    make_source (0, ITEMS);
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert (strstr (said, "37 written"), "%s", said);
    cr_assert_moved (fake, ITEMS);
}

Test (items, source_grows_between)
{
    struct fake *fake = fake_new ();

    make_source (0, 30);
    fake->stop_at_checkpoint = 3;
    cr_assert (attempt (fake) == ITEMS_STOPPED);
    make_source (30, ITEMS - 30);
    fake->stop_at_checkpoint = 0;
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert (fake->worked == ITEMS);
    cr_assert_moved (fake, ITEMS);
}

/* An item changed after it was moved: to be refused, not to be passed over. */
Test (items, source_changes_between)
{
    struct fake *fake = fake_new ();
    FILE *file;

    make_source (0, ITEMS);
    fake->stop_at_checkpoint = 3;
    cr_assert (attempt (fake) == ITEMS_STOPPED);
    fake->stop_at_checkpoint = 0;
    fake->done = 0;
    file = fopen (in_root ("source"), "r+");
    cr_assert (file && fseek (file, 40, SEEK_SET) == 0 && fputc ('9', file) == '9');
    cr_assert (fclose (file) == 0);
    cr_assert (attempt (fake) == ITEMS_FAIL, "%s", said);
    cr_assert (strstr (said, "line 1: item 'item/0' is at the target with another content"),
               "%s", said);
}

Test (items, target_lost_between)
{
    struct fake *fake = fake_new ();

    make_source (0, ITEMS);
    fake->stop_at_checkpoint = 3;
    cr_assert (attempt (fake) == ITEMS_STOPPED);
    cr_assert (ask ("DELETE FROM item WHERE source_id = 'item/3' RETURNING 1") == 1);
    fake->stop_at_checkpoint = 0;
    cr_assert (attempt (fake) == ITEMS_FAIL, "%s", said);
    cr_assert (strstr (said, "56 of 57"), "%s", said);
}

/* The same line again is one item, within a batch and over batches. */
Test (items, repeats)
{
    struct fake *fake = fake_new ();

    make_source (0, 3);
    make_source (1, 2);
    make_source (3, 7);
    make_source (2, 1);
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert (strstr (said, "10 items of 13 lines"), "%s", said);
    cr_assert (fake->done == 13);
    cr_assert_moved (fake, 10);
}

struct input {
    const char *text, *says;
    size_t size; /* 0: as text */
    enum items_end end;
};

static const struct input inputs[] = {
    {"", "0 items of 0 lines", 0, ITEMS_DONE},
    {"{\"id\": \"a\"}", "1 items of 1 lines", 0, ITEMS_DONE},
    {"{\"id\": \"\\u00e9\\n'; DROP TABLE item; --\"}\n", "1 items", 0, ITEMS_DONE},
    {"{\"id\": \"a\"}\n\n", "line 2: not JSON", 0, ITEMS_FAIL},
    {"{\"id\": \"a\"}\n{\"id\": \"b\"\n", "line 2: not JSON", 0, ITEMS_FAIL},
    {"[\"id\"]\n", "line 1: not a JSON object", 0, ITEMS_FAIL},
    {"{\"id\": 7}\n", "line 1: no text member \"id\"", 0, ITEMS_FAIL},
    {"{\"title\": \"a\"}\n", "line 1: no text member \"id\"", 0, ITEMS_FAIL},
    {"{\"id\": \"\"}\n", "line 1: its id has not 1 to 128 octets", 0, ITEMS_FAIL},
    {"{\"id\": "
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}\n",
     "line 1: its id has not", 0, ITEMS_FAIL},
    {"{\"id\": \"a\\u0000b\"}\n", "line 1: its id has a character", 0, ITEMS_FAIL},
    {"{\"id\": \"a\xff\"}\n", "line 1: not UTF-8", 0, ITEMS_FAIL},
    {"{\"id\": \"a\xed\xa0\x80\"}\n", "line 1: not UTF-8", 0, ITEMS_FAIL},
    {"{\"id\": \"a\"}\0\n", "line 1: not UTF-8", 13, ITEMS_FAIL},
    {"{\"id\": \"a\"}\n{\"id\": \"a\", \"x\": 1}\n",
     "item 'a' is in line 1 with another content", 0, ITEMS_FAIL},
};

Test (items, inputs)
{
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        const struct input *in = &inputs[i];
        struct fake *fake = fake_new ();
        tear_down ();
        set_up ();
        fake = fake_new ();
        write_source (in->text, in->size ? in->size : strlen (in->text));
        cr_assert (attempt (fake) == in->end, "%zu: %s", i, said);
        cr_assert (strstr (said, in->says), "%zu: %s", i, said);
        cr_assert (in->end == ITEMS_DONE || ask ("SELECT count(*) FROM item") == 0);
    }
}

/* A malformed line fails with its number; what came before it stays moved and mapped. */
Test (items, malformed_later)
{
    struct fake *fake = fake_new ();
    FILE *file;

    make_source (0, 12);
    file = fopen (in_root ("source"), "a");
    cr_assert (file && fputs ("nonsense\n", file) >= 0 && fclose (file) == 0);
    cr_assert (attempt (fake) == ITEMS_FAIL);
    cr_assert (strstr (said, "line 13: not JSON"), "%s", said);
    cr_assert_moved (fake, 10);
}

Test (items, oversize_line)
{
    struct fake *fake = fake_new ();
    char *line = malloc (ITEMS_LINE_MAX + 1);
    FILE *file;

    cr_assert (line);
    memset (line, ' ', ITEMS_LINE_MAX + 1);
    memcpy (line, "{\"id\":\"a\"", 9);
    line[ITEMS_LINE_MAX - 1] = '}';
    line[ITEMS_LINE_MAX] = '\n';
    write_source (line, ITEMS_LINE_MAX + 1);
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    line[ITEMS_LINE_MAX] = ' ';
    file = fopen (in_root ("source"), "a");
    cr_assert (file && fwrite (line, 1, ITEMS_LINE_MAX + 1, file) == ITEMS_LINE_MAX + 1 &&
               fclose (file) == 0);
    free (line);
    cr_assert (attempt (fake) == ITEMS_FAIL);
    cr_assert (strstr (said, "line 2 has more than"), "%s", said);
}

struct refusal {
    const char *source, *target, *payload, *says;
};

static const struct refusal refusals[] = {
    {"none", "target", "", "No such file"},
    {"", "target", "", "is not a file"},
    {"https://example.org", "target", "", "neither an absolute path"},
    {"source", "relative:", "", "neither an absolute path"},
    {"source", "no/folder", "", "unable to open"},
    {"source", "source", "", "not a database"},
    {"source", "target", "{\"batches\": 1}", "'batches'"},
    {"source", "target", "{\"batch\": 0}", "batch must be"},
    {"source", "target", "{\"batch\": 1001}", "batch must be"},
    {"source", "target", "{\"batch\": 1.5}", "batch must be"},
    {"source", "target", "{\"pace_ms\": \"1\"}", "pace_ms must be"},
    {"source", "target", "[1]", "not a JSON object"},
    {"source", "target", "{\"batch\": 1", "not a JSON object"},
    {"source", "target", "\xff", "not UTF-8"},
};

Test (items, refused)
{
    make_source (0, 30);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        struct fake *fake = fake_new ();
        char source[128], target[128];
        (void)snprintf (source, sizeof source, "%s",
                        strchr (r->source, ':') ? r->source : in_root (r->source));
        (void)snprintf (target, sizeof target, "%s",
                        strchr (r->target, ':') ? r->target : in_root (r->target));
        fake->task.source = source, fake->task.target = target;
        fake->task.payload = r->payload, fake->task.payload_size = strlen (r->payload);
        cr_assert (attempt (fake) == ITEMS_FAIL, "%zu: %s", i, said);
        cr_assert (strstr (said, r->says), "%zu: %s", i, said);
        cr_assert (fake->checkpoints == 0);
    }
}

/* Another holds the store: not now, and not wrong either. */
Test (items, busy_target)
{
    struct fake *fake = fake_new ();
    sqlite3 *db;

    make_source (0, ITEMS);
    fake->stop_at_checkpoint = 1;
    cr_assert (attempt (fake) == ITEMS_STOPPED);
    fake->stop_at_checkpoint = 0;
    cr_assert (sqlite3_open (in_root ("target"), &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (attempt (fake) == ITEMS_RETRY, "%s", said);
    cr_assert (strstr (said, "locked"), "%s", said);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    cr_assert (attempt (fake) == ITEMS_DONE, "%s", said);
    cr_assert_moved (fake, ITEMS);
}

/* A pause ends when told to stop. */
Test (items, pace)
{
    static const char payload[] = "{\"batch\": 50, \"pace_ms\": 3600000}";
    struct fake *fake = fake_new ();

    make_source (0, ITEMS);
    fake->task.payload = payload, fake->task.payload_size = sizeof payload - 1;
    fake->stop_at_look = 3;
    cr_assert (attempt (fake) == ITEMS_STOPPED, "%s", said);
    cr_assert (fake->done == 50);
}

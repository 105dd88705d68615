/* target.c - the target store: an SQLite database with its items, fences and effects. */
#include "client/agents/items/provision.h"
#include "client/agents/items/target.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUSY_MS    5000 /* another attempt's batch is over long before */
#define LOOK_EVERY 1024 /* rows between two looks at should_stop */

enum { BEGIN, COMMIT, ROLLBACK, FENCE, INSERT, EFFECT, SELECT, NOTE, SUM, STATEMENTS };

struct items_target {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
};

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS item (target_id INTEGER PRIMARY KEY, source_id TEXT NOT NULL "
    "UNIQUE,"
    " digest BLOB NOT NULL, body TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS fence (job TEXT PRIMARY KEY, number INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS effect (job TEXT NOT NULL, fence INTEGER NOT NULL,"
    " source_id TEXT NOT NULL, at INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS staging.noted (source_id TEXT PRIMARY KEY) WITHOUT ROWID;";

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    /* No row changes when a higher number is there already. */
    [FENCE] = "INSERT INTO fence (job, number) VALUES (?1, ?2) ON CONFLICT (job) DO UPDATE"
              " SET number = excluded.number WHERE excluded.number >= number",
    [INSERT] = "INSERT INTO item (source_id, digest, body) VALUES (?1, ?2, ?3)"
               " ON CONFLICT (source_id) DO NOTHING",
    [EFFECT] = "INSERT INTO effect (job, fence, source_id, at) VALUES (?1, ?2, ?3, ?4)",
    [SELECT] = "SELECT target_id, digest FROM item WHERE source_id = ?1",
    [NOTE] = "INSERT INTO staging.noted (source_id) VALUES (?1) ON CONFLICT DO NOTHING",
    [SUM] = "SELECT i.body FROM staging.noted n JOIN item i ON i.source_id = n.source_id",
};

static enum items_end blame (struct items_work *work, const char *what)
{
    sqlite3 *db = work->target->db;
    int code = db ? sqlite3_errcode (db) & 0xff : SQLITE_NOMEM;
    bool may_pass = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL ||
                    code == SQLITE_IOERR || code == SQLITE_NOMEM || code == SQLITE_INTERRUPT;

    return items_say (work, may_pass ? ITEMS_RETRY : ITEMS_FAIL, "target: %s: %s", what,
                      db ? sqlite3_errmsg (db) : "out of memory");
}

void items_target_close (struct items_target *target)
{
    if (!target)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize (target->statement[i]);
    (void)sqlite3_close (target->db);
    free (target);
}

/* Two that open a new store at once: changing to WAL does not wait for the other by itself. */
static enum items_end set_wal (struct items_work *work)
{
    sqlite3 *db = work->target->db;
    enum items_end end = ITEMS_GO_ON;

    for (int i = 0; !end; i++) {
        if (sqlite3_exec (db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) == SQLITE_OK)
            return ITEMS_GO_ON;
        if ((sqlite3_errcode (db) & 0xff) != SQLITE_BUSY || i >= BUSY_MS / 50)
            return blame (work, "cannot be opened");
        end = items_pause (work, 50);
    }
    return end;
}

/* Without a file of the job's own, one that SQLite removes by itself. */
static bool attach_staging (struct items_work *work, sqlite3 *db)
{
    char path[ITEMS_STAGING_MAX], *text;
    bool is_done;

    text = sqlite3_mprintf ("ATTACH %Q AS staging; PRAGMA staging.synchronous = OFF;"
                            "PRAGMA staging.journal_mode = MEMORY",
                            items_staging_path (work, path) ? path : "");
    is_done = text && sqlite3_exec (db, text, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_free (text);
    return is_done;
}

static enum items_end prepare (struct items_work *work)
{
    struct items_target *target = work->target;

    if (sqlite3_exec (target->db, "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF",
                      NULL, NULL, NULL) != SQLITE_OK ||
        !attach_staging (work, target->db) ||
        sqlite3_exec (target->db, tables, NULL, NULL, NULL) != SQLITE_OK)
        return blame (work, "cannot be opened");
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3 (target->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &target->statement[i], NULL) != SQLITE_OK)
            return blame (work, "is not a store of items");
    return ITEMS_GO_ON;
}

enum items_end items_target_open (struct items_work *work)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    char path[PATH_MAX];
    enum items_end end;

    if (!agents_address_path (work->task->target, path))
        return items_say (work, ITEMS_FAIL,
                          "target: '%s' is neither an absolute path nor file://",
                          work->task->target);
    work->target = items_memory (1, sizeof *work->target);
    if (sqlite3_open_v2 (path, &work->target->db, flags, NULL) != SQLITE_OK)
        return blame (work, "cannot be opened");
    (void)sqlite3_busy_timeout (work->target->db, BUSY_MS);
    end = set_wal (work);
    return end ? end : prepare (work);
}

static sqlite3_stmt *bind_text (sqlite3_stmt *statement, int at, const char *text, size_t size)
{
    /* Fails only on a wrong position or for want of memory, and then step fails too. */
    (void)sqlite3_bind_text (statement, at, text, (int)size, SQLITE_STATIC);
    return statement;
}

static sqlite3_stmt *bind_digest (sqlite3_stmt *statement, int at, const unsigned char *digest)
{
    (void)sqlite3_bind_blob (statement, at, digest, ITEMS_DIGEST_SIZE, SQLITE_STATIC);
    return statement;
}

/* Runs a statement that gives no rows. */
static bool run (struct items_target *target, int which)
{
    sqlite3_stmt *statement = target->statement[which];
    int code = sqlite3_step (statement);

    (void)sqlite3_reset (statement);
    return code == SQLITE_DONE;
}

static enum items_end raise_fence (struct items_work *work)
{
    struct items_target *target = work->target;
    sqlite3_stmt *fence = target->statement[FENCE];

    bind_text (fence, 1, work->task->job, strlen (work->task->job));
    (void)sqlite3_bind_int64 (fence, 2, (int64_t)work->task->fence);
    if (!run (target, FENCE))
        return blame (work, "cannot be fenced");
    if (sqlite3_changes (target->db) == 0)
        return items_say (work, ITEMS_STOPPED, "a later attempt has taken over at the target");
    return ITEMS_GO_ON;
}

static enum items_end write_item (struct items_work *work, const struct items_batch *batch,
                                  const struct items_item *item, int64_t now_ms,
                                  uint64_t *written)
{
    struct items_target *target = work->target;
    sqlite3_stmt *insert = target->statement[INSERT], *effect = target->statement[EFFECT];

    bind_text (insert, 1, item->id, strlen (item->id));
    bind_digest (insert, 2, item->digest);
    bind_text (insert, 3, batch->text + item->at, item->size);
    if (!run (target, INSERT))
        return blame (work, "item cannot be written");
    if (sqlite3_changes (target->db) == 0)
        return ITEMS_GO_ON;
    bind_text (effect, 1, work->task->job, strlen (work->task->job));
    (void)sqlite3_bind_int64 (effect, 2, (int64_t)work->task->fence);
    bind_text (effect, 3, item->id, strlen (item->id));
    (void)sqlite3_bind_int64 (effect, 4, now_ms);
    if (!run (target, EFFECT))
        return blame (work, "item cannot be written");
    ++*written;
    return ITEMS_GO_ON;
}

static enum items_end check_row (struct items_work *work, struct items_item *item,
                                 sqlite3_stmt *row)
{
    const void *digest = sqlite3_column_blob (row, 1);

    item->target_id = sqlite3_column_int64 (row, 0);
    if (!digest || sqlite3_column_bytes (row, 1) != ITEMS_DIGEST_SIZE ||
        memcmp (digest, item->digest, ITEMS_DIGEST_SIZE) != 0)
        return items_say (work, ITEMS_FAIL,
                          "line %" PRIu64 ": item '%s' is at the target with another content",
                          item->line, item->id);
    if (item->mapped && item->mapped != item->target_id)
        return items_say (work, ITEMS_FAIL,
                          "line %" PRIu64 ": item '%s' is mapped to %" PRId64
                          ", the target has it as %" PRId64,
                          item->line, item->id, item->mapped, item->target_id);
    return ITEMS_GO_ON;
}

static enum items_end read_back (struct items_work *work, struct items_item *item)
{
    sqlite3_stmt *row =
        bind_text (work->target->statement[SELECT], 1, item->id, strlen (item->id));
    int code = sqlite3_step (row);
    enum items_end end;

    if (code == SQLITE_ROW)
        end = check_row (work, item, row);
    else if (code == SQLITE_DONE)
        end = items_say (work, ITEMS_FAIL,
                         "line %" PRIu64 ": item '%s' was moved, and the target lost it",
                         item->line, item->id);
    else
        end = blame (work, "item cannot be read");
    (void)sqlite3_reset (row);
    return end;
}

static enum items_end write_items (struct items_work *work, struct items_batch *batch,
                                   uint64_t *written)
{
    enum items_end end = raise_fence (work);
    struct timespec now;

    (void)clock_gettime (CLOCK_REALTIME, &now);
    for (size_t i = 0; i < batch->count && !end; i++) {
        struct items_item *item = &batch->item[i];
        if (item->is_repeat)
            continue;
        if (!item->mapped)
            end = write_item (work, batch, item,
                              (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, written);
        end = end ? end : read_back (work, item);
    }
    return end;
}

enum items_end items_target_write (struct items_work *work, struct items_batch *batch,
                                   uint64_t *ret_written)
{
    struct items_target *target = work->target;
    uint64_t written = 0;
    enum items_end end;

    if (!run (target, BEGIN))
        return blame (work, "cannot be written");
    end = write_items (work, batch, &written);
    if (!end && !run (target, COMMIT))
        end = blame (work, "cannot be written");
    if (end) {
        /* Some errors have rolled back already; then there is nothing to undo. */
        if (!sqlite3_get_autocommit (target->db))
            (void)run (target, ROLLBACK);
        return end;
    }
    *ret_written += written;
    return ITEMS_GO_ON;
}

enum items_end items_target_note_begin (struct items_work *work)
{
    /* Only the staging is written until the sum: nobody else waits for this. */
    if (sqlite3_exec (work->target->db, "DELETE FROM staging.noted; BEGIN", NULL, NULL, NULL) !=
        SQLITE_OK)
        return blame (work, "cannot be compared");
    return ITEMS_GO_ON;
}

enum items_end items_target_note (struct items_work *work, const char *id, bool *ret_is_new)
{
    (void)bind_text (work->target->statement[NOTE], 1, id, strlen (id));
    if (!run (work->target, NOTE))
        return blame (work, "cannot be compared");
    *ret_is_new = sqlite3_changes (work->target->db) > 0;
    return ITEMS_GO_ON;
}

enum items_end items_target_sum (struct items_work *work, struct items_sum *ret_sum)
{
    sqlite3_stmt *row = work->target->statement[SUM];
    unsigned char digest[ITEMS_DIGEST_SIZE];
    enum items_end end = ITEMS_GO_ON;
    int code = SQLITE_ROW;

    *ret_sum = (struct items_sum){0};
    while (!end && (code = sqlite3_step (row)) == SQLITE_ROW) {
        items_digest ((const char *)sqlite3_column_text (row, 0),
                      (size_t)sqlite3_column_bytes (row, 0), digest);
        items_sum_add (ret_sum, digest);
        if (ret_sum->count % LOOK_EVERY == 0)
            end = items_look (work);
    }
    if (!end && code != SQLITE_DONE)
        end = blame (work, "cannot be compared");
    (void)sqlite3_reset (row);
    if (!run (work->target, COMMIT) && !end)
        end = blame (work, "cannot be compared");
    return end;
}

/* provision.c - making the store and the staging file, handing the store over, removing both.
 *
 * Two things say that a job made the store: the list that the yard keeps, and the table
 * 'origin' in it, which is there from the moment the store is. Only what says this job there,
 * and holds nothing of other jobs, is removed, whatever the list says.
 */
#include "client/agents/items/provision.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE   "store" /* names in the yard's list */
#define STAGING "staging"
#define BUSY_MS 5000

static enum items_end say (struct items_work *work, const char *name, const char *address,
                           enum agents_provision state)
{
    const struct items_task *task = work->task;
    int r = task->provision ? task->provision (task->self, name, address, state) : 0;

    if (r == -ESTALE)
        return items_say (work, ITEMS_STOPPED, "the attempt is no longer this agent's");
    if (r < 0)
        return items_say (work, ITEMS_RETRY, "the yard did not note the %s: %s", name,
                          strerror (-r));
    return ITEMS_GO_ON;
}

static bool is_listed (const struct items_work *work, const char *name)
{
    char address[AGENTS_ADDRESS_MAX];
    const struct items_task *task = work->task;

    return task->provisioned && task->provisioned (task->self, name, address);
}

static bool is_there (const char *path)
{
    struct stat is;

    return lstat (path, &is) == 0;
}

static enum items_end blame (struct items_work *work, const char *path, int error)
{
    bool will_not = error == EACCES || error == ENOTDIR || error == EROFS || error == ELOOP;

    return items_say (work, will_not ? ITEMS_FAIL : ITEMS_RETRY, "target: %s: %s", path,
                      strerror (error));
}

/* --- the staging file --- */

static bool name_staging (const struct items_work *work, char ret_path[ITEMS_STAGING_MAX])
{
    char path[PATH_MAX];

    if (!agents_address_path (work->task->target, path) || strchr (work->task->job, '/'))
        return false;
    (void)snprintf (ret_path, ITEMS_STAGING_MAX, "%s.%.100s.staging", path, work->task->job);
    return true;
}

bool items_staging_path (const struct items_work *work, char ret_path[ITEMS_STAGING_MAX])
{
    return is_listed (work, STAGING) && name_staging (work, ret_path);
}

static enum items_end make_staging (struct items_work *work)
{
    char path[ITEMS_STAGING_MAX];
    enum items_end end;
    int fd;

    if (!name_staging (work, path))
        return ITEMS_GO_ON;
    end = is_listed (work, STAGING) ? ITEMS_GO_ON : say (work, STAGING, path, AGENTS_BEGUN);
    if (end)
        return end;
    fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return blame (work, path, errno);
    (void)close (fd);
    return say (work, STAGING, path, AGENTS_MADE);
}

static enum items_end remove_staging (struct items_work *work)
{
    char path[ITEMS_STAGING_MAX];

    if (!items_staging_path (work, path))
        return ITEMS_GO_ON;
    if (unlink (path) < 0 && errno != ENOENT)
        return blame (work, path, errno);
    return say (work, STAGING, NULL, AGENTS_GONE);
}

/* --- the store --- */

/* One number that a store tells, with the job as its parameter; -1: it tells none. */
static int64_t ask (const char *path, const char *sql, const char *job)
{
    sqlite3_stmt *row = NULL;
    int64_t number = -1;
    sqlite3 *db = NULL;

    if (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_busy_timeout (db, BUSY_MS) == SQLITE_OK &&
        sqlite3_prepare_v2 (db, sql, -1, &row, NULL) == SQLITE_OK &&
        sqlite3_bind_text (row, 1, job, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step (row) == SQLITE_ROW)
        number = sqlite3_column_int64 (row, 0);
    (void)sqlite3_finalize (row);
    (void)sqlite3_close (db);
    return number;
}

static bool is_made_by_job (const struct items_work *work, const char *path)
{
    return ask (path, "SELECT count(*) FROM origin WHERE job = ?1", work->task->job) > 0;
}

static bool write_origin (const char *path, const char *job)
{
    sqlite3 *db = NULL;
    char *sql = sqlite3_mprintf ("BEGIN; CREATE TABLE origin (job TEXT NOT NULL);"
                                 "INSERT INTO origin (job) VALUES (%Q); COMMIT",
                                 job);
    bool is_written = sql && sqlite3_open (path, &db) == SQLITE_OK &&
                      sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK;

    is_written = sqlite3_close (db) == SQLITE_OK && is_written;
    sqlite3_free (sql);
    return is_written;
}

/* Made aside and linked: it is there with its origin or not at all, and what somebody else puts
 * there at the same moment stays. */
static enum items_end put_store (struct items_work *work, const char *path)
{
    char aside[ITEMS_STAGING_MAX];
    int error = 0, fd;

    (void)snprintf (aside, sizeof aside, "%s.%.100s.new", path, work->task->job);
    (void)unlink (aside);
    fd = open (aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return blame (work, path, errno);
    (void)close (fd);
    if (!write_origin (aside, work->task->job))
        error = EIO;
    else if (link (aside, path) < 0 && errno != EEXIST)
        error = errno;
    (void)unlink (aside);
    return error ? blame (work, path, error) : ITEMS_GO_ON;
}

/* What an earlier attempt began: it is there with the job's origin, or it is not the job's. */
static enum items_end take_up (struct items_work *work, const char *path)
{
    return say (work, STORE, path, is_made_by_job (work, path) ? AGENTS_MADE : AGENTS_GONE);
}

static enum items_end make_store (struct items_work *work)
{
    char path[PATH_MAX];
    enum items_end end;

    if (!agents_address_path (work->task->target, path) || strchr (work->task->job, '/'))
        return ITEMS_GO_ON;
    if (is_there (path))
        return is_listed (work, STORE) ? take_up (work, path) : ITEMS_GO_ON;
    end = say (work, STORE, path, AGENTS_BEGUN);
    end = end ? end : put_store (work, path);
    return end ? end : take_up (work, path);
}

enum items_end items_hand_over (struct items_work *work)
{
    char path[PATH_MAX];
    enum items_end end;

    if (!agents_address_path (work->task->target, path))
        return ITEMS_DONE;
    /* First the origin: without it nobody removes the store, whatever is listed. */
    if (is_made_by_job (work, path))
        (void)ask (path, "DELETE FROM origin WHERE job = ?1", work->task->job);
    if (is_made_by_job (work, path))
        return items_say (work, ITEMS_RETRY, "target: %s cannot be handed over", path);
    end = is_listed (work, STORE) ? say (work, STORE, path, AGENTS_GONE) : ITEMS_GO_ON;
    return end ? end : ITEMS_DONE;
}

static bool is_overtaken (const struct items_work *work, const char *path)
{
    return ask (path, "SELECT number FROM fence WHERE job = ?1", work->task->job) >
           (int64_t)work->task->fence;
}

static enum items_end unlink_store (struct items_work *work, const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[PATH_MAX + 8];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        (void)snprintf (name, sizeof name, "%s%s", path, ends[i]);
        if (unlink (name) < 0 && errno != ENOENT)
            return blame (work, name, errno);
    }
    return ITEMS_GO_ON;
}

static enum items_end remove_store (struct items_work *work)
{
    char path[PATH_MAX];
    enum items_end end = ITEMS_GO_ON;

    if (!is_listed (work, STORE))
        return ITEMS_GO_ON;
    if (agents_address_path (work->task->target, path) && is_made_by_job (work, path)) {
        if (is_overtaken (work, path))
            return items_say (work, ITEMS_STOPPED,
                              "a later attempt has taken over at the target");
        /* Other jobs put their items there: it is theirs now. */
        if (ask (path, "SELECT count(*) FROM fence WHERE job <> ?1", work->task->job) > 0)
            (void)ask (path, "DELETE FROM origin WHERE job = ?1", work->task->job);
        else
            end = unlink_store (work, path);
    }
    return end ? end : say (work, STORE, NULL, AGENTS_GONE);
}

/* --- both --- */

static struct items_work begin (const struct items_task *task, char *sentence, size_t size)
{
    return (struct items_work){.task = task, .sentence = sentence, .sentence_size = size};
}

enum items_end items_prepare (const struct items_task *task, char *ret_sentence, size_t size)
{
    struct items_work work = begin (task, ret_sentence, size);
    enum items_end end = make_store (&work);

    end = end ? end : make_staging (&work);
    /* What is wrong with a job is the answer to its owner, and the move gives that. */
    if (end == ITEMS_GO_ON || end == ITEMS_FAIL)
        return items_say (&work, ITEMS_DONE, "prepared");
    return end;
}

enum items_end items_deprovision (const struct items_task *task, char *ret_sentence,
                                  size_t size)
{
    struct items_work work = begin (task, ret_sentence, size);
    enum items_end end = remove_staging (&work);

    end = end ? end : remove_store (&work);
    return end ? end : items_say (&work, ITEMS_DONE, "what was made is removed");
}

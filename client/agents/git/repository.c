/* repository.c - where a repository is, and making the target's.
 *
 * A target is made aside and renamed, so that one half made is never taken for a repository.
 * Only the path itself and its .git are looked at: a directory inside some other repository is
 * not one.
 */
#include "client/agents/git/process.h"
#include "client/agents/git/repository.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MAX (PATH_MAX + 160) /* a path, a job, a number */

/* The answers of rev-parse, one per line in the order asked. False: not of that shape. */
static bool read_answers (char *text, struct git_repository *ret)
{
    char *line[4];
    int n = 0;

    for (char *at = text; at && *at && n < 4; n++) {
        line[n] = at;
        at = strchr (at, '\n');
        if (at)
            *at++ = '\0';
    }
    if (n != 4 || strlen (line[3]) >= sizeof ret->dir || strlen (line[2]) >= sizeof ret->format)
        return false;
    ret->is_bare = strcmp (line[0], "true") == 0;
    ret->is_shallow = strcmp (line[1], "true") == 0;
    strcpy (ret->format, line[2]);
    strcpy (ret->dir, line[3]);
    return true;
}

static enum git_end probe (struct git_work *work, const char *dir, struct git_repository *ret,
                           bool *ret_found)
{
    _git_text_ struct git_text text = {0};
    struct git_call call = {
        .stage = {{dir,
                   {"rev-parse", "--is-bare-repository", "--is-shallow-repository",
                    "--show-object-format", "--absolute-git-dir"}}},
        .sink = git_sink_text,
        .to = &text,
    };
    enum git_end end = git_run (work, &call);

    *ret_found = !end && call.status[0] == 0 && read_answers (text.data, ret);
    if (!end && !*ret_found && access (dir, F_OK) < 0 && errno == EIO)
        return git_say (work, GIT_RETRY, "%s: %s", dir, strerror (EIO));
    return end;
}

enum git_end git_find (struct git_work *work, const char *path, struct git_repository *ret,
                       bool *ret_found)
{
    char inner[PATH_MAX + 8];
    enum git_end end = probe (work, path, ret, ret_found);

    if (end || *ret_found)
        return end;
    (void)snprintf (inner, sizeof inner, "%s/.git", path);
    return access (inner, F_OK) == 0 ? probe (work, inner, ret, ret_found) : GIT_GO_ON;
}

enum git_end git_open_source (struct git_work *work)
{
    const char *address = work->task->source;
    char path[PATH_MAX];
    enum git_end end;
    bool found;

    if (!agents_address_path (address, path))
        return git_say (work, GIT_FAIL, "source: '%s' is neither an absolute path nor file://",
                        address);
    end = git_find (work, path, &work->source, &found);
    if (end)
        return end;
    if (!found)
        return git_say (work, GIT_FAIL, "source: no git repository at %s", path);
    if (work->source.is_shallow)
        return git_say (work, GIT_FAIL, "source: %s is shallow, its history is not whole",
                        path);
    return GIT_GO_ON;
}

/* True if there is nothing, or an empty directory. */
static bool is_free (const char *path)
{
    DIR *dir = opendir (path);
    struct dirent *entry;
    bool is_empty = true;

    if (!dir)
        return errno == ENOENT;
    while (is_empty && (entry = readdir (dir)))
        is_empty = strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0;
    (void)closedir (dir);
    return is_empty;
}

static int remove_entry (const char *path, const struct stat *is, int type, struct FTW *at)
{
    (void)is, (void)type, (void)at;
    return remove (path) < 0 && errno != ENOENT ? -1 : 0;
}

void git_remove_tree (const char *path)
{
    /* What cannot be removed stays; it is in nobody's way. */
    (void)nftw (path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* "<target>.<job>.<fence>.new": no two attempts use the same. */
static void name_aside (const struct git_work *work, const char *path,
                        char ret_aside[ASIDE_MAX])
{
    (void)snprintf (ret_aside, ASIDE_MAX, "%s.%s.%" PRIu64 ".new", path, work->task->job,
                    work->task->fence);
}

static bool is_left_over (const struct git_work *work, const char *base, const char *name)
{
    const char *job = work->task->job;
    size_t base_size = strlen (base), job_size = strlen (job);
    uint64_t fence;
    int end = 0;

    if (strncmp (name, base, base_size) != 0 || name[base_size] != '.' ||
        strncmp (name + base_size + 1, job, job_size) != 0)
        return false;
    name += base_size + 1 + job_size;
    return sscanf (name, ".%" SCNu64 ".new%n", &fence, &end) == 1 && end > 0 && !name[end] &&
           fence <= work->task->fence;
}

/* Removes what earlier attempts left that were killed while they made the target. */
void git_remove_left_over (const struct git_work *work, const char *path)
{
    const char *base = strrchr (path, '/') + 1;
    char parent[PATH_MAX], left[PATH_MAX + 256];
    struct dirent *entry;
    DIR *dir;

    (void)snprintf (parent, sizeof parent, "%.*s", (int)(base - path), path);
    dir = opendir (parent);
    while (dir && (entry = readdir (dir))) {
        if (!is_left_over (work, base, entry->d_name))
            continue;
        (void)snprintf (left, sizeof left, "%s%s", parent, entry->d_name);
        git_remove_tree (left);
    }
    if (dir)
        (void)closedir (dir);
}

static bool put_mark (const struct git_work *work, const char *dir)
{
    char path[ASIDE_MAX + sizeof GIT_MADE_BY];
    FILE *file;
    bool is_put;

    (void)snprintf (path, sizeof path, "%s/" GIT_MADE_BY, dir);
    file = fopen (path, "we");
    if (!file)
        return false;
    is_put = fprintf (file, "%s\n", work->task->job) > 0;
    return fclose (file) == 0 && is_put;
}

bool git_is_made_by_job (const struct git_work *work, const char *path)
{
    char name[PATH_MAX + sizeof GIT_MADE_BY], job[160] = "";
    FILE *file;
    bool is_read;

    (void)snprintf (name, sizeof name, "%s/" GIT_MADE_BY, path);
    file = fopen (name, "re");
    if (!file)
        return false;
    is_read = fgets (job, sizeof job, file) != NULL;
    (void)fclose (file);
    job[strcspn (job, "\n")] = '\0';
    return is_read && strcmp (job, work->task->job) == 0;
}

/* Another attempt may have made it just now: the fence tells which of the two goes on. */
static enum git_end put_in_place (struct git_work *work, const char *aside, const char *path)
{
    int error = rename (aside, path) < 0 ? errno : 0;

    if (error)
        git_remove_tree (aside);
    if (error == 0 || error == ENOTEMPTY || error == EEXIST)
        return GIT_GO_ON;
    return git_say (work,
                    error == ENOSPC || error == EIO || error == ENOENT ? GIT_RETRY : GIT_FAIL,
                    "target: cannot make %s: %s", path, strerror (error));
}

enum git_end git_make (struct git_work *work, const char *path)
{
    char aside[ASIDE_MAX], format[40];
    struct git_call call = {
        .stage = {{NULL, {"init", "--quiet", "--bare", "--template=", format, "--", aside}}},
        .is_brief = true,
    };
    enum git_end end;

    git_remove_left_over (work, path);
    name_aside (work, path, aside);
    git_remove_tree (aside);
    (void)snprintf (format, sizeof format, "--object-format=%s", work->source.format);
    end = git_must (work, &call, "target cannot be made");
    if (!end && !put_mark (work, aside))
        end = git_say (work, GIT_RETRY, "target cannot be made: %s", strerror (errno));
    if (!end)
        return put_in_place (work, aside, path);
    git_remove_tree (aside);
    return end;
}

static bool is_same (const char *one, const char *other)
{
    struct stat a, b;

    return stat (one, &a) == 0 && stat (other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static enum git_end find_or_make (struct git_work *work, const char *path)
{
    enum git_end end;
    bool found;

    end = git_find (work, path, &work->target, &found);
    if (end || found)
        return end;
    if (!is_free (path))
        return git_say (work, GIT_FAIL, "target: %s is there and no git repository", path);
    end = git_make (work, path);
    end = end ? end : git_find (work, path, &work->target, &found);
    if (!end && !found)
        return git_say (work, GIT_RETRY, "target: %s is gone again", path);
    return end;
}

enum git_end git_open_target (struct git_work *work)
{
    const char *address = work->task->target;
    char path[PATH_MAX];
    enum git_end end;

    if (!agents_address_path (address, path))
        return git_say (work, GIT_FAIL, "target: '%s' is neither an absolute path nor file://",
                        address);
    end = find_or_make (work, path);
    if (end)
        return end;
    if (!work->target.is_bare)
        return git_say (work, GIT_FAIL, "target: %s is not bare", path);
    if (strcmp (work->source.format, work->target.format) != 0)
        return git_say (work, GIT_FAIL, "target: %s has %s objects, the source %s", path,
                        work->target.format, work->source.format);
    if (is_same (work->source.dir, work->target.dir))
        return git_say (work, GIT_FAIL, "target: %s is the source itself", path);
    return GIT_GO_ON;
}

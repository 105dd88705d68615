/* provision.c - making the target, handing it over, removing it.
 *
 * Two things say that a job made its target: the list that the yard keeps, and the mark in the
 * repository, which is there from the moment the repository is. Only what has the mark of this
 * job is removed, so nothing of anybody else's is, whatever the list says.
 */
#include "client/agents/git/provision.h"
#include "client/agents/git/refs.h"
#include "client/agents/git/repository.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPOSITORY "repository" /* its name in the yard's list */

static enum git_end say (struct git_work *work, const char *address,
                         enum agents_provision state)
{
    const struct git_task *task = work->task;
    int r = task->provision ? task->provision (task->self, REPOSITORY, address, state) : 0;

    if (r == -ESTALE)
        return git_say (work, GIT_STOPPED, "the attempt is no longer this agent's");
    if (r < 0)
        return git_say (work, GIT_RETRY, "the yard did not note the target: %s", strerror (-r));
    return GIT_GO_ON;
}

static bool is_listed (const struct git_work *work, char ret_address[AGENTS_ADDRESS_MAX])
{
    const struct git_task *task = work->task;

    ret_address[0] = '\0';
    return task->provisioned && task->provisioned (task->self, REPOSITORY, ret_address);
}

static bool is_there (const char *path)
{
    struct stat is;

    return lstat (path, &is) == 0;
}

/* --- where --- */

/* "/srv/a.git" and "/srv/a/.git" are both called a. */
static void name_of_source (const struct git_work *work, char ret_name[NAME_MAX + 1])
{
    char path[PATH_MAX];
    size_t size;

    ret_name[0] = '\0';
    if (!agents_address_path (work->task->source, path))
        return;
    size = strlen (path);
    if (size > 5 && strcmp (path + size - 5, "/.git") == 0)
        path[size - 5] = '\0';
    else if (size > 4 && strcmp (path + size - 4, ".git") == 0)
        path[size - 4] = '\0';
    (void)snprintf (ret_name, NAME_MAX + 1, "%.180s", strrchr (path, '/') + 1);
}

static bool is_directory_to_fill (struct git_work *work, const char *path,
                                  enum git_end *ret_end)
{
    size_t size = strlen (work->task->target);
    struct git_repository found;
    struct stat is;
    bool is_repository = false;

    *ret_end = GIT_GO_ON;
    if (work->task->target[size - 1] != '/' || stat (path, &is) < 0 || !S_ISDIR (is.st_mode))
        return false;
    *ret_end = git_find (work, path, &found, &is_repository);
    return !*ret_end && !is_repository;
}

/* The target is a directory, and the repository is made in it: under the source's name, unless
 * something has that name. */
static enum git_end choose_in (struct git_work *work, char path[PATH_MAX])
{
    char name[NAME_MAX + 1], address[AGENTS_ADDRESS_MAX], chosen[2 * PATH_MAX];
    int r;

    name_of_source (work, name);
    if (is_listed (work, address) && address[0])
        (void)snprintf (chosen, sizeof chosen, "%s", address);
    else
        (void)snprintf (chosen, sizeof chosen, "%s/%s.git", path, name);
    if (!address[0] && is_there (chosen))
        (void)snprintf (chosen, sizeof chosen, "%s/%s.%s.git", path, name, work->task->job);
    if (!name[0] || strlen (chosen) >= PATH_MAX)
        return git_say (work, GIT_FAIL, "target: no name for a repository in %s", path);
    memcpy (path, chosen, strlen (chosen) + 1);
    r = work->task->moved (work->task->self, path);
    /* It was told before, in this very attempt. */
    if (r < 0 && r != -EEXIST)
        return git_say (work, GIT_FAIL, "target: the yard does not take %s as its address",
                        path);
    return GIT_GO_ON;
}

static enum git_end choose (struct git_work *work, char ret_path[PATH_MAX])
{
    enum git_end end;

    if (!agents_address_path (work->task->target, ret_path))
        return git_say (work, GIT_FAIL, "target: '%s' is no path", work->task->target);
    if (!work->task->moved || !is_directory_to_fill (work, ret_path, &end))
        return work->task->moved ? end : GIT_GO_ON;
    return choose_in (work, ret_path);
}

/* --- making --- */

/* What an earlier attempt began: it is there with the job's mark, or it is not the job's. */
static enum git_end take_up (struct git_work *work, const char *path)
{
    return say (work, path, git_is_made_by_job (work, path) ? AGENTS_MADE : AGENTS_GONE);
}

static enum git_end provision (struct git_work *work)
{
    char path[PATH_MAX], address[AGENTS_ADDRESS_MAX];
    enum git_end end = choose (work, path);

    if (end)
        return end;
    if (is_there (path))
        return is_listed (work, address) ? take_up (work, path) : GIT_GO_ON;
    end = say (work, path, AGENTS_BEGUN);
    end = end ? end : git_make (work, path);
    return end ? end : take_up (work, path);
}

enum git_end git_prepare (const struct git_task *task, char *ret_sentence, size_t size)
{
    struct git_work work;
    enum git_end end = git_begin (&work, task, ret_sentence, size);

    end = end ? end : git_open_source (&work);
    end = end ? end : provision (&work);
    /* What is wrong with a job is the answer to its owner, and the move gives that. */
    if (end == GIT_GO_ON || end == GIT_FAIL)
        return git_say (&work, GIT_DONE, "prepared");
    return end;
}

enum git_end git_hand_over (struct git_work *work)
{
    char path[PATH_MAX], mark[PATH_MAX + sizeof GIT_MADE_BY], address[AGENTS_ADDRESS_MAX];

    if (!agents_address_path (work->task->target, path))
        return GIT_GO_ON;
    (void)snprintf (mark, sizeof mark, "%s/" GIT_MADE_BY, path);
    /* First the mark: without it nobody removes the repository, whatever is listed. */
    if (git_is_made_by_job (work, path) && unlink (mark) < 0)
        return git_say (work, GIT_RETRY, "target: %s: %s", mark, strerror (errno));
    return is_listed (work, address) ? say (work, path, AGENTS_GONE) : GIT_GO_ON;
}

/* --- removing --- */

/* A later attempt that works at the target has the higher number there. */
static enum git_end fence (struct git_work *work, const char *path)
{
    bool found;
    enum git_end end = git_find (work, path, &work->target, &found);

    return end || !found ? end : git_fence_claim (work);
}

/* Out of the way in one step, so that half a repository is never found at its place. */
static enum git_end remove_made (struct git_work *work, const char *path)
{
    char aside[PATH_MAX + 160];

    (void)snprintf (aside, sizeof aside, "%s.%s.0.new", path, work->task->job);
    git_remove_tree (aside);
    if (rename (path, aside) < 0 && errno != ENOENT)
        return git_say (work, GIT_RETRY, "target: %s cannot be removed: %s", path,
                        strerror (errno));
    git_remove_tree (aside);
    if (is_there (aside))
        return git_say (work, GIT_RETRY, "target: %s cannot be removed", aside);
    return GIT_GO_ON;
}

static enum git_end deprovision (struct git_work *work)
{
    char path[PATH_MAX], address[AGENTS_ADDRESS_MAX];
    enum git_end end = GIT_GO_ON;

    if (!is_listed (work, address))
        return GIT_GO_ON;
    if (!agents_address_path (address[0] ? address : work->task->target, path))
        return say (work, NULL, AGENTS_GONE);
    if (git_is_made_by_job (work, path)) {
        end = fence (work, path);
        /* One that cannot be read can still be removed. */
        end = end == GIT_STOPPED || end == GIT_RETRY ? end : remove_made (work, path);
    }
    if (end)
        return end;
    git_remove_left_over (work, path);
    return say (work, NULL, AGENTS_GONE);
}

enum git_end git_deprovision (const struct git_task *task, char *ret_sentence, size_t size)
{
    struct git_work work;
    enum git_end end = git_begin (&work, task, ret_sentence, size);

    /* The settings may be wrong: what was made is removed all the same. */
    end = deprovision (&work);
    return end ? end : git_say (&work, GIT_DONE, "what was made is removed");
}

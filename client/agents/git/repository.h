/* repository.h - where a repository is, and making the target's. */
#ifndef YARD_GIT_REPOSITORY_H
#define YARD_GIT_REPOSITORY_H
#include "client/agents/git/work.h"

/* Finds the source: it must be a whole (not shallow) repository. */
enum git_end git_open_source (struct git_work *work);

/* Finds the target, or makes it if there is nothing: it must be bare, of the source's object
 * format, and another repository than the source. */
enum git_end git_open_target (struct git_work *work);

/* Finds a repository at 'path' itself, or in its .git. */
enum git_end git_find (struct git_work *work, const char *path, struct git_repository *ret,
                       bool *ret_found);

/* Makes the target at 'path', where nothing is, with the job's mark in it. */
enum git_end git_make (struct git_work *work, const char *path);

/* The mark of whoever made a target, until it is handed over to its owner. */
#define GIT_MADE_BY "yardmaster-made-by"
bool git_is_made_by_job (const struct git_work *work, const char *path);

/* What earlier attempts left beside 'path' while they made or removed it. */
void git_remove_left_over (const struct git_work *work, const char *path);
void git_remove_tree (const char *path);

#endif

/* repository.h - where a repository is, and making the target's. */
#ifndef YARD_GIT_REPOSITORY_H
#define YARD_GIT_REPOSITORY_H
#include "client/agents/git/work.h"

/* Finds the source: it must be a whole (not shallow) repository. */
enum git_end git_open_source (struct git_work *work);

/* Finds the target, or makes it if there is nothing: it must be bare, of the source's object
 * format, and another repository than the source. */
enum git_end git_open_target (struct git_work *work);

/* An absolute path of a path or file:// address. False: it is neither. */
bool git_address_path (const char *address, char ret_path[PATH_MAX]);

#endif

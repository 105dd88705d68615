/* refs.h - names at the source and the target, and every change of the target's.
 *
 * Each change is one transaction of git that succeeds only while the fence ref holds this
 * attempt's number. So a later attempt, which raises it first, is never disturbed by an earlier
 * one.
 */
#ifndef YARD_GIT_REFS_H
#define YARD_GIT_REFS_H
#include "client/agents/git/text.h"
#include "client/agents/git/work.h"

#define GIT_HEAD_MAX 1024

/* Writes this attempt's number into the target's fence ref. GIT_STOPPED if a higher one is
 * there. */
enum git_end git_fence_claim (struct git_work *work);

/* Removes the fence ref, if it is still ours. */
enum git_end git_fence_drop (struct git_work *work);

/* Carries out lines for update-ref --stdin, all or none. No lines: nothing to do. */
enum git_end git_refs_change (struct git_work *work, const struct git_text *lines);

/* Lines "<object id> <name> <symbolic target or nothing>", by name. */
enum git_end git_refs_read (struct git_work *work, const char *dir, struct git_text *ret_refs);

/* The ref HEAD stands for, or the object id of a detached one; empty if there is neither. */
enum git_end git_head_read (struct git_work *work, const char *dir,
                            char ret_head[GIT_HEAD_MAX]);

/* Makes the target's refs and HEAD equal to these of the source; what the objects of 'refs'
 * need is there already. Refs under the prefix of this job stay. */
enum git_end git_refs_mirror (struct git_work *work, const struct git_text *refs,
                              const char *head);

/* Removes the refs under this job's prefix, the fence with them. */
enum git_end git_refs_clean (struct git_work *work);

#endif

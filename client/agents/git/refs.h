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

/* GIT_STOPPED if the fence is no longer ours; the next moment it may not be. */
enum git_end git_fence_check (struct git_work *work);

/* Carries out lines for update-ref --stdin, all or none. No lines: nothing to do. */
enum git_end git_refs_change (struct git_work *work, const struct git_text *lines);

/* Movers' own refs, at the source too: they are nothing of what a repository holds. */
#define GIT_OWN_REFS "refs/yardmaster/"

/* Lines "<object id> <name> <symbolic target or nothing>", by name, without GIT_OWN_REFS. */
enum git_end git_refs_read (struct git_work *work, const char *dir, struct git_text *ret_refs);

/* The ref HEAD stands for, or the object id of a detached one; empty if there is neither. */
enum git_end git_head_read (struct git_work *work, const char *dir,
                            char ret_head[GIT_HEAD_MAX]);

/* Makes the target's refs and HEAD equal to these of the source; what the objects of 'refs'
 * need is there already. GIT_OWN_REFS stay. */
enum git_end git_refs_mirror (struct git_work *work, const struct git_text *refs,
                              const char *head);

/* Removes the refs under this job's prefix but the fence: it stays, so that an earlier attempt
 * that comes late is refused for ever. */
enum git_end git_refs_clean (struct git_work *work);

#endif

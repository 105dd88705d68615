/* yard_git.h - moves a git repository with all its refs, in ranges that can be taken up again.
 *
 * The mover sees its attempt only through struct git_task, so it runs the same under the agent
 * SDK and under a test. It blocks; it looks at should_stop between and during calls of git.
 *
 * After each acknowledged checkpoint every commit before the position is at the target and held
 * there by refs under refs/yardmaster/<job>/. A later attempt raises the fencing number kept in
 * the same place; from then on no transaction of an earlier attempt can succeed.
 */
#ifndef YARD_GIT_H
#define YARD_GIT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/agents/common/provision.h"

enum git_end {
    GIT_GO_ON, /* a step is done, the next may begin; never how a move ends */
    GIT_DONE,
    GIT_RETRY,   /* another attempt may succeed */
    GIT_FAIL,    /* it will not */
    GIT_STOPPED, /* told to stop, or a later attempt has taken over */
};

struct git_task {
    void *self;                  /* first argument of the functions */
    const char *job;             /* letters, digits, '_' and '-' */
    const char *source, *target; /* absolute paths or file:// addresses */
    const void *payload;
    size_t payload_size; /* JSON: {"range": commits, "pace_ms": ms} */
    const void *resume;
    size_t resume_size; /* of the last checkpoint; size 0: the beginning */
    uint64_t fence;

    /* 0 when durable, -ESTALE when the attempt is no longer ours, -EEXIST when the yard has
     * another checkpoint in its place, -EINVAL when it will never take it, else another
     * negative errno: later it may. */
    int (*checkpoint) (void *self, const void *resume, size_t size, const char *mark,
                       uint64_t done, uint64_t total);
    void (*progress) (void *self, uint64_t done, uint64_t total);
    bool (*should_stop) (void *self);
    bool (*should_pause) (void *self); /* stop after the next checkpoint; may be NULL */
    int (*stop_fd) (void *self);       /* readable when one of them is true; -1: none */

    /* What the job made; all three NULL: nobody asks. As checkpoint; 'moved' says where the
     * target is from now on. */
    int (*provision) (void *self, const char *name, const char *address,
                      enum agents_provision state);
    bool (*provisioned) (void *self, const char *name, char ret_address[AGENTS_ADDRESS_MAX]);
    int (*moved) (void *self, const char *target);
};

/* 'ret_sentence' tells the job's owner how it ended and why. */
enum git_end git_move (const struct git_task *task, char *ret_sentence, size_t size);

/* Makes the target if there is nothing, as the resource "repository". A target that ends with a
 * slash and is a directory is where it is made. What is wrong with the job is left to git_move
 * to say. GIT_DONE, GIT_RETRY or GIT_STOPPED. */
enum git_end git_prepare (const struct git_task *task, char *ret_sentence, size_t size);

/* Removes the target if this job made it and it was not handed over. GIT_DONE, GIT_RETRY or
 * GIT_STOPPED. */
enum git_end git_deprovision (const struct git_task *task, char *ret_sentence, size_t size);

#endif

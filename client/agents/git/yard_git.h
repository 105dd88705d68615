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
    int (*stop_fd) (void *self); /* readable when should_stop is true; -1: none */
};

/* 'ret_sentence' tells the job's owner how it ended and why. */
enum git_end git_move (const struct git_task *task, char *ret_sentence, size_t size);

#endif

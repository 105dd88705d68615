/* process.h - runs git, alone or as the two ends of a pipe.
 *
 * No shell; an environment of our own making; only the repositories given; no hooks, no
 * transports, no replaced objects; what git writes is durable when it ends. Each child is ended
 * by its pid when the attempt is told to stop.
 */
#ifndef YARD_GIT_PROCESS_H
#define YARD_GIT_PROCESS_H
#include "client/agents/git/text.h"
#include "client/agents/git/work.h"

#define GIT_ARGS_MAX 12

struct git_stage {
    const char *dir;                /* git directory; NULL: none */
    const char *args[GIT_ARGS_MAX]; /* after "git"; ends with NULL */
};

/* Takes what the last stage prints; false: enough, it is too much. */
typedef bool (*git_sink_f) (void *to, const char *data, size_t size);

struct git_call {
    struct git_stage stage[2]; /* the second only if it has arguments */
    const char *feed;          /* standard input of the first */
    size_t feed_size;
    git_sink_f sink; /* NULL: thrown away */
    void *to;

    /* It writes what others wait for, and is soon done: when told to stop it is first left
     * alone, for a lock of a git that is ended at a bad moment stays. */
    bool is_brief;

    int status[2];    /* as from waitpid */
    char reason[256]; /* what git said of it */
    bool may_pass;    /* it failed, and another time it may not */
};

/* Runs to the end whatever the exit status: GIT_GO_ON. GIT_STOPPED if it was not begun or was
 * cut short, GIT_RETRY or GIT_FAIL if it could not run. */
enum git_end git_run (struct git_work *work, struct git_call *call);

/* The same, and every stage must succeed: otherwise says 'what' and git's reason. */
enum git_end git_must (struct git_work *work, struct git_call *call, const char *what);

/* Says 'what' and the reason of a call that ran and failed; GIT_RETRY if it may pass. */
enum git_end git_blame (struct git_work *work, const struct git_call *call, const char *what);

bool git_sink_text (void *to, const char *data, size_t size); /* to: struct git_text */

#endif

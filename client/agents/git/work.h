/* work.h - what the steps of one move share. */
#ifndef YARD_GIT_WORK_H
#define YARD_GIT_WORK_H
#include <limits.h>

#include "client/agents/common/text.h"
#include "client/agents/git/yard_git.h"

#define GIT_OID_MAX 64 /* SHA-256 in hexadecimal */

struct git_settings {
    uint32_t range;   /* commits between checkpoints */
    uint32_t pace_ms; /* pause after each range */
};

struct git_repository {
    char dir[PATH_MAX]; /* the git directory, absolute */
    char format[16];    /* sha1, sha256 */
    bool is_bare, is_shallow;
};

struct git_work {
    const struct git_task *task;
    struct git_settings settings;
    struct git_repository source, target;
    char prefix[160];                 /* refs/yardmaster/<job>/ */
    char fence_blob[GIT_OID_MAX + 1]; /* what the fence ref points at while it is ours */
    bool is_in_range; /* stopping now would lose what is done since the last checkpoint */
    char *sentence;
    size_t sentence_size;
};

/* Remembers why, for the owner, as one line of clean text; returns 'end'. */
enum git_end git_say (struct git_work *work, enum git_end end, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* A pause waits for the end of a range, a stop does not. */
bool git_should_stop (const struct git_work *work);

/* Waits so long, or until told to stop. */
enum git_end git_pause (struct git_work *work, uint32_t wait_ms);

/* What every step needs of the task: its name, its settings. */
enum git_end git_begin (struct git_work *work, const struct git_task *task, char *sentence,
                        size_t size);

/* A flat JSON object of whole numbers. Anything else is refused with a sentence. */
enum git_end git_settings_read (struct git_work *work);

#endif

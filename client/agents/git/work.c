/* work.c - saying why, looking for the stop, pausing. */
#include "client/agents/git/work.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum git_end git_say (struct git_work *work, enum git_end end, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    (void)vsnprintf (work->sentence, work->sentence_size, format, args);
    va_end (args);
    agents_text_tidy (work->sentence);
    return end;
}

bool git_should_stop (const struct git_work *work)
{
    const struct git_task *task = work->task;

    if (task->should_stop (task->self))
        return true;
    return !work->is_in_range && task->should_pause && task->should_pause (task->self);
}

enum git_end git_pause (struct git_work *work, uint32_t wait_ms)
{
    struct pollfd stop = {.fd = work->task->stop_fd (work->task->self), .events = POLLIN};
    int64_t until = agents_clock_ms () + wait_ms, left;

    while (!git_should_stop (work)) {
        left = until - agents_clock_ms ();
        if (left <= 0)
            return GIT_GO_ON;
        /* In slices, for a task that has no descriptor to wait for. */
        (void)poll (&stop, 1, left < 200 ? (int)left : 200);
    }
    return git_say (work, GIT_STOPPED, "stopped");
}

static bool is_job_name (const char *job)
{
    size_t size =
        strspn (job, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return size > 0 && size < 100 && job[size] == '\0' && job[0] != '-';
}

enum git_end git_begin (struct git_work *work, const struct git_task *task, char *sentence,
                        size_t size)
{
    *work = (struct git_work){.task = task, .sentence = sentence, .sentence_size = size};
    if (!is_job_name (task->job))
        return git_say (work, GIT_FAIL, "job '%s' cannot be part of a ref's name", task->job);
    (void)snprintf (work->prefix, sizeof work->prefix, "refs/yardmaster/%s/", task->job);
    return git_settings_read (work);
}

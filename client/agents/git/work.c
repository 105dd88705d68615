/* work.c - saying why, looking for the stop, pausing. */
#include "client/agents/git/work.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum git_end git_say (struct git_work *work, enum git_end end, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    (void)vsnprintf (work->sentence, work->sentence_size, format, args);
    va_end (args);
    return end;
}

bool git_should_stop (const struct git_work *work)
{
    return work->task->should_stop (work->task->self);
}

int64_t git_clock_ms (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum git_end git_pause (struct git_work *work, uint32_t wait_ms)
{
    struct pollfd stop = {.fd = work->task->stop_fd (work->task->self), .events = POLLIN};
    int64_t until = git_clock_ms () + wait_ms, left;

    while (!git_should_stop (work)) {
        left = until - git_clock_ms ();
        if (left <= 0)
            return GIT_GO_ON;
        /* In slices, for a task that has no descriptor to wait for. */
        (void)poll (&stop, 1, left < 200 ? (int)left : 200);
    }
    return git_say (work, GIT_STOPPED, "stopped");
}

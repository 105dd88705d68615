/* work.c - saying why, looking for the stop, pausing. */
#include "client/agents/git/work.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* How many octets the character at 'at' takes; 0: it is not well-formed UTF-8. */
static size_t character (const unsigned char *at, size_t left)
{
    size_t size = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

    if (size == 0 || size > left || *at > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than needed, a surrogate, beyond the last character. */
    if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
        (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

static bool is_clean_text (const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;

    for (size_t n; size > 0; at += n, size -= n) {
        n = character (at, size);
        if (n == 0 || *at == 0)
            return false;
    }
    return true;
}

/* Addresses and the words of others may hold anything; what is said is one line of text. */
static void tidy (char *text)
{
    bool is_text = is_clean_text (text, strlen (text));

    for (unsigned char *at = (unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 0x7f || (*at >= 0x80 && !is_text))
            *at = '?';
}

enum git_end git_say (struct git_work *work, enum git_end end, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    (void)vsnprintf (work->sentence, work->sentence_size, format, args);
    va_end (args);
    tidy (work->sentence);
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

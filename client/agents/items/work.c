/* work.c - saying why, looking for the stop, pausing, digests. */
#include "client/agents/common/text.h"
#include "client/agents/items/work.h"

#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum items_end items_say (struct items_work *work, enum items_end end, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    (void)vsnprintf (work->sentence, work->sentence_size, format, args);
    va_end (args);
    agents_text_tidy (work->sentence);
    return end;
}

enum items_end items_look (struct items_work *work)
{
    if (!work->task->should_stop (work->task->self))
        return ITEMS_GO_ON;
    return items_say (work, ITEMS_STOPPED, "stopped");
}

enum items_end items_pause (struct items_work *work, uint32_t wait_ms)
{
    struct pollfd stop = {.fd = work->task->stop_fd (work->task->self), .events = POLLIN};
    int64_t until = agents_clock_ms () + wait_ms, left;

    while (!items_look (work)) {
        left = until - agents_clock_ms ();
        if (left <= 0)
            return ITEMS_GO_ON;
        /* In slices, for a task that has no descriptor to wait for. */
        (void)poll (&stop, 1, left < 200 ? (int)left : 200);
    }
    return ITEMS_STOPPED;
}

void *items_memory (size_t count, size_t size)
{
    void *memory = calloc (count ? count : 1, size);

    if (!memory) {
        (void)fputs ("items-move: out of memory\n", stderr);
        abort ();
    }
    return memory;
}

void items_digest (const char *line, size_t size, unsigned char ret[ITEMS_DIGEST_SIZE])
{
    (void)crypto_generichash (ret, ITEMS_DIGEST_SIZE, (const unsigned char *)line, size, NULL,
                              0);
}

/* Addition modulo 2^256: every order gives the same, and unlike with exclusive or two equal
 * lines do not cancel out. */
void items_sum_add (struct items_sum *sum, const unsigned char digest[ITEMS_DIGEST_SIZE])
{
    sodium_add (sum->octets, digest, ITEMS_DIGEST_SIZE);
    sum->count++;
}

bool items_sum_is_equal (const struct items_sum *a, const struct items_sum *b)
{
    return a->count == b->count && memcmp (a->octets, b->octets, ITEMS_DIGEST_SIZE) == 0;
}

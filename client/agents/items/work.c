/* work.c - saying why, looking for the stop, pausing, addresses and digests. */
#include "client/agents/items/work.h"

#include <ctype.h>
#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

bool items_text_is_clean (const char *text, size_t size)
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
    bool is_text = items_text_is_clean (text, strlen (text));

    for (unsigned char *at = (unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 0x7f || (*at >= 0x80 && !is_text))
            *at = '?';
}

enum items_end items_say (struct items_work *work, enum items_end end, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    (void)vsnprintf (work->sentence, work->sentence_size, format, args);
    va_end (args);
    tidy (work->sentence);
    return end;
}

enum items_end items_look (struct items_work *work)
{
    if (!work->task->should_stop (work->task->self))
        return ITEMS_GO_ON;
    return items_say (work, ITEMS_STOPPED, "stopped");
}

static int64_t clock_ms (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum items_end items_pause (struct items_work *work, uint32_t wait_ms)
{
    struct pollfd stop = {.fd = work->task->stop_fd (work->task->self), .events = POLLIN};
    int64_t until = clock_ms () + wait_ms, left;

    while (!items_look (work)) {
        left = until - clock_ms ();
        if (left <= 0)
            return ITEMS_GO_ON;
        /* In slices, for a task that has no descriptor to wait for. */
        (void)poll (&stop, 1, left < 200 ? (int)left : 200);
    }
    return ITEMS_STOPPED;
}

static int hex (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower ((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool items_address_path (const char *address, char ret_path[PATH_MAX])
{
    bool is_url = strncmp (address, "file://", 7) == 0;
    size_t size = 0;

    if (is_url)
        address += strncmp (address + 7, "localhost/", 10) == 0 ? 16 : 7;
    if (*address != '/')
        return false;
    for (; *address; address++) {
        int c = (unsigned char)*address;
        if (is_url && c == '%') {
            if (hex (address[1]) < 0 || hex (address[2]) < 0)
                return false;
            c = hex (address[1]) * 16 + hex (address[2]);
            address += 2;
        }
        if (c == 0 || size + 1 >= PATH_MAX)
            return false;
        ret_path[size++] = (char)c;
    }
    ret_path[size] = '\0';
    return true;
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

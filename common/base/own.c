/* own.c - memory that is there or the process is not.
 *
 * Everything asked for is bounded by a number in schema/, so being refused memory means that
 * the machine is out of it: nothing we could answer would be true.
 */
#include "common/base/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/panic.h"

static size_t product (size_t count, size_t size)
{
    size_t all;

    if (__builtin_mul_overflow (count, size, &all))
        ym_panic ("%zu times %zu octets is more than there are", count, size);
    return all;
}

static void *sure (void *memory, size_t size)
{
    if (!memory)
        ym_panic ("out of memory: %zu octets", size);
    return memory;
}

/* Nothing is still something to own: a NULL would look like a failure. */
static size_t at_least_one (size_t size)
{
    return size > 0 ? size : 1;
}

void *ym_new (size_t size)
{
    return sure (calloc (1, at_least_one (size)), size);
}

void *ym_new_array (size_t count, size_t size)
{
    return ym_new (product (count, size));
}

void *ym_grow_array (void *old, size_t count, size_t size)
{
    size_t all = product (count, size);

    return sure (realloc (old, at_least_one (all)), all);
}

char *ym_copy_text (const char *text)
{
    size_t size = strlen (text) + 1;

    return memcpy (ym_new (size), text, size);
}

void ym_free_at (void *pointer_to_pointer)
{
    free (*(void **)pointer_to_pointer);
}

void ym_close_at (const int *fd)
{
    int kept = errno;

    if (*fd >= 0)
        (void)close (*fd);
    errno = kept;
}

void ym_fclose_at (void *pointer_to_file)
{
    FILE *file = *(FILE **)pointer_to_file;
    int kept = errno;

    if (file)
        (void)fclose (file);
    errno = kept;
}

/* text.c - octets that grow, up to a limit. */
#include "client/agents/git/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must (void *memory)
{
    if (!memory) {
        (void)fputs ("git-move: out of memory\n", stderr);
        abort ();
    }
    return memory;
}

void *git_memory (size_t count, size_t size)
{
    return must (calloc (count ? count : 1, size));
}

void git_text_done (struct git_text *text)
{
    free (text->data);
    *text = (struct git_text){0};
}

bool git_text_add (struct git_text *text, const char *data, size_t size)
{
    size_t need = text->size + size + 1, room = text->room ? text->room : 256;

    if (size > GIT_TEXT_LIMIT || need > GIT_TEXT_LIMIT)
        return false;
    while (room < need)
        room *= 2;
    if (room > text->room)
        text->data = must (realloc (text->data, room));
    text->room = room;
    if (size)
        memcpy (text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
    return true;
}

bool git_text_print (struct git_text *text, const char *format, ...)
{
    char line[1024];
    va_list args;
    int size;

    va_start (args, format);
    size = vsnprintf (line, sizeof line, format, args);
    va_end (args);
    return size >= 0 && (size_t)size < sizeof line && git_text_add (text, line, (size_t)size);
}

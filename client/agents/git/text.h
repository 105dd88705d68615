/* text.h - octets that grow, up to a limit. Out of memory ends the process. */
#ifndef YARD_GIT_TEXT_H
#define YARD_GIT_TEXT_H
#include <stdbool.h>
#include <stddef.h>

#define GIT_TEXT_LIMIT ((size_t)1 << 30) /* a list of some ten million commits */

struct git_text {
    char *data; /* ends with '\0' once something was added */
    size_t size, room;
};

void git_text_done (struct git_text *text);
bool git_text_add (struct git_text *text, const char *data, size_t size); /* false: the limit */
bool git_text_print (struct git_text *text, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* malloc and calloc that never return NULL. */
void *git_memory (size_t count, size_t size);

#define _git_text_ __attribute__ ((cleanup (git_text_done)))

#endif

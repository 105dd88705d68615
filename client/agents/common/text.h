/* text.h - text that is clean, and addresses that are paths. */
#ifndef YARD_AGENTS_TEXT_H
#define YARD_AGENTS_TEXT_H
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed UTF-8 without NUL. */
bool agents_text_is_clean (const char *text, size_t size);

/* Makes one line of clean text of it, in place. */
void agents_text_tidy (char *text);

/* An absolute path of a path or file:// address, without slashes at its end. False: it is
 * neither. */
bool agents_address_path (const char *address, char ret_path[PATH_MAX]);

int64_t agents_clock_ms (void);

#endif

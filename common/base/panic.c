/* panic.c - the end of a process that broke its own promise.
 *
 * Takes no memory and no lock, so that it also works when memory is what is missing.
 */
#include "common/base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

/* The folder and the name tell files apart; the rest is where somebody built us. */
static const char *short_path (const char *file)
{
    const char *slash = strrchr (file, '/');

    while (slash && slash > file && slash[-1] != '/')
        slash--;
    return slash ? slash : file;
}

void ym_panic_at (const char *file, int line, const char *format, ...)
{
    struct ym_log_field fields[] = {
        ym_log_text ("file", short_path (file)),
        ym_log_number ("line", line),
        {.key = "why"},
    };
    va_list args;

    va_start (args, format);
    (void)vsnprintf (fields[2].value, sizeof fields[2].value, format, args);
    va_end (args);
    ym_log_event (YM_LOG_ERROR, "broken", fields, sizeof fields / sizeof fields[0]);
    abort ();
}

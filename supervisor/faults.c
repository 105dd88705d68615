/* faults.c - collects and prints what is wrong with a file.
 *
 * Text from the file is made printable: it must not steer the terminal it is shown on.
 */
#include "supervisor/faults.h"

#include <stdarg.h>
#include <stdbool.h>

#include "common/base/text.h"

static void make_printable (char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void faults_add (struct faults *faults, const char *file, unsigned line, unsigned column,
                 const char *format, ...)
{
    if (faults->count++ >= FAULTS_MAX)
        return;

    struct fault *fault = &faults->list[faults->count - 1];
    (void)ym_text_copy (fault->file, sizeof fault->file, file);
    fault->line = line;
    fault->column = column;
    va_list arguments;
    va_start (arguments, format);
    (void)vsnprintf (fault->text, sizeof fault->text, format, arguments);
    va_end (arguments);
    make_printable (fault->text);
}

static bool is_before (const struct fault *a, const struct fault *b)
{
    /* 0, no place, becomes the highest. */
    return a->line - 1 < b->line - 1;
}

void faults_sort (struct faults *faults, unsigned first)
{
    unsigned end = faults->count < FAULTS_MAX ? faults->count : FAULTS_MAX;
    for (unsigned i = first + 1; i < end; i++)
        for (unsigned k = i; k > first && is_before (&faults->list[k], &faults->list[k - 1]);
             k--) {
            struct fault swap = faults->list[k];
            faults->list[k] = faults->list[k - 1];
            faults->list[k - 1] = swap;
        }
}

void fault_print (char to[FAULT_LINE_MAX + 1], const struct fault *fault)
{
    if (fault->line)
        (void)ym_text_format (to, FAULT_LINE_MAX + 1, "%s:%u:%u: %s", fault->file, fault->line,
                              fault->column, fault->text);
    else
        (void)ym_text_format (to, FAULT_LINE_MAX + 1, "%s: %s", fault->file, fault->text);
}

void faults_print (const struct faults *faults, FILE *to)
{
    for (unsigned i = 0; i < faults->count && i < FAULTS_MAX; i++) {
        char line[FAULT_LINE_MAX + 1];
        fault_print (line, &faults->list[i]);
        (void)fprintf (to, "%s\n", line);
    }
    if (faults->count > FAULTS_MAX)
        (void)fprintf (to, "... and %u more\n", faults->count - FAULTS_MAX);
}

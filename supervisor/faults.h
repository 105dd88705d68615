/* faults.h - what is wrong with a file, each with its place, as one sentence for an operator.
 */
#ifndef YM_SUPERVISOR_FAULTS_H
#define YM_SUPERVISOR_FAULTS_H
#include <stdio.h>

enum { FAULTS_MAX = 64, FAULT_TEXT_MAX = 400, FAULT_FILE_MAX = 511 };

struct fault {
    char file[FAULT_FILE_MAX + 1];
    unsigned line, column; /* from 1; 0 if the fault has no place in the file */
    char text[FAULT_TEXT_MAX + 1];
};

/* Holds the first FAULTS_MAX; more are only counted. */
struct faults {
    unsigned count;
    struct fault list[FAULTS_MAX];
};

void faults_add (struct faults *faults, const char *file, unsigned line, unsigned column,
                 const char *format, ...) __attribute__ ((format (printf, 5, 6)));
/* Puts those from number 'first' on in the order of their lines; those without a place come
 * last. */
void faults_sort (struct faults *faults, unsigned first);
/* "FILE:LINE:COLUMN: sentence", or "FILE: sentence" without a place. */
enum { FAULT_LINE_MAX = FAULT_FILE_MAX + FAULT_TEXT_MAX + 32 };
void fault_print (char to[FAULT_LINE_MAX + 1], const struct fault *fault);
void faults_print (const struct faults *faults, FILE *to);
#endif

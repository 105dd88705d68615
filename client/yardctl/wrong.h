/* wrong.h - how yardctl says that something is wrong: a sentence and its faults, or problem
 * details (RFC 9457) with -o json. */
#ifndef YARDCTL_WRONG_H
#define YARDCTL_WRONG_H
#include "client/yardctl/ctl.h"

struct ctl_fault {
    char *path, *code, *text; /* path: where, as people find it */
};

enum { CTL_FAULTS_MAX = 16 };
struct ctl_faults {
    size_t count; /* may be more than are kept */
    struct ctl_fault at[CTL_FAULTS_MAX];
};
/* 'text' is taken over. */
void ctl_fault_add (struct ctl_faults *faults, const char *path, const char *code,
                    char *take_text);
void ctl_faults_done (struct ctl_faults *faults);
#define _faults_ __attribute__ ((cleanup (ctl_faults_done)))

/* Says an error of the library and frees it; 'about' (may be NULL) is what it is about. Returns
 * the status to end with. */
int ctl_wrong_err (const struct ctl *c, const char *about, yard_err_t *take_err);
/* As ctl_wrong_err. 'key' (may be NULL) is what makes a repetition safe; it is said if it is
 * open whether the yard did what was asked. */
int ctl_wrong_open (const struct ctl *c, const char *about, const char *key,
                    yard_err_t *take_err);
/* Says one of our own; returns 'exit'. */
int ctl_wrong (const struct ctl *c, int exit, const char *slug, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));
int ctl_wrong_faults (const struct ctl *c, int exit, const char *slug, const char *text,
                      const struct ctl_faults *faults);
/* A line for people on a terminal; nothing with --quiet or in other forms. */
void ctl_hint (const struct ctl *c, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
#endif

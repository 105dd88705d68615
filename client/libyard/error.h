/* error.h - errors as values, made here and freed by the caller. */
#ifndef YARD_ERROR_H
#define YARD_ERROR_H
#include "client/libyard/yard.h"
#include "common/wire/wire.h"

/* Statuses a command ends with, as the manual lists them. */
enum {
    EXIT_FENCED = 4,
    EXIT_DENIED = 6,
    EXIT_DOCUMENT = 65,
    EXIT_UNREACHABLE = 69,
    EXIT_INTERNAL = 70,
    EXIT_OPTIONS = 78,
    EXIT_TIMEOUT = 124,
};

yard_err_t *error_new (yard_rc rc, int exit, const char *slug, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));
yard_err_t *error_refused (const struct ym_refused *r);
void error_add_faults (yard_err_t *err, const struct ym_fault *faults, uint32_t count);

/* Gives 'err' to the caller, or frees it if nobody wants it. Returns its rc. */
yard_rc error_give (yard_err_t *err, yard_err_t **reterr);

yard_err_t *error_options (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
#endif

/* error.c - errors as values: what went wrong, in a word, a sentence and a status.
 *
 * A refusal of the yard keeps its slug, text and faults. Its general meaning follows from the
 * exit status its row has, so that a refusal added later needs no line here.
 */
#include "client/libyard/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/refusal.h"

struct yard_err {
    yard_rc rc;
    int exit, retry_after_ms;
    char slug[33], text[512];
    size_t count;
    yard_fault faults[YM_FAULTS_MAX];
    struct ym_fault texts[YM_FAULTS_MAX]; /* what the faults point into */
};

static const struct {
    int exit;
    yard_rc rc;
} meanings[] = {
    {4, YARD_ECONFLICT}, {5, YARD_ENOTFOUND}, {6, YARD_EDENIED},
    {65, YARD_EINVALID}, {75, YARD_EBUSY},    {69, YARD_EUNREACHABLE},
};

static yard_rc meaning (int exit)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].exit == exit)
            return meanings[i].rc;
    return YARD_EINTERNAL;
}

static yard_err_t *error_make (yard_rc rc, int exit, const char *slug)
{
    yard_err_t *err = ym_new (sizeof *err);

    err->rc = rc;
    err->exit = exit;
    (void)ym_text_copy (err->slug, sizeof err->slug, slug);
    return err;
}

yard_err_t *error_new (yard_rc rc, int exit, const char *slug, const char *format, ...)
{
    yard_err_t *err = error_make (rc, exit, slug);
    va_list args;

    va_start (args, format);
    (void)vsnprintf (err->text, sizeof err->text, format, args);
    va_end (args);
    return err;
}

yard_err_t *error_options (const char *format, ...)
{
    yard_err_t *err = error_make (YARD_EINVALID, EXIT_OPTIONS, "options");
    va_list args;

    va_start (args, format);
    (void)vsnprintf (err->text, sizeof err->text, format, args);
    va_end (args);
    return err;
}

void error_add_faults (yard_err_t *err, const struct ym_fault *faults, uint32_t count)
{
    for (uint32_t i = 0; i < count && err->count < YM_FAULTS_MAX; i++) {
        struct ym_fault *text = &err->texts[err->count];

        *text = faults[i];
        err->faults[err->count++] = (yard_fault){text->path, text->code, text->text};
    }
}

/* A yard of a later version may know refusals that we do not. */
static int exit_of (const struct ym_refused *r, enum ym_refusal known)
{
    if (known < YM_REFUSALS)
        return ym_refusal_exit (known);
    return r->retryable ? 75 : EXIT_INTERNAL;
}

yard_err_t *error_refused (const struct ym_refused *r)
{
    enum ym_refusal known = ym_refusal_find (r->code);
    int exit = exit_of (r, known);
    yard_rc rc = known == YM_REFUSAL_STALE_LEASE ? YARD_EFENCED : meaning (exit);
    yard_err_t *err = error_make (rc, exit, r->code);

    (void)ym_text_copy_str (err->text, sizeof err->text, r->text);
    err->retry_after_ms = (int)r->retry_after_ms;
    error_add_faults (err, r->faults.at, r->faults.count);
    return err;
}

yard_rc error_give (yard_err_t *err, yard_err_t **reterr)
{
    yard_rc rc = err->rc;

    if (reterr)
        *reterr = err;
    else
        yard_err_free (err);
    return rc;
}

const char *yard_err_slug (const yard_err_t *err)
{
    return err->slug;
}

const char *yard_err_text (const yard_err_t *err)
{
    return err->text;
}

yard_rc yard_err_rc (const yard_err_t *err)
{
    return err->rc;
}

int yard_err_retry_after_ms (const yard_err_t *err)
{
    return err->retry_after_ms;
}

int yard_err_exit (const yard_err_t *err)
{
    return err->exit;
}

size_t yard_err_fault_count (const yard_err_t *err)
{
    return err->count;
}

const yard_fault *yard_err_fault (const yard_err_t *err, size_t which)
{
    return which < err->count ? &err->faults[which] : NULL;
}

void yard_err_free (yard_err_t *err)
{
    free (err);
}

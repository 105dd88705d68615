/* refusal.c - the rows of schema/refusals.def. */
#include "common/base/refusal.h"

#include <string.h>

#include "common/base/panic.h"

static const struct {
    const char *slug, *text;
    bool is_retryable;
    int exit;
} rows[] = {
#define REFUSAL(symbol, slug, retryable, exit, text) {slug, text, retryable, exit},
#include "schema/refusals.def"
#undef REFUSAL
};

const char *ym_refusal_slug (enum ym_refusal r)
{
    ym_assert ((unsigned)r < YM_REFUSALS);
    return rows[r].slug;
}

const char *ym_refusal_text (enum ym_refusal r)
{
    ym_assert ((unsigned)r < YM_REFUSALS);
    return rows[r].text;
}

bool ym_refusal_is_retryable (enum ym_refusal r)
{
    ym_assert ((unsigned)r < YM_REFUSALS);
    return rows[r].is_retryable;
}

int ym_refusal_exit (enum ym_refusal r)
{
    ym_assert ((unsigned)r < YM_REFUSALS);
    return rows[r].exit;
}

enum ym_refusal ym_refusal_find (const char *slug)
{
    unsigned r = 0;

    while (r < YM_REFUSALS && strcmp (rows[r].slug, slug) != 0)
        r++;
    return (enum ym_refusal)r;
}

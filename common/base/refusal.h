/* refusal.h - every typed "no", expanded from schema/refusals.def. */
#ifndef YM_BASE_REFUSAL_H
#define YM_BASE_REFUSAL_H
#include <stdbool.h>

enum ym_refusal {
#define REFUSAL(symbol, slug, retryable, exit, text) YM_REFUSAL_##symbol,
#include "schema/refusals.def"
#undef REFUSAL
    YM_REFUSALS
};

const char *ym_refusal_slug (enum ym_refusal r);
const char *ym_refusal_text (enum ym_refusal r);
bool ym_refusal_is_retryable (enum ym_refusal r);
int ym_refusal_exit (enum ym_refusal r);
/* YM_REFUSALS if there is no such slug. */
enum ym_refusal ym_refusal_find (const char *slug);
#endif

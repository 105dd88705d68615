/* words.h - the words of schema/ that a command line may say. */
#ifndef YARDCTL_WORDS_H
#define YARDCTL_WORDS_H
#include "client/yardctl/ctl.h"

/* Tiers, the one served first in front. */
extern const char *const ctl_tiers[];
extern const size_t ctl_tier_count;
/* The state of a job as the yard calls it: "awaiting-x" and "AWAITING_X" are the same. NULL: it
 * was said on stderr that there is none. */
const char *ctl_state_word (const struct ctl *c, const char *text);
/* A job that ended in this state did what was asked. */
bool ctl_is_good_end (const char *state);
/* The event of a history that comes so often that it hides the others. */
bool ctl_is_checkpoint (const char *why);
#endif

/* words.c - the words of schema/ that a command line may say. */
#include "client/yardctl/words.h"

#include <string.h>

#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"
#include "common/base/enums.h"

const char *const ctl_tiers[] = {"platinum", "premium", "standard"};
const size_t ctl_tier_count = sizeof ctl_tiers / sizeof *ctl_tiers;
_Static_assert(YM_COUNT_tier == sizeof ctl_tiers / sizeof *ctl_tiers, "every tier is here");

#define STATE(symbol, number, rest, doc) #symbol,
#define EVENT(symbol, number)
#define MOVE(from, on, to, why)
#define NOTE(symbol, number, why)
#define FORMER(name, symbol)
static const char *const states[] = {
#include "schema/states/job.def"
};
enum { STATES = sizeof states / sizeof *states };

const char *ctl_state_word (const struct ctl *c, const char *text)
{
    _free_ char *word = ctl_copy (text);
    const char *like;

    for (char *at = word; *at; at++)
        *at = *at == '-' ? '_' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    for (size_t i = 0; i < STATES; i++)
        if (strcmp (word, states[i]) == 0)
            return states[i];
    like = ctl_nearest (word, states, STATES);
    (void)ctl_wrong (c, CTL_USAGE, "usage", "a job has no state '%s'%s%s%s", text,
                     like ? "; did you mean " : "", like ? like : "", like ? "?" : "");
    return NULL;
}

#undef STATE
#undef EVENT
#undef MOVE
#undef NOTE
#define STATE(symbol, number, rest, doc)
#define EVENT(symbol, number)
#define MOVE(from, on, to, why)
#define NOTE(symbol, number, why)                                                              \
    static const char why_##symbol[] __attribute__ ((unused)) = why;
#include "schema/states/job.def"

bool ctl_is_checkpoint (const char *why)
{
    return strcmp (why, why_CHECKPOINTED) == 0;
}

bool ctl_is_good_end (const char *state)
{
    return strcmp (state, "COMPLETED") == 0;
}

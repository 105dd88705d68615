/* enums.h - short closed lists, expanded from schema/enums.def. */
#ifndef YM_BASE_ENUMS_H
#define YM_BASE_ENUMS_H

#define ENUM_BEGIN(name)                                                                       \
    enum ym_##name                                                                             \
    {
#define VALUE(name, symbol, word, doc) YM_##symbol,
#define ENUM_END(name)                                                                         \
    YM_COUNT_##name                                                                            \
    }                                                                                          \
    ;
#include "schema/enums.def"
#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END

struct ym_enum {
    const char *name;
    unsigned count;
    const char *const *words;
    const char *const *docs;
};
enum {
    YM_ENUM_TIER,
    YM_ENUM_ROLE,
    YM_ENUM_WANTED,
    YM_ENUM_SUSPENDER,
    YM_ENUM_HOLD,
    YM_ENUM_CONDITION,
    YM_ENUM_JOB_VERB,
    YM_ENUM_GATE_VERB,
    YM_ENUM_AGENT_VERB,
    YM_ENUM_SCOPE,
    YM_ENUM_SIGNAL,
    YM_ENUM_RESOURCE_STATE,
    YM_ENUM_PROBLEM,
    YM_ENUM_FEED_PART,
    YM_ENUM_BLOCKER,
    YM_ENUMS
};
extern const struct ym_enum ym_enums[YM_ENUMS];

/* The word, or "?" for a number outside the list. */
const char *ym_enum_word (unsigned which, unsigned value);
/* The value, or -1. 'size' octets at 'word', not necessarily terminated. */
int ym_enum_find (unsigned which, const char *word, unsigned size);
#endif

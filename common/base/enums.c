/* enums.c - the rows of schema/enums.def. */
#include "common/base/enums.h"

#include <string.h>

#include "common/base/panic.h"

#define ENUM_BEGIN(name)               static const char *const name##_words[] = {
#define VALUE(name, symbol, word, doc) word,
#define ENUM_END(name)                                                                         \
    }                                                                                          \
    ;
#include "schema/enums.def"
#undef ENUM_BEGIN
#undef VALUE

#define ENUM_BEGIN(name)               static const char *const name##_docs[] = {
#define VALUE(name, symbol, word, doc) doc,
#include "schema/enums.def"
#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END

/* Places are those of enum YM_ENUM_*, which a test compares by name. */
#define ENUM_BEGIN(name) {#name, YM_COUNT_##name, name##_words, name##_docs},
#define VALUE(name, symbol, word, doc)
#define ENUM_END(name)
const struct ym_enum ym_enums[YM_ENUMS] = {
#include "schema/enums.def"
};
#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END

const char *ym_enum_word (unsigned which, unsigned value)
{
    ym_assert (which < YM_ENUMS);
    return value < ym_enums[which].count ? ym_enums[which].words[value] : "?";
}

int ym_enum_find (unsigned which, const char *word, unsigned size)
{
    ym_assert (which < YM_ENUMS);
    for (unsigned i = 0; i < ym_enums[which].count; i++) {
        const char *known = ym_enums[which].words[i];

        if (strlen (known) == size && memcmp (known, word, size) == 0)
            return (int)i;
    }
    return -1;
}

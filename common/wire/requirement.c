/* requirement.c - the canonical text of what a job needs. */
#include "common/wire/requirement.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/panic.h"

static int by_text (const void *a, const void *b)
{
    return strcmp (a, b);
}

void ym_words_settle (struct ym_words *w)
{
    uint32_t kept = 0;

    qsort (w->word, w->count, sizeof w->word[0], by_text);
    for (uint32_t i = 0; i < w->count; i++)
        if (kept == 0 || strcmp (w->word[kept - 1], w->word[i]) != 0)
            memmove (w->word[kept++], w->word[i], sizeof w->word[0]);
    w->count = kept;
}

bool ym_words_has (const struct ym_words *w, const char *word)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (strcmp (w->word[i], word) == 0)
            return true;
    return false;
}

bool ym_words_add (struct ym_words *w, struct ym_str word)
{
    if (w->count >= YM_WORDS_MAX || word.size == 0 || word.size > YM_WORD_MAX)
        return false;
    memset (w->word[w->count], 0, sizeof w->word[0]);
    memcpy (w->word[w->count++], word.at, word.size);
    return true;
}

static char *print_words (char *to, const struct ym_words *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (i > 0)
            *to++ = ',';
        to = stpcpy (to, w->word[i]);
    }
    return to;
}

uint64_t ym_requirement_print (struct ym_requirement *r,
                               char ret_text[YM_REQUIREMENT_TEXT_MAX + 1])
{
    unsigned char hash[crypto_generichash_BYTES];
    uint64_t number;
    char *end = stpcpy (ret_text, r->pool);

    ym_words_settle (&r->regions);
    ym_words_settle (&r->capabilities);
    *end++ = '|';
    end = print_words (end, &r->regions);
    *end++ = '|';
    end = print_words (end, &r->capabilities);
    *end = '\0';
    ym_assert (end - ret_text <= YM_REQUIREMENT_TEXT_MAX);
    ym_assert (crypto_generichash (hash, sizeof hash, (const unsigned char *)ret_text,
                                   (unsigned long long)(end - ret_text), NULL, 0) == 0);
    memcpy (&number, hash, sizeof number);
    return number ? number : 1;
}

static bool read_words (struct ym_str text, struct ym_words *ret)
{
    const char *at = text.at, *end = text.at + text.size;

    while (at < end) {
        const char *comma = memchr (at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        if (!ym_words_add (ret, (struct ym_str){at, (uint32_t)(stop - at)}))
            return false;
        if (stop + 1 == end)
            return false; /* a comma with nothing behind it */
        at = comma ? comma + 1 : end;
    }
    return true;
}

bool ym_requirement_read (struct ym_str text, struct ym_requirement *ret)
{
    struct ym_requirement r = {0};
    const char *end = text.at + text.size;
    const char *first = memchr (text.at, '|', text.size);
    const char *second = first ? memchr (first + 1, '|', (size_t)(end - first - 1)) : NULL;

    if (!second || memchr (second + 1, '|', (size_t)(end - second - 1)) ||
        !ym_text_copy_str (r.pool, sizeof r.pool,
                           (struct ym_str){text.at, (uint32_t)(first - text.at)}))
        return false;
    if (!read_words ((struct ym_str){first + 1, (uint32_t)(second - first - 1)}, &r.regions) ||
        !read_words ((struct ym_str){second + 1, (uint32_t)(end - second - 1)},
                     &r.capabilities))
        return false;
    *ret = r;
    return true;
}

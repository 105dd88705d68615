/* requirement.c - the canonical text of what a job needs. */
#include "common/wire/requirement.h"

#include <sodium.h>
#include <stdio.h>
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

uint32_t ym_requirement_minutes (uint64_t run_limit_ms)
{
    uint64_t minutes = 1;

    if (run_limit_ms == 0)
        return 0;
    while (minutes * 60000 < run_limit_ms && minutes < UINT64_C (1) << 31)
        minutes *= 2;
    return (uint32_t)minutes;
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
    if (r->run_minutes > 0)
        end += snprintf (end, 12, "|%u", r->run_minutes);
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

/* Digits only, no zero in front, at most what fits. */
static bool read_minutes (const char *at, const char *end, uint32_t *ret)
{
    uint64_t n = 0;

    if (at == end || end - at > 10 || *at == '0')
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        n = n * 10 + (uint64_t)(*at - '0');
    }
    *ret = (uint32_t)n;
    return n <= UINT32_MAX;
}

/* The text up to the next bar, or to the end. */
static struct ym_str part (const char **at, const char *end)
{
    const char *from = *at, *bar = memchr (from, '|', (size_t)(end - from));

    *at = bar ? bar + 1 : NULL;
    return (struct ym_str){from, (uint32_t)((bar ? bar : end) - from)};
}

bool ym_requirement_read (struct ym_str text, struct ym_requirement *ret)
{
    struct ym_requirement r = {0};
    const char *at = text.at, *end = text.at + text.size;

    if (text.size == 0 || !ym_text_copy_str (r.pool, sizeof r.pool, part (&at, end)) || !at ||
        !read_words (part (&at, end), &r.regions) || !at ||
        !read_words (part (&at, end), &r.capabilities))
        return false;
    if (at && !read_minutes (at, end, &r.run_minutes))
        return false;
    *ret = r;
    return true;
}

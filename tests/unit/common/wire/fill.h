/* fill.h - any message with any content that keeps the table's limits, from a seed. */
#ifndef YM_TEST_FILL_H
#define YM_TEST_FILL_H
#include <string.h>

#include "common/base/panic.h"
#include "common/wire/wire.h"

struct fill {
    uint64_t seed;
    struct ym_arena *arena;
};

static inline uint64_t fill_next (struct fill *f)
{
    f->seed += UINT64_C (0x9e3779b97f4a7c15);
    uint64_t z = f->seed;
    z = (z ^ z >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C (0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* From 0 to most, the ends more often than their share. */
static inline uint64_t fill_upto (struct fill *f, uint64_t most)
{
    uint64_t n = fill_next (f);

    if (n % 8 == 0)
        return 0;
    if (n % 8 == 1 || most == UINT64_MAX)
        return n % 8 == 1 ? most : fill_next (f);
    return fill_next (f) % (most + 1);
}

static inline void fill_text (struct fill *f, char *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(1 + fill_next (f) % 127);
    if (size >= 2)
        memcpy (to, "\xc3\xa4", 2);
}

static inline void *fill_octets (struct fill *f, size_t size)
{
    char *at = ym_arena_take (f->arena, size);

    fill_text (f, at, size);
    return at;
}

static inline void fill_word (struct fill *f, char *to, uint64_t max)
{
    size_t size = 1 + fill_next (f) % max;

    for (size_t k = 0; k < size; k++)
        to[k] = "abcxyz0189._-:=>"[fill_next (f) % 16];
}

static inline void fill_words (struct fill *f, struct ym_words *words, uint64_t max)
{
    words->count = (uint32_t)fill_upto (f, max);
    for (uint32_t i = 0; i < words->count; i++)
        fill_word (f, words->word[i], YM_WORD_MAX);
}

static inline void fill_field (struct fill *f, const struct ym_field *field, uint8_t *slot);

static inline void fill_list (struct fill *f, const struct ym_field *field, uint8_t *slot)
{
    struct {
        uint8_t *at;
        uint32_t count;
    } list = {0};
    const struct ym_record *r = field->record;

    list.count = (uint32_t)fill_upto (f, field->max < 5 ? field->max : 5);
    list.at = ym_arena_take (f->arena, list.count * r->size);
    memset (list.at, 0, list.count * r->size);
    for (uint32_t i = 0; i < list.count; i++)
        for (size_t k = 0; k < r->count; k++)
            fill_field (f, &r->fields[k], list.at + i * r->size + r->fields[k].at);
    memcpy (slot, &list, sizeof list);
}

static inline void fill_view (struct fill *f, const struct ym_field *field, uint8_t *slot)
{
    uint32_t size = (uint32_t)fill_upto (f, field->max);

    if (field->kind == YM_KIND_FILLED && size == 0)
        size = 1;
    if (field->kind != YM_KIND_BYTES)
        *(struct ym_str *)slot = (struct ym_str){fill_octets (f, size), size};
    else
        *(struct ym_bytes *)slot = (struct ym_bytes){fill_octets (f, size), size};
}

static inline void fill_field (struct fill *f, const struct ym_field *field, uint8_t *slot)
{
    switch (field->kind) {
    case YM_KIND_NUMBER:
        *(uint64_t *)slot = fill_upto (f, field->max);
        return;
    case YM_KIND_ID:
        *(int64_t *)slot = 1 + (int64_t)fill_upto (f, INT64_MAX - 1);
        return;
    case YM_KIND_TIME:
        *(int64_t *)slot = (int64_t)fill_upto (f, INT64_MAX);
        return;
    case YM_KIND_BOOL:
        *(bool *)slot = fill_next (f) & 1;
        return;
    case YM_KIND_TEXT:
        fill_text (f, (char *)slot, fill_upto (f, field->max));
        return;
    case YM_KIND_TITLE:
        fill_text (f, (char *)slot, 1 + fill_upto (f, field->max - 1));
        return;
    case YM_KIND_WORD:
        fill_word (f, (char *)slot, field->max);
        return;
    case YM_KIND_STR:
    case YM_KIND_FILLED:
    case YM_KIND_BYTES:
        fill_view (f, field, slot);
        return;
    case YM_KIND_OCTETS:
        memcpy (slot, fill_octets (f, field->max), field->max);
        return;
    case YM_KIND_ENUM:
        *(uint32_t *)slot = (uint32_t)(fill_next (f) % ym_enums[field->max].count);
        return;
    case YM_KIND_STATE:
        *(int32_t *)slot = ym_job_life.states[fill_next (f) % ym_job_life.state_count].number;
        return;
    case YM_KIND_WORDS:
        fill_words (f, (struct ym_words *)slot, field->max);
        return;
    case YM_KIND_LIST:
        fill_list (f, field, slot);
        return;
    }
    ym_panic ("field %s is of no kind", field->name);
}

/* The struct of 'm', zeroed but for the fields that are present; it lives in the arena. */
static inline void *fill_message (struct fill *f, const struct ym_message *m)
{
    uint8_t *msg = ym_arena_take (f->arena, m->size);
    uint64_t has = 0;

    memset (msg, 0, m->size);
    for (size_t i = 0; i < m->count; i++)
        if (m->fields[i].need == YM_REQUIRED || fill_next (f) % 2) {
            fill_field (f, &m->fields[i], msg + m->fields[i].at);
            has |= UINT64_C (1) << i;
        }
    memcpy (msg, &has, sizeof has);
    return msg;
}
#endif

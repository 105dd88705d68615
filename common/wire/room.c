/* room.c - how many octets a message surely fits in.
 *
 * An upper bound that is cheap to find: only what has no small bound of its own is measured.
 */
#include <string.h>

#include "common/wire/header.h"

/* The longest head of a msgpack value: one octet and four of size, or eight of a number. */
enum { HEAD_MAX = 9 };

static size_t room_of_row (const struct ym_record *r, const uint8_t *row);

static size_t room_of_list (const struct ym_field *f, const uint8_t *slot)
{
    struct {
        const uint8_t *at;
        uint32_t count;
    } list;
    size_t room = 0;

    memcpy (&list, slot, sizeof list);
    for (uint32_t i = 0; i < list.count; i++)
        room += room_of_row (f->record, list.at + i * f->record->size);
    return room;
}

static size_t room_of_field (const struct ym_field *f, const uint8_t *slot)
{
    switch (f->kind) {
    case YM_KIND_NUMBER:
    case YM_KIND_ID:
    case YM_KIND_TIME:
    case YM_KIND_BOOL:
        return 0;
    case YM_KIND_TEXT:
    case YM_KIND_WORD:
    case YM_KIND_TITLE:
    case YM_KIND_OCTETS:
        return f->max;
    case YM_KIND_STR:
    case YM_KIND_FILLED:
        return ((const struct ym_str *)slot)->size;
    case YM_KIND_BYTES:
        return ((const struct ym_bytes *)slot)->size;
    case YM_KIND_ENUM:
    case YM_KIND_STATE:
        return YM_WORD_MAX;
    case YM_KIND_WORDS:
        return ((const struct ym_words *)slot)->count * (size_t)(HEAD_MAX + YM_WORD_MAX);
    case YM_KIND_LIST:
        return room_of_list (f, slot);
    }
    return 0;
}

static size_t room_of_row (const struct ym_record *r, const uint8_t *row)
{
    size_t room = HEAD_MAX;

    for (size_t i = 0; i < r->count; i++)
        room += HEAD_MAX + room_of_field (&r->fields[i], row + r->fields[i].at);
    return room;
}

size_t ym_wire_room (const struct ym_message *m, const void *msg)
{
    size_t room = YM_HEADER_SIZE + HEAD_MAX;
    uint64_t bits = ym_wire_present (m, msg);

    for (size_t i = 0; i < m->count; i++) {
        const struct ym_field *f = &m->fields[i];

        if (bits & UINT64_C (1) << i)
            room +=
                2 * HEAD_MAX + f->name_size + room_of_field (f, (const uint8_t *)msg + f->at);
    }
    return room;
}

/* decode.c - from octets a stranger sent to structs.
 *
 * One reader per kind of field. A fault is noted with its path and reading goes on, so that the
 * sender learns of all of them at once; it ends when the list of faults is full, so that a
 * hostile body is not worth more of our time than an honest one.
 */
#include <msgpack.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/panic.h"
#include "common/wire/header.h"

struct reader {
    struct ym_arena *arena;
    struct ym_faults *faults;
};

/* Where we are: a chain on the stack, spelled out only when there is a fault to tell. */
struct spot {
    const struct spot *up;
    const char *name; /* NULL: an index */
    uint32_t index;
};

typedef bool read_f (struct reader *r, const struct spot *s, const struct ym_field *f,
                     const msgpack_object *o, void *slot);
static read_f *const readers[YM_KIND_LIST + 1];

enum { PATH_MAX_OCTETS = 80, TEXT_MAX_OCTETS = 80 };

/* Returns the octets written; a path that is too long loses its end. */
static size_t spell (const struct spot *s, char *to, size_t room)
{
    size_t at = s->up ? spell (s->up, to, room) : 0;
    int size;

    if (s->name)
        size = snprintf (to + at, room - at, "/%s", s->name);
    else
        size = snprintf (to + at, room - at, "/%u", s->index);
    return (size_t)size < room - at ? at + (size_t)size : room - 1;
}

__attribute__ ((format (printf, 4, 5))) static bool
fault (struct reader *r, const struct spot *s, const char *code, const char *format, ...)
{
    char path[PATH_MAX_OCTETS + 1] = "", text[TEXT_MAX_OCTETS + 1];
    va_list args;

    if (s)
        (void)spell (s, path, sizeof path);
    va_start (args, format);
    (void)vsnprintf (text, sizeof text, format, args);
    va_end (args);
    ym_faults_add (r->faults, path, code, text);
    return false;
}

static bool is_full (const struct reader *r)
{
    return r->faults->count >= YM_FAULTS_MAX;
}

static bool read_integer (struct reader *r, const struct spot *s, const msgpack_object *o,
                          uint64_t least, uint64_t most, uint64_t *ret)
{
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 >= least &&
        o->via.u64 <= most) {
        *ret = o->via.u64;
        return true;
    }
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER &&
        o->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return fault (r, s, "type", "must be a whole number");
    return fault (r, s, "range", "must be from %llu to %llu", (unsigned long long)least,
                  (unsigned long long)most);
}

static bool read_number (struct reader *r, const struct spot *s, const struct ym_field *f,
                         const msgpack_object *o, void *slot)
{
    return read_integer (r, s, o, 0, f->max, slot);
}

static bool read_id (struct reader *r, const struct spot *s, const struct ym_field *f,
                     const msgpack_object *o, void *slot)
{
    (void)f;
    return read_integer (r, s, o, 1, INT64_MAX, slot);
}

static bool read_time (struct reader *r, const struct spot *s, const struct ym_field *f,
                       const msgpack_object *o, void *slot)
{
    (void)f;
    return read_integer (r, s, o, 0, INT64_MAX, slot);
}

static bool read_bool (struct reader *r, const struct spot *s, const struct ym_field *f,
                       const msgpack_object *o, void *slot)
{
    (void)f;
    if (o->type != MSGPACK_OBJECT_BOOLEAN)
        return fault (r, s, "type", "must be true or false");
    *(bool *)slot = o->via.boolean;
    return true;
}

static bool check_str (struct reader *r, const struct spot *s, const struct ym_field *f,
                       const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_STR)
        return fault (r, s, "type", "must be text");
    if (o->via.str.size > f->max)
        return fault (r, s, "length", "must be at most %llu octets",
                      (unsigned long long)f->max);
    if (!ym_text_is_clean (o->via.str.ptr, o->via.str.size))
        return fault (r, s, "text", "must be UTF-8 without NUL");
    return true;
}

static bool read_text (struct reader *r, const struct spot *s, const struct ym_field *f,
                       const msgpack_object *o, void *slot)
{
    if (!check_str (r, s, f, o))
        return false;
    memcpy (slot, o->via.str.ptr, o->via.str.size); /* the slot is zeroed */
    return true;
}

static bool is_filled (struct reader *r, const struct spot *s, const msgpack_object *o)
{
    return o->via.str.size > 0 || fault (r, s, "length", "must not be empty");
}

static bool read_title (struct reader *r, const struct spot *s, const struct ym_field *f,
                        const msgpack_object *o, void *slot)
{
    return read_text (r, s, f, o, slot) && is_filled (r, s, o);
}

static bool read_one_word (struct reader *r, const struct spot *s, const struct ym_field *f,
                           const msgpack_object *o, void *slot)
{
    if (!read_text (r, s, f, o, slot))
        return false;
    return ym_wire_is_word (slot, o->via.str.size) ||
           fault (r, s, "text", "must be a word of a-z 0-9 . _ - : = >");
}

static bool read_view (struct reader *r, const struct spot *s, const struct ym_field *f,
                       const msgpack_object *o, void *slot)
{
    if (!check_str (r, s, f, o))
        return false;
    *(struct ym_str *)slot = (struct ym_str){o->via.str.ptr, o->via.str.size};
    return true;
}

static bool read_filled (struct reader *r, const struct spot *s, const struct ym_field *f,
                         const msgpack_object *o, void *slot)
{
    return read_view (r, s, f, o, slot) && is_filled (r, s, o);
}

static bool read_bytes (struct reader *r, const struct spot *s, const struct ym_field *f,
                        const msgpack_object *o, void *slot)
{
    if (o->type != MSGPACK_OBJECT_BIN)
        return fault (r, s, "type", "must be binary");
    if (o->via.bin.size > f->max)
        return fault (r, s, "length", "must be at most %llu octets",
                      (unsigned long long)f->max);
    *(struct ym_bytes *)slot = ym_bytes (o->via.bin.ptr, o->via.bin.size);
    return true;
}

static bool read_octets (struct reader *r, const struct spot *s, const struct ym_field *f,
                         const msgpack_object *o, void *slot)
{
    if (o->type != MSGPACK_OBJECT_BIN)
        return fault (r, s, "type", "must be binary");
    if (o->via.bin.size != f->max)
        return fault (r, s, "length", "must be exactly %llu octets",
                      (unsigned long long)f->max);
    memcpy (slot, o->via.bin.ptr, f->max);
    return true;
}

static bool unknown_word (struct reader *r, const struct spot *s, const struct ym_enum *list)
{
    char words[TEXT_MAX_OCTETS] = "";
    size_t size = 0;

    for (unsigned i = 0; i < list->count && size + strlen (list->words[i]) + 3 < sizeof words;
         i++)
        size += (size_t)snprintf (words + size, sizeof words - size, "%s%s", i ? ", " : "",
                                  list->words[i]);
    return fault (r, s, "range", "must be one of %s", words);
}

static bool read_enum (struct reader *r, const struct spot *s, const struct ym_field *f,
                       const msgpack_object *o, void *slot)
{
    int value;

    if (o->type != MSGPACK_OBJECT_STR)
        return fault (r, s, "type", "must be a word");
    value = ym_enum_find ((unsigned)f->max, o->via.str.ptr, o->via.str.size);
    if (value < 0)
        return unknown_word (r, s, &ym_enums[f->max]);
    *(uint32_t *)slot = (uint32_t)value;
    return true;
}

static bool read_state (struct reader *r, const struct spot *s, const struct ym_field *f,
                        const msgpack_object *o, void *slot)
{
    int state;

    (void)f;
    if (o->type != MSGPACK_OBJECT_STR)
        return fault (r, s, "type", "must be a word");
    state = ym_life_state_find (&ym_job_life, o->via.str.ptr, o->via.str.size);
    if (state < 0)
        return fault (r, s, "range", "must be a state of a job, such as QUEUED");
    *(int32_t *)slot = state;
    return true;
}

static bool read_word (struct reader *r, const struct spot *s, const msgpack_object *o,
                       char *to)
{
    if (o->type != MSGPACK_OBJECT_STR)
        return fault (r, s, "type", "must be a word");
    if (o->via.str.size == 0 || o->via.str.size > YM_WORD_MAX)
        return fault (r, s, "length", "must be 1 to %d octets", YM_WORD_MAX);
    if (!ym_wire_is_word (o->via.str.ptr, o->via.str.size))
        return fault (r, s, "text", "may hold only a-z 0-9 . _ - : = >");
    memcpy (to, o->via.str.ptr, o->via.str.size);
    return true;
}

static bool check_array (struct reader *r, const struct spot *s, const struct ym_field *f,
                         const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_ARRAY)
        return fault (r, s, "type", "must be a list");
    if (o->via.array.size > f->max)
        return fault (r, s, "length", "must have at most %llu elements",
                      (unsigned long long)f->max);
    return true;
}

static bool read_words (struct reader *r, const struct spot *s, const struct ym_field *f,
                        const msgpack_object *o, void *slot)
{
    struct ym_words *words = slot;
    bool is_good = true;

    if (!check_array (r, s, f, o))
        return false;
    words->count = o->via.array.size;
    for (uint32_t i = 0; i < words->count && !is_full (r); i++) {
        struct spot at = {.up = s, .index = i};

        is_good &= read_word (r, &at, &o->via.array.ptr[i], words->word[i]);
    }
    return is_good;
}

static bool read_row (struct reader *r, const struct spot *s, const struct ym_record *record,
                      const msgpack_object *o, uint8_t *row)
{
    bool is_good = true;

    if (o->type != MSGPACK_OBJECT_ARRAY)
        return fault (r, s, "type", "must be a list of %zu values", record->count);
    if (o->via.array.size != record->count)
        return fault (r, s, "length", "must have exactly %zu values", record->count);
    for (size_t i = 0; i < record->count && !is_full (r); i++) {
        const struct ym_field *f = &record->fields[i];
        struct spot at = {.up = s, .name = f->name};

        is_good &= readers[f->kind](r, &at, f, &o->via.array.ptr[i], row + f->at);
    }
    return is_good;
}

/* Every list in every struct has this shape; only the type of the rows differs. */
struct any_list {
    uint8_t *at;
    uint32_t count;
};

static bool read_list (struct reader *r, const struct spot *s, const struct ym_field *f,
                       const msgpack_object *o, void *slot)
{
    struct any_list list = {0};
    bool is_good = true;

    if (!check_array (r, s, f, o))
        return false;
    list.count = o->via.array.size;
    if (list.count > 0) {
        list.at = ym_arena_take (r->arena, list.count * f->record->size);
        memset (list.at, 0, list.count * f->record->size);
    }
    for (uint32_t i = 0; i < list.count && !is_full (r); i++) {
        struct spot at = {.up = s, .index = i};

        is_good &=
            read_row (r, &at, f->record, &o->via.array.ptr[i], list.at + i * f->record->size);
    }
    memcpy (slot, &list, sizeof list);
    return is_good;
}

static read_f *const readers[YM_KIND_LIST + 1] = {
    [YM_KIND_NUMBER] = read_number, [YM_KIND_ID] = read_id,
    [YM_KIND_TIME] = read_time,     [YM_KIND_BOOL] = read_bool,
    [YM_KIND_TEXT] = read_text,     [YM_KIND_STR] = read_view,
    [YM_KIND_BYTES] = read_bytes,   [YM_KIND_OCTETS] = read_octets,
    [YM_KIND_ENUM] = read_enum,     [YM_KIND_STATE] = read_state,
    [YM_KIND_WORDS] = read_words,   [YM_KIND_LIST] = read_list,
    [YM_KIND_WORD] = read_one_word, [YM_KIND_TITLE] = read_title,
    [YM_KIND_FILLED] = read_filled,
};

static bool is_named (const struct ym_field *f, const msgpack_object *key)
{
    return key->via.str.size == f->name_size &&
           memcmp (key->via.str.ptr, f->name, f->name_size) == 0;
}

/* The place of the field with that name, or m->count. Looks first where it is expected. */
static size_t find_field (const struct ym_message *m, const msgpack_object *key,
                          size_t expected)
{
    for (size_t i = expected; i < m->count; i++)
        if (is_named (&m->fields[i], key))
            return i;
    for (size_t i = 0; i < expected; i++)
        if (is_named (&m->fields[i], key))
            return i;
    return m->count;
}

/* The field somebody may have meant by 'name', or NULL. */
static const char *nearest (const struct ym_message *m, const char *name)
{
    const char *found = NULL;
    unsigned least = 3;

    for (size_t i = 0; i < m->count; i++) {
        unsigned distance = ym_text_distance (m->fields[i].name, name);

        if (distance < least && distance < m->fields[i].name_size) {
            least = distance;
            found = m->fields[i].name;
        }
    }
    return found;
}

/* A name that is no plain word is not repeated to anybody. */
static bool unknown_field (struct reader *r, const struct ym_message *m,
                           const msgpack_object *key)
{
    char name[YM_WORD_MAX + 1] = "";
    struct spot at = {.name = name};
    const char *meant;

    if (key->type != MSGPACK_OBJECT_STR ||
        !ym_wire_is_word (key->via.str.ptr, key->via.str.size))
        return fault (r, NULL, "unknown", "a field has a name that no field has");
    memcpy (name, key->via.str.ptr, key->via.str.size);
    meant = nearest (m, name);
    if (meant)
        return fault (r, &at, "unknown", "no such field; %s is one", meant);
    return fault (r, &at, "unknown", "no such field");
}

static bool read_pair (struct reader *r, const struct ym_message *m,
                       const msgpack_object_kv *pair, size_t *expected, uint8_t *msg,
                       uint64_t *seen)
{
    size_t i = m->count;

    if (pair->key.type == MSGPACK_OBJECT_STR)
        i = find_field (m, &pair->key, *expected);
    if (i == m->count)
        return unknown_field (r, m, &pair->key);

    const struct ym_field *f = &m->fields[i];
    struct spot at = {.name = f->name};
    if (*seen & UINT64_C (1) << i)
        return fault (r, &at, "repeated", "is there twice");
    *seen |= UINT64_C (1) << i;
    *expected = i + 1;
    return readers[f->kind](r, &at, f, &pair->val, msg + f->at);
}

static bool read_body (struct reader *r, const struct ym_message *m, const msgpack_object *body,
                       uint8_t *msg)
{
    uint64_t seen = 0;
    size_t expected = 0;
    bool is_good = true;

    if (body->type != MSGPACK_OBJECT_MAP)
        return fault (r, NULL, "type", "the body must be a map from field names to values");
    for (uint32_t i = 0; i < body->via.map.size && !is_full (r); i++)
        is_good &= read_pair (r, m, &body->via.map.ptr[i], &expected, msg, &seen);
    for (size_t i = 0; i < m->count; i++) {
        struct spot at = {.name = m->fields[i].name};

        if (m->fields[i].need == YM_REQUIRED && !(seen & UINT64_C (1) << i))
            is_good = fault (r, &at, "missing", "is required");
    }
    memcpy (msg, &seen, sizeof seen);
    return is_good;
}

/* Room for the struct of any message. */
union any_message {
    uint64_t has;
#define RECORD(name, doc)
#define END_RECORD
#define MESSAGE(number, sort, name, roles, doc) struct ym_##name name;
#define FIELD(kind, name, max, need, doc)
#define LIST(record, name, max, need, doc)
#define END
#include "schema/wire/all.def"
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END
};

bool ym_wire_decode (const struct ym_message *m, const void *frame, size_t size,
                     struct ym_arena *arena, void *ret_msg, struct ym_faults *reterr_faults)
{
    const char *body = (const char *)frame + YM_HEADER_SIZE;
    struct reader r = {arena, reterr_faults};
    _Alignas(union any_message) uint8_t msg[sizeof (union any_message)];
    msgpack_unpacked u;
    size_t used = 0;
    bool is_good;

    reterr_faults->count = 0;
    if (size <= YM_HEADER_SIZE ||
        !ym_wire_is_sane ((const uint8_t *)body, size - YM_HEADER_SIZE))
        return fault (&r, NULL, "malformed", "the body is not one whole msgpack value");
    msgpack_unpacked_init (&u);
    if (msgpack_unpack_next (&u, body, size - YM_HEADER_SIZE, &used) != MSGPACK_UNPACK_SUCCESS)
        is_good = fault (&r, NULL, "malformed", "the body could not be unpacked");
    else {
        memset (msg, 0, m->size);
        is_good = read_body (&r, m, &u.data, msg);
    }
    msgpack_unpacked_destroy (&u);
    if (is_good)
        memcpy (ret_msg, msg, m->size);
    return is_good;
}

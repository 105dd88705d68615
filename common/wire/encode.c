/* encode.c - from structs to octets: into a frame, or into a digest.
 *
 * One packer per kind of field. Each checks the field against its own limit, so that what
 * leaves us is what the other side accepts; a breach comes back as false and nothing is sent.
 */
#include <msgpack.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/panic.h"
#include "common/wire/header.h"

typedef bool pack_f (msgpack_packer *pk, const struct ym_field *f, const void *slot);
static pack_f *const packs[YM_KIND_LIST + 1];

static bool pack_str (msgpack_packer *pk, const char *at, size_t size)
{
    return msgpack_pack_str (pk, size) == 0 && msgpack_pack_str_body (pk, at, size) == 0;
}

static bool pack_bin (msgpack_packer *pk, const void *at, size_t size)
{
    return msgpack_pack_bin (pk, size) == 0 && msgpack_pack_bin_body (pk, at, size) == 0;
}

static bool pack_number (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const uint64_t *n = slot;

    return *n <= f->max && msgpack_pack_uint64 (pk, *n) == 0;
}

static bool pack_id (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const int64_t *id = slot;

    (void)f;
    return *id >= 1 && msgpack_pack_int64 (pk, *id) == 0;
}

static bool pack_time (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const int64_t *ms = slot;

    (void)f;
    return *ms >= 0 && msgpack_pack_int64 (pk, *ms) == 0;
}

static bool pack_bool (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    (void)f;
    return (*(const bool *)slot ? msgpack_pack_true (pk) : msgpack_pack_false (pk)) == 0;
}

static bool pack_text (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    size_t size = strnlen (slot, f->max + 1);

    return size <= f->max && ym_text_is_clean (slot, size) && pack_str (pk, slot, size);
}

static bool pack_title (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    return *(const char *)slot != '\0' && pack_text (pk, f, slot);
}

static bool pack_word (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    return ym_wire_is_word (slot, strnlen (slot, f->max + 1)) && pack_text (pk, f, slot);
}

static bool pack_view (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const struct ym_str *s = slot;

    return s->size <= f->max && ym_text_is_clean (s->at, s->size) &&
           pack_str (pk, s->at, s->size);
}

static bool pack_filled (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    return ((const struct ym_str *)slot)->size > 0 && pack_view (pk, f, slot);
}

static bool pack_bytes (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const struct ym_bytes *b = slot;

    return b->size <= f->max && pack_bin (pk, b->at, b->size);
}

static bool pack_octets (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    return pack_bin (pk, slot, f->max);
}

static bool pack_enum (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const struct ym_enum *list = &ym_enums[f->max];
    uint32_t value = *(const uint32_t *)slot;

    return value < list->count &&
           pack_str (pk, list->words[value], strlen (list->words[value]));
}

static bool pack_state (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const char *name = ym_life_state_name (&ym_job_life, *(const int32_t *)slot);

    (void)f;
    return *name != '?' && pack_str (pk, name, strlen (name));
}

static bool pack_words (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    const struct ym_words *w = slot;

    if (w->count > f->max || msgpack_pack_array (pk, w->count) != 0)
        return false;
    for (uint32_t i = 0; i < w->count; i++) {
        size_t size = strnlen (w->word[i], YM_WORD_MAX + 1);

        if (!ym_wire_is_word (w->word[i], size) || !pack_str (pk, w->word[i], size))
            return false;
    }
    return true;
}

static bool pack_row (msgpack_packer *pk, const struct ym_record *r, const uint8_t *row)
{
    if (msgpack_pack_array (pk, r->count) != 0)
        return false;
    for (size_t i = 0; i < r->count; i++)
        if (!packs[r->fields[i].kind](pk, &r->fields[i], row + r->fields[i].at))
            return false;
    return true;
}

/* Every list in every struct has this shape; only the type of the rows differs. */
struct any_list {
    const uint8_t *at;
    uint32_t count;
};

static bool pack_list (msgpack_packer *pk, const struct ym_field *f, const void *slot)
{
    struct any_list list;

    memcpy (&list, slot, sizeof list);
    if (list.count > f->max || msgpack_pack_array (pk, list.count) != 0)
        return false;
    for (uint32_t i = 0; i < list.count; i++)
        if (!pack_row (pk, f->record, list.at + i * f->record->size))
            return false;
    return true;
}

static pack_f *const packs[YM_KIND_LIST + 1] = {
    [YM_KIND_NUMBER] = pack_number, [YM_KIND_ID] = pack_id,
    [YM_KIND_TIME] = pack_time,     [YM_KIND_BOOL] = pack_bool,
    [YM_KIND_TEXT] = pack_text,     [YM_KIND_STR] = pack_view,
    [YM_KIND_BYTES] = pack_bytes,   [YM_KIND_OCTETS] = pack_octets,
    [YM_KIND_ENUM] = pack_enum,     [YM_KIND_STATE] = pack_state,
    [YM_KIND_WORDS] = pack_words,   [YM_KIND_LIST] = pack_list,
    [YM_KIND_WORD] = pack_word,     [YM_KIND_TITLE] = pack_title,
    [YM_KIND_FILLED] = pack_filled,
};

static bool pack_body (msgpack_packer *pk, const struct ym_message *m, const void *msg,
                       uint64_t bits)
{
    if (msgpack_pack_map (pk, (size_t)__builtin_popcountll (bits)) != 0)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        const struct ym_field *f = &m->fields[i];

        if (!(bits & UINT64_C (1) << i))
            continue;
        if (!pack_str (pk, f->name, f->name_size) ||
            !packs[f->kind](pk, f, (const uint8_t *)msg + f->at))
            return false;
    }
    return true;
}

struct sink {
    uint8_t *at, *end;
};

static int write_frame (void *data, const char *from, size_t size)
{
    struct sink *s = data;

    if (size > (size_t)(s->end - s->at))
        return -1;
    if (size > 0)
        memcpy (s->at, from, size);
    s->at += size;
    return 0;
}

size_t ym_wire_encode (const struct ym_header *h, const void *msg, void *to, size_t room)
{
    const struct ym_message *m = ym_message_find (h->number);
    struct sink s = {(uint8_t *)to + YM_HEADER_SIZE, (uint8_t *)to + room};
    msgpack_packer pk;

    if (!m || room < YM_HEADER_SIZE)
        return 0;
    ym_wire_put_header (to, h);
    msgpack_packer_init (&pk, &s, write_frame);
    if (!pack_body (&pk, m, msg, ym_wire_present (m, msg)))
        return 0;
    return (size_t)(s.at - (uint8_t *)to);
}

static int write_nowhere (void *data, const char *from, size_t size)
{
    (void)data, (void)from, (void)size;
    return 0;
}

/* Which rule a field breaks, in the decoder's words. */
struct breach {
    const char *code;
    char text[81];
};

__attribute__ ((format (printf, 2, 3))) static struct breach breach (const char *code,
                                                                     const char *format, ...)
{
    struct breach b = {.code = code};
    va_list args;

    va_start (args, format);
    (void)vsnprintf (b.text, sizeof b.text, format, args);
    va_end (args);
    return b;
}

static struct breach breach_of_range (uint64_t least, uint64_t most)
{
    return breach ("range", "must be from %llu to %llu", (unsigned long long)least,
                   (unsigned long long)most);
}

static struct breach breach_of_size (const struct ym_field *f, const char *of)
{
    return breach ("length", "must %s at most %llu %s", *of == 'o' ? "be" : "have",
                   (unsigned long long)f->max, of);
}

static struct breach breach_of_text (const struct ym_field *f, const char *at, size_t size)
{
    if (size > f->max)
        return breach_of_size (f, "octets");
    if (!ym_text_is_clean (at, size))
        return breach ("text", "must be UTF-8 without NUL");
    if (f->kind == YM_KIND_WORD)
        return breach ("text", "must be a word of a-z 0-9 . _ - : = >");
    return breach ("length", "must not be empty");
}

static struct breach breach_of_list (const struct ym_field *f, const void *slot)
{
    struct any_list list;

    if (f->kind == YM_KIND_WORDS && ((const struct ym_words *)slot)->count <= f->max)
        return breach ("text", "may hold only words of a-z 0-9 . _ - : = >");
    if (f->kind == YM_KIND_WORDS)
        return breach_of_size (f, "elements");
    memcpy (&list, slot, sizeof list);
    if (list.count > f->max)
        return breach_of_size (f, "elements");
    return breach ("range", "has an element that breaks its rules");
}

/* Of a field that its packer refused. */
static struct breach breach_of (const struct ym_field *f, const void *slot)
{
    const struct ym_str *s = slot;

    switch (f->kind) {
    case YM_KIND_NUMBER:
        return breach_of_range (0, f->max);
    case YM_KIND_ID:
        return breach_of_range (1, INT64_MAX);
    case YM_KIND_TIME:
        return breach_of_range (0, INT64_MAX);
    case YM_KIND_ENUM:
        return breach ("range", "must be a word of its list");
    case YM_KIND_STATE:
        return breach ("range", "must be a state of a job, such as QUEUED");
    case YM_KIND_TEXT:
    case YM_KIND_TITLE:
    case YM_KIND_WORD:
        return breach_of_text (f, slot, strnlen (slot, f->max + 1));
    case YM_KIND_STR:
    case YM_KIND_FILLED:
        return breach_of_text (f, s->at, s->size);
    case YM_KIND_WORDS:
    case YM_KIND_LIST:
        return breach_of_list (f, slot);
    default:
        return breach_of_size (f, "octets");
    }
}

bool ym_wire_check (const struct ym_message *m, const void *msg,
                    struct ym_faults *reterr_faults)
{
    uint64_t bits = ym_wire_present (m, msg);
    msgpack_packer pk;
    char path[82];

    *reterr_faults = (struct ym_faults){0};
    msgpack_packer_init (&pk, NULL, write_nowhere);
    for (size_t i = 0; i < m->count; i++) {
        const struct ym_field *f = &m->fields[i];
        struct breach b;

        if (!(bits & UINT64_C (1) << i) || packs[f->kind](&pk, f, (const uint8_t *)msg + f->at))
            continue;
        (void)ym_text_format (path, sizeof path, "/%s", f->name);
        b = breach_of (f, (const uint8_t *)msg + f->at);
        ym_faults_add (reterr_faults, path, b.code, b.text);
    }
    return reterr_faults->count == 0;
}

static int write_digest (void *data, const char *from, size_t size)
{
    return crypto_generichash_update (data, (const uint8_t *)from, size);
}

void ym_wire_digest (const struct ym_message *m, const void *msg, uint8_t ret_digest[32])
{
    const uint8_t number[2] = {(uint8_t)(m->number >> 8), (uint8_t)m->number};
    uint64_t bits = ym_wire_present (m, msg);
    crypto_generichash_state state;
    msgpack_packer pk;

    for (size_t i = 0; i < m->count; i++)
        if (strcmp (m->fields[i].name, "request") == 0)
            bits &= ~(UINT64_C (1) << i);
    ym_assert (crypto_generichash_init (&state, NULL, 0, 32) == 0);
    ym_assert (crypto_generichash_update (&state, number, sizeof number) == 0);
    msgpack_packer_init (&pk, &state, write_digest);
    if (!pack_body (&pk, m, msg, bits))
        ym_panic ("a field of %s breaks its own limit", m->name);
    ym_assert (crypto_generichash_final (&state, ret_digest, 32) == 0);
}

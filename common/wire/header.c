/* header.c - the fixed part of a frame, the list of faults, and what both directions ask. */
#include "common/wire/header.h"

#include <endian.h>
#include <string.h>

static void *put (void *to, const void *from, size_t size)
{
    return (uint8_t *)memcpy (to, from, size) + size;
}

void ym_wire_put_header (uint8_t to[YM_HEADER_SIZE], const struct ym_header *h)
{
    const uint8_t first[2] = {YM_WIRE_VERSION, 0};
    uint16_t number = htobe16 (h->number);
    uint64_t ask = htobe64 (h->ask), seq = htobe64 (h->seq);
    void *at = put (to, first, sizeof first);

    at = put (at, &number, sizeof number);
    at = put (at, &ask, sizeof ask);
    at = put (at, &seq, sizeof seq);
    at = put (at, h->trace, sizeof h->trace);
    (void)put (at, h->span, sizeof h->span);
}

static const uint8_t *get (void *to, const uint8_t *from, size_t size)
{
    memcpy (to, from, size);
    return from + size;
}

bool ym_wire_header (const void *frame, size_t size, struct ym_header *ret)
{
    const uint8_t *at = frame;
    struct ym_header h;

    if (size < YM_HEADER_SIZE || at[0] != YM_WIRE_VERSION || at[1] != 0)
        return false;
    h.version = at[0];
    h.flags = at[1];
    at = get (&h.number, at + 2, sizeof h.number);
    at = get (&h.ask, at, sizeof h.ask);
    at = get (&h.seq, at, sizeof h.seq);
    at = get (h.trace, at, sizeof h.trace);
    (void)get (h.span, at, sizeof h.span);
    h.number = be16toh (h.number);
    h.ask = be64toh (h.ask);
    h.seq = be64toh (h.seq);
    *ret = h;
    return true;
}

void ym_faults_add (struct ym_faults *f, const char *path, const char *code, const char *text)
{
    struct ym_fault *to;

    if (f->count >= YM_FAULTS_MAX)
        return;
    to = &f->at[f->count++];
    memset (to, 0, sizeof *to);
    (void)ym_text_copy (to->path, sizeof to->path, path);
    (void)ym_text_copy (to->code, sizeof to->code, code);
    (void)ym_text_copy (to->text, sizeof to->text, text);
}

bool ym_wire_is_word (const char *at, size_t size)
{
    if (size == 0 || size > YM_WORD_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = at[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c && strchr ("._-:=>", c)))
            return false;
    }
    return true;
}

uint64_t ym_wire_present (const struct ym_message *m, const void *msg)
{
    uint64_t bits = 0, has;

    memcpy (&has, msg, sizeof has);
    for (size_t i = 0; i < m->count; i++)
        bits |= m->fields[i].need == YM_REQUIRED ? UINT64_C (1) << i : has & UINT64_C (1) << i;
    return bits;
}

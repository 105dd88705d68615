/* params.c - parameters in PostgreSQL's binary form, gathered in the batch's one buffer.
 *
 * The buffer is kept between batches, so a warm one does not call malloc. Too many parameters,
 * or a batch of a gigabyte, is a broken promise of the caller: sizes are bounded in schema/.
 */
#include "common/store/inside.h"

#include <endian.h>
#include <string.h>

enum { BATCH_MAX = 1 << 30, ARRAY_HEADER = 20 };

/* Room for 'size' more octets, to be filled by the caller. */
static uint8_t *reserve (struct ym_store_buffer *b, size_t size)
{
    uint8_t *at;

    if (size > (size_t)BATCH_MAX - b->used)
        ym_panic ("parameters of more than %d octets in one batch", BATCH_MAX);
    if (b->used + size > b->room) {
        b->room = 2 * b->room > b->used + size ? 2 * b->room : b->used + size + 1024;
        b->at = ym_grow_array (b->at, b->room, 1);
    }
    at = b->at + b->used;
    b->used += size;
    return at;
}

static uint8_t *begin (struct ym_batch *b, size_t size)
{
    struct ym_store_call *call;
    struct ym_store_param *param;

    ym_assert (b->phase == YM_BATCH_OPEN && b->calls > 0);
    call = &b->call[b->calls - 1];
    if (call->count == YM_STORE_PARAMS_MAX)
        ym_panic ("more than %d parameters for %s", YM_STORE_PARAMS_MAX, call->statement->name);
    param = &b->param[b->params++];
    call->count++;
    *param = (struct ym_store_param){.at = b->buffer.used, .size = (int)size};
    return reserve (&b->buffer, size);
}

static uint8_t *put2 (uint8_t *to, uint16_t v)
{
    v = htobe16 (v);
    return (uint8_t *)memcpy (to, &v, sizeof v) + sizeof v;
}

static uint8_t *put4 (uint8_t *to, uint32_t v)
{
    v = htobe32 (v);
    return (uint8_t *)memcpy (to, &v, sizeof v) + sizeof v;
}

static uint8_t *put8 (uint8_t *to, uint64_t v)
{
    v = htobe64 (v);
    return (uint8_t *)memcpy (to, &v, sizeof v) + sizeof v;
}

/* Octets with nothing before them; memcpy from NULL is undefined even for none. */
static uint8_t *put_octets (uint8_t *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy (to, from, size);
    return to + size;
}

void ym_param_int2 (struct ym_batch *b, int16_t v)
{
    (void)put2 (begin (b, sizeof v), (uint16_t)v);
}

void ym_param_int4 (struct ym_batch *b, int32_t v)
{
    (void)put4 (begin (b, sizeof v), (uint32_t)v);
}

void ym_param_int8 (struct ym_batch *b, int64_t v)
{
    (void)put8 (begin (b, sizeof v), (uint64_t)v);
}

void ym_param_bool (struct ym_batch *b, bool v)
{
    *begin (b, 1) = v;
}

void ym_param_text (struct ym_batch *b, struct ym_str v)
{
    (void)put_octets (begin (b, v.size), v.at, v.size);
}

void ym_param_bytea (struct ym_batch *b, struct ym_bytes v)
{
    (void)put_octets (begin (b, v.size), v.at, v.size);
}

void ym_param_null (struct ym_batch *b)
{
    (void)begin (b, 0);
    b->param[b->params - 1].size = -1;
}

/* One dimension from 1 to n, no NULLs; an empty array has no dimension at all. */
static uint8_t *begin_array (struct ym_batch *b, uint32_t type, size_t n, size_t octets)
{
    bool is_empty = n == 0;
    uint8_t *to;

    ym_assert (n <= BATCH_MAX / 4 && octets <= BATCH_MAX);
    to = begin (b, is_empty ? 12 : ARRAY_HEADER + 4 * n + octets);
    to = put4 (to, !is_empty);
    to = put4 (to, 0);
    to = put4 (to, type);
    if (is_empty)
        return to;
    return put4 (put4 (to, (uint32_t)n), 1);
}

void ym_param_int2s (struct ym_batch *b, const int16_t *v, size_t n)
{
    uint8_t *to = begin_array (b, YM_OID_INT2, n, n * sizeof *v);

    for (size_t i = 0; i < n; i++)
        to = put2 (put4 (to, sizeof *v), (uint16_t)v[i]);
}

void ym_param_int4s (struct ym_batch *b, const int32_t *v, size_t n)
{
    uint8_t *to = begin_array (b, YM_OID_INT4, n, n * sizeof *v);

    for (size_t i = 0; i < n; i++)
        to = put4 (put4 (to, sizeof *v), (uint32_t)v[i]);
}

void ym_param_int8s (struct ym_batch *b, const int64_t *v, size_t n)
{
    uint8_t *to = begin_array (b, YM_OID_INT8, n, n * sizeof *v);

    for (size_t i = 0; i < n; i++)
        to = put8 (put4 (to, sizeof *v), (uint64_t)v[i]);
}

void ym_param_bools (struct ym_batch *b, const bool *v, size_t n)
{
    uint8_t *to = begin_array (b, YM_OID_BOOL, n, n);

    for (size_t i = 0; i < n; i++) {
        to = put4 (to, 1);
        *to++ = v[i];
    }
}

void ym_param_texts (struct ym_batch *b, const struct ym_str *v, size_t n)
{
    size_t octets = 0;
    uint8_t *to;

    for (size_t i = 0; i < n; i++)
        octets += v[i].size;
    to = begin_array (b, YM_OID_TEXT, n, octets);
    for (size_t i = 0; i < n; i++)
        to = put_octets (put4 (to, v[i].size), v[i].at, v[i].size);
}

void ym_param_byteas (struct ym_batch *b, const struct ym_bytes *v, size_t n)
{
    size_t octets = 0;
    uint8_t *to;

    for (size_t i = 0; i < n; i++)
        octets += v[i].size;
    to = begin_array (b, YM_OID_BYTEA, n, octets);
    for (size_t i = 0; i < n; i++)
        to = put_octets (put4 (to, v[i].size), v[i].at, v[i].size);
}

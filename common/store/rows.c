/* rows.c - results in PostgreSQL's binary form.
 *
 * What comes from our own server and is not what the statement promised is a broken promise,
 * and panics with the column's name.
 */
#include "common/store/inside.h"

#include <endian.h>
#include <limits.h>
#include <string.h>

size_t ym_rows_count (const struct ym_rows *r)
{
    return r->result ? (size_t)PQntuples (r->result) : 0;
}

static void check_place (const struct ym_rows *r, size_t row, unsigned column)
{
    ym_assert (row < ym_rows_count (r) && column < (unsigned)PQnfields (r->result));
}

bool ym_row_is_null (const struct ym_rows *r, size_t row, unsigned column)
{
    check_place (r, row, column);
    return PQgetisnull (r->result, (int)row, (int)column);
}

/* The value's octets, or NULL; 'size' is its fixed size, or 0. */
static const uint8_t *value (const struct ym_rows *r, size_t row, unsigned column, Oid type,
                             int size)
{
    check_place (r, row, column);
    if (PQftype (r->result, (int)column) != type)
        ym_panic ("column %s has type %u, expected %u", PQfname (r->result, (int)column),
                  PQftype (r->result, (int)column), type);
    if (PQgetisnull (r->result, (int)row, (int)column))
        return NULL;
    if (size && PQgetlength (r->result, (int)row, (int)column) != size)
        ym_panic ("column %s is not in binary form", PQfname (r->result, (int)column));
    return (const uint8_t *)PQgetvalue (r->result, (int)row, (int)column);
}

static uint32_t size_of (const struct ym_rows *r, size_t row, unsigned column)
{
    return (uint32_t)PQgetlength (r->result, (int)row, (int)column);
}

static uint32_t read4 (const uint8_t *from)
{
    uint32_t v;

    memcpy (&v, from, sizeof v);
    return be32toh (v);
}

int16_t ym_row_int2 (const struct ym_rows *r, size_t row, unsigned column)
{
    const uint8_t *from = value (r, row, column, YM_OID_INT2, 2);
    uint16_t v = 0;

    if (from)
        memcpy (&v, from, sizeof v);
    return (int16_t)be16toh (v);
}

int32_t ym_row_int4 (const struct ym_rows *r, size_t row, unsigned column)
{
    const uint8_t *from = value (r, row, column, YM_OID_INT4, 4);

    return from ? (int32_t)read4 (from) : 0;
}

int64_t ym_row_int8 (const struct ym_rows *r, size_t row, unsigned column)
{
    const uint8_t *from = value (r, row, column, YM_OID_INT8, 8);
    uint64_t v = 0;

    if (from)
        memcpy (&v, from, sizeof v);
    return (int64_t)be64toh (v);
}

bool ym_row_bool (const struct ym_rows *r, size_t row, unsigned column)
{
    const uint8_t *from = value (r, row, column, YM_OID_BOOL, 1);

    return from && *from;
}

struct ym_str ym_row_text (const struct ym_rows *r, size_t row, unsigned column)
{
    const uint8_t *from;
    Oid type;

    check_place (r, row, column);
    type = PQftype (r->result, (int)column);
    if (type != YM_OID_VARCHAR && type != YM_OID_NAME)
        type = YM_OID_TEXT;
    from = value (r, row, column, type, 0);
    return (struct ym_str){.at = from ? (const char *)from : "",
                           .size = from ? size_of (r, row, column) : 0};
}

struct ym_bytes ym_row_bytea (const struct ym_rows *r, size_t row, unsigned column)
{
    const uint8_t *from = value (r, row, column, YM_OID_BYTEA, 0);

    return ym_bytes (from ? (const void *)from : "", from ? size_of (r, row, column) : 0);
}

/* A view that walks; what it would read beyond its end is a broken promise. */
static const uint8_t *take (struct ym_bytes *from, uint32_t size)
{
    const uint8_t *at = from->at;

    ym_assert (size <= from->size);
    from->at += size;
    from->size -= size;
    return at;
}

static void each_text (struct ym_bytes *from, void *arg,
                       void (*each) (void *arg, struct ym_str v))
{
    uint32_t size = read4 (take (from, 4));

    if (size > INT32_MAX) /* a NULL element */
        size = 0;
    each (arg, (struct ym_str){.at = (const char *)take (from, size), .size = size});
}

void ym_row_texts (const struct ym_rows *r, size_t row, unsigned column, void *arg,
                   void (*each) (void *arg, struct ym_str v))
{
    const uint8_t *at = value (r, row, column, YM_OID_TEXTS, 0);
    struct ym_bytes from;
    uint32_t dimensions, count;

    if (!at)
        return;
    from = ym_bytes (at, size_of (r, row, column));
    dimensions = read4 (take (&from, 12));
    if (dimensions == 0)
        return;
    ym_assert (dimensions == 1);
    count = read4 (take (&from, 8));
    while (count-- > 0)
        each_text (&from, arg, each);
}

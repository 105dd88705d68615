/* store.h - PostgreSQL: one asynchronous connection that runs one batch at a time.
 *
 * A batch is a list of calls of prepared statements sent in pipeline mode and closed by one
 * Sync: one implicit transaction, one round trip, all or nothing. The outcome is known only
 * when the Sync is answered, so results may be read in the done callback and nowhere else.
 *
 * Nothing blocks; every connection attempt and every batch has a deadline of its own, and at
 * the deadline the connection is dropped (never PQcancel, which blocks). Lost connections are
 * made again with backoff 20 ms .. 1 s, hosts of a multi-host conninfo in turn. Values travel
 * binary. One thread, one owner.
 */
#ifndef YM_STORE_H
#define YM_STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

struct ym_store;
struct ym_batch;
struct ym_rows;

enum { YM_STORE_PARAMS_MAX = 24, YM_STORE_CALLS_MAX = 64 };

/* A statement is prepared at first use on each connection; text and name are static. Parameters
 * are $1 .. $n with explicit casts in the text ($1::int8[]). */
struct ym_statement {
    const char *name, *text;
};

struct ym_store_options {
    const char *conninfo; /* without user */
    const char *user, *application;
    unsigned connect_ms, statement_ms;
    void *arg;
    void (*up) (void *arg); /* connected: the owner may send its first batch */
    /* Lost, or could not connect; once per outage. */
    void (*down) (void *arg, const char *why);
};
struct ym_store *ym_store_open (const struct ym_store_options *options);
/* NULL does nothing; a batch under way ends as unknown without a callback. */
void ym_store_close (struct ym_store *s);

/* For the loop. want is a set of POLLIN and POLLOUT; fd -1: only the time to wait for. */
int ym_store_fd (const struct ym_store *s, short *ret_want);
int ym_store_wait_ms (const struct ym_store *s, int64_t mono_ms); /* -1: no deadline */
/* When the fd is ready or time is up. */
void ym_store_process (struct ym_store *s, int64_t mono_ms);
bool ym_store_is_up (const struct ym_store *s);
bool ym_store_is_busy (const struct ym_store *s); /* a batch is under way */

enum ym_outcome {
    YM_COMMITTED,
    YM_ROLLED_BACK, /* the server said so; nothing of the batch is there */
    YM_UNKNOWN,  /* the connection was lost, or the deadline passed, after the Sync was sent */
    YM_NOT_SENT, /* not connected, or lost before the Sync had left: nothing happened */
};
struct ym_result {
    enum ym_outcome outcome;
    char sqlstate[6];     /* of the first failing statement; "" */
    char text[200];       /* the server's primary message; "" */
    unsigned failed_call; /* place of the failing call */
    unsigned calls;
};
typedef void ym_store_done_f (void *arg, struct ym_batch *b, const struct ym_result *result);

/* begin .. call/params .. commit. At most one batch at a time: begin while busy is a panic. The
 * done callback is called exactly once, from ym_store_process or, if not connected, from
 * commit. It may begin the next batch. Before the deadline of a batch come the server's own: a
 * statement may take 7/8 of statement_ms and wait for a lock 1/2 of it; then it is
 * YM_ROLLED_BACK (57014, 55P03). */
struct ym_batch *ym_store_begin (struct ym_store *s, void *arg, ym_store_done_f *done);
void ym_store_call (struct ym_batch *b, const struct ym_statement *statement);
void ym_store_commit (struct ym_batch *b);

/* Parameters of the latest call, in order. What they point at is copied. */
void ym_param_int2 (struct ym_batch *b, int16_t v);
void ym_param_int4 (struct ym_batch *b, int32_t v);
void ym_param_int8 (struct ym_batch *b, int64_t v);
void ym_param_bool (struct ym_batch *b, bool v);
void ym_param_text (struct ym_batch *b, struct ym_str v);
void ym_param_bytea (struct ym_batch *b, struct ym_bytes v);
void ym_param_null (struct ym_batch *b);
/* One-dimensional arrays without NULLs. */
void ym_param_int2s (struct ym_batch *b, const int16_t *v, size_t n);
void ym_param_int4s (struct ym_batch *b, const int32_t *v, size_t n);
void ym_param_int8s (struct ym_batch *b, const int64_t *v, size_t n);
void ym_param_bools (struct ym_batch *b, const bool *v, size_t n);
void ym_param_texts (struct ym_batch *b, const struct ym_str *v, size_t n);
void ym_param_byteas (struct ym_batch *b, const struct ym_bytes *v, size_t n);

/* Results, in the done callback of a committed batch. A column of another type than asked for
 * is a panic; a NULL reads as 0, false or the empty view. Views are valid until the callback
 * returns. */
const struct ym_rows *ym_batch_rows (const struct ym_batch *b, unsigned call);
size_t ym_rows_count (const struct ym_rows *r);
bool ym_row_is_null (const struct ym_rows *r, size_t row, unsigned column);
int16_t ym_row_int2 (const struct ym_rows *r, size_t row, unsigned column);
int32_t ym_row_int4 (const struct ym_rows *r, size_t row, unsigned column);
int64_t ym_row_int8 (const struct ym_rows *r, size_t row, unsigned column);
bool ym_row_bool (const struct ym_rows *r, size_t row, unsigned column);
struct ym_str ym_row_text (const struct ym_rows *r, size_t row, unsigned column);
struct ym_bytes ym_row_bytea (const struct ym_rows *r, size_t row, unsigned column);
/* A text[] column: calls back for each element. */
void ym_row_texts (const struct ym_rows *r, size_t row, unsigned column, void *arg,
                   void (*each) (void *arg, struct ym_str v));
#endif

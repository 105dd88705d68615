/* id.h - 64-bit ids: shard (11 bits), milliseconds since 2025-01-01 UTC (41), number (11).
 *
 * Ids rise with time, so an older job has the smaller id. They are minted from blocks of time
 * that the minting actor reserved in PostgreSQL, so that none is given out twice: not after a
 * crash, and not when the clock is set back. Printed as a word and 13 Crockford base 32
 * characters in lower case (https://www.crockford.com/base32.html): job_00c2v6t3g0010.
 */
#ifndef YM_BASE_ID_H
#define YM_BASE_ID_H
#include <stdbool.h>
#include <stdint.h>

enum { YM_ID_TEXT_MAX = 4 + 13 };
#define YM_ID_EPOCH_MS INT64_C (1735689600000) /* 2025-01-01T00:00:00Z */

int64_t ym_id_make (unsigned shard, int64_t unix_ms, unsigned number);
int64_t ym_id_unix_ms (int64_t id);
unsigned ym_id_shard (int64_t id);

void ym_id_print (char to[YM_ID_TEXT_MAX + 1], int64_t id);
/* Reads "job_..." or the 13 characters alone, any case, with Crockford's look-alikes (i l 1, o
 * 0). False if it is not an id; *ret untouched. */
bool ym_id_read (const char *text, int64_t *ret);

/* Mints within [from_ms, until_ms). One owner, one thread. */
struct ym_mint {
    unsigned shard;
    int64_t at_ms, until_ms;
    unsigned number;
};
/* The next id, or 0 if the block is used up: reserve another one. 'now_ms' pulls the mint
 * forward to the clock, never back; 2048 ids fit a millisecond, more borrow from the next. A
 * clock that says 2025-01-01 or earlier is a panic. */
int64_t ym_mint_next (struct ym_mint *mint, int64_t now_ms);
#endif

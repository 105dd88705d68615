/* id.c - ids of jobs: made, printed, read, minted.
 *
 * From the top: shard 11 bits, milliseconds 41, number 11. 13 characters of 5 bits hold 65, so
 * the first one is never above 7.
 */
#include "common/base/id.h"

#include <string.h>
#include <strings.h>

#include "common/base/panic.h"

enum { NUMBER_BITS = 11, MS_BITS = 41, SHARD_BITS = 11, CHARACTERS = 13, CHARACTER_BITS = 5 };
static const char prefix[] = "job_";
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

int64_t ym_id_make (unsigned shard, int64_t unix_ms, unsigned number)
{
    int64_t ms = unix_ms - YM_ID_EPOCH_MS;

    ym_assert (shard < 1u << SHARD_BITS && number < 1u << NUMBER_BITS);
    /* The first millisecond is left out, so that no id is 0. */
    if (ms <= 0 || ms >= INT64_C (1) << MS_BITS)
        ym_panic ("no ids at that time: the clock says %lld ms", (long long)unix_ms);
    return (int64_t)shard << (MS_BITS + NUMBER_BITS) | ms << NUMBER_BITS | number;
}

int64_t ym_id_unix_ms (int64_t id)
{
    return (id >> NUMBER_BITS & ((INT64_C (1) << MS_BITS) - 1)) + YM_ID_EPOCH_MS;
}

unsigned ym_id_shard (int64_t id)
{
    return (unsigned)(id >> (MS_BITS + NUMBER_BITS)) & ((1u << SHARD_BITS) - 1);
}

void ym_id_print (char to[YM_ID_TEXT_MAX + 1], int64_t id)
{
    uint64_t rest = (uint64_t)id;

    memcpy (to, prefix, sizeof prefix - 1);
    for (int i = YM_ID_TEXT_MAX - 1; i >= YM_ID_TEXT_MAX - CHARACTERS; i--) {
        to[i] = alphabet[rest & 31];
        rest >>= CHARACTER_BITS;
    }
    to[YM_ID_TEXT_MAX] = '\0';
}

static int value_of (char c)
{
    const char *at;

    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    if (c == 'i' || c == 'l')
        return 1;
    if (c == 'o')
        return 0;
    at = c ? strchr (alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

bool ym_id_read (const char *text, int64_t *ret)
{
    uint64_t id = 0;

    if (strncasecmp (text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    if (strnlen (text, CHARACTERS + 1) != CHARACTERS || value_of (text[0]) > 7)
        return false;
    for (int i = 0; i < CHARACTERS; i++) {
        int value = value_of (text[i]);

        if (value < 0)
            return false;
        id = id << CHARACTER_BITS | (unsigned)value;
    }
    if (id == 0)
        return false;
    *ret = (int64_t)id;
    return true;
}

int64_t ym_mint_next (struct ym_mint *mint, int64_t now_ms)
{
    if (now_ms > mint->at_ms) {
        mint->at_ms = now_ms;
        mint->number = 0;
    }
    if (mint->number >= 1u << NUMBER_BITS) {
        mint->at_ms++;
        mint->number = 0;
    }
    if (mint->at_ms >= mint->until_ms)
        return 0;
    return ym_id_make (mint->shard, mint->at_ms, mint->number++);
}

/* poison.c - the table of suspects, and what is under way. A digest is written before the count
 * that makes it valid, so that a death between the two leaves what was there before. */
#include "common/actor/poison.h"

#include <sodium.h>
#include <string.h>

#include "common/base/panic.h"

#define MAGIC UINT64_C (0x796d706f69736f31)

struct ym_digest ym_poison_digest (unsigned message, int64_t key, const void *body, size_t size)
{
    crypto_generichash_state state;
    struct ym_digest d;

    ym_assert (crypto_generichash_init (&state, NULL, 0, sizeof d.at) == 0);
    (void)crypto_generichash_update (&state, (const uint8_t *)&message, sizeof message);
    (void)crypto_generichash_update (&state, (const uint8_t *)&key, sizeof key);
    (void)crypto_generichash_update (&state, body, size);
    (void)crypto_generichash_final (&state, d.at, sizeof d.at);
    return d;
}

/* Its row, or -1. */
static int find (const struct ym_poison *p, const struct ym_digest *d)
{
    for (int i = 0; i < YM_POISON_ROWS; i++)
        if (p->rows[i].deaths > 0 && memcmp (&p->rows[i].digest, d, sizeof *d) == 0)
            return i;
    return -1;
}

unsigned ym_poison_deaths (const struct ym_poison *p, const struct ym_digest *d)
{
    int i = p->next > 0 ? find (p, d) : -1; /* nearly always nobody is suspected */

    return i >= 0 ? p->rows[i].deaths : 0;
}

static void suspect (struct ym_poison *p, const struct ym_digest *d)
{
    int i = find (p, d);

    if (i < 0) {
        i = (int)(p->next++ % YM_POISON_ROWS);
        p->rows[i].deaths = 0;
        p->rows[i].is_told = 0;
        p->rows[i].digest = *d;
    }
    p->rows[i].deaths++;
}

static unsigned count_flights (const struct ym_poison *p, unsigned lane)
{
    uint32_t count = p->flight_count[lane];

    return count < YM_POISON_FLIGHTS ? count : YM_POISON_FLIGHTS;
}

static bool has_suspect (const struct ym_poison *p)
{
    for (unsigned lane = 0; lane < YM_POISON_LANES; lane++)
        for (unsigned i = 0; i < count_flights (p, lane); i++)
            if (ym_poison_deaths (p, &p->flights[lane][i]) > 0)
                return true;
    return false;
}

unsigned ym_poison_begin (struct ym_poison *p)
{
    bool only_suspects;
    unsigned count = 0;

    if (p->magic != MAGIC) {
        memset (p, 0, sizeof *p);
        p->magic = MAGIC;
    }
    only_suspects = has_suspect (p);
    for (unsigned lane = 0; lane < YM_POISON_LANES; lane++) {
        for (unsigned i = 0; i < count_flights (p, lane); i++)
            if (!only_suspects || ym_poison_deaths (p, &p->flights[lane][i]) > 0) {
                suspect (p, &p->flights[lane][i]);
                count++;
            }
        p->flight_count[lane] = 0;
    }
    return count;
}

void ym_poison_takes_off (struct ym_poison *p, unsigned lane, const struct ym_digest *d)
{
    uint32_t count = p->flight_count[lane];

    ym_assert (lane < YM_POISON_LANES);
    if (count >= YM_POISON_FLIGHTS)
        return;
    p->flights[lane][count] = *d;
    __atomic_store_n (&p->flight_count[lane], count + 1, __ATOMIC_RELEASE);
}

void ym_poison_lands (struct ym_poison *p, unsigned lane)
{
    ym_assert (lane < YM_POISON_LANES);
    for (unsigned i = 0; p->next > 0 && i < count_flights (p, lane); i++) {
        int row = find (p, &p->flights[lane][i]);
        if (row >= 0)
            p->rows[row].deaths = 0;
    }
    __atomic_store_n (&p->flight_count[lane], 0, __ATOMIC_RELEASE);
}

bool ym_poison_tell_once (struct ym_poison *p, const struct ym_digest *d)
{
    int i = find (p, d);

    if (i < 0 || p->rows[i].is_told)
        return false;
    p->rows[i].is_told = 1;
    return true;
}

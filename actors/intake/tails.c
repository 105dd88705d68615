/* tails.c - open addressing, linear probing, and holes closed at once. */
#include "actors/intake/tails.h"

#include <stdlib.h>

#include "common/base/own.h"
#include "common/base/panic.h"

enum { ROOM_LEAST = 1024 }; /* a power of 2 */

struct tails {
    struct tail *rows;
    size_t room, count;
};

struct tails *tails_new (void)
{
    struct tails *t = ym_new (sizeof *t);

    t->room = ROOM_LEAST;
    t->rows = ym_new_array (t->room, sizeof *t->rows);
    return t;
}

void tails_free (struct tails *t)
{
    if (!t)
        return;
    free (t->rows);
    free (t);
}

size_t tails_count (const struct tails *t)
{
    return t->count;
}

/* Ids rise by small steps: the multiplication spreads them. */
static size_t place_of (const struct tails *t, int64_t job)
{
    return (size_t)((uint64_t)job * UINT64_C (0x9e3779b97f4a7c15) >> 20) & (t->room - 1);
}

/* Where it is, or the empty place where it would be. */
static size_t seek (const struct tails *t, int64_t job)
{
    size_t i = place_of (t, job);

    while (t->rows[i].job != 0 && t->rows[i].job != job)
        i = (i + 1) & (t->room - 1);
    return i;
}

struct tail *tails_find (const struct tails *t, int64_t job)
{
    struct tail *row = &t->rows[seek (t, job)];

    return row->job == 0 ? NULL : row;
}

static void grow (struct tails *t)
{
    struct tails old = *t;

    t->room *= 2;
    t->rows = ym_new_array (t->room, sizeof *t->rows);
    for (size_t i = 0; i < old.room; i++)
        if (old.rows[i].job != 0)
            t->rows[seek (t, old.rows[i].job)] = old.rows[i];
    free (old.rows);
}

struct tail *tails_add (struct tails *t, int64_t job, int32_t seq)
{
    ym_assert (job != 0);
    if ((t->count + 1) * 10 > t->room * 9)
        grow (t);
    struct tail *row = &t->rows[seek (t, job)];
    ym_assert (row->job == 0);
    *row = (struct tail){.job = job, .seq = seq};
    t->count++;
    return row;
}

void tails_remove (struct tails *t, int64_t job)
{
    size_t hole = seek (t, job), mask = t->room - 1;

    if (t->rows[hole].job == 0)
        return;
    t->count--;
    for (size_t i = (hole + 1) & mask; t->rows[i].job != 0; i = (i + 1) & mask) {
        size_t home = place_of (t, t->rows[i].job);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* it is not before its home there */
        t->rows[hole] = t->rows[i];
        hole = i;
    }
    t->rows[hole] = (struct tail){0};
}

struct tail *tails_next (const struct tails *t, size_t *at)
{
    while (*at < t->room) {
        struct tail *row = &t->rows[(*at)++];
        if (row->job != 0)
            return row;
    }
    return NULL;
}

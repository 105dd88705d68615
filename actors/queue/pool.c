/* pool.c - places in one array that doubles, the free ones in a list; linear probing, without
 * tombstones. */
#include "actors/queue/pool.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"
#include "common/base/panic.h"

enum { ROOM_LEAST = 64 };

void pool_begin (struct pool *p, size_t stride)
{
    *p = (struct pool){
        .nodes = {ym_new_array (ROOM_LEAST, stride), stride}, .count = 1, .room = ROOM_LEAST};
}

void pool_end (struct pool *p)
{
    free (p->nodes.at);
    *p = (struct pool){0};
}

void *pool_at (const struct pool *p, uint32_t place)
{
    return tree_node (&p->nodes, place);
}

uint32_t pool_take (struct pool *p, int64_t job)
{
    uint32_t place = p->free;
    struct slot *s;

    if (place != 0)
        p->free = ((struct slot *)pool_at (p, place))->next_free;
    else {
        if (p->count == p->room) {
            ym_assert (p->room <= UINT32_MAX / 2);
            p->room *= 2;
            p->nodes.at = ym_grow_array (p->nodes.at, p->room, p->nodes.stride);
        }
        place = p->count++;
    }
    s = pool_at (p, place);
    memset (s, 0, p->nodes.stride);
    s->job = job;
    return place;
}

void pool_give (struct pool *p, uint32_t place)
{
    struct slot *s = pool_at (p, place);

    ym_assert (place != 0 && s->job != 0);
    s->job = 0;
    s->next_free = p->free;
    p->free = place;
}

/* The index. */

static size_t home (const struct index *ix, int64_t job)
{
    uint64_t z = (uint64_t)job * UINT64_C (0x9e3779b97f4a7c15);

    return (z ^ (z >> 32)) & (ix->room - 1);
}

static int64_t job_at (const struct pool *p, uint32_t place)
{
    return ((const struct slot *)pool_at (p, place))->job;
}

/* Where the job is, or the empty place where it would be. */
static size_t spot_of (const struct index *ix, const struct pool *p, int64_t job)
{
    size_t i = home (ix, job);

    while (ix->at[i] != 0 && job_at (p, ix->at[i]) != job)
        i = (i + 1) & (ix->room - 1);
    return i;
}

void index_end (struct index *ix)
{
    free (ix->at);
    *ix = (struct index){0};
}

uint32_t index_find (const struct index *ix, const struct pool *p, int64_t job)
{
    return ix->room > 0 ? ix->at[spot_of (ix, p, job)] : 0;
}

static void grow (struct index *ix, const struct pool *p)
{
    struct index larger = {.room = ix->room > 0 ? ix->room * 2 : ROOM_LEAST};

    larger.at = ym_new_array (larger.room, sizeof *larger.at);
    larger.count = ix->count;
    for (size_t i = 0; i < ix->room; i++)
        if (ix->at[i] != 0)
            larger.at[spot_of (&larger, p, job_at (p, ix->at[i]))] = ix->at[i];
    free (ix->at);
    *ix = larger;
}

void index_add (struct index *ix, const struct pool *p, uint32_t place)
{
    size_t spot;

    if ((ix->count + 1) * 4 > ix->room * 3)
        grow (ix, p);
    spot = spot_of (ix, p, job_at (p, place));
    ym_assert (ix->at[spot] == 0);
    ix->at[spot] = place;
    ix->count++;
}

/* Those behind it move up, so that none is cut off from its home. */
static void close_gap (struct index *ix, const struct pool *p, size_t gap)
{
    size_t mask = ix->room - 1;

    for (size_t i = (gap + 1) & mask; ix->at[i] != 0; i = (i + 1) & mask) {
        size_t from_home = (i - home (ix, job_at (p, ix->at[i]))) & mask;
        if (from_home >= ((i - gap) & mask)) {
            ix->at[gap] = ix->at[i];
            ix->at[i] = 0;
            gap = i;
        }
    }
}

void index_remove (struct index *ix, const struct pool *p, uint32_t place)
{
    size_t spot = spot_of (ix, p, job_at (p, place));

    ym_assert (ix->at[spot] == place);
    ix->at[spot] = 0;
    ix->count--;
    close_gap (ix, p, spot);
}

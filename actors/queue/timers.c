/* timers.c - binary heaps of places in a pool; each timer knows its spots, so that it can
 * leave. */
#include "actors/queue/timers.h"

#include <stdlib.h>

#include "common/base/own.h"
#include "common/base/panic.h"

void timers_begin (struct timers *t)
{
    *t = (struct timers){0};
    pool_begin (&t->pool, sizeof (struct timer));
}

void timers_end (struct timers *t)
{
    for (int kind = 0; kind < TIMER_KINDS; kind++)
        free (t->heaps[kind].at);
    pool_end (&t->pool);
}

static struct timer *timer_at (const struct timers *t, uint32_t place)
{
    return pool_at (&t->pool, place);
}

static int64_t due (const struct timers *t, enum timer_kind kind, uint32_t spot)
{
    return timer_at (t, t->heaps[kind].at[spot])->due_ms[kind];
}

static void put (struct timers *t, enum timer_kind kind, uint32_t spot, uint32_t place)
{
    t->heaps[kind].at[spot] = place;
    timer_at (t, place)->spot[kind] = spot;
}

/* Moves what is at a spot up or down to where its time belongs. */
static void settle (struct timers *t, enum timer_kind kind, uint32_t spot)
{
    uint32_t place = t->heaps[kind].at[spot], count = t->heaps[kind].count;
    int64_t at_ms = timer_at (t, place)->due_ms[kind];

    for (; spot > 1 && due (t, kind, spot / 2) > at_ms; spot /= 2)
        put (t, kind, spot, t->heaps[kind].at[spot / 2]);
    for (uint32_t child; (child = 2 * spot) <= count; spot = child) {
        if (child < count && due (t, kind, child + 1) < due (t, kind, child))
            child++;
        if (due (t, kind, child) >= at_ms)
            break;
        put (t, kind, spot, t->heaps[kind].at[child]);
    }
    put (t, kind, spot, place);
}

static void enter (struct timers *t, enum timer_kind kind, uint32_t place, int64_t at_ms)
{
    struct timer *x = timer_at (t, place);

    x->told[kind] = x->due_ms[kind] = at_ms;
    if (at_ms == 0)
        return;
    if (t->heaps[kind].count + 1 >= t->heaps[kind].room) {
        t->heaps[kind].room = t->heaps[kind].room ? t->heaps[kind].room * 2 : 16;
        t->heaps[kind].at =
            ym_grow_array (t->heaps[kind].at, t->heaps[kind].room, sizeof (uint32_t));
    }
    put (t, kind, ++t->heaps[kind].count, place);
    settle (t, kind, t->heaps[kind].count);
}

static void leave (struct timers *t, enum timer_kind kind, uint32_t place)
{
    struct timer *x = timer_at (t, place);
    uint32_t spot = x->spot[kind], last;

    if (spot == 0)
        return;
    x->spot[kind] = 0;
    x->told[kind] = 0;
    last = t->heaps[kind].at[t->heaps[kind].count--];
    if (last == place)
        return;
    put (t, kind, spot, last);
    settle (t, kind, spot);
}

uint32_t timers_add (struct timers *t, int64_t job, int64_t begin_ms, int64_t limit_ms)
{
    uint32_t place;

    if (begin_ms == 0 && limit_ms == 0)
        return 0;
    place = pool_take (&t->pool, job);
    enter (t, TIMER_BEGIN, place, begin_ms);
    enter (t, TIMER_LIMIT, place, limit_ms);
    return place;
}

void timers_remove (struct timers *t, uint32_t place)
{
    if (place == 0)
        return;
    leave (t, TIMER_BEGIN, place);
    leave (t, TIMER_LIMIT, place);
    pool_give (&t->pool, place);
}

int64_t timers_told (const struct timers *t, uint32_t place, enum timer_kind kind)
{
    return place ? timer_at (t, place)->told[kind] : 0;
}

int64_t timers_next_ms (const struct timers *t, enum timer_kind kind)
{
    return t->heaps[kind].count > 0 ? due (t, kind, 1) : 0;
}

int64_t timers_due (struct timers *t, enum timer_kind kind, int64_t now_ms, int64_t again_ms)
{
    struct timer *x;

    if (t->heaps[kind].count == 0 || due (t, kind, 1) > now_ms)
        return 0;
    x = timer_at (t, t->heaps[kind].at[1]);
    if (kind == TIMER_BEGIN)
        leave (t, kind, t->heaps[kind].at[1]);
    else {
        ym_assert (again_ms > now_ms);
        x->due_ms[kind] = again_ms;
        settle (t, kind, 1);
    }
    return x->job;
}

/* timers.h - the times of the few jobs that have any: when they may start, and until when they
 * wait. Two heaps by time. */
#ifndef YM_QUEUE_TIMERS_H
#define YM_QUEUE_TIMERS_H
#include "actors/queue/pool.h"

enum timer_kind { TIMER_BEGIN, TIMER_LIMIT, TIMER_KINDS };

struct timer {
    int64_t job;
    uint32_t spare;
    uint32_t spot[TIMER_KINDS];  /* in the heap of the kind, from 1; 0: it is not there */
    int64_t told[TIMER_KINDS];   /* the time as it was told; 0: none */
    int64_t due_ms[TIMER_KINDS]; /* when to look */
};

struct timers {
    struct pool pool;
    struct {
        uint32_t *at;
        uint32_t count, room;
    } heaps[TIMER_KINDS];
};

void timers_begin (struct timers *t);
void timers_end (struct timers *t);

/* Returns the place; 0 if there is nothing to time. */
uint32_t timers_add (struct timers *t, int64_t job, int64_t begin_ms, int64_t limit_ms);
void timers_remove (struct timers *t, uint32_t place);
int64_t timers_told (const struct timers *t, uint32_t place, enum timer_kind kind);

/* The earliest time of a kind, 0 if none. */
int64_t timers_next_ms (const struct timers *t, enum timer_kind kind);
/* A job whose time has come, or 0. One of BEGIN is forgotten, one of LIMIT is due again later.
 */
int64_t timers_due (struct timers *t, enum timer_kind kind, int64_t now_ms, int64_t again_ms);
#endif

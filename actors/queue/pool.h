/* pool.h - places for many small things of one size, numbered from 1, and where a job's is. */
#ifndef YM_QUEUE_POOL_H
#define YM_QUEUE_POOL_H
#include "actors/queue/tree.h"

/* What every thing in a pool begins with; job 0: the place is free. */
struct slot {
    int64_t job;
    uint32_t next_free;
};

struct pool {
    struct nodes nodes;
    uint32_t count, room; /* count: places ever used, the one numbered 0 among them */
    uint32_t free;
};

void pool_begin (struct pool *p, size_t stride);
void pool_end (struct pool *p);
/* A zeroed thing for that job. Whatever pointed into the pool points nowhere now. */
uint32_t pool_take (struct pool *p, int64_t job);
void pool_give (struct pool *p, uint32_t place);
void *pool_at (const struct pool *p, uint32_t place);

/* Where each job is: open addressing, 4 octets a place, at most three of four taken. */
struct index {
    uint32_t *at;
    size_t room, count;
};

void index_end (struct index *ix);
uint32_t index_find (const struct index *ix, const struct pool *p,
                     int64_t job); /* 0: nowhere */
/* It must not be there. */
void index_add (struct index *ix, const struct pool *p, uint32_t place);
/* It must be there. */
void index_remove (struct index *ix, const struct pool *p, uint32_t place);
#endif

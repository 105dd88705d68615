/* tails.h - of each live job, the number of the last event that went to the feeds.
 *
 * One flat table of 24 octets a job, half to nine tenths of it used, so that a million jobs
 * take some 48 MB while a feed is open. */
#ifndef YM_INTAKE_TAILS_H
#define YM_INTAKE_TAILS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tail {
    int64_t job;    /* 0: an empty place */
    uint64_t feeds; /* those that know the job: a bit a place */
    int32_t seq;
    uint8_t round; /* of the last comparison that met it */
    bool news;     /* there may be events after seq */
    bool ended;    /* its last event was sent */
};
struct tails;

struct tails *tails_new (void);
void tails_free (struct tails *t); /* NULL does nothing */
size_t tails_count (const struct tails *t);
/* Valid until the next add or remove. find: NULL if it is not there. add: it must not be. */
struct tail *tails_find (const struct tails *t, int64_t job);
struct tail *tails_add (struct tails *t, int64_t job, int32_t seq);
void tails_remove (struct tails *t, int64_t job);
/* The next one from place *at on, in no order; NULL at the end. Nothing is added or removed
 * meanwhile. */
struct tail *tails_next (const struct tails *t, size_t *at);
#endif

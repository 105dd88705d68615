/* feed.h - what the two files about feeds share: feed.c has the readers, follow.c what is read
 * for them. */
#ifndef YM_INTAKE_FEED_H
#define YM_INTAKE_FEED_H
#include "actors/intake/intake.h"
#include "actors/intake/store_feed.h"
#include "actors/intake/tails.h"

/* An event that a snapshot has told already, and that is still to come by the tail. */
struct told {
    int64_t job;
    int32_t seq;
    UT_hash_handle hh;
};

struct feed {
    uint64_t number;
    uint64_t bit;        /* its place among the feeds, as a mask */
    struct ym_item item; /* who opened it: an answer that is owed, and the route for rows */
    struct ym_to to;
    int32_t sees; /* tenant, or 0 for all */
    bool snapshot, has_tier, has_state, has_tenant;
    uint32_t tier;
    int32_t state;
    char tenant[41];
    uint64_t sent;

    bool scanning; /* live jobs of (cursor, until] are not all known to it */
    int64_t cursor, until;
    int64_t scan_at_ms; /* the next page, monotonic */
    struct told *told;
    struct feed *prev, *next;
};

/* Jobs to look at, each once. */
struct job_pile {
    int64_t *jobs;
    size_t count, room;
};

struct feeds {
    struct feed *list;
    size_t count;
    uint64_t places; /* taken */
    uint64_t last_number;
    int64_t beat_at_ms;

    struct tails *tails; /* NULL while no feed is open */
    int64_t checked;     /* every newer job that is not in tails has never been seen */
    bool whole;          /* every live job up to the first feed's beginning is in tails */
    bool newer_wanted, working;
    uint32_t life; /* rises each time the first feed is opened */
    struct job_pile news, ended;
    struct {
        bool wanted, going;
        int64_t at, due_ms; /* monotonic: the next one, if nothing asks for it before */
        uint8_t round;
    } compare;
};

/* feed.c */
void feed_send (struct intake *in, struct feed *f, const struct feed_event *e,
                enum ym_feed_part part);
void feed_opened (struct intake *in, struct feed *f);
void feed_beat (struct intake *in, const struct feed *f);

/* follow.c */
void follow_begin (struct feeds *fs, int64_t newest);
void follow_end (struct feeds *fs);
/* From now on this feed follows every job there is, or is forgotten by all of them. */
void follow_all (struct feeds *fs, const struct feed *f);
void follow_none (struct feeds *fs, const struct feed *f);
void follow_look (struct feeds *fs, int64_t job);
/* Milliseconds until it wants the next pass; -1: no wish. */
int follow_pass (struct intake *in, int64_t mono_ms);
#endif

/* inside.h - the inside of waiting.h: what waiting.c, lanes.c and offers.c share. */
#ifndef YM_QUEUE_INSIDE_H
#define YM_QUEUE_INSIDE_H
#include <uthash.h>
#include <utlist.h>

#include "actors/queue/pool.h"
#include "actors/queue/timers.h"
#include "actors/queue/waiting.h"

enum where { IS_IDLE, IS_NEXT, IS_OFFERED };

/* 40 octets, of which a million are kept. */
struct entry {
    struct node node; /* in its lane's tree of those to be offered next, or on offer */
    uint32_t lane, offer, timer;
    uint16_t unmet; /* UINT16_MAX: so many or more */
    uint8_t hold;
    uint8_t where : 2, came_back : 1, seen : 1;
};

/* What is on offer has a second node, in the tree of all that its tenant has on offer. */
struct offer {
    struct node node;
    uint64_t tag; /* UINT64_MAX: none yet */
};

struct tenant {
    uint32_t id, weight;
    uint64_t pass;
    uint32_t offers; /* a tree */
    size_t waiting, told;
    bool is_told;
    UT_hash_handle hh;
};

struct lane {
    struct class *class;
    struct tenant *tenant;
    uint32_t tenant_id, number;
    uint32_t next, offered; /* trees */
    size_t idle;
    bool is_active, is_stirred;
    bool has_rested; /* nothing of it was on offer before those that have no tag yet */
    struct lane *prev_stirred, *next_stirred;
    UT_hash_handle hh; /* in its class, by tenant */
};

struct class {
    uint64_t requirement;
    struct lane *lanes;
    size_t active;
    UT_hash_handle hh;
};

struct waiting {
    struct pool entries, offers;
    struct timers timers;
    struct index index;
    struct class *classes;
    struct tenant *tenants;
    struct lane **lanes; /* by number; NULL: free */
    uint32_t lane_count, lane_room;
    uint32_t *free_lanes;
    uint32_t free_count;
    struct lane *stirred; /* they may have something to offer */
    uint64_t virtual_time;
    int64_t *withdrawn;
    size_t withdrawn_count, withdrawn_room;
    int64_t *fresh; /* on offer, and not given out yet */
    size_t fresh_count, fresh_given, fresh_room;
    size_t idle;
    bool seen; /* the mark of what the latest load has seen */
    bool is_loading, tenant_news;
};

/* lanes.c */
struct tenant *lanes_tenant (struct waiting *w, uint32_t id);
struct lane *lanes_find (struct waiting *w, uint64_t requirement, uint32_t tenant);
void lanes_settle (struct waiting *w, struct lane *lane); /* its trees changed; may free it */
void lanes_free (struct waiting *w);

/* offers.c */
void offers_leave (struct waiting *w, uint32_t entry); /* neither on offer nor next */
void offers_note_withdrawn (struct waiting *w, int64_t job);

static inline struct entry *entry_at (const struct waiting *w, uint32_t place)
{
    return pool_at (&w->entries, place);
}

static inline struct offer *offer_at (const struct waiting *w, uint32_t place)
{
    return pool_at (&w->offers, place);
}
#endif

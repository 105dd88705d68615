/* waiting.h - the waiting jobs of one tier, in memory.
 *
 * A lane holds one tenant's jobs of one requirement class, in the order in which they are
 * served: urgency, then age. The first of each lane, its window, are on offer to assignment,
 * each with a rank that orders them over all lanes: tenants share the tier by their weights.
 * Jobs that may not start yet are idle: known, counted, and not in that order. Everything about
 * one job costs O(log n), or O(tenants of its class) for the first of a lane; about 50 octets a
 * job.
 */
#ifndef YM_QUEUE_WAITING_H
#define YM_QUEUE_WAITING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/queue/decide.h"

struct waiting;

struct waiting_job {
    int64_t job;
    uint32_t tenant;
    uint64_t requirement;
    uint32_t urgency, hold, unmet;
    int64_t not_before_ms, wait_until_ms; /* 0: none */
    bool came_back;
};
struct waiting_offer {
    int64_t job;
    uint32_t tenant;
    uint64_t requirement, rank;
    bool came_back;
};

struct waiting *waiting_new (void);
void waiting_free (struct waiting *w);

/* As the job is now, whether it was here or not. Nothing moves if it was here just so; if it
 * was on offer and is another now, that offer is withdrawn. */
void waiting_put (struct waiting *w, const struct waiting_job *job, int64_t now_ms);
/* It waits no more; an offer is withdrawn. False if it was not here. */
bool waiting_remove (struct waiting *w, int64_t job);
/* The same, but assignment took it: no withdrawal, and its tenant was served. */
bool waiting_take (struct waiting *w, int64_t job);
/* Assignment found that it does not wait. Nothing if it is not on offer any more: what was
 * heard of it since is newer. */
bool waiting_refuse (struct waiting *w, int64_t job);
bool waiting_has (const struct waiting *w, int64_t job);
bool waiting_is_offered (const struct waiting *w, int64_t job);
/* What decide_waits needs to know of it; false if it is not here. */
bool waiting_facts (const struct waiting *w, int64_t job, struct waits_facts *ret);

/* Takes up to 'room' jobs that are to be offered now. What waiting_withdrawn gives after that
 * is to be told before these. */
size_t waiting_offer (struct waiting *w, struct waiting_offer *ret, size_t room);
/* Offers that hold no more since it was last asked. */
size_t waiting_withdrawn (struct waiting *w, int64_t *ret, size_t room);
/* Nothing is on offer any more; the next waiting_offer begins again. */
void waiting_withdraw (struct waiting *w);

/* Times: those that may start now become so; gives those that have waited too long, each again
 * every few seconds until it is removed. waiting_next_ms: when to come again, 0 if never. */
void waiting_begin_due (struct waiting *w, int64_t now_ms);
size_t waiting_overdue (struct waiting *w, int64_t now_ms, int64_t *ret, size_t room);
int64_t waiting_next_ms (const struct waiting *w);

/* Reading the whole table: after begin each job that is put counts as seen; those that were not
 * are removed by end. */
void waiting_load_begin (struct waiting *w);
size_t waiting_load_end (struct waiting *w);

/* Weights: all are 1 after reset. */
void waiting_reset_weights (struct waiting *w);
void waiting_set_weight (struct waiting *w, uint32_t tenant, uint32_t weight);

/* Jobs of its class that are served before it: exactly those of its own tenant, about so many
 * of the others. */
struct waiting_ahead {
    size_t own, others;
};
struct waiting_ahead waiting_ahead (const struct waiting *w, int64_t job);

struct waiting_counts {
    size_t waiting, offered, idle, classes;
    int64_t oldest; /* of those that may start: a job id, 0 if none */
};
struct waiting_counts waiting_counts (const struct waiting *w);

struct waiting_tenant {
    uint32_t tenant;
    size_t waiting;
};
bool waiting_has_tenant_news (const struct waiting *w);
/* Tenants whose numbers are not as they were last given; after forget, all. */
size_t waiting_tenants (struct waiting *w, struct waiting_tenant *ret, size_t room);
void waiting_forget_told (struct waiting *w);
#endif

/* waiting.h - the waiting jobs of one tier, in memory.
 *
 * Grouped by requirement class, each class in the order its jobs are to be served (a smaller id
 * is an older job). A part of each class, its window, is on offer to assignment. Adding and
 * removing cost O(log n); nothing costs O(n) but a new offer of everything. About 120 octets a
 * job.
 */
#ifndef YM_QUEUE_WAITING_H
#define YM_QUEUE_WAITING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct waiting;

struct waiting_job {
    int64_t job;
    uint32_t tenant;
    uint64_t requirement;
};

struct waiting *waiting_new (void);
void waiting_free (struct waiting *w);

/* False if it was there already. */
bool waiting_add (struct waiting *w, const struct waiting_job *job);
/* False if it was not there. */
bool waiting_remove (struct waiting *w, int64_t job);
bool waiting_has (const struct waiting *w, int64_t job);

/* Takes up to 'room' jobs that are to be offered now, by class, each class oldest first. */
size_t waiting_offer (struct waiting *w, struct waiting_job *ret, size_t room);
/* Nothing is on offer any more; the next waiting_offer begins again. */
void waiting_withdraw (struct waiting *w);

/* Jobs of the same class that are older than this one. O(class). */
size_t waiting_ahead (const struct waiting *w, int64_t job);

struct waiting_counts {
    size_t waiting, offered, classes;
    int64_t oldest; /* a job id, 0 if none */
};
struct waiting_counts waiting_counts (const struct waiting *w);
#endif

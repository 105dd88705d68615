/* decide.h - which waiting job goes to which agent, and why another does not. Pure.
 *
 * One function, decide_match, says what stands between a job and an agent. The round that
 * leases and the explanation an operator reads both ask it, so they cannot disagree.
 */
#ifndef YM_ASSIGNMENT_DECIDE_H
#define YM_ASSIGNMENT_DECIDE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/life.h"
#include "common/base/refusal.h"
#include "common/wire/requirement.h"

/* What a decision may know of one agent. */
struct agent_facts {
    const char *region, *pool;
    const struct ym_words *capabilities;
    uint32_t slots, used;
    bool connected;   /* registered, neither lost nor gone */
    bool heard;       /* a heartbeat within half a lease */
    int64_t since_ms; /* when its state began */
};

/* The set of blockers between this need and this agent, 1 << enum ym_blocker each; 0: may be
 * leased. */
unsigned decide_match (const struct ym_requirement *need, const struct agent_facts *agent);
/* The part of that set which only a registration can change. */
unsigned decide_fits_never (const struct ym_requirement *need, const struct agent_facts *agent);

/* One round. Classes hold the jobs on offer by tier, each list in the order it is to be served.
 */
struct round_class {
    const uint32_t *agents; /* numbers of the agents that fit */
    size_t agent_count;
    size_t cursor; /* where the search goes on, so that agents take turns; in and out */
    struct {
        const int64_t *jobs;
        size_t count;
    } tiers[YM_COUNT_tier];
    size_t served; /* the round's own: jobs of the tier that are decided */
    uint32_t next; /* the round's own: link to the next open class */
};
struct round_facts {
    struct round_class *classes;
    size_t class_count;
    uint32_t *free; /* free slots by agent number; in and out */
};
struct round_lease {
    int64_t job;
    uint32_t class, tier, agent;
};

/* Tiers from the top; inside a tier the oldest job first, over all classes. A job takes a slot
 * only of an agent that fits, and none of a lower tier is served from an agent while one of a
 * higher tier that fits it is left. Returns how many were decided, at most 'room'. */
size_t decide_round (struct round_facts *f, struct round_lease *ret, size_t room);

/* Every blocker of one waiting job. */
struct explain_facts {
    const struct ym_requirement *need;
    const struct agent_facts *agents;
    size_t agent_count;
    bool waiting;     /* its queue has it */
    uint64_t ahead;   /* jobs of its class and tier before it */
    int64_t state_at; /* since when it waits */
};
enum { EXPLAIN_MAX = 8 };
/* The blocker of a job that has no other, and that a round does not take: others go first. */
size_t decide_outranked (int64_t state_at, struct ym_blocker_row ret[EXPLAIN_MAX]);
/* Returns how many; 0 means that the next round leases it, if no job of another class is served
 * before it from the same slots. */
size_t decide_explain (const struct explain_facts *f, struct ym_blocker_row ret[EXPLAIN_MAX]);
#endif

/* decide_round.h - one round: which waiting jobs are leased to which agents. Pure. */
#ifndef YM_ASSIGNMENT_DECIDE_ROUND_H
#define YM_ASSIGNMENT_DECIDE_ROUND_H
#include "actors/assignment/decide.h"

/* One job on offer. In a tier the smallest rank goes first, then the oldest job. */
struct round_offer {
    int64_t job;
    uint64_t rank;
    uint32_t tenant; /* its place in round_facts.room */
    bool preempted;  /* it waits because it gave way itself */
};
bool decide_goes_before (const struct round_offer *a, const struct round_offer *b);

/* Classes hold the jobs on offer by tier, each list in the order it is to be served. Lists of
 * agents are by number; a cursor says where the search goes on, so that agents take turns. */
struct round_agents {
    const uint32_t *at;
    size_t count;
    size_t cursor;       /* in and out */
    const uint64_t *set; /* the same, a bit for each number; NULL: each is looked at */
    size_t words;        /* of the set */
};
struct round_class {
    struct round_agents agents;   /* those that fit */
    struct round_agents overflow; /* those that jobs of the top tier may take besides */
    int64_t until_ms;             /* an attempt is taken to run until then */
    struct {
        const struct round_offer *offers;
        size_t count;
        size_t served; /* the round's own: offers of the tier that are decided */
        uint32_t next; /* the round's own: link to the next open class */
    } tiers[YM_COUNT_tier];
};

/* A slot that was freed for a job: it is the job's before anybody is served. */
struct round_kept {
    int64_t job;
    uint32_t class, tier, agent;
};

struct round_facts {
    struct round_class *classes;
    size_t class_count;
    size_t agent_count;
    uint32_t *free;        /* free slots by agent number, without those kept; in and out */
    const int64_t *window; /* by agent number: when its maintenance window begins */
    uint32_t *room; /* by tenant's place: attempts it may have more, likewise; in and out */
    const struct round_kept *kept; /* by job */
    size_t kept_count;
    bool stopped[YM_COUNT_tier]; /* nothing of this queue is leased */
    /* Leases of higher tiers since the last of this one, while a job of it could have run; at
     * so many it has its turn. 0: never. */
    uint32_t age_grants;
    uint32_t aged[YM_COUNT_tier]; /* in and out */
};
struct round_lease {
    int64_t job;
    uint32_t class, tier, agent;
    bool kept, overflow; /* from a slot that was freed for it; from a shared agent */
};

/* Kept slots first; then tiers from the top, but for one that has aged; inside a tier by rank
 * and age, over all classes. A job takes a slot only of an agent that fits, and none of a lower
 * tier is served from an agent while one of a higher tier that fits it is left. Returns how
 * many were decided, at most 'room'. */
size_t decide_round (struct round_facts *f, struct round_lease *ret, size_t room);
#endif

/* decide_preempt.h - which running attempt gives way to which waiting job. Pure.
 *
 * Nobody gives way twice for one job, to a job of its own or a lower tier, right after its
 * start, or more often than is allowed. A job that waits because it gave way itself preempts
 * nobody. So no chain and no circle begins: each preemption uses up one of a bounded number.
 */
#ifndef YM_ASSIGNMENT_DECIDE_PREEMPT_H
#define YM_ASSIGNMENT_DECIDE_PREEMPT_H
#include "actors/assignment/decide_round.h"

struct preempt_rules {
    int64_t now_ms, exempt_ms;
    uint32_t most; /* times a job gives way at most; 0: nobody does */
};

/* What a decision may know of one attempt. */
struct preempt_attempt {
    int64_t job;
    uint32_t agent, tier, preempted;
    bool started; /* STARTED, and neither a wish nor an end is under way */
    bool fixed;   /* its owner wants it not to be preempted */
    int64_t started_at, checkpoint_at;
};
bool decide_may_give_way (const struct preempt_rules *rules, const struct preempt_attempt *t);
/* Whether x is the cheaper victim: the lower tier, then the least work since it was safe. */
bool decide_gives_way_before (const struct preempt_attempt *x, const struct preempt_attempt *y);

/* One job on offer that no round served. */
struct preempt_offer {
    struct round_offer offer;
    uint32_t class, tier;
    bool preempted; /* it waits because it gave way itself */
    bool served;    /* somebody gives way to it already, or a slot is kept for it */
};
/* Classes of offers: on which agents they can run. */
struct preempt_class {
    const uint32_t *agents;
    size_t agent_count;
    int64_t until_ms; /* an attempt is taken to run until then */
};
struct preempt_facts {
    const struct preempt_rules *rules;
    struct preempt_attempt *attempts; /* is sorted */
    size_t attempt_count;
    struct preempt_offer *offers; /* is sorted */
    size_t offer_count;
    const struct preempt_class *classes;
    const bool *usable;    /* by number of an agent: it is there and may be given work */
    const int64_t *window; /* by number of an agent: when its maintenance window begins */
    size_t agent_count;
    uint32_t *room; /* by tenant's place: attempts it may have more; in and out */
};
struct preempt_pair {
    int64_t victim, beneficiary;
};
/* Returns how many are to give way, at most 'room'; each is one attempt for one job. */
size_t decide_preempt (struct preempt_facts *f, struct preempt_pair *ret, size_t room);
#endif

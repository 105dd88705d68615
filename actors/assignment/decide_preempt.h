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
    int64_t grace_ms; /* who was asked to go not longer ago is taken to go soon */
    uint32_t most;    /* times a job gives way at most; 0: nobody does */
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

/* A job on offer for whom an attempt gives way already, or a slot is kept. */
struct preempt_served {
    int64_t job;
    uint32_t tenant; /* its place in preempt_facts.room */
};
/* What no round served of a class, and on which agents it can run. */
struct preempt_class {
    const uint32_t *agents;
    size_t agent_count;
    int64_t until_ms; /* an attempt is taken to run until then */
    struct {
        const struct round_offer *offers; /* in the order they are to be served */
        size_t count;
        size_t looked; /* the decision's own: offers of the tier that are decided */
    } tiers[YM_COUNT_tier];
    bool hopeless, without_slot; /* the decision's own: no victim, no slot is left for it */
    uint32_t next;               /* the decision's own: link to the next open class */
};
struct preempt_facts {
    const struct preempt_rules *rules;
    struct preempt_attempt *attempts; /* is sorted */
    size_t attempt_count;
    struct preempt_class *classes;
    size_t class_count;
    const struct preempt_served *served; /* by job */
    size_t served_count;
    bool stopped[YM_COUNT_tier]; /* nothing of this queue is leased */
    const bool *usable;          /* by number of an agent: it is there and may be given work */
    const int64_t *window;       /* by number of an agent: when its maintenance window begins */
    uint32_t *coming; /* by number of an agent: slots that come free soon anyway; in and out */
    size_t agent_count;
    uint32_t *room; /* by tenant's place: attempts it may have more; in and out */
};
struct preempt_pair {
    int64_t victim, beneficiary;
};
/* Returns how many are to give way, at most 'room'; each is one attempt for one job. Jobs are
 * looked at in the order of service; who is first has the slots that come free anyway. */
size_t decide_preempt (struct preempt_facts *f, struct preempt_pair *ret, size_t room);
#endif

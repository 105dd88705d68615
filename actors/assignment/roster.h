/* roster.h - what assignment has in memory: agents, the attempts they hold, tenants, and what
 * is on offer.
 *
 * A cache: recover() builds it from the tables, and a stale entry costs a refused
 * compare-and-set. Agents and classes have small fixed numbers, so that a round works on
 * arrays.
 */
#ifndef YM_ASSIGNMENT_ROSTER_H
#define YM_ASSIGNMENT_ROSTER_H
#include <uthash.h>

#include "actors/assignment/decide_explain.h"
#include "actors/assignment/decide_preempt.h"
#include "actors/assignment/decide_round.h"
#include "common/actor/actor.h"

struct attempt;

struct agent {
    int64_t id;
    uint32_t number;
    char name[41], region[41], pool[41];
    struct ym_words capabilities;
    bool fitted; /* the classes know it by these words */
    int64_t session;
    uint8_t request[16];
    int state; /* enum ym_agent_state */
    int64_t state_at;
    uint32_t slots, used;
    uint32_t reserved; /* slots of a round that is being committed */
    int64_t heard_tick, heard_ms;
    bool heard;  /* since the last tick */
    bool moving; /* a change of its state is being committed */
    bool reachable;
    bool draining; /* by the policy: no new work; at drain_by what is left is suspended */
    int64_t drain_by, drained_at;
    char drain_reason[201];
    int64_t window_ms;        /* by the policy: when its next maintenance window begins */
    struct ym_to to;          /* where it spoke from last */
    struct attempt *attempts; /* list */
    UT_hash_handle hh;
};

struct attempt {
    int64_t job, fence;
    struct agent *agent;
    uint32_t tier, tenant;
    uint64_t requirement;
    uint32_t retries;
    bool ending, telling,
        wishing; /* its end, a repetition, a wish of ours is being committed */
    bool progressed;
    int64_t told_ms; /* monotonic: when this process told its agent something last */
    /* As in job_run, whose columns explain them. */
    int state;         /* enum ym_job_state */
    int64_t state_at;  /* wall clock */
    int wish;          /* enum ym_wanted */
    int suspender;     /* enum ym_suspender */
    int64_t wanted_at; /* wall clock */
    uint32_t state_count;
    int64_t errored_at;                /* wall clock */
    int64_t started_at, checkpoint_at; /* wall clock; 0: not yet */
    int64_t run_limit_ms, beneficiary;
    uint32_t preempted, losses;
    bool fixed;
    uint64_t done, total;
    bool wanting;                          /* a wish that it suspends is being committed */
    struct attempt *prev, *next;           /* of the same agent */
    struct attempt *tier_prev, *tier_next; /* of the same tier */
    UT_hash_handle hh;
};

/* A tenant that anything was heard of. Its place is for good, so that a round works on arrays.
 */
struct tenant {
    uint32_t id, place;
    uint32_t running, reserved; /* attempts; leases that are being committed */
    uint32_t running_max;       /* by the policy; 0: any number */
    bool overflow;              /* by the policy: shared agents for its dedicated jobs */
    char name[41];              /* known if the policy has a row for it */
    UT_hash_handle hh;
};

struct offer {
    int64_t job;
    uint32_t tier, tenant;
    uint64_t requirement, rank;
    bool preempted;
    UT_hash_handle hh;
};
struct offer_list {
    struct round_offer *offers;
    size_t from, count, room;
};

/* A slot that came free because its attempt gave way to this job. */
struct kept {
    int64_t job;
    uint32_t agent; /* its number */
};

struct class {
    uint64_t requirement;
    bool known, asked; /* its text was read; is being read */
    uint32_t place;    /* in the list of all, during a round */
    struct ym_requirement need;
    struct fitting {
        uint32_t *at;
        size_t count, room, cursor;
        uint64_t *set; /* the same, a bit for each number */
        size_t words;
    } agents, overflow; /* those that fit; those that its jobs may spill over to */
    struct offer_list tiers[YM_COUNT_tier];
    UT_hash_handle hh;
};

struct roster {
    struct agent *agents_by_id;
    struct agent **agents;
    size_t agent_count, agent_room;
    struct attempt *attempts;
    struct attempt *of_tier[YM_COUNT_tier]; /* lists */
    uint32_t running[YM_COUNT_tier];
    struct tenant *tenants_by_id;
    struct tenant **tenants;
    size_t tenant_count, tenant_room;
    bool stopped[YM_COUNT_tier]; /* by the policy */
    uint32_t aged[YM_COUNT_tier];
    struct kept *kept;
    size_t kept_count, kept_room;
    struct offer *offers;
    struct class *classes_by_requirement;
    struct class **classes;
    size_t class_count, class_room;
    size_t classes_most; /* at so many, those without offers are forgotten */
};

void roster_done (struct roster *r);
void roster_forget_work (struct roster *r); /* agents and attempts; offers stay */

struct agent *roster_agent (const struct roster *r, int64_t id);
struct agent *roster_add_agent (struct roster *r, int64_t id, const char *name);
/* Its words, as it registered with them: which classes it fits. Costs nothing if they are as
 * they were. */
void roster_describe_agent (struct roster *r, struct agent *a, const char *region,
                            const char *pool, const struct ym_words *capabilities);

struct attempt *roster_attempt (const struct roster *r, int64_t job);
/* Takes the place of an older attempt of the job. */
struct attempt *roster_add_attempt (struct roster *r, struct agent *a, uint32_t tier,
                                    uint32_t tenant, int64_t job, int64_t fence);
/* If it gave way to a job that is on offer, its slot is kept for that job. */
void roster_remove_attempt (struct roster *r, struct attempt *t);

struct tenant *roster_tenant (struct roster *r, uint32_t id); /* made if new */

/* Made if new; then classes without offers are forgotten when there are many. */
struct class *roster_class (struct roster *r, uint64_t requirement); /* made if new */
void roster_know_class (struct roster *r, struct class *c, const struct ym_requirement *need);

/* False if it was on offer already, in the same place; told with another one, it moves. */
bool roster_add_offer (struct roster *r, uint32_t tier, const struct ym_offered *job);
const struct offer *roster_offer (const struct roster *r, int64_t job);
/* Takes it off; false if it was not there. */
bool roster_take_offer (struct roster *r, int64_t job, struct offer *ret);
void roster_drop_offers (struct roster *r, uint32_t tier);

/* The next round gives the slot of this agent to the job, if it still can take it. */
void roster_keep (struct roster *r, int64_t job, uint32_t agent);

/* When a decision is taken, and with what settings. */
struct moment {
    int64_t tick, lease_ticks, now_ms, run_expected_ms;
    uint32_t age_grants;
};
/* The facts of one agent, as the deciders want them. */
struct agent_facts roster_facts (const struct roster *r, const struct agent *a,
                                 const struct moment *m);
/* Until when an attempt of the class that begins now is taken to run. */
int64_t roster_until (const struct class *c, const struct moment *m);
/* Whether jobs of the class may spill over to shared agents: the tenant that has them allows
 * it. */
bool roster_overflows (const struct roster *r, const struct class *c);
/* How many attempts the tenant may have more. */
uint32_t roster_room (const struct tenant *t);

/* One round over all that is on offer. What it changes (turns, ageing, kept slots) is changed
 * only by roster_round, not by a look ahead. */
size_t roster_round (struct roster *r, const struct moment *m, struct round_lease *ret,
                     size_t room);
size_t roster_look_ahead (const struct roster *r, const struct moment *m,
                          struct round_lease *ret, size_t room);
/* The best of the agents that a round did not take for a class, as it began. */
void roster_losers (const struct roster *r, const struct class *c, const struct moment *m,
                    struct losers *ret);
/* Slots whose job cannot take them any more are everybody's, as a round would find. */
void roster_settle_kept (struct roster *r, const struct moment *m);
/* Why a job is not leased. What its queue said stands in the question; no row, and nothing said
 * by the queue: the next round leases it (to the agent that is named, if one is). */
struct explain_question {
    int64_t job;
    uint32_t tenant, tier;
    const char *agent; /* "", or one that is known and asked about */
    bool waiting;
    uint64_t ahead; /* of its class and tenant */
    int64_t state_at;
    bool has_blockers, gate_is_told; /* by its queue */
    bool is_leased;                  /* its lease is being committed */
};
size_t roster_explain (struct roster *r, const struct moment *m, const struct class *c,
                       const struct explain_question *q,
                       struct ym_blocker_row ret[EXPLAIN_MAX]);
/* Who is to give way for whom, after a round that left offers. */
size_t roster_victims (const struct roster *r, const struct moment *m,
                       const struct preempt_rules *rules, struct preempt_pair *ret,
                       size_t room);
#endif

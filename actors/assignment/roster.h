/* roster.h - what assignment has in memory: agents, the attempts they hold, and what is on
 * offer.
 *
 * A cache: recover() builds it from the tables, and a stale entry costs a refused
 * compare-and-set. Agents and classes have small fixed numbers, so that a round works on
 * arrays.
 */
#ifndef YM_ASSIGNMENT_ROSTER_H
#define YM_ASSIGNMENT_ROSTER_H
#include <uthash.h>

#include "actors/assignment/decide.h"
#include "common/actor/actor.h"

struct attempt;

struct agent {
    int64_t id;
    uint32_t number;
    char name[41], region[41], pool[41];
    struct ym_words capabilities;
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
    int64_t started_at, checkpoint_at; /* wall clock; 0: not yet */
    int64_t run_limit_ms, beneficiary;
    uint32_t preempted, losses;
    bool fixed;
    uint64_t done, total;
    struct attempt *prev, *next; /* of the same agent */
    UT_hash_handle hh;
};

struct offer {
    int64_t job;
    uint32_t tier, tenant;
    uint64_t requirement;
    UT_hash_handle hh;
};
struct offer_list {
    int64_t *jobs;
    size_t from, count, room;
};

struct class {
    uint64_t requirement;
    bool known, asked; /* its text was read; is being read */
    struct ym_requirement need;
    uint32_t *agents;
    size_t agent_count, agent_room, cursor;
    struct offer_list tiers[YM_COUNT_tier];
    UT_hash_handle hh;
};

struct roster {
    struct agent *agents_by_id;
    struct agent **agents;
    size_t agent_count, agent_room;
    struct attempt *attempts;
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
/* After its region, pool or capabilities changed: which classes it fits. */
void roster_refit_agent (struct roster *r, struct agent *a);

struct attempt *roster_attempt (const struct roster *r, int64_t job);
struct attempt *roster_add_attempt (struct roster *r, struct agent *a, int64_t job,
                                    int64_t fence);
void roster_remove_attempt (struct roster *r, struct attempt *t);

/* Made if new; then classes without offers are forgotten when there are many. */
struct class *roster_class (struct roster *r, uint64_t requirement); /* made if new */
void roster_know_class (struct roster *r, struct class *c, const struct ym_requirement *need);

/* False if it was on offer already. */
bool roster_add_offer (struct roster *r, uint32_t tier, const struct ym_offered *job);
/* Takes it off; false if it was not there. */
bool roster_take_offer (struct roster *r, int64_t job, struct offer *ret);
void roster_drop_offers (struct roster *r, uint32_t tier);

/* The facts of one agent, as the deciders want them. */
struct agent_facts roster_facts (const struct agent *a, int64_t tick, int64_t lease_ticks);
/* One round over all that is on offer. */
size_t roster_round (struct roster *r, int64_t tick, int64_t lease_ticks,
                     struct round_lease *ret, size_t room);
#endif

/* decide_explain.h - decisions in words: why a job does not start, and why an agent was chosen.
 * Pure.
 */
#ifndef YM_ASSIGNMENT_DECIDE_EXPLAIN_H
#define YM_ASSIGNMENT_DECIDE_EXPLAIN_H
#include "actors/assignment/decide.h"

/* Everything that stands between one waiting job and its lease. */
struct explain_facts {
    const struct ym_requirement *need;
    int64_t until_ms; /* an attempt is taken to run until then */
    const struct agent_facts *agents;
    size_t agent_count;
    bool overflow;                 /* shared agents are for it too */
    bool waiting;                  /* its queue has it */
    uint64_t ahead;                /* jobs of its class and tier before it */
    int64_t state_at;              /* since when it waits */
    bool stopped;                  /* its queue is stopped, and nobody said so yet */
    uint32_t running, running_max; /* of its tenant; 0: any number */
};
enum { EXPLAIN_MAX = 12 };
/* Every blocker of the job. Returns how many; 0 means that the next round leases it, if no job
 * of another class is served before it from the same slots. */
size_t decide_explain (const struct explain_facts *f, struct ym_blocker_row ret[EXPLAIN_MAX]);
/* Every blocker between the job and the one agent that there is in the facts. */
size_t decide_why_not (const struct explain_facts *f, struct ym_blocker_row ret[EXPLAIN_MAX]);
/* The blocker of a job that has no other, and that a round does not take: others go first. */
size_t decide_outranked (int64_t state_at, struct ym_blocker_row ret[EXPLAIN_MAX]);
/* The same, between it and one agent: the round takes it for another one, or leases this one to
 * others. */
size_t decide_not_its_turn (int64_t state_at, const char *agent, const char *taken_by,
                            struct ym_blocker_row ret[EXPLAIN_MAX]);

/* Why a round took an agent, and the best of the others not. */
enum { CHOSEN_TEXT = 400, CHOSEN_LOSERS = 3 };
struct loser {
    const char *name;
    uint32_t agent;    /* its number */
    unsigned blockers; /* 0: only not its turn */
};
/* Keeps the best: those with the fewest blockers, and of these the first that came. There is
 * room for one more than are told, because the chosen one is not a loser. */
struct losers {
    struct loser at[CHOSEN_LOSERS + 1];
    size_t count;
};
void decide_add_loser (struct losers *l, const struct loser *one);
struct chosen_facts {
    const struct agent_facts *agent; /* as the round began */
    uint32_t number;
    bool kept, overflow; /* its slot was freed for the job; no dedicated agent was free */
    const struct losers *losers;
};
void decide_chosen (const struct chosen_facts *f, char ret[CHOSEN_TEXT]);
#endif

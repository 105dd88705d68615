/* store.h - everything assignment asks of its tables and changes in them. Each call_ begins one
 * call in the turn's batch and returns its place; each got_ reads a row of it after the commit.
 */
#ifndef YM_ASSIGNMENT_STORE_H
#define YM_ASSIGNMENT_STORE_H
#include "common/actor/actor.h"
#include "common/wire/requirement.h"

/* Loading. */
struct agent_row {
    int64_t agent, session;
    uint8_t request[16];
    int state;
    char name[41], region[41], pool[41];
    struct ym_words capabilities;
    uint32_t slots;
    int64_t tick, at_ms;
};
unsigned store_call_agents (struct ym_turn *t);
void store_got_agent (const struct ym_turn *t, unsigned call, size_t row,
                      struct agent_row *ret);

struct attempt_row { /* as in job_run, and when it was started */
    int64_t job, fence, agent;
    uint32_t tenant, tier, retries;
    uint64_t requirement;
    int state, wish, suspender;
    int64_t state_at, wanted_at, started_at, checkpoint_at, run_limit_ms, beneficiary;
    int64_t errored_at;
    uint32_t state_count, preempted, losses;
    bool fixed;
    uint64_t done, total;
};
unsigned store_call_attempts (struct ym_turn *t);
void store_got_attempt (const struct ym_turn *t, unsigned call, size_t row,
                        struct attempt_row *ret);

unsigned store_call_requirements (struct ym_turn *t, const int64_t *requirements, size_t count);
bool store_got_requirement (const struct ym_turn *t, unsigned call, size_t row,
                            uint64_t *ret_number, struct ym_requirement *ret);

size_t store_rows (const struct ym_turn *t, unsigned call);

/* The ticker and agents. */
unsigned store_call_tick (struct ym_turn *t, int64_t epoch, const int64_t *agents,
                          const int64_t *heard_ms, size_t count);
int64_t store_got_tick (const struct ym_turn *t, unsigned call);
unsigned store_call_register (struct ym_turn *t, int64_t tick, int64_t agent,
                              const struct ym_agent_register *m);
int64_t store_got_session (const struct ym_turn *t, unsigned call, bool *ret_fresh);
unsigned store_call_move (struct ym_turn *t, const int64_t *agents, const int64_t *sessions,
                          const int16_t *events, size_t count);
int64_t store_got_moved (const struct ym_turn *t, unsigned call, size_t row);

/* Attempts. 'place' of a got_ is that of the item in the call, from 0. */
#define STORE_TOLD                                                                             \
    "job_id, agent_id, fence, attempt, retries, tenant, name, kind, source, target, trace, "   \
    "payload, checkpoint, resume, mark, done, total, state, resources"
enum { STORE_RESOURCES = 18, STORE_TOLD_COUNT };
enum { RESOURCES_MAX = 32 }; /* of one job */
struct told {
    int64_t job, agent;
    uint32_t retries;
    int state;
    struct ym_attempt_start
        start; /* its views, 'resources' among them, live in the rows and here */
    struct ym_resource resources[RESOURCES_MAX];
    uint8_t trace[24];
    bool has_trace;
};
/* All but the resources, which stand in a column of their own. */
void store_got_told (const struct ym_turn *t, unsigned call, size_t row, struct told *ret);
void store_got_resources (const struct ym_turn *t, unsigned call, size_t row, unsigned column,
                          struct told *ret);

unsigned store_call_progress (struct ym_turn *t, const int64_t *jobs, const int64_t *fences,
                              const int64_t *agents, const int64_t *dones,
                              const int64_t *totals, size_t count);
unsigned store_call_checkpoints (struct ym_turn *t,
                                 const struct ym_attempt_checkpoint *const *m,
                                 const int64_t *agents, size_t count);
size_t store_got_place (const struct ym_turn *t, unsigned call, size_t row);

unsigned store_call_lookup (struct ym_turn *t, const struct ym_attempt_lookup *m,
                            int64_t agent);
/* False for the row that only says that the attempt is held. */
bool store_got_mapping (const struct ym_turn *t, unsigned call, size_t row,
                        struct ym_mapping *ret);
#endif

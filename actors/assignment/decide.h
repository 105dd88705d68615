/* decide.h - what stands between a job and an agent, and what an attempt's report leads to.
 * Pure.
 *
 * One function, decide_match, says what stands between a job and an agent. The round that
 * leases, the choice of victims and the explanation an operator reads all ask it, so they
 * cannot disagree.
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
    const char *name, *region, *pool;
    const struct ym_words *capabilities;
    uint32_t slots, used;
    uint32_t kept;      /* free slots that are kept for the jobs they were freed for */
    bool connected;     /* registered, neither lost nor gone */
    bool heard;         /* a heartbeat within half a lease */
    bool draining;      /* it is given no new work */
    int64_t since_ms;   /* when its state began */
    int64_t drained_ms; /* when its drain began */
    int64_t window_ms;  /* when its next maintenance window begins, or the open one began */
};
#define DECIDE_NO_WINDOW INT64_MAX

/* The set of blockers between this need and this agent, 1 << enum ym_blocker each; 0: may be
 * leased. An attempt is taken to run until until_ms. */
unsigned decide_match (const struct ym_requirement *need, int64_t until_ms,
                       const struct agent_facts *agent);
/* The part of that set which only a registration can change. */
unsigned decide_fits_never (const struct ym_requirement *need, const struct agent_facts *agent);
/* Whether the pool is one tenant's own; then whose. */
const char *decide_pool_tenant (const char *pool);
/* Whether jobs with this need may spill over to this agent, if their tenant has that. */
bool decide_fits_overflow (const struct ym_requirement *need, const struct agent_facts *agent);
#endif

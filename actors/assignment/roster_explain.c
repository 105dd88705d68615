/* roster_explain.c - why a job is not leased: the facts are those of a round, and if they hold
 * nothing against it, the next round itself is asked.
 */
#include <string.h>

#include "actors/assignment/roster.h"
#include "common/base/own.h"

enum { LOOK_MAX = 512 };

/* The agent that the next round gives it, or NULL: jobs of other requirements may take the
 * slots before it. */
static const struct agent *next_agent (const struct roster *r, const struct moment *m,
                                       int64_t job)
{
    struct round_lease leases[LOOK_MAX];
    size_t count = roster_look_ahead (r, m, leases, LOOK_MAX);

    for (size_t i = 0; i < count; i++)
        if (leases[i].job == job)
            return r->agents[leases[i].agent];
    return NULL;
}

static const struct kept *kept_for (const struct roster *r, int64_t job)
{
    for (size_t i = 0; i < r->kept_count; i++)
        if (r->kept[i].job == job)
            return &r->kept[i];
    return NULL;
}

/* Facts of the agents that matter: all, or the one that is asked about. A slot that is kept for
 * the job is no blocker of it. */
static size_t gather_agents (const struct roster *r, const struct moment *m,
                             const struct explain_question *q, struct agent_facts *facts)
{
    const struct kept *kept = kept_for (r, q->job);
    size_t count = 0;

    for (size_t i = 0; i < r->agent_count; i++) {
        const struct agent *agent = r->agents[i];
        if (q->agent[0] && strcmp (agent->name, q->agent) != 0)
            continue;
        facts[count] = roster_facts (r, agent, m);
        if (kept && kept->agent == agent->number)
            facts[count].kept--;
        count++;
    }
    return count;
}

/* Nothing stands between them, and still the job may not be served from there next. */
static size_t explain_order (const struct roster *r, const struct moment *m,
                             const struct explain_question *q,
                             struct ym_blocker_row ret[EXPLAIN_MAX])
{
    const struct agent *next = next_agent (r, m, q->job);

    if (!q->agent[0])
        return next ? 0 : decide_outranked (q->state_at, ret);
    if (next && strcmp (next->name, q->agent) == 0)
        return 0;
    return decide_not_its_turn (q->state_at, q->agent, next ? next->name : NULL, ret);
}

size_t roster_explain (struct roster *r, const struct moment *m, const struct class *c,
                       const struct explain_question *q, struct ym_blocker_row ret[EXPLAIN_MAX])
{
    _free_ struct agent_facts *facts = ym_new_array (r->agent_count + 1, sizeof *facts);
    const struct tenant *tenant = roster_tenant (r, q->tenant);

    roster_settle_kept (r, m);
    struct explain_facts f = {.need = &c->need,
                              .until_ms = roster_until (c, m),
                              .agents = facts,
                              .agent_count = gather_agents (r, m, q, facts),
                              .overflow = q->tier == YM_PLATINUM && roster_overflows (r, c),
                              .waiting = q->waiting,
                              .ahead = q->ahead,
                              .state_at = q->state_at,
                              .stopped = r->stopped[q->tier] && !q->gate_is_told,
                              .running = tenant->running + tenant->reserved,
                              .running_max = tenant->running_max};
    size_t count = q->agent[0] ? decide_why_not (&f, ret) : decide_explain (&f, ret);

    if (q->has_blockers || q->is_leased)
        return count;
    if (count == 0)
        return explain_order (r, m, q, ret);
    if (count == 1 && ret[0].code == YM_BEHIND && next_agent (r, m, q->job))
        return 0; /* some of those before it have slots of their own */
    return count;
}

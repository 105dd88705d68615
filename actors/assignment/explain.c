/* explain.c - why a job does not start: the facts are those of a round, and so is the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/assignment/assignment.h"
#include "common/base/own.h"

enum { ROWS_MAX = 32, LOOK_MAX = 512, NOT_YET_MS = 50 };

struct answer {
    struct ym_blocker_row rows[ROWS_MAX];
    size_t count;
};

static void add_rows (struct answer *to, const struct ym_blocker_row *rows, size_t count)
{
    for (size_t i = 0; i < count && to->count < ROWS_MAX; i++)
        to->rows[to->count++] = rows[i];
}

static bool has_code (const struct answer *answer, enum ym_blocker code)
{
    for (size_t i = 0; i < answer->count; i++)
        if (answer->rows[i].code == code)
            return true;
    return false;
}

/* The agent that the next round gives it, or NULL: jobs of other requirements may take the
 * slots before it. */
static const struct agent *next_agent (const struct assignment *a, int64_t job)
{
    struct round_lease leases[LOOK_MAX];
    struct moment m = moment_now (a);
    size_t count = roster_look_ahead (&a->roster, &m, leases, LOOK_MAX);

    for (size_t i = 0; i < count; i++)
        if (leases[i].job == job)
            return a->roster.agents[leases[i].agent];
    return NULL;
}

/* Facts of the agents that matter: all, or the one that is asked about. */
static size_t gather_agents (const struct assignment *a, const struct ym_explain_ask *m,
                             struct agent_facts *facts)
{
    struct moment now = moment_now (a);
    size_t count = 0;

    for (size_t i = 0; i < a->roster.agent_count; i++) {
        const struct agent *agent = a->roster.agents[i];
        if (m->agent[0] && strcmp (agent->name, m->agent) != 0)
            continue;
        facts[count] = roster_facts (&a->roster, agent, &now);
        for (size_t k = 0; k < a->roster.kept_count;
             k++) /* what is kept for it is no blocker */
            if (a->roster.kept[k].job == m->job && a->roster.kept[k].agent == agent->number)
                facts[count].kept--;
        count++;
    }
    return count;
}

/* Nothing stands between them, and still the job may not be served from there next. */
static void explain_order (const struct assignment *a, const struct ym_explain_ask *m,
                           struct answer *answer)
{
    struct ym_blocker_row rows[EXPLAIN_MAX];
    const struct agent *next = next_agent (a, m->job);

    if (!m->agent[0] && !next)
        add_rows (answer, rows, decide_outranked (m->state_at, rows));
    if (m->agent[0] && (!next || strcmp (next->name, m->agent) != 0))
        add_rows (answer, rows,
                  decide_not_its_turn (m->state_at, m->agent, next ? next->name : NULL, rows));
}

static void explain (struct assignment *a, const struct ym_explain_ask *m,
                     const struct class *c, struct answer *answer)
{
    _free_ struct agent_facts *facts = ym_new_array (a->roster.agent_count + 1, sizeof *facts);
    const struct tenant *tenant = roster_tenant (&a->roster, (uint32_t)m->tenant);
    struct moment now = moment_now (a);
    struct ym_blocker_row rows[EXPLAIN_MAX];
    struct explain_facts f = {
        .need = &c->need,
        .until_ms = roster_until (c, &now),
        .agents = facts,
        .agent_count = gather_agents (a, m, facts),
        .overflow = m->tier == YM_PLATINUM && roster_overflows (&a->roster, c),
        .waiting = m->waiting,
        .ahead = m->ahead,
        .state_at = m->state_at,
        .stopped = a->roster.stopped[m->tier] && !has_code (answer, YM_GATE),
        .running = tenant->running + tenant->reserved,
        .running_max = tenant->running_max};

    if (m->agent[0])
        add_rows (answer, rows, decide_why_not (&f, rows));
    else
        add_rows (answer, rows, decide_explain (&f, rows));
    if (answer->count == 0 && !leasing_has (a, m->job))
        explain_order (a, m, answer);
}

static void refuse_ask (struct assignment *a, const struct ym_item *item, enum ym_refusal why,
                        uint64_t retry_after_ms)
{
    struct ym_refused m = {.text = ym_str (ym_refusal_text (why)),
                           .retryable = retry_after_ms > 0,
                           .retry_after_ms = retry_after_ms};

    (void)ym_text_copy (m.code, sizeof m.code, ym_refusal_slug (why));
    ym_send (a->yard, YM_ACTOR_INTAKE, YM_MSG_refused, item->from.ask, &m);
}

static bool has_agent (const struct assignment *a, const char *name)
{
    for (size_t i = 0; i < a->roster.agent_count; i++)
        if (strcmp (a->roster.agents[i]->name, name) == 0)
            return true;
    return false;
}

void on_explain_ask (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_explain_ask *m = item->body;
    const struct class *c = roster_class (&a->roster, m->requirement);
    struct answer answer = {.count = 0};

    item->asked = false;
    if (!c->known || !a->loaded ||
        a->policy.number == 0) { /* it is read with the next round; ask again */
        a->look = true;
        refuse_ask (a, item, YM_REFUSAL_ACTOR_UNAVAILABLE, NOT_YET_MS);
        return;
    }
    if (m->agent[0] && !has_agent (a, m->agent)) {
        refuse_ask (a, item, YM_REFUSAL_UNKNOWN_AGENT, 0);
        return;
    }
    add_rows (&answer, m->blockers.at, m->blockers.count);
    if (m->waiting || answer.count == 0)
        explain (a, m, c, &answer);
    ym_send (a->yard, YM_ACTOR_INTAKE, YM_MSG_job_explained, item->from.ask,
             &(struct ym_job_explained){.job = m->job,
                                        .state = m->state,
                                        .blockers = {answer.rows, (uint32_t)answer.count},
                                        .chosen = m->chosen});
}

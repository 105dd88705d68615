/* explain.c - why a job does not start: the facts are those of a round, and so is the answer.
 */
#include <string.h>

#include "actors/assignment/assignment.h"

enum { ROWS_MAX = 32, NOT_YET_MS = 50 };

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

static void explain (struct assignment *a, const struct ym_explain_ask *m,
                     const struct class *c, struct answer *answer)
{
    struct ym_blocker_row rows[EXPLAIN_MAX];
    struct moment now = moment_now (a);
    const struct explain_question q = {.job = m->job,
                                       .tenant = (uint32_t)m->tenant,
                                       .tier = m->tier,
                                       .agent = m->agent,
                                       .waiting = m->waiting,
                                       .ahead = m->ahead,
                                       .state_at = m->state_at,
                                       .has_blockers = answer->count > 0,
                                       .gate_is_told = has_code (answer, YM_GATE),
                                       .is_leased = leasing_has (a, m->job)};

    add_rows (answer, rows, roster_explain (&a->roster, &now, c, &q, rows));
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

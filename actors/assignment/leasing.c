/* leasing.c - offers come in, rounds decide, one transaction leases them all, then agents are
 * told.
 *
 * At most one round is being committed; what is offered or freed meanwhile shares the next one.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/assignment/assignment.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum { ROUND_MAX = 512, CLASSES_ASKED_MAX = 256 };

/* Offers. */

static uint32_t tier_of (unsigned queue)
{
    return queue == YM_ACTOR_QUEUE_PLATINUM  ? YM_PLATINUM
           : queue == YM_ACTOR_QUEUE_PREMIUM ? YM_PREMIUM
                                             : YM_STANDARD;
}

unsigned queue_of (uint32_t tier)
{
    return tier == YM_PLATINUM  ? YM_ACTOR_QUEUE_PLATINUM
           : tier == YM_PREMIUM ? YM_ACTOR_QUEUE_PREMIUM
                                : YM_ACTOR_QUEUE_STANDARD;
}

void on_jobs_offered (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_jobs_offered *m = item->body;
    uint32_t tier = tier_of (item->from.peer);

    if (m->fresh)
        roster_drop_offers (&a->roster, tier);
    for (uint32_t i = 0; i < m->jobs.count; i++)
        if (roster_attempt (&a->roster, m->jobs.at[i].job))
            hint_taken (a, tier, m->jobs.at[i].job);
        else
            (void)roster_add_offer (&a->roster, tier, &m->jobs.at[i]);
    a->look = true;
}

/* Requirements that were not met before. */

struct asked_classes {
    size_t count;
    int64_t requirements[CLASSES_ASKED_MAX];
};

static void ask_classes (struct assignment *a)
{
    struct asked_classes *q = NULL;

    for (size_t i = 0; i < a->roster.class_count; i++) {
        struct class *c = a->roster.classes[i];
        if (c->known || c->asked)
            continue;
        if (!q)
            q = ym_new (sizeof *q);
        c->asked = true;
        q->requirements[q->count++] = (int64_t)c->requirement;
        if (q->count == CLASSES_ASKED_MAX)
            break;
    }
    if (q)
        ym_put (a->yard, &class_work, q);
}

static void plan_class (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct asked_classes *q = items[0]->body;

    (void)me, (void)count;
    items[0]->call = store_call_requirements (t, q->requirements, q->count);
}

static void forget_asked (struct assignment *a, const struct asked_classes *q)
{
    for (size_t i = 0; i < q->count; i++)
        roster_class (&a->roster, (uint64_t)q->requirements[i])->asked = false;
}

static void done_class (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    struct ym_requirement need;
    uint64_t number;

    (void)count;
    for (size_t i = 0; i < store_rows (t, items[0]->call); i++)
        if (store_got_requirement (t, items[0]->call, i, &number, &need))
            roster_know_class (&a->roster, roster_class (&a->roster, number), &need);
    forget_asked (a, items[0]->body);
    a->look = true;
}

static void failed_class (void *me, struct ym_item *item)
{
    forget_asked (me, item->body);
}

const struct ym_work class_work = {.name = "class",
                                   .one_at_a_time = true,
                                   .forget_unknown = true,
                                   .plan = plan_class,
                                   .done = done_class,
                                   .failed = failed_class};

/* Rounds. */

struct pair {
    struct offer offer;
    int64_t agent, session;
};
struct round {
    size_t count;
    struct pair pairs[ROUND_MAX];
};

static int by_job (const void *x, const void *y)
{
    int64_t a = ((const struct pair *)x)->offer.job, b = ((const struct pair *)y)->offer.job;

    return (a > b) - (a < b);
}

/* Slots of a round under way are taken already, so that the next round cannot give them twice.
 */
static void reserve (struct assignment *a, const struct round *r, int by)
{
    for (size_t i = 0; i < r->count; i++) {
        struct agent *agent = roster_agent (&a->roster, r->pairs[i].agent);
        ym_assert (agent && (by > 0 || agent->reserved > 0));
        agent->reserved += (uint32_t)by;
    }
}

static struct round *decide (struct assignment *a)
{
    struct round_lease leases[ROUND_MAX];
    size_t count = roster_round (&a->roster, a->tick, a->lease_ticks, leases, ROUND_MAX);
    struct round *r;

    if (count == 0)
        return NULL;
    r = ym_new (sizeof *r);
    for (size_t i = 0; i < count; i++) {
        struct pair *p = &r->pairs[r->count++];
        p->agent = a->roster.agents[leases[i].agent]->id;
        p->session = a->roster.agents[leases[i].agent]->session;
        ym_assert (roster_take_offer (&a->roster, leases[i].job, &p->offer));
    }
    qsort (r->pairs, r->count, sizeof r->pairs[0], by_job); /* one lock order for all */
    return r;
}

void leasing_pass (struct assignment *a)
{
    struct round *r;

    if (!a->look || a->leasing || !ym_yard_has_database (a->yard) ||
        ym_yard_is_stopping (a->yard))
        return;
    a->look = false;
    ask_classes (a);
    if (!(r = decide (a)))
        return;
    reserve (a, r, 1);
    a->leasing = true;
    ym_put (a->yard, &lease_work, r);
}

static void plan_lease (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct round *r = items[0]->body;
    int64_t *jobs = ym_arena_take (t->arena, 3 * r->count * sizeof *jobs);

    (void)me, (void)count;
    for (size_t i = 0; i < r->count; i++) {
        jobs[i] = r->pairs[i].offer.job;
        jobs[r->count + i] = r->pairs[i].agent;
        jobs[2 * r->count + i] = r->pairs[i].session;
    }
    items[0]->call = store_call_lease (t, jobs, jobs + r->count, jobs + 2 * r->count, r->count);
}

/* Rows come back in any order, but a batch is small and sorted. */
static const struct pair *find_pair (const struct round *r, int64_t job)
{
    struct pair key = {.offer.job = job};

    return bsearch (&key, r->pairs, r->count, sizeof r->pairs[0], by_job);
}

void tell_start (struct assignment *a, const struct agent *agent, const struct told *told)
{
    struct ym_to to = agent->to;

    if (!agent->reachable)
        return;
    if (told->has_trace) {
        memcpy (to.trace, told->trace, sizeof to.trace);
        memcpy (to.span, told->trace + sizeof to.trace, sizeof to.span);
    }
    ym_bus_answer (ym_yard_bus (a->yard), &to, YM_MSG_attempt_start, &told->start);
}

static void leased (struct assignment *a, const struct told *told, const struct offer *o,
                    int64_t now_ms)
{
    struct agent *agent = roster_agent (&a->roster, told->agent);
    struct attempt *t =
        roster_add_attempt (&a->roster, agent, told->job, (int64_t)told->start.fence);

    t->tier = o->tier;
    t->tenant = o->tenant;
    t->requirement = o->requirement;
    t->retries = told->retries;
    t->state = told->state;
    t->state_at = now_ms;
    t->told_ms = ym_time_mono_ms ();
    ym_log (YM_LOG_INFO, "job_moved", ym_log_job (told->job),
            ym_log_text ("to", ym_life_state_name (&ym_job_life, told->state)),
            ym_log_number ("fence", t->fence), ym_log_text ("agent", agent->name));
    hint_changed (a, told->job);
    tell_start (a, agent, told);
}

static void offer_once_more (struct assignment *a, const struct offer *o)
{
    (void)roster_add_offer (&a->roster, o->tier,
                            &(struct ym_offered){.job = o->job,
                                                 .tenant = o->tenant,
                                                 .requirement = o->requirement});
}

/* What was not leased does not wait any more, unless it was refused because its agent had begun
 * anew or was gone by then. */
static void used_up (struct assignment *a, const struct pair *p)
{
    const struct agent *agent = roster_agent (&a->roster, p->agent);
    bool is_leased = roster_attempt (&a->roster, p->offer.job) != NULL;

    if (!is_leased && (agent->session != p->session || agent->state != YM_AGENT_CONNECTED))
        offer_once_more (a, &p->offer);
    else
        hint_taken (a, p->offer.tier, p->offer.job);
}

static void done_lease (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    const struct round *r = items[0]->body;
    struct told told;

    (void)count;
    a->leasing = false;
    a->look = true;
    reserve (a, r, -1);
    for (size_t i = 0; i < store_rows (t, items[0]->call); i++) {
        store_got_told (t, items[0]->call, i, &told);
        leased (a, &told, &find_pair (r, told.job)->offer, t->now_ms);
    }
    for (size_t i = 0; i < r->count; i++)
        used_up (a, &r->pairs[i]);
}

/* Not known to be leased: on offer again. If it was leased after all, the compare-and-set will
 * say so, and recovery has read the attempt. */
static void failed_lease (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct round *r = item->body;

    a->leasing = false; /* looked at again with the next tick: what failed may fail again */
    reserve (a, r, -1);
    for (size_t i = 0; i < r->count; i++)
        offer_once_more (a, &r->pairs[i].offer);
}

const struct ym_work lease_work = {.name = "lease",
                                   .one_at_a_time = true,
                                   .forget_unknown = true,
                                   .plan = plan_lease,
                                   .done = done_lease,
                                   .failed = failed_lease};

/* Explaining: the facts are those of a round. */

/* Does the next round take this job? Jobs of other requirements may take the slots before it.
 */
static bool would_lease (struct assignment *a, int64_t job)
{
    struct round_lease leases[ROUND_MAX];
    size_t count = roster_round (&a->roster, a->tick, a->lease_ticks, leases, ROUND_MAX);

    for (size_t i = 0; i < count; i++)
        if (leases[i].job == job)
            return true;
    return false;
}

void on_explain_ask (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_explain_ask *m = item->body;
    const struct class *c = roster_class (&a->roster, m->requirement);
    _free_ struct agent_facts *facts = ym_new_array (a->roster.agent_count + 1, sizeof *facts);
    struct ym_blocker_row rows[EXPLAIN_MAX];
    struct ym_job_explained answer = {.job = m->job, .state = m->state, .blockers = {rows, 0}};

    item->asked = false;
    if (!c->known) { /* it is read with the next round; the asker may ask again */
        a->look = true;
        ym_send (a->yard, YM_ACTOR_INTAKE, YM_MSG_refused, item->from.ask,
                 &(struct ym_refused){
                     .code = "actor_unavailable",
                     .text = ym_str (ym_refusal_text (YM_REFUSAL_ACTOR_UNAVAILABLE)),
                     .retryable = true,
                     .retry_after_ms = 50});
        return;
    }
    for (size_t i = 0; i < a->roster.agent_count; i++)
        facts[i] = roster_facts (a->roster.agents[i], a->tick, a->lease_ticks);
    answer.blockers.count =
        (uint32_t)decide_explain (&(struct explain_facts){.need = &c->need,
                                                          .agents = facts,
                                                          .agent_count = a->roster.agent_count,
                                                          .waiting = m->waiting,
                                                          .ahead = m->ahead,
                                                          .state_at = m->state_at},
                                  rows);
    if (answer.blockers.count == 0 && !would_lease (a, m->job))
        answer.blockers.count = (uint32_t)decide_outranked (m->state_at, rows);
    ym_send (a->yard, YM_ACTOR_INTAKE, YM_MSG_job_explained, item->from.ask, &answer);
}

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

enum { CLASSES_ASKED_MAX = 256 };

/* Offers. */

struct moment moment_now (const struct assignment *a)
{
    return (struct moment){.tick = a->tick,
                           .lease_ticks = a->lease_ticks,
                           .now_ms = ym_time_wall_ms (),
                           .run_expected_ms = a->run_expected_ms,
                           .age_grants = (uint32_t)a->age_grants};
}

void on_jobs_offered (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_jobs_offered *m = item->body;
    uint32_t tier;

    if (!ym_actor_is_queue (item->from.peer, &tier))
        return;
    if (m->fresh)
        roster_drop_offers (&a->roster, tier);
    for (uint32_t i = 0; i < m->jobs.count; i++)
        if (roster_attempt (&a->roster, m->jobs.at[i].job))
            hint_taken (a, tier, m->jobs.at[i].job);
        else
            (void)roster_add_offer (&a->roster, tier, &m->jobs.at[i]);
    a->look = true;
    a->look_for_victims |= tier > YM_STANDARD;
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
    bool kept, withdrawn;
    char why[CHOSEN_TEXT];
};
struct round {
    int64_t policy; /* the number it was decided with */
    size_t count;
    struct pair pairs[];
};

static int by_job (const void *x, const void *y)
{
    int64_t a = ((const struct pair *)x)->offer.job, b = ((const struct pair *)y)->offer.job;

    return (a > b) - (a < b);
}

/* Rows come back in any order, but a batch is small and sorted. */
static struct pair *find_pair (struct round *r, int64_t job)
{
    struct pair key = {.offer.job = job};

    return bsearch (&key, r->pairs, r->count, sizeof r->pairs[0], by_job);
}

void on_offers_withdrawn (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_offers_withdrawn *m = item->body;
    struct offer offer;
    uint32_t tier;

    if (!ym_actor_is_queue (item->from.peer, &tier))
        return;
    for (uint32_t i = 0; i < m->jobs.count; i++) {
        const struct offer *o = roster_offer (&a->roster, m->jobs.at[i].job);
        struct pair *p = a->round ? find_pair (a->round, m->jobs.at[i].job) : NULL;
        if (o && o->tier == tier)
            (void)roster_take_offer (&a->roster, o->job, &offer);
        if (p && p->offer.tier == tier)
            p->withdrawn = true; /* its queue knows better than what a refusal would tell */
    }
}

/* Slots of a round under way are taken already, so that the next round cannot give them twice.
 */
static void reserve (struct assignment *a, const struct round *r, int by)
{
    for (size_t i = 0; i < r->count; i++) {
        struct agent *agent = roster_agent (&a->roster, r->pairs[i].agent);
        struct tenant *tenant = roster_tenant (&a->roster, r->pairs[i].offer.tenant);
        ym_assert (agent && (by > 0 || (agent->reserved > 0 && tenant->reserved > 0)));
        agent->reserved += (uint32_t)by;
        tenant->reserved += (uint32_t)by;
    }
}

/* Why each got its agent: the losers are looked at once a class. */
static void fill_whys (struct assignment *a, const struct moment *m,
                       const struct round_lease *leases, struct round *r)
{
    _free_ struct losers **of_class =
        ym_new_array (a->roster.class_count + 1, sizeof (struct losers *));

    for (size_t i = 0; i < r->count; i++) {
        const struct round_lease *l = &leases[i];
        struct agent_facts f = roster_facts (&a->roster, a->roster.agents[l->agent], m);
        if (!of_class[l->class]) {
            of_class[l->class] = ym_new (sizeof **of_class);
            roster_losers (&a->roster, a->roster.classes[l->class], m, of_class[l->class]);
        }
        decide_chosen (&(struct chosen_facts){.agent = &f,
                                              .number = l->agent,
                                              .kept = l->kept,
                                              .overflow = l->overflow,
                                              .losers = of_class[l->class]},
                       r->pairs[i].why);
    }
    for (size_t i = 0; i < a->roster.class_count; i++)
        free (of_class[i]);
}

static void fill_pair (struct assignment *a, const struct round_lease *l, struct pair *p)
{
    const struct agent *agent = a->roster.agents[l->agent];

    p->agent = agent->id;
    p->session = agent->session;
    p->kept = l->kept;
    ym_assert (roster_take_offer (&a->roster, l->job, &p->offer));
}

static struct round *decide (struct assignment *a)
{
    struct round_lease leases[ROUND_MAX];
    struct moment m = moment_now (a);
    size_t count = roster_round (&a->roster, &m, leases, a->round_most);
    struct round *r;

    a->look = count == a->round_most; /* there may be more */
    if (count == 0)
        return NULL;
    r = ym_new (sizeof *r + count * sizeof r->pairs[0]);
    r->policy = a->policy.number;
    r->count = count;
    fill_whys (a, &m, leases, r);
    for (size_t i = 0; i < count; i++)
        fill_pair (a, &leases[i], &r->pairs[i]);
    qsort (r->pairs, r->count, sizeof r->pairs[0], by_job); /* one lock order for all */
    return r;
}

void leasing_pass (struct assignment *a)
{
    if (!a->look || a->round || !a->loaded || a->policy.number == 0 || a->policy.wanted ||
        a->policy.loading || !ym_yard_has_database (a->yard) || ym_yard_is_stopping (a->yard))
        return;
    a->look = false;
    ask_classes (a);
    if (!(a->round = decide (a)))
        return;
    reserve (a, a->round, 1);
    ym_put (a->yard, &lease_work, a->round);
}

static void plan_lease (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct round *r = items[0]->body;
    struct lease_row *rows = ym_arena_take (t->arena, r->count * sizeof *rows);

    (void)me, (void)count;
    for (size_t i = 0; i < r->count; i++)
        rows[i] = (struct lease_row){r->pairs[i].offer.job, r->pairs[i].agent,
                                     r->pairs[i].session, ym_str (r->pairs[i].why)};
    items[0]->call = store_call_lease (t, r->policy, rows, r->count);
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

static void leased (struct assignment *a, const struct told *told,
                    const struct lease_limits *limits, const struct offer *o, int64_t now_ms)
{
    struct agent *agent = roster_agent (&a->roster, told->agent);
    struct attempt *t = roster_add_attempt (&a->roster, agent, o->tier, o->tenant, told->job,
                                            (int64_t)told->start.fence);

    t->requirement = o->requirement;
    t->retries = told->retries;
    t->state = told->state;
    t->state_at = now_ms;
    t->run_limit_ms = limits->run_limit_ms;
    t->preempted = limits->preempted;
    t->losses = limits->losses;
    t->fixed = limits->fixed;
    t->done = told->start.done;
    t->total = told->start.total;
    t->told_ms = ym_time_mono_ms ();
    ym_log (YM_LOG_INFO, "job_moved", ym_log_job (told->job),
            ym_log_text ("to", ym_life_state_name (&ym_job_life, told->state)),
            ym_log_number ("fence", t->fence), ym_log_text ("agent", agent->name));
    hint_changed (a, told->job);
    tell_start (a, agent, told);
}

static void offer_once_more (struct assignment *a, const struct pair *p)
{
    const struct offer *o = &p->offer;

    if (p->withdrawn || roster_offer (&a->roster, o->job))
        return; /* its queue said otherwise since */
    (void)roster_add_offer (&a->roster, o->tier,
                            &(struct ym_offered){.job = o->job,
                                                 .tenant = o->tenant,
                                                 .requirement = o->requirement,
                                                 .rank = o->rank,
                                                 .preempted = o->preempted});
    if (p->kept)
        roster_keep (&a->roster, o->job, roster_agent (&a->roster, p->agent)->number);
}

/* What was not leased does not wait any more, unless it was refused because its agent had begun
 * anew or was gone by then, or it was withdrawn or offered anew meanwhile: its queue knows
 * better. */
static void used_up (struct assignment *a, const struct pair *p)
{
    const struct agent *agent = roster_agent (&a->roster, p->agent);
    struct offer again;

    if (roster_attempt (&a->roster, p->offer.job)) {
        (void)roster_take_offer (&a->roster, p->offer.job, &again);
        hint_taken (a, p->offer.tier, p->offer.job);
    }
    else if (agent->session != p->session || agent->state != YM_AGENT_CONNECTED)
        offer_once_more (a, p);
    else if (!p->withdrawn && !roster_offer (&a->roster, p->offer.job))
        doubt (a, p->offer.tier, p->offer.job);
}

/* Nothing was leased, because operators decided something since: all of it is looked at again
 * once that is read. */
static void policy_was_old (struct assignment *a, const struct round *r)
{
    a->policy.wanted = true;
    for (size_t i = 0; i < r->count; i++)
        offer_once_more (a, &r->pairs[i]);
}

static struct round *round_over (struct assignment *a)
{
    struct round *r = a->round;

    ym_assert (r);
    a->round = NULL;
    reserve (a, r, -1);
    return r;
}

static void done_lease (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    struct round *r = round_over (a);
    unsigned call = items[0]->call;
    struct told told;

    (void)count;
    a->look = true;
    a->round_most = a->round_most * 2 < ROUND_MAX ? a->round_most * 2 : ROUND_MAX;
    if (store_got_lease_policy (t, call) != r->policy) {
        policy_was_old (a, r);
        return;
    }
    for (size_t i = 0; i < store_rows (t, call); i++) {
        store_got_told (t, call, i, &told);
        store_got_resources (t, call, i, STORE_RESOURCES, &told);
        struct lease_limits limits = store_got_limits (t, call, i);
        leased (a, &told, &limits, &find_pair (r, told.job)->offer, t->now_ms);
    }
    for (size_t i = 0; i < r->count; i++)
        used_up (a, &r->pairs[i]);
}

/* One whose lease failed alone waits a while, so that it does not keep the others from theirs.
 */
enum { SHUNNED_MAX = 16 };
struct shunned {
    size_t count;
    struct {
        struct pair pair;
        int64_t until_tick;
    } at[SHUNNED_MAX];
};

static void shun (struct assignment *a, const struct pair *p)
{
    if (!a->shunned)
        a->shunned = ym_new (sizeof *a->shunned);
    if (a->shunned->count == SHUNNED_MAX) {
        offer_once_more (a, p);
        return;
    }
    a->shunned->at[a->shunned->count].until_tick = a->tick + a->lease_ticks;
    a->shunned->at[a->shunned->count++].pair = *p;
    ym_log (YM_LOG_ERROR, "lease_failed", ym_log_job (p->offer.job));
}

bool leasing_has (struct assignment *a, int64_t job)
{
    return a->round && find_pair (a->round, job) != NULL;
}

void leasing_tick (struct assignment *a)
{
    size_t left = 0;

    a->look = true;
    for (size_t i = 0; a->shunned && i < a->shunned->count; i++)
        if (a->shunned->at[i].until_tick > a->tick)
            a->shunned->at[left++] = a->shunned->at[i];
        else
            offer_once_more (a, &a->shunned->at[i].pair);
    if (a->shunned)
        a->shunned->count = left;
}

/* Not known to be leased: on offer again. If it was leased after all, the compare-and-set will
 * say so, and recovery has read the attempt. A batch that fails while the database is there is
 * halved, until what makes it fail is alone. */
static void failed_lease (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    struct round *r = round_over (a); /* looked at again with the next tick */

    (void)item;
    if (ym_yard_has_database (a->yard)) {
        a->round_most = r->count / 2 > 0 ? r->count / 2 : 1;
        if (r->count == 1) {
            shun (a, &r->pairs[0]);
            return;
        }
    }
    for (size_t i = 0; i < r->count; i++)
        offer_once_more (a, &r->pairs[i]);
}

const struct ym_work lease_work = {.name = "lease",
                                   .one_at_a_time = true,
                                   .forget_unknown = true,
                                   .plan = plan_lease,
                                   .done = done_lease,
                                   .failed = failed_lease};

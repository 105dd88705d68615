/* policy.c - what operators decided: gates, tenants, drains, windows.
 *
 * Read before the first lease after any start, again when intake says that it changed, and when
 * a tick sees another number. A round decided with an older one leases nothing, so a lost hint
 * costs a round and never a wrong lease.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/assignment/assignment.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/time.h"

/* Which calls of the turn hold what. */
enum { NUMBER, GATES, TENANTS, DRAINS, WINDOWS };

static void plan_policy (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)count;
    items[0]->call = store_call_policy_number (t);
    (void)store_call_gates (t);
    (void)store_call_tenants (t);
    (void)store_call_drains (t);
    (void)store_call_windows (t);
}

static void take_gates (struct assignment *a, const struct ym_turn *t, unsigned call)
{
    memset (a->roster.stopped, 0, sizeof a->roster.stopped);
    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct gate_row g = store_got_gate (t, call, i);
        if (g.tier < YM_COUNT_tier)
            a->roster.stopped[g.tier] = g.stopped;
    }
}

static void take_tenants (struct assignment *a, const struct ym_turn *t, unsigned call)
{
    for (size_t i = 0; i < a->roster.tenant_count; i++) {
        a->roster.tenants[i]->running_max = 0;
        a->roster.tenants[i]->overflow = false;
    }
    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct tenant_row row = store_got_tenant (t, call, i);
        struct tenant *tenant = roster_tenant (&a->roster, row.tenant);
        tenant->running_max = row.running_max;
        tenant->overflow = row.overflow;
        memcpy (tenant->name, row.name, sizeof tenant->name);
    }
}

static void take_drains (struct assignment *a, const struct ym_turn *t, unsigned call)
{
    size_t rows = store_rows (t, call);

    free (a->policy.drains);
    a->policy.drains = ym_new_array (rows + 1, sizeof *a->policy.drains);
    a->policy.drain_count = rows;
    for (size_t i = 0; i < rows; i++)
        a->policy.drains[i] = store_got_drain (t, call, i);
}

static void take_windows (struct assignment *a, const struct ym_turn *t, unsigned call)
{
    size_t rows = store_rows (t, call);

    free (a->policy.windows);
    a->policy.windows = ym_new_array (rows + 1, sizeof *a->policy.windows);
    a->policy.window_count = rows;
    for (size_t i = 0; i < rows; i++)
        a->policy.windows[i] = store_got_window (t, call, i);
}

static void done_policy (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    unsigned call = items[0]->call;

    (void)count;
    a->policy.loading = false;
    a->policy.number = store_got_policy_number (t, call + NUMBER);
    take_gates (a, t, call + GATES);
    take_tenants (a, t, call + TENANTS);
    take_drains (a, t, call + DRAINS);
    take_windows (a, t, call + WINDOWS);
    policy_fit_agents (a);
    a->look = true;
    a->look_for_victims = true;
    ym_log (YM_LOG_INFO, "policy_read", ym_log_number ("number", a->policy.number),
            ym_log_number ("windows", (int64_t)a->policy.window_count));
}

static void failed_policy (void *me, struct ym_item *item)
{
    struct assignment *a = me;

    (void)item;
    a->policy.loading = false;
    a->policy.wanted = true;
}

const struct ym_work policy_work = {.name = "policy",
                                    .one_at_a_time = true,
                                    .forget_unknown = true,
                                    .plan = plan_policy,
                                    .done = done_policy,
                                    .failed = failed_policy};

void policy_read (struct assignment *a)
{
    a->policy.wanted = false;
    a->policy.loading = true;
    ym_put (a->yard, &policy_work, NULL);
}

void policy_pass (struct assignment *a)
{
    if (a->policy.wanted && !a->policy.loading && ym_yard_has_database (a->yard))
        policy_read (a);
}

void policy_is (struct assignment *a, int64_t number)
{
    if (number != a->policy.number)
        a->policy.wanted = true;
}

void on_policy_changed (void *me, struct ym_item *item)
{
    struct assignment *a = me;

    (void)item;
    a->policy.wanted = true; /* also while it is being read: that may have begun too early */
}

/* What it means for agents. */

static bool is_in_scope (const struct window_row *w, const struct agent *agent)
{
    switch (w->scope) {
    case YM_SCOPE_YARD:
        return true;
    case YM_SCOPE_REGION:
        return strcmp (w->subject, agent->region) == 0;
    case YM_SCOPE_POOL:
        return strcmp (w->subject, agent->pool) == 0;
    case YM_SCOPE_AGENT:
        return strcmp (w->subject, agent->name) == 0;
    default:
        return false;
    }
}

void policy_fit_agent (const struct assignment *a, struct agent *agent)
{
    int64_t now_ms = ym_time_wall_ms ();

    agent->window_ms = DECIDE_NO_WINDOW;
    for (size_t i = 0; i < a->policy.window_count; i++) {
        const struct window_row *w = &a->policy.windows[i];
        if (w->ends > now_ms && w->begins < agent->window_ms && is_in_scope (w, agent))
            agent->window_ms = w->begins;
    }
    agent->draining = false;
    for (size_t i = 0; i < a->policy.drain_count; i++) {
        const struct drain_row *d = &a->policy.drains[i];
        if (d->agent != agent->id)
            continue;
        agent->draining = true;
        agent->drain_by = d->by;
        agent->drained_at = d->at;
        memcpy (agent->drain_reason, d->reason, sizeof agent->drain_reason);
    }
}

void policy_fit_agents (struct assignment *a)
{
    for (size_t i = 0; i < a->roster.agent_count; i++)
        policy_fit_agent (a, a->roster.agents[i]);
}

void policy_done (struct assignment *a)
{
    free (a->policy.drains);
    free (a->policy.windows);
}

/* What runs. */

void on_load_get (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    struct ym_tier_load tiers[YM_COUNT_tier] = {0};
    struct ym_load_page page = {.tiers = {tiers, YM_COUNT_tier}};
    struct attempt *t, *next;
    struct offer *o, *other;

    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++) {
        tiers[tier].tier = tier;
        tiers[tier].running = a->roster.running[tier];
    }
    HASH_ITER (hh, a->roster.attempts, t, next)
    tiers[t->tier].suspending += t->wish == YM_SUSPEND;
    HASH_ITER (hh, a->roster.offers, o, other)
    tiers[o->tier].offered++;
    for (size_t i = 0; i < a->roster.agent_count; i++) {
        const struct agent *agent = a->roster.agents[i];
        bool connected = agent->state == YM_AGENT_CONNECTED;
        page.agents += connected;
        page.draining += connected && agent->draining;
        page.lost += agent->state == YM_AGENT_LOST;
        page.slots += connected ? agent->slots : 0;
        page.used += connected ? agent->used : 0;
    }
    ym_answer (a->yard, item, YM_MSG_load_page, &page);
}

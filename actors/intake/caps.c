/* caps.c - tenants' caps on waiting jobs: in force before the first submit after any start.
 *
 * The caps are rows. What waits is counted once when they are read first, and told by the
 * queues from then on.
 */
#include "actors/intake/intake.h"

static void plan_caps (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)count;
    items[0]->call = store_call_caps (t);
    (void)store_call_waiting (t);
}

static void take_counts (struct intake *in, struct ym_turn *t, unsigned call)
{
    int32_t tenant;
    uint32_t tier;
    uint64_t waiting;

    for (size_t i = 0; i < store_rows (t, call); i++) {
        store_got_waiting (t, call, i, &tenant, &tier, &waiting);
        limits_waiting (in->limits, tier, tenant, waiting);
    }
}

static void done_caps (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    unsigned call = items[0]->call;
    int32_t tenant;
    uint64_t most;

    (void)count;
    limits_caps_begin (in->limits);
    for (size_t i = 0; i < store_rows (t, call); i++) {
        store_got_cap (t, call, i, &tenant, &most);
        limits_cap (in->limits, tenant, most);
    }
    take_counts (in, t, call + 1);
}

const struct ym_work caps_work = {.name = "caps",
                                  .one_at_a_time = true,
                                  .forget_unknown = true,
                                  .plan = plan_caps,
                                  .done = done_caps};

void caps_reload (struct intake *in)
{
    ym_put (in->yard, &caps_work, NULL);
}

void on_tenants_waiting (void *me, struct ym_item *item)
{
    struct intake *in = me;
    const struct ym_tenants_waiting *m = item->body;
    uint32_t tier;

    if (!ym_actor_is_queue (item->from.peer, &tier))
        return;
    limits_counted (in->limits, tier, m->fresh, m->through);
    for (uint32_t i = 0; i < m->tenants.count; i++)
        limits_waiting (in->limits, tier, (int32_t)m->tenants.at[i].tenant,
                        m->tenants.at[i].waiting);
}

/* policy.c - whether the queue is stopped, and tenants' weights: read before the first offer,
 * when told that they changed, and now and then. */
#include "actors/queue/queue.h"
#include "common/base/log.h"

enum { POLICY_EVERY_MS = 3000 };

void policy_read (struct queue *q)
{
    q->policy_wanted = false;
    q->policy_asked = true;
    ym_put (q->yard, &policy_work, NULL);
}

int policy_pass (struct queue *q, int64_t mono_ms)
{
    if (q->policy_asked || !ym_yard_has_database (q->yard))
        return -1;
    if (!q->policy_wanted && mono_ms < q->policy_at_ms)
        return (int)(q->policy_at_ms - mono_ms);
    q->policy_at_ms = mono_ms + POLICY_EVERY_MS;
    policy_read (q);
    return -1;
}

static void plan_policy (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)count;
    items[0]->call = store_call_gates (t);
    (void)store_call_weights (t);
}

static void take_gate (struct queue *q, const struct gate_row *gate)
{
    bool was_stopped = q->gate.stopped;

    q->gate = *gate;
    if (was_stopped == gate->stopped)
        return;
    offer_afresh (q);
    ym_log (YM_LOG_INFO, gate->stopped ? "queue_stopped" : "queue_started",
            ym_log_text ("why", gate->reason));
}

static void done_policy (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct queue *q = me;
    unsigned call = items[0]->call;

    (void)count;
    for (size_t i = 0; i < store_count (t, call); i++) {
        struct gate_row gate = store_gate (t, call, i);
        if (gate.tier == q->tier)
            take_gate (q, &gate);
    }
    waiting_reset_weights (q->waiting);
    for (size_t i = 0; i < store_count (t, call + 1); i++) {
        struct weight_row row = store_weight (t, call + 1, i);
        waiting_set_weight (q->waiting, row.tenant, row.weight);
    }
    q->policy_asked = false;
    q->policy_known = true;
}

static void failed_policy (void *me, struct ym_item *item)
{
    struct queue *q = me;

    (void)item;
    q->policy_asked = false;
    q->policy_wanted = true;
}

const struct ym_work policy_work = {.name = "policy",
                                    .one_at_a_time = true,
                                    .forget_unknown = true,
                                    .plan = plan_policy,
                                    .done = done_policy,
                                    .failed = failed_policy};

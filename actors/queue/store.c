/* store.c - all SQL of a queue. */
#include "actors/queue/store.h"

static const struct ym_statement load = {
    "queue_load",
    "SELECT job_id, tenant_id, requirement, urgency, hold, unmet, not_before_ms, wait_until_ms,"
    " came_back FROM ym.queue_load ($1::int2, $2::int8, $3::int4)"};
static const struct ym_statement gates = {
    "policy_gates", "SELECT tier, stopped, reason, at_ms FROM ym.policy_gates ()"};
static const struct ym_statement weights = {
    "policy_tenants", "SELECT tenant_id, weight FROM ym.policy_tenants ()"};

unsigned store_call_load (struct ym_turn *t, unsigned tier, int64_t after)
{
    unsigned call = ym_turn_call (t, &load);

    ym_param_int2 (t->batch, (int16_t)tier);
    ym_param_int8 (t->batch, after);
    ym_param_int4 (t->batch, STORE_PAGE);
    return call;
}

size_t store_count (const struct ym_turn *t, unsigned call)
{
    return ym_rows_count (ym_turn_rows (t, call));
}

struct waiting_job store_loaded (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *rows = ym_turn_rows (t, call);

    return (struct waiting_job){.job = ym_row_int8 (rows, row, 0),
                                .tenant = (uint32_t)ym_row_int4 (rows, row, 1),
                                .requirement = (uint64_t)ym_row_int8 (rows, row, 2),
                                .urgency = (uint32_t)ym_row_int2 (rows, row, 3),
                                .hold = (uint32_t)ym_row_int2 (rows, row, 4),
                                .unmet = (uint32_t)ym_row_int2 (rows, row, 5),
                                .not_before_ms = ym_row_int8 (rows, row, 6),
                                .wait_until_ms = ym_row_int8 (rows, row, 7),
                                .came_back = ym_row_bool (rows, row, 8)};
}

unsigned store_call_gates (struct ym_turn *t)
{
    return ym_turn_call (t, &gates);
}

struct gate_row store_gate (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *rows = ym_turn_rows (t, call);
    struct gate_row gate = {.tier = (unsigned)ym_row_int2 (rows, row, 0),
                            .stopped = ym_row_bool (rows, row, 1),
                            .at_ms = ym_row_int8 (rows, row, 3)};

    (void)ym_text_copy_str (gate.reason, sizeof gate.reason, ym_row_text (rows, row, 2));
    return gate;
}

unsigned store_call_weights (struct ym_turn *t)
{
    return ym_turn_call (t, &weights);
}

struct weight_row store_weight (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *rows = ym_turn_rows (t, call);

    return (struct weight_row){(uint32_t)ym_row_int4 (rows, row, 0),
                               (uint32_t)ym_row_int4 (rows, row, 1)};
}

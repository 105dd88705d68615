/* store_lease.c - the SQL of rounds: leases, wishes that attempts suspend, the policy. */
#include "actors/assignment/store_lease.h"

#define STATEMENT(name, text) static const struct ym_statement name = {#name, text}

STATEMENT (attempt_lease,
           "SELECT " STORE_TOLD ", run_limit_ms, preempted, losses, fixed FROM "
           "ym.attempt_lease "
           "($1::int8, $2::int8, $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::int2, "
           "$8::int2, $9::int2)");
STATEMENT (attempt_want,
           "SELECT ix FROM ym.attempt_want ($1::int8, $2::int8[], $3::int8[], $4::int2[], "
           "$5::int8[], $6::text[], $7::int2, $8::int2)");
STATEMENT (policy_number, "SELECT ym.policy_number ()");
STATEMENT (policy_gates, "SELECT tier, stopped FROM ym.policy_gates ()");
STATEMENT (policy_tenants,
           "SELECT tenant_id, name, running_max, overflow FROM ym.policy_tenants ()");
STATEMENT (policy_drains,
           "SELECT agent_id, reason, deadline_ms, at_ms FROM ym.policy_drains ()");
STATEMENT (policy_windows,
           "SELECT begins_ms, ends_ms, scope, subject FROM ym.policy_windows ($1::int8)");

unsigned store_call_lease (struct ym_turn *t, int64_t policy, const struct lease_row *rows,
                           size_t count)
{
    int64_t *numbers = ym_arena_take (t->arena, (3 * count + 1) * sizeof *numbers);
    struct ym_str *whys = ym_arena_take (t->arena, (count + 1) * sizeof *whys);
    unsigned call = ym_turn_call (t, &attempt_lease);

    for (size_t i = 0; i < count; i++) {
        numbers[i] = rows[i].job;
        numbers[count + i] = rows[i].agent;
        numbers[2 * count + i] = rows[i].session;
        whys[i] = rows[i].why;
    }
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, policy);
    ym_param_int8s (t->batch, numbers, count);
    ym_param_int8s (t->batch, numbers + count, count);
    ym_param_int8s (t->batch, numbers + 2 * count, count);
    ym_param_texts (t->batch, whys, count);
    ym_param_int2 (t->batch, YM_JOB_ON_LEASE);
    ym_param_int2 (t->batch, YM_JOB_ON_GO_ON);
    ym_param_int2 (t->batch, YM_JOB_ON_CLEAN);
    (void)store_call_policy_number (t);
    return call;
}

int64_t store_got_lease_policy (const struct ym_turn *t, unsigned call)
{
    return store_got_policy_number (t, call + 1);
}

struct lease_limits store_got_limits (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    return (struct lease_limits){ym_row_int8 (r, row, STORE_TOLD_COUNT),
                                 (uint32_t)ym_row_int2 (r, row, STORE_TOLD_COUNT + 1),
                                 (uint32_t)ym_row_int2 (r, row, STORE_TOLD_COUNT + 2),
                                 ym_row_bool (r, row, STORE_TOLD_COUNT + 3)};
}

unsigned store_call_want (struct ym_turn *t, const struct want_row *rows, size_t count)
{
    int64_t *numbers = ym_arena_take (t->arena, (3 * count + 1) * sizeof *numbers);
    int16_t *suspenders = ym_arena_take (t->arena, (count + 1) * sizeof *suspenders);
    struct ym_str *details = ym_arena_take (t->arena, (count + 1) * sizeof *details);
    unsigned call = ym_turn_call (t, &attempt_want);

    for (size_t i = 0; i < count; i++) {
        numbers[i] = rows[i].job;
        numbers[count + i] = rows[i].fence;
        numbers[2 * count + i] = rows[i].beneficiary;
        suspenders[i] = rows[i].beneficiary ? YM_PREEMPTION : YM_DRAIN;
        details[i] = rows[i].detail;
    }
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8s (t->batch, numbers, count);
    ym_param_int8s (t->batch, numbers + count, count);
    ym_param_int2s (t->batch, suspenders, count);
    ym_param_int8s (t->batch, numbers + 2 * count, count);
    ym_param_texts (t->batch, details, count);
    ym_param_int2 (t->batch, YM_JOB_ON_SUSPEND);
    ym_param_int2 (t->batch, YM_SUSPEND);
    return call;
}

/* The policy. */

unsigned store_call_policy_number (struct ym_turn *t)
{
    return ym_turn_call (t, &policy_number);
}

int64_t store_got_policy_number (const struct ym_turn *t, unsigned call)
{
    return ym_row_int8 (ym_turn_rows (t, call), 0, 0);
}

unsigned store_call_gates (struct ym_turn *t)
{
    return ym_turn_call (t, &policy_gates);
}

struct gate_row store_got_gate (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    return (struct gate_row){(uint32_t)ym_row_int2 (r, row, 0), ym_row_bool (r, row, 1)};
}

unsigned store_call_tenants (struct ym_turn *t)
{
    return ym_turn_call (t, &policy_tenants);
}

struct tenant_row store_got_tenant (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct tenant_row ret = {.tenant = (uint32_t)ym_row_int4 (r, row, 0),
                             .running_max = (uint32_t)ym_row_int4 (r, row, 2),
                             .overflow = ym_row_bool (r, row, 3)};

    (void)ym_text_copy_str (ret.name, sizeof ret.name, ym_row_text (r, row, 1));
    return ret;
}

unsigned store_call_drains (struct ym_turn *t)
{
    return ym_turn_call (t, &policy_drains);
}

struct drain_row store_got_drain (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct drain_row ret = {.agent = ym_row_int8 (r, row, 0),
                            .by = ym_row_int8 (r, row, 2),
                            .at = ym_row_int8 (r, row, 3)};

    (void)ym_text_copy_str (ret.reason, sizeof ret.reason, ym_row_text (r, row, 1));
    return ret;
}

unsigned store_call_windows (struct ym_turn *t)
{
    unsigned call = ym_turn_call (t, &policy_windows);

    ym_param_int8 (t->batch, t->now_ms);
    return call;
}

struct window_row store_got_window (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct window_row ret = {.begins = ym_row_int8 (r, row, 0),
                             .ends = ym_row_int8 (r, row, 1),
                             .scope = ym_row_int2 (r, row, 2)};

    (void)ym_text_copy_str (ret.subject, sizeof ret.subject, ym_row_text (r, row, 3));
    return ret;
}

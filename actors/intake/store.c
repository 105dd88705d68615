/* store.c - all SQL of intake. */
#include "actors/intake/store.h"

#include <string.h>

#include "common/base/panic.h"

#define STATEMENT(name, text) static const struct ym_statement name = {#name, text}

STATEMENT (
    id_reserve,
    "SELECT from_ms, until_ms FROM ym.id_reserve ('intake', $1::int8, $2::int8, $3::int8)");
STATEMENT (partitions_ahead, "SELECT ym.partitions_ahead ($1::int8)");
STATEMENT (job_get, "SELECT ix, job_id, tenant, name, kind, tier, state, seq, attempt, fence, "
                    "agent, region, checkpoint, done, total, submitted_ms, state_at, wanted, "
                    "result, source, target, urgency, hold, suspender, not_before_ms, "
                    "run_limit_ms, retries, preempted, live, unmet, needs, on_event, "
                    "from_state FROM ym.job_get ($1::int8[], $2::int4[])");
STATEMENT (job_list, "SELECT job_id, fits, tenant, name, tier, state, attempt, agent, region, "
                     "done, total, submitted_ms "
                     "FROM ym.job_list ($1::int4, $2::int8, $3::int4, $4::int2, $5::int2)");
STATEMENT (job_events, "SELECT job_id, seq, at_ms, on_event, from_state, state, attempt, "
                       "fence, agent, detail, done, total "
                       "FROM ym.job_events ($1::int8[], $2::int4[], $3::int4)");
STATEMENT (key_authorize, "SELECT outcome, since_ms FROM ym.key_authorize ($1::int8, "
                          "$2::bytea, $3::int2, $4::text, $5::text, $6::bytea)");
STATEMENT (key_revoke, "SELECT outcome, role, tenant, name, since_ms, revoked_ms, number, "
                       "others, running, whole FROM "
                       "ym.key_revoke ($1::int8, $2::bytea, $3::bool, $4::int8)");
STATEMENT (key_page, "SELECT public_key, role, tenant, name, since_ms, revoked_ms FROM "
                     "ym.key_page ($1::bytea, $2::int4)");

size_t store_rows (const struct ym_turn *t, unsigned call)
{
    return ym_rows_count (ym_turn_rows (t, call));
}

void store_copy_octets (uint8_t *to, size_t size, struct ym_bytes from)
{
    ym_assert (from.size == size);
    memcpy (to, from.at, size);
}

int64_t store_big_endian (const uint8_t *p, size_t size)
{
    uint64_t n = 0;

    for (size_t i = 0; i < size; i++)
        n = n << 8 | p[i];
    return (int64_t)n;
}

/* Ids and partitions. */

unsigned store_call_reserve (struct ym_turn *t, int64_t epoch, int64_t span_ms)
{
    unsigned call = ym_turn_call (t, &id_reserve);

    ym_param_int8 (t->batch, epoch);
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, span_ms);
    return call;
}

void store_got_reserved (const struct ym_turn *t, unsigned call, int64_t *ret_from_ms,
                         int64_t *ret_until_ms)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    ym_assert (ym_rows_count (r) == 1);
    *ret_from_ms = ym_row_int8 (r, 0, 0);
    *ret_until_ms = ym_row_int8 (r, 0, 1);
}

unsigned store_call_partitions (struct ym_turn *t)
{
    unsigned call = ym_turn_call (t, &partitions_ahead);

    ym_param_int8 (t->batch, t->now_ms);
    return call;
}

int32_t store_got_partitions (const struct ym_turn *t, unsigned call)
{
    return ym_row_int4 (ym_turn_rows (t, call), 0, 0);
}

/* Reading. */

unsigned store_call_get (struct ym_turn *t, const int64_t *jobs, const int32_t *tenants,
                         size_t count)
{
    unsigned call = ym_turn_call (t, &job_get);

    ym_param_int8s (t->batch, jobs, count);
    ym_param_int4s (t->batch, tenants, count);
    return call;
}

static void got_orders (const struct ym_rows *r, size_t row, struct ym_job_status *m)
{
    m->urgency = (uint64_t)ym_row_int2 (r, row, 21);
    m->hold = (uint32_t)ym_row_int2 (r, row, 22);
    m->suspender = (uint32_t)ym_row_int2 (r, row, 23);
    m->not_before = ym_row_int8 (r, row, 24);
    m->run_limit_ms = (uint64_t)ym_row_int8 (r, row, 25);
    m->retries = (uint64_t)ym_row_int4 (r, row, 26);
    m->preempted = (uint64_t)ym_row_int4 (r, row, 27);
    m->resources = (uint64_t)ym_row_int2 (r, row, 28);
    m->unmet = (uint64_t)ym_row_int2 (r, row, 29);
    m->needs = ym_row_text (r, row, 30);
}

void store_got_status (const struct ym_turn *t, unsigned call, size_t row, struct status *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct ym_job_status *m = &ret->m;
    int on = ym_row_int2 (r, row, 31), from = ym_row_int2 (r, row, 32);

    ret->place = (size_t)ym_row_int4 (r, row, 0) - 1;
    *m = (struct ym_job_status){.job = ym_row_int8 (r, row, 1),
                                .tier = (uint32_t)ym_row_int2 (r, row, 5),
                                .state = ym_row_int2 (r, row, 6),
                                .seq = (uint64_t)ym_row_int4 (r, row, 7),
                                .attempt = (uint64_t)ym_row_int4 (r, row, 8),
                                .fence = (uint64_t)ym_row_int8 (r, row, 9),
                                .checkpoint = (uint64_t)ym_row_int8 (r, row, 12),
                                .done = (uint64_t)ym_row_int8 (r, row, 13),
                                .total = (uint64_t)ym_row_int8 (r, row, 14),
                                .submitted_at = ym_row_int8 (r, row, 15),
                                .state_at = ym_row_int8 (r, row, 16),
                                .wanted = (uint32_t)ym_row_int2 (r, row, 17),
                                .result = ym_row_text (r, row, 18),
                                .source = ym_row_text (r, row, 19),
                                .target = ym_row_text (r, row, 20),
                                .why = ym_str (ym_life_why (&ym_job_life, from, on))};
    got_orders (r, row, m);
    (void)ym_text_copy_str (m->tenant, sizeof m->tenant, ym_row_text (r, row, 2));
    (void)ym_text_copy_str (m->name, sizeof m->name, ym_row_text (r, row, 3));
    (void)ym_text_copy_str (m->kind, sizeof m->kind, ym_row_text (r, row, 4));
    (void)ym_text_copy_str (m->agent, sizeof m->agent, ym_row_text (r, row, 10));
    (void)ym_text_copy_str (m->region, sizeof m->region, ym_row_text (r, row, 11));
}

unsigned store_call_list (struct ym_turn *t, int32_t tenant, const struct ym_job_list *m)
{
    unsigned call = ym_turn_call (t, &job_list);

    ym_param_int4 (t->batch, tenant);
    ym_param_int8 (t->batch, m->has & YM_HAS (job_list, before) ? m->before : INT64_MAX);
    ym_param_int4 (t->batch, (int32_t)m->limit);
    ym_param_int2 (t->batch, m->has & YM_HAS (job_list, state) ? (int16_t)m->state : 0);
    ym_param_int2 (t->batch, m->has & YM_HAS (job_list, tier) ? (int16_t)m->tier : -1);
    return call;
}

bool store_got_listed (const struct ym_turn *t, unsigned call, size_t row,
                       struct ym_job_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct ym_job_row){.job = ym_row_int8 (r, row, 0),
                               .tier = (uint32_t)ym_row_int2 (r, row, 4),
                               .state = ym_row_int2 (r, row, 5),
                               .attempt = (uint64_t)ym_row_int4 (r, row, 6),
                               .done = (uint64_t)ym_row_int8 (r, row, 9),
                               .total = (uint64_t)ym_row_int8 (r, row, 10),
                               .submitted_at = ym_row_int8 (r, row, 11)};
    (void)ym_text_copy_str (ret->tenant, sizeof ret->tenant, ym_row_text (r, row, 2));
    (void)ym_text_copy_str (ret->name, sizeof ret->name, ym_row_text (r, row, 3));
    (void)ym_text_copy_str (ret->agent, sizeof ret->agent, ym_row_text (r, row, 7));
    (void)ym_text_copy_str (ret->region, sizeof ret->region, ym_row_text (r, row, 8));
    return ym_row_bool (r, row, 1);
}

unsigned store_call_events (struct ym_turn *t, const int64_t *jobs, const int32_t *after,
                            size_t count, int32_t limit)
{
    unsigned call = ym_turn_call (t, &job_events);

    ym_param_int8s (t->batch, jobs, count);
    ym_param_int4s (t->batch, after, count);
    ym_param_int4 (t->batch, limit);
    return call;
}

bool store_got_event (const struct ym_turn *t, unsigned call, size_t row, struct event *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    int on = ym_row_int2 (r, row, 3), from = ym_row_int2 (r, row, 4);
    struct ym_job_changed *m = &ret->m;

    *ret = (struct event){.done = ym_row_int8 (r, row, 10), .total = ym_row_int8 (r, row, 11)};
    *m = (struct ym_job_changed){.job = ym_row_int8 (r, row, 0),
                                 .seq = (uint64_t)ym_row_int4 (r, row, 1),
                                 .at = ym_row_int8 (r, row, 2),
                                 .state = ym_row_int2 (r, row, 5),
                                 .attempt = (uint64_t)ym_row_int4 (r, row, 6),
                                 .fence = (uint64_t)ym_row_int8 (r, row, 7),
                                 .detail = ym_row_text (r, row, 9),
                                 .why = ym_str (ym_life_why (&ym_job_life, from, on))};
    m->final = on != 0 && ym_life_is_final (&ym_job_life, m->state);
    (void)ym_text_copy_str (m->agent, sizeof m->agent, ym_row_text (r, row, 8));
    return on != 0;
}

/* Keys. */

unsigned store_call_authorize (struct ym_turn *t, const struct ym_key_authorize *m)
{
    unsigned call = ym_turn_call (t, &key_authorize);

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_bytea (t->batch, ym_bytes (m->public_key, sizeof m->public_key));
    ym_param_int2 (t->batch, (int16_t)m->role);
    ym_param_text (t->batch, ym_str (m->tenant));
    ym_param_text (t->batch, ym_str (m->name));
    ym_param_bytea (t->batch, ym_bytes (m->replaces, m->has & YM_HAS (key_authorize, replaces)
                                                         ? sizeof m->replaces
                                                         : 0));
    return call;
}

enum authorized store_got_authorized (const struct ym_turn *t, unsigned call,
                                      int64_t *ret_since_ms)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret_since_ms = ym_row_int8 (r, 0, 1);
    return (enum authorized)ym_row_int2 (r, 0, 0);
}

unsigned store_call_revoke (struct ym_turn *t, const struct ym_key_revoke *m)
{
    unsigned call = ym_turn_call (t, &key_revoke);
    bool has_version = (m->has & YM_HAS (key_revoke, version)) != 0;

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_bytea (t->batch, ym_bytes (m->public_key, sizeof m->public_key));
    ym_param_bool (t->batch, m->plan);
    ym_param_int8 (t->batch, has_version ? (int64_t)m->version : -1);
    return call;
}

enum revoked store_got_revoked (const struct ym_turn *t, unsigned call, struct revocation *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct revocation){.key = {.role = (uint32_t)ym_row_int2 (r, 0, 1),
                                       .since = ym_row_int8 (r, 0, 4),
                                       .revoked_at = ym_row_int8 (r, 0, 5)},
                               .number = ym_row_int8 (r, 0, 6),
                               .others = ym_row_int8 (r, 0, 7),
                               .running = ym_row_int8 (r, 0, 8),
                               .whole = ym_row_bool (r, 0, 9)};
    (void)ym_text_copy_str (ret->key.tenant, sizeof ret->key.tenant, ym_row_text (r, 0, 2));
    (void)ym_text_copy_str (ret->key.name, sizeof ret->key.name, ym_row_text (r, 0, 3));
    return (enum revoked)ym_row_int2 (r, 0, 0);
}

unsigned store_call_keys (struct ym_turn *t, const struct ym_key_list *m, int32_t limit)
{
    unsigned call = ym_turn_call (t, &key_page);
    bool has_after = (m->has & YM_HAS (key_list, after)) != 0;

    ym_param_bytea (t->batch, ym_bytes (m->after, has_after ? sizeof m->after : 0));
    ym_param_int4 (t->batch, limit);
    return call;
}

void store_got_key (const struct ym_turn *t, unsigned call, size_t row, struct ym_key_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct ym_key_row){.role = (uint32_t)ym_row_int2 (r, row, 1),
                               .since = ym_row_int8 (r, row, 4),
                               .revoked_at = ym_row_int8 (r, row, 5)};
    store_copy_octets (ret->public_key, sizeof ret->public_key, ym_row_bytea (r, row, 0));
    (void)ym_text_copy_str (ret->tenant, sizeof ret->tenant, ym_row_text (r, row, 2));
    (void)ym_text_copy_str (ret->name, sizeof ret->name, ym_row_text (r, row, 3));
}

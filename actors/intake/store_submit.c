/* store_submit.c - the SQL of submits: one array a column, in the turn's arena.
 *
 * What most jobs leave as it is by default travels only if a job of the batch has it otherwise.
 */
#include <string.h>

#include "actors/intake/store.h"
#include "common/base/panic.h"

static const struct ym_statement job_submit = {
    "job_submit",
    "SELECT fresh, digest, reply, hold, unmet, strange FROM ym.job_submit ($1::int8, "
    "$2::int8[], $3::text[], $4::int8[], $5::int4[], $6::int8[], $7::bytea[], $8::bytea[], "
    "$9::int2[], $10::int8[], $11::text[], $12::text[], $13::text[], $14::text[], "
    "$15::bytea[], $16::bytea[], $17::int2[], $18::int2[], $19::bool[], $20::int8[], "
    "$21::int8[], $22::int4[], $23::int8[], $24::int2[])"};
static const struct ym_statement request_seen = {
    "request_seen", "SELECT digest, reply FROM ym.request_seen ($1::int4[], $2::bytea[])"};
static const struct ym_statement policy_caps = {
    "policy_caps", "SELECT tenant_id, waiting_max FROM ym.policy_tenants ()"};
static const struct ym_statement waiting_counts = {
    "waiting_counts", "SELECT tenant_id, tier, waiting FROM ym.waiting_counts ()"};

#define COLUMN(t, type, name, count)                                                           \
    type *name = ym_arena_take ((t)->arena, ((count) + 1) * sizeof *name)

static void param_requirements (struct ym_turn *t, const struct submission *s, size_t count)
{
    COLUMN (t, int64_t, numbers, count);
    COLUMN (t, struct ym_str, texts, count);
    size_t fresh = 0;

    for (size_t i = 0; i < count; i++) {
        if (!s[i].requirement_text)
            continue;
        numbers[fresh] = (int64_t)s[i].requirement;
        texts[fresh++] = ym_str (s[i].requirement_text);
    }
    ym_param_int8s (t->batch, numbers, fresh);
    ym_param_texts (t->batch, texts, fresh);
}

static void param_identity (struct ym_turn *t, const struct submission *s, size_t count)
{
    COLUMN (t, int64_t, jobs, count);
    COLUMN (t, int32_t, tenants, count);
    COLUMN (t, int64_t, keys, count);
    COLUMN (t, struct ym_bytes, requests, count);
    COLUMN (t, struct ym_bytes, digests, count);

    for (size_t i = 0; i < count; i++) {
        jobs[i] = s[i].job;
        tenants[i] = s[i].tenant;
        keys[i] = s[i].key;
        requests[i] = ym_bytes (s[i].m->request, sizeof s[i].m->request);
        digests[i] = ym_bytes (s[i].digest, sizeof s[i].digest);
    }
    ym_param_int8s (t->batch, jobs, count);
    ym_param_int4s (t->batch, tenants, count);
    ym_param_int8s (t->batch, keys, count);
    ym_param_byteas (t->batch, requests, count);
    ym_param_byteas (t->batch, digests, count);
}

static void param_texts (struct ym_turn *t, const struct submission *s, size_t count)
{
    COLUMN (t, struct ym_str, names, count);
    COLUMN (t, struct ym_str, kinds, count);
    COLUMN (t, struct ym_str, sources, count);
    COLUMN (t, struct ym_str, targets, count);

    for (size_t i = 0; i < count; i++) {
        names[i] = ym_str (s[i].m->name);
        kinds[i] = ym_str (s[i].m->kind);
        sources[i] = s[i].m->source;
        targets[i] = s[i].m->target;
    }
    ym_param_texts (t->batch, names, count);
    ym_param_texts (t->batch, kinds, count);
    ym_param_texts (t->batch, sources, count);
    ym_param_texts (t->batch, targets, count);
}

/* 0 columns if every job is as by default. */
static size_t count_ordered (const struct submission *s, size_t count)
{
    const uint64_t orders = YM_HAS (job_submit, urgency) | YM_HAS (job_submit, held) |
                            YM_HAS (job_submit, fixed) | YM_HAS (job_submit, not_before) |
                            YM_HAS (job_submit, run_limit_ms) |
                            YM_HAS (job_submit, wait_limit_ms);

    for (size_t i = 0; i < count; i++)
        if (s[i].m->has & orders)
            return count;
    return 0;
}

static void param_orders (struct ym_turn *t, const struct submission *s, size_t count)
{
    COLUMN (t, int16_t, urgencies, count);
    COLUMN (t, int16_t, holds, count);
    COLUMN (t, bool, fixed, count);
    COLUMN (t, int64_t, not_before, count);
    COLUMN (t, int64_t, limits, 2 * count);
    bool any_held = false;

    for (size_t i = 0; i < count; i++) {
        const struct ym_job_submit *m = s[i].m;
        urgencies[i] =
            (int16_t)(m->has & YM_HAS (job_submit, urgency) ? m->urgency : YM_URGENCY_USUAL);
        holds[i] = m->held ? YM_AT_SUBMIT : YM_NOT_HELD;
        any_held = any_held || m->held;
        fixed[i] = m->fixed;
        not_before[i] = m->not_before;
        limits[i] = (int64_t)m->run_limit_ms;
        limits[count + i] = (int64_t)m->wait_limit_ms;
    }
    ym_param_int2s (t->batch, urgencies, count);
    ym_param_int2s (t->batch, holds, any_held ? count : 0);
    ym_param_bools (t->batch, fixed, count);
    ym_param_int8s (t->batch, not_before, count);
    ym_param_int8s (t->batch, limits, 2 * count);
}

static void param_after (struct ym_turn *t, const struct submission *s, size_t count)
{
    size_t all = 0, n = 0;

    for (size_t i = 0; i < count; i++)
        all += s[i].m->after.count;
    COLUMN (t, int32_t, places, all);
    COLUMN (t, int64_t, jobs, all);
    COLUMN (t, int16_t, conditions, all);
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < s[i].m->after.count; k++) {
            places[n] = (int32_t)i + 1;
            jobs[n] = s[i].m->after.at[k].job;
            conditions[n++] = (int16_t)s[i].m->after.at[k].condition;
        }
    ym_param_int4s (t->batch, places, n);
    ym_param_int8s (t->batch, jobs, n);
    ym_param_int2s (t->batch, conditions, n);
}

unsigned store_call_submit (struct ym_turn *t, const struct submission *s, size_t count)
{
    unsigned call = ym_turn_call (t, &job_submit);
    COLUMN (t, int16_t, tiers, count);
    COLUMN (t, int64_t, needs, count);
    COLUMN (t, struct ym_bytes, traces, count);
    COLUMN (t, struct ym_bytes, payloads, count);

    for (size_t i = 0; i < count; i++) {
        tiers[i] = (int16_t)s[i].m->tier;
        needs[i] = (int64_t)s[i].requirement;
        traces[i] = ym_bytes (s[i].trace, s[i].has_trace ? sizeof s[i].trace : 0);
        payloads[i] = s[i].m->payload;
    }
    ym_param_int8 (t->batch, t->now_ms);
    param_requirements (t, s, count);
    param_identity (t, s, count);
    ym_param_int2s (t->batch, tiers, count);
    ym_param_int8s (t->batch, needs, count);
    param_texts (t, s, count);
    ym_param_byteas (t->batch, traces, count);
    ym_param_byteas (t->batch, payloads, count);
    param_orders (t, s, count_ordered (s, count));
    param_after (t, s, count);
    return call;
}

static void got_reply (const struct ym_rows *r, size_t row, unsigned column,
                       struct submitted *ret)
{
    struct ym_bytes reply = ym_row_bytea (r, row, column + 1);

    ret->seen = SEEN_BEFORE;
    store_copy_octets (ret->digest, sizeof ret->digest, ym_row_bytea (r, row, column));
    if (reply.size == 8) /* another kind of request has another digest anyway */
        ret->job = store_big_endian (reply.at, 8);
}

struct submitted store_got_submitted (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct submitted s = {.hold = (uint32_t)ym_row_int2 (r, row, 3),
                          .unmet = (uint32_t)ym_row_int2 (r, row, 4)};

    if (ym_row_bool (r, row, 0))
        s.seen = SEEN_FRESH;
    else if (!ym_row_is_null (r, row, 1))
        got_reply (r, row, 1, &s);
    else if (ym_row_bool (r, row, 5))
        s.seen = SEEN_STRANGE;
    else
        s.seen = SEEN_IN_THIS_BATCH;
    return s;
}

unsigned store_call_seen (struct ym_turn *t, const struct submission *s, size_t count)
{
    unsigned call = ym_turn_call (t, &request_seen);
    COLUMN (t, int32_t, tenants, count);
    COLUMN (t, struct ym_bytes, requests, count);

    for (size_t i = 0; i < count; i++) {
        tenants[i] = s[i].tenant;
        requests[i] = ym_bytes (s[i].m->request, sizeof s[i].m->request);
    }
    ym_param_int4s (t->batch, tenants, count);
    ym_param_byteas (t->batch, requests, count);
    return call;
}

struct submitted store_got_seen (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct submitted s = {.seen = SEEN_IN_THIS_BATCH};

    if (!ym_row_is_null (r, row, 0))
        got_reply (r, row, 0, &s);
    return s;
}

unsigned store_call_caps (struct ym_turn *t)
{
    return ym_turn_call (t, &policy_caps);
}

void store_got_cap (const struct ym_turn *t, unsigned call, size_t row, int32_t *ret_tenant,
                    uint64_t *ret_waiting_max)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret_tenant = ym_row_int4 (r, row, 0);
    *ret_waiting_max = (uint64_t)ym_row_int4 (r, row, 1);
}

unsigned store_call_waiting (struct ym_turn *t)
{
    return ym_turn_call (t, &waiting_counts);
}

void store_got_waiting (const struct ym_turn *t, unsigned call, size_t row, int32_t *ret_tenant,
                        uint32_t *ret_tier, uint64_t *ret_waiting)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret_tenant = ym_row_int4 (r, row, 0);
    *ret_tier = (uint32_t)ym_row_int2 (r, row, 1);
    *ret_waiting = (uint64_t)ym_row_int8 (r, row, 2);
}

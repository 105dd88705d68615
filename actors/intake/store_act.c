/* store_act.c - the SQL of changes to one job, and of their reasons. */
#include "actors/intake/store_act.h"

#include "common/base/panic.h"

#define STATEMENT(name, text) static const struct ym_statement name = {#name, text}

STATEMENT (
    job_facts,
    "SELECT ix, digest, reply, found, tier, state, seq, wanted, suspender, held, "
    "urgency, ends_as, live, unmet, awaiting, attempt, retries, losses, agent, "
    "held_by_agent, checkpoint, done, kept, not_before_ms, on_found, on_state, "
    "on_condition, on_leads_here, waiting, tenant_id, requirement, told_urgency, "
    "told_hold, told_unmet, told_not_before, wait_until_ms, came_back, fence FROM ym.job_facts "
    "($1::int8[], $2::int4[], $3::int4[], "
    "$4::bytea[], $5::int8[])");
STATEMENT (job_act, "SELECT own, waiting, job_id, tenant_id, tier, requirement, urgency, hold, "
                    "unmet, not_before_ms, wait_until_ms, came_back FROM ym.job_act ($1::int8, "
                    "$2::int8, $3::int4, $4::int4, $5::int8, $6::bytea, $7::bytea, $8::bytea, "
                    "$9::int2, $10::int2, $11::text, $12::int2, $13::int2, $14::int2, "
                    "$15::int2, $16::int2, $17::int2, $18::bool, $19::int8, $20::int2)");
STATEMENT (job_why, "SELECT ix, job_id, tenant_id, tier, state, requirement, state_at, "
                    "suspender, wanted, ends_as, hold, hold_since, hold_reason, unmet, "
                    "waits_for, agent, chosen FROM ym.job_why ($1::int8[], $2::int4[])");

#define COLUMN(t, type, name, count)                                                           \
    type *name = ym_arena_take ((t)->arena, (count) * sizeof *name)

unsigned store_call_facts (struct ym_turn *t, const struct act_question *q, size_t count)
{
    unsigned call = ym_turn_call (t, &job_facts);
    COLUMN (t, int64_t, jobs, count);
    COLUMN (t, int32_t, sees, count);
    COLUMN (t, int32_t, asking, count);
    COLUMN (t, struct ym_bytes, requests, count);
    COLUMN (t, int64_t, ons, count);

    for (size_t i = 0; i < count; i++) {
        jobs[i] = q[i].m->job;
        sees[i] = q[i].sees;
        asking[i] = q[i].asking;
        requests[i] = ym_bytes (q[i].m->request, sizeof q[i].m->request);
        ons[i] = q[i].m->on;
    }
    ym_param_int8s (t->batch, jobs, count);
    ym_param_int4s (t->batch, sees, count);
    ym_param_int4s (t->batch, asking, count);
    ym_param_byteas (t->batch, requests, count);
    ym_param_int8s (t->batch, ons, count);
    return call;
}

static void got_orders (const struct ym_rows *r, size_t row, struct act_facts *f)
{
    f->wanted = (uint32_t)ym_row_int2 (r, row, 7);
    f->suspender = (uint32_t)ym_row_int2 (r, row, 8);
    f->hold = (uint32_t)ym_row_int2 (r, row, 9);
    f->urgency = (uint32_t)ym_row_int2 (r, row, 10);
    f->ends_as = (uint32_t)ym_row_int2 (r, row, 11);
    f->resources = (uint32_t)ym_row_int2 (r, row, 12);
    f->unmet = (uint32_t)ym_row_int2 (r, row, 13);
    f->awaiting = (uint32_t)ym_row_int4 (r, row, 14);
    f->attempt = (uint32_t)ym_row_int4 (r, row, 15);
    f->retries = (uint32_t)ym_row_int4 (r, row, 16);
    f->losses = (uint32_t)ym_row_int2 (r, row, 17);
}

static struct ym_ready got_told (const struct ym_rows *r, size_t row)
{
    return (struct ym_ready){.tenant = (uint64_t)ym_row_int4 (r, row, 29),
                             .requirement = (uint64_t)ym_row_int8 (r, row, 30),
                             .urgency = (uint64_t)ym_row_int2 (r, row, 31),
                             .hold = (uint32_t)ym_row_int2 (r, row, 32),
                             .unmet = (uint64_t)ym_row_int2 (r, row, 33),
                             .not_before = ym_row_int8 (r, row, 34),
                             .wait_until = ym_row_int8 (r, row, 35),
                             .preempted = ym_row_bool (r, row, 36)};
}

void store_got_facts (const struct ym_turn *t, unsigned call, size_t row,
                      struct act_answer *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct act_facts *f = &ret->facts;
    int condition = ym_row_int2 (r, row, 26);

    *ret = (struct act_answer){.place = (size_t)ym_row_int4 (r, row, 0) - 1,
                               .reply = ym_row_bytea (r, row, 2),
                               .waits = ym_row_bool (r, row, 28),
                               .ready = got_told (r, row)};
    if (ret->reply.size > 0)
        store_copy_octets (ret->digest, sizeof ret->digest, ym_row_bytea (r, row, 1));
    *f = (struct act_facts){.found = ym_row_bool (r, row, 3),
                            .tier = (uint32_t)ym_row_int2 (r, row, 4),
                            .state = ym_row_int2 (r, row, 5),
                            .seq = (uint64_t)ym_row_int4 (r, row, 6),
                            .agent_holds = ym_row_bool (r, row, 19),
                            .fence = ym_row_int8 (r, row, 37),
                            .checkpoint = ym_row_int8 (r, row, 20),
                            .done = ym_row_int8 (r, row, 21),
                            .kept = ym_row_int8 (r, row, 22),
                            .not_before_ms = ym_row_int8 (r, row, 23),
                            .on_found = ym_row_bool (r, row, 24),
                            .on_state = ym_row_int2 (r, row, 25),
                            .on_waited = condition >= 0,
                            .on_condition = condition >= 0 ? (uint32_t)condition : 0,
                            .on_leads_here = ym_row_bool (r, row, 27)};
    got_orders (r, row, f);
    (void)ym_text_copy_str (f->agent, sizeof f->agent, ym_row_text (r, row, 18));
}

unsigned store_call_act (struct ym_turn *t, const struct act_write *w)
{
    unsigned call = ym_turn_call (t, &job_act);
    const struct act *a = w->act;

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, w->m->job);
    ym_param_int4 (t->batch, (int32_t)w->seq);
    ym_param_int4 (t->batch, w->key->tenant);
    ym_param_int8 (t->batch, w->key->key);
    ym_param_bytea (t->batch, ym_bytes (w->m->request, sizeof w->m->request));
    ym_param_bytea (t->batch, ym_bytes (w->digest, 32));
    ym_param_bytea (t->batch, w->reply);
    ym_param_int2 (t->batch, (int16_t)a->on);
    ym_param_int2 (t->batch, (int16_t)a->state);
    ym_param_text (t->batch, ym_str (a->detail));
    ym_param_int2 (t->batch, (int16_t)a->wanted);
    ym_param_int2 (t->batch, (int16_t)a->suspender);
    ym_param_int2 (t->batch, (int16_t)a->hold);
    ym_param_int2 (t->batch, (int16_t)a->urgency);
    ym_param_int2 (t->batch, (int16_t)a->tier);
    ym_param_int2 (t->batch, (int16_t)a->ends_as);
    ym_param_bool (t->batch, a->forget);
    ym_param_int8 (t->batch, a->waits_for ? w->m->on : 0);
    ym_param_int2 (t->batch, (int16_t)w->m->condition);
    return call;
}

void store_got_acted (const struct ym_turn *t, unsigned call, size_t row, struct acted *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct acted){.own = ym_row_bool (r, row, 0),
                          .waits = ym_row_bool (r, row, 1),
                          .tier = (uint32_t)ym_row_int2 (r, row, 4),
                          .ready = {.job = ym_row_int8 (r, row, 2),
                                    .tenant = (uint64_t)ym_row_int4 (r, row, 3),
                                    .requirement = (uint64_t)ym_row_int8 (r, row, 5),
                                    .urgency = (uint64_t)ym_row_int2 (r, row, 6),
                                    .hold = (uint32_t)ym_row_int2 (r, row, 7),
                                    .unmet = (uint64_t)ym_row_int2 (r, row, 8),
                                    .not_before = ym_row_int8 (r, row, 9),
                                    .wait_until = ym_row_int8 (r, row, 10),
                                    .preempted = ym_row_bool (r, row, 11)}};
}

unsigned store_call_why (struct ym_turn *t, const int64_t *jobs, const int32_t *tenants,
                         size_t count)
{
    unsigned call = ym_turn_call (t, &job_why);

    ym_param_int8s (t->batch, jobs, count);
    ym_param_int4s (t->batch, tenants, count);
    return call;
}

void store_got_why (const struct ym_turn *t, unsigned call, size_t row, struct why *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct why){.place = (size_t)ym_row_int4 (r, row, 0) - 1,
                        .job = ym_row_int8 (r, row, 1),
                        .tenant = ym_row_int4 (r, row, 2),
                        .tier = (uint32_t)ym_row_int2 (r, row, 3),
                        .state = ym_row_int2 (r, row, 4),
                        .requirement = (uint64_t)ym_row_int8 (r, row, 5),
                        .state_at = ym_row_int8 (r, row, 6),
                        .suspender = (uint32_t)ym_row_int2 (r, row, 7),
                        .wanted = (uint32_t)ym_row_int2 (r, row, 8),
                        .ends_as = (uint32_t)ym_row_int2 (r, row, 9),
                        .hold = (uint32_t)ym_row_int2 (r, row, 10),
                        .hold_since = ym_row_int8 (r, row, 11),
                        .hold_reason = ym_row_text (r, row, 12),
                        .unmet = (uint64_t)ym_row_int2 (r, row, 13),
                        .waits_for = ym_row_text (r, row, 14),
                        .agent = ym_row_text (r, row, 15),
                        .chosen = ym_row_text (r, row, 16)};
}

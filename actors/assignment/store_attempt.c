/* store_attempt.c - SQL about attempts that run. */
#include "actors/assignment/store_attempt.h"

#include "common/base/panic.h"

#define STATEMENT(name, text) static const struct ym_statement name = {#name, text}
#define CALLBACK_PARAMS       "$1::int8, $2::int8[], $3::int8[], $4::int8[], $5::int4[]"
#define ENDED_COLUMNS                                                                          \
    "ix, job_id, state, final, tenant_id, tier, requirement, urgency, hold, unmet, "           \
    "not_before_ms, wait_until_ms, came_back"

STATEMENT (attempt_started,
           "SELECT ix FROM ym.attempt_started (" CALLBACK_PARAMS ", $6::text[], $7::text[])");
STATEMENT (attempt_prepared, "SELECT ix, state FROM ym.attempt_prepared (" CALLBACK_PARAMS
                             ", $6::text[], $7::text[])");
STATEMENT (attempt_working,
           "SELECT ix, state FROM ym.attempt_working (" CALLBACK_PARAMS ", $6::int2[])");
STATEMENT (attempt_errored,
           "SELECT ix FROM ym.attempt_errored (" CALLBACK_PARAMS ", $6::text[])");
STATEMENT (attempt_end, "SELECT " ENDED_COLUMNS " FROM ym.attempt_end (" CALLBACK_PARAMS
                        ", $6::int2[], $7::int8[], $8::int8[], $9::text[], $10::bool[], "
                        "$11::int4, $12::int4, $13::int8)");
STATEMENT (waiting_still, "SELECT " ENDED_COLUMNS " FROM ym.waiting_still ($1::int8[])");
STATEMENT (job_expire, "SELECT " ENDED_COLUMNS " FROM ym.job_expire ($1::int8, $2::int8[])");
STATEMENT (
    attempt_verify,
    "SELECT ix, held, taken, ended_on, ended_as, state, checkpoint, checkpoint_fence FROM "
    "ym.attempt_verify ($1::int8[], $2::int8[], $3::int8[], $4::int4[])");
STATEMENT (attempt_told, "SELECT " STORE_TOLD " FROM ym.attempt_told ($1::int8[], $2::int8[])");
STATEMENT (attempt_again,
           "SELECT " STORE_TOLD " FROM ym.attempt_again ($1::int8[], $2::int8[], $3::int2[])");
STATEMENT (attempt_wish, "SELECT ix FROM ym.attempt_wish ($1::int8, $2::int8[], $3::int8[], "
                         "$4::int2[], $5::int2[], $6::int2[], $7::text[])");
STATEMENT (problem_raise, "SELECT ix FROM ym.problem_raise ($1::int8, $2::int2[], $3::int8[], "
                          "$4::int8[], $5::text[])");
STATEMENT (attempt_resources,
           "SELECT ix, outcome FROM ym.attempt_resources ($1::int8, $2::int8[], $3::int8[], "
           "$4::int8[], $5::int4[], $6::text[], $7::int2[], $8::text[])");

static void callback_params (struct ym_turn *t, const struct callbacks *c)
{
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8s (t->batch, c->jobs, c->count);
    ym_param_int8s (t->batch, c->fences, c->count);
    ym_param_int8s (t->batch, c->agents, c->count);
    ym_param_int4s (t->batch, c->messages, c->count);
}

static unsigned with_addresses (struct ym_turn *t, const struct ym_statement *s,
                                const struct callbacks *c, const struct ym_str *sources,
                                const struct ym_str *targets)
{
    unsigned call = ym_turn_call (t, s);

    callback_params (t, c);
    ym_param_texts (t->batch, sources, c->count);
    ym_param_texts (t->batch, targets, c->count);
    return call;
}

unsigned store_call_started (struct ym_turn *t, const struct callbacks *c,
                             const struct ym_str *sources, const struct ym_str *targets)
{
    return with_addresses (t, &attempt_started, c, sources, targets);
}

unsigned store_call_prepared (struct ym_turn *t, const struct callbacks *c,
                              const struct ym_str *sources, const struct ym_str *targets)
{
    return with_addresses (t, &attempt_prepared, c, sources, targets);
}

unsigned store_call_working (struct ym_turn *t, const struct callbacks *c,
                             const int16_t *events)
{
    unsigned call = ym_turn_call (t, &attempt_working);

    callback_params (t, c);
    ym_param_int2s (t->batch, events, c->count);
    return call;
}

int store_got_state (const struct ym_turn *t, unsigned call, size_t row)
{
    return ym_row_int2 (ym_turn_rows (t, call), row, 1);
}

unsigned store_call_errored (struct ym_turn *t, const struct callbacks *c,
                             const struct ym_str *details)
{
    unsigned call = ym_turn_call (t, &attempt_errored);

    callback_params (t, c);
    ym_param_texts (t->batch, details, c->count);
    return call;
}

/* Ends. */

struct end_columns {
    struct callbacks c;
    int64_t *dones, *totals;
    int16_t *events;
    struct ym_str *details;
    bool *counted;
};

static struct end_columns take_end_columns (struct ym_turn *t, const struct end_row *ends,
                                            size_t count)
{
    int64_t *numbers = ym_arena_take (t->arena, 5 * count * sizeof *numbers);
    struct end_columns e = {
        .c = {.jobs = numbers,
              .fences = numbers + count,
              .agents = numbers + 2 * count,
              .messages = ym_arena_take (t->arena, count * sizeof *e.c.messages),
              .count = count},
        .dones = numbers + 3 * count,
        .totals = numbers + 4 * count,
        .events = ym_arena_take (t->arena, count * sizeof *e.events),
        .details = ym_arena_take (t->arena, count * sizeof *e.details),
        .counted = ym_arena_take (t->arena, count * sizeof *e.counted)};

    for (size_t i = 0; i < count; i++) {
        e.c.jobs[i] = ends[i].job;
        e.c.fences[i] = ends[i].fence;
        e.c.agents[i] = ends[i].agent;
        e.c.messages[i] = ends[i].message;
        e.dones[i] = ends[i].done;
        e.totals[i] = ends[i].total;
        e.events[i] = ends[i].event;
        e.details[i] = ends[i].detail;
        e.counted[i] = ends[i].counted;
    }
    return e;
}

unsigned store_call_end (struct ym_turn *t, const struct end_row *ends, size_t count,
                         const struct end_limits *limits)
{
    struct end_columns e = take_end_columns (t, ends, count);
    unsigned call = ym_turn_call (t, &attempt_end);

    callback_params (t, &e.c);
    ym_param_int2s (t->batch, e.events, count);
    ym_param_int8s (t->batch, e.dones, count);
    ym_param_int8s (t->batch, e.totals, count);
    ym_param_texts (t->batch, e.details, count);
    ym_param_bools (t->batch, e.counted, count);
    ym_param_int4 (t->batch, limits->attempts_max);
    ym_param_int4 (t->batch, limits->losses_max);
    ym_param_int8 (t->batch, limits->retry_ms);
    return call;
}

unsigned store_call_expire (struct ym_turn *t, const int64_t *jobs, size_t count)
{
    unsigned call = ym_turn_call (t, &job_expire);

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8s (t->batch, jobs, count);
    return call;
}

unsigned store_call_still (struct ym_turn *t, const int64_t *jobs, size_t count)
{
    unsigned call = ym_turn_call (t, &waiting_still);

    ym_param_int8s (t->batch, jobs, count);
    return call;
}

struct ended store_got_ended (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    int32_t ix = ym_row_int4 (r, row, 0);
    struct ended e = {.is_ready = ix == 0,
                      .place = ix == 0 ? 0 : (size_t)ix - 1,
                      .job = ym_row_int8 (r, row, 1),
                      .state = ym_row_int2 (r, row, 2),
                      .final = ym_row_bool (r, row, 3),
                      .tier = (uint32_t)ym_row_int2 (r, row, 5)};

    e.ready = (struct ym_ready){.job = e.job,
                                .tenant = (uint64_t)ym_row_int4 (r, row, 4),
                                .requirement = (uint64_t)ym_row_int8 (r, row, 6),
                                .urgency = (uint64_t)ym_row_int2 (r, row, 7),
                                .hold = (uint32_t)ym_row_int2 (r, row, 8),
                                .unmet = (uint64_t)ym_row_int2 (r, row, 9),
                                .not_before = ym_row_int8 (r, row, 10),
                                .wait_until = ym_row_int8 (r, row, 11),
                                .preempted = ym_row_bool (r, row, 12)};
    return e;
}

/* Repetitions. */

unsigned store_call_verify (struct ym_turn *t, const struct callbacks *c)
{
    unsigned call = ym_turn_call (t, &attempt_verify);

    ym_param_int8s (t->batch, c->jobs, c->count);
    ym_param_int8s (t->batch, c->fences, c->count);
    ym_param_int8s (t->batch, c->agents, c->count);
    ym_param_int4s (t->batch, c->messages, c->count);
    return call;
}

struct verified store_got_verified (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    return (struct verified){.place = store_got_place (t, call, row),
                             .held = ym_row_bool (r, row, 1),
                             .taken = ym_row_bool (r, row, 2),
                             .ended_on = ym_row_int2 (r, row, 3),
                             .ended_as = ym_row_int2 (r, row, 4),
                             .state = ym_row_int2 (r, row, 5),
                             .checkpoint = ym_row_int8 (r, row, 6),
                             .checkpoint_fence = ym_row_int8 (r, row, 7)};
}

unsigned store_call_again (struct ym_turn *t, const int64_t *jobs, const int64_t *fences,
                           const int16_t *counts, size_t count)
{
    unsigned call = ym_turn_call (t, counts ? &attempt_again : &attempt_told);

    ym_param_int8s (t->batch, jobs, count);
    ym_param_int8s (t->batch, fences, count);
    if (counts)
        ym_param_int2s (t->batch, counts, count);
    return call;
}

void store_got_again (const struct ym_turn *t, unsigned call, size_t row, struct told *ret)
{
    store_got_told (t, call, row, ret);
    store_got_resources (t, call, row, STORE_RESOURCES, ret);
}

/* Wishes and problems. */

unsigned store_call_wish (struct ym_turn *t, const struct wish_row *wishes, size_t count)
{
    int64_t *numbers = ym_arena_take (t->arena, 2 * count * sizeof *numbers);
    int16_t *small = ym_arena_take (t->arena, 3 * count * sizeof *small);
    struct ym_str *details = ym_arena_take (t->arena, count * sizeof *details);
    unsigned call = ym_turn_call (t, &attempt_wish);

    for (size_t i = 0; i < count; i++) {
        numbers[i] = wishes[i].job;
        numbers[count + i] = wishes[i].fence;
        small[i] = YM_TERMINATE;
        small[count + i] = wishes[i].ends_as;
        small[2 * count + i] = wishes[i].note;
        details[i] = wishes[i].detail;
    }
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8s (t->batch, numbers, count);
    ym_param_int8s (t->batch, numbers + count, count);
    for (size_t i = 0; i < 3; i++)
        ym_param_int2s (t->batch, small + i * count, count);
    ym_param_texts (t->batch, details, count);
    return call;
}

unsigned store_call_problems (struct ym_turn *t, const struct problem_row *problems,
                              size_t count)
{
    int64_t *numbers = ym_arena_take (t->arena, 2 * count * sizeof *numbers);
    int16_t *kinds = ym_arena_take (t->arena, count * sizeof *kinds);
    struct ym_str *details = ym_arena_take (t->arena, count * sizeof *details);
    unsigned call = ym_turn_call (t, &problem_raise);

    for (size_t i = 0; i < count; i++) {
        kinds[i] = problems[i].kind;
        numbers[i] = problems[i].job;
        numbers[count + i] = problems[i].agent;
        details[i] = problems[i].detail;
    }
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int2s (t->batch, kinds, count);
    ym_param_int8s (t->batch, numbers, count);
    ym_param_int8s (t->batch, numbers + count, count);
    ym_param_texts (t->batch, details, count);
    return call;
}

/* Resources. */

struct resource_columns {
    int64_t *jobs, *fences;
    int32_t *items;
    struct ym_str *names, *addresses;
    int16_t *states;
    size_t rows;
};

static struct resource_columns
take_resource_columns (struct ym_turn *t, const struct ym_attempt_resources *const *m,
                       size_t count)
{
    struct resource_columns c = {0};

    for (size_t i = 0; i < count; i++)
        c.rows += m[i]->resources.count;
    c.jobs = ym_arena_take (t->arena, 2 * count * sizeof *c.jobs);
    c.fences = c.jobs + count;
    c.items = ym_arena_take (t->arena, c.rows * sizeof *c.items);
    c.names = ym_arena_take (t->arena, c.rows * sizeof *c.names);
    c.addresses = ym_arena_take (t->arena, c.rows * sizeof *c.addresses);
    c.states = ym_arena_take (t->arena, c.rows * sizeof *c.states);
    for (size_t i = 0, at = 0; i < count; i++) {
        c.jobs[i] = m[i]->job;
        c.fences[i] = (int64_t)m[i]->fence;
        for (uint32_t k = 0; k < m[i]->resources.count; k++, at++) {
            const struct ym_resource *r = &m[i]->resources.at[k];
            c.items[at] = (int32_t)i + 1;
            c.names[at] = ym_str (r->name);
            c.addresses[at] = r->address;
            c.states[at] = (int16_t)r->state;
        }
    }
    return c;
}

unsigned store_call_resources (struct ym_turn *t, const struct ym_attempt_resources *const *m,
                               const int64_t *agents, size_t count)
{
    struct resource_columns c = take_resource_columns (t, m, count);
    unsigned call = ym_turn_call (t, &attempt_resources);

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8s (t->batch, c.jobs, count);
    ym_param_int8s (t->batch, c.fences, count);
    ym_param_int8s (t->batch, agents, count);
    ym_param_int4s (t->batch, c.items, c.rows);
    ym_param_texts (t->batch, c.names, c.rows);
    ym_param_int2s (t->batch, c.states, c.rows);
    ym_param_texts (t->batch, c.addresses, c.rows);
    return call;
}

bool store_got_stored (const struct ym_turn *t, unsigned call, size_t row)
{
    return ym_row_int2 (ym_turn_rows (t, call), row, 1) == 0;
}

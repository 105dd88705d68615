/* store.c - all SQL of assignment. */
#include "actors/assignment/store.h"

#include <string.h>

#include "common/base/panic.h"

#define STATEMENT(name, text) static const struct ym_statement name = {#name, text}

STATEMENT (agent_load, "SELECT agent_id, name, session, request, state, region, pool, "
                       "capabilities, slots, tick, at_ms FROM ym.agent_load ()");
STATEMENT (attempt_load,
           "SELECT job_id, tenant_id, tier, requirement, state, state_at, state_count, wanted, "
           "suspender, wanted_at, retries, fence, holder, started_at, checkpoint_at, "
           "run_limit_ms, beneficiary, preempted, losses, fixed, done, total, errored_at FROM "
           "ym.attempt_load ()");
STATEMENT (requirement_texts,
           "SELECT requirement, text FROM ym.requirement_texts ($1::int8[])");
STATEMENT (tick, "SELECT ym.tick ($1::int8, $2::int8, $3::int8[], $4::int8[])");
STATEMENT (agent_register,
           "SELECT session, fresh FROM ym.agent_register ($1::int8, $2::int8, $3::int8, "
           "$4::bytea, $5::text, $6::text, $7::text[], $8::int4, $9::int2, $10::int2)");
STATEMENT (agent_move,
           "SELECT agent_id FROM ym.agent_move ($1::int8, $2::int8[], $3::int8[], $4::int2[])");
STATEMENT (
    attempt_progress,
    "SELECT ym.attempt_progress ($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[])");
STATEMENT (attempt_checkpoint,
           "SELECT ix FROM ym.attempt_checkpoint ($1::int8, $2::int8[], $3::int8[], "
           "$4::int8[], $5::int8[], $6::bytea[], $7::text[], $8::int8[], $9::int8[], "
           "$10::int8[], $11::text[], $12::text[])");
STATEMENT (
    attempt_lookup,
    "SELECT source, target FROM ym.attempt_lookup ($1::int8, $2::int8, $3::int8, $4::text[])");

size_t store_rows (const struct ym_turn *t, unsigned call)
{
    return ym_rows_count (ym_turn_rows (t, call));
}

static void copy_octets (uint8_t *to, size_t size, struct ym_bytes from)
{
    ym_assert (from.size == size);
    memcpy (to, from.at, size);
}

/* Loading. */

unsigned store_call_agents (struct ym_turn *t)
{
    return ym_turn_call (t, &agent_load);
}

static void add_word (void *arg, struct ym_str word)
{
    (void)ym_words_add (arg, word);
}

void store_got_agent (const struct ym_turn *t, unsigned call, size_t row, struct agent_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct agent_row){.agent = ym_row_int8 (r, row, 0),
                              .session = ym_row_int8 (r, row, 2),
                              .state = ym_row_int2 (r, row, 4),
                              .slots = (uint32_t)ym_row_int4 (r, row, 8),
                              .tick = ym_row_int8 (r, row, 9),
                              .at_ms = ym_row_int8 (r, row, 10)};
    (void)ym_text_copy_str (ret->name, sizeof ret->name, ym_row_text (r, row, 1));
    copy_octets (ret->request, sizeof ret->request, ym_row_bytea (r, row, 3));
    (void)ym_text_copy_str (ret->region, sizeof ret->region, ym_row_text (r, row, 5));
    (void)ym_text_copy_str (ret->pool, sizeof ret->pool, ym_row_text (r, row, 6));
    ym_row_texts (r, row, 7, &ret->capabilities, add_word);
}

unsigned store_call_attempts (struct ym_turn *t)
{
    return ym_turn_call (t, &attempt_load);
}

void store_got_attempt (const struct ym_turn *t, unsigned call, size_t row,
                        struct attempt_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct attempt_row){.job = ym_row_int8 (r, row, 0),
                                .tenant = (uint32_t)ym_row_int4 (r, row, 1),
                                .tier = (uint32_t)ym_row_int2 (r, row, 2),
                                .requirement = (uint64_t)ym_row_int8 (r, row, 3),
                                .state = ym_row_int2 (r, row, 4),
                                .state_at = ym_row_int8 (r, row, 5),
                                .state_count = (uint32_t)ym_row_int2 (r, row, 6),
                                .wish = ym_row_int2 (r, row, 7),
                                .suspender = ym_row_int2 (r, row, 8),
                                .wanted_at = ym_row_int8 (r, row, 9),
                                .retries = (uint32_t)ym_row_int4 (r, row, 10),
                                .fence = ym_row_int8 (r, row, 11),
                                .agent = ym_row_int8 (r, row, 12),
                                .started_at = ym_row_int8 (r, row, 13),
                                .checkpoint_at = ym_row_int8 (r, row, 14),
                                .run_limit_ms = ym_row_int8 (r, row, 15),
                                .beneficiary = ym_row_int8 (r, row, 16),
                                .preempted = (uint32_t)ym_row_int2 (r, row, 17),
                                .losses = (uint32_t)ym_row_int2 (r, row, 18),
                                .fixed = ym_row_bool (r, row, 19),
                                .done = (uint64_t)ym_row_int8 (r, row, 20),
                                .total = (uint64_t)ym_row_int8 (r, row, 21),
                                .errored_at = ym_row_int8 (r, row, 22)};
}

unsigned store_call_requirements (struct ym_turn *t, const int64_t *requirements, size_t count)
{
    unsigned call = ym_turn_call (t, &requirement_texts);

    ym_param_int8s (t->batch, requirements, count);
    return call;
}

bool store_got_requirement (const struct ym_turn *t, unsigned call, size_t row,
                            uint64_t *ret_number, struct ym_requirement *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret_number = (uint64_t)ym_row_int8 (r, row, 0);
    return ym_requirement_read (ym_row_text (r, row, 1), ret);
}

/* The ticker and agents. */

unsigned store_call_tick (struct ym_turn *t, int64_t epoch, const int64_t *agents,
                          const int64_t *heard_ms, size_t count)
{
    unsigned call = ym_turn_call (t, &tick);

    ym_param_int8 (t->batch, epoch);
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8s (t->batch, agents, count);
    ym_param_int8s (t->batch, heard_ms, count);
    return call;
}

int64_t store_got_tick (const struct ym_turn *t, unsigned call)
{
    return ym_row_int8 (ym_turn_rows (t, call), 0, 0);
}

unsigned store_call_register (struct ym_turn *t, int64_t at_tick, int64_t agent,
                              const struct ym_agent_register *m)
{
    unsigned call = ym_turn_call (t, &agent_register);
    struct ym_str words[YM_WORDS_MAX];

    for (uint32_t i = 0; i < m->capabilities.count; i++)
        words[i] = ym_str (m->capabilities.word[i]);
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, at_tick);
    ym_param_int8 (t->batch, agent);
    ym_param_bytea (t->batch, ym_bytes (m->request, sizeof m->request));
    ym_param_text (t->batch, ym_str (m->region));
    ym_param_text (t->batch, ym_str (m->pool));
    ym_param_texts (t->batch, words, m->capabilities.count);
    ym_param_int4 (t->batch, (int32_t)m->slots);
    ym_param_int2 (t->batch, YM_AGENT_ON_REGISTER);
    ym_param_int2 (t->batch, YM_AGENT_CONNECTED);
    return call;
}

int64_t store_got_session (const struct ym_turn *t, unsigned call, bool *ret_fresh)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret_fresh = ym_row_bool (r, 0, 1);
    return ym_row_int8 (r, 0, 0);
}

unsigned store_call_move (struct ym_turn *t, const int64_t *agents, const int64_t *sessions,
                          const int16_t *events, size_t count)
{
    unsigned call = ym_turn_call (t, &agent_move);

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8s (t->batch, agents, count);
    ym_param_int8s (t->batch, sessions, count);
    ym_param_int2s (t->batch, events, count);
    return call;
}

int64_t store_got_moved (const struct ym_turn *t, unsigned call, size_t row)
{
    return ym_row_int8 (ym_turn_rows (t, call), row, 0);
}

/* Attempts. */

/* A lease and a repetition tell what the state asks for. */
static uint32_t signal_of (int state)
{
    switch (state) {
    case YM_JOB_COMPLETING:
    case YM_JOB_DEPROVISION_REQUESTED:
        return YM_DEPROVISION;
    case YM_JOB_PREPARED:
    case YM_JOB_STARTING:
    case YM_JOB_STARTUP_REQUESTED:
        return YM_START;
    default:
        return YM_PREPARE;
    }
}

void store_got_told (const struct ym_turn *t, unsigned call, size_t row, struct told *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    struct ym_bytes trace = ym_row_bytea (r, row, 10);

    *ret = (struct told){.job = ym_row_int8 (r, row, 0),
                         .agent = ym_row_int8 (r, row, 1),
                         .retries = (uint32_t)ym_row_int4 (r, row, 4),
                         .state = ym_row_int2 (r, row, 17),
                         .has_trace = trace.size == sizeof ret->trace};
    ret->start = (struct ym_attempt_start){.signal = signal_of (ret->state),
                                           .job = ret->job,
                                           .fence = (uint64_t)ym_row_int8 (r, row, 2),
                                           .attempt = (uint64_t)ym_row_int4 (r, row, 3),
                                           .source = ym_row_text (r, row, 8),
                                           .target = ym_row_text (r, row, 9),
                                           .payload = ym_row_bytea (r, row, 11),
                                           .checkpoint = (uint64_t)ym_row_int8 (r, row, 12),
                                           .resume = ym_row_bytea (r, row, 13),
                                           .mark = ym_row_text (r, row, 14),
                                           .done = (uint64_t)ym_row_int8 (r, row, 15),
                                           .total = (uint64_t)ym_row_int8 (r, row, 16)};
    (void)ym_text_copy_str (ret->start.tenant, sizeof ret->start.tenant,
                            ym_row_text (r, row, 5));
    (void)ym_text_copy_str (ret->start.name, sizeof ret->start.name, ym_row_text (r, row, 6));
    (void)ym_text_copy_str (ret->start.kind, sizeof ret->start.kind, ym_row_text (r, row, 7));
    if (ret->has_trace)
        memcpy (ret->trace, trace.at, sizeof ret->trace);
}

struct resource_reading {
    struct told *told;
    unsigned parts;
};

/* Name, state and address in turn. */
static void read_resource (void *arg, struct ym_str part)
{
    struct resource_reading *reading = arg;
    struct ym_resource *to = &reading->told->resources[reading->parts / 3];

    ym_assert (reading->parts < 3 * RESOURCES_MAX);
    switch (reading->parts++ % 3) {
    case 0:
        (void)ym_text_copy_str (to->name, sizeof to->name, part);
        break;
    case 1:
        ym_assert (part.size == 1);
        to->state = (uint32_t)(part.at[0] - '0');
        break;
    default:
        to->address = part;
    }
}

void store_got_resources (const struct ym_turn *t, unsigned call, size_t row, unsigned column,
                          struct told *ret)
{
    struct resource_reading reading = {.told = ret};

    ym_row_texts (ym_turn_rows (t, call), row, column, &reading, read_resource);
    ret->start.resources.at = ret->resources;
    ret->start.resources.count = reading.parts / 3;
}

static void three_arrays (struct ym_turn *t, const int64_t *jobs, const int64_t *fences,
                          const int64_t *agents, size_t count)
{
    ym_param_int8s (t->batch, jobs, count);
    ym_param_int8s (t->batch, fences, count);
    ym_param_int8s (t->batch, agents, count);
}

unsigned store_call_progress (struct ym_turn *t, const int64_t *jobs, const int64_t *fences,
                              const int64_t *agents, const int64_t *dones,
                              const int64_t *totals, size_t count)
{
    unsigned call = ym_turn_call (t, &attempt_progress);

    three_arrays (t, jobs, fences, agents, count);
    ym_param_int8s (t->batch, dones, count);
    ym_param_int8s (t->batch, totals, count);
    return call;
}

/* Columns of a batch of checkpoints, in the turn's arena. */
struct checkpoint_columns {
    int64_t *jobs, *fences, *checkpoints, *dones, *totals, *map_jobs;
    struct ym_bytes *resumes;
    struct ym_str *marks, *sources, *targets;
    size_t mappings;
};

static void take_columns (struct ym_turn *t, struct checkpoint_columns *c, size_t count)
{
    c->jobs = ym_arena_take (t->arena, count * sizeof *c->jobs);
    c->fences = ym_arena_take (t->arena, count * sizeof *c->fences);
    c->checkpoints = ym_arena_take (t->arena, count * sizeof *c->checkpoints);
    c->dones = ym_arena_take (t->arena, count * sizeof *c->dones);
    c->totals = ym_arena_take (t->arena, count * sizeof *c->totals);
    c->resumes = ym_arena_take (t->arena, count * sizeof *c->resumes);
    c->marks = ym_arena_take (t->arena, count * sizeof *c->marks);
    c->map_jobs = ym_arena_take (t->arena, c->mappings * sizeof *c->map_jobs);
    c->sources = ym_arena_take (t->arena, c->mappings * sizeof *c->sources);
    c->targets = ym_arena_take (t->arena, c->mappings * sizeof *c->targets);
}

static void fill_columns (struct checkpoint_columns *c,
                          const struct ym_attempt_checkpoint *const *m, size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        c->jobs[i] = m[i]->job;
        c->fences[i] = (int64_t)m[i]->fence;
        c->checkpoints[i] = (int64_t)m[i]->checkpoint;
        c->dones[i] = (int64_t)m[i]->done;
        c->totals[i] = (int64_t)m[i]->total;
        c->resumes[i] = m[i]->resume;
        c->marks[i] = m[i]->mark;
        for (uint32_t k = 0; k < m[i]->mappings.count; k++, at++) {
            c->map_jobs[at] = m[i]->job;
            c->sources[at] = m[i]->mappings.at[k].source;
            c->targets[at] = m[i]->mappings.at[k].target;
        }
    }
}

unsigned store_call_checkpoints (struct ym_turn *t,
                                 const struct ym_attempt_checkpoint *const *m,
                                 const int64_t *agents, size_t count)
{
    struct checkpoint_columns c = {0};

    for (size_t i = 0; i < count; i++)
        c.mappings += m[i]->mappings.count;
    take_columns (t, &c, count);
    fill_columns (&c, m, count);
    unsigned call = ym_turn_call (t, &attempt_checkpoint);
    ym_param_int8 (t->batch, t->now_ms);
    three_arrays (t, c.jobs, c.fences, agents, count);
    ym_param_int8s (t->batch, c.checkpoints, count);
    ym_param_byteas (t->batch, c.resumes, count);
    ym_param_texts (t->batch, c.marks, count);
    ym_param_int8s (t->batch, c.dones, count);
    ym_param_int8s (t->batch, c.totals, count);
    ym_param_int8s (t->batch, c.map_jobs, c.mappings);
    ym_param_texts (t->batch, c.sources, c.mappings);
    ym_param_texts (t->batch, c.targets, c.mappings);
    return call;
}

size_t store_got_place (const struct ym_turn *t, unsigned call, size_t row)
{
    return (size_t)ym_row_int4 (ym_turn_rows (t, call), row, 0) - 1;
}

unsigned store_call_lookup (struct ym_turn *t, const struct ym_attempt_lookup *m, int64_t agent)
{
    struct ym_str *sources = ym_arena_take (t->arena, m->sources.count * sizeof *sources);
    unsigned call = ym_turn_call (t, &attempt_lookup);

    for (uint32_t i = 0; i < m->sources.count; i++)
        sources[i] = m->sources.at[i].source;
    ym_param_int8 (t->batch, m->job);
    ym_param_int8 (t->batch, (int64_t)m->fence);
    ym_param_int8 (t->batch, agent);
    ym_param_texts (t->batch, sources, m->sources.count);
    return call;
}

bool store_got_mapping (const struct ym_turn *t, unsigned call, size_t row,
                        struct ym_mapping *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    if (ym_row_is_null (r, row, 0))
        return false;
    *ret = (struct ym_mapping){ym_row_text (r, row, 0), ym_row_text (r, row, 1)};
    return true;
}

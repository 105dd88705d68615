/* life.c - the rows of schema/states. */
#include "common/base/life.h"

#include <string.h>

#define COUNT(rows) (sizeof (rows) / sizeof (rows)[0])
#define OPEN        false
#define FINAL       true

#define EVENT(symbol, number)
#define MOVE(from, on, to, why)
#define NOTE(symbol, number, why)
#define FORMER(name, symbol)
#define STATE(symbol, number, rest, doc) {number, #symbol, rest, doc},
static const struct ym_state job_states[] = {
#include "schema/states/job.def"
};
static const struct ym_state agent_states[] = {
#include "schema/states/agent.def"
};
#undef STATE
#undef EVENT

#define STATE(symbol, number, rest, doc)
#define EVENT(symbol, number) {number, #symbol},
static const struct ym_event job_events[] = {
#include "schema/states/job.def"
};
static const struct ym_event agent_events[] = {
#include "schema/states/agent.def"
};
#undef EVENT
#undef NOTE

#define EVENT(symbol, number)
#define NOTE(symbol, number, why) {number, #symbol, why},
static const struct ym_note job_notes[] = {
#include "schema/states/job.def"
};
static const struct ym_note agent_notes[] = {
#include "schema/states/agent.def"
};
#undef MOVE
#undef NOTE

#define NOTE(symbol, number, why)
#define MOVE(from, on, to, why) {YM_JOB_##from, YM_JOB_ON_##on, YM_JOB_##to, why},
static const struct ym_move job_moves[] = {
#include "schema/states/job.def"
};
#undef MOVE
#define MOVE(from, on, to, why) {YM_AGENT_##from, YM_AGENT_ON_##on, YM_AGENT_##to, why},
static const struct ym_move agent_moves[] = {
#include "schema/states/agent.def"
};

#undef MOVE
#undef FORMER

#define MOVE(from, on, to, why)
#define FORMER(name, symbol) {name, YM_JOB_##symbol},
static const struct ym_former job_formers[] = {
#include "schema/states/job.def"
    {NULL, 0}};
#undef FORMER
#define FORMER(name, symbol) {name, YM_AGENT_##symbol},
static const struct ym_former agent_formers[] = {
#include "schema/states/agent.def"
    {NULL, 0}};

#define LIFE(machine)                                                                          \
    {                                                                                          \
#machine, machine##_states, COUNT(machine##_states), machine##_events,                 \
            COUNT(machine##_events), machine##_moves, COUNT(machine##_moves), machine##_notes, \
            COUNT(machine##_notes), machine##_formers                                          \
    }
const struct ym_life ym_job_life = LIFE (job);
const struct ym_life ym_agent_life = LIFE (agent);

static const struct ym_state *state_at (const struct ym_life *life, int state)
{
    for (unsigned i = 0; i < life->state_count; i++)
        if (life->states[i].number == state)
            return &life->states[i];
    return NULL;
}

const char *ym_life_state_name (const struct ym_life *life, int state)
{
    const struct ym_state *s = state_at (life, state);

    return s ? s->name : "?";
}

int ym_life_state_find (const struct ym_life *life, const char *name, unsigned size)
{
    for (unsigned i = 0; i < life->state_count; i++) {
        const struct ym_state *s = &life->states[i];

        if (strlen (s->name) == size && memcmp (s->name, name, size) == 0)
            return s->number;
    }
    for (const struct ym_former *f = life->formers; f->name; f++)
        if (strlen (f->name) == size && memcmp (f->name, name, size) == 0)
            return f->state;
    return -1;
}

bool ym_life_is_final (const struct ym_life *life, int state)
{
    const struct ym_state *s = state_at (life, state);

    return s && s->final;
}

const struct ym_move *ym_life_next (const struct ym_life *life, int from, int on)
{
    for (unsigned i = 0; i < life->move_count; i++)
        if (life->moves[i].from == from && life->moves[i].on == on)
            return &life->moves[i];
    return NULL;
}

const char *ym_life_why (const struct ym_life *life, int from, int on)
{
    const struct ym_move *move = ym_life_next (life, from, on);

    if (move)
        return move->why;
    for (unsigned i = 0; i < life->note_count; i++)
        if (life->notes[i].number == on)
            return life->notes[i].why;
    return "";
}

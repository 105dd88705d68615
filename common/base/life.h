/* life.h - the states of a job and of an agent, expanded from schema/states. */
#ifndef YM_BASE_LIFE_H
#define YM_BASE_LIFE_H
#include <stdbool.h>

#define OPEN  0
#define FINAL 1
#define EVENT(symbol, number)
#define MOVE(from, on, to, why)
#define NOTE(symbol, number, why)
#define FORMER(name, symbol)

#define STATE(symbol, number, rest, doc) YM_JOB_##symbol = (number),
enum ym_job_state {
#include "schema/states/job.def"
};
#undef STATE
#define STATE(symbol, number, rest, doc) YM_AGENT_##symbol = (number),
enum ym_agent_state {
#include "schema/states/agent.def"
};
#undef STATE
#undef EVENT
#undef NOTE

#define STATE(symbol, number, rest, doc)
#define EVENT(symbol, number)     YM_JOB_ON_##symbol = (number),
#define NOTE(symbol, number, why) YM_JOB_NOTE_##symbol = (number),
enum ym_job_event {
#include "schema/states/job.def"
};
#undef EVENT
#undef NOTE
#define EVENT(symbol, number) YM_AGENT_ON_##symbol = (number),
#define NOTE(symbol, number, why)
enum ym_agent_event {
#include "schema/states/agent.def"
};
#undef STATE
#undef EVENT
#undef MOVE
#undef NOTE
#undef FORMER
#undef OPEN
#undef FINAL

struct ym_state {
    int number;
    const char *name;
    bool final;
    const char *doc;
};
struct ym_event {
    int number;
    const char *name;
};
struct ym_move {
    int from, on, to;
    const char *why;
};
struct ym_note {
    int number;
    const char *name;
    const char *why;
};
struct ym_former { /* a name that a state had before */
    const char *name;
    int state;
};
struct ym_life {
    const char *name;
    const struct ym_state *states;
    unsigned state_count;
    const struct ym_event *events;
    unsigned event_count;
    const struct ym_move *moves;
    unsigned move_count;
    const struct ym_note *notes;
    unsigned note_count;
    const struct ym_former *formers; /* ends with a NULL name */
};
extern const struct ym_life ym_job_life, ym_agent_life;

const char *ym_life_state_name (const struct ym_life *life, int state); /* "?" if unknown */
/* By its name, or by one that it had before; -1 if unknown. */
int ym_life_state_find (const struct ym_life *life, const char *name, unsigned size);
bool ym_life_is_final (const struct ym_life *life, int state);
/* NULL if the pair is refused. */
const struct ym_move *ym_life_next (const struct ym_life *life, int from, int on);
/* The reason that belongs to an event of the history: of the move, or of the note. "" if
 * neither. */
const char *ym_life_why (const struct ym_life *life, int from, int on);
#endif

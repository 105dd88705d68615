/* yard.h - all actors together: started in order, watched, restarted, stopped in reverse.
 *
 * The yard carries out what decide.h says and knows nothing of the loop that drives it. Time
 * comes from the caller, monotonic milliseconds.
 */
#ifndef YM_SUPERVISOR_YARD_H
#define YM_SUPERVISOR_YARD_H
#include <stdbool.h>

#include "supervisor/config.h"
#include "supervisor/decide.h"
#include "supervisor/keys.h"
#include "supervisor/place.h"
#include "supervisor/spawn.h"

enum { YARD_STATUS_MAX = 160, YARD_EXIT_BROKEN = 70 };

struct actor {
    struct life life;
    struct child child; /* valid while it has a process; control -1 once it was lost */
    uint64_t incarnation;
    int memory; /* of all its incarnations; -1 before the first */
    int64_t started_ms;
    char status[YARD_STATUS_MAX + 1]; /* the last it said of itself */
};

struct yard {
    const struct config *config;
    const struct keys *keys;
    struct place *place;
    struct rules rules;
    struct actor actors[YM_ACTORS];
    struct marks marks;
    unsigned opened;     /* how many had their turn to start */
    int64_t gate_due_ms; /* when the next has its turn even if this one is not READY */
    bool announced;      /* all gates are passed */
    bool is_dirty;       /* something in the list of actors or the status changed */
    int exit_status;
};

void yard_init (struct yard *yard, const struct config *config, const struct keys *keys,
                struct place *place);
void yard_event (struct yard *yard, unsigned actor, enum event event, int64_t now_ms);
/* Reads what the actor says, and reaps it if it is dead. */
void yard_hear (struct yard *yard, unsigned actor, int64_t now_ms);
/* Everything that time alone causes: deadlines, the next gate, the next stop. */
void yard_step (struct yard *yard, int64_t now_ms);
int64_t yard_due_ms (const struct yard *yard);

/* The second call does not wait for anybody. */
void yard_stop (struct yard *yard, int64_t now_ms);
bool yard_is_stopped (const struct yard *yard);
/* The loop itself was held up: what it did not hear in that time counts as heard. */
void yard_forgive (struct yard *yard, int64_t now_ms);
void yard_tell_all (const struct yard *yard, const char *line);

/* Writes the list of actors and the status line if something changed. */
void yard_report (struct yard *yard);
void yard_status_text (const struct yard *yard, char to[YARD_STATUS_MAX + 1]);
#endif

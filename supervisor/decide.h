/* decide.h - when an actor is started, ended, started again, or given up for a while.
 *
 * Pure: no clock, no process, no file.  Time is monotonic milliseconds that the caller gives.
 * A life is a plain value; decide returns the next one and what to do to the process now.
 */
#ifndef YM_SUPERVISOR_DECIDE_H
#define YM_SUPERVISOR_DECIDE_H
#include <stdbool.h>
#include <stdint.h>

#define DECIDE_NEVER INT64_MAX

enum {
    DECIDE_SETTLED_MS = 10000, /* up so long, a restart is no longer one of a series */
    DECIDE_WINDOW_MS = 60000,  /* in which crash_loop restarts are too many */
    DECIDE_RETRY_MS = 60000,   /* between two tries of an actor marked failed */
    DECIDE_FIRST_WAIT_MS = 1000,
    DECIDE_ABORT_MS = 500, /* between SIGABRT and SIGKILL */
    DECIDE_MARKS = 3,      /* actors marked failed in DECIDE_MARKS_MS end the yard */
    DECIDE_MARKS_MS = 600000,
    DECIDE_RESTARTS_MAX = 100 /* the most that setting crash_loop allows */
};

enum phase {
    PHASE_IDLE,     /* its turn has not come yet */
    PHASE_STARTING, /* forked, not READY */
    PHASE_READY,
    PHASE_ABORTING, /* SIGABRT sent */
    PHASE_KILLED,   /* SIGKILL sent */
    PHASE_WAITING,  /* dead, to be restarted */
    PHASE_FAILED,   /* dead, marked failed, retried later */
    PHASE_STOPPING, /* told to stop */
    PHASE_STOPPED,
    PHASES
};
const char *phase_name (enum phase phase);

enum event {
    EVENT_START, /* its turn has come */
    EVENT_READY,
    EVENT_BEAT,
    EVENT_DIED, /* reaped, or could not be forked */
    EVENT_LOST, /* its control socket ended while it lives */
    EVENT_TIME, /* life.due_ms has come */
    EVENT_STOP  /* the second one means: at once */
};

enum action { ACTION_NONE, ACTION_START, ACTION_STOP, ACTION_ABORT, ACTION_KILL };

struct rules {
    int64_t ready_ms, silent_ms, stop_ms, restart_most_ms;
    unsigned crash_loop;
    bool stopping; /* the yard ends: nothing is restarted */
};

struct life {
    enum phase phase;
    bool failed;       /* marked; until it has been up for DECIDE_SETTLED_MS */
    int64_t due_ms;    /* when EVENT_TIME is wanted; DECIDE_NEVER */
    int64_t ready_ms;  /* since when READY */
    int64_t beat_ms;   /* last heard */
    int64_t wait_ms;   /* before the next restart */
    unsigned restarts; /* ever */
    int64_t recent[DECIDE_RESTARTS_MAX]; /* when; place = restarts modulo size */
};

struct verdict {
    struct life life;
    enum action action;
    bool marked;     /* newly marked failed */
    const char *why; /* "" if nothing is worth a word */
};

struct life life_new (void);
bool life_has_process (const struct life *life);
struct verdict decide (const struct rules *rules, const struct life *life, enum event event,
                       int64_t now_ms);

/* Counts actors marked failed: true if this mark is one too many for the yard. */
struct marks {
    unsigned count;
    int64_t at_ms[DECIDE_MARKS];
};
bool decide_mark (struct marks *marks, int64_t now_ms);
#endif

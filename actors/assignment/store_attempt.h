/* store_attempt.h - what assignment asks of its tables about attempts that run: callbacks,
 * ends, repetitions, wishes, problems. As in store.h.
 */
#ifndef YM_ASSIGNMENT_STORE_ATTEMPT_H
#define YM_ASSIGNMENT_STORE_ATTEMPT_H
#include "actors/assignment/store.h"

/* Callbacks by column: of which attempt, from which agent, with which number (0: none). */
struct callbacks {
    int64_t *jobs, *fences, *agents;
    int32_t *messages;
    size_t count;
};

/* An empty address is the old one. */
unsigned store_call_started (struct ym_turn *t, const struct callbacks *c,
                             const struct ym_str *sources, const struct ym_str *targets);
unsigned store_call_prepared (struct ym_turn *t, const struct callbacks *c,
                              const struct ym_str *sources, const struct ym_str *targets);
unsigned store_call_working (struct ym_turn *t, const struct callbacks *c,
                             const int16_t *events);
/* The new state, after the two above. */
int store_got_state (const struct ym_turn *t, unsigned call, size_t row);
unsigned store_call_errored (struct ym_turn *t, const struct callbacks *c,
                             const struct ym_str *details);

/* Ends. 'event' is what was reported or found; 0: deprovisioned. */
struct end_row {
    int64_t job, fence, agent;
    int32_t message;
    int16_t event;
    int64_t done, total;
    struct ym_str detail;
    bool counted; /* of a loss: it counts against the job */
};
struct end_limits {
    int32_t attempts_max, losses_max;
    int64_t retry_ms;
};
unsigned store_call_end (struct ym_turn *t, const struct end_row *ends, size_t count,
                         const struct end_limits *limits);
unsigned store_call_expire (struct ym_turn *t, const int64_t *jobs, size_t count);
/* A row of either: an item that ended, or a job that waits now. */
struct ended {
    bool is_ready;
    size_t place;
    int64_t job;
    int state;
    bool final;
    uint32_t tier; /* of what expired, and of what is ready */
    struct ym_ready ready;
};
/* Of jobs whose lease was refused, those that may start after all; rows as those of an end. */
unsigned store_call_still (struct ym_turn *t, const int64_t *jobs, size_t count);
struct ended store_got_ended (const struct ym_turn *t, unsigned call, size_t row);

struct verified {
    size_t place;
    bool held, taken;
    int ended_on; /* the event that ended this attempt or its work; 0: none */
    int ended_as; /* the final state it led to, or will */
    int state;
    int64_t checkpoint, checkpoint_fence;
};
unsigned store_call_verify (struct ym_turn *t, const struct callbacks *c);
struct verified store_got_verified (const struct ym_turn *t, unsigned call, size_t row);

/* What to tell: once more, counted if 'counts' is still so, or (NULL) for the first time. */
unsigned store_call_again (struct ym_turn *t, const int64_t *jobs, const int64_t *fences,
                           const int16_t *counts, size_t count);
void store_got_again (const struct ym_turn *t, unsigned call, size_t row, struct told *ret);

/* The yard's own wish that an attempt ends. */
struct wish_row {
    int64_t job, fence;
    int16_t ends_as; /* 0: TERMINATED */
    int16_t note;
    struct ym_str detail;
};
unsigned store_call_wish (struct ym_turn *t, const struct wish_row *wishes, size_t count);

struct problem_row {
    int64_t job, agent;
    int16_t kind;
    struct ym_str detail;
};
unsigned store_call_problems (struct ym_turn *t, const struct problem_row *problems,
                              size_t count);

unsigned store_call_resources (struct ym_turn *t, const struct ym_attempt_resources *const *m,
                               const int64_t *agents, size_t count);
bool store_got_stored (const struct ym_turn *t, unsigned call, size_t row); /* not too many */
#endif

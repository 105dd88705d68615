/* assignment.h - what the subjects of this actor share: agents.c, attempts.c, leasing.c. */
#ifndef YM_ASSIGNMENT_H
#define YM_ASSIGNMENT_H
#include "actors/assignment/roster.h"
#include "actors/assignment/store.h"
#include "common/actor/actor.h"

enum { HINTS_MAX = 512 };

/* Hints to another actor, gathered over a pass and sent together. */
struct hints {
    struct ym_job_ref rows[HINTS_MAX];
    uint32_t count;
};
struct ready_hints {
    struct ym_ready rows[HINTS_MAX];
    uint32_t count;
};

struct assignment {
    struct ym_yard *yard;
    struct roster roster;
    int64_t tick, tick_ms, lease_ticks, heartbeat_ms, attempts_max;
    int64_t tick_at_ms;            /* monotonic: when the next tick is due */
    bool ticking;                  /* one is being committed */
    bool leasing;                  /* so is a round */
    bool look;                     /* something changed: a round may lease */
    bool reload_wanted, reloading; /* the attempts are to be read again */
    size_t unknown_classes;
    struct hints changed, taken[YM_COUNT_tier];
    struct ready_hints ready[YM_COUNT_tier];
};

/* The queue of a tier. */
unsigned queue_of (uint32_t tier);
void hint_changed (struct assignment *a, int64_t job);
void hint_taken (struct assignment *a, uint32_t tier, int64_t job);
void hint_ready (struct assignment *a, const struct attempt *t);
void send_hints (struct assignment *a);

/* agents.c */
extern const struct ym_work register_work, move_work, leave_work, tick_work;
void lose_revoked_agents (struct assignment *a);
void on_register (void *me, struct ym_item *item);
void on_beat (void *me, struct ym_item *item);
void on_leave (void *me, struct ym_item *item);
void on_agent_list (void *me, struct ym_item *item);
void agents_pass (struct assignment *a, int64_t mono_ms);
int agents_wait_ms (const struct assignment *a, int64_t mono_ms);
void tell_agent (struct assignment *a, const struct agent *to, unsigned number,
                 const void *msg);

/* attempts.c */
extern const struct ym_work started_work, checkpoint_work, lookup_work, end_work, verify_work,
    progress_work;
void on_progress (void *me, struct ym_item *item);
void on_terminate_wanted (void *me, struct ym_item *item);
/* Ends an attempt because its agent is lost, has left or has begun anew. */
void attempt_lose (struct assignment *a, struct attempt *t);
void agent_lose_attempts (struct assignment *a, struct agent *agent);
void attempts_tick (struct assignment *a);

/* leasing.c */
extern const struct ym_work lease_work, again_work, class_work;
void on_jobs_offered (void *me, struct ym_item *item);
void on_explain_ask (void *me, struct ym_item *item);
void leasing_pass (struct assignment *a);
void tell_again (struct assignment *a, const struct attempt *const *attempts, size_t count);
#endif

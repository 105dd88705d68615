/* assignment.h - what the subjects of this actor share. */
#ifndef YM_ASSIGNMENT_H
#define YM_ASSIGNMENT_H
#include "actors/assignment/decide_signal.h"
#include "actors/assignment/roster.h"
#include "actors/assignment/store_attempt.h"
#include "actors/assignment/store_lease.h"
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

/* What operators decided. Nothing is leased before it was read. */
struct policy {
    int64_t number; /* 0: not read yet */
    bool wanted, loading;
    struct window_row *windows;
    struct drain_row *drains;
    size_t window_count, drain_count;
};

struct assignment {
    struct ym_yard *yard;
    struct roster roster;
    int64_t tick, tick_ms, lease_ticks, heartbeat_ms;
    struct signal_limits signal_limits;
    struct end_limits end_limits;
    int64_t run_expected_ms, age_grants;
    int64_t preempt_exempt_ms, preempt_most;
    int64_t tick_at_ms;      /* monotonic: when the next tick is due */
    bool ticking;            /* one is being committed */
    struct round *round;     /* so is a round of leases; NULL: none */
    size_t round_most;       /* leases in one round: fewer after a failure */
    bool look;               /* something changed: a round may lease */
    bool look_for_victims;   /* something changed: somebody may have to give way */
    bool wanting;            /* wishes that attempts suspend are being committed */
    struct shunned *shunned; /* offers whose lease failed alone */
    struct policy policy;
    bool reload_wanted, reloading; /* the attempts are to be read again */
    bool was_here;                 /* attempts were read once */
    bool was_away;                 /* and have to be read again: the database was away */
    bool loaded; /* they were, since recovery: before that all slots look free */
    size_t unknown_classes;
    struct doubts *doubts; /* jobs whose lease was refused, to be asked about; NULL: none */
    struct hints changed, taken[YM_COUNT_tier], refused[YM_COUNT_tier];
    struct ready_hints ready[YM_COUNT_tier];
};

void hint_changed (struct assignment *a, int64_t job);
void hint_taken (struct assignment *a, uint32_t tier, int64_t job);
/* Its lease was refused: it does not wait. */
void hint_refused (struct assignment *a, uint32_t tier, int64_t job);
void hint_ready (struct assignment *a, uint32_t tier, const struct ym_ready *job);
void send_hints (struct assignment *a);
/* Nobody knows what they know: they read who waits and offer afresh. */
void ask_queues (struct assignment *a);

/* doubts.c */
struct doubts;
extern const struct ym_work doubt_work;
/* Its lease was refused: its queue is told, and is told otherwise if it waits after all. */
void doubt (struct assignment *a, uint32_t tier, int64_t job);
void doubts_pass (struct assignment *a);

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
extern const struct ym_work started_work, checkpoint_work, lookup_work, verify_work,
    progress_work;
void on_progress (void *me, struct ym_item *item);

/* resources.c */
extern const struct ym_work resources_work;

/* ends.c */
extern const struct ym_work end_work, expire_work;
/* Ends an attempt because its agent is lost, has left or has begun anew. */
void attempt_lose (struct assignment *a, struct attempt *t);
void agent_lose_attempts (struct assignment *a, struct agent *agent);

/* signals.c */
extern const struct ym_work again_work, own_wish_work, working_work, prepared_work,
    errored_work;
void on_jobs_wanted (void *me, struct ym_item *item);
/* Tells its agent what is wanted of the attempt (its wish, stored already). */
void tell_wish (struct assignment *a, struct attempt *t);
/* Reads what its agent is to be told in this state, and tells it. */
void tell_now (struct assignment *a, struct attempt *t);
/* With each tick: what is due. */
void attempts_tick (struct assignment *a);

/* leasing.c */
struct round;
struct shunned;
enum { ROUND_MAX = 512 };
extern const struct ym_work lease_work, class_work;
void on_jobs_offered (void *me, struct ym_item *item);
void on_offers_withdrawn (void *me, struct ym_item *item);
void leasing_pass (struct assignment *a);
void tell_start (struct assignment *a, const struct agent *agent, const struct told *told);
void leasing_tick (struct assignment *a);
/* Whether its lease is being committed. */
bool leasing_has (struct assignment *a, int64_t job);
struct moment moment_now (const struct assignment *a);

/* explain.c */
void on_explain_ask (void *me, struct ym_item *item);

/* preempting.c */
extern const struct ym_work want_work;
/* After a round, whatever it left: who has to give way. */
void preempting_pass (struct assignment *a);
/* Asks the attempts of drained agents to suspend, once their time is over. */
void draining_tick (struct assignment *a);

/* policy.c */
extern const struct ym_work policy_work;
void policy_read (struct assignment *a);
void policy_pass (struct assignment *a);
/* What a tick read: another number than ours means that a hint was lost. */
void policy_is (struct assignment *a, int64_t number);
/* Whether it is drained, and which window is ahead of it: after a registration, and as time
 * goes by. */
void policy_fit_agent (const struct assignment *a, struct agent *agent);
void policy_fit_agents (struct assignment *a);
void policy_done (struct assignment *a);
void on_policy_changed (void *me, struct ym_item *item);
void on_load_get (void *me, struct ym_item *item);
#endif

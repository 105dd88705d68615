/* intake.h - what the subjects of this actor share. */
#ifndef YM_INTAKE_H
#define YM_INTAKE_H
#include <uthash.h>

#include "actors/intake/decide.h"
#include "actors/intake/limits.h"
#include "actors/intake/requirements.h"
#include "actors/intake/store.h"
#include "common/actor/actor.h"
#include "common/base/id.h"

struct watch;
struct watched;
struct watcher;
struct relay;
struct feeds;

struct intake {
    struct ym_yard *yard;
    struct ym_mint mint;
    bool reserving;
    int64_t partitions_at_ms; /* wall clock: when to look again */
    uint64_t accepted;

    struct requirements *requirements;
    int64_t requirements_at_ms; /* when they are forgotten */
    struct limits *limits;
    int64_t limits_sweep_at_ms;

    struct watched *watched;  /* by job */
    struct watcher *watchers; /* by key */
    size_t watch_count, watch_max;
    bool watch_news, polling;
    int64_t watch_poll_at_ms;

    struct relay *relays; /* questions passed on, by our own ask */
    uint64_t last_ask;    /* begins where no other intake's do */
    size_t relay_count;

    struct feeds *feeds;
};

/* hints.c: gathered in a turn's done, and sent at its end */
struct hints;
struct hints *hints_new (struct intake *in, struct ym_turn *t);
void hints_ready (struct hints *h, uint32_t tier, const struct ym_ready *row);
void hints_send (struct hints *h);

/* submit.c */
extern const struct ym_work submit_work, reserve_work, partitions_work;
void submit_pass (struct intake *in, int64_t wall_ms, int64_t mono_ms);

/* caps.c */
extern const struct ym_work caps_work;
void caps_reload (struct intake *in); /* a tenant's caps changed */
void on_tenants_waiting (void *me, struct ym_item *item);

/* acts.c */
extern const struct ym_work act_look_work, act_work;

/* reading.c */
extern const struct ym_work get_work, list_work;
void on_yard_get (void *me, struct ym_item *item);
void on_queue_get (void *me, struct ym_item *item);
void on_agent_list (void *me, struct ym_item *item);
void on_load_get (void *me, struct ym_item *item);
void relays_begin (struct intake *in);
void on_relayed (void *me, struct ym_item *item);
int relays_pass (struct intake *in, int64_t mono_ms);
void relays_done (struct intake *in);
/* A question, the peer it is put to, the one that answers it, and its answer. */
struct question {
    unsigned number, asked, answers, answer;
};
void pass_on (struct intake *in, struct ym_item *item, const struct question *q,
              const void *msg);

/* explain.c */
extern const struct ym_work explain_work, why_not_work;

/* watch.c */
extern const struct ym_work watch_work, poll_work;
void on_unwatch (void *me, struct ym_item *item);
void on_jobs_changed (void *me, struct ym_item *item);
void watch_look (struct intake *in, int64_t job); /* it may have news */
int watch_pass (struct intake *in, int64_t mono_ms);
void watch_done (struct intake *in);

/* keys.c */
extern const struct ym_work authorize_work, revoke_work, key_list_work;

/* policy.c, events.c */
extern const struct ym_work policy_look_work, policy_set_work;
extern const struct ym_work tenant_list_work, window_list_work, problem_list_work, events_work;

/* feed.c, follow.c */
extern const struct ym_work feed_open_work, follow_work;
void on_feed_close (void *me, struct ym_item *item);
void feeds_begin (struct intake *in);
void feeds_end (struct intake *in);
void feeds_look (struct intake *in, int64_t job); /* it may have news */
void feeds_compare (struct intake *in);           /* any of them may */
int feeds_pass (struct intake *in, int64_t mono_ms);
#endif

/* yard.c - carries out verdicts: starts, signals, and the two orders, up and down. */
#include "supervisor/yard.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"
#include "supervisor/notify.h"

/* Room for what a start or a stop needs beyond its own limit before systemd steps in. */
enum { EXTEND_MARGIN_MS = 5000 };

static const char *name_of (unsigned actor)
{
    return ym_actor_rows[actor].name;
}

void yard_init (struct yard *yard, const struct config *config, const struct keys *keys,
                struct place *place)
{
    *yard = (struct yard){
        .config = config,
        .keys = keys,
        .place = place,
        .rules =
            {
                .ready_ms = config_number (config, CONFIG_ready_ms),
                .silent_ms = config_number (config, CONFIG_silent_ms),
                .stop_ms = config_number (config, CONFIG_stop_ms),
                .restart_most_ms = config_number (config, CONFIG_restart_most_ms),
                .crash_loop = (unsigned)config_number (config, CONFIG_crash_loop),
            },
        .is_dirty = true,
    };
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        yard->actors[i].life = life_new ();
        yard->actors[i].child = (struct child){.pidfd = -1, .control = -1};
        yard->actors[i].memory = -1;
    }
}

static void tell (const struct actor *actor, const char *line)
{
    /* One that does not read is found by its silence. */
    if (actor->child.control >= 0)
        (void)send (actor->child.control, line, strlen (line), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void yard_tell_all (const struct yard *yard, const char *line)
{
    for (unsigned i = 0; i < YM_ACTORS; i++)
        tell (&yard->actors[i], line);
}

static int start_actor (struct yard *yard, unsigned i, int64_t now)
{
    struct actor *actor = &yard->actors[i];
    actor->incarnation = place_next_incarnation (yard->place, ym_time_wall_ms ());
    actor->started_ms = now;
    actor->status[0] = '\0';
    if (actor->memory < 0 && (actor->memory = spawn_memory ()) < 0)
        return actor->memory;
    return spawn_actor (yard->config, yard->keys, (enum ym_actor_id)i, actor->incarnation,
                        actor->memory, &actor->child);
}

static void start (struct yard *yard, unsigned i, int64_t now, const char *why)
{
    const struct actor *actor = &yard->actors[i];
    int rc = start_actor (yard, i, now);
    if (rc) {
        ym_log (YM_LOG_ERROR, "actor_unstarted", ym_log_text ("name", name_of (i)),
                ym_log_errno (rc));
        yard_event (yard, i, EVENT_DIED, now);
        return;
    }
    ym_log (YM_LOG_INFO, "actor_started", ym_log_text ("name", name_of (i)),
            ym_log_number ("pid", actor->child.pid),
            ym_log_number ("incarnation", (int64_t)actor->incarnation),
            ym_log_text ("why", why));
}

static void end (const struct yard *yard, unsigned i, int number, const char *why)
{
    const struct actor *actor = &yard->actors[i];
    ym_log (YM_LOG_WARNING, "actor_ended", ym_log_text ("name", name_of (i)),
            ym_log_number ("pid", actor->child.pid),
            ym_log_text ("signal", number == SIGKILL ? "KILL" : "ABRT"),
            ym_log_text ("why", why));
    if (pidfd_send_signal (actor->child.pidfd, number, NULL, 0) < 0 && errno != ESRCH)
        ym_panic ("expected to be able to signal %s", name_of (i));
}

static void act (struct yard *yard, unsigned i, const struct verdict *v, int64_t now)
{
    switch (v->action) {
    case ACTION_NONE:
        break;
    case ACTION_START:
        start (yard, i, now, v->why);
        break;
    case ACTION_STOP:
        tell (&yard->actors[i], "STOP");
        break;
    case ACTION_ABORT:
        end (yard, i, SIGABRT, v->why);
        break;
    case ACTION_KILL:
        end (yard, i, SIGKILL, v->why);
        break;
    }
}

static void log_next (const struct yard *yard, unsigned i, const struct verdict *v, int64_t now)
{
    const struct life *life = &yard->actors[i].life;
    if (life->phase == PHASE_WAITING)
        ym_log (YM_LOG_INFO, "actor_restart", ym_log_text ("name", name_of (i)),
                ym_log_number ("wait_ms", life->due_ms - now),
                ym_log_number ("restarts", life->restarts));
    else if (life->phase == PHASE_FAILED)
        ym_log (YM_LOG_ERROR, "actor_failed", ym_log_text ("name", name_of (i)),
                ym_log_number ("retry_ms", life->due_ms - now), ym_log_text ("why", v->why));
}

static void give_up (struct yard *yard, int64_t now)
{
    ym_log (YM_LOG_ERROR, "yard_broken", ym_log_number ("failed_actors", DECIDE_MARKS),
            ym_log_number ("within_ms", DECIDE_MARKS_MS));
    yard->exit_status = YARD_EXIT_BROKEN;
    if (!yard->rules.stopping)
        yard_stop (yard, now);
}

void yard_event (struct yard *yard, unsigned i, enum event event, int64_t now)
{
    ym_assert (i < YM_ACTORS);
    struct actor *actor = &yard->actors[i];
    enum phase before = actor->life.phase;
    bool was_failed = actor->life.failed;
    struct verdict v = decide (&yard->rules, &actor->life, event, now);

    actor->life = v.life;
    if (actor->life.phase != before || actor->life.failed != was_failed)
        yard->is_dirty = true;
    if (event == EVENT_READY && before == PHASE_STARTING)
        ym_log (YM_LOG_INFO, "actor_ready", ym_log_text ("name", name_of (i)),
                ym_log_number ("pid", actor->child.pid),
                ym_log_number ("ms", now - actor->started_ms));
    if (event == EVENT_DIED)
        log_next (yard, i, &v, now);
    act (yard, i, &v, now);
    if (v.marked && decide_mark (&yard->marks, now))
        give_up (yard, now);
}

/* The gate of the actor that started last: it lets the next one pass when that one serves, or
 * when it had its time; one that fails must not keep the others from serving. */
static bool is_gate_open (const struct yard *yard, int64_t now)
{
    if (yard->opened == 0)
        return true;
    const struct life *life = &yard->actors[yard->opened - 1].life;
    return life->phase == PHASE_READY || life->failed || now >= yard->gate_due_ms;
}

static void announce (struct yard *yard)
{
    yard->announced = true;
    yard->is_dirty = true;
    ym_log_plain (YM_LOG_INFO, "yard_ready");
}

static void step_up (struct yard *yard, int64_t now)
{
    while (!yard->announced && is_gate_open (yard, now)) {
        if (yard->opened == YM_ACTORS) {
            announce (yard);
            return;
        }
        yard->gate_due_ms = now + yard->rules.ready_ms;
        (void)notify_extend (yard->rules.ready_ms + EXTEND_MARGIN_MS);
        yard_event (yard, yard->opened++, EVENT_START, now);
    }
}

/* From the last to the first; each is gone before the one before it is told. */
static void step_down (struct yard *yard, int64_t now)
{
    for (unsigned i = YM_ACTORS; i-- > 0;) {
        const struct life *life = &yard->actors[i].life;
        if (life->phase == PHASE_STARTING || life->phase == PHASE_READY) {
            (void)notify_extend (yard->rules.stop_ms + EXTEND_MARGIN_MS);
            yard_event (yard, i, EVENT_STOP, now);
        }
        if (life_has_process (life))
            return;
    }
}

void yard_step (struct yard *yard, int64_t now)
{
    for (unsigned i = 0; i < YM_ACTORS; i++)
        if (now >= yard->actors[i].life.due_ms)
            yard_event (yard, i, EVENT_TIME, now);
    if (yard->rules.stopping)
        step_down (yard, now);
    else
        step_up (yard, now);
}

int64_t yard_due_ms (const struct yard *yard)
{
    bool is_gated = !yard->announced && !yard->rules.stopping && yard->opened > 0;
    int64_t due = is_gated ? yard->gate_due_ms : DECIDE_NEVER;
    for (unsigned i = 0; i < YM_ACTORS; i++)
        if (yard->actors[i].life.due_ms < due)
            due = yard->actors[i].life.due_ms;
    return due;
}

static void begin_stop (struct yard *yard, int64_t now)
{
    ym_log_plain (YM_LOG_INFO, "yard_stopping");
    (void)notify_stopping ();
    yard->rules.stopping = true;
    yard->is_dirty = true;
    for (unsigned i = 0; i < YM_ACTORS; i++)
        if (!life_has_process (&yard->actors[i].life))
            yard_event (yard, i, EVENT_STOP, now);
}

void yard_stop (struct yard *yard, int64_t now)
{
    if (!yard->rules.stopping) {
        begin_stop (yard, now);
        return;
    }
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        enum phase phase = yard->actors[i].life.phase;
        if (phase == PHASE_STARTING || phase == PHASE_READY)
            yard_event (yard, i, EVENT_STOP, now);
        yard_event (yard, i, EVENT_STOP, now);
    }
}

bool yard_is_stopped (const struct yard *yard)
{
    for (unsigned i = 0; i < YM_ACTORS; i++)
        if (yard->actors[i].life.phase != PHASE_STOPPED)
            return false;
    return true;
}

void yard_forgive (struct yard *yard, int64_t now)
{
    for (unsigned i = 0; i < YM_ACTORS; i++)
        yard_event (yard, i, EVENT_BEAT, now);
}

/* decide.c - the restart policy: one row for each pair of phase and event that means something.
 *
 * A pair without a row changes nothing: a READY that arrives after SIGKILL was sent is late
 * news.
 */
#include "supervisor/decide.h"

#include "common/base/panic.h"

const char *phase_name (enum phase phase)
{
    static const char *const names[PHASES] = {
        [PHASE_IDLE] = "idle",       [PHASE_STARTING] = "starting",
        [PHASE_READY] = "ready",     [PHASE_ABORTING] = "aborting",
        [PHASE_KILLED] = "killed",   [PHASE_WAITING] = "waiting",
        [PHASE_FAILED] = "failed",   [PHASE_STOPPING] = "stopping",
        [PHASE_STOPPED] = "stopped",
    };
    ym_assert (phase < PHASES);
    return names[phase];
}

struct life life_new (void)
{
    return (struct life){.phase = PHASE_IDLE, .due_ms = DECIDE_NEVER};
}

bool life_has_process (const struct life *life)
{
    switch (life->phase) {
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_ABORTING:
    case PHASE_KILLED:
    case PHASE_STOPPING:
        return true;
    default:
        return false;
    }
}

static int64_t least (int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void enter (struct verdict *v, enum phase phase, int64_t due_ms, enum action action,
                   const char *why)
{
    v->life.phase = phase;
    v->life.due_ms = due_ms;
    v->action = action;
    v->why = why;
}

static void on_start (const struct rules *rules, struct verdict *v, int64_t now)
{
    enter (v, PHASE_STARTING, now + rules->ready_ms, ACTION_START, "its turn");
}

static void on_restart (const struct rules *rules, struct verdict *v, int64_t now)
{
    v->life.recent[v->life.restarts % DECIDE_RESTARTS_MAX] = now;
    v->life.restarts++;
    enter (v, PHASE_STARTING, now + rules->ready_ms, ACTION_START,
           v->life.failed ? "retry of a failed actor" : "restart");
}

/* While READY two things are waited for: silence, and the end of a series of restarts. */
static void wait_ready (const struct rules *rules, struct life *life)
{
    life->due_ms = life->beat_ms + rules->silent_ms;
    if (life->failed || life->wait_ms > 0)
        life->due_ms = least (life->due_ms, life->ready_ms + DECIDE_SETTLED_MS);
}

static void on_ready (const struct rules *rules, struct verdict *v, int64_t now)
{
    v->life.phase = PHASE_READY;
    v->life.ready_ms = v->life.beat_ms = now;
    wait_ready (rules, &v->life);
}

static void on_beat (const struct rules *rules, struct verdict *v, int64_t now)
{
    v->life.beat_ms = now;
    wait_ready (rules, &v->life);
}

static void on_ready_time (const struct rules *rules, struct verdict *v, int64_t now)
{
    if (now - v->life.beat_ms >= rules->silent_ms) {
        enter (v, PHASE_ABORTING, now + DECIDE_ABORT_MS, ACTION_ABORT, "silent");
        return;
    }
    if (now - v->life.ready_ms >= DECIDE_SETTLED_MS) {
        v->life.failed = false;
        v->life.wait_ms = 0;
    }
    wait_ready (rules, &v->life);
}

static bool is_loop (const struct rules *rules, const struct life *life, int64_t now)
{
    ym_assert (rules->crash_loop > 0 && rules->crash_loop <= DECIDE_RESTARTS_MAX);
    if (life->restarts < rules->crash_loop)
        return false;
    unsigned first = (life->restarts - rules->crash_loop) % DECIDE_RESTARTS_MAX;
    return now - life->recent[first] < DECIDE_WINDOW_MS;
}

static void on_death (const struct rules *rules, struct verdict *v, int64_t now)
{
    if (rules->stopping) {
        enter (v, PHASE_STOPPED, DECIDE_NEVER, ACTION_NONE, "the yard stops");
        return;
    }
    if (v->life.failed || is_loop (rules, &v->life, now)) {
        v->marked = !v->life.failed;
        v->life.failed = true;
        enter (v, PHASE_FAILED, now + DECIDE_RETRY_MS, ACTION_NONE,
               v->marked ? "too many restarts" : "the retry failed");
        return;
    }
    enter (v, PHASE_WAITING, now + v->life.wait_ms, ACTION_NONE, "died");
    v->life.wait_ms = least (v->life.wait_ms ? 2 * v->life.wait_ms : DECIDE_FIRST_WAIT_MS,
                             rules->restart_most_ms);
}

static void on_late (const struct rules *rules, struct verdict *v, int64_t now)
{
    (void)rules, (void)now;
    enter (v, PHASE_KILLED, DECIDE_NEVER, ACTION_KILL, "not ready in time");
}

static void on_lost (const struct rules *rules, struct verdict *v, int64_t now)
{
    (void)rules, (void)now;
    enter (v, PHASE_KILLED, DECIDE_NEVER, ACTION_KILL, "closed its control socket");
}

static void on_abort_time (const struct rules *rules, struct verdict *v, int64_t now)
{
    (void)rules, (void)now;
    enter (v, PHASE_KILLED, DECIDE_NEVER, ACTION_KILL, "survived SIGABRT");
}

static void on_stop (const struct rules *rules, struct verdict *v, int64_t now)
{
    enter (v, PHASE_STOPPING, now + rules->stop_ms, ACTION_STOP, "the yard stops");
}

static void on_stop_dead (const struct rules *rules, struct verdict *v, int64_t now)
{
    (void)rules, (void)now;
    enter (v, PHASE_STOPPED, DECIDE_NEVER, ACTION_NONE, "");
}

static void on_stop_time (const struct rules *rules, struct verdict *v, int64_t now)
{
    (void)rules, (void)now;
    enter (v, PHASE_KILLED, DECIDE_NEVER, ACTION_KILL, "did not stop in time");
}

static void on_stop_again (const struct rules *rules, struct verdict *v, int64_t now)
{
    (void)rules, (void)now;
    enter (v, PHASE_KILLED, DECIDE_NEVER, ACTION_KILL, "told to stop at once");
}

static const struct row {
    enum phase phase;
    enum event event;
    void (*carry_out) (const struct rules *rules, struct verdict *v, int64_t now);
} rows[] = {
    {PHASE_IDLE, EVENT_START, on_start},         {PHASE_IDLE, EVENT_STOP, on_stop_dead},
    {PHASE_STARTING, EVENT_READY, on_ready},     {PHASE_STARTING, EVENT_TIME, on_late},
    {PHASE_STARTING, EVENT_LOST, on_lost},       {PHASE_STARTING, EVENT_DIED, on_death},
    {PHASE_STARTING, EVENT_STOP, on_stop},       {PHASE_READY, EVENT_BEAT, on_beat},
    {PHASE_READY, EVENT_TIME, on_ready_time},    {PHASE_READY, EVENT_LOST, on_lost},
    {PHASE_READY, EVENT_DIED, on_death},         {PHASE_READY, EVENT_STOP, on_stop},
    {PHASE_ABORTING, EVENT_TIME, on_abort_time}, {PHASE_ABORTING, EVENT_DIED, on_death},
    {PHASE_ABORTING, EVENT_STOP, on_stop_again}, {PHASE_KILLED, EVENT_DIED, on_death},
    {PHASE_WAITING, EVENT_TIME, on_restart},     {PHASE_WAITING, EVENT_STOP, on_stop_dead},
    {PHASE_FAILED, EVENT_TIME, on_restart},      {PHASE_FAILED, EVENT_STOP, on_stop_dead},
    {PHASE_STOPPING, EVENT_TIME, on_stop_time},  {PHASE_STOPPING, EVENT_STOP, on_stop_again},
    {PHASE_STOPPING, EVENT_DIED, on_death},
};

struct verdict decide (const struct rules *rules, const struct life *life, enum event event,
                       int64_t now_ms)
{
    struct verdict v = {.life = *life, .action = ACTION_NONE, .why = ""};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].phase != life->phase || rows[i].event != event)
            continue;
        rows[i].carry_out (rules, &v, now_ms);
        break;
    }
    return v;
}

bool decide_mark (struct marks *marks, int64_t now_ms)
{
    marks->at_ms[marks->count % DECIDE_MARKS] = now_ms;
    marks->count++;
    if (marks->count < DECIDE_MARKS)
        return false;
    return now_ms - marks->at_ms[marks->count % DECIDE_MARKS] < DECIDE_MARKS_MS;
}

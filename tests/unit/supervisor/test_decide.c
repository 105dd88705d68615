/* test_decide.c - the restart policy by rows, and its series over virtual time. */
#include <criterion/criterion.h>

#include "supervisor/decide.h"

static const struct rules rules = {.ready_ms = 1000,
                                   .silent_ms = 500,
                                   .stop_ms = 300,
                                   .restart_most_ms = 5000,
                                   .crash_loop = 5};

struct row {
    enum phase phase;
    enum event event;
    bool stopping, failed;
    int64_t beat_ms, wait_ms; /* of the life before; the time is 10000 */
    enum phase then;
    enum action action;
    int64_t due_ms;
};

enum { NOW = 10000 };

/* Everything not written is false, 0, or NONE. */
static const struct row rows[] = {
    {PHASE_IDLE, EVENT_START, .then = PHASE_STARTING, .action = ACTION_START,
     .due_ms = NOW + 1000},
    {PHASE_IDLE, EVENT_STOP, .then = PHASE_STOPPED, .due_ms = DECIDE_NEVER},
    {PHASE_IDLE, EVENT_READY, .then = PHASE_IDLE, .due_ms = 7},
    {PHASE_STARTING, EVENT_READY, .then = PHASE_READY, .due_ms = NOW + 500},
    {PHASE_STARTING, EVENT_BEAT, .then = PHASE_STARTING, .due_ms = 7},
    {PHASE_STARTING, EVENT_TIME, .then = PHASE_KILLED, .action = ACTION_KILL,
     .due_ms = DECIDE_NEVER},
    {PHASE_STARTING, EVENT_LOST, .then = PHASE_KILLED, .action = ACTION_KILL,
     .due_ms = DECIDE_NEVER},
    {PHASE_STARTING, EVENT_DIED, .then = PHASE_WAITING, .due_ms = NOW},
    {PHASE_STARTING, EVENT_STOP, .then = PHASE_STOPPING, .action = ACTION_STOP,
     .due_ms = NOW + 300},
    {PHASE_READY, EVENT_READY, .then = PHASE_READY, .due_ms = 7},
    {PHASE_READY, EVENT_BEAT, .then = PHASE_READY, .due_ms = NOW + 500},
    {PHASE_READY, EVENT_TIME, .beat_ms = NOW - 500, .then = PHASE_ABORTING,
     .action = ACTION_ABORT, .due_ms = NOW + 500},
    {PHASE_READY, EVENT_TIME, .beat_ms = NOW - 499, .then = PHASE_READY, .due_ms = NOW + 1},
    {PHASE_READY, EVENT_LOST, .then = PHASE_KILLED, .action = ACTION_KILL,
     .due_ms = DECIDE_NEVER},
    {PHASE_READY, EVENT_DIED, .then = PHASE_WAITING, .due_ms = NOW},
    {PHASE_READY, EVENT_DIED, .wait_ms = 2000, .then = PHASE_WAITING, .due_ms = NOW + 2000},
    {PHASE_READY, EVENT_DIED, .failed = true, .then = PHASE_FAILED, .due_ms = NOW + 60000},
    {PHASE_READY, EVENT_DIED, .stopping = true, .then = PHASE_STOPPED, .due_ms = DECIDE_NEVER},
    {PHASE_READY, EVENT_STOP, .then = PHASE_STOPPING, .action = ACTION_STOP,
     .due_ms = NOW + 300},
    {PHASE_ABORTING, EVENT_TIME, .then = PHASE_KILLED, .action = ACTION_KILL,
     .due_ms = DECIDE_NEVER},
    {PHASE_ABORTING, EVENT_BEAT, .then = PHASE_ABORTING, .due_ms = 7},
    {PHASE_ABORTING, EVENT_DIED, .then = PHASE_WAITING, .due_ms = NOW},
    {PHASE_ABORTING, EVENT_STOP, .then = PHASE_KILLED, .action = ACTION_KILL,
     .due_ms = DECIDE_NEVER},
    {PHASE_KILLED, EVENT_READY, .then = PHASE_KILLED, .due_ms = 7},
    {PHASE_KILLED, EVENT_DIED, .then = PHASE_WAITING, .due_ms = NOW},
    {PHASE_KILLED, EVENT_STOP, .then = PHASE_KILLED, .due_ms = 7},
    {PHASE_WAITING, EVENT_TIME, .then = PHASE_STARTING, .action = ACTION_START,
     .due_ms = NOW + 1000},
    {PHASE_WAITING, EVENT_STOP, .then = PHASE_STOPPED, .due_ms = DECIDE_NEVER},
    {PHASE_FAILED, EVENT_TIME, .failed = true, .then = PHASE_STARTING, .action = ACTION_START,
     .due_ms = NOW + 1000},
    {PHASE_FAILED, EVENT_STOP, .failed = true, .then = PHASE_STOPPED, .due_ms = DECIDE_NEVER},
    {PHASE_STOPPING, EVENT_TIME, .then = PHASE_KILLED, .action = ACTION_KILL,
     .due_ms = DECIDE_NEVER},
    {PHASE_STOPPING, EVENT_STOP, .then = PHASE_KILLED, .action = ACTION_KILL,
     .due_ms = DECIDE_NEVER},
    {PHASE_STOPPING, EVENT_LOST, .then = PHASE_STOPPING, .due_ms = 7},
    {PHASE_STOPPING, EVENT_DIED, .stopping = true, .then = PHASE_STOPPED,
     .due_ms = DECIDE_NEVER},
    {PHASE_STOPPED, EVENT_START, .then = PHASE_STOPPED, .due_ms = 7},
};

Test (decide, rows)
{
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct rules now = rules;
        now.stopping = row->stopping;
        struct life life = life_new ();
        life.phase = row->phase;
        life.failed = row->failed;
        life.beat_ms = row->beat_ms;
        life.ready_ms = row->beat_ms;
        life.wait_ms = row->wait_ms;
        life.due_ms = 7;
        struct verdict v = decide (&now, &life, row->event, NOW);
        cr_expect (v.life.phase == row->then, "row %u: %s", i, phase_name (v.life.phase));
        cr_expect (v.action == row->action, "row %u: action %d", i, (int)v.action);
        cr_expect (v.life.due_ms == row->due_ms, "row %u: due %lld", i,
                   (long long)v.life.due_ms);
        cr_expect (!v.marked, "row %u", i);
    }
}

static struct verdict then (const struct rules *by, struct verdict v, enum event event,
                            int64_t now)
{
    return decide (by, &v.life, event, now);
}

/* An actor that dies as soon as it is started: when is each restart, and when is it given up?
 */
Test (decide, series_doubles_then_fails)
{
    static const int64_t waits[] = {0, 1000, 2000, 4000, 5000};
    struct verdict v = {.life = life_new ()};
    int64_t now = 100;
    v = then (&rules, v, EVENT_START, now);
    for (unsigned i = 0; i < 5; i++) {
        v = then (&rules, v, EVENT_DIED, now);
        cr_expect (v.life.phase == PHASE_WAITING && !v.marked);
        cr_expect (v.life.due_ms == now + waits[i], "restart %u", i);
        now = v.life.due_ms;
        v = then (&rules, v, EVENT_TIME, now);
        cr_expect (v.action == ACTION_START && v.life.restarts == i + 1);
    }
    v = then (&rules, v, EVENT_DIED, now);
    cr_expect (v.life.phase == PHASE_FAILED && v.marked && v.life.due_ms == now + 60000);

    now = v.life.due_ms;
    v = then (&rules, v, EVENT_TIME, now);
    cr_expect (v.action == ACTION_START);
    v = then (&rules, v, EVENT_DIED, now + 5);
    cr_expect (v.life.phase == PHASE_FAILED && !v.marked, "a failed retry is no new mark");
}

Test (decide, ten_seconds_up_end_a_series)
{
    struct verdict v = {.life = life_new ()};
    v = then (&rules, v, EVENT_START, 0);
    v = then (&rules, v, EVENT_DIED, 0);
    v = then (&rules, v, EVENT_TIME, 0);
    v = then (&rules, v, EVENT_READY, 10);
    cr_expect (v.life.wait_ms == 1000);
    for (int64_t now = 110; now <= 10010; now += 100)
        v = then (&rules, v, EVENT_BEAT, now);
    cr_expect (v.life.due_ms == 10010, "the end of the series is waited for");
    v = then (&rules, v, EVENT_TIME, 10010);
    cr_expect (v.life.wait_ms == 0 && v.life.due_ms == 10510);
    v = then (&rules, v, EVENT_DIED, 10020);
    cr_expect (v.life.due_ms == 10020, "at once");
}

Test (decide, a_failed_actor_recovers_after_ten_seconds)
{
    struct verdict v = {.life = life_new ()};
    v.life.phase = PHASE_FAILED;
    v.life.failed = true;
    v = then (&rules, v, EVENT_TIME, 0);
    v = then (&rules, v, EVENT_READY, 10);
    v = then (&rules, v, EVENT_BEAT, 9900);
    cr_expect (v.life.failed && v.life.due_ms == 10010);
    v = then (&rules, v, EVENT_TIME, 10010);
    cr_expect (!v.life.failed && v.life.phase == PHASE_READY);
}

Test (decide, restarts_spread_over_time_are_no_loop)
{
    struct verdict v = {.life = life_new ()};
    v = then (&rules, v, EVENT_START, 0);
    for (int64_t now = 20000; now < 20000 * 300; now += 20000) {
        v = then (&rules, v, EVENT_DIED, now);
        cr_assert (v.life.phase == PHASE_WAITING);
        v = then (&rules, v, EVENT_TIME, v.life.due_ms);
        v = then (&rules, v, EVENT_READY, now + 5100);
        v = then (&rules, v, EVENT_TIME, now + 5100 + DECIDE_SETTLED_MS - 1);
        v.life.phase = PHASE_READY;
    }
    cr_expect (v.life.restarts == 299);
}

Test (decide, the_highest_crash_loop_is_counted)
{
    struct rules most = rules;
    most.crash_loop = DECIDE_RESTARTS_MAX;
    most.restart_most_ms = 100;
    struct verdict v = {.life = life_new ()};
    v = then (&most, v, EVENT_START, 0);
    unsigned restarts = 0;
    for (v = then (&most, v, EVENT_DIED, 0); v.life.phase == PHASE_WAITING; restarts++) {
        int64_t now = v.life.due_ms;
        v = then (&most, v, EVENT_TIME, now);
        v = then (&most, v, EVENT_DIED, now);
    }
    cr_expect (restarts == DECIDE_RESTARTS_MAX && v.marked);
}

Test (decide, three_marks_in_ten_minutes)
{
    struct marks marks = {0};
    cr_expect (!decide_mark (&marks, 0));
    cr_expect (!decide_mark (&marks, 400000));
    cr_expect (!decide_mark (&marks, 600000), "the first is ten minutes ago");
    cr_expect (decide_mark (&marks, 700000));
    cr_expect (!decide_mark (&marks, 2000000));
}

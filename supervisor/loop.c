/* loop.c - waits for whatever comes first and lets the yard deal with it.
 *
 * What actors said is read before any deadline is judged: a supervisor that was itself held up
 * must not call its actors silent.
 */
#include "supervisor/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"
#include "supervisor/notify.h"

enum { HELD_UP_MS = 1000, PLACES = 1 + 2 * YM_ACTORS };

struct loop {
    struct yard *yard;
    void (*on_reload) (struct yard *yard);
    int signals;
    int64_t watchdog_ms, watchdog_due_ms, wake_ms, now_ms;
};

static int open_signals (void)
{
    sigset_t set;
    ym_assert (sigemptyset (&set) == 0 && sigaddset (&set, SIGTERM) == 0 &&
               sigaddset (&set, SIGINT) == 0 && sigaddset (&set, SIGHUP) == 0);
    ym_assert (sigprocmask (SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        ym_panic ("expected a descriptor for signals");
    return fd;
}

/* When to wake is counted from the last reading of the clock, not from now, so that a pause at
 * any point of a pass shows as waking late. */
static int wait_ms (struct loop *loop)
{
    int64_t due = yard_due_ms (loop->yard), now = ym_time_mono_ms ();
    if (loop->watchdog_ms && loop->watchdog_due_ms < due)
        due = loop->watchdog_due_ms;
    loop->wake_ms = due > loop->now_ms ? due : loop->now_ms;
    if (due == DECIDE_NEVER)
        return -1;
    int64_t wait = due > now ? due - now : 0;
    return wait < INT32_MAX ? (int)wait : INT32_MAX;
}

/* Place 0 is the signals; then two for each actor. A descriptor of -1 is skipped by poll. */
static void wait_for_news (struct loop *loop)
{
    struct pollfd places[PLACES] = {{.fd = loop->signals, .events = POLLIN}};
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        const struct child *child = &loop->yard->actors[i].child;
        places[1 + 2 * i] = (struct pollfd){.fd = child->pidfd, .events = POLLIN};
        places[2 + 2 * i] = (struct pollfd){.fd = child->control, .events = POLLIN};
    }
    int rc = poll (places, PLACES, wait_ms (loop));
    if (rc < 0 && errno != EINTR)
        ym_panic ("expected to wait for %d descriptors", (int)PLACES);
}

static void forgive_if_held_up (const struct loop *loop, int64_t now)
{
    if (now - loop->wake_ms < HELD_UP_MS)
        return;
    ym_log (YM_LOG_WARNING, "supervisor_held_up",
            ym_log_number ("late_ms", now - loop->wake_ms));
    yard_forgive (loop->yard, now);
}

static void take_signals (struct loop *loop, int64_t now)
{
    struct signalfd_siginfo info;
    while (read (loop->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        ym_log (YM_LOG_INFO, "signal", ym_log_text ("name", sigabbrev_np ((int)info.ssi_signo)),
                ym_log_number ("from_pid", info.ssi_pid));
        if (info.ssi_signo != SIGHUP)
            yard_stop (loop->yard, now);
        else if (!loop->yard->rules.stopping)
            loop->on_reload (loop->yard);
    }
}

static void show_life (struct loop *loop, int64_t now)
{
    if (!loop->watchdog_ms || now < loop->watchdog_due_ms)
        return;
    (void)notify_alive ();
    loop->watchdog_due_ms = now + loop->watchdog_ms;
}

static void pass (struct loop *loop)
{
    wait_for_news (loop);
    int64_t now = ym_time_mono_ms ();
    forgive_if_held_up (loop, now);
    loop->now_ms = now;
    for (unsigned i = 0; i < YM_ACTORS; i++)
        yard_hear (loop->yard, i, now);
    take_signals (loop, now);
    yard_step (loop->yard, now);
    yard_report (loop->yard);
    show_life (loop, now);
}

int loop_run (struct yard *yard, void (*on_reload) (struct yard *yard))
{
    _close_ int signals = open_signals ();
    struct loop loop = {.yard = yard,
                        .on_reload = on_reload,
                        .signals = signals,
                        .watchdog_ms = notify_watchdog_ms (),
                        .now_ms = ym_time_mono_ms ()};
    yard_step (yard, loop.now_ms);
    yard_report (yard);
    while (!yard_is_stopped (yard))
        pass (&loop);
    return yard->exit_status;
}

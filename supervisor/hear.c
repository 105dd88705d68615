/* hear.c - what an actor says on its control socket, and how it ended.
 *
 * An actor that exits closes its socket a moment before it can be reaped, so an end of file is
 * believed only when no exit follows it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/text.h"
#include "supervisor/yard.h"

enum { LINE_MAX_OCTETS = 512, LINES_AT_ONCE = 32, EXIT_FOLLOWS_MS = 20 };

static void take_line (struct yard *yard, unsigned i, const char *line, int64_t now)
{
    static const char status[] = "STATUS ";
    struct actor *actor = &yard->actors[i];
    if (strcmp (line, "BEAT") == 0)
        yard_event (yard, i, EVENT_BEAT, now);
    else if (strcmp (line, "READY") == 0)
        yard_event (yard, i, EVENT_READY, now);
    else if (strncmp (line, status, sizeof status - 1) == 0)
        (void)ym_text_copy (actor->status, sizeof actor->status, line + sizeof status - 1);
    else
        ym_log (YM_LOG_WARNING, "actor_unclear", ym_log_text ("name", ym_actor_rows[i].name),
                ym_log_text ("line", line));
}

/* True at the end of file. */
static bool read_lines (struct yard *yard, unsigned i, int64_t now)
{
    for (unsigned n = 0; n < LINES_AT_ONCE; n++) {
        int control = yard->actors[i].child.control;
        char line[LINE_MAX_OCTETS + 1];
        ssize_t size = control < 0 ? -1 : recv (control, line, LINE_MAX_OCTETS, MSG_DONTWAIT);
        if (size == 0)
            return true;
        if (size < 0)
            return control >= 0 && errno == ECONNRESET;
        line[size] = '\0';
        take_line (yard, i, line, now);
    }
    return false;
}

static void describe_end (const siginfo_t *info, char *to, size_t room)
{
    const char *name = info->si_code == CLD_EXITED ? NULL : sigabbrev_np (info->si_status);
    if (info->si_code == CLD_EXITED)
        (void)ym_text_format (to, room, "exit %d", info->si_status);
    else
        (void)ym_text_format (to, room, "signal %d (%s)", info->si_status, name ? name : "?");
}

static void bury (struct yard *yard, unsigned i, const siginfo_t *info, int64_t now)
{
    struct actor *actor = &yard->actors[i];
    bool is_wanted = actor->life.phase == PHASE_STOPPING && info->si_code == CLD_EXITED &&
                     info->si_status == 0;
    char how[40];
    describe_end (info, how, sizeof how);
    ym_log (
        is_wanted ? YM_LOG_INFO : YM_LOG_WARNING, is_wanted ? "actor_stopped" : "actor_died",
        ym_log_text ("name", ym_actor_rows[i].name), ym_log_number ("pid", actor->child.pid),
        ym_log_text ("how", how), ym_log_number ("after_ms", now - actor->started_ms),
        ym_log_text ("said", actor->status));

    ym_close_at (&actor->child.pidfd);
    ym_close_at (&actor->child.control);
    actor->child = (struct child){.pidfd = -1, .control = -1};
    yard->is_dirty = true;
    yard_event (yard, i, EVENT_DIED, now);
}

static bool reap (struct yard *yard, unsigned i, int wait_ms, int64_t now)
{
    struct pollfd exit_of = {.fd = yard->actors[i].child.pidfd, .events = POLLIN};
    if (exit_of.fd < 0 || poll (&exit_of, 1, wait_ms) <= 0)
        return false;
    siginfo_t info = {0};
    if (waitid (P_PIDFD, (id_t)exit_of.fd, &info, WEXITED | WNOHANG) < 0)
        ym_panic ("expected to reap %s", ym_actor_rows[i].name);
    if (info.si_pid == 0)
        return false;
    bury (yard, i, &info, now);
    return true;
}

void yard_hear (struct yard *yard, unsigned i, int64_t now)
{
    struct actor *actor = &yard->actors[i];
    bool is_end = read_lines (yard, i, now);
    if (reap (yard, i, is_end ? EXIT_FOLLOWS_MS : 0, now) || !is_end)
        return;
    ym_close_at (&actor->child.control);
    actor->child.control = -1;
    yard_event (yard, i, EVENT_LOST, now);
}

/* report.c - the list of actors in the run directory, and the one line for the service manager.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "supervisor/notify.h"
#include "supervisor/yard.h"

enum { LINE_ROOM = 128 };

static unsigned count_in (const struct yard *yard, enum phase phase)
{
    unsigned count = 0;
    for (unsigned i = 0; i < YM_ACTORS; i++)
        count += yard->actors[i].life.phase == phase;
    return count;
}

static void add_name (char *names, size_t room, const char *name)
{
    size_t used = strlen (names);
    (void)ym_text_format (names + used, room - used, "%s%s", used ? ", " : "", name);
}

void yard_status_text (const struct yard *yard, char to[YARD_STATUS_MAX + 1])
{
    char names[YARD_STATUS_MAX / 2 + 1] = "";
    size_t room = YARD_STATUS_MAX + 1;
    if (yard->rules.stopping) {
        (void)ym_text_format (to, room, "stopping, %u of %d stopped",
                              count_in (yard, PHASE_STOPPED), (int)YM_ACTORS);
        return;
    }
    for (unsigned i = 0; i < YM_ACTORS; i++)
        if (yard->actors[i].life.failed && yard->actors[i].life.phase != PHASE_READY)
            add_name (names, sizeof names, ym_actor_rows[i].name);
    if (*names)
        (void)ym_text_format (to, room, "%s failed, %u of %d ready", names,
                              count_in (yard, PHASE_READY), (int)YM_ACTORS);
    else
        (void)ym_text_format (to, room, "%u of %d actors ready", count_in (yard, PHASE_READY),
                              (int)YM_ACTORS);
}

static size_t list_actors (const struct yard *yard, char *to, size_t room)
{
    size_t used = 0;
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        const struct actor *actor = &yard->actors[i];
        (void)ym_text_format (to + used, room - used, "%s %d %" PRIu64 " %s %u\n",
                              ym_actor_rows[i].name, (int)actor->child.pid, actor->incarnation,
                              phase_name (actor->life.phase), actor->life.restarts);
        used += strlen (to + used);
    }
    return used;
}

void yard_report (struct yard *yard)
{
    if (!yard->is_dirty)
        return;

    char status[YARD_STATUS_MAX + 1], list[YM_ACTORS * LINE_ROOM];
    int rc = place_write_actors (yard->place, list, list_actors (yard, list, sizeof list));
    if (rc)
        ym_log (YM_LOG_WARNING, "actors_unwritten", ym_log_errno (rc));
    yard_status_text (yard, status);
    bool is_ready = yard->announced && !yard->rules.stopping;
    /* What could not be told is told again with the next pass. */
    yard->is_dirty = !notify_status (status, is_ready);
}

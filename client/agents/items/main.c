/* main.c - yard-agent-items: the mover bound to the agent SDK.
 *
 * Exit: as yard_agent_run says; 64 usage.
 */
#include "client/agents/common/program.h"
#include "client/agents/items/yard_items.h"

#include <argp.h>

const char *argp_program_version = "yard-agent-items " YM_VERSION;

static int checkpoint (void *self, const void *resume, size_t size, const char *mark,
                       uint64_t done, uint64_t total, const struct items_mapping *mappings,
                       size_t count)
{
    yard_mapping reported[ITEMS_BATCH_MAX];

    for (size_t i = 0; i < count; i++)
        reported[i] = (yard_mapping){mappings[i].source, mappings[i].target};
    return agents_result (
        yard_task_checkpoint (self, resume, size, mark, done, total, reported, count));
}

static int lookup (void *self, const char *const *sources, size_t count, char **ret_targets)
{
    return agents_result (yard_task_lookup (self, sources, count, ret_targets));
}

/* Removing goes on while the attempt ends; only a fence stops it. */
static bool is_fenced (void *self)
{
    return yard_task_should_stop (self) == YARD_STOP_FENCED;
}

typedef enum items_end step_f (const struct items_task *task, char *ret_sentence, size_t size);

static yard_step run (yard_task *task, const char *handler, step_f *step, bool is_removing)
{
    static const yard_step steps[] = {
        [ITEMS_DONE] = YARD_DONE,
        [ITEMS_RETRY] = YARD_RETRY,
        [ITEMS_FAIL] = YARD_FAIL,
        [ITEMS_STOPPED] = YARD_STOPPED,
    };
    struct items_task view = {
        .self = task,
        .job = yard_task_job (task),
        .source = yard_task_source (task),
        .target = yard_task_target (task),
        .fence = yard_task_fence (task),
        .checkpoint = checkpoint,
        .lookup = lookup,
        .progress = agents_progress,
        /* It looks only where nothing is lost by stopping. */
        .should_stop = is_removing ? is_fenced : agents_should_pause,
        .stop_fd = agents_stop_fd,
        .provision = agents_provision,
        .provisioned = agents_provisioned,
    };
    yard_checkpoint last;
    char sentence[1024];
    enum items_end end;

    yard_task_resume (task, &last);
    view.resume = last.resume, view.resume_size = last.resume_size;
    view.payload = yard_task_payload (task, &view.payload_size);
    end = step (&view, sentence, sizeof sentence);
    return agents_ended (task, handler, steps[end], sentence);
}

static yard_step prepare (yard_task *task, void *user)
{
    (void)user;
    return run (task, "attempt_prepared", items_prepare, false);
}

static yard_step start (yard_task *task, void *user)
{
    (void)user;
    return run (task, "attempt_ended", items_move, false);
}

static yard_step deprovision (yard_task *task, void *user)
{
    (void)user;
    return run (task, "attempt_deprovisioned", items_deprovision, true);
}

int main (int argc, char **argv)
{
    const yard_handler handler = {
        .size = sizeof handler,
        .kind = "items-move",
        .start = start,
        .prepare = prepare,
        .deprovision = deprovision,
    };

    return agents_main (
        argc, argv, "yard-agent-items",
        "Moves work items, as an agent of a yard: jobs of the kind items-move.\v"
        "The source of a job is a JSON Lines file of work items, the target an SQLite "
        "database, both absolute paths or file:// addresses; the target is made if missing. "
        "Its payload may be {\"batch\": items between checkpoints (500, at most 1000), "
        "\"pace_ms\": pause after each (0)}.\n\n"
        "Environment: YARD_AGENT_ENDPOINT, YARD_SERVER_KEY, YARD_CERT.",
        &handler, 1);
}

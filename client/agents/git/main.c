/* main.c - yard-agent-git: the mover bound to the agent SDK.
 *
 * Exit: as yard_agent_run says; 64 usage.
 */
#include "client/agents/common/program.h"
#include "client/agents/git/yard_git.h"

#include <argp.h>

const char *argp_program_version = "yard-agent-git " YM_VERSION;

static int checkpoint (void *self, const void *resume, size_t size, const char *mark,
                       uint64_t done, uint64_t total)
{
    return agents_result (
        yard_task_checkpoint (self, resume, size, mark, done, total, NULL, 0));
}

static int moved (void *self, const char *target)
{
    return agents_result (yard_task_moved (self, NULL, target));
}

/* Removing goes on while the attempt ends; only a fence stops it. */
static bool is_fenced (void *self)
{
    return yard_task_should_stop (self) == YARD_STOP_FENCED;
}

typedef enum git_end step_f (const struct git_task *task, char *ret_sentence, size_t size);

static yard_step run (yard_task *task, const char *handler, step_f *step, bool is_removing)
{
    static const yard_step steps[] = {
        [GIT_DONE] = YARD_DONE,
        [GIT_RETRY] = YARD_RETRY,
        [GIT_FAIL] = YARD_FAIL,
        [GIT_STOPPED] = YARD_STOPPED,
    };
    struct git_task view = {
        .self = task,
        .job = yard_task_job (task),
        .source = yard_task_source (task),
        .target = yard_task_target (task),
        .fence = yard_task_fence (task),
        .checkpoint = checkpoint,
        .progress = agents_progress,
        .should_stop = is_removing ? is_fenced : agents_should_stop,
        .should_pause = is_removing ? NULL : agents_should_pause,
        .stop_fd = agents_stop_fd,
        .provision = agents_provision,
        .provisioned = agents_provisioned,
        .moved = moved,
    };
    yard_checkpoint last;
    char sentence[1024];
    enum git_end end;

    yard_task_resume (task, &last);
    view.resume = last.resume, view.resume_size = last.resume_size;
    view.payload = yard_task_payload (task, &view.payload_size);
    end = step (&view, sentence, sizeof sentence);
    return agents_ended (task, handler, steps[end], sentence);
}

static yard_step prepare (yard_task *task, void *user)
{
    (void)user;
    return run (task, "attempt_prepared", git_prepare, false);
}

static yard_step start (yard_task *task, void *user)
{
    (void)user;
    return run (task, "attempt_ended", git_move, false);
}

static yard_step deprovision (yard_task *task, void *user)
{
    (void)user;
    return run (task, "attempt_deprovisioned", git_deprovision, true);
}

int main (int argc, char **argv)
{
    const yard_handler handler = {
        .size = sizeof handler,
        .kind = "git-move",
        .start = start,
        .prepare = prepare,
        .deprovision = deprovision,
    };

    return agents_main (
        argc, argv, "yard-agent-git",
        "Moves git repositories, as an agent of a yard: jobs of the kind git-move.\v"
        "Source and target of a job are absolute paths or file:// addresses; the target is "
        "bare "
        "and made if missing, and where it ends with a slash and is a directory the repository "
        "is made in it. Its payload may be {\"range\": commits between checkpoints (50), "
        "\"pace_ms\": pause after each (0)}.\n\n"
        "Environment: YARD_AGENT_ENDPOINT, YARD_SERVER_KEY, YARD_CERT.",
        &handler, 1);
}

/* main.c - yard-agent-git: options, and the mover bound to the agent SDK.
 *
 * Exit: as yard_agent_run says; 64 usage.
 */
#include "client/agents/git/yard_git.h"
#include "client/libyard/yard_agent.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CAPABILITIES_MAX 16 /* the yard takes no more of one agent */

const char *argp_program_version = "yard-agent-git " YM_VERSION;

/* What the SDK says, as the mover's contract has it. */
static int result (yard_rc rc)
{
    switch (rc) {
    case YARD_OK:
        return 0;
    case YARD_EFENCED:
        return -ESTALE;
    case YARD_ECONFLICT:
        return -EEXIST;
    case YARD_EINVALID:
        return -EINVAL;
    default:
        return -EHOSTUNREACH;
    }
}

static int checkpoint (void *self, const void *resume, size_t size, const char *mark,
                       uint64_t done, uint64_t total)
{
    return result (yard_task_checkpoint (self, resume, size, mark, done, total, NULL, 0));
}

static void progress (void *self, uint64_t done, uint64_t total)
{
    yard_task_progress (self, done, total);
}

static bool should_stop (void *self)
{
    return yard_task_should_stop (self) != YARD_GO_ON;
}

static int stop_fd (void *self)
{
    return yard_task_stop_fd (self);
}

/* One write, so that lines of several attempts stay whole; the prefix is for the journal. */
static void say_ended (yard_task *task, const char *end, const char *why)
{
    char quoted[2048], *to = quoted;

    for (; *why && to < quoted + sizeof quoted - 2; *to++ = *why++)
        if (*why == '"' || *why == '\\')
            *to++ = '\\';
    *to = '\0';
    fprintf (stderr,
             "%sattempt_ended job=%s attempt=%" PRIu32 " fence=%" PRIu64 " end=%s why=\"%s\"\n",
             isatty (STDERR_FILENO) ? "" : "<6>", yard_task_job (task),
             yard_task_attempt (task), yard_task_fence (task), end, quoted);
}

static yard_step start (yard_task *task, void *user)
{
    static const yard_step steps[] = {
        [GIT_DONE] = YARD_DONE,
        [GIT_RETRY] = YARD_RETRY,
        [GIT_FAIL] = YARD_FAIL,
        [GIT_STOPPED] = YARD_STOPPED,
    };
    static const char *const words[] = {
        [GIT_DONE] = "done",
        [GIT_RETRY] = "retry",
        [GIT_FAIL] = "fail",
        [GIT_STOPPED] = "stopped",
    };
    struct git_task view = {
        .self = task,
        .job = yard_task_job (task),
        .source = yard_task_source (task),
        .target = yard_task_target (task),
        .fence = yard_task_fence (task),
        .checkpoint = checkpoint,
        .progress = progress,
        .should_stop = should_stop,
        .stop_fd = stop_fd,
    };
    yard_checkpoint last;
    char sentence[1024];
    enum git_end end;

    (void)user;
    yard_task_resume (task, &last);
    view.resume = last.resume, view.resume_size = last.resume_size;
    view.payload = yard_task_payload (task, &view.payload_size);
    end = git_move (&view, sentence, sizeof sentence);
    yard_task_result (task, "%s", sentence);
    say_ended (task, words[end], sentence);
    return steps[end];
}

struct options {
    yard_agent_opts agent;
    const char *capability[CAPABILITIES_MAX + 1];
    size_t capabilities;
};

static const struct argp_option known[] = {
    {"endpoint", 'e', "ADDRESS", 0, "the agents' door, such as tcp://yard:7511", 0},
    {"server-key", 'k', "KEY", 0, "the door's public key: in Z85, or the file that holds it",
     0},
    {"cert", 'c', "FILE", 0, "this agent's certificate, the secret file", 0},
    {"region", 'r', "NAME", 0, "where this agent runs", 0},
    {"pool", 'p', "NAME", 0, "which pool it is of (shared)", 0},
    {"capability", 'C', "WORD", 0, "what else it offers; may be given again", 0},
    {"slots", 's', "NUMBER", 0, "attempts at once (1)", 0},
    {0},
};

static unsigned read_slots (struct argp_state *state, const char *text)
{
    char *rest;
    unsigned long number;

    errno = 0;
    number = strtoul (text, &rest, 10);
    if (errno || *rest || rest == text || *text == '-' || number < 1 || number > 1000)
        argp_error (state, "--slots must be 1 to 1000");
    return (unsigned)number;
}

static void check (struct argp_state *state, const struct options *o)
{
    if (!o->agent.conn.endpoint)
        argp_error (state, "no --endpoint, and YARD_AGENT_ENDPOINT is not set");
    if (!o->agent.conn.server_key)
        argp_error (state, "no --server-key, and YARD_SERVER_KEY is not set");
    if (!o->agent.conn.cert_path)
        argp_error (state, "no --cert, and YARD_CERT is not set");
    if (!o->agent.region)
        argp_error (state, "no --region");
}

static error_t take_option (int key, char *text, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'e':
        o->agent.conn.endpoint = text;
        break;
    case 'k':
        o->agent.conn.server_key = text;
        break;
    case 'c':
        o->agent.conn.cert_path = text;
        break;
    case 'r':
        o->agent.region = text;
        break;
    case 'p':
        o->agent.pool = text;
        break;
    case 'C':
        if (o->capabilities == CAPABILITIES_MAX)
            argp_error (state, "more than %d capabilities", CAPABILITIES_MAX);
        o->capability[o->capabilities++] = text;
        break;
    case 's':
        o->agent.slots = read_slots (state, text);
        break;
    case ARGP_KEY_END:
        check (state, o);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int main (int argc, char **argv)
{
    static const struct argp argp = {
        known,
        take_option,
        NULL,
        "Moves git repositories, as an agent of a yard: jobs of the kind git-move.\v"
        "Source and target of a job are absolute paths or file:// addresses; the target is "
        "bare "
        "and made if missing. Its payload may be {\"range\": commits between checkpoints (50), "
        "\"pace_ms\": pause after each (0)}.\n\n"
        "Environment: YARD_AGENT_ENDPOINT, YARD_SERVER_KEY, YARD_CERT.",
        NULL,
        NULL,
        NULL,
    };
    struct options options = {
        .agent = {.size = sizeof (yard_agent_opts),
                  .conn = {.size = sizeof (yard_opts),
                           .endpoint = getenv ("YARD_AGENT_ENDPOINT"),
                           .server_key = getenv ("YARD_SERVER_KEY"),
                           .cert_path = getenv ("YARD_CERT"),
                           .client_name = "yard-agent-git"},
                  .slots = 1,
                  .stop_fd = -1},
    };
    yard_handler handler = {.size = sizeof handler, .kind = "git-move", .start = start};
    yard_err_t *err = NULL;
    int exit_status;

    argp_err_exit_status = 64;
    (void)argp_parse (&argp, argc, argv, 0, NULL, &options);
    options.agent.capabilities = options.capability;
    exit_status = yard_agent_run (&options.agent, &handler, 1, &err);
    if (err)
        fprintf (stderr, "yard-agent-git: %s\n", yard_err_text (err));
    yard_err_free (err);
    return exit_status;
}

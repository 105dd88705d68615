/* commands.c - the table of all commands, and how one is found. */
#include "client/yardctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#include "client/yardctl/text.h"

enum { ANY = CTL_ARGS_MAX };
#define LIST   (CTL_YARD | CTL_PAGE)
#define CHANGE (CTL_CHANGE | CTL_VERSION)

#define JOB_NAMES                                                                              \
    "JOB is job_ and 13 characters, these alone, or the end of them (4 or more) if only one "  \
    "of the latest jobs ends so."

const struct ctl_command ctl_commands[] = {
    {"job", "submit", NULL, "", 0, 0, CTL_YARD | CTL_SPEC | CTL_WAIT | CTL_REQUEST,
     ctl_job_submit, "Submits jobs and prints their names.",
     "A document has the members name, kind, tier, capabilities, regions, pool, source, "
     "target, payload, key, urgency, hold, fixed, not_before, run_limit, wait_limit and after. "
     "A payload that is not a text is passed on as JSON. A file may hold many: YAML separated "
     "by ---, JSON one after the other, or a list.\n\n"
     "With --wait=end the status is 0 if all jobs completed, 1 if one did not."},
    {"job", "list", "jobs", "", 0, 0, LIST | CTL_OLDER | CTL_FILTER, ctl_job_list,
     "Lists jobs, newest first.", NULL},
    {"job", "get", NULL, "JOB", 1, 1, CTL_YARD, ctl_job_get, "Shows all about one job.",
     JOB_NAMES},
    {"job", "describe", NULL, "JOB", 1, 1, CTL_YARD, ctl_job_get, "The same as job get.",
     JOB_NAMES},
    {"job", "events", NULL, "JOB", 1, 1, CTL_YARD | CTL_EVENTS, ctl_job_events,
     "Lists the history of a job: every event, by number.", JOB_NAMES},
    {"job", "watch", NULL, "[JOB...]", 0, ANY, CTL_YARD | CTL_FEED | CTL_EVERY, ctl_job_watch,
     "Shows what happens to jobs, from their beginning to their end.",
     JOB_NAMES "\n\nWith --all, --tier, --state, --tenant or --snapshot it shows all jobs that "
               "fit, as 'yardctl watch' does."
               "\n\nThe status is 0 if all completed, 1 if one did not, 124 if --timeout was "
               "over before."},
    {"job", "wait", NULL, "JOB...", 1, ANY, CTL_YARD | CTL_FOR, ctl_job_wait,
     "Waits until jobs have ended.",
     JOB_NAMES "\n\nThe status is 0 if all completed, 1 if one did not, 124 if --timeout was "
               "over before. With --for it is 0 if all came into that state, 3 if one ended "
               "without."},
    {"job", "explain", NULL, "JOB", 1, 1, CTL_YARD, ctl_job_explain,
     "Tells why a job does not start: every blocker, and who can lift it.", JOB_NAMES},
    {"job", "why-not", NULL, "JOB", 1, 1, CTL_YARD | CTL_AGENT, ctl_job_why_not,
     "Tells what stands between a job and one agent.", JOB_NAMES},
    {"job", "suspend", NULL, "JOB...", 1, ANY, CHANGE | CTL_ASK, ctl_job_act,
     "Stops jobs with a checkpoint until they are resumed.",
     JOB_NAMES "\n\nOnly the party that suspended a job resumes it: a key of its tenant, or an "
               "operator."},
    {"job", "resume", NULL, "JOB...", 1, ANY, CHANGE, ctl_job_act, "Lets suspended jobs go on.",
     JOB_NAMES},
    {"job", "terminate", NULL, "JOB...", 1, ANY, CHANGE | CTL_SURE, ctl_job_act,
     "Ends jobs for good.", JOB_NAMES},
    {"job", "hold", NULL, "JOB...", 1, ANY, CHANGE, ctl_job_act,
     "Keeps waiting jobs from starting until they are released.", JOB_NAMES},
    {"job", "release", NULL, "JOB...", 1, ANY, CHANGE, ctl_job_act, "Lifts the hold of jobs.",
     JOB_NAMES},
    {"job", "retry", NULL, "JOB...", 1, ANY, CHANGE, ctl_job_act,
     "Lifts the hold of jobs, forgets their errors and does not wait for the next try.",
     JOB_NAMES},
    {"job", "urge", NULL, "JOB...", 1, ANY, CHANGE | CTL_URGE, ctl_job_act,
     "Changes the urgency of jobs.", JOB_NAMES},
    {"job", "retier", NULL, "JOB...", 1, ANY, CHANGE | CTL_RETIER, ctl_job_act,
     "Moves jobs to the queue of another tier.", JOB_NAMES},
    {"job", "depend", NULL, "JOB...", 1, ANY, CHANGE | CTL_DEPEND, ctl_job_act,
     "Lets jobs wait for another one.", JOB_NAMES},
    {"agent", "list", "agents", "", 0, 0, LIST | CTL_LATER, ctl_agent_list,
     "Lists agents by name.", NULL},
    {"agent", "drain", NULL, "AGENT...", 1, ANY, CHANGE | CTL_ASK | CTL_DEADLINE, ctl_agent_act,
     "Gives agents no new work.",
     "What they run goes on; with --deadline it is suspended then, and goes on elsewhere. An "
     "agent is drained when it uses no slot: yardctl agent list."},
    {"agent", "undrain", NULL, "AGENT...", 1, ANY, CHANGE, ctl_agent_act,
     "Gives agents work again.", NULL},
    {"queue", "list", "queues", "", 0, 0, CTL_YARD, ctl_queue_list,
     "Shows what waits in each queue.", NULL},
    {"queue", "stop", NULL, "TIER...", 1, 3, CHANGE | CTL_ASK, ctl_queue_act,
     "Starts nothing more of a tier; what runs goes on.", NULL},
    {"queue", "start", NULL, "TIER...", 1, 3, CHANGE, ctl_queue_act,
     "Lets the jobs of a tier start again.", NULL},
    {"tenant", "list", "tenants", "", 0, 0, LIST | CTL_LATER, ctl_tenant_list,
     "Lists tenants and what they may.", NULL},
    {"tenant", "set", NULL, "TENANT...", 1, ANY, CHANGE | CTL_SHARE, ctl_tenant_set,
     "Changes what tenants may: their share of a tier, and how many jobs wait and run.", NULL},
    {"window", "list", "windows", "", 0, 0, LIST | CTL_LATER, ctl_window_list,
     "Lists maintenance windows that have not ended.", NULL},
    {"window", "add", NULL, "WHERE", 1, 1, CHANGE | CTL_PERIOD, ctl_window_add,
     "Begins a maintenance window: nothing starts there that cannot end before it, nor in it.",
     "WHERE is yard, region:NAME, pool:NAME or agent:NAME. Without --from it begins now."},
    {"window", "remove", NULL, "WINDOW...", 1, ANY, CHANGE, ctl_window_remove,
     "Ends maintenance windows, or takes them back.", NULL},
    {"problem", "list", "problems", "", 0, 0, LIST | CTL_OLDER | CTL_CLOSED, ctl_problem_list,
     "Lists what needs repair, newest first.", NULL},
    {"watch", "", NULL, "", 0, 0, CTL_YARD | CTL_FEED, ctl_watch,
     "Shows what happens to all jobs.",
     "With -o jsonl it is a line for each event. It goes on until it is ended, or --timeout is "
     "over. Where events may have been missed it says so, and tells how every job is."},
    {"top", "", NULL, "", 0, 0, CTL_YARD | CTL_LIVE, ctl_top,
     "Shows queues and agents, anew each second.", "It ends with q or Ctrl-C."},
    {"key", "new", NULL, "FILE", 1, 1, CTL_NAMED, ctl_key_new,
     "Makes a key pair: FILE is public, FILE_secret is not.",
     "A file that is there is never replaced."},
    {"key", "authorize", NULL, "FILE|KEY", 1, 1, CTL_YARD | CTL_OWNER, ctl_key_authorize,
     "Lets a public key in.", "The same again changes nothing."},
    {"key", "rotate", NULL, "OLD NEW", 2, 2, CTL_YARD, ctl_key_rotate,
     "Lets NEW in as another key of the same party: its role, tenant and name are those of "
     "OLD.",
     "OLD and NEW are files or keys. Both are good until OLD is revoked; what an agent runs "
     "goes "
     "on when its program comes back with NEW. The same again changes nothing."},
    {"key", "revoke", NULL, "FILE|KEY", 1, 1, (CHANGE & ~CTL_REQUEST) | CTL_SURE,
     ctl_key_revoke, "Shuts a public key out, at once.", "The same again changes nothing."},
    {"key", "list", "keys", "", 0, 0, LIST | CTL_LATER, ctl_key_list, "Lists keys.", NULL},
    {"key", "fingerprint", NULL, "FILE", 1, 1, 0, ctl_key_fingerprint,
     "Prints the public key of a certificate file.",
     "It is short enough to be compared whole, and may stand wherever a key is asked for."},
    {"context", "list", "contexts", "", 0, 0, 0, ctl_context_list,
     "Lists the yards of the contexts file.",
     "It is $YARD_CONTEXTS or ~/.config/yard/contexts.yaml:\n\n"
     "    current: prod\n"
     "    contexts:\n"
     "      prod:\n"
     "        endpoint: tcp://yard.example.org:7510\n"
     "        server_key: prod.key\n"
     "        cert: ~/.config/yard/me.key_secret\n\n"
     "Relative paths begin at the file's folder."},
    {"status", "", NULL, "", 0, 0, CTL_YARD, ctl_status,
     "Shows the yard, its database and its actors.", NULL},
    {"health", "", NULL, "", 0, 0, CTL_YARD, ctl_health, "Tells whether the yard is well.",
     "The status is 0 if every actor is heard of and the database answers, 1 if not, 69 if the "
     "yard cannot be reached."},
    {"completion", "", NULL, "bash|zsh", 1, 1, 0, ctl_completion,
     "Prints what completes yardctl's words in a shell.",
     "In ~/.bashrc: eval \"$(yardctl completion bash)\""},
    {"version", "", NULL, "", 0, 0, 0, ctl_version, "Prints the version of yardctl.", NULL},
    {"help", "", NULL, "[NOUN [VERB]]", 0, 2, 0, ctl_help,
     "Explains a command; 'help exit' the statuses; 'help man' is the manual page.", NULL},
};
const size_t ctl_command_count = sizeof ctl_commands / sizeof *ctl_commands;

static bool is (const char *word, const char *other)
{
    return other && strcmp (word, other) == 0;
}

bool ctl_is_noun (const char *word)
{
    for (size_t i = 0; i < ctl_command_count; i++)
        if (is (word, ctl_commands[i].noun))
            return true;
    return false;
}

const struct ctl_command *ctl_command_find (const char *const *words, size_t count,
                                            size_t *ret_used)
{
    const struct ctl_command *command;
    bool alone;

    for (size_t i = 0; count > 0 && i < ctl_command_count; i++) {
        command = &ctl_commands[i];
        alone = is (words[0], command->also) ||
                (is (words[0], command->noun) && *command->verb == '\0');
        if (alone ||
            (count > 1 && is (words[0], command->noun) && is (words[1], command->verb))) {
            *ret_used = alone ? 1 : 2;
            return command;
        }
    }
    return NULL;
}

const char *ctl_command_like (const char *noun, const char *word)
{
    const char *known[2 * sizeof ctl_commands / sizeof *ctl_commands];
    size_t count = 0;

    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct ctl_command *command = &ctl_commands[i];
        if (noun && is (noun, command->noun))
            known[count++] = command->verb;
        if (!noun)
            known[count++] = command->noun;
        if (!noun && command->also)
            known[count++] = command->also;
    }
    return ctl_nearest (word, known, count);
}

static char *line_of (const struct ctl_command *c)
{
    _free_ char *words = ctl_format ("%s%s%s%s%s", c->noun, *c->verb ? " " : "", c->verb,
                                     *c->args ? " " : "", c->args);
    _free_ char *also = c->also ? ctl_format (" Also: %s.", c->also) : ctl_copy ("");

    return ctl_format ("  %-24s %s%s\n", words, c->does, also);
}

char *ctl_overview (const char *noun)
{
    char *text = ctl_copy ("");

    for (size_t i = 0; i < ctl_command_count; i++) {
        _free_ char *old = NULL, *line = NULL;
        if (noun && !is (noun, ctl_commands[i].noun))
            continue;
        old = text;
        line = line_of (&ctl_commands[i]);
        text = ctl_format ("%s%s", old, line);
    }
    return text;
}

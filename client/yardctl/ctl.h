/* ctl.h - what the parts of yardctl share: commands, options, and how a command is run.
 *
 * A command is one row of the table in commands.c; an option one row of the table in options.c.
 * Parsing, help and usage come from these rows. Errors end as an exit status: a function that
 * fails has said why on stderr and returns the status; 0 is good.
 */
#ifndef YARDCTL_CTL_H
#define YARDCTL_CTL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/libyard/yard.h"

/* The statuses yardctl itself ends with; those of refusals are in schema/refusals.def. */
enum ctl_exit {
    CTL_DONE = 0,
    CTL_BAD_END = 1,  /* a job failed or was terminated; the yard is not well */
    CTL_NOT_MET = 3,  /* the job ended without coming into the state waited for */
    CTL_CONFLICT = 4, /* a file is there already */
    CTL_NO_SUCH = 5,
    CTL_USAGE = 64,
    CTL_DOCUMENT = 65,
    CTL_NO_YARD = 69,
    CTL_OUTPUT = 74, /* the answer could not be written */
    CTL_BUSY = 75,
    CTL_CONFIG = 78, /* keys, endpoint, contexts */
    CTL_TIMEOUT = 124,
};

enum ctl_form { CTL_TABLE, CTL_JSON, CTL_JSONL, CTL_NAME };

/* Which commands take an option. */
enum ctl_set {
    CTL_SHOW = 1 << 0, /* all */
    CTL_YARD = 1 << 1, /* those that ask a yard */
    CTL_SPEC = 1 << 2,
    CTL_WAIT = 1 << 3,
    CTL_PAGE = 1 << 4,
    CTL_OLDER = 1 << 5,
    CTL_LATER = 1 << 6,
    CTL_FILTER = 1 << 7,
    CTL_SURE = 1 << 8,
    CTL_REASON = 1 << 9,
    CTL_FOR = 1 << 10,
    CTL_NAMED = 1 << 11,
    CTL_OWNER = 1 << 12,
    CTL_REQUEST = 1 << 13,
    CTL_PLAN = 1 << 14,
    CTL_VERSION = 1 << 15,
    CTL_ASK = 1 << 16, /* asked on a terminal; where there is none it is done */
    CTL_URGE = 1 << 17,
    CTL_RETIER = 1 << 18,
    CTL_DEPEND = 1 << 19,
    CTL_DEADLINE = 1 << 20,
    CTL_SHARE = 1 << 21,
    CTL_PERIOD = 1 << 22,
    CTL_AGENT = 1 << 23,
    CTL_EVENTS = 1 << 24,
    CTL_CLOSED = 1 << 25,
    CTL_FEED = 1 << 26,
    CTL_EVERY = 1 << 27,
    CTL_LIVE = 1 << 28,
};
/* What every change takes. */
#define CTL_CHANGE (CTL_YARD | CTL_REASON | CTL_REQUEST | CTL_PLAN)

enum { CTL_WORDS_MAX = 32, CTL_ARGS_MAX = YARD_WATCHES };

struct ctl_words {
    const char *at[CTL_WORDS_MAX + 1]; /* ends with NULL */
    size_t count;
};

struct ctl_number {
    bool given;
    int64_t value;
};

/* NULL, 0, false: not given. */
struct ctl_options {
    const char *output, *color;
    bool quiet;
    const char *endpoint, *server_key, *cert, *context;
    int64_t timeout_ms;
    const char *file, *name, *kind, *tier, *pool, *source, *target, *payload, *request;
    struct ctl_words capabilities, regions;
    const char *wait, *before, *after, *state, *reason, *wanted, *role, *tenant;
    int64_t limit;
    bool yes, no_input;
    bool held, fixed, plan, closed, every, once, snapshot, checkpoints;
    int64_t not_before_ms, run_limit_ms, wait_limit_ms;
    struct ctl_words after_jobs;
    struct ctl_number urgency, if_version, weight, waiting_max, running_max;
    const char *on, *overflow, *agent;
    int64_t deadline_ms, begins_ms, ends_ms;
};

struct ctl_command;

/* One run of yardctl. */
struct ctl {
    struct ctl_options o;
    const struct ctl_command *command;
    const char **args;
    size_t arg_count;
    enum ctl_form form;
    bool wide; /* a table with all columns */
    bool yaml; /* written in place of JSON */
    bool color;
    yard_t *yard; /* of a command that takes CTL_YARD */
};

typedef int ctl_run_f (struct ctl *c);

struct ctl_command {
    const char *noun, *verb; /* verb "": the noun alone */
    const char *also;        /* one word that means both, or NULL */
    const char *args;        /* as usage shows them */
    size_t least, most;      /* how many */
    unsigned takes;          /* of enum ctl_set */
    ctl_run_f *run;
    const char *does; /* one sentence */
    const char *more; /* paragraphs below the options, or NULL */
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

ctl_run_f ctl_job_submit, ctl_job_list, ctl_job_get, ctl_job_watch, ctl_job_wait;
ctl_run_f ctl_job_explain, ctl_job_why_not, ctl_job_events, ctl_job_act;
ctl_run_f ctl_agent_list, ctl_agent_act, ctl_queue_list, ctl_queue_act;
ctl_run_f ctl_tenant_list, ctl_tenant_set, ctl_window_list, ctl_window_add, ctl_window_remove;
ctl_run_f ctl_problem_list, ctl_watch, ctl_top, ctl_completion;
ctl_run_f ctl_key_new, ctl_key_authorize, ctl_key_rotate, ctl_key_revoke, ctl_key_list;
ctl_run_f ctl_key_fingerprint;
ctl_run_f ctl_context_list, ctl_status, ctl_health, ctl_version, ctl_help;

/* The row that the first of these words name; 'ret_used' says how many did. NULL: none. */
const struct ctl_command *ctl_command_find (const char *const *words, size_t count,
                                            size_t *ret_used);
bool ctl_is_noun (const char *word);
/* The verb of 'noun' (or, for NULL, the noun or short word) that is most like 'word'; NULL if
 * none is. */
const char *ctl_command_like (const char *noun, const char *word);
/* A line for each command of a noun, or for all; to be freed. */
char *ctl_overview (const char *noun);

/* The whole program: parses, runs, and says whether all output could be written. */
int ctl_main (int argc, char **argv);
/* Reads flags and arguments of c->command; does not return on --help or on a fault. */
void ctl_parse (struct ctl *c, int argc, char **argv);
/* Reads flags before the command; returns the index of its first word, or argc. */
int ctl_parse_first (struct ctl *c, int argc, char **argv);

/* Opens the yard that flags, environment and contexts mean. */
int ctl_connect (struct ctl *c);
/* Waits for a yes on the terminal, unless --yes. 0: go on. */
int ctl_confirm (struct ctl *c, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
/* There is a terminal to ask on, and asking is allowed. */
bool ctl_may_ask (const struct ctl *c);
/* The whole name of the job that 'text' means: "job_" and 13 characters, these 13, or the end
 * of one of the latest jobs. */
int ctl_job_name (struct ctl *c, const char *text, char ret[YARD_JOB_TEXT]);
/* Tells how jobs are now, one line or one object each. */
int ctl_show_jobs (struct ctl *c, const char *const *names, size_t count);
#endif

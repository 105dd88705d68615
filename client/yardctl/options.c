/* options.c - the table of all flags, and its reader on top of argp.
 *
 * Each flag says in which commands it may stand; a command's help lists just these. A fault on
 * the command line ends the process with status 64.
 */
#include "client/yardctl/options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/yardctl/text.h"

const char *argp_program_version = "yardctl " YM_VERSION;

enum { LONG_ONLY = 0x100, OF_COMMAND = 1, OF_OUTPUT = 2, OF_YARD = 3 };
#define DAY_MS (24 * 60 * 60 * 1000)

#define AT(member) offsetof (struct ctl_options, member)
const struct ctl_option ctl_option_table[] = {
    {CTL_SPEC, 'f', "file", "FILE", CTL_TEXT_VALUE, AT (file), OF_COMMAND,
     "documents that describe jobs, YAML or JSON; - is the standard input. Other flags replace "
     "what they say"},
    {CTL_SPEC | CTL_NAMED | CTL_OWNER, 0, "name", "TEXT", CTL_TEXT_VALUE, AT (name), OF_COMMAND,
     "a name for people"},
    {CTL_SPEC, 0, "kind", "WORD", CTL_TEXT_VALUE, AT (kind), OF_COMMAND,
     "which handler of an agent runs it, such as git-move"},
    {CTL_SPEC | CTL_FILTER, 0, "tier", "TIER", CTL_TEXT_VALUE, AT (tier), OF_COMMAND,
     "standard, premium or platinum"},
    {CTL_SPEC, 0, "capability", "WORD", CTL_LIST_VALUE, AT (capabilities), OF_COMMAND,
     "what the agent must offer beside the kind; may be given again"},
    {CTL_SPEC, 0, "region", "WORD", CTL_LIST_VALUE, AT (regions), OF_COMMAND,
     "where it may run (anywhere); may be given again"},
    {CTL_SPEC, 0, "pool", "WORD", CTL_TEXT_VALUE, AT (pool), OF_COMMAND,
     "which pool of agents (shared)"},
    {CTL_SPEC, 0, "source", "ADDRESS", CTL_TEXT_VALUE, AT (source), OF_COMMAND,
     "where the data is"},
    {CTL_SPEC, 0, "target", "ADDRESS", CTL_TEXT_VALUE, AT (target), OF_COMMAND,
     "where it goes"},
    {CTL_SPEC, 0, "payload", "TEXT|@FILE", CTL_TEXT_VALUE, AT (payload), OF_COMMAND,
     "settings for the agent, not read by the yard"},
    {CTL_REQUEST, 0, "key", "KEY", CTL_TEXT_VALUE, AT (request), OF_COMMAND,
     "makes a repetition safe: the same again with the same key has no further effect"},
    {CTL_WAIT, 0, "wait", "none|end", CTL_TEXT_VALUE, AT (wait), OF_COMMAND,
     "return when the job is stored (none), or when it has ended"},
    {CTL_FILTER, 0, "state", "STATE", CTL_TEXT_VALUE, AT (state), OF_COMMAND,
     "only jobs in this state"},
    {CTL_PAGE, 0, "limit", "NUMBER", CTL_COUNT_VALUE, AT (limit), OF_COMMAND,
     "rows at most (100)"},
    {CTL_OLDER, 0, "before", "JOB", CTL_TEXT_VALUE, AT (before), OF_COMMAND,
     "only jobs older than this one: next of the page before"},
    {CTL_LATER, 0, "after", "NAME", CTL_TEXT_VALUE, AT (after), OF_COMMAND,
     "only what comes after this one: next of the page before"},
    {CTL_FOR, 0, "for", "STATE", CTL_TEXT_VALUE, AT (wanted), OF_COMMAND,
     "wait until it is or was in this state, instead of for its end"},
    {CTL_OWNER, 0, "role", "ROLE", CTL_TEXT_VALUE, AT (role), OF_COMMAND,
     "submitter, viewer, operator, admin or agent"},
    {CTL_OWNER, 0, "tenant", "WORD", CTL_TEXT_VALUE, AT (tenant), OF_COMMAND,
     "for which tenant; created if new"},
    {CTL_REASON, 0, "reason", "TEXT", CTL_TEXT_VALUE, AT (reason), OF_COMMAND,
     "why, for the history"},
    {CTL_SURE, 'y', "yes", NULL, CTL_FLAG_VALUE, AT (yes), OF_COMMAND, "do not ask"},
    {CTL_SURE, 0, "no-input", NULL, CTL_FLAG_VALUE, AT (no_input), OF_COMMAND,
     "never ask: without --yes nothing is done"},
    {CTL_SHOW, 'o', "output", "FORM", CTL_TEXT_VALUE, AT (output), OF_OUTPUT,
     "table, json, jsonl or name [YARD_OUTPUT]"},
    {CTL_SHOW, 'q', "quiet", NULL, CTL_FLAG_VALUE, AT (quiet), OF_OUTPUT,
     "no hints and no moving line"},
    {CTL_SHOW, 0, "color", "WHEN", CTL_TEXT_VALUE, AT (color), OF_OUTPUT,
     "auto, always or never; NO_COLOR means never"},
    {CTL_YARD, 0, "endpoint", "ADDRESS", CTL_TEXT_VALUE, AT (endpoint), OF_YARD,
     "the clients' door, such as tcp://yard:7510 [YARD_ENDPOINT]"},
    {CTL_YARD, 0, "server-key", "KEY|FILE", CTL_TEXT_VALUE, AT (server_key), OF_YARD,
     "the door's public key, or the certificate file that holds it [YARD_SERVER_KEY]"},
    {CTL_YARD, 0, "cert", "FILE", CTL_TEXT_VALUE, AT (cert), OF_YARD,
     "your secret certificate file [YARD_CERT]"},
    {CTL_YARD, 'c', "context", "NAME", CTL_TEXT_VALUE, AT (context), OF_YARD,
     "take these three from ~/.config/yard/contexts.yaml [YARD_CONTEXT]"},
    {CTL_YARD, 0, "timeout", "SECONDS", CTL_SECONDS_VALUE, AT (timeout_ms), OF_YARD,
     "give up after this time: 10 for a question, without limit for watch and wait"},
};
const size_t ctl_option_count = sizeof ctl_option_table / sizeof *ctl_option_table;

struct reading {
    struct ctl *c;
    unsigned takes;
    bool stops; /* at the first word */
    int stopped_at;
};

static void set_text (struct argp_state *state, const struct ctl_option *option, void *to,
                      char *text)
{
    (void)state;
    (void)option;
    *(const char **)to = text;
}

static void set_flag (struct argp_state *state, const struct ctl_option *option, void *to,
                      char *text)
{
    (void)state;
    (void)option;
    (void)text;
    *(bool *)to = true;
}

static void set_list (struct argp_state *state, const struct ctl_option *option, void *to,
                      char *text)
{
    struct ctl_words *words = to;

    if (words->count == CTL_WORDS_MAX)
        argp_error (state, "--%s is given more than %d times", option->name, CTL_WORDS_MAX);
    else
        words->at[words->count++] = text;
}

static void set_count (struct argp_state *state, const struct ctl_option *option, void *to,
                       char *text)
{
    enum { MOST = 100000 };
    char *rest;
    long number;

    errno = 0;
    number = strtol (text, &rest, 10);
    if (errno || rest == text || *rest || number < 1 || number > MOST)
        argp_error (state, "--%s must be a number from 1 to %d", option->name, MOST);
    *(int64_t *)to = number;
}

static void set_seconds (struct argp_state *state, const struct ctl_option *option, void *to,
                         char *text)
{
    char *rest;
    double ms;

    errno = 0;
    ms = strtod (text, &rest) * 1000;
    if (errno || rest == text || *rest || !(ms >= 1 && ms <= DAY_MS))
        argp_error (state, "--%s must be seconds, from 0.001 to %d", option->name,
                    DAY_MS / 1000);
    *(int64_t *)to = (int64_t)ms;
}

static void (*const setters[]) (struct argp_state *, const struct ctl_option *, void *,
                                char *) = {
    [CTL_TEXT_VALUE] = set_text,       [CTL_FLAG_VALUE] = set_flag,
    [CTL_LIST_VALUE] = set_list,       [CTL_COUNT_VALUE] = set_count,
    [CTL_SECONDS_VALUE] = set_seconds,
};

static int key_of (size_t which)
{
    int letter = ctl_option_table[which].letter;

    return letter ? letter : LONG_ONLY + (int)which;
}

static const struct ctl_option *option_of (int key)
{
    for (size_t i = 0; i < ctl_option_count; i++)
        if (key_of (i) == key)
            return &ctl_option_table[i];
    return NULL;
}

static void take_word (struct argp_state *state, char *word)
{
    struct reading *r = state->input;
    struct ctl *c = r->c;

    if (r->stops) {
        r->stopped_at = state->next - 1;
        state->next = state->argc;
        return;
    }
    if (c->arg_count == c->command->most) {
        argp_error (state, "'%s' is one word too many", word);
        return;
    }
    c->args = ctl_more_memory (c->args, c->arg_count + 1, sizeof *c->args);
    c->args[c->arg_count++] = word;
}

static bool is_one_of (const char *word, const char *const *words, size_t *ret)
{
    for (size_t i = 0; words[i]; i++)
        if (strcmp (word, words[i]) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

static void settle_color (struct argp_state *state, struct ctl *c)
{
    static const char *const times[] = {"auto", "always", "never", NULL};
    const char *no_color = getenv ("NO_COLOR"), *term = getenv ("TERM");
    size_t which = 0;

    if (c->o.color && !is_one_of (c->o.color, times, &which))
        argp_error (state, "--color must be auto, always or never, not '%s'", c->o.color);
    c->color = which == 1 || (which == 0 && !(no_color && *no_color) && term &&
                              strcmp (term, "dumb") != 0 && isatty (STDOUT_FILENO));
}

static void settle_output (struct argp_state *state, struct ctl *c)
{
    static const char *const forms[] = {"table", "json", "jsonl", "name", NULL};
    const char *form = c->o.output ? c->o.output : getenv ("YARD_OUTPUT");
    size_t which = 0;

    if (form && *form && !is_one_of (form, forms, &which))
        argp_error (state, "output must be table, json, jsonl or name, not '%s'", form);
    c->form = (enum ctl_form)which;
    settle_color (state, c);
}

static void take_end (struct argp_state *state)
{
    const struct reading *r = state->input;

    if (r->stops)
        return;
    if (r->c->arg_count < r->c->command->least)
        argp_error (state, "%s is missing", r->c->command->args);
    settle_output (state, r->c);
}

static error_t take (int key, char *text, struct argp_state *state)
{
    const struct reading *r = state->input;
    const struct ctl_option *option;

    if (key == ARGP_KEY_ARG)
        take_word (state, text);
    else if (key == ARGP_KEY_END)
        take_end (state);
    else if (key == 'h')
        argp_state_help (state, state->out_stream, ARGP_HELP_STD_HELP);
    else if ((option = option_of (key)))
        setters[option->kind](state, option, (char *)&r->c->o + option->at, text);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

/* The rows that apply, in argp's form. */
static struct argp_option *rows (unsigned takes)
{
    struct argp_option *list = ctl_memory ((ctl_option_count + 2) * sizeof *list);
    size_t n = 0;

    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option *o = &ctl_option_table[i];
        if (o->sets & takes)
            list[n++] =
                (struct argp_option){o->name, key_of (i), o->value, 0, o->doc, o->group};
    }
    list[n] = (struct argp_option){"h", 'h', NULL, OPTION_HIDDEN, NULL, -1};
    return list;
}

static void parse (struct reading *r, const char *args, const char *doc, int argc, char **argv)
{
    _free_ struct argp_option *list = rows (r->takes);
    struct argp argp = {.options = list, .parser = take, .args_doc = args, .doc = doc};

    argp_err_exit_status = CTL_USAGE;
    if (argp_parse (&argp, argc, argv, r->stops ? ARGP_IN_ORDER : 0, NULL, r) != 0)
        exit (CTL_USAGE);
}

void ctl_parse (struct ctl *c, int argc, char **argv)
{
    const struct ctl_command *command = c->command;
    struct reading r = {.c = c, .takes = command->takes | CTL_SHOW};
    _free_ char *name =
        ctl_format ("yardctl %s%s%s", command->noun, *command->verb ? " " : "", command->verb);
    _free_ char *doc = command->more ? ctl_format ("%s\v%s", command->does, command->more)
                                     : ctl_copy (command->does);
    _free_ char **args = ctl_memory (((size_t)argc + 2) * sizeof *args);

    args[0] = name;
    memcpy (args + 1, argv, (size_t)argc * sizeof *args);
    parse (&r, command->args, doc, argc + 1, args);
}

int ctl_parse_first (struct ctl *c, int argc, char **argv)
{
    struct reading r = {
        .c = c, .takes = CTL_SHOW | CTL_YARD, .stops = true, .stopped_at = argc};
    _free_ char *lines = ctl_overview (NULL);
    _free_ char *doc = ctl_format (
        "Asks a yard for jobs, watches them, and administers it.\vCommands:\n%s\n"
        "Each has a --help of its own; 'yardctl help exit' lists what yardctl ends with.",
        lines);

    parse (&r, "NOUN VERB", doc, argc, argv);
    return r.stopped_at;
}

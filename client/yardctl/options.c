/* options.c - the reader of flags, on top of argp.
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
#include "client/yardctl/times.h"

const char *argp_program_version = "yardctl " YM_VERSION;

enum { LONG_ONLY = 0x100 };
#define DAY_MS (24 * 60 * 60 * 1000)

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

static void set_number (struct argp_state *state, const struct ctl_option *option, void *to,
                        char *text)
{
    struct ctl_number *number = to;
    char *rest;

    errno = 0;
    number->value = strtoll (text, &rest, 10);
    number->given = true;
    if (errno || rest == text || *rest || number->value < 0)
        argp_error (state, "--%s must be a number, not '%s'", option->name, text);
}

static void set_span (struct argp_state *state, const struct ctl_option *option, void *to,
                      char *text)
{
    int64_t ms;

    if (!ctl_span_read (text, &ms) || ms == 0)
        argp_error (state, "--%s must be a span such as 30s, 10m, 2h or 1d, not '%s'",
                    option->name, text);
    else
        *(int64_t *)to = ms;
}

static void set_moment (struct argp_state *state, const struct ctl_option *option, void *to,
                        char *text)
{
    int64_t ms;

    if (!ctl_moment_read (text, ctl_now_ms (), &ms))
        argp_error (state,
                    "--%s must be a time with its zone, such as 2026-11-22T09:30:00Z, or a "
                    "span from now such as +10m, not '%s'",
                    option->name, text);
    else
        *(int64_t *)to = ms;
}

static void (*const setters[]) (struct argp_state *, const struct ctl_option *, void *,
                                char *) = {
    [CTL_TEXT_VALUE] = set_text,       [CTL_FLAG_VALUE] = set_flag,
    [CTL_LIST_VALUE] = set_list,       [CTL_COUNT_VALUE] = set_count,
    [CTL_SECONDS_VALUE] = set_seconds, [CTL_NUMBER_VALUE] = set_number,
    [CTL_SPAN_VALUE] = set_span,       [CTL_MOMENT_VALUE] = set_moment,
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
    static const char *const forms[] = {"table", "json", "jsonl", "name", "wide", "yaml", NULL};
    const char *form = c->o.output ? c->o.output : getenv ("YARD_OUTPUT");
    size_t which = 0;

    if (form && *form && !is_one_of (form, forms, &which))
        argp_error (state, "output must be table, wide, json, jsonl, yaml or name, not '%s'",
                    form);
    c->wide = which == 4;
    c->yaml = which == 5;
    c->form = c->wide ? CTL_TABLE : c->yaml ? CTL_JSON : (enum ctl_form)which;
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

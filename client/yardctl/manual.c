/* manual.c - what is made of the tables of commands and flags: the manual page, and completion
 * for shells. */
#include <stdio.h>
#include <string.h>

#include "client/yardctl/manual.h"
#include "client/yardctl/options.h"
#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

static bool may_stand (const struct ctl_option *option, const struct ctl_command *command)
{
    return option->sets & (command->takes | CTL_SHOW);
}

/* --- completion --- */

/* Each noun once, in the order of the table. */
static bool is_first (size_t which)
{
    for (size_t i = 0; i < which; i++)
        if (strcmp (ctl_commands[i].noun, ctl_commands[which].noun) == 0)
            return false;
    return true;
}

static void print_nouns (void)
{
    (void)fputs ("    nouns=\"", stdout);
    for (size_t i = 0; i < ctl_command_count; i++) {
        if (is_first (i))
            (void)printf ("%s%s", i ? " " : "", ctl_commands[i].noun);
        if (ctl_commands[i].also)
            (void)printf (" %s", ctl_commands[i].also);
    }
    (void)puts ("\"");
}

static void print_verbs (const char *noun)
{
    (void)printf ("    %s) verbs=\"", noun);
    for (size_t i = 0, n = 0; i < ctl_command_count; i++)
        if (strcmp (ctl_commands[i].noun, noun) == 0 && *ctl_commands[i].verb)
            (void)printf ("%s%s", n++ ? " " : "", ctl_commands[i].verb);
    (void)puts ("\" ;;");
}

static void print_flags (const struct ctl_command *command)
{
    (void)printf ("    '%s %s'", command->noun, command->verb);
    if (command->also)
        (void)printf ("|'%s '", command->also);
    (void)fputs (") flags=\"--help", stdout);
    for (size_t i = 0; i < ctl_option_count; i++)
        if (may_stand (&ctl_option_table[i], command))
            (void)printf (" --%s", ctl_option_table[i].name);
    (void)puts ("\" ;;");
}

static void print_completion (void)
{
    (void)puts ("# completion of yardctl: eval \"$(yardctl completion bash)\"\n"
                "_yardctl ()\n{\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                "    local nouns verbs= flags= noun=${COMP_WORDS[1]} verb=${COMP_WORDS[2]}");
    print_nouns ();
    (void)puts (
        "    case $before in\n"
        "    --tier) COMPREPLY=($(compgen -W 'standard premium platinum' -- \"$word\")); "
        "return ;;\n"
        "    -o|--output) COMPREPLY=($(compgen -W 'table wide json jsonl yaml name' -- "
        "\"$word\")); return ;;\n"
        "    -f|--file|--cert|--server-key) COMPREPLY=($(compgen -f -- \"$word\")); "
        "return ;;\n"
        "    esac\n"
        "    case $noun in");
    for (size_t i = 0; i < ctl_command_count; i++)
        if (is_first (i))
            print_verbs (ctl_commands[i].noun);
    (void)puts ("    esac\n"
                "    [ -n \"$verbs\" ] || verb=\n"
                "    case \"$noun $verb\" in");
    for (size_t i = 0; i < ctl_command_count; i++)
        print_flags (&ctl_commands[i]);
    (void)puts ("    esac\n"
                "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
                "        COMPREPLY=($(compgen -W \"$nouns\" -- \"$word\"))\n"
                "    elif [ \"$COMP_CWORD\" = 2 ] && [ -n \"$verbs\" ]; then\n"
                "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n"
                "    else\n"
                "        COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
                "    fi\n"
                "}\n"
                "complete -o default -F _yardctl yardctl");
}

int ctl_completion (struct ctl *c)
{
    const char *shell = c->args[0];

    if (strcmp (shell, "zsh") == 0)
        (void)puts ("autoload -U +X bashcompinit && bashcompinit");
    else if (strcmp (shell, "bash") != 0)
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "there is completion for bash and zsh, not '%s'", shell);
    print_completion ();
    return CTL_DONE;
}

/* --- the manual page --- */

/* A hyphen that is typed is \-, and a line must not begin with a dot. */
static void print_text (const char *text)
{
    for (bool begins = true; *text; begins = *text == '\n', text++) {
        if (begins && (*text == '.' || *text == '\''))
            (void)fputs ("\\&", stdout);
        if (*text == '-')
            (void)fputs ("\\-", stdout);
        else if (*text == '\\')
            (void)fputs ("\\e", stdout);
        else if (strncmp (text, "\n\n", 2) == 0)
            (void)fputs ("\n.PP", stdout);
        else
            (void)putchar (*text);
    }
    (void)putchar ('\n');
}

static void print_command (const struct ctl_command *command)
{
    _free_ char *words =
        ctl_format ("%s%s%s", command->noun, *command->verb ? " " : "", command->verb);

    (void)fputs (".SS ", stdout);
    print_text (words);
    (void)fputs (".B yardctl ", stdout);
    print_text (words);
    (void)fputs ("[OPTION...] ", stdout);
    print_text (command->args);
    (void)puts (".PP");
    print_text (command->does);
    if (command->also)
        (void)printf ("Also: %s.\n", command->also);
    if (command->more) {
        (void)puts (".PP");
        print_text (command->more);
    }
}

/* Of a command alone; those that all have stand once. */
static void print_options (const struct ctl_command *command)
{
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option *o = &ctl_option_table[i];
        bool common = o->sets & (CTL_SHOW | CTL_YARD);
        if (command ? common || !may_stand (o, command) : !common)
            continue;
        (void)puts (".TP");
        if (o->letter)
            (void)printf ("\\fB\\-%c\\fR, ", o->letter);
        (void)fputs ("\\fB\\-\\-", stdout);
        for (const char *at = o->name; *at; at++)
            (void)fputs (*at == '-' ? "\\-" : (char[]){*at, '\0'}, stdout);
        (void)printf ("\\fR%s%s\n", o->value ? " " : "", o->value ? o->value : "");
        print_text (o->doc);
    }
}

void ctl_manual (const char *statuses)
{
    (void)puts (".TH YARDCTL 1 \"\" \"yardctl " YM_VERSION "\"\n"
                ".SH NAME\nyardctl \\- ask a yard for jobs, watch them, and administer it\n"
                ".SH SYNOPSIS\n.B yardctl\nNOUN VERB [OPTION...] [ARGUMENT...]\n"
                ".SH COMMON OPTIONS");
    print_options (NULL);
    (void)puts (".SH COMMANDS");
    for (size_t i = 0; i < ctl_command_count; i++) {
        print_command (&ctl_commands[i]);
        print_options (&ctl_commands[i]);
    }
    (void)puts (".SH EXIT STATUS\n.nf");
    print_text (statuses);
    (void)puts (".fi\n.SH ENVIRONMENT\n"
                "YARD_ENDPOINT, YARD_SERVER_KEY, YARD_CERT, YARD_CONTEXT, YARD_CONTEXTS, "
                "YARD_OUTPUT, NO_COLOR\n"
                ".SH FILES\n~/.config/yard/contexts.yaml");
}

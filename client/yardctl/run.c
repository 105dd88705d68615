/* run.c - one run of yardctl: find the command, read its flags, connect, carry out, and see
 * that what was printed arrived. */
#include "client/yardctl/ctl.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/manual.h"
#include "client/yardctl/show.h"
#include "client/yardctl/text.h"

static bool is_help (const char *word)
{
    return strcmp (word, "--help") == 0 || strcmp (word, "-h") == 0 || strcmp (word, "-?") == 0;
}

static void print_overview (FILE *to, const char *noun)
{
    _free_ char *text = ctl_overview (noun);

    (void)fprintf (to,
                   "Usage: yardctl %s VERB [OPTION...]\n\n%s\nEach has a --help of its own.\n",
                   noun ? noun : "NOUN", text);
}

static int unknown_command (const char *const *words, size_t count)
{
    bool noun = ctl_is_noun (words[0]);
    const char *word = noun ? count > 1 ? words[1] : "" : words[0];
    const char *like = ctl_command_like (noun ? words[0] : NULL, word);

    if (noun && (*word == '\0' || is_help (word))) {
        print_overview (*word ? stdout : stderr, words[0]);
        return *word ? CTL_DONE : CTL_USAGE;
    }
    (void)fprintf (stderr, "yardctl: there is no '%s%s%s'%s%s%s\n", noun ? words[0] : "",
                   noun ? " " : "", word, like ? "; did you mean '" : "", like ? like : "",
                   like ? "'?" : "");
    (void)fprintf (stderr, "See: yardctl help%s%s\n", noun ? " " : "", noun ? words[0] : "");
    return CTL_USAGE;
}

static int run (struct ctl *c, int argc, char **argv)
{
    const char *const *words = (const char *const *)argv;
    size_t used = 0;
    int wrong;

    if (argc == 0) {
        print_overview (stderr, NULL);
        return CTL_USAGE;
    }
    c->command = ctl_command_find (words, (size_t)argc, &used);
    if (!c->command)
        return unknown_command (words, (size_t)argc);
    ctl_parse (c, argc - (int)used, argv + used);
    wrong = c->command->takes & CTL_YARD ? ctl_connect (c) : CTL_DONE;
    return wrong ? wrong : c->command->run (c);
}

/* A full disk or a closed pipe must not look like success. */
static int written (int result)
{
    if (fflush (stdout) == 0 && !ferror (stdout))
        return result;
    (void)fprintf (stderr, "yardctl: the output could not be written: %s\n", strerror (errno));
    return CTL_OUTPUT;
}

int ctl_main (int argc, char **argv)
{
    struct ctl c = {0};
    int first, result;

    (void)setlocale (LC_ALL, "");
    /* The libraries put handlers of their own there; Ctrl-C is to end us as it ends others. */
    (void)setenv ("ZSYS_SIGHANDLER", "false", 1);
    first = ctl_parse_first (&c, argc, argv);
    result = run (&c, argc - first, argv + first);
    result = written (result);
    yard_close (c.yard);
    free (c.args);
    return result;
}

int ctl_version (struct ctl *c)
{
    if (c->form == CTL_TABLE || c->form == CTL_NAME)
        (void)printf ("yardctl %s\n", YM_VERSION);
    else
        ctl_json_print (c, json_pack ("{s:s}", "version", YM_VERSION));
    return CTL_DONE;
}

static const struct {
    int status;
    const char *means;
} statuses[] = {
    {CTL_DONE, "done; the condition is met"},
    {CTL_BAD_END, "it ended badly: a job failed or was terminated, the yard is not well"},
    {CTL_NOT_MET, "the condition was not met"},
    {CTL_CONFLICT, "conflict: not possible as things are now, or changed since the plan"},
    {CTL_NO_SUCH, "no such object"},
    {6, "not allowed"},
    {CTL_USAGE, "the command line is wrong"},
    {CTL_DOCUMENT, "the document is wrong"},
    {CTL_NO_YARD, "the yard cannot be reached, or cannot work now"},
    {70, "the yard broke a rule of its own; an operator should read its log"},
    {CTL_OUTPUT, "the output could not be written"},
    {CTL_BUSY, "busy: try again later"},
    {CTL_CONFIG, "the configuration is wrong: endpoint, keys or contexts"},
    {CTL_TIMEOUT, "waited long enough"},
};

static int help_manual (void)
{
    _free_ char *text = ctl_copy ("");

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        _free_ char *old = text;
        text = ctl_format ("%s%4d  %s\n", old, statuses[i].status, statuses[i].means);
    }
    ctl_manual (text);
    return CTL_DONE;
}

static int help_exit (void)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        (void)printf ("%4d  %s\n", statuses[i].status, statuses[i].means);
    return CTL_DONE;
}

int ctl_help (struct ctl *c)
{
    char help[] = "--help", name[] = "yardctl";
    char *whole[] = {name, help, NULL}, *one[] = {help, NULL};
    const char *word = c->arg_count > 0 ? c->args[0] : NULL;
    size_t used = 0;

    if (!word)
        return ctl_parse_first (c, 2, whole);
    if (strcmp (word, "exit") == 0)
        return help_exit ();
    if (strcmp (word, "man") == 0)
        return help_manual ();
    c->command = ctl_command_find (c->args, c->arg_count, &used);
    if (c->command && used == c->arg_count)
        ctl_parse (c, 1, one);
    else if (c->arg_count > 1 || !ctl_is_noun (word))
        return unknown_command (c->args, c->arg_count);
    print_overview (stdout, word);
    return CTL_DONE;
}

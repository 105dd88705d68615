/* test_commands.c - the tables of commands and flags, and what the program says without a yard.
 */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/yardctl/options.h"
#include "client/yardctl/text.h"

Test (commands, words_name_one_row_each)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct ctl_command *c = &ctl_commands[i];
        const char *words[] = {c->noun, c->verb};
        size_t used = 0, expected = *c->verb ? 2 : 1;

        cr_assert_eq (ctl_command_find (words, 2, &used), c, "%s %s", c->noun, c->verb);
        cr_assert_eq (used, expected);
        if (c->also) {
            cr_assert_eq (ctl_command_find (&c->also, 1, &used), c, "%s", c->also);
            cr_assert_eq (used, 1);
        }
    }
}

Test (commands, rows_are_whole)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct ctl_command *c = &ctl_commands[i];

        cr_assert (c->run && c->least <= c->most, "%s %s", c->noun, c->verb);
        cr_assert_eq (c->least > 0, *c->args && *c->args != '[', "%s %s", c->noun, c->verb);
        cr_assert_eq (c->does[strlen (c->does) - 1], '.', "%s %s", c->noun, c->verb);
    }
}

/* Some command takes both. */
static bool may_meet (const struct ctl_option *a, const struct ctl_option *b)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        unsigned takes = ctl_commands[i].takes | CTL_SHOW;
        if (a->sets & takes && b->sets & takes)
            return true;
    }
    return false;
}

Test (commands, flags_do_not_clash)
{
    for (size_t i = 0; i < ctl_option_count; i++)
        for (size_t j = i + 1; j < ctl_option_count; j++) {
            const struct ctl_option *a = &ctl_option_table[i], *b = &ctl_option_table[j];
            cr_assert (strcmp (a->name, b->name) != 0 || !may_meet (a, b), "--%s", a->name);
            cr_assert_neq (a->at, b->at, "--%s", a->name);
            cr_assert (a->letter == 0 || a->letter != b->letter, "-%c", a->letter);
        }
}

static const struct {
    const char *noun, *word, *like;
} alike[] = {
    {NULL, "jbo", "job"},        {NULL, "stauts", "status"}, {NULL, "agnets", "agents"},
    {"job", "sumbit", "submit"}, {"job", "lst", "list"},     {"job", "transmogrify", NULL},
};

Test (commands, the_word_that_was_meant)
{
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        const char *like = ctl_command_like (alike[i].noun, alike[i].word);

        if (strcmp (alike[i].word, "jbo") == 0)
            cr_assert (like && (strcmp (like, "job") == 0 || strcmp (like, "jobs") == 0));
        else if (alike[i].like)
            cr_assert_str_eq (like, alike[i].like);
        else
            cr_assert_null (like, "%s", like);
    }
}

/* --- whole runs --- */

enum { ARGS = 10, OUT = 16384 };
struct run {
    const char *args[ARGS];
    int status;
    const char *out, *err; /* a part of it; NULL: nothing at all */
};

static int run (const char *const *args)
{
    char *argv[ARGS + 2] = {ctl_copy ("yardctl")};
    int argc = 1, status;

    while (args[argc - 1] && argc < ARGS + 1) {
        argv[argc] = ctl_copy (args[argc - 1]);
        argc++;
    }
    status = ctl_main (argc, argv);
    for (int i = 0; i < argc; i++)
        free (argv[i]);
    return status;
}

static void clear_environment (void)
{
    static const char *const names[] = {
        "YARD_ENDPOINT", "YARD_SERVER_KEY", "YARD_CERT",       "YARD_CONTEXT",
        "YARD_CONTEXTS", "YARD_OUTPUT",     "XDG_CONFIG_HOME", "HOME"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq (unsetenv (names[i]), 0);
    cr_redirect_stdout ();
    cr_redirect_stderr ();
}

static void read_stream (FILE *stream, char to[OUT])
{
    size_t size = fread (to, 1, OUT - 1, stream);

    to[size] = '\0';
}

static void expect (const struct run *r)
{
    char out[OUT], err[OUT];
    int status = run (r->args);

    (void)fflush (NULL);
    (void)fclose (stdout);
    (void)fclose (stderr);
    read_stream (cr_get_redirected_stdout (), out);
    read_stream (cr_get_redirected_stderr (), err);
    cr_assert_eq (status, r->status, "%d: %s%s", status, out, err);
    cr_assert (r->out ? strstr (out, r->out) != NULL : *out == '\0', "stdout: %s", out);
    cr_assert (r->err ? strstr (err, r->err) != NULL : *err == '\0', "stderr: %s", err);
}

#define RUN(name, ...)                                                                         \
    Test (runs, name, .init = clear_environment)                                               \
    {                                                                                          \
        expect (&(const struct run){__VA_ARGS__});                                             \
    }

RUN (version, {"version"}, 0, "yardctl ", NULL)
RUN (version_as_json, {"version", "-o", "json"}, 0, "\"version\": \"", NULL)
RUN (flags_may_come_first, {"-o", "json", "version"}, 0, "\"version\": \"", NULL)
RUN (help_of_a_noun, {"help", "key"}, 0, "key fingerprint FILE", NULL)
RUN (help_of_a_noun_by_flag, {"key", "--help"}, 0, "key fingerprint FILE", NULL)
RUN (statuses, {"help", "exit"}, 0, " 124  waited long enough", NULL)
RUN (nothing, {NULL}, 64, NULL, "Usage: yardctl NOUN VERB")
RUN (noun_alone, {"job"}, 64, NULL, "job submit")
RUN (unknown_noun, {"jobb", "list"}, 64, NULL, "there is no 'jobb'; did you mean 'job")
RUN (unknown_verb, {"job", "gte"}, 64, NULL, "there is no 'job gte'; did you mean 'get'?")
RUN (no_endpoint, {"jobs"}, 78, NULL, "the endpoint is not set")
RUN (error_as_json, {"jobs", "-o", "json"}, 78, NULL, "\"slug\":\"options\"")
RUN (unknown_context, {"jobs", "-c", "prod"}, 78, NULL, "there is no context 'prod'")
RUN (version_as_yaml, {"version", "-o", "yaml"}, 0, "version: \"", NULL)
RUN (manual, {"help", "man"}, 0, ".SS job why\\-not", NULL)
RUN (completion, {"completion", "bash"}, 0, "'job suspend') flags=\"--help", NULL)
RUN (completion_of_zsh, {"completion", "zsh"}, 0, "bashcompinit", NULL)
RUN (completion_of_others, {"completion", "csh"}, 64, NULL, "bash and zsh, not 'csh'")
RUN (no_key_file, {"key", "fingerprint", "/nowhere/key"}, 78, NULL, "No such file")

#define ENDS(name, ...)                                                                        \
    Test (usage, name, .init = clear_environment, .exit_code = 64)                             \
    {                                                                                          \
        static const char *const args[ARGS] = {__VA_ARGS__};                                   \
        (void)run (args);                                                                      \
    }

ENDS (missing_word, "job", "get")
ENDS (one_word_too_many, "job", "get", "a", "b")
ENDS (unknown_flag, "job", "list", "--bogus")
ENDS (flag_of_another_command, "job", "list", "--payload", "x")
ENDS (no_such_form, "job", "list", "-o", "xml")
ENDS (no_such_color, "job", "list", "--color", "pink")
ENDS (limit_zero, "job", "list", "--limit", "0")
ENDS (limit_text, "job", "list", "--limit", "many")
ENDS (timeout_zero, "job", "list", "--timeout", "0")
ENDS (timeout_infinite, "job", "list", "--timeout", "inf")
ENDS (timeout_text, "job", "list", "--timeout", "soon")
ENDS (urgency_text, "job", "urge", "abcd", "--urgency", "high")
ENDS (urgency_negative, "job", "urge", "abcd", "--urgency=-1")
ENDS (span_without_unit, "job", "submit", "--run-limit", "10")
ENDS (span_of_nothing, "job", "submit", "--run-limit", "0s")
ENDS (moment_without_zone, "job", "submit", "--not-before", "2026-11-22T09:30:00")
ENDS (version_text, "job", "suspend", "abcd", "--if-version", "latest")
ENDS (four_tiers, "queue", "stop", "a", "b", "c", "d")

/* --- keys --- */

static char folder[] = "/tmp/yardctl-test-XXXXXX";

static void in_a_folder (void)
{
    clear_environment ();
    cr_assert_not_null (mkdtemp (folder));
    cr_assert_eq (chdir (folder), 0);
}

static void without_the_folder (void)
{
    (void)unlink ("key");
    (void)unlink ("key_secret");
    (void)unlink ("contexts.yaml");
    (void)unlink ("jobs.yaml");
    (void)rmdir (folder);
}

static mode_t mode_of (const char *path)
{
    struct stat found;

    cr_assert_eq (stat (path, &found), 0, "%s", path);
    return found.st_mode & 0777;
}

Test (keys, are_made_once_and_the_secret_is_one, .init = in_a_folder,
      .fini = without_the_folder)
{
    static const char *const make[ARGS] = {"key", "new", "key", "--name", "me"};
    size_t size = 0, size_again = 0;
    _free_ char *before = NULL, *after = NULL;

    (void)umask (0);
    cr_assert_eq (run (make), 0);
    cr_assert_eq (mode_of ("key_secret"), 0600);
    cr_assert_eq (mode_of ("key") & 0111, 0);
    before = ctl_read_file ("key_secret", OUT, &size);
    cr_assert_eq (run (make), 4);
    after = ctl_read_file ("key_secret", OUT, &size_again);
    cr_assert_eq (size, size_again);
    cr_assert_arr_eq (before, after, size);
}

Test (keys, half_a_pair_is_not_replaced, .init = in_a_folder, .fini = without_the_folder)
{
    static const char *const make[ARGS] = {"key", "new", "key"};
    FILE *file = fopen ("key", "w");

    cr_assert (file && fclose (file) == 0);
    cr_assert_eq (run (make), 4);
    cr_assert_neq (access ("key_secret", F_OK), 0);
}

/* --- a yard that does not answer --- */

#define JOB "name: n\nkind: k\nsource: s\ntarget: t\n"

static void without_a_yard (void)
{
    static const char *const make[ARGS] = {"key", "new", "key"};

    in_a_folder ();
    cr_assert_eq (run (make), 0);
    cr_assert_eq (setenv ("YARD_ENDPOINT", "ipc://nobody", 1), 0);
    cr_assert_eq (setenv ("YARD_SERVER_KEY", "key", 1), 0);
    cr_assert_eq (setenv ("YARD_CERT", "key_secret", 1), 0);
}

/* What is said on stderr when these documents are submitted. */
static void submit (const char *documents, const char *form, char ret[OUT])
{
    const char *args[ARGS] = {"job",       "submit", "-f", "jobs.yaml",
                              "--timeout", "0.05",   "-o", form};
    FILE *file = fopen ("jobs.yaml", "w");

    cr_assert (file && fputs (documents, file) >= 0 && fclose (file) == 0);
    cr_assert_eq (run (args), 69);
    (void)fflush (NULL);
    (void)fclose (stderr);
    read_stream (cr_get_redirected_stderr (), ret);
}

#define WITHOUT_A_YARD .init = without_a_yard, .fini = without_the_folder

Test (unreachable, a_key_that_was_made_is_told, WITHOUT_A_YARD)
{
    char err[OUT];
    const char *at;

    submit (JOB, "table", err);
    at = strstr (err, "repeat with --key ");
    cr_assert_not_null (at, "%s", err);
    cr_assert_eq (strspn (at + 18, "0123456789abcdef"), 32, "%s", err);
}

Test (unreachable, each_document_has_a_key_of_its_own, WITHOUT_A_YARD)
{
    char err[OUT];
    const char *first, *second;

    submit (JOB "---\n" JOB "---\n" JOB "key: mine\n", "table", err);
    first = strstr (err, "repeat with --key ");
    cr_assert_not_null (first, "%s", err);
    second = strstr (first + 1, "repeat with --key ");
    cr_assert_not_null (second, "%s", err);
    cr_assert_neq (strncmp (first, second, 18 + 32), 0, "%s", err);
    cr_assert_null (strstr (second + 1, "repeat with"), "who gave a key knows it: %s", err);
}

Test (unreachable, programs_are_told_the_key_too, WITHOUT_A_YARD)
{
    char err[OUT];

    submit (JOB, "json", err);
    cr_assert_not_null (strstr (err, "\"key\":\""), "%s", err);
    cr_assert_null (strstr (err, "repeat with"), "%s", err);
}

Test (unreachable, a_page_before_a_short_name, WITHOUT_A_YARD)
{
    static const char *const list[ARGS] = {"job",  "list",      "--before",
                                           "abcd", "--timeout", "0.05"};

    cr_assert_eq (run (list), 69);
}

/* What is wrong with a command line is said before a yard is asked: status 64, not 69. */
static const struct {
    const char *args[ARGS];
    const char *err;
} lines[] = {
    {{"job", "urge", "abcd"}, "--urgency must be given"},
    {{"job", "urge", "abcd", "--urgency", "32"}, "from 0 to 31"},
    {{"job", "retier", "abcd"}, "--tier must be given"},
    {{"job", "depend", "abcd"}, "--on must be given"},
    {{"job", "depend", "abcd", "--on", "abcd:never"}, "may stand :any or :success"},
    {{"job", "why-not", "abcd"}, "--agent must be given"},
    {{"job", "events", "abcd", "--after", "last"}, "--after must be the number of an event"},
    {{"job", "watch"}, "JOB... is missing, or --all"},
    {{"job", "watch", "abcd", "--all"}, "not both"},
    {{"job", "watch", "--state", "flying"}, "a job has no state 'flying'"},
    {{"job", "submit", "--urgency", "32"}, "from 0 to 31"},
    {{"tenant", "set", "acme"}, "nothing to set"},
    {{"tenant", "set", "acme", "--overflow", "maybe"}, "--overflow must be yes or no"},
    {{"window", "add", "yard"}, "--to must be given"},
    {{"window", "add", "yard", "--from", "+2h", "--to", "+1h"}, "be later than --from"},
    {{"window", "add", "moon", "--to", "+1h"}, "must be yard, region:NAME"},
    {{"window", "add", "region:", "--to", "+1h"}, "must be yard, region:NAME"},
    {{"window", "add", "yard:eu", "--to", "+1h"}, "must be yard, region:NAME"},
    {{"window", "remove", "first"}, "is not a number from 1"},
    {{"window", "list", "--after", "0"}, "is not a number from 1"},
    {{"problem", "list", "--before", "-3"}, "is not a number from 1"},
    {{"queue", "stop", "premium", "standard", "--key", "k"}, "are for one of them"},
    {{"queue", "stop", "premium", "standard", "--if-version", "0"}, "are for one of them"},
};

Test (usage, is_looked_at_before_the_yard_is_asked, WITHOUT_A_YARD)
{
    char err[OUT];

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_assert_eq (run (lines[i].args), 64, "%s", lines[i].err);
    (void)fflush (NULL);
    (void)fclose (stderr);
    read_stream (cr_get_redirected_stderr (), err);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_assert_not_null (strstr (err, lines[i].err), "%s: %s", lines[i].err, err);
}

Test (unreachable, a_change_tells_its_key_too, WITHOUT_A_YARD)
{
    static const char *const stop[ARGS] = {"queue", "stop", "premium", "--timeout", "0.05"};
    char err[OUT];

    cr_assert_eq (run (stop), 69);
    (void)fflush (NULL);
    (void)fclose (stderr);
    read_stream (cr_get_redirected_stderr (), err);
    cr_assert_not_null (strstr (err, "repeat with --key "), "%s", err);
}

Test (unreachable, nothing_is_ended_without_a_yes, WITHOUT_A_YARD)
{
    static const char *const end[ARGS] = {"job", "terminate", "job_01k7k3f9q2m4d"};
    char err[OUT];

    cr_assert_eq (run (end), 64);
    (void)fflush (NULL);
    (void)fclose (stderr);
    read_stream (cr_get_redirected_stderr (), err);
    cr_assert_not_null (strstr (err, "say --yes"), "%s", err);
}

Test (unreachable, no_key_is_shut_out_without_a_yes, WITHOUT_A_YARD)
{
    static const char *const revoke[ARGS] = {"key", "revoke", "mover.key"};

    cr_assert_eq (run (revoke), 64);
}

/* A script need not know which of them ask. */
Test (usage, every_change_takes_the_same_options)
{
    const unsigned all = CTL_REASON | CTL_PLAN | CTL_VERSION;

    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct ctl_command *c = &ctl_commands[i];
        if (c->takes & (all | CTL_SURE | CTL_ASK))
            cr_expect_eq (c->takes & all, all, "%s %s", c->noun, c->verb);
    }
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option *o = &ctl_option_table[i];
        if (strcmp (o->name, "yes") == 0 || strcmp (o->name, "no-input") == 0)
            cr_expect_eq (o->sets, (unsigned)CTL_PLAN, "%s", o->name);
    }
}

/* --- contexts --- */

static void write_contexts (const char *text)
{
    FILE *file = fopen ("contexts.yaml", "w");

    cr_assert (file && fputs (text, file) >= 0 && fclose (file) == 0);
    cr_assert_eq (setenv ("YARD_CONTEXTS", "contexts.yaml", 1), 0);
}

static const struct {
    const char *text;
    int status;
} contexts[] = {
    {"current: a\ncontexts: {a: {endpoint: tcp://127.0.0.1:1}}\n", 0},
    {"contexts: {}\n", 0},
    {"contexts: [a]\n", 78},
    {"context: {}\n", 78},
    {"contexts: {a: {endpiont: x}}\n", 78},
    {"contexts: {a: {endpoint: 7}}\n", 78},
    {"contexts: {a: b}\n", 78},
    {"contexts: {\n", 78},
    {"a: b\n---\nc: d\n", 78},
};

Test (contexts, are_checked, .init = in_a_folder, .fini = without_the_folder)
{
    static const char *const list[ARGS] = {"contexts"};

    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
        write_contexts (contexts[i].text);
        cr_assert_eq (run (list), contexts[i].status, "%s", contexts[i].text);
    }
}

/* --- faults --- */

/* What the command line said wrongly is named by its flag, what a document said by its place.
 */
static const struct {
    const char *args[ARGS];
    const char *err;
} faults[] = {
    {{"job", "submit", "--name=n", "--kind=K", "--source=s", "--target=t"}, "  --kind: "},
    {{"job", "submit", "--name=n", "--kind=k", "--source=s", "--target=t", "--region=EU"},
     "  --region: "},
    {{"job", "submit", "--name=n", "--kind=k", "--source=s", "--target=t", "--capability=A b"},
     "  --capability: "},
    {{"job", "submit", "--name=n", "--kind=k", "--source=s", "--target=t", "--run-limit=300d"},
     "  --run-limit: "},
    {{"key", "authorize", "key", "--role=king", "--tenant=t", "--name=n"}, "  --role: "},
    {{"job", "submit", "-f", "jobs.yaml"}, "  /kind: "},
};

Test (faults, are_named_as_they_were_given, WITHOUT_A_YARD)
{
    FILE *file = fopen ("jobs.yaml", "w");
    char err[OUT];

    cr_assert (file && fputs ("name: n\nkind: K\nsource: s\ntarget: t\n", file) >= 0);
    cr_assert_eq (fclose (file), 0);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        cr_assert_eq (run (faults[i].args), 65, "%s", faults[i].err);
    (void)fflush (NULL);
    (void)fclose (stderr);
    read_stream (cr_get_redirected_stderr (), err);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        cr_assert_not_null (strstr (err, faults[i].err), "%s: %s", faults[i].err, err);
}

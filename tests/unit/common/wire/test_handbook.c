/* test_handbook.c - docs/reference says what the rows of schema/ say. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_schema (const char *what, const char *argument)
{
    int status = -1;
    pid_t child = fork ();

    cr_assert_geq (child, 0);
    if (child == 0) {
        (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
        (void)execl (YM_BINARY_DIR "/bin/ym-schema", "ym-schema", what, argument, (char *)NULL);
        _exit (127);
    }
    cr_assert_eq (waitpid (child, &status, 0), child);
    return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

Test (handbook, is_current)
{
    cr_expect_eq (run_schema ("check", YM_SOURCE_DIR "/docs/reference"), 0,
                  "run ym-schema docs docs/reference");
}

static void append (const char *folder, const char *name)
{
    char path[128];
    FILE *page;

    (void)snprintf (path, sizeof path, "%s/%s", folder, name);
    page = fopen (path, "a");
    cr_assert (page && fputc (' ', page) == ' ' && fclose (page) == 0);
}

static void remove_all (const char *folder)
{
    static const char *const names[] = {"messages.md", "records.md", "states.md", "settings.md",
                                        "refusals.md", "actors.md",  "enums.md"};
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf (path, sizeof path, "%s/%s", folder, names[i]);
        cr_expect_eq (unlink (path), 0, "%s", path);
    }
    cr_expect_eq (rmdir (folder), 0, "there are more pages than this test knows");
}

Test (handbook, an_altered_page_is_noticed)
{
    char folder[] = "/tmp/ym-handbook-XXXXXX";

    cr_assert_not_null (mkdtemp (folder));
    cr_expect_eq (run_schema ("docs", folder), 0);
    cr_expect_eq (run_schema ("check", folder), 0);
    append (folder, "states.md");
    cr_expect_eq (run_schema ("check", folder), 1);
    remove_all (folder);
}

Test (handbook, what_cannot_be_done_is_said)
{
    cr_expect_eq (run_schema ("check", "/nonexistent"), 1);
    cr_expect_eq (run_schema ("docs", "/nonexistent"), 74);
    cr_expect_eq (run_schema ("dot", "nobody"), 64);
    cr_expect_eq (run_schema ("nothing", "at all"), 64);
}

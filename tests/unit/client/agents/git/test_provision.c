/* test_provision.c - the target as something the job made: made, handed over, removed, and
 * never anybody else's. */
#include "client/agents/git/yard_git.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];
static char said[1024];

/* Runs a shell line in the test's directory; its exit status. */
__attribute__ ((format (printf, 1, 2))) static int shell (const char *format, ...)
{
    const char *env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                         "HOME=/nonexistent",
                         "GIT_CONFIG_NOSYSTEM=1",
                         "GIT_AUTHOR_NAME=a",
                         "GIT_AUTHOR_EMAIL=a@example.org",
                         "GIT_COMMITTER_NAME=c",
                         "GIT_COMMITTER_EMAIL=c@example.org",
                         NULL};
    char line[2048];
    va_list args;
    int status;
    pid_t pid;

    va_start (args, format);
    (void)vsnprintf (line, sizeof line, format, args);
    va_end (args);
    pid = fork ();
    if (pid == 0) {
        if (prctl (PR_SET_PDEATHSIG, SIGKILL) == 0 && chdir (root) == 0)
            (void)execle ("/bin/sh", "sh", "-ec", line, (char *)NULL, (char *const *)env);
        _exit (127);
    }
    cr_assert (pid > 0 && waitpid (pid, &status, 0) == pid);
    return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static void set_up (void)
{
    strcpy (root, "/tmp/ym-provision-XXXXXX");
    cr_assert (mkdtemp (root));
    cr_assert (shell ("git init -q source; cd source; for i in 1 2 3 4 5 6 7 8 9; do "
                      "git commit -q --allow-empty -m $i; done") == 0);
}

static void tear_down (void)
{
    pid_t pid = fork ();

    if (pid == 0) {
        execl ("/bin/rm", "rm", "-rf", "--", root, (char *)NULL);
        _exit (127);
    }
    (void)waitpid (pid, NULL, 0);
}

TestSuite (provision, .init = set_up, .fini = tear_down, .timeout = 60);

/* The list that the yard keeps, and the address it has of the target. */
struct fake {
    struct git_task task;
    char resume[256], source[128], target[256], address[AGENTS_ADDRESS_MAX];
    bool is_listed, is_made, is_pausing;
    unsigned words, fail_at, moves, checkpoints, pause_at;
    uint64_t done;
};

static int fake_provision (void *self, const char *name, const char *address,
                           enum agents_provision state)
{
    struct fake *fake = self;

    cr_assert_str_eq (name, "repository");
    if (++fake->words == fake->fail_at)
        return -EHOSTUNREACH;
    fake->is_listed = state != AGENTS_GONE;
    fake->is_made = state == AGENTS_MADE;
    if (address)
        (void)snprintf (fake->address, sizeof fake->address, "%s", address);
    return 0;
}

static bool fake_provisioned (void *self, const char *name,
                              char ret_address[AGENTS_ADDRESS_MAX])
{
    struct fake *fake = self;

    (void)name;
    strcpy (ret_address, fake->address);
    return fake->is_listed;
}

static int fake_moved (void *self, const char *target)
{
    struct fake *fake = self;

    fake->moves++;
    (void)snprintf (fake->target, sizeof fake->target, "%s", target);
    return 0;
}

static int fake_checkpoint (void *self, const void *resume, size_t size, const char *mark,
                            uint64_t done, uint64_t total)
{
    struct fake *fake = self;

    (void)mark, (void)total;
    memcpy (fake->resume, resume, size);
    fake->task.resume = fake->resume, fake->task.resume_size = size;
    fake->done = done;
    fake->checkpoints++;
    return 0;
}

static void fake_progress (void *self, uint64_t done, uint64_t total)
{
    (void)self, (void)done, (void)total;
}

static bool fake_should_stop (void *self)
{
    (void)self;
    return false;
}

/* From the middle of the range after that checkpoint on. */
static bool fake_should_pause (void *self)
{
    const struct fake *fake = self;

    return fake->pause_at && fake->checkpoints >= fake->pause_at;
}

static int fake_stop_fd (void *self)
{
    (void)self;
    return -1;
}

static struct fake *fake_new (const char *target)
{
    static struct fake fake;

    fake = (struct fake){
        .task = {.self = &fake,
                 .job = "job_1",
                 .source = fake.source,
                 .target = fake.target,
                 .payload = "{\"range\": 2}",
                 .payload_size = 12,
                 .fence = 5,
                 .checkpoint = fake_checkpoint,
                 .progress = fake_progress,
                 .should_stop = fake_should_stop,
                 .should_pause = fake_should_pause,
                 .stop_fd = fake_stop_fd,
                 .provision = fake_provision,
                 .provisioned = fake_provisioned,
                 .moved = fake_moved},
    };
    (void)snprintf (fake.source, sizeof fake.source, "%s/source", root);
    (void)snprintf (fake.target, sizeof fake.target, "%s/%s", root, target);
    return &fake;
}

static enum git_end prepare (struct fake *fake)
{
    return git_prepare (&fake->task, said, sizeof said);
}

static enum git_end move (struct fake *fake)
{
    fake->task.fence++;
    return git_move (&fake->task, said, sizeof said);
}

static enum git_end deprovision (struct fake *fake)
{
    return git_deprovision (&fake->task, said, sizeof said);
}

/* Only the source is left. */
static bool is_clean (void)
{
    return shell ("test \"$(ls)\" = source") == 0;
}

Test (provision, made_and_removed)
{
    struct fake *fake = fake_new ("target");

    cr_assert (prepare (fake) == GIT_DONE && fake->is_made && fake->words == 2, "%s", said);
    cr_assert (shell ("git -C target rev-parse --is-bare-repository") == 0);
    cr_assert (prepare (fake) == GIT_DONE && fake->is_made, "again: %s", said);
    cr_assert (deprovision (fake) == GIT_DONE && !fake->is_listed, "%s", said);
    cr_assert (is_clean ());
    cr_assert (deprovision (fake) == GIT_DONE, "again: %s", said);
}

Test (provision, half_made)
{
    for (unsigned i = 1; i <= 2; i++) {
        struct fake *fake = fake_new ("target");
        fake->fail_at = i;
        cr_assert (prepare (fake) == GIT_RETRY, "%s", said);
        fake->task.fence++;
        cr_assert (prepare (fake) == GIT_DONE && fake->is_made, "%u: %s", i, said);
        cr_assert (deprovision (fake) == GIT_DONE && is_clean (), "%u: %s", i, said);
    }
}

/* A pause lets the range end: nothing is done again, and what goes on goes on behind it. */
Test (provision, paused_after_a_range_and_resumed)
{
    struct fake *fake = fake_new ("target");

    cr_assert (prepare (fake) == GIT_DONE);
    fake->pause_at = 2;
    cr_assert (move (fake) == GIT_STOPPED && fake->done == 4, "%s", said);
    fake->pause_at = 0;
    fake->checkpoints = 0;
    cr_assert (move (fake) == GIT_DONE && fake->done == 9 && fake->checkpoints == 3, "%s",
               said);
    cr_assert (strstr (said, "9 commits (5 in this attempt"), "%s", said);
}

Test (provision, terminated_half_way)
{
    struct fake *fake = fake_new ("target");

    cr_assert (prepare (fake) == GIT_DONE);
    fake->pause_at = 2;
    cr_assert (move (fake) == GIT_STOPPED);
    fake->pause_at = 0;
    cr_assert (deprovision (fake) == GIT_DONE && is_clean (), "%s", said);
}

Test (provision, handed_over)
{
    struct fake *fake = fake_new ("target");

    cr_assert (prepare (fake) == GIT_DONE);
    cr_assert (move (fake) == GIT_DONE && !fake->is_listed, "%s", said);
    fake->is_listed = true; /* that it was handed over got lost */
    cr_assert (deprovision (fake) == GIT_DONE && !fake->is_listed, "%s", said);
    cr_assert (shell ("git -C target fsck --full") == 0);
    cr_assert (shell ("test ! -e target/yardmaster-made-by") == 0);
}

Test (provision, what_was_there_stays)
{
    struct fake *fake = fake_new ("target");

    cr_assert (shell ("git init -q --bare target") == 0);
    cr_assert (prepare (fake) == GIT_DONE && !fake->is_listed, "%s", said);
    fake->is_listed = true; /* whatever the list says */
    cr_assert (deprovision (fake) == GIT_DONE && !fake->is_listed, "%s", said);
    cr_assert (shell ("git -C target rev-parse --is-bare-repository") == 0);
}

Test (provision, overtaken)
{
    struct fake *fake = fake_new ("target");

    cr_assert (prepare (fake) == GIT_DONE);
    fake->pause_at = 1;
    cr_assert (move (fake) == GIT_STOPPED);
    fake->pause_at = 0;
    fake->task.fence--;
    cr_assert (deprovision (fake) == GIT_STOPPED && fake->is_listed, "%s", said);
    cr_assert (strstr (said, "later attempt"), "%s", said);
    cr_assert (shell ("test -d target") == 0);
}

/* A target that is a directory: the address changes, once and to the same one. */
Test (provision, made_in_a_directory)
{
    struct fake *fake = fake_new ("all/");

    cr_assert (shell ("mkdir all; touch all/other") == 0);
    cr_assert (prepare (fake) == GIT_DONE && fake->moves == 1 && fake->is_made, "%s", said);
    cr_assert (strstr (fake->target, "/all/source.git"), "%s", fake->target);
    cr_assert (prepare (fake) == GIT_DONE && fake->moves == 1, "%s", said);
    cr_assert (move (fake) == GIT_DONE, "%s", said);
    cr_assert (shell ("git -C all/source.git log --oneline | wc -l | grep -q 9") == 0);

    /* That it moved was not told before the agent died: the list knows. */
    fake = fake_new ("all/");
    cr_assert (prepare (fake) == GIT_DONE && fake->is_made, "%s", said);
    cr_assert (strstr (fake->target, "/all/source.job_1.git"), "%s", fake->target);
    (void)snprintf (fake->target, sizeof fake->target, "%s/all/", root);
    cr_assert (prepare (fake) == GIT_DONE && fake->moves == 2, "%s", said);
    cr_assert (strstr (fake->target, "/all/source.job_1.git"), "%s", fake->target);
    cr_assert (deprovision (fake) == GIT_DONE, "%s", said);
    cr_assert (shell ("test \"$(ls all)\" = \"$(printf 'other\\nsource.git')\"") == 0);
}

/* What is wrong with a job is for the move to say. */
Test (provision, refused)
{
    struct fake *fake = fake_new ("target");

    strcpy (fake->source, "/nonexistent");
    cr_assert (prepare (fake) == GIT_DONE && fake->words == 0 && is_clean ());
    cr_assert (move (fake) == GIT_FAIL);
    cr_assert (deprovision (fake) == GIT_DONE);
}

/* test_move.c - real repositories, moved with interruptions at every point; the same in the
 * end. */
#include "client/agents/git/yard_git.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANGE   9
#define COMMITS 45

static char root[64];
static char *said = (char[1024]){0}; /* of the last attempt */

/* Runs a shell line in the test's directory with nothing but these variables; its exit status.
 */
__attribute__ ((format (printf, 1, 2))) static int shell (const char *format, ...)
{
    const char *env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                         "HOME=/nonexistent",
                         "GIT_CONFIG_NOSYSTEM=1",
                         "GIT_AUTHOR_NAME=a",
                         "GIT_AUTHOR_EMAIL=a@example.org",
                         "GIT_COMMITTER_NAME=c",
                         "GIT_COMMITTER_EMAIL=c@example.org",
                         "GIT_AUTHOR_DATE=1700000000 +0000",
                         "GIT_COMMITTER_DATE=1700000000 +0000",
                         NULL};
    char line[4096];
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

static const char *in_root (const char *name)
{
    static char paths[8][128];
    static int at;
    char *path = paths[at++ % 8];

    (void)snprintf (path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void set_up (void)
{
    strcpy (root, "/tmp/ym-git-XXXXXX");
    cr_assert (mkdtemp (root));
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

TestSuite (git, .init = set_up, .fini = tear_down, .timeout = 110);

static void commit (FILE *stream, const char *branch, int mark, int from, const int *merge)
{
    fprintf (stream, "commit refs/heads/%s\nmark :%d\n", branch, mark);
    fprintf (stream, "committer c <c@example.org> %d +0000\ndata 5\nm%03d\n", 1700000000 + mark,
             mark);
    if (from)
        fprintf (stream, "from :%d\n", from);
    for (int i = 0; merge && merge[i]; i++)
        fprintf (stream, "merge :%d\n", merge[i]);
    fprintf (stream, "M 644 inline dir/%s-%d\ndata 4\n%03d\n\n", branch, mark % 7, mark);
}

/* Two roots, side branches, merges, an octopus: 44 commits; the note is one more. */
static void write_history (FILE *stream)
{
    int mark = 1, main_at = 1, two;

    commit (stream, "main", mark++, 0, NULL);
    fprintf (stream, "reset refs/heads/two\n");
    commit (stream, "two", two = mark++, 0, NULL);
    for (int i = 0; i < 10; i++) {
        int side = mark++, next = mark++;
        commit (stream, i % 2 ? "odd" : "even", side, main_at, NULL);
        commit (stream, "main", next, main_at, NULL);
        main_at = mark++;
        commit (stream, "main", main_at, next, (int[]){side, 0});
    }
    for (int i = 0; i < 10; i++) {
        commit (stream, "two", mark, two, NULL);
        two = mark++;
    }
    commit (stream, "side", mark++, 1, NULL);
    commit (stream, "main", mark, main_at, (int[]){two, mark - 1, 0});
}

static void make_source (void)
{
    FILE *stream = fopen (in_root ("stream"), "w");

    cr_assert (stream);
    write_history (stream);
    cr_assert (fclose (stream) == 0);
    cr_assert (
        shell (
            "git init -q --bare -b main source; cd source; git fast-import --quiet <../stream;"
            "git tag light main~3; git tag -a -m one full main; git tag -a -m two nested full "
            "2>/dev/null;"
            "git tag -a -m tree of-tree main^{tree}; git tag of-blob main:dir/main-1;"
            "git notes add -m note main; git update-ref refs/odd/place two;"
            "git symbolic-ref refs/remotes/origin/HEAD refs/heads/two;"
            "git symbolic-ref HEAD refs/heads/two") == 0);
}

/* The control plane as one attempt after the other sees it. */
struct fake {
    struct git_task task;
    char resume[256], mark[80];
    size_t resume_size;
    uint64_t done, total; /* acknowledged */
    uint64_t worked;      /* commits of all ranges that came to a checkpoint */
    unsigned checkpoints, looks;
    unsigned stop_at_look;       /* 0: never */
    unsigned die_at_look;        /* by SIGKILL */
    int loss;                    /* what it is told then; 0: -ESTALE */
    unsigned lose_at_checkpoint; /* the attempt ends with this checkpoint not stored */
    unsigned stop_at_checkpoint; /* ... with it stored */
    const char *at_checkpoint;   /* a shell line to run at the first */
    bool is_stopped;
    char said[1024];
};

static int fake_checkpoint (void *self, const void *resume, size_t size, const char *mark,
                            uint64_t done, uint64_t total)
{
    struct fake *fake = self;

    fake->checkpoints++;
    fake->worked += done - fake->done;
    cr_assert (done > fake->done && done - fake->done <= RANGE && done <= total);
    cr_assert (size < sizeof fake->resume && strlen (mark) < sizeof fake->mark);
    if (fake->at_checkpoint && fake->checkpoints == 1)
        cr_assert (shell ("%s", fake->at_checkpoint) == 0);
    if (fake->checkpoints == fake->lose_at_checkpoint)
        return fake->loss ? fake->loss : -ESTALE;
    memcpy (fake->resume, resume, size);
    fake->resume_size = size;
    strcpy (fake->mark, mark);
    fake->done = done, fake->total = total;
    fake->is_stopped = fake->checkpoints == fake->stop_at_checkpoint;
    return 0;
}

static void fake_progress (void *self, uint64_t done, uint64_t total)
{
    (void)self;
    cr_assert (done <= total);
}

static bool fake_should_stop (void *self)
{
    struct fake *fake = self;

    fake->looks++;
    if (fake->looks == fake->die_at_look)
        (void)raise (SIGKILL);
    if (fake->stop_at_look && fake->looks >= fake->stop_at_look)
        fake->is_stopped = true;
    return fake->is_stopped;
}

static int fake_stop_fd (void *self)
{
    (void)self;
    return -1;
}

/* In memory that a forked attempt shares: what is acknowledged outlives it. */
static struct fake *fake_new (void)
{
    static char source[128], target[128];
    struct fake *fake =
        mmap (NULL, sizeof *fake, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert (fake != MAP_FAILED);
    strcpy (source, in_root ("source"));
    strcpy (target, in_root ("target"));
    *fake = (struct fake){
        .task = {.job = "job_1",
                 .source = source,
                 .target = target,
                 .payload = "{\"range\": 9}",
                 .payload_size = 12,
                 .checkpoint = fake_checkpoint,
                 .progress = fake_progress,
                 .should_stop = fake_should_stop,
                 .stop_fd = fake_stop_fd},
    };
    return fake;
}

static enum git_end attempt (struct fake *fake)
{
    fake->task.self = fake;
    said = fake->said;
    fake->task.fence++;
    fake->task.resume = fake->resume, fake->task.resume_size = fake->resume_size;
    fake->checkpoints = fake->looks = 0;
    fake->is_stopped = false;
    return git_move (&fake->task, said, sizeof fake->said);
}

/* By means of git alone, not by the mover's own proof. */
static void cr_assert_equal_repositories (const char *what)
{
    cr_assert (
        shell (
            "for r in source target; do git -C $r for-each-ref >$r.refs;"
            "git -C $r for-each-ref --format='%%(refname) %%(symref)' >>$r.refs;"
            "sed -i '/refs.yardmaster/d' $r.refs;"
            "git -C $r symbolic-ref -q HEAD >>$r.refs || git -C $r rev-parse HEAD >>$r.refs || "
            ":;"
            "git -C $r rev-list --objects --exclude='refs/yardmaster/*' --all "
            "--no-object-names | sort >$r.objects; done;"
            "cmp source.refs target.refs; cmp source.objects target.objects;"
            "git -C target fsck --full --strict --no-dangling 2>&1 | (! grep -v ^notice:)") ==
            0,
        "%s: %s", what, said);
}

Test (git, whole)
{
    struct fake *fake = fake_new ();

    make_source ();
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert_equal_repositories ("whole");
    cr_assert (fake->done == COMMITS && fake->total == COMMITS && fake->worked == COMMITS);
    cr_assert (fake->checkpoints == 5);
    cr_assert (strstr (said, "45 commits"), "%s", said);
    cr_assert (shell ("test \"$(git -C source log -1 --format=%%H %s)\" = %s", fake->mark,
                      fake->mark) == 0);
    cr_assert (attempt (fake) == GIT_DONE && fake->checkpoints == 0, "again: %s", said);
    cr_assert_equal_repositories ("again");
}

/* After each checkpoint every commit up to it is at the target, held by refs. */
Test (git, each_range_is_whole)
{
    struct fake *fake = fake_new ();

    make_source ();
    while (fake->done < COMMITS) {
        fake->stop_at_checkpoint = 1;
        cr_assert (attempt (fake) == GIT_STOPPED, "%s", said);
        cr_assert (
            shell ("git -C source rev-list --topo-order --reverse --all | head -n %d | sort >a;"
                   "git -C target rev-list --all | sort >b; cmp a b;"
                   "git -C target fsck --full --strict --no-dangling",
                   (int)fake->done) == 0,
            "at %d", (int)fake->done);
    }
    fake->stop_at_checkpoint = 0;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (fake->worked == COMMITS);
    cr_assert_equal_repositories ("ranges");
}

/* A checkpoint that was not stored: its range is done again, and nothing before it. */
Test (git, lost_checkpoints)
{
    struct fake *fake = fake_new ();
    int lost = 0;

    make_source ();
    for (unsigned at = 1;; lost++) {
        fake->lose_at_checkpoint = lost % 2 ? 1 : (at = 2);
        if (attempt (fake) == GIT_DONE)
            break;
        cr_assert (strstr (said, "no longer"), "%s", said);
        cr_assert (fake->worked <= fake->done + (uint64_t)RANGE * (uint64_t)(lost + 1));
        if (lost > 20)
            break;
        if (lost >= 6)
            fake->lose_at_checkpoint = 0;
    }
    cr_assert (fake->done == COMMITS);
    cr_assert_equal_repositories ("lost");
}

/* Stopped where the mover looks, each attempt some looks later than the one before. How often
 * it looks depends on how fast the machine is, so the steps grow. */
Test (git, stopped_everywhere)
{
    struct fake *fake = fake_new ();
    unsigned attempts = 0, at = 0;

    make_source ();
    do {
        at += 1 + at / 16;
        fake->stop_at_look = at;
        cr_assert (++attempts < 150, "it does not come to an end");
    } while (attempt (fake) == GIT_STOPPED);
    cr_assert (strstr (said, "45 commits"), "%s", said);
    cr_assert (attempts > 15, "stopped at %u places", attempts);
    cr_assert (fake->worked <= COMMITS + (uint64_t)RANGE * attempts);
    cr_assert_equal_repositories ("everywhere");
}

/* Killed where it looks, also while git runs: a later attempt goes on from what is left. */
Test (git, killed)
{
    struct fake *fake = fake_new ();
    unsigned kills = 0;
    int status = SIGKILL;

    make_source ();
    for (unsigned at = 1; !WIFEXITED (status) || WEXITSTATUS (status) != GIT_DONE;
         at += 1 + at / 8) {
        pid_t pid = fork ();
        if (pid == 0) {
            (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
            fake->die_at_look = at;
            _exit ((int)attempt (fake));
        }
        cr_assert (pid > 0 && waitpid (pid, &status, 0) == pid);
        /* What a killed one's git still does may be in the way, for now. */
        cr_assert (WIFSIGNALED (status) || WEXITSTATUS (status) == GIT_DONE ||
                       WEXITSTATUS (status) == GIT_RETRY,
                   "at %u: %s", at, fake->said);
        cr_assert (++kills < 100, "it does not come to an end");
    }
    cr_assert (kills > 10, "killed at %u places", kills);
    cr_assert (fake->done == COMMITS && fake->worked <= COMMITS + (uint64_t)RANGE * kills);
    cr_assert_equal_repositories ("killed");
}

/* What the yard will never take is no reason to try for ever. */
Test (git, refused_checkpoints)
{
    struct fake *fake = fake_new ();

    make_source ();
    fake->lose_at_checkpoint = 1;
    fake->loss = -EEXIST;
    cr_assert (attempt (fake) == GIT_STOPPED && strstr (said, "another checkpoint"), "%s",
               said);
    fake->loss = -EHOSTUNREACH;
    cr_assert (attempt (fake) == GIT_RETRY, "%s", said);
    fake->loss = -EINVAL;
    cr_assert (attempt (fake) == GIT_FAIL && strstr (said, "never"), "%s", said);
}

Test (git, fenced)
{
    struct fake *fake = fake_new ();

    make_source ();
    fake->task.fence = 9;
    fake->stop_at_checkpoint = 1;
    cr_assert (attempt (fake) == GIT_STOPPED);
    fake->stop_at_checkpoint = 0;
    fake->task.fence = 4;
    cr_assert (attempt (fake) == GIT_STOPPED);
    cr_assert (strstr (said, "taken over"), "%s", said);
    fake->task.fence = 10;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert_equal_repositories ("fenced");
}

/* An attempt that comes late, after the job was done, changes nothing. */
Test (git, fenced_when_done)
{
    struct fake *fake = fake_new ();

    make_source ();
    fake->task.fence = 8;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (shell ("test \"$(git -C target for-each-ref --format='%%(refname)' "
                      "refs/yardmaster/)\" = refs/yardmaster/job_1/fence;"
                      "git -C target update-ref -d refs/heads/main;"
                      "git -C target symbolic-ref HEAD refs/heads/odd;"
                      "git -C target for-each-ref >before; cat target/HEAD >>before") == 0);
    fake->task.fence = 5;
    fake->resume_size = 0, fake->done = 0;
    cr_assert (attempt (fake) == GIT_STOPPED && fake->checkpoints == 0, "%s", said);
    cr_assert (strstr (said, "taken over"), "%s", said);
    cr_assert (shell ("git -C target for-each-ref >after; cat target/HEAD >>after;"
                      "cmp before after") == 0);
}

/* What a target keeps of earlier jobs goes nowhere when it becomes a source. */
Test (git, source_that_was_a_target)
{
    struct fake *fake = fake_new ();

    make_source ();
    cr_assert (shell ("cd source; git update-ref refs/yardmaster/job_0/fence "
                      "$(echo 77 | git hash-object -w --stdin);"
                      "git init -q --bare ../target; git -C ../target update-ref "
                      "refs/yardmaster/job_2/fence "
                      "$(echo 3 | git -C ../target hash-object -w --stdin)") == 0);
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (shell ("cd target; ! git show-ref -q refs/yardmaster/job_0/fence;"
                      "git show-ref --verify -q refs/yardmaster/job_2/fence") == 0);
    cr_assert_equal_repositories ("was a target");
}

/* The fence is raised under a running attempt: its next change is refused. */
Test (git, fenced_while_running)
{
    struct fake *fake = fake_new ();

    make_source ();
    fake->task.fence = 6;
    fake->at_checkpoint = "n=$(echo 8 | git -C target hash-object -w --stdin);"
                          "git -C target update-ref refs/yardmaster/job_1/fence $n";
    cr_assert (attempt (fake) == GIT_STOPPED);
    cr_assert (strstr (said, "taken over"), "%s", said);
    cr_assert (fake->checkpoints == 1);
    fake->at_checkpoint = NULL;
    fake->task.fence = 8;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert_equal_repositories ("fenced");
}

Test (git, empty_source)
{
    struct fake *fake = fake_new ();

    cr_assert (shell ("git init -q --bare -b trunk source") == 0);
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (fake->checkpoints == 0);
    cr_assert_equal_repositories ("empty");
}

Test (git, no_commits_but_a_tagged_blob)
{
    struct fake *fake = fake_new ();

    cr_assert (
        shell ("git init -q --bare source; b=$(echo x | git -C source hash-object -w --stdin);"
               "git -C source tag b $b; git -C source tag -a -m m t $b") == 0);
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert_equal_repositories ("blob");
}

/* A working tree, addressed by a URL with a blank, a detached HEAD that nothing else reaches.
 */
Test (git, detached_work_tree_by_url)
{
    struct fake *fake = fake_new ();
    char source[160], target[160];

    cr_assert (shell ("git init -q -b main 's p'; cd 's p'; git commit -q --allow-empty -m 1;"
                      "git checkout -q --detach; git commit -q --allow-empty -m 2;"
                      "ln -s 's p' ../source") == 0);
    (void)snprintf (source, sizeof source, "file://%s/s%%20p/", root);
    (void)snprintf (target, sizeof target, "file://localhost%s/target", root);
    fake->task.source = source, fake->task.target = target;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (fake->total == 2);
    cr_assert_equal_repositories ("detached");
}

Test (git, target_with_other_refs)
{
    struct fake *fake = fake_new ();

    make_source ();
    cr_assert (
        shell ("git init -q --bare target; cd target;"
               "t=$(git mktree </dev/null); c=$(git commit-tree -m x $t);"
               "git update-ref refs/heads/odd/below $c; git update-ref refs/tags/full $c;"
               "git update-ref refs/heads/gone $c; git pack-refs --all;"
               "git symbolic-ref refs/heads/main refs/heads/gone;"
               "git symbolic-ref refs/heads/loose refs/heads/gone") == 0);
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert_equal_repositories ("other refs");
}

/* New commits, a moved and a deleted branch between two attempts. */
Test (git, source_changes_between)
{
    struct fake *fake = fake_new ();

    make_source ();
    fake->stop_at_checkpoint = 2;
    cr_assert (attempt (fake) == GIT_STOPPED);
    cr_assert (
        shell ("cd source; t=$(git mktree </dev/null); git update-ref -d refs/heads/side;"
               "git update-ref refs/heads/two $(git commit-tree -m n $t);"
               "git update-ref refs/heads/main main~2") == 0);
    fake->stop_at_checkpoint = 0;
    fake->done = 0;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (strstr (said, "from the beginning"), "%s", said);
    cr_assert_equal_repositories ("changed between");
}

Test (git, source_changes_under_it)
{
    struct fake *fake = fake_new ();

    make_source ();
    fake->at_checkpoint = "cd source; git update-ref refs/heads/new $(git commit-tree -m new"
                          " -p main $(git mktree </dev/null))";
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (fake->total == COMMITS + 1);
    cr_assert_equal_repositories ("changed under it");
}

Test (git, target_lost_between)
{
    struct fake *fake = fake_new ();

    make_source ();
    fake->stop_at_checkpoint = 3;
    cr_assert (attempt (fake) == GIT_STOPPED);
    cr_assert (shell ("rm -r target") == 0);
    fake->stop_at_checkpoint = 0;
    fake->done = 0;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert_equal_repositories ("lost between");
}

Test (git, lock_may_pass)
{
    struct fake *fake = fake_new ();

    make_source ();
    cr_assert (shell ("git init -q --bare target; mkdir -p target/refs/yardmaster/job_1;"
                      ": >target/refs/yardmaster/job_1/fence.lock") == 0);
    cr_assert (attempt (fake) == GIT_RETRY, "%s", said);
    cr_assert (strstr (said, "lock"), "%s", said);
    cr_assert (shell ("rm target/refs/yardmaster/job_1/fence.lock") == 0);
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
}

/* An attempt was killed while it made the target: what it left is not in the way. */
Test (git, target_half_made)
{
    struct fake *fake = fake_new ();

    make_source ();
    cr_assert (
        shell ("git init -q --bare target.job_1.0.new; : >target.job_1.0.new/config.lock;"
               "rm target.job_1.0.new/HEAD; mkdir target.job_1.7.new target.job_12.0.new") ==
        0);
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (access (in_root ("target.job_1.0.new"), F_OK) < 0);
    cr_assert (access (in_root ("target.job_1.7.new"), F_OK) == 0, "of a later attempt");
    cr_assert (access (in_root ("target.job_12.0.new"), F_OK) == 0, "of another job");
    cr_assert_equal_repositories ("half made");
}

/* A hook or a lazy transport of either side is a program somebody else chose. */
Test (git, runs_nobody_elses_programs)
{
    struct fake *fake = fake_new ();

    make_source ();
    cr_assert (shell ("git init -q --bare target; for r in source target; do mkdir -p $r/hooks;"
                      "for h in reference-transaction pre-receive update post-update; do"
                      " printf '#!/bin/sh\ntouch %s/ran\n' >$r/hooks/$h; chmod +x $r/hooks/$h;"
                      "done; git -C $r config core.fsmonitor 'touch %s/ran'; done",
                      root, root) == 0);
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (access (in_root ("ran"), F_OK) < 0);
}

struct refusal {
    const char *prepare, *source, *target, *payload, *says;
};

/* What a job may not be, with the words its owner reads. A name stands for one in the test's
 * dir. */
static const struct refusal refusals[] = {
    {":", "none", "target", "", "no git repository"},
    {":", "no\xff\te\xc3\xa9", "target", "", "no??e??"},
    {":", "n\xc3\xa9", "target", "", "n\xc3\xa9"},
    {":", "https://example.org/x", "target", "", "neither an absolute path nor file://"},
    {":", "file://host/x", "target", "", "neither an absolute path nor file://"},
    {"git init -q --bare source", "source", "relative/../../x", "", ""},
    {"git init -q --bare source; mkdir target; : >target/x", "source", "target", "",
     "there and no git repository"},
    {"git init -q --bare source; git init -q target", "source", "target", "", "not bare"},
    {"git init -q --bare source; ln -s source target", "source", "target", "",
     "the source itself"},
    {"git init -q --bare source; git init -q --bare --object-format=sha256 target", "source",
     "target", "", "sha256"},
    {"git init -q x; cd x; git commit -q --allow-empty -m 1; git commit -q --allow-empty -m 2;"
     "git clone -q --bare --depth 1 file://$PWD ../source",
     "source", "target", "", "shallow"},
    {"git init -q --bare source", "source", "target", "{\"ranges\": 1}", "'ranges'"},
    {"git init -q --bare source", "source", "target", "{\"range\": 0}", "range must be"},
    {"git init -q --bare source", "source", "target", "{\"range\": 100001}", "range must be"},
    {"git init -q --bare source", "source", "target", "{\"range\": 1e3}", "not a JSON object"},
    {"git init -q --bare source", "source", "target", "{\"range\": 99999999999999999999}",
     "not a JSON object"},
    {"git init -q --bare source", "source", "target", "{\"range\": 1} x", "not a JSON object"},
    {"git init -q --bare source", "source", "target", "[]", "not a JSON object"},
    {"git init -q --bare source", "source", "target", "{\"range\":", "not a JSON object"},
};

Test (git, refused)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        struct fake *fake = fake_new ();
        char source[128], target[128];
        (void)snprintf (source, sizeof source, "%s",
                        strchr (r->source, ':') ? r->source : in_root (r->source));
        (void)snprintf (target, sizeof target, "%s",
                        *r->says ? in_root (r->target) : r->target);
        cr_assert (shell ("rm -rf source target x; %s", r->prepare) == 0);
        fake->task.source = source, fake->task.target = target;
        fake->task.payload = r->payload, fake->task.payload_size = strlen (r->payload);
        cr_assert (attempt (fake) == GIT_FAIL, "%zu: %s", i, said);
        cr_assert (strstr (said, r->says), "%zu: %s", i, said);
        cr_assert (fake->checkpoints == 0);
    }
}

/* A broken source is not moved as if it were whole. */
Test (git, broken_source)
{
    struct fake *fake = fake_new ();

    make_source ();
    cr_assert (shell ("cd source; git unpack-objects -q <$(ls objects/pack/*.pack) || :;"
                      "mkdir ../packs; mv objects/pack/* ../packs;"
                      "for p in ../packs/*.pack; do git unpack-objects -q <$p; done;"
                      "b=$(git ls-tree -r main | grep -v main-1$ | tail -n 1 | cut -c13-52); "
                      "f=objects/$(echo $b | cut "
                      "-c1-2)/$(echo $b | cut -c3-);"
                      "rm -f $f; ! git cat-file -e $b 2>/dev/null") == 0);
    cr_assert (attempt (fake) == GIT_FAIL, "%s", said);
    cr_assert (strstr (said, "cannot be moved"), "%s", said);
}

/* SHA-256 repositories, and a pause that ends when told to stop. */
Test (git, sha256_and_pace)
{
    static const char payload[] = " { \"pace_ms\" : 1 , \"range\":9 }\n";
    struct fake *fake = fake_new ();

    cr_assert (
        shell ("git init -q --object-format=sha256 -b main source; cd source;"
               "for i in 1 2 3 4 5 6 7 8 9 10; do git commit -q --allow-empty -m $i; done") ==
        0);
    fake->task.payload = payload, fake->task.payload_size = sizeof payload - 1;
    cr_assert (attempt (fake) == GIT_DONE, "%s", said);
    cr_assert (fake->checkpoints == 2 && strlen (fake->mark) == 64);
    cr_assert_equal_repositories ("sha256");
}

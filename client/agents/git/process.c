/* process.c - runs git, alone or as the two ends of a pipe.
 *
 * A call ends when its children have ended, not when its pipes are closed: what somebody else
 * holds open cannot keep us waiting.
 */
#include "client/agents/git/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 5000 /* from one means of ending git to the next, harder one */
#define LOOK_MS     200  /* should_stop is looked at this often, even without a descriptor */

enum { READ, WRITE };

struct run {
    struct git_call *call;
    int stages, alive;
    pid_t pid[2];
    int pidfd[2];
    int feed, out, err; /* our ends of the pipes; -1: closed */
    size_t fed;
    struct git_text said; /* the latest part of standard error */
    bool is_stopping, is_told, is_too_much, is_cut;
    int signal; /* the next one it gets, at that time */
    int64_t signal_at;
};

static void close_fd (int *fd)
{
    if (*fd >= 0)
        (void)close (*fd);
    *fd = -1;
}

/* Everything git could be told from outside is told here, or not at all. */
static char **environment (char path[PATH_MAX + 8])
{
    static const char *const settings[] = {
        "LC_ALL=C",
        "HOME=/nonexistent",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_NO_REPLACE_OBJECTS=1",
        "GIT_OPTIONAL_LOCKS=0",
        "GIT_ALLOW_PROTOCOL=none",
        "GIT_CONFIG_COUNT=9",
        "GIT_CONFIG_KEY_0=safe.directory",
        "GIT_CONFIG_VALUE_0=*",
        "GIT_CONFIG_KEY_1=core.hooksPath",
        "GIT_CONFIG_VALUE_1=/dev/null",
        "GIT_CONFIG_KEY_2=core.fsync",
        "GIT_CONFIG_VALUE_2=all",
        "GIT_CONFIG_KEY_3=gc.auto",
        "GIT_CONFIG_VALUE_3=0",
        "GIT_CONFIG_KEY_4=core.logAllRefUpdates",
        "GIT_CONFIG_VALUE_4=false",
        "GIT_CONFIG_KEY_5=core.filesRefLockTimeout",
        "GIT_CONFIG_VALUE_5=2000",
        "GIT_CONFIG_KEY_6=core.packedRefsTimeout",
        "GIT_CONFIG_VALUE_6=2000",
        "GIT_CONFIG_KEY_7=core.fsmonitor",
        "GIT_CONFIG_VALUE_7=false",
        "GIT_CONFIG_KEY_8=core.warnAmbiguousRefs",
        "GIT_CONFIG_VALUE_8=false",
    };
    size_t count = sizeof settings / sizeof *settings;
    char **env = git_memory (count + 2, sizeof *env);
    const char *own = getenv ("PATH");

    memcpy (env, settings, sizeof settings);
    (void)snprintf (path, PATH_MAX + 8, "PATH=%s", own ? own : "/usr/local/bin:/usr/bin:/bin");
    env[count] = path;
    return env;
}

static int describe (posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int in,
                     int out, int err)
{
    sigset_t all, none;
    int r;

    (void)sigfillset (&all);
    (void)sigemptyset (&none);
    r = posix_spawnattr_setsigdefault (attr, &all);
    r = r ? r : posix_spawnattr_setsigmask (attr, &none);
    r = r ? r : posix_spawnattr_setflags (attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    r = r ? r : posix_spawn_file_actions_adddup2 (files, in, STDIN_FILENO);
    r = r ? r : posix_spawn_file_actions_adddup2 (files, out, STDOUT_FILENO);
    return r ? r : posix_spawn_file_actions_adddup2 (files, err, STDERR_FILENO);
}

static int start (const struct git_stage *stage, int in, int out, int err, pid_t *ret_pid)
{
    char path[PATH_MAX + 8], dir[PATH_MAX + 16];
    const char *argv[GIT_ARGS_MAX + 3] = {"git"};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    char **env = environment (path);
    int r, n = 1;

    if (stage->dir) {
        (void)snprintf (dir, sizeof dir, "--git-dir=%s", stage->dir);
        argv[n++] = dir;
    }
    memcpy (argv + n, stage->args, sizeof stage->args);
    (void)posix_spawn_file_actions_init (&files);
    (void)posix_spawnattr_init (&attr);
    r = describe (&files, &attr, in, out, err);
    if (r == 0)
        r = posix_spawnp (ret_pid, "git", &files, &attr, (char *const *)argv, env);
    (void)posix_spawnattr_destroy (&attr);
    (void)posix_spawn_file_actions_destroy (&files);
    free (env);
    return -r;
}

/* Starts one stage and takes over 'in' and 'out'. */
static int start_stage (struct run *run, int in, int out, int err)
{
    int i = run->stages, r;

    r = start (&run->call->stage[i], in, out, err, &run->pid[i]);
    close_fd (&in);
    close_fd (&out);
    if (r < 0)
        return r;
    run->stages++;
    run->alive++;
    run->pidfd[i] = pidfd_open (run->pid[i], 0);
    return run->pidfd[i] < 0 ? -errno : 0;
}

/* The feed is a socket: writing to a child that is gone must be an error, never a SIGPIPE. */
static int open_pipes (int pipes[][2], int count)
{
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipes[0]) < 0)
        return -errno;
    for (int i = 1; i < count; i++)
        if (pipe2 (pipes[i], O_CLOEXEC) < 0)
            return -errno;
    return 0;
}

static int start_all (struct run *run)
{
    int pipes[4][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    int *feed = pipes[0], *out = pipes[1], *err = pipes[2], *between = pipes[3];
    bool is_pair = run->call->stage[1].args[0];
    int r = open_pipes (pipes, is_pair ? 4 : 3);

    if (r == 0 && !is_pair) {
        r = start_stage (run, feed[READ], out[WRITE], err[WRITE]);
        feed[READ] = out[WRITE] = -1;
    }
    else if (r == 0) {
        r = start_stage (run, feed[READ], between[WRITE], err[WRITE]);
        feed[READ] = between[WRITE] = -1;
        if (r == 0) {
            r = start_stage (run, between[READ], out[WRITE], err[WRITE]);
            between[READ] = out[WRITE] = -1;
        }
    }
    run->feed = feed[WRITE], run->out = out[READ], run->err = err[READ];
    feed[WRITE] = out[READ] = err[READ] = -1;
    for (int i = 0; i < 4; i++) {
        close_fd (&pipes[i][READ]);
        close_fd (&pipes[i][WRITE]);
    }
    return r;
}

static void tell (struct run *run, int signal)
{
    for (int i = 0; i < run->stages; i++)
        if (run->pid[i] > 0)
            (void)kill (run->pid[i], signal); /* not reaped yet, so the pid is still ours */
}

static void stop (struct run *run)
{
    if (run->is_stopping)
        return;
    run->is_stopping = true;
    run->signal = SIGTERM;
    run->signal_at = agents_clock_ms () + (run->call->is_brief ? PATIENCE_MS : 0);
}

static void press (struct run *run)
{
    if (!run->signal || agents_clock_ms () < run->signal_at)
        return;
    run->is_cut = true;
    close_fd (&run->feed);
    tell (run, run->signal);
    run->signal = run->signal == SIGTERM ? SIGKILL : 0;
    run->signal_at = agents_clock_ms () + PATIENCE_MS;
}

static void feed_some (struct run *run)
{
    const struct git_call *call = run->call;
    ssize_t n;

    while (run->fed < call->feed_size) {
        n = send (run->feed, call->feed + run->fed, call->feed_size - run->fed, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0)
            break; /* the child is gone or wants no more; its status will tell */
        run->fed += (size_t)n;
    }
    close_fd (&run->feed);
}

static bool keep_tail (struct run *run, const char *data, size_t size)
{
    enum { TAIL = 4096 };
    struct git_text *said = &run->said;

    if (said->size > TAIL) {
        memmove (said->data, said->data + said->size - TAIL / 2, TAIL / 2);
        said->size = TAIL / 2;
    }
    return git_text_add (said, data, size);
}

/* Reads what is there, at most a megabyte; closes the pipe at its end. True: there may be more.
 */
static bool drain (struct run *run, int *fd, bool is_out)
{
    char data[65536];
    ssize_t n;
    bool fits;

    for (int i = 0; i < 16 && *fd >= 0; i++) {
        n = read (*fd, data, sizeof data);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n <= 0)
            close_fd (fd);
        if (n <= 0)
            return false;
        fits = !is_out ? keep_tail (run, data, (size_t)n)
                       : !run->call->sink || run->call->sink (run->call->to, data, (size_t)n);
        if (!fits) {
            run->is_too_much = true;
            stop (run);
        }
    }
    return *fd >= 0;
}

static void reap (struct run *run, int i)
{
    if (waitpid (run->pid[i], &run->call->status[i], 0) != run->pid[i])
        run->call->status[i] = -1;
    run->pid[i] = 0;
    close_fd (&run->pidfd[i]);
    run->alive--;
}

static void turn (struct run *run, int stop_fd)
{
    struct pollfd fds[] = {
        {.fd = run->feed, .events = POLLOUT},    {.fd = run->out, .events = POLLIN},
        {.fd = run->err, .events = POLLIN},      {.fd = run->pidfd[0], .events = POLLIN},
        {.fd = run->pidfd[1], .events = POLLIN}, {.fd = stop_fd, .events = POLLIN},
    };

    if (run->is_stopping || run->is_told)
        fds[5].fd = -1;
    if (poll (fds, sizeof fds / sizeof *fds, LOOK_MS) < 0)
        return;
    run->is_told |= fds[5].revents != 0;
    if (fds[0].revents && run->feed >= 0)
        feed_some (run);
    if (fds[1].revents)
        (void)drain (run, &run->out, true);
    if (fds[2].revents)
        (void)drain (run, &run->err, false);
    for (int i = 0; i < run->stages; i++)
        if (fds[3 + i].revents && run->pid[i] > 0)
            reap (run, i);
}

/* The fatal line; of a pair the first, for the other only tells that its partner is gone.
 * Without one the last line. Advice that git gives around it is left out. */
static void set_reason (struct run *run)
{
    char *line, *text = run->said.data;
    size_t size = run->said.size;

    while (size > 0 && strchr ("\r\n ", text[size - 1]))
        size--;
    if (size == 0)
        return;
    text[size] = '\0';
    line = strstr (text, "fatal: ");
    if (!line)
        line = strrchr (text, '\n') ? strrchr (text, '\n') + 1 : text;
    (void)snprintf (run->call->reason, sizeof run->call->reason, "%.*s",
                    (int)strcspn (line, "\n"), line);
}

static bool was_killed (int status)
{
    return status == -1 || (WIFSIGNALED (status) && WTERMSIG (status) != SIGPIPE);
}

static bool may_pass (const struct run *run)
{
    static const char *const passing[] = {
        ".lock': File exists", "could not lock config file", "No space left on device",
        "Disk quota exceeded", "Cannot allocate memory",     "out of memory",
        "Input/output error",  "Too many open files",        "Resource temporarily unavailable",
        "Another git process", "Stale file handle",          "unable to create thread",
    };
    const char *text = run->said.data ? run->said.data : "";

    if (was_killed (run->call->status[0]) || was_killed (run->call->status[1]))
        return true;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strstr (text, passing[i]))
            return true;
    return false;
}

static void run_to_end (struct git_work *work, struct run *run)
{
    int stop_fd = work->task->stop_fd (work->task->self);

    while (run->alive > 0) {
        if (!run->is_stopping && git_should_stop (work))
            stop (run);
        press (run);
        turn (run, stop_fd);
    }
    while (drain (run, &run->out, true) || drain (run, &run->err, false))
        ;
    run->call->may_pass = may_pass (run);
    set_reason (run);
}

/* A stage that started while another could not, or that cannot be watched. */
static void abandon (struct run *run)
{
    tell (run, SIGKILL);
    for (int i = 0; i < run->stages; i++)
        reap (run, i);
}

static int set_nonblocking (int fd)
{
    return fcntl (fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

enum git_end git_run (struct git_work *work, struct git_call *call)
{
    struct run run = {.call = call, .pidfd = {-1, -1}, .feed = -1, .out = -1, .err = -1};
    int r;

    if (git_should_stop (work))
        return git_say (work, GIT_STOPPED, "stopped");
    call->status[0] = call->status[1] = 0;
    call->reason[0] = '\0';
    r = start_all (&run);
    r = r < 0 ? r : set_nonblocking (run.feed);
    r = r < 0 ? r : set_nonblocking (run.out);
    r = r < 0 ? r : set_nonblocking (run.err);
    if (r < 0)
        abandon (&run);
    else
        run_to_end (work, &run);
    close_fd (&run.feed);
    close_fd (&run.out);
    close_fd (&run.err);
    git_text_done (&run.said);
    if (r < 0)
        return git_say (work, GIT_RETRY, "git cannot be run: %s", strerror (-r));
    if (run.is_too_much)
        return git_say (work, GIT_FAIL, "git %s printed more than can be taken",
                        call->stage[0].args[0]);
    if (run.is_cut)
        return git_say (work, GIT_STOPPED, "stopped");
    return GIT_GO_ON;
}

enum git_end git_blame (struct git_work *work, const struct git_call *call, const char *what)
{
    return git_say (work, call->may_pass ? GIT_RETRY : GIT_FAIL, "%s: %s", what,
                    call->reason[0] ? call->reason : "git ended without a word");
}

enum git_end git_must (struct git_work *work, struct git_call *call, const char *what)
{
    enum git_end end = git_run (work, call);

    if (end)
        return end;
    if (call->status[0] != 0 || call->status[1] != 0)
        return git_blame (work, call, what);
    return GIT_GO_ON;
}

bool git_sink_text (void *to, const char *data, size_t size)
{
    return git_text_add (to, data, size);
}

/* spawn.c - fork and exec. The only place of the yard where a process is made. */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/text.h"

enum { ENVIRONMENT_MAX = 6, VARIABLE_MAX = 4096, PATH_ROOM = 512, EXIT_CANNOT_RUN = 127 };

struct launch {
    char path[PATH_ROOM];
    char variables[ENVIRONMENT_MAX][VARIABLE_MAX];
    char *environment[ENVIRONMENT_MAX + 1];
    int handover, control, memory;
    pid_t parent;
};

static void free_handover_at (struct ym_handover **h)
{
    ym_handover_free (*h);
}

static int put_keys (struct ym_handover *h, const struct keys *keys, enum ym_actor_id actor)
{
    int rc = ym_handover_put (h, "bus_secret", keys->secret[actor]);
    for (unsigned peer = 0; peer < YM_ACTORS && !rc; peer++) {
        char name[80];
        (void)ym_text_format (name, sizeof name, "bus_public.%s", ym_actor_rows[peer].name);
        rc = ym_handover_put (h, name, keys->public[peer]);
    }
    return rc;
}

static int put_door (struct ym_handover *h, const struct config *config,
                     const struct keys *keys, const struct ym_actor_row *row)
{
    if (!*row->door)
        return 0;
    const struct ym_setting *door = ym_setting_find ("doors", row->door);
    ym_assert (door != NULL);
    int rc = ym_handover_put (h, "door_secret", keys->door_secret);
    return rc ? rc : ym_handover_put (h, "door", config->values[door - ym_settings].text);
}

static int put_settings (struct ym_handover *h, const struct config *config)
{
    int rc = 0;
    for (unsigned i = 0; i < CONFIG_SETTINGS && !rc; i++)
        rc = ym_handover_put (h, ym_settings[i].name, config->values[i].text);
    return rc;
}

int spawn_handover (const struct config *config, const struct keys *keys,
                    enum ym_actor_id actor, uint64_t incarnation)
{
    __attribute__ ((cleanup (free_handover_at))) struct ym_handover *h = ym_handover_new ();
    const struct ym_actor_row *row = &ym_actor_rows[actor];
    char number[24];
    (void)ym_text_format (number, sizeof number, "%" PRIu64, incarnation);

    int rc = ym_handover_put (h, "name", row->name);
    rc = rc ? rc : ym_handover_put (h, "argument", row->argument);
    rc = rc ? rc : ym_handover_put (h, "incarnation", number);
    rc = rc ? rc : ym_handover_put (h, "role", row->role);
    rc = rc ? rc : put_keys (h, keys, actor);
    rc = rc ? rc : put_door (h, config, keys, row);
    rc = rc ? rc : put_settings (h, config);
    return rc ? rc : ym_handover_seal (h);
}

/* A clean environment: variables steer libpq, ZeroMQ and the loader. */
static void choose_environment (struct launch *launch)
{
    static const char *const names[] = {
        "PATH",    "LANG", "YM_LOG", "JOURNAL_STREAM",
#ifdef YM_FAILPOINTS
        "YM_FAIL",
#endif
    };
    unsigned count = 0;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv (names[i]);
        char *variable = launch->variables[count];
        if (value && ym_text_format (variable, VARIABLE_MAX, "%s=%s", names[i], value))
            launch->environment[count++] = variable;
    }
    launch->environment[count] = NULL;
}

_Noreturn static void give_up (int control, const char *what, const char *path)
{
    char line[PATH_ROOM + 200];
    (void)ym_text_format (line, sizeof line, "STATUS cannot %s %s: %s", what, path,
                          strerror (errno));
    (void)send (control, line, strlen (line), MSG_NOSIGNAL);
    _exit (EXIT_CANNOT_RUN);
}

static int tie_to_parent (pid_t parent)
{
    if (prctl (PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    /* It may have died before the line above: then nothing would ever be sent. */
    if (getppid () != parent)
        _exit (EXIT_CANNOT_RUN);
    /* Ctrl-C at a terminal is for the supervisor, which then stops everybody in order. */
    if (setpgid (0, 0) < 0)
        return -errno;
    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    struct rlimit none = {0, 0};
    return setrlimit (RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

static int reset_signals (void)
{
    sigset_t none;
    if (sigemptyset (&none) < 0 || sigprocmask (SIG_SETMASK, &none, NULL) < 0)
        return -errno;
    return signal (SIGPIPE, SIG_DFL) == SIG_ERR ? -errno : 0;
}

/* They may stand at 3 to 5 in any order, so all go out of the way first. */
static int place_descriptors (const struct launch *launch)
{
    int null = open ("/dev/null", O_RDONLY);
    int handover = fcntl (launch->handover, F_DUPFD_CLOEXEC, 10);
    int control = fcntl (launch->control, F_DUPFD_CLOEXEC, 10);
    int memory = fcntl (launch->memory, F_DUPFD_CLOEXEC, 10);
    if (null < 0 || handover < 0 || control < 0 || memory < 0 ||
        dup2 (null, STDIN_FILENO) < 0 || dup2 (handover, YM_FD_HANDOVER) < 0 ||
        dup2 (control, YM_FD_CONTROL) < 0 || dup2 (memory, YM_FD_MEMORY) < 0)
        return -errno;
    return close_range (YM_FD_MEMORY + 1, ~0U, 0) < 0 ? -errno : 0;
}

_Noreturn static void become (struct launch *launch)
{
    if (tie_to_parent (launch->parent) < 0 || reset_signals () < 0)
        give_up (launch->control, "prepare", launch->path);
    if (place_descriptors (launch) < 0)
        give_up (launch->control, "place the descriptors of", launch->path);
    char *arguments[] = {launch->path, NULL};
    execve (launch->path, arguments, launch->environment);
    give_up (YM_FD_CONTROL, "run", launch->path);
}

/* A child without a pidfd cannot be watched: it is ended at once. */
static int watch (pid_t pid, int *ret_pidfd)
{
    int fd = pidfd_open (pid, 0);
    if (fd >= 0) {
        *ret_pidfd = fd;
        return 0;
    }
    int rc = -errno;
    (void)kill (pid, SIGKILL);
    (void)waitpid (pid, NULL, 0);
    return rc;
}

static int launch_child (struct launch *launch, struct child *ret)
{
    pid_t pid = fork ();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become (launch);
    int rc = watch (pid, &ret->pidfd);
    if (!rc)
        ret->pid = pid;
    return rc;
}

int spawn_memory (void)
{
    _close_ int fd = memfd_create ("ym-memory", MFD_CLOEXEC);
    int made = fd;

    if (fd < 0 || ftruncate (fd, YM_MEMORY_SIZE) < 0)
        return -errno;
    fd = -1;
    return made;
}

int spawn_actor (const struct config *config, const struct keys *keys, enum ym_actor_id actor,
                 uint64_t incarnation, int memory, struct child *ret)
{
    static struct launch launch; /* large, and needed only here */
    if (!ym_text_format (launch.path, sizeof launch.path, "%s/%s",
                         config_text (config, CONFIG_program_directory),
                         ym_actor_rows[actor].program))
        return -ENAMETOOLONG;
    choose_environment (&launch);
    launch.parent = getpid ();

    _close_ int handover = spawn_handover (config, keys, actor, incarnation);
    if (handover < 0)
        return handover;
    int pair[2];
    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    _close_ int ours = pair[0];
    _close_ int theirs = pair[1];
    if (fcntl (ours, F_SETFL, O_NONBLOCK) < 0)
        return -errno;

    launch.handover = handover;
    launch.control = theirs;
    launch.memory = memory;
    int rc = launch_child (&launch, ret);
    if (rc)
        return rc;
    ret->control = ours;
    ours = -1;
    return 0;
}

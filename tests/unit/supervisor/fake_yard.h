/* fake_yard.h - a whole yard for tests: the test binary is yardmasterd and every actor too.
 *
 * A constructor looks at the name the binary was started by: "yardmasterd" runs the supervisor,
 * "ym-..." plays an actor, anything else is the test. How an actor plays is one word in the
 * file fake.<actor> of the run directory, read at its start:
 *
 *   (no file)  READY, BEAT, exit 0 on STOP     crash   exit 3 at once
 *   late       never READY                     silent  READY, then never BEAT
 *   deaf       READY, BEAT, ignores STOP       hangup  READY, then closes its control socket
 *
 * Everything lies in a directory of its own; what a test starts dies with it.
 */
#ifndef YM_TEST_FAKE_YARD_H
#define YM_TEST_FAKE_YARD_H
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/base/time.h"
#include "common/handover/handover.h"
#include "supervisor/supervisor.h"
#include "supervisor/z85.h"

enum { FAKE_LIMIT_MS = 30000, FAKE_PAUSE_US = 5000, FAKE_PATH_MAX = 120 };

/* ---- the actor ---- */

static const char *fake_way (const char *run, const char *name)
{
    static char word[16];
    char path[256];
    (void)ym_text_format (path, sizeof path, "%s/fake.%s", run, name);
    FILE *file = fopen (path, "re");
    if (!file)
        return "";
    if (fscanf (file, "%15s", word) != 1)
        word[0] = '\0';
    (void)fclose (file);
    return word;
}

static void fake_note (const char *run, const char *file, const char *text)
{
    char path[256];
    (void)ym_text_format (path, sizeof path, "%s/%s", run, file);
    FILE *to = fopen (path, "ae");
    if (!to)
        _exit (90);
    (void)fprintf (to, "%s\n", text);
    (void)fclose (to);
}

/* What a test wants to know about how the process was made. */
static void fake_note_world (const char *run, const char *name, char **environment)
{
    char file[80], line[80];
    (void)ym_text_format (file, sizeof file, "world.%s", name);
    for (char **variable = environment; *variable; variable++)
        fake_note (run, file, *variable);
    for (int fd = 0; fd < 64; fd++) {
        if (fcntl (fd, F_GETFD) < 0)
            continue;
        (void)ym_text_format (line, sizeof line, "fd %d", fd);
        fake_note (run, file, line);
    }
    (void)ym_text_format (line, sizeof line, "no_new_privs %d",
                          prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    fake_note (run, file, line);
}

static void fake_say (const char *line)
{
    if (send (YM_FD_CONTROL, line, strlen (line), MSG_NOSIGNAL) < 0)
        _exit (0);
}

static void fake_serve (const struct ym_handover *h, const char *way)
{
    const char *run = ym_handover_text (h, "run_directory"),
               *name = ym_handover_text (h, "name");
    struct pollfd control = {.fd = YM_FD_CONTROL, .events = POLLIN};
    for (;;) {
        char line[64];
        int beat_ms = (int)ym_handover_number (h, "beat_ms");
        ssize_t size = poll (&control, 1, beat_ms) > 0 ? recv (YM_FD_CONTROL, line, 63, 0) : -1;
        if (size == 0)
            _exit (0);
        line[size > 0 ? size : 0] = '\0';
        if (strcmp (line, "RELOAD") == 0)
            fake_note (run, "reloaded", name);
        if (strcmp (line, "STOP") == 0 && strcmp (way, "deaf") != 0) {
            fake_note (run, "stopped", name);
            _exit (0);
        }
        if (strcmp (way, "silent") != 0 && strcmp (way, "late") != 0)
            fake_say ("BEAT");
    }
}

static void fake_actor (char **environment)
{
    struct ym_handover *h = NULL;
    if (ym_handover_read (YM_FD_HANDOVER, &h) != 0)
        _exit (91);
    const char *run = ym_handover_text (h, "run_directory"),
               *name = ym_handover_text (h, "name");
    const char *way = fake_way (run, name);
    if (strcmp (way, "crash") == 0)
        _exit (3);
    fake_note_world (run, name, environment);
    if (strcmp (way, "late") != 0)
        fake_say ("READY");
    if (strcmp (way, "hangup") == 0) {
        (void)close (YM_FD_CONTROL);
        for (;;)
            (void)pause ();
    }
    fake_serve (h, way);
}

__attribute__ ((constructor)) static void fake_be (int argc, char **argv, char **environment)
{
    const char *slash = argc > 0 ? strrchr (argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    if (strncmp (name, "ym-", 3) == 0)
        fake_actor (environment);
    if (strcmp (name, "yardmasterd") == 0)
        exit (supervisor_main (argc, argv));
}

/* ---- the test's side ---- */

struct fake_yard {
    char directory[FAKE_PATH_MAX / 2], run[FAKE_PATH_MAX], config[FAKE_PATH_MAX],
        key[FAKE_PATH_MAX], log[FAKE_PATH_MAX];
    int notify;
    pid_t daemon;
};

static char fake_directory[FAKE_PATH_MAX / 2];
static pid_t fake_daemon;

struct fake_row {
    int pid;
    uint64_t incarnation;
    char state[20];
    unsigned restarts;
};

static void fake_write (const char *path, mode_t mode, const char *text)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    cr_assert (fd >= 0 && fchmod (fd, mode) == 0);
    cr_assert (write (fd, text, strlen (text)) == (ssize_t)strlen (text));
    cr_assert (close (fd) == 0);
}

static char *fake_read (const char *path)
{
    static char text[65536];
    text[0] = '\0';
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read (fd, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    if (fd >= 0)
        (void)close (fd);
    return text;
}

static char *fake_read_run (const struct fake_yard *y, const char *name)
{
    char path[FAKE_PATH_MAX * 2];
    (void)ym_text_format (path, sizeof path, "%s/%s", y->run, name);
    return fake_read (path);
}

static void fake_play (const struct fake_yard *y, const char *actor, const char *way)
{
    char path[FAKE_PATH_MAX * 2];
    (void)ym_text_format (path, sizeof path, "%s/fake.%s", y->run, actor);
    fake_write (path, 0600, way);
}

static void fake_write_key (const char *path, mode_t mode)
{
    uint8_t public[32], secret[32];
    char text[300], public_text[41], secret_text[41];
    cr_assert (crypto_box_keypair (public, secret) == 0);
    z85_encode (public_text, public);
    z85_encode (secret_text, secret);
    (void)ym_text_format (text, sizeof text,
                          "#   a secret certificate\nmetadata\n    name = \"door\"\ncurve\n"
                          "    public-key = \"%s\"\n    secret-key = \"%s\"\n",
                          public_text, secret_text);
    fake_write (path, mode, text);
}

static void fake_configure (const struct fake_yard *y, const char *actors)
{
    char text[1200];
    (void)ym_text_format (text, sizeof text,
                          "profile: fast\nrun_directory: %s\nprogram_directory: %s\n"
                          "doors:\n  door_key: door.key_secret\n"
                          "actors:\n  beat_ms: 50\n%s",
                          y->run, y->directory, actors);
    fake_write (y->config, 0600, text);
}

static void fake_link_programs (const struct fake_yard *y)
{
    char self[512] = "", path[FAKE_PATH_MAX * 2];
    cr_assert (readlink ("/proc/self/exe", self, sizeof self - 1) > 0);
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        (void)ym_text_format (path, sizeof path, "%s/%s", y->directory,
                              ym_actor_rows[i].program);
        cr_assert (symlink (self, path) == 0 || errno == EEXIST);
    }
}

static void fake_listen (struct fake_yard *y)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)ym_text_format (address.sun_path, sizeof address.sun_path, "%s/notify", y->directory);
    y->notify = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert (y->notify >= 0);
    cr_assert (bind (y->notify, (struct sockaddr *)&address, sizeof address) == 0);
}

static struct fake_yard fake_new (const char *actors)
{
    struct fake_yard y = {.daemon = -1};
    const char *base = getenv ("TMPDIR");
    if (!base || strlen (base) > 30)
        base = "/tmp";
    (void)ym_text_format (y.directory, sizeof y.directory, "%s/ym-yard-XXXXXX", base);
    cr_assert (mkdtemp (y.directory) != NULL);
    (void)ym_text_copy (fake_directory, sizeof fake_directory, y.directory);
    (void)ym_text_format (y.run, sizeof y.run, "%s/run", y.directory);
    (void)ym_text_format (y.config, sizeof y.config, "%s/yard.yaml", y.directory);
    (void)ym_text_format (y.key, sizeof y.key, "%s/door.key_secret", y.directory);
    (void)ym_text_format (y.log, sizeof y.log, "%s/log", y.directory);
    cr_assert (mkdir (y.run, 0700) == 0);
    cr_assert (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
    fake_write_key (y.key, 0600);
    fake_link_programs (&y);
    fake_configure (&y, actors);
    fake_listen (&y);
    return y;
}

static void fake_become_daemon (const struct fake_yard *y, pid_t parent, const char *option)
{
    char notify[FAKE_PATH_MAX];
    (void)ym_text_format (notify, sizeof notify, "NOTIFY_SOCKET=%s/notify", y->directory);
    const char *arguments[] = {"yardmasterd", "--config", y->config, option, NULL};
    const char *environment[] = {notify,
                                 "WATCHDOG_USEC=300000",
                                 "PATH=/usr/bin:/bin",
                                 "ZSYS_LOGSENDER=x",
                                 "PGOPTIONS=x",
                                 "LANG=C.UTF-8",
                                 NULL};
    int log = open (y->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || dup2 (log, STDOUT_FILENO) < 0 || dup2 (log, STDERR_FILENO) < 0 ||
        prctl (PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid () != parent)
        _exit (92);
    execve ("/proc/self/exe", (char *const *)arguments, (char *const *)environment);
    _exit (93);
}

/* 'option' may be NULL. */
static pid_t fake_start_daemon (const struct fake_yard *y, const char *option)
{
    pid_t parent = getpid (), pid = fork ();
    cr_assert (pid >= 0);
    if (pid == 0)
        fake_become_daemon (y, parent, option);
    return pid;
}

static void fake_start (struct fake_yard *y)
{
    y->daemon = fake_daemon = fake_start_daemon (y, NULL);
}

/* All that the service manager was told, one message after the other; what a test asked for is
 * read. The socket must be emptied while a test waits for anything: its queue is short. */
static char fake_told[65536], *fake_unread = fake_told;

static void fake_listen_more (const struct fake_yard *y)
{
    size_t used = strlen (fake_told);
    for (;;) {
        ssize_t size = recv (y->notify, fake_told + used, sizeof fake_told - used - 2, 0);
        if (size <= 0)
            return;
        used += (size_t)size;
        fake_told[used++] = '\n';
        fake_told[used] = '\0';
    }
}

static int fake_wait (pid_t pid)
{
    int status = 0;
    int64_t limit = ym_time_mono_ms () + FAKE_LIMIT_MS;
    pid_t ended;
    while ((ended = waitpid (pid, &status, WNOHANG)) == 0) {
        cr_assert (ym_time_mono_ms () < limit, "process %d did not end", (int)pid);
        (void)usleep (FAKE_PAUSE_US);
    }
    cr_assert (ended == pid, "process %d is not ours", (int)pid);
    if (pid == fake_daemon)
        fake_daemon = 0;
    return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

static int fake_remove_one (const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove (path);
}

/* Also after a test that failed half way: see TestSuite. */
static void fake_clean_up (void)
{
    if (!fake_directory[0])
        return;
    if (fake_daemon > 0)
        (void)kill (fake_daemon, SIGKILL);
    while (waitpid (-1, NULL, 0) > 0) {
    }
    cr_expect (nftw (fake_directory, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    fake_directory[0] = '\0';
}

static void fake_end (struct fake_yard *y)
{
    fake_daemon = y->daemon;
    fake_clean_up ();
    (void)close (y->notify);
}

static struct fake_row fake_find (const struct fake_yard *y, const char *actor)
{
    struct fake_row row = {0};
    size_t size = strlen (actor);
    for (char *line = fake_read_run (y, "actors"); line && *line;
         line = strchr (line, '\n') ? strchr (line, '\n') + 1 : NULL)
        if (strncmp (line, actor, size) == 0 && line[size] == ' ')
            (void)sscanf (line + size, "%d %" SCNu64 " %19s %u", &row.pid, &row.incarnation,
                          row.state, &row.restarts);
    return row;
}

/* Waits until that actor is in that state with another process than 'not_pid'. */
static struct fake_row fake_wait_state (const struct fake_yard *y, const char *actor,
                                        const char *state, int not_pid)
{
    int64_t limit = ym_time_mono_ms () + FAKE_LIMIT_MS;
    for (;;) {
        struct fake_row row = fake_find (y, actor);
        if (strcmp (row.state, state) == 0 && row.pid != not_pid)
            return row;
        fake_listen_more (y);
        cr_assert (ym_time_mono_ms () < limit, "%s is %s, not %s; log:\n%s", actor, row.state,
                   state, fake_read (y->log));
        (void)usleep (FAKE_PAUSE_US);
    }
}

static void fake_wait_all_ready (const struct fake_yard *y)
{
    for (unsigned i = 0; i < YM_ACTORS; i++)
        (void)fake_wait_state (y, ym_actor_rows[i].name, "ready", 0);
}

static void fake_wait_notify (const struct fake_yard *y, const char *wanted)
{
    int64_t limit = ym_time_mono_ms () + FAKE_LIMIT_MS;
    for (;;) {
        fake_listen_more (y);
        char *found = strstr (fake_unread, wanted);
        if (found) {
            fake_unread = found + strlen (wanted);
            return;
        }
        cr_assert (ym_time_mono_ms () < limit, "never told %s; log:\n%s", wanted,
                   fake_read (y->log));
        (void)usleep (FAKE_PAUSE_US);
    }
}

static void fake_wait_log (const struct fake_yard *y, const char *wanted)
{
    int64_t limit = ym_time_mono_ms () + FAKE_LIMIT_MS;
    while (!strstr (fake_read (y->log), wanted)) {
        fake_listen_more (y);
        cr_assert (ym_time_mono_ms () < limit, "no \"%s\" in:\n%s", wanted, fake_read (y->log));
        (void)usleep (FAKE_PAUSE_US);
    }
}
#endif

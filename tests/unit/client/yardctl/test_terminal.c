/* test_terminal.c - yardctl on a terminal: it asks before it stops work, with the plan before
 * one's eyes, and top gives the screen back. The test plays the yard and the person. */
#include "tests/unit/client/libyard/fake_door.h"

#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <utmp.h>

#include "client/yardctl/ctl.h"

enum { JOB = 12345, SHOWN = 65536 };
#define NAME "job_0000000000c1s"

struct terminal {
    int fd, own; /* 'own' keeps the terminal's other side open, to look at its settings */
    pid_t child;
    char shown[SHOWN];
    size_t size;
};

static void set_yard (const struct fake_door *d)
{
    cr_assert_eq (setenv ("YARD_ENDPOINT", d->endpoint, 1), 0);
    cr_assert_eq (setenv ("YARD_SERVER_KEY", d->server_key, 1), 0);
    cr_assert_eq (setenv ("YARD_CERT", d->cert_file, 1), 0);
    cr_assert_eq (setenv ("TERM", "dumb", 1), 0);
    cr_assert_eq (unsetenv ("YARD_OUTPUT"), 0);
    cr_assert_eq (unsetenv ("YARD_CONTEXT"), 0);
}

static void begin (struct terminal *t, const struct fake_door *d, const char *const *args)
{
    char *argv[8] = {0};

    for (size_t i = 0; args[i]; i++)
        argv[i] = strdup (args[i]);

    *t = (struct terminal){0};
    set_yard (d);
    cr_assert_eq (openpty (&t->fd, &t->own, NULL, NULL, NULL), 0);
    t->child = fork ();
    cr_assert_geq (t->child, 0);
    if (t->child == 0) {
        (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
        (void)close (t->fd);
        if (login_tty (t->own) == 0)
            (void)execv (YM_BINARY_DIR "/bin/yardctl", argv);
        _exit (127);
    }
    for (size_t i = 0; argv[i]; i++)
        free (argv[i]);
}

static void read_some (struct terminal *t, int wait_ms)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    ssize_t got;

    if (poll (&p, 1, wait_ms) <= 0 || t->size + 1 >= SHOWN)
        return;
    got = read (t->fd, t->shown + t->size, SHOWN - 1 - t->size);
    t->size += got > 0 ? (size_t)got : 0;
    t->shown[t->size] = '\0';
}

static void await_text (struct terminal *t, const char *text)
{
    int64_t until = ym_time_mono_ms () + PATIENCE_MS;

    while (!strstr (t->shown, text)) {
        cr_assert_lt (ym_time_mono_ms (), until, "no '%s' in: %s", text, t->shown);
        read_some (t, 100);
    }
}

static void say (const struct terminal *t, const char *text)
{
    cr_assert_eq (write (t->fd, text, strlen (text)), (ssize_t)strlen (text));
}

static int end (struct terminal *t)
{
    int64_t until = ym_time_mono_ms () + PATIENCE_MS;
    int status = 0;

    while (waitpid (t->child, &status, WNOHANG) == 0) {
        cr_assert_lt (ym_time_mono_ms (), until, "it goes on: %s", t->shown);
        read_some (t, 10);
    }
    while (t->size + 1 < SHOWN) {
        size_t before = t->size;
        read_some (t, 0);
        if (t->size == before)
            break;
    }
    cr_assert (WIFEXITED (status), "%d", status);
    return WEXITSTATUS (status);
}

static void close_terminal (struct terminal *t)
{
    (void)close (t->fd);
    (void)close (t->own);
}

/* --- asking --- */

static void play_plan (struct fake_door *d)
{
    struct ym_effect effect = {ym_str ("its agent is told to stop")};
    const struct ym_job_act *m = fake_expect (d, YM_MSG_job_act);

    cr_assert (m->plan && m->verb == YM_DO_SUSPEND);
    fake_answer (d, YM_MSG_planned,
                 &(struct ym_planned){.version = 17, .effects = {&effect, 1}});
}

static void play_suspend (struct fake_door *d)
{
    const struct ym_job_act *m = fake_expect (d, YM_MSG_job_act);

    cr_assert_not (m->plan);
    cr_assert (m->has & YM_HAS (job_act, version) && m->version == 17,
               "done to what was shown");
    fake_answer (
        d, YM_MSG_done,
        &(struct ym_done){.has = YM_HAS (done, state), .version = 18, .state = YM_JOB_STARTED});
}

static const char *const suspend[] = {"yardctl", "job", "suspend", NAME, NULL};

Test (terminal, a_plan_is_shown_before_the_question, .timeout = 60)
{
    struct fake_door d;
    struct terminal t;

    fake_start (&d, false);
    begin (&t, &d, suspend);
    play_plan (&d);
    await_text (&t, "would: its agent is told to stop");
    await_text (&t, "Do it? [y/N]");
    say (&t, "y\n");
    play_suspend (&d);
    cr_assert_eq (end (&t), 0);
    cr_assert_not_null (strstr (t.shown, NAME " STARTED"), "%s", t.shown);
    close_terminal (&t);
    fake_stop (&d);
}

Test (terminal, without_a_yes_nothing_is_done, .timeout = 60)
{
    struct fake_door d;
    struct terminal t;

    fake_start (&d, false);
    begin (&t, &d, suspend);
    play_plan (&d);
    await_text (&t, "Do it? [y/N]");
    say (&t, "n\n");
    cr_assert_eq (end (&t), CTL_USAGE);
    cr_assert_not_null (strstr (t.shown, "nothing was done"), "%s", t.shown);
    cr_assert_not (fake_take (&d, 50));
    close_terminal (&t);
    fake_stop (&d);
}

Test (terminal, with_yes_there_is_no_question, .timeout = 60)
{
    static const char *const sure[] = {"yardctl", "job", "suspend", NAME, "--yes", NULL};
    const struct ym_job_act *m;
    struct fake_door d;
    struct terminal t;

    fake_start (&d, false);
    begin (&t, &d, sure);
    m = fake_expect (&d, YM_MSG_job_act);
    cr_assert_not (m->plan || m->has & YM_HAS (job_act, version));
    fake_answer (&d, YM_MSG_done, &(struct ym_done){.version = 18});
    cr_assert_eq (end (&t), 0);
    close_terminal (&t);
    fake_stop (&d);
}

/* --- top --- */

static void play_picture (struct fake_door *d)
{
    (void)fake_expect (d, YM_MSG_yard_get);
    fake_answer (d, YM_MSG_yard_status,
                 &(struct ym_yard_status){.version = "9.9", .now = 1, .database = true});
    for (size_t i = 0; i < 3; i++) {
        (void)fake_expect (d, YM_MSG_queue_get);
        fake_answer (d, YM_MSG_queue_status, &(struct ym_queue_status){.reason = ym_str ("")});
    }
    (void)fake_expect (d, YM_MSG_load_get);
    fake_answer (d, YM_MSG_load_page, &(struct ym_load_page){.agents = 3});
    (void)fake_expect (d, YM_MSG_agent_list);
    fake_answer (d, YM_MSG_agent_page, &(struct ym_agent_page){0});
}

static bool is_cooked (const struct terminal *t)
{
    struct termios now;

    cr_assert_eq (tcgetattr (t->own, &now), 0);
    return now.c_lflag & ICANON && now.c_lflag & ECHO && now.c_lflag & ISIG;
}

static void look_at_top (void (*leave) (const struct terminal *t))
{
    static const char *const top[] = {"yardctl", "top", NULL};
    struct fake_door d;
    struct terminal t;

    fake_start (&d, false);
    begin (&t, &d, top);
    play_picture (&d);
    await_text (&t, "yard 9.9");
    cr_assert_not_null (strstr (t.shown, "\033[?1049h"), "a screen of its own");
    cr_assert_not (is_cooked (&t));
    play_picture (&d); /* again, after a second */
    leave (&t);
    cr_assert_eq (end (&t), 0);
    cr_assert (is_cooked (&t), "the terminal is as it was");
    cr_assert_not_null (strstr (t.shown, "\033[?25h\033[?1049l"), "the screen is given back");
    close_terminal (&t);
    fake_stop (&d);
}

static void press_q (const struct terminal *t)
{
    say (t, "q");
}

static void press_control_c (const struct terminal *t)
{
    say (t, "\003");
}

static void be_terminated (const struct terminal *t)
{
    cr_assert_eq (kill (t->child, SIGTERM), 0);
}

Test (terminal, top_ends_with_q, .timeout = 60)
{
    look_at_top (press_q);
}

Test (terminal, top_ends_with_control_c, .timeout = 60)
{
    look_at_top (press_control_c);
}

Test (terminal, top_gives_the_screen_back_when_it_is_ended, .timeout = 60)
{
    look_at_top (be_terminated);
}

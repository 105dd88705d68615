/* test_yard.c - the supervisor with real processes: see fake_yard.h. */
#include "tests/unit/supervisor/fake_yard.h"

TestSuite (yard, .timeout = 100, .fini = fake_clean_up);

Test (yard, starts_in_order_and_stops_in_reverse)
{
    struct fake_yard y = fake_new ("");
    fake_start (&y);
    fake_wait_notify (&y, "READY=1");
    fake_wait_notify (&y, "STATUS=5 of 5 actors ready");
    const char *log = fake_read (y.log);
    for (unsigned i = 0; i + 1 < YM_ACTORS; i++) {
        char ready[80], next[80];
        (void)ym_text_format (ready, sizeof ready, "actor_ready actor=supervisor name=%s ",
                              ym_actor_rows[i].name);
        (void)ym_text_format (next, sizeof next, "actor_started actor=supervisor name=%s ",
                              ym_actor_rows[i + 1].name);
        const char *first = strstr (log, ready), *second = strstr (log, next);
        cr_expect (first && second && first < second, "%s before %s in:\n%s", ready, next, log);
    }

    cr_assert (kill (y.daemon, SIGTERM) == 0);
    fake_wait_notify (&y, "STOPPING=1");
    cr_expect (fake_wait (y.daemon) == 0);
    y.daemon = -1;
    char wanted[400] = "";
    for (unsigned i = YM_ACTORS; i-- > 0;) {
        (void)strcat (wanted, ym_actor_rows[i].name);
        (void)strcat (wanted, "\n");
    }
    cr_expect_str_eq (fake_read_run (&y, "stopped"), wanted);
    fake_end (&y);
}

Test (yard, gives_an_actor_a_clean_world)
{
    struct fake_yard y = fake_new ("");
    fake_start (&y);
    fake_wait_all_ready (&y);
    const char *world = fake_read_run (&y, "world.intake");
    cr_expect (strstr (world, "PATH=/usr/bin:/bin\n") && strstr (world, "LANG=C.UTF-8\n"));
    cr_expect (!strstr (world, "NOTIFY_SOCKET") && !strstr (world, "ZSYS_") &&
               !strstr (world, "PGOPTIONS"));
    /* 3, the handover, was read and closed; 5 is the memory, which the actors of the yard
     * close. */
    cr_expect (strstr (world, "fd 0\nfd 1\nfd 2\nfd 4\nfd 5\nno_new_privs 1\n"), "%s", world);

    struct stat st;
    char path[FAKE_PATH_MAX * 2];
    (void)ym_text_format (path, sizeof path, "%s/actors", y.run);
    cr_expect (stat (path, &st) == 0 && (st.st_mode & 07777) == 0600);
    fake_end (&y);
}

Test (yard, replaces_an_actor_that_was_killed)
{
    struct fake_yard y = fake_new ("");
    fake_start (&y);
    fake_wait_all_ready (&y);
    struct fake_row before = fake_find (&y, "queue-standard");
    struct fake_row other = fake_find (&y, "intake");
    cr_assert (kill (before.pid, SIGKILL) == 0);
    struct fake_row after = fake_wait_state (&y, "queue-standard", "ready", before.pid);
    cr_expect (after.incarnation > other.incarnation);
    cr_expect (after.restarts == 1);
    cr_expect (fake_find (&y, "intake").pid == other.pid);
    cr_expect (strstr (fake_read (y.log), "signal 9 (KILL)"));
    fake_end (&y);
}

Test (yard, replaces_an_actor_that_hangs)
{
    struct fake_yard y = fake_new ("  silent_ms: 300\n");
    fake_start (&y);
    fake_wait_all_ready (&y);
    struct fake_row before = fake_find (&y, "assignment");
    cr_assert (kill (before.pid, SIGSTOP) == 0);
    (void)fake_wait_state (&y, "assignment", "ready", before.pid);
    fake_wait_log (&y, "signal=ABRT why=silent");
    fake_wait_log (&y, "signal=KILL why=\"survived SIGABRT\"");
    fake_end (&y);
}

Test (yard, ends_an_actor_that_hangs_up)
{
    struct fake_yard y = fake_new ("");
    fake_play (&y, "queue-platinum", "hangup");
    fake_start (&y);
    fake_wait_log (&y, "signal=KILL why=\"closed its control socket\"");
    fake_play (&y, "queue-platinum", "good");
    (void)fake_wait_state (&y, "queue-platinum", "ready", 0);
    fake_end (&y);
}

Test (yard, marks_an_actor_failed_that_crashes_and_serves_with_the_rest)
{
    struct fake_yard y = fake_new ("  crash_loop: 2\n  restart_most_ms: 100\n");
    fake_play (&y, "queue-premium", "crash");
    fake_start (&y);
    fake_wait_notify (&y, "READY=1");
    fake_wait_notify (&y, "STATUS=queue-premium failed, 4 of 5 ready");
    struct fake_row row = fake_find (&y, "queue-premium");
    cr_expect_str_eq (row.state, "failed");
    cr_expect (row.pid == 0 && row.restarts == 2);
    cr_expect (strstr (fake_read (y.log), "why=\"too many restarts\""));
    cr_expect_str_eq (fake_find (&y, "intake").state, "ready");
    fake_end (&y);
}

Test (yard, ends_with_70_when_three_are_marked_failed)
{
    struct fake_yard y = fake_new ("  crash_loop: 1\n  restart_most_ms: 100\n");
    fake_play (&y, "queue-standard", "crash");
    fake_play (&y, "queue-premium", "crash");
    fake_play (&y, "queue-platinum", "crash");
    fake_start (&y);
    cr_expect (fake_wait (y.daemon) == 70);
    y.daemon = -1;
    cr_expect (strstr (fake_read (y.log), "yard_broken"));
    cr_expect (strstr (fake_read_run (&y, "stopped"), "assignment"));
    fake_end (&y);
}

Test (yard, goes_on_when_an_actor_is_late)
{
    struct fake_yard y = fake_new ("  ready_ms: 200\n");
    fake_play (&y, "assignment", "late");
    fake_start (&y);
    (void)fake_wait_state (&y, "intake", "ready", 0);
    cr_expect (strstr (fake_read (y.log), "why=\"not ready in time\""));
    fake_end (&y);
}

Test (yard, kills_an_actor_that_does_not_stop)
{
    struct fake_yard y = fake_new ("  stop_ms: 150\n");
    fake_play (&y, "queue-premium", "deaf");
    fake_start (&y);
    fake_wait_all_ready (&y);
    cr_assert (kill (y.daemon, SIGINT) == 0);
    cr_expect (fake_wait (y.daemon) == 0);
    y.daemon = -1;
    cr_expect (strstr (fake_read (y.log), "why=\"did not stop in time\""));
    cr_expect_str_eq (fake_read_run (&y, "stopped"),
                      "intake\nqueue-platinum\nqueue-standard\nassignment\n");
    fake_end (&y);
}

Test (yard, does_not_wait_when_told_twice)
{
    struct fake_yard y = fake_new ("  stop_ms: 600000\n");
    fake_play (&y, "intake", "deaf");
    fake_start (&y);
    fake_wait_all_ready (&y);
    cr_assert (kill (y.daemon, SIGTERM) == 0);
    (void)fake_wait_state (&y, "intake", "stopping", 0);
    cr_assert (kill (y.daemon, SIGTERM) == 0);
    cr_expect (fake_wait (y.daemon) == 0);
    y.daemon = -1;
    fake_end (&y);
}

Test (yard, leaves_nothing_behind_when_killed)
{
    struct fake_yard y = fake_new ("");
    fake_start (&y);
    fake_wait_all_ready (&y);
    int pids[YM_ACTORS];
    for (unsigned i = 0; i < YM_ACTORS; i++)
        pids[i] = fake_find (&y, ym_actor_rows[i].name).pid;
    uint64_t last = fake_find (&y, "intake").incarnation;
    cr_assert (kill (y.daemon, SIGKILL) == 0);
    cr_expect (fake_wait (y.daemon) == 128 + SIGKILL);
    /* By the kernel's signal, or by themselves at the end of their control socket. */
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        int end = fake_wait (pids[i]);
        cr_expect (end == 128 + SIGKILL || end == 0, "%s: %d", ym_actor_rows[i].name, end);
    }

    fake_start (&y);
    cr_expect (fake_wait_state (&y, "assignment", "ready", pids[0]).incarnation > last);
    fake_end (&y);
}

Test (yard, refuses_a_second_daemon)
{
    struct fake_yard y = fake_new ("");
    fake_start (&y);
    fake_wait_all_ready (&y);
    int before = fake_find (&y, "intake").pid;
    cr_expect (fake_wait (fake_start_daemon (&y, NULL)) == SUPERVISOR_EXIT_CONFIG);
    char wanted[200];
    (void)ym_text_format (wanted, sizeof wanted, "another yardmasterd (pid %d) runs in %s\n",
                          (int)y.daemon, y.run);
    cr_expect (strstr (fake_read (y.log), wanted), "%s", fake_read (y.log));
    cr_expect (fake_find (&y, "intake").pid == before);
    fake_end (&y);
}

Test (yard, reloads)
{
    struct fake_yard y = fake_new ("");
    fake_start (&y);
    fake_wait_all_ready (&y);
    fake_configure (&y, "  silent_ms: nonsense\n");
    cr_assert (kill (y.daemon, SIGHUP) == 0);
    fake_wait_notify (&y, "RELOADING=1");
    fake_wait_notify (&y, "READY=1");
    fake_wait_log (&y, "line=8 column=14");
    fake_wait_log (&y, "reload_refused");
    cr_expect_str_eq (fake_read_run (&y, "reloaded"), "");

    fake_configure (&y, "  silent_ms: 4321\n");
    cr_assert (kill (y.daemon, SIGHUP) == 0);
    fake_wait_log (&y, "name=silent_ms old=1500 new=4321");
    fake_wait_log (&y, "reloaded");
    int64_t limit = ym_time_mono_ms () + FAKE_LIMIT_MS;
    while (!strstr (fake_read_run (&y, "reloaded"), "intake") && ym_time_mono_ms () < limit)
        (void)usleep (FAKE_PAUSE_US);
    cr_expect (strstr (fake_read_run (&y, "reloaded"), "intake"));
    fake_end (&y);
}

Test (yard, shows_the_watchdog_that_it_lives)
{
    struct fake_yard y = fake_new ("");
    fake_start (&y);
    fake_wait_all_ready (&y);
    fake_wait_notify (&y, "WATCHDOG=1");
    fake_wait_notify (&y, "WATCHDOG=1");
    fake_end (&y);
}

Test (yard, does_not_blame_actors_for_its_own_pause)
{
    struct fake_yard y = fake_new ("  silent_ms: 800\n");
    fake_start (&y);
    fake_wait_all_ready (&y);
    struct fake_row before = fake_find (&y, "intake");
    pid_t pids[YM_ACTORS];
    for (unsigned i = 0; i < YM_ACTORS; i++)
        pids[i] = fake_find (&y, ym_actor_rows[i].name).pid;

    /* The machine as a whole is held up for longer than silent_ms. */
    cr_assert (kill (y.daemon, SIGSTOP) == 0);
    for (unsigned i = 0; i < YM_ACTORS; i++)
        cr_assert (kill (pids[i], SIGSTOP) == 0);
    int64_t until = ym_time_mono_ms () + 2000;
    while (ym_time_mono_ms () < until)
        (void)usleep (FAKE_PAUSE_US);
    cr_assert (kill (y.daemon, SIGCONT) == 0);
    fake_wait_log (&y, "supervisor_held_up");
    for (unsigned i = 0; i < YM_ACTORS; i++)
        cr_assert (kill (pids[i], SIGCONT) == 0);
    fake_wait_notify (&y, "WATCHDOG=1");
    cr_expect (fake_find (&y, "intake").pid == before.pid);
    cr_expect (!strstr (fake_read (y.log), "why=silent"));
    fake_end (&y);
}

Test (yard, checks_without_starting)
{
    struct fake_yard y = fake_new ("");
    char wanted[FAKE_PATH_MAX * 3], path[FAKE_PATH_MAX * 2];
    cr_expect (fake_wait (fake_start_daemon (&y, "--check")) == 0);
    (void)ym_text_format (wanted, sizeof wanted, "%s: good\n", y.config);
    cr_expect_str_eq (fake_read (y.log), wanted);
    cr_expect_str_eq (fake_read_run (&y, "actors"), "", "nothing was started");

    fake_configure (&y, "  silent: 1\n");
    fake_write_key (y.key, 0644);
    (void)ym_text_format (path, sizeof path, "%s/ym-intake", y.directory);
    cr_assert (unlink (path) == 0);
    cr_expect (fake_wait (fake_start_daemon (&y, "--check")) == SUPERVISOR_EXIT_CONFIG);
    const char *log = fake_read (y.log);
    cr_expect (strstr (log, ":8:3: unknown key \"silent\"; did you mean \"silent_ms\"?\n"));
    cr_expect (strstr (log, "door.key_secret: others may touch it (mode 0644)"));
    cr_expect (strstr (log, ":3:20: the program ") && strstr (log, "/ym-intake cannot be run"));
    cr_expect (fake_wait (fake_start_daemon (&y, NULL)) == SUPERVISOR_EXIT_CONFIG);
    fake_end (&y);
}

Test (yard, tells_how_it_is_used)
{
    static const struct {
        const char *option;
        int exit_status;
        const char *says;
    } rows[] = {{"--help", 0, "usage: yardmasterd"},
                {"--version", 0, "yardmasterd " YM_VERSION},
                {"--nonsense", SUPERVISOR_EXIT_USAGE, "usage: yardmasterd"},
                {"nonsense", SUPERVISOR_EXIT_USAGE, "usage: yardmasterd"}};
    struct fake_yard y = fake_new ("");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)unlink (y.log);
        int exit_status = fake_wait (fake_start_daemon (&y, rows[i].option));
        cr_expect (exit_status == rows[i].exit_status, "row %u: %d", i, exit_status);
        cr_expect (strstr (fake_read (y.log), rows[i].says), "row %u", i);
    }
    fake_end (&y);
}

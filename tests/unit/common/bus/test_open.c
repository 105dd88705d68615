/* test_open.c - opening: what is refused, what a killed process may leave, and the self-attack.
 */
#include "common/bus/inside.h"
#include "tests/unit/common/bus/rig.h"

TestSuite (open, .init = rig_up, .fini = rig_down, .timeout = 30);

static int fails (struct ym_bus_options o, char *reterr)
{
    reterr[0] = 0;
    int rc = try_open (0, &o, reterr);
    cr_assert (rc < 0, "it opened");
    cr_assert (strlen (reterr) > 20, "no sentence: '%s'", reterr);
    return rc;
}

Test (open, is_quick_even_with_the_attack)
{
    int64_t best_us = INT64_MAX;
    for (unsigned i = 0; i < 5; i++) {
        int64_t from_us = ym_time_mono_us ();
        start (0, (struct ym_bus_options){.door = "tcp://127.0.0.1:*"});
        int64_t took_us = ym_time_mono_us () - from_us;
        best_us = took_us < best_us ? took_us : best_us;
        stop (0);
    }
    cr_log_info ("opened in %ld us", (long)best_us);
    cr_assert_lt (best_us, 100000);
}

Test (open, routing_ids_cannot_be_foretold)
{
    int foretold[64];
    srand (1);
    for (unsigned i = 0; i < 64; i++)
        foretold[i] = rand ();
    srand (1);
    start (0, (struct ym_bus_options){0});
    int next = rand ();
    for (unsigned i = 0; i < 64; i++)
        cr_expect_neq (foretold[i], next);
}

Test (open, makes_its_directory_private)
{
    char path[80];
    struct stat is;
    snprintf (path, sizeof path, "%s/bus", rig.directory);
    start (0, (struct ym_bus_options){.directory = path});
    cr_assert_eq (stat (path, &is), 0);
    cr_assert_eq (is.st_mode & 0777, 0700);
    stop (0);
    snprintf (path, sizeof path, "%s/bus/a.lock", rig.directory);
    cr_assert_eq (unlink (path), 0);
    snprintf (path, sizeof path, "%s/bus", rig.directory);
    cr_assert_eq (rmdir (path), 0, "only the lock stays: %s", strerror (errno));
}

Test (open, a_door_says_where_it_listens)
{
    static const char *const rows[] = {"tcp://127.0.0.1:", "tcp://[::1]:", "tcp://0.0.0.0:"};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char door[40], error[YM_BUS_ERROR_MAX];
        snprintf (door, sizeof door, "%s*", rows[i]);
        struct ym_bus_options o = {.door = door};
        if (try_open (0, &o, error) < 0 && strchr (door, '['))
            continue; /* a host without IPv6 */
        cr_assert (stations[0].bus, "%s", error);
        const char *at = ym_bus_door (stations[0].bus);
        cr_expect_eq (strncmp (at, rows[i], strlen (rows[i])), 0, "%s is %s", rows[i], at);
        stop (0);
    }
}

Test (open, a_taken_port_is_said)
{
    char error[YM_BUS_ERROR_MAX];
    struct ym_bus *first = start (1, (struct ym_bus_options){.door = "tcp://127.0.0.1:*"});
    cr_assert_eq (fails ((struct ym_bus_options){.door = ym_bus_door (first)}, error),
                  -EADDRINUSE);
    cr_assert (strstr (error, ym_bus_door (first)), "%s", error);
}

Test (open, a_twin_is_refused)
{
    char error[YM_BUS_ERROR_MAX];
    struct station first;
    start (0, (struct ym_bus_options){0});
    first = stations[0];
    stations[0].bus = NULL;
    cr_assert_eq (fails ((struct ym_bus_options){0}, error), -EADDRINUSE);
    stations[0] = first;
}

Test (open, unusable_options_are_said)
{
    char error[YM_BUS_ERROR_MAX], far[200];
    memset (far, 'x', sizeof far);
    memcpy (far, "/tmp/", 5);
    far[sizeof far - 1] = 0;
    const struct {
        struct ym_bus_options o;
        int rc;
    } rows[] = {
        {{.secret_key = "not a key"}, -EINVAL},
        {{.secret_key = rig.secret[1]}, -EINVAL},
        {{.door = "ipc:///tmp/door"}, -EINVAL},
        {{.door = "tcp://127.0.0.1:99999"}, -EINVAL},
        {{.door = "tcp://nowhere.invalid:1"}, -EINVAL},
        {{.directory = "/dev/null"}, -ENOTDIR},
        {{.directory = "/nonexistent/above"}, -ENOENT},
        {{.directory = far}, -EINVAL},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int rc = fails (rows[i].o, error);
        cr_expect_eq (rc, rows[i].rc, "row %u: %d %s", i, rc, error);
    }
    (void)rmdir (far);
}

/* In a child, as nobody when we are root, for whom nothing is unwritable. */
static void open_as_nobody (const char *directory)
{
    char error[YM_BUS_ERROR_MAX] = "";
    struct ym_bus_options o = {.directory = directory};
    if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || (geteuid () == 0 && setuid (65534) != 0))
        _exit (2);
    int rc = try_open (0, &o, error);
    _exit (rc == -EACCES && strlen (error) > 20 ? 0 : 1);
}

Test (open, an_unwritable_directory_is_said)
{
    char path[80];
    int status;
    snprintf (path, sizeof path, "%s/bus", rig.directory);
    cr_assert_eq (chmod (rig.directory, 0755), 0);
    cr_assert_eq (mkdir (path, 0500), 0);
    pid_t child = fork ();
    if (child == 0)
        open_as_nobody (path);
    cr_assert_eq (waitpid (child, &status, 0), child);
    cr_assert (WIFEXITED (status));
    cr_assert_eq (WEXITSTATUS (status), 0);
    cr_assert_eq (rmdir (path), 0);
}

/* Opens with the door given, says that it did, and waits to be killed. */
static void open_and_wait (int out, const char *door)
{
    struct ym_bus_options o = {.door = door};
    char error[YM_BUS_ERROR_MAX];
    if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || try_open (0, &o, error) != 0)
        _exit (1);
    const char *at = ym_bus_door (stations[0].bus);
    if (write (out, at, strlen (at) + 1) < 0)
        _exit (1);
    for (;;)
        pause ();
}

Test (open, what_a_killed_process_leaves_is_no_obstacle)
{
    int pipes[2], status;
    char door[160] = "";
    cr_assert_eq (pipe (pipes), 0);
    pid_t child = fork ();
    if (child == 0)
        open_and_wait (pipes[1], "tcp://127.0.0.1:*");
    cr_assert_eq (close (pipes[1]), 0);
    cr_assert (read (pipes[0], door, sizeof door - 1) > 6);
    cr_assert_eq (kill (child, SIGKILL), 0);
    cr_assert_eq (waitpid (child, &status, 0), child);
    start (0, (struct ym_bus_options){.door = door});
    start (1, (struct ym_bus_options){0});
    spin (ym_bus_hears (stations[0].bus, 1, NULL) && ym_bus_hears (stations[1].bus, 0, NULL));
    cr_assert_eq (close (pipes[0]), 0);
}

/* A server as it must not be: the attack has to find the way in. */
static int attack (bool with_curve, int enforce_domain)
{
    struct ym_bus attacker = {.context = rig.context, .handshake_ms = 500};
    struct ym_target target = {.public_text = rig.public_text[0]};
    char error[YM_BUS_ERROR_MAX] = "", endpoint[160];
    size_t size = sizeof endpoint;
    void *server = zmq_socket (rig.context, ZMQ_ROUTER);
    if (with_curve) {
        zmq_setsockopt (server, ZMQ_CURVE_SERVER, &(int){1}, sizeof (int));
        zmq_setsockopt (server, ZMQ_CURVE_SECRETKEY, rig.secret[0], 41);
        zmq_setsockopt (server, ZMQ_ZAP_DOMAIN, "door", 4);
        zmq_setsockopt (server, 93, &enforce_domain, sizeof enforce_domain);
    }
    cr_assert_eq (zmq_bind (server, "tcp://127.0.0.1:*"), 0);
    cr_assert_eq (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    target.endpoint = endpoint;
    int rc = ym_attack (&attacker, &target, 1, error);
    cr_assert (rc == 0 || strstr (error, endpoint), "%s", error);
    zmq_close (server);
    return rc;
}

Test (open, the_attack_finds_a_door_without_curve)
{
    cr_assert_eq (attack (false, 0), -EPERM);
}

Test (open, the_attack_finds_a_door_without_a_handler)
{
    cr_assert_eq (attack (true, 0), -EPERM);
}

Test (open, an_enforced_domain_without_a_handler_admits_nobody)
{
    cr_assert_eq (attack (true, 1), 0);
}

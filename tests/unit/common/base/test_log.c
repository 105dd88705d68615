/* test_log.c - promise 5 of common/base: one event, one line, one write, and nothing forged.
 *
 * stderr is one end of a datagram pair: what one write wrote is what one read gives.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/panic.h"

#define COUNT(rows) (sizeof (rows) / sizeof (rows)[0])

static int open_log (const char *actor)
{
    int pair[2];

    cr_assert_eq (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert_geq (dup2 (pair[1], STDERR_FILENO), 0);
    (void)close (pair[1]);
    ym_log_open (actor);
    return pair[0];
}

static const char *next_line (int from)
{
    static char line[4096];
    ssize_t size = recv (from, line, sizeof line - 1, MSG_DONTWAIT);

    line[size > 0 ? size : 0] = '\0';
    return line;
}

Test (log, writes_one_line_at_once)
{
    int from = open_log ("intake");

    errno = EBADF;
    ym_log (YM_LOG_INFO, "job_moved", ym_log_job (1), ym_log_text ("to", "STARTED"),
            ym_log_number ("seq", -3));
    cr_expect_eq (errno, EBADF);
    cr_expect_str_eq (next_line (from),
                      "<6>job_moved actor=intake job=job_0000000000001 to=STARTED seq=-3\n");
    ym_log_plain (YM_LOG_WARNING, "plain");
    cr_expect_str_eq (next_line (from), "<4>plain actor=intake\n");
    ym_log (YM_LOG_ERROR, "failed", ym_log_errno (-ENOENT));
    cr_expect_str_eq (next_line (from),
                      "<3>failed actor=intake why=\"No such file or directory\"\n");
    ym_log (YM_LOG_ERROR, "failed", ym_log_errno (123456));
    cr_expect_str_eq (next_line (from), "<3>failed actor=intake why=\"error 123456\"\n");
}

Test (log, needs_no_name)
{
    int from = open_log (NULL);

    ym_log_plain (YM_LOG_INFO, "ready");
    cr_expect_str_eq (next_line (from), "<6>ready\n");
}

Test (log, debug_is_a_wish_of_the_environment)
{
    int from = open_log ("a");

    ym_log_plain (YM_LOG_DEBUG, "detail");
    cr_expect_str_eq (next_line (from), "");
    cr_assert_eq (setenv ("YM_LOG", "debug", 1), 0);
    ym_log_open ("a");
    ym_log_plain (YM_LOG_DEBUG, "detail");
    cr_expect_str_eq (next_line (from), "<7>detail actor=a\n");
}

Test (log, has_no_priority_on_a_terminal)
{
    int terminal = posix_openpt (O_RDWR | O_NOCTTY);
    char line[64] = "";
    int other;

    cr_assert_geq (terminal, 0);
    cr_assert (grantpt (terminal) == 0 && unlockpt (terminal) == 0);
    other = open (ptsname (terminal), O_RDWR | O_NOCTTY);
    cr_assert_geq (dup2 (other, STDERR_FILENO), 0);
    ym_log_open ("a");
    ym_log_plain (YM_LOG_INFO, "ready");
    cr_assert_gt (read (terminal, line, sizeof line - 1), 0);
    cr_expect_str_eq (line, "ready actor=a\r\n");
}

Test (log, nothing_in_a_value_can_forge)
{
    static const struct {
        const char *value, *written;
    } rows[] = {
        {"", "\"\""},
        {"bare-word_1.2:3/4", "bare-word_1.2:3/4"},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"so\"", "\"say \\\"so\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"x\n<3>forged actor=root", "\"x\\n<3>forged actor=root\""},
        {"\x1b[2J", "\"\\x1b[2J\""},
        {"\r\t\x7f", "\"\\x0d\\x09\\x7f\""},
        {"\xc3\xa4\xe2\x82\xac", "\"\xc3\xa4\xe2\x82\xac\""},
        {"\xc2\x9b"
         "2J",
         "\"\\xc2\\x9b2J\""},
        {"\xff\xfe", "\"\\xff\\xfe\""},
    };
    int from = open_log (NULL);

    for (size_t i = 0; i < COUNT (rows); i++) {
        char expected[256];

        ym_log (YM_LOG_INFO, "e", ym_log_text ("k", rows[i].value), ym_log_number ("n", 1));
        (void)snprintf (expected, sizeof expected, "<6>e k=%s n=1\n", rows[i].written);
        cr_expect_str_eq (next_line (from), expected, "row %zu", i);
    }
}

Test (log, cuts_long_lines)
{
    struct ym_log_field fields[40];
    int from = open_log ("a");
    const char *line;

    for (size_t i = 0; i < COUNT (fields); i++) {
        fields[i] = ym_log_text ("k", "");
        memset (fields[i].value, '\n', sizeof fields[i].value - 1);
    }
    ym_log_event (YM_LOG_INFO, "long", fields, COUNT (fields));
    line = next_line (from);
    cr_expect_leq (strlen (line), 2048);
    cr_expect_gt (strlen (line), 2000);
    cr_expect_eq (strchr (line, '\n'), line + strlen (line) - 1, "the only end is at the end");
}

Test (panic, says_what_and_where_and_aborts)
{
    int from = open_log ("queue"), status = 0;
    const char *line;
    pid_t child = fork ();

    cr_assert_geq (child, 0);
    if (child == 0) {
        (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
        ym_panic ("expected %d lamps", 4);
    }
    cr_assert_eq (waitpid (child, &status, 0), child);
    cr_expect (WIFSIGNALED (status) && WTERMSIG (status) == SIGABRT);
    line = next_line (from);
    cr_expect_eq (strncmp (line, "<3>broken actor=queue file=base/test_log.c line=", 48), 0,
                  "%s", line);
    cr_expect_not_null (strstr (line, "why=\"expected 4 lamps\"\n"));
}

Test (panic, assertions_stay, .signal = SIGABRT)
{
    ym_assert (2 + 2 == 5);
}

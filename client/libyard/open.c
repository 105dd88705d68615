/* open.c - opening and closing, and who is at the other end.
 *
 * yard_fd nests what libzmq and a timer have in one epoll descriptor. libzmq's own descriptors
 * only tell that something may have changed, so when a call ends the timer is set to now if
 * anything is left to do.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <sodium.h>

#include "client/libyard/inside.h"
#include "common/base/time.h"

enum { TIMEOUT_MS = 10000, SILENCE_LEAST_MS = 250, SILENCE_MOST_MS = 4000 };

static size_t largest_message (void)
{
    size_t most = 0;

    for (size_t i = 0; i < ym_message_count; i++)
        most = ym_messages[i]->size > most ? ym_messages[i]->size : most;
    return most;
}

static int silence_of (int timeout_ms)
{
    int silence = timeout_ms / 3;

    if (silence < SILENCE_LEAST_MS)
        return SILENCE_LEAST_MS;
    return silence > SILENCE_MOST_MS ? SILENCE_MOST_MS : silence;
}

static yard_err_t *open_yard (struct yard *y, const yard_opts *opts)
{
    if (opts->size < sizeof *opts || opts->timeout_ms < 0)
        return error_options ("yard_opts: size or timeout_ms is wrong");
    if (sodium_init () < 0)
        return error_options ("no random numbers can be had");
    y->timeout_ms = opts->timeout_ms > 0 ? opts->timeout_ms : TIMEOUT_MS;
    y->silence_ms = silence_of (y->timeout_ms);
    if (!ym_text_copy (y->program, sizeof y->program,
                       opts->client_name ? opts->client_name : "libyard " YM_VERSION))
        return error_options ("client_name is longer than 40 octets");
    if (!ym_text_is_clean (y->program, strlen (y->program)))
        return error_options ("client_name is not UTF-8");
    return door_open (&y->door, opts);
}

yard_rc yard_open (yard_t **ret, const yard_opts *opts, yard_err_t **reterr)
{
    struct yard *y = ym_new (sizeof *y);
    yard_err_t *err;

    y->poll_fd = y->timer_fd = -1;
    y->look_at_ms = INT64_MAX;
    y->arena = ym_arena_new (65536);
    y->answer = ym_new (largest_message ());
    err = open_yard (y, opts);
    if (err) {
        yard_close (y);
        return error_give (err, reterr);
    }
    *ret = y;
    return YARD_OK;
}

void yard_close (yard_t *y)
{
    if (!y)
        return;
    watches_done (y);
    feed_done (y);
    events_done (y);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        if (!y->calls[i])
            continue;
        free (y->calls[i]->frame);
        free (y->calls[i]);
    }
    ym_close_at (&y->poll_fd);
    ym_close_at (&y->timer_fd);
    door_close (&y->door);
    ym_arena_free (y->arena);
    free (y->answer);
    free (y);
}

static void *make_welcome (const void *answer)
{
    const struct ym_welcome *m = answer;
    yard_welcome *w = result_new (sizeof *w);

    *w = (yard_welcome){.version = result_text (w, m->version),
                        .role = ym_enum_word (YM_ENUM_ROLE, m->role),
                        .tenant = result_text (w, m->tenant),
                        .name = result_text (w, m->name),
                        .now_ms = m->now,
                        .message_max = m->message_max};
    return w;
}

yard_rc yard_hello (yard_t *y, yard_welcome **ret, yard_err_t **reterr)
{
    struct ym_hello msg = {0};
    struct question q = {
        .ask = YM_MSG_hello, .answer = YM_MSG_welcome, .msg = &msg, .make = make_welcome};

    (void)ym_text_copy (msg.program, sizeof msg.program, y->program);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- polling --- */

static bool has_input (void *socket)
{
    int events = 0;
    size_t size = sizeof events;

    return socket && zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLIN);
}

static void add_fd (int poll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    (void)epoll_ctl (poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void add_socket (int poll_fd, void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;

    if (socket && zmq_getsockopt (socket, ZMQ_FD, &fd, &size) == 0)
        add_fd (poll_fd, fd);
}

/* A replaced socket's descriptor leaves the set when libzmq closes it. */
void settle (struct yard *y)
{
    struct itimerspec when = {0};

    if (y->poll_fd < 0)
        return;
    if (y->polled != y->door.serial) {
        y->polled = y->door.serial;
        add_socket (y->poll_fd, y->door.socket);
        add_socket (y->poll_fd, y->door.monitor);
    }
    if (y->events || has_input (y->door.socket) || has_input (y->door.monitor))
        when.it_value.tv_nsec = 1;
    else if (y->look_at_ms < INT64_MAX) {
        int64_t wait = y->look_at_ms - ym_time_mono_ms ();
        wait = wait > 0 ? wait : 1;
        when.it_value.tv_sec = wait / 1000;
        when.it_value.tv_nsec = wait % 1000 * 1000000;
    }
    (void)timerfd_settime (y->timer_fd, 0, &when, NULL);
}

int yard_fd (yard_t *y)
{
    if (y->poll_fd < 0) {
        y->timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        y->poll_fd = epoll_create1 (EPOLL_CLOEXEC);
        if (y->timer_fd < 0 || y->poll_fd < 0) {
            ym_close_at (&y->timer_fd);
            ym_close_at (&y->poll_fd);
            y->timer_fd = y->poll_fd = -1;
            return -1;
        }
        add_fd (y->poll_fd, y->timer_fd);
        settle (y);
    }
    return y->poll_fd;
}

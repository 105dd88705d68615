/* agent.c - an agent's life: it registers, works until it is told to stop, and leaves.
 *
 * One loop over the door, what workers left, and the stop descriptor; everything else is due at
 * some time.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <sodium.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum {
    BURST = 512,
    START_MS = 30000,
    END_MS = 5000,
    LONGEST_MS = 60000,
    SLOTS_MAX = 1000 /* what a registration can list as held */
};

void agent_look_by (struct agent *a, int64_t at_ms)
{
    if (at_ms < a->look_at_ms)
        a->look_at_ms = at_ms;
}

uint64_t agent_ask (struct agent *a, unsigned place, unsigned kind)
{
    return ++a->serial << (PLACE_BITS + KIND_BITS) | (uint64_t)place << KIND_BITS | kind;
}

bool agent_send (struct agent *a, unsigned number, uint64_t ask, const void *msg)
{
    struct ym_header h = {.number = (uint16_t)number, .ask = ask};
    size_t room = ym_wire_room (ym_message_find (number), msg), size;

    if (room > a->frame_room) {
        a->frame = ym_grow_array (a->frame, room, 1);
        a->frame_room = room;
    }
    size = ym_wire_encode (&h, msg, a->frame, a->frame_room);
    if (size == 0)
        ym_panic ("a checked message that cannot be encoded: %u", number);
    return door_send (&a->door, a->frame, size);
}

const void *agent_read (struct agent *a, const struct ym_header *h, zmq_msg_t *frame)
{
    const struct ym_message *m = ym_message_find (h->number);
    struct ym_faults faults;

    ym_arena_reset (a->arena);
    if (!m || !ym_wire_decode (m, zmq_msg_data (frame), zmq_msg_size (frame), a->arena, a->body,
                               &faults))
        return NULL;
    return a->body;
}

/* --- hearing --- */

static void hear_told (struct agent *a, const struct ym_header *h, const void *body)
{
    const struct ym_attempt_lost *lost = body;

    if (h->number == YM_MSG_attempt_start)
        attempt_hear_start (a, body);
    else if (h->number == YM_MSG_attempt_terminate)
        signal_hear_terminate (a, body);
    else if (h->number == YM_MSG_attempt_suspend)
        signal_hear_suspend (a, body);
    else if (h->number == YM_MSG_attempt_lost)
        attempt_lost (a, lost->job, lost->fence);
}

static void hear_frame (struct agent *a, zmq_msg_t *frame)
{
    struct ym_header h;
    unsigned place;
    const void *body;

    if (!ym_wire_header (zmq_msg_data (frame), zmq_msg_size (frame), &h))
        return;
    place = (unsigned)(h.ask >> KIND_BITS) & SESSION_PLACE;
    if (h.ask != 0 && place != SESSION_PLACE) {
        report_hear (a, &h, frame);
        return;
    }
    body = agent_read (a, &h, frame);
    if (!body)
        return;
    if (h.ask != 0)
        session_hear (a, &h, body);
    else if (a->session_state == SESSION_HERE)
        hear_told (a, &h, body);
}

static void receive (struct agent *a)
{
    zmq_msg_t frame;

    for (unsigned i = 0; i < BURST && door_receive (&a->door, &frame); i++) {
        if (i == 0)
            a->door.heard_ms = ym_time_mono_ms ();
        hear_frame (a, &frame);
        (void)zmq_msg_close (&frame);
    }
}

static void hear_news (struct agent *a)
{
    unsigned news = door_news (&a->door);

    if (news & DOOR_DOWN)
        a->session_state = SESSION_AWAY;
    if (news & DOOR_UP && a->door.up)
        session_up (a);
}

static void hear_workers (struct agent *a)
{
    uint64_t count;
    bool woken;

    pthread_mutex_lock (&a->lock);
    woken = a->woken;
    a->woken = false;
    if (woken && read (a->wake_fd, &count, sizeof count) != sizeof count)
        ym_panic ("an eventfd that was written and has nothing");
    pthread_mutex_unlock (&a->lock);
    if (!woken)
        return;
    reports_collect (a);
    signals_answered (a);
}

/* --- the loop --- */

static void send_due (struct agent *a)
{
    int64_t now = ym_time_mono_ms ();

    if (now < a->look_at_ms && !session_has_lapsed (a))
        return;
    a->look_at_ms = INT64_MAX;
    session_send (a, now);
    signals_send (a, now);
    reports_send (a, now);
    counters_send (a, now);
    workers_grow (a, now);
}

static bool wait_for_news (struct agent *a)
{
    zmq_pollitem_t items[DOOR_ITEMS + 2];
    int64_t now = ym_time_mono_ms (), wait = a->look_at_ms - now;

    door_items (&a->door, items);
    items[DOOR_ITEMS] = (zmq_pollitem_t){.fd = a->wake_fd, .events = ZMQ_POLLIN};
    items[DOOR_ITEMS + 1] =
        (zmq_pollitem_t){.fd = a->draining ? -1 : a->stop_fd, .events = ZMQ_POLLIN};
    if (wait > LONGEST_MS)
        wait = LONGEST_MS;
    if (zmq_poll (items, DOOR_ITEMS + 2, wait > 0 ? (long)wait : 0) < 0)
        return false;
    return items[DOOR_ITEMS + 1].revents != 0;
}

static void drain (struct agent *a)
{
    a->draining = true;
    a->leave_by_ms = ym_time_mono_ms () + END_MS;
    attempts_drain (a);
    agent_look_by (a, 0);
}

/* Handlers first, then what they reported, then goodbye; the last two only as long as it is
 * reasonable. */
static bool is_over (struct agent *a, int64_t now)
{
    bool has_tasks = a->place_count < a->place_max;
    struct yard_task *t, *next;
    bool is_running = false;

    if (!a->draining)
        return false;
    if (a->leaving) {
        agent_look_by (a, a->leave_by_ms);
        return a->left || now >= a->leave_by_ms;
    }
    HASH_ITER (hh, a->by_job, t, next)
    is_running |= !t->report[REPORT_END].active || signal_is_busy (t);
    if (is_running || a->ghosts > 0 || (has_tasks && !a->by_job)) {
        a->leave_by_ms = now + END_MS;
        return false;
    }
    agent_look_by (a, a->leave_by_ms);
    /* Somebody who is about to be welcomed would be waited for. */
    if (now < a->leave_by_ms && a->session_state != SESSION_AWAY &&
        (has_tasks || a->session_state == SESSION_REGISTERING))
        return false;
    session_leave (a, now);
    return a->left;
}

static yard_err_t *live (struct agent *a)
{
    a->give_up_ms = ym_time_mono_ms () +
                    (a->opts->conn.timeout_ms > 0 ? a->opts->conn.timeout_ms : START_MS);
    for (;;) {
        yard_err_t *err;

        hear_news (a);
        receive (a);
        workers_wake (a);
        hear_workers (a);
        workers_wake (a);
        send_due (a);
        err = session_trouble (a, ym_time_mono_ms ());
        if (err && !a->draining)
            return err;
        yard_err_free (err);
        if (is_over (a, ym_time_mono_ms ()))
            return NULL;
        if (wait_for_news (a) && !a->draining)
            drain (a);
    }
}

/* --- beginning and ending --- */

static bool is_word (const char *text)
{
    size_t size = text ? strnlen (text, YM_WORD_MAX + 1) : 0;

    return size > 0 && size <= YM_WORD_MAX &&
           strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789._-:=>") == size;
}

static bool add_word (struct ym_words *words, const char *word)
{
    for (uint32_t i = 0; i < words->count; i++)
        if (word && strcmp (words->word[i], word) == 0)
            return true;
    return is_word (word) && words->count < YM_WORDS_MAX &&
           ym_text_copy (words->word[words->count++], YM_WORD_MAX + 1, word);
}

/* A program built with an earlier header has shorter ones. */
static bool take_handlers (struct agent *a, const yard_handler *handlers, size_t count)
{
    const char *at = (const char *)handlers;

    a->handlers = ym_new_array (count + 1, sizeof *a->handlers);
    for (; a->handler_count < count; a->handler_count++) {
        size_t size = handlers->size;
        if (size < offsetof (yard_handler, prepare))
            return false;
        memcpy (&a->handlers[a->handler_count], at,
                size < sizeof *handlers ? size : sizeof *handlers);
        if (a->handlers[a->handler_count].size != size)
            return false;
        at += size;
    }
    return true;
}

static yard_err_t *check_options (struct agent *a)
{
    const yard_agent_opts *o = a->opts;

    if (o->size < sizeof *o || o->conn.timeout_ms < 0)
        return error_options ("yard_agent_opts: size or timeout_ms is wrong");
    if (o->slots < 1 || o->slots > SLOTS_MAX)
        return error_options ("slots must be 1 to %d", SLOTS_MAX);
    if (!is_word (o->region) || (o->pool && !is_word (o->pool)))
        return error_options (
            "region and pool must be 1 to 40 characters of a-z 0-9 . _ - : = >");
    if (a->handler_count == 0)
        return error_options ("there is no handler");
    for (size_t i = 0; i < a->handler_count; i++)
        if (!a->handlers[i].start || !add_word (&a->capabilities, a->handlers[i].kind))
            return error_options ("handler %zu is not complete, or its kind is not a word", i);
    for (size_t i = 0; o->capabilities && o->capabilities[i]; i++)
        if (!add_word (&a->capabilities, o->capabilities[i]))
            return error_options ("capability %s is not a word of a-z 0-9 . _ - : = >, or "
                                  "there are more than %d",
                                  o->capabilities[i], YM_WORDS_MAX);
    return NULL;
}

static void make_places (struct agent *a)
{
    a->place_max = a->place_count = 2 * a->opts->slots + SPARE_PLACES;
    a->tasks = ym_new_array (a->place_max, sizeof (struct yard_task *));
    a->places = ym_new_array (a->place_max, sizeof *a->places);
    for (unsigned i = 0; i < a->place_max; i++)
        a->places[i] = i;
    for (unsigned i = 0; i < ACTS; i++) {
        struct pool *p = &a->pool[i];
        p->agent = a;
        p->starve_at_ms = INT64_MAX;
        p->threads = ym_new_array (a->opts->slots, sizeof *p->threads);
        ym_assert (pthread_cond_init (&p->work, NULL) == 0);
    }
}

static size_t largest_message (void)
{
    size_t most = 0;

    for (size_t i = 0; i < ym_message_count; i++)
        most = ym_messages[i]->size > most ? ym_messages[i]->size : most;
    return most;
}

static yard_err_t *begin (struct agent *a)
{
    yard_err_t *err = check_options (a);

    if (err)
        return err;
    if (sodium_init () < 0)
        return error_options ("no random numbers can be had");
    a->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (a->wake_fd < 0)
        return error_options ("no eventfd: %s", strerror (errno));
    make_places (a);
    a->arena = ym_arena_new (65536);
    a->body = ym_new (largest_message ());
    ym_assert (pthread_mutex_init (&a->lock, NULL) == 0);
    a->lease_until_ms = a->beat_due_ms = INT64_MAX;
    return door_open (&a->door, &a->opts->conn);
}

static void end (struct agent *a)
{
    if (a->tasks) {
        attempts_lost (a, false);
        workers_done (a);
        attempts_free (a);
        (void)pthread_mutex_destroy (&a->lock);
        for (unsigned i = 0; i < ACTS; i++) {
            (void)pthread_cond_destroy (&a->pool[i].work);
            free (a->pool[i].threads);
        }
    }
    door_close (&a->door);
    ym_arena_free (a->arena);
    ym_close_at (&a->wake_fd);
    yard_err_free (a->why);
    free (a->frame);
    free (a->body);
    free (a->tasks);
    free (a->places);
    free (a->handlers);
}

/* Threads inherit the mask, so no handler is interrupted by what is meant for us. */
static int catch_signals (sigset_t *ret_before)
{
    sigset_t set;

    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGINT);
    ym_assert (pthread_sigmask (SIG_BLOCK, &set, ret_before) == 0);
    return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void release_signals (int fd, const sigset_t *before)
{
    struct signalfd_siginfo info;

    while (fd >= 0 && read (fd, &info, sizeof info) == sizeof info)
        ;
    ym_close_at (&fd);
    (void)pthread_sigmask (SIG_SETMASK, before, NULL);
}

int yard_agent_run (const yard_agent_opts *opts, const yard_handler *handlers, size_t count,
                    yard_err_t **reterr)
{
    _free_ struct agent *a = ym_new (sizeof *a);
    bool catches = opts->stop_fd < 0, takes_all;
    sigset_t before;
    yard_err_t *err;
    int status;

    a->opts = opts;
    takes_all = take_handlers (a, handlers, count);
    a->wake_fd = -1;
    a->stop_fd = catches ? catch_signals (&before) : opts->stop_fd;
    if (!takes_all)
        err = error_options ("yard_handler: size is wrong");
    else
        err = a->stop_fd < 0 ? error_options ("no signalfd: %s", strerror (errno)) : begin (a);
    if (!err)
        err = live (a);
    end (a);
    if (catches)
        release_signals (a->stop_fd, &before);
    if (!err)
        return 0;
    status = yard_err_exit (err);
    (void)error_give (err, reterr);
    return status;
}

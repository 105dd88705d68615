/* fake_agent.h - an agent in a thread of its own, and what a test tells and hears of it. */
#ifndef TEST_FAKE_AGENT_H
#define TEST_FAKE_AGENT_H
#include <sys/eventfd.h>

#include "client/libyard/yard_agent.h"
#include "tests/unit/client/libyard/fake_door.h"

enum { JOB = 12345, SESSION = 9, LEASE_MS = 3000 };

/* What the handlers of one test share with it. */
struct shared {
    pthread_mutex_t lock;
    pthread_cond_t change;
    unsigned begun, running, most_running, ended;
    bool may_go;
    yard_rc rc;
    yard_stop stop;
    unsigned checkpoints;
    char *targets[3];
};

struct agent_run {
    struct fake_door *door;
    yard_step (*start) (yard_task *task, void *user);
    unsigned slots;
    int timeout_ms;
    const char *region;
    int stop_fd, status;
    yard_err_t *err;
    const yard_handler *handler; /* NULL: only 'start', with 'shared' */
    struct shared shared;
    pthread_t thread;
};

static inline void note (struct shared *s, unsigned *counter, int by)
{
    pthread_mutex_lock (&s->lock);
    *counter += (unsigned)by;
    if (s->running > s->most_running)
        s->most_running = s->running;
    pthread_cond_broadcast (&s->change);
    pthread_mutex_unlock (&s->lock);
}

static inline void await (struct shared *s, const unsigned *counter, unsigned least)
{
    struct timespec until;
    int rc = 0;

    clock_gettime (CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock (&s->lock);
    while (*counter < least && rc == 0)
        rc = pthread_cond_timedwait (&s->change, &s->lock, &until);
    pthread_mutex_unlock (&s->lock);
    cr_assert_eq (rc, 0, "waited for %u, there are %u", least, *counter);
}

static inline void let_go (struct shared *s)
{
    pthread_mutex_lock (&s->lock);
    s->may_go = true;
    pthread_cond_broadcast (&s->change);
    pthread_mutex_unlock (&s->lock);
}

static inline void *agent_thread (void *me)
{
    struct agent_run *a = me;
    static const char *const words[] = {"ssd", "items-move", NULL};
    yard_agent_opts opts = {.size = sizeof opts,
                            .conn = fake_opts (a->door, a->timeout_ms),
                            .region = a->region ? a->region : "eu-west",
                            .capabilities = words,
                            .slots = a->slots ? a->slots : 4,
                            .stop_fd = a->stop_fd};
    yard_handler handler = {
        .size = sizeof handler, .kind = "items-move", .start = a->start, .user = &a->shared};

    a->status = yard_agent_run (&opts, a->handler ? a->handler : &handler, 1, &a->err);
    return NULL;
}

static inline void agent_begin (struct agent_run *a)
{
    pthread_mutex_init (&a->shared.lock, NULL);
    pthread_cond_init (&a->shared.change, NULL);
    a->stop_fd = eventfd (0, EFD_CLOEXEC);
    a->door->answers_beats = true;
    a->door->session = SESSION;
    cr_assert (pthread_create (&a->thread, NULL, agent_thread, a) == 0);
}

static inline void registered (struct fake_door *d, const struct ym_held *lost, uint32_t count)
{
    struct ym_agent_registered m = {.session = d->session,
                                    .heartbeat_ms = 500,
                                    .lease_ms = LEASE_MS,
                                    .lost = {lost, count}};

    fake_answer (d, YM_MSG_agent_registered, &m);
}

static inline void agent_ready (struct agent_run *a)
{
    agent_begin (a);
    (void)fake_expect (a->door, YM_MSG_agent_register);
    registered (a->door, NULL, 0);
}

/* Notes whatever is reported. */
static inline void note_report (struct fake_door *d)
{
    struct ym_attempt_noted m = {.job = 1};

    if (d->header.number >= YM_MSG_attempt_started && d->header.ask != 0)
        fake_answer (d, YM_MSG_attempt_noted, &m);
}

/* Tells it to stop and plays its goodbye; what else it says is none of this test's matter. */
static inline void agent_end (struct agent_run *a)
{
    struct fake_door *d = a->door;

    cr_assert (eventfd_write (a->stop_fd, 1) == 0);
    while (fake_take (d, PATIENCE_MS) && d->header.number != YM_MSG_agent_leave)
        if (d->header.number == YM_MSG_agent_register)
            registered (d, NULL, 0);
        else
            note_report (d);
    cr_assert_eq (d->header.number, YM_MSG_agent_leave, "no goodbye");
    fake_answer (d, YM_MSG_agent_beaten, &(struct ym_agent_beaten){.session = d->session});
    pthread_join (a->thread, NULL);
    cr_assert_eq (a->status, 0);
    close (a->stop_fd);
}

static inline void start (struct fake_door *d, int64_t job, uint64_t fence)
{
    struct ym_attempt_start m = {.job = job,
                                 .attempt = 2,
                                 .fence = fence,
                                 .tenant = "acme",
                                 .name = "orders",
                                 .kind = "items-move",
                                 .source = ym_str ("from here"),
                                 .target = ym_str ("to there"),
                                 .payload = ym_bytes ("{}", 2),
                                 .checkpoint = 41,
                                 .resume = ym_bytes ("position", 8),
                                 .mark = ym_str ("9f3c2e1"),
                                 .done = 10,
                                 .total = 20};

    fake_tell (d, YM_MSG_attempt_start, &m);
}

static inline void noted (struct fake_door *d, uint64_t fence, uint64_t checkpoint)
{
    struct ym_attempt_noted m = {.job = JOB, .fence = fence, .checkpoint = checkpoint};

    fake_answer (d, YM_MSG_attempt_noted, &m);
}

/* Until 'number' comes; reports that it runs are passed over. */
static inline void skip_to (struct fake_door *d, unsigned number)
{
    do
        cr_assert (fake_take (d, PATIENCE_MS), "no %s", ym_message_find (number)->name);
    while (d->header.number == YM_MSG_attempt_started && number != YM_MSG_attempt_started);
    cr_assert_eq (d->header.number, number, "%s came",
                  ym_message_find (d->header.number)->name);
}

/* The handler of an older attempt may not have returned yet, and then it is put off. */
static inline void start_until (struct agent_run *a, int64_t job, uint64_t fence,
                                unsigned begun)
{
    int64_t until = ym_time_mono_ms () + PATIENCE_MS;
    bool is_here = false;

    start (a->door, job, fence);
    while (!is_here) {
        cr_assert (ym_time_mono_ms () < until);
        if (fake_take (a->door, 20) && a->door->header.number == YM_MSG_attempt_errored)
            start (a->door, job, fence);
        pthread_mutex_lock (&a->shared.lock);
        is_here = a->shared.begun >= begun;
        pthread_mutex_unlock (&a->shared.lock);
    }
}
#endif

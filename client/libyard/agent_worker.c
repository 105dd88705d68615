/* agent_worker.c - threads that run handlers, and how work reaches them.
 *
 * A thread is started only when work waited while nobody took any: handlers that end at once
 * share one thread and its warm caches, handlers that block soon have one each, up to the
 * slots.
 */
#include <unistd.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/time.h"

/* The I/O thread empties all queues each time, so one wake is enough until it looked. */
void agent_wake (struct agent *a)
{
    const uint64_t one = 1;

    if (a->woken)
        return;
    a->woken = true;
    if (write (a->wake_fd, &one, sizeof one) != sizeof one)
        ym_panic ("an eventfd that takes no more");
}

static struct yard_task *take (struct agent *a)
{
    struct yard_task *t;

    while (!a->run && !a->stopping) {
        a->idle++;
        pthread_cond_wait (&a->work, &a->lock);
        a->idle--;
    }
    t = a->run;
    if (!t)
        return NULL;
    DL_DELETE (a->run, t);
    t->state = TASK_RUNNING;
    a->taken++;
    return t;
}

static yard_step run (struct yard_task *t)
{
    if (t->handler)
        return t->handler->start (t, t->handler->user);
    yard_task_result (t, "this agent has no handler for %s", t->kind);
    return YARD_RETRY;
}

static void *work (void *me)
{
    struct agent *a = me;
    struct yard_task *t;

    pthread_mutex_lock (&a->lock);
    while ((t = take (a))) {
        pthread_mutex_unlock (&a->lock);
        t->step = run (t);
        pthread_mutex_lock (&a->lock);
        t->state = TASK_ENDED;
        DL_APPEND (a->ended, t);
        agent_wake (a);
    }
    pthread_mutex_unlock (&a->lock);
    return NULL;
}

/* Without a single thread nothing would ever run; with fewer than wished it is only slower. */
static void start_thread (struct agent *a)
{
    if (pthread_create (&a->threads[a->workers], NULL, work, a) == 0)
        a->workers++;
    else if (a->workers == 0)
        ym_panic ("no thread can be started");
}

void worker_put (struct agent *a, struct yard_task *t)
{
    pthread_mutex_lock (&a->lock);
    DL_APPEND (a->run, t);
    pthread_mutex_unlock (&a->lock);
    a->has_put = true;
    if (a->starve_at_ms == INT64_MAX) {
        a->starve_at_ms = ym_time_mono_ms () + STARVE_MS;
        a->taken_before = UINT64_MAX;
    }
    agent_look_by (a, a->starve_at_ms);
}

/* Once for all that came together: one thread that is awake serves many handlers that end at
 * once, and waking costs more than they do. */
void workers_wake (struct agent *a)
{
    if (!a->has_put)
        return;
    a->has_put = false;
    pthread_mutex_lock (&a->lock);
    if (a->workers == 0)
        start_thread (a);
    else if (a->run && a->idle > 0)
        pthread_cond_signal (&a->work);
    pthread_mutex_unlock (&a->lock);
}

bool worker_take_back (struct agent *a, struct yard_task *t)
{
    bool is_waiting;

    pthread_mutex_lock (&a->lock);
    is_waiting = t->state == TASK_WAITING;
    if (is_waiting)
        DL_DELETE (a->run, t);
    pthread_mutex_unlock (&a->lock);
    return is_waiting;
}

void workers_grow (struct agent *a, int64_t now)
{
    const struct yard_task *t;
    bool is_starved;

    if (now < a->starve_at_ms)
        return;
    pthread_mutex_lock (&a->lock);
    is_starved = a->taken == a->taken_before;
    a->taken_before = a->taken;
    if (is_starved)
        DL_FOREACH (a->run, t)
    if (a->workers < a->opts->slots)
        start_thread (a);
    /* With all at work there is nothing to look for. */
    a->starve_at_ms =
        a->run && (a->idle > 0 || a->workers < a->opts->slots) ? now + STARVE_MS : INT64_MAX;
    pthread_mutex_unlock (&a->lock);
    if (a->starve_at_ms < INT64_MAX)
        agent_look_by (a, a->starve_at_ms);
}

void workers_done (struct agent *a)
{
    pthread_mutex_lock (&a->lock);
    a->stopping = true;
    pthread_cond_broadcast (&a->work);
    pthread_mutex_unlock (&a->lock);
    for (unsigned i = 0; i < a->workers; i++)
        (void)pthread_join (a->threads[i], NULL);
}

/* agent_worker.c - threads that call handlers, and how work reaches them.
 *
 * Two pools: one for what an attempt does, and one for being told to stop, which must get a
 * thread even when all of the first are taken. In each a thread is started only when work
 * waited while nobody took any: handlers that end at once share one thread and its warm caches,
 * handlers that block soon have one each, up to the slots.
 */
#include <unistd.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/time.h"

_Thread_local struct act *worker_act;

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

void agent_post (struct yard_task *t)
{
    struct agent *a = t->agent;

    if (!t->has_news)
        DL_APPEND2 (a->news, t, news_prev, news_next);
    t->has_news = true;
    agent_wake (a);
}

static struct act *take (struct pool *p)
{
    struct act *act;

    while (!p->queue && !p->agent->stopping) {
        p->idle++;
        pthread_cond_wait (&p->work, &p->agent->lock);
        p->idle--;
    }
    act = p->queue;
    if (!act)
        return NULL;
    DL_DELETE (p->queue, act);
    act->state = ACT_RUNNING;
    p->taken++;
    return act;
}

static yard_step run (struct act *act)
{
    struct yard_task *t = act->task;
    const yard_handler *h = t->handler;
    yard_step step;

    if (!h) {
        yard_task_result (t, "this agent has no handler for %s", t->kind);
        return YARD_RETRY;
    }
    switch (act->signal) {
    case YM_PREPARE:
        return h->prepare (t, h->user);
    case YM_STOP:
        return h->suspend (t, h->user);
    case YM_END:
        return h->terminate (t, h->user);
    case YM_DEPROVISION:
        step = h->deprovision (t, h->user);
        return step == YARD_DONE && resources_clear (t) != YARD_OK ? YARD_RETRY : step;
    default:
        return h->start (t, h->user);
    }
}

void worker_stopped (struct yard_task *t)
{
    struct act *main = &t->act[MAIN];

    t->has_stopped = true;
    if (main->state != ACT_ASYNC || main->signal == YM_DEPROVISION)
        return;
    main->state = ACT_ANSWERED;
    main->step = YARD_STOPPED;
    agent_post (t);
}

/* What goes on by itself may have ended before the handler says that it goes on: by a call, or
 * with the other handler, which may have been faster. */
static yard_step how_it_ended (const struct act *act)
{
    const struct yard_task *t = act->task;

    if (act->has_said)
        return act->step;
    if (act->which == SIDE)
        return t->has_completed ? YARD_DONE : YARD_WORKING;
    return t->has_stopped && act->signal != YM_DEPROVISION ? YARD_STOPPED : YARD_WORKING;
}

static void returned (struct act *act, yard_step step)
{
    if (step == YARD_WORKING)
        step = how_it_ended (act);
    act->state = step == YARD_WORKING ? ACT_ASYNC : ACT_ANSWERED;
    act->step = step;
    agent_post (act->task);
    if (act->which == SIDE && (step == YARD_DONE || step == YARD_STOPPED))
        worker_stopped (act->task);
}

static void *work (void *me)
{
    struct pool *p = me;
    struct agent *a = p->agent;
    struct act *act;

    pthread_mutex_lock (&a->lock);
    while ((act = take (p))) {
        yard_step step;
        pthread_mutex_unlock (&a->lock);
        worker_act = act;
        step = run (act);
        worker_act = NULL;
        pthread_mutex_lock (&a->lock);
        returned (act, step);
    }
    pthread_mutex_unlock (&a->lock);
    return NULL;
}

/* Without a single thread nothing would ever run; with fewer than wished it is only slower. */
static void start_thread (struct pool *p)
{
    if (pthread_create (&p->threads[p->workers], NULL, work, p) == 0)
        p->workers++;
    else if (p->workers == 0)
        ym_panic ("no thread can be started");
}

void worker_put (struct agent *a, struct yard_task *t, unsigned which, unsigned signal)
{
    struct pool *p = &a->pool[which];
    struct act *act = &t->act[which];

    pthread_mutex_lock (&a->lock);
    act->state = ACT_QUEUED;
    act->signal = signal;
    act->is_told = act->has_said = false;
    act->result[0] = '\0';
    DL_APPEND (p->queue, act);
    pthread_mutex_unlock (&a->lock);
    p->has_put = true;
    if (p->starve_at_ms == INT64_MAX) {
        p->starve_at_ms = ym_time_mono_ms () + STARVE_MS;
        p->taken_before = UINT64_MAX;
    }
    agent_look_by (a, p->starve_at_ms);
}

/* Once for all that came together: one thread that is awake serves many handlers that end at
 * once, and waking costs more than they do. */
void workers_wake (struct agent *a)
{
    for (unsigned i = 0; i < ACTS; i++) {
        struct pool *p = &a->pool[i];
        if (!p->has_put)
            continue;
        p->has_put = false;
        pthread_mutex_lock (&a->lock);
        if (p->workers == 0)
            start_thread (p);
        else if (p->queue && p->idle > 0)
            pthread_cond_signal (&p->work);
        pthread_mutex_unlock (&a->lock);
    }
}

bool worker_take_back (struct agent *a, struct yard_task *t, unsigned which)
{
    struct act *act = &t->act[which];
    bool is_waiting;

    pthread_mutex_lock (&a->lock);
    is_waiting = act->state == ACT_QUEUED;
    if (is_waiting) {
        DL_DELETE (a->pool[which].queue, act);
        act->state = ACT_IDLE;
    }
    pthread_mutex_unlock (&a->lock);
    return is_waiting;
}

enum act_state worker_state (struct yard_task *t, unsigned which)
{
    enum act_state state;

    pthread_mutex_lock (&t->agent->lock);
    state = t->act[which].state;
    pthread_mutex_unlock (&t->agent->lock);
    return state;
}

static void grow (struct agent *a, struct pool *p, int64_t now)
{
    const struct act *act;
    bool is_starved;

    if (now < p->starve_at_ms) {
        agent_look_by (a, p->starve_at_ms);
        return;
    }
    pthread_mutex_lock (&a->lock);
    is_starved = p->taken == p->taken_before;
    p->taken_before = p->taken;
    if (is_starved)
        DL_FOREACH (p->queue, act)
    if (p->workers < a->opts->slots)
        start_thread (p);
    /* With all at work there is nothing to look for. */
    p->starve_at_ms =
        p->queue && (p->idle > 0 || p->workers < a->opts->slots) ? now + STARVE_MS : INT64_MAX;
    pthread_mutex_unlock (&a->lock);
    if (p->starve_at_ms < INT64_MAX)
        agent_look_by (a, p->starve_at_ms);
}

void workers_grow (struct agent *a, int64_t now)
{
    for (unsigned i = 0; i < ACTS; i++)
        grow (a, &a->pool[i], now);
}

void workers_done (struct agent *a)
{
    pthread_mutex_lock (&a->lock);
    a->stopping = true;
    for (unsigned i = 0; i < ACTS; i++)
        pthread_cond_broadcast (&a->pool[i].work);
    pthread_mutex_unlock (&a->lock);
    for (unsigned i = 0; i < ACTS; i++)
        for (unsigned n = 0; n < a->pool[i].workers; n++)
            (void)pthread_join (a->pool[i].threads[n], NULL);
}

/* test_signals.c - the signals of an attempt, answered in every way a handler can answer them.
 */
#include <poll.h>

#include "tests/unit/client/libyard/fake_agent.h"

/* --- handlers that do as the test says --- */

enum how { AT_ONCE, WHEN_LET, BY_ITSELF };
enum { PREPARE, START, SUSPEND, TERMINATE, DEPROVISION, HANDLERS };

struct play {
    enum how how;
    yard_step step;
    bool stops; /* START, WHEN_LET: also when told to stop, with YARD_STOPPED */
};

struct stage {
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct play play[HANDLERS];
    unsigned called[HANDLERS], let[HANDLERS];
    yard_stop stop;
    int64_t left_ms;
    yard_task *task; /* of the last call */
    void (*during[HANDLERS]) (yard_task *task, struct stage *stage);
    yard_rc rc;
    unsigned listed;
};

struct scene {
    struct fake_door door;
    struct agent_run run;
    yard_handler handler;
    struct stage stage;
};

static void let (struct stage *s, unsigned which)
{
    pthread_mutex_lock (&s->lock);
    s->let[which]++;
    pthread_cond_broadcast (&s->change);
    pthread_mutex_unlock (&s->lock);
}

static void await_call (struct stage *s, unsigned which, unsigned least)
{
    struct timespec until;
    int rc = 0;

    clock_gettime (CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock (&s->lock);
    while (s->called[which] < least && rc == 0)
        rc = pthread_cond_timedwait (&s->change, &s->lock, &until);
    pthread_mutex_unlock (&s->lock);
    cr_assert_eq (rc, 0, "handler %u was called %u times of %u", which, s->called[which],
                  least);
}

static yard_step wait_to_be_let (struct stage *s, unsigned which, yard_task *task,
                                 struct play play)
{
    struct pollfd p = {.fd = yard_task_stop_fd (task), .events = POLLIN};

    for (;;) {
        bool may_go;
        pthread_mutex_lock (&s->lock);
        may_go = s->let[which] > 0;
        s->let[which] -= may_go;
        pthread_mutex_unlock (&s->lock);
        if (may_go)
            return play.step;
        if (poll (&p, play.stops, 2) > 0 && yard_task_should_stop (task) != YARD_GO_ON) {
            s->stop = yard_task_stop_by (task, &s->left_ms);
            return YARD_STOPPED;
        }
        if (!play.stops)
            usleep (1000);
        if (yard_task_should_stop (task) == YARD_STOP_FENCED)
            return YARD_STOPPED;
    }
}

static yard_step act (struct stage *s, unsigned which, yard_task *task)
{
    static const char *const words[] = {"prepare", "start", "suspend", "terminate",
                                        "deprovision"};
    struct play play;

    yard_task_result (task, "%s says so", words[which]);
    pthread_mutex_lock (&s->lock);
    play = s->play[which];
    s->task = task;
    if (which != START)
        s->stop = yard_task_stop_by (task, &s->left_ms);
    pthread_mutex_unlock (&s->lock);
    if (s->during[which])
        s->during[which](task, s);
    pthread_mutex_lock (&s->lock);
    s->called[which]++;
    pthread_cond_broadcast (&s->change);
    pthread_mutex_unlock (&s->lock);
    if (play.how == BY_ITSELF)
        return YARD_WORKING;
    return play.how == AT_ONCE ? play.step : wait_to_be_let (s, which, task, play);
}

#define HANDLER(name, which)                                                                   \
    static yard_step name (yard_task *task, void *user)                                        \
    {                                                                                          \
        return act (user, which, task);                                                        \
    }
HANDLER (do_prepare, PREPARE)
HANDLER (do_start, START)
HANDLER (do_suspend, SUSPEND)
HANDLER (do_terminate, TERMINATE)
HANDLER (do_deprovision, DEPROVISION)

enum { SAYS_STARTED = 1 << HANDLERS };

/* With the handlers whose bits are set; start always. */
static struct scene *open_scene (unsigned has)
{
    struct scene *s = ym_new (sizeof *s);

    pthread_mutex_init (&s->stage.lock, NULL);
    pthread_cond_init (&s->stage.change, NULL);
    s->stage.play[START] = (struct play){WHEN_LET, YARD_DONE, true};
    s->handler = (yard_handler){
        .size = sizeof s->handler,
        .kind = "items-move",
        .start = do_start,
        .user = &s->stage,
        .prepare = has & 1 << PREPARE ? do_prepare : NULL,
        .suspend = has & 1 << SUSPEND ? do_suspend : NULL,
        .terminate = has & 1 << TERMINATE ? do_terminate : NULL,
        .deprovision = has & 1 << DEPROVISION ? do_deprovision : NULL,
        .says_started = has & SAYS_STARTED,
    };
    s->run = (struct agent_run){.door = &s->door, .handler = &s->handler};
    fake_start (&s->door, false);
    agent_ready (&s->run);
    return s;
}

static void close_scene (struct scene *s)
{
    for (unsigned i = 0; i < HANDLERS; i++)
        let (&s->stage, i);
    agent_end (&s->run);
    fake_stop (&s->door);
    pthread_mutex_destroy (&s->stage.lock);
    pthread_cond_destroy (&s->stage.change);
    free (s);
}

/* --- what is told and heard --- */

static void tell_start (struct scene *s, unsigned signal, uint64_t fence,
                        const struct ym_resource *rows, uint32_t count)
{
    struct ym_attempt_start m = {.signal = signal,
                                 .job = JOB,
                                 .attempt = 1,
                                 .fence = fence,
                                 .tenant = "acme",
                                 .name = "orders",
                                 .kind = "items-move",
                                 .source = ym_str ("from here"),
                                 .target = ym_str ("to there"),
                                 .resources = {rows, count}};

    fake_tell (&s->door, YM_MSG_attempt_start, &m);
}

static void tell_suspend (struct scene *s, uint64_t fence, unsigned suspender, unsigned grace)
{
    struct ym_attempt_suspend m = {.job = JOB,
                                   .fence = fence,
                                   .suspender = suspender,
                                   .grace_ms = grace,
                                   .reason = ym_str ("a test")};

    fake_tell (&s->door, YM_MSG_attempt_suspend, &m);
}

static void tell_terminate (struct scene *s, uint64_t fence)
{
    fake_tell (&s->door, YM_MSG_attempt_terminate,
               &(struct ym_attempt_terminate){
                   .job = JOB, .fence = fence, .reason = ym_str ("a test")});
}

static void tell_lost (struct scene *s, uint64_t fence)
{
    fake_tell (&s->door, YM_MSG_attempt_lost,
               &(struct ym_attempt_lost){.job = JOB, .fence = fence});
}

static void note_it (struct scene *s, uint64_t fence)
{
    noted (&s->door, fence, 0);
}

/* What comes next, noted. */
static const void *hear (struct scene *s, unsigned number)
{
    const void *m = fake_expect (&s->door, number);

    note_it (s, 5);
    return m;
}

static void hear_working (struct scene *s, unsigned signal, unsigned message)
{
    const struct ym_attempt_working *m = hear (s, YM_MSG_attempt_working);

    cr_assert_eq (m->signal, signal, "working on %u, not %u", m->signal, signal);
    cr_assert_eq (m->message, message, "message %u, not %u", (unsigned)m->message, message);
    cr_assert_eq (m->fence, 5);
}

static void hear_errored (struct scene *s, unsigned signal, bool retryable, unsigned message)
{
    const struct ym_attempt_errored *m = hear (s, YM_MSG_attempt_errored);

    cr_assert_eq (m->signal, signal);
    cr_assert_eq (m->retryable, retryable);
    cr_assert_eq (m->message, message);
    cr_assert (m->text.size > 8, "it says what happened");
}

static void hear_started (struct scene *s, unsigned message)
{
    const struct ym_attempt_started *m = hear (s, YM_MSG_attempt_started);

    cr_assert_eq (m->message, message);
}

/* All ends have their message number in the same place. On a busy machine what is answered at
 * once may not be, and "working" comes first. */
static void hear_end (struct scene *s, unsigned number, unsigned message)
{
    const struct ym_attempt_completed *m;

    cr_assert (fake_take (&s->door, PATIENCE_MS));
    for (; s->door.header.number == YM_MSG_attempt_working; message++) {
        note_it (s, 5);
        cr_assert (fake_take (&s->door, PATIENCE_MS));
    }
    cr_assert_eq (s->door.header.number, number, "%s came",
                  ym_message_find (s->door.header.number)->name);
    m = fake_read (&s->door);
    note_it (s, 5);
    cr_assert_eq (m->message, message);
}

static void hear_nothing (struct scene *s)
{
    cr_assert_not (fake_take (&s->door, 150), "%s came",
                   ym_message_find (s->door.header.number)->name);
}

/* Of an attempt whose start is at work. */
static void begin_started (struct scene *s)
{
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    await_call (&s->stage, START, 1);
    hear_started (s, 1);
}

/* --- prepare --- */

Test (signals, what_is_prepared_at_once_costs_no_message, .timeout = 30)
{
    struct scene *s = open_scene (1 << PREPARE);

    begin_started (s);
    cr_assert_eq (s->stage.called[PREPARE], 1);
    let (&s->stage, START);
    hear_end (s, YM_MSG_attempt_completed, 2);
    hear_nothing (s);
    close_scene (s);
}

static void prepare_in_two_steps (enum how how)
{
    struct scene *s = open_scene (1 << PREPARE);
    const struct ym_attempt_prepared *m;

    s->stage.play[PREPARE] = (struct play){.how = how};
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    await_call (&s->stage, PREPARE, 1);
    hear_working (s, YM_PREPARE, 1);
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_working (s, YM_PREPARE, 1);
    if (how == BY_ITSELF)
        yard_task_prepared (s->stage.task);
    else
        let (&s->stage, PREPARE);
    m = hear (s, YM_MSG_attempt_prepared);
    cr_assert_eq (m->message, 2);
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    m = hear (s, YM_MSG_attempt_prepared);
    cr_assert_eq (m->message, 2, "a repetition has the same number");
    cr_assert_eq (s->stage.called[START], 0, "nothing starts before the signal");
    tell_start (s, YM_START, 5, NULL, 0);
    hear_started (s, 3);
    tell_start (s, YM_START, 5, NULL, 0);
    hear_started (s, 3);
    cr_assert_eq (s->stage.called[PREPARE], 1);
    let (&s->stage, START);
    hear_end (s, YM_MSG_attempt_completed, 4);
    close_scene (s);
}

Test (signals, what_takes_time_to_prepare_is_worked_on, .timeout = 30)
{
    prepare_in_two_steps (WHEN_LET);
}

Test (signals, what_prepares_by_itself_says_when, .timeout = 30)
{
    prepare_in_two_steps (BY_ITSELF);
}

Test (signals, a_failed_prepare_is_told_and_tried_again, .timeout = 30)
{
    struct scene *s = open_scene (1 << PREPARE);

    s->stage.play[PREPARE] = (struct play){AT_ONCE, YARD_RETRY, false};
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_errored (s, YM_PREPARE, true, 1);
    s->stage.play[PREPARE].step = YARD_FAIL;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_errored (s, YM_PREPARE, false, 2);
    s->stage.play[PREPARE].step = YARD_DONE;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_started (s, 3);
    cr_assert_eq (s->stage.called[PREPARE], 3);
    close_scene (s);
}

/* The yard gave up: what waits for a signal goes without a word. */
Test (signals, what_waits_for_a_signal_can_be_lost, .timeout = 30)
{
    struct scene *s = open_scene (1 << PREPARE);

    s->stage.play[PREPARE] = (struct play){AT_ONCE, YARD_FAIL, false};
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_errored (s, YM_PREPARE, false, 1);
    tell_lost (s, 5);
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_nothing (s);
    cr_assert_eq (s->stage.called[PREPARE], 1);
    close_scene (s);
}

/* --- start --- */

Test (signals, a_start_that_goes_on_by_itself, .timeout = 30)
{
    struct scene *s = open_scene (SAYS_STARTED);

    s->stage.play[START] = (struct play){.how = BY_ITSELF};
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_working (s, YM_START, 1);
    yard_task_started (s->stage.task);
    hear_started (s, 2);
    yard_task_complete (s->stage.task, YARD_DONE);
    hear_end (s, YM_MSG_attempt_completed, 3);
    close_scene (s);
}

static void complete_now (yard_task *task, struct stage *stage)
{
    (void)stage;
    yard_task_complete (task, YARD_FAIL);
}

/* Its end may be told before it has returned, and of an attempt that ends at once that is all.
 */
Test (signals, an_end_told_before_the_handler_returns, .timeout = 30)
{
    struct scene *s = open_scene (SAYS_STARTED);
    const struct ym_attempt_failed *m;

    s->stage.play[START] = (struct play){.how = BY_ITSELF};
    s->stage.during[START] = complete_now;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    m = hear (s, YM_MSG_attempt_failed);
    cr_assert_not (m->retryable);
    cr_assert_eq (m->message, 1);
    close_scene (s);
}

Test (signals, a_start_that_says_when_it_runs, .timeout = 30)
{
    struct scene *s = open_scene (SAYS_STARTED);

    tell_start (s, YM_PREPARE, 5, NULL, 0);
    await_call (&s->stage, START, 1);
    hear_working (s, YM_START, 1);
    yard_task_started (s->stage.task);
    hear_started (s, 2);
    let (&s->stage, START);
    hear_end (s, YM_MSG_attempt_completed, 3);
    close_scene (s);
}

/* --- suspend and terminate without handlers of their own --- */

static const struct {
    unsigned suspender;
    yard_stop stop;
} reasons[] = {{YM_PREEMPTION, YARD_STOP_PREEMPTED},
               {YM_DRAIN, YARD_STOP_DRAIN},
               {YM_OWNER, YARD_STOP_SUSPENDED},
               {YM_OPERATING, YARD_STOP_SUSPENDED}};

Test (signals, a_start_that_stops_is_suspended, .timeout = 60)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct scene *s = open_scene (0);
        begin_started (s);
        tell_suspend (s, 5, reasons[i].suspender, i == 0 ? 5000 : 0);
        hear_end (s, YM_MSG_attempt_suspended, 2);
        cr_assert_eq (s->stage.stop, reasons[i].stop);
        if (i == 0)
            cr_assert (s->stage.left_ms > 3000 && s->stage.left_ms <= 5000);
        else
            cr_assert_lt (s->stage.left_ms, 0);
        hear_nothing (s);
        close_scene (s);
    }
}

Test (signals, a_start_that_takes_time_to_stop_is_worked_on, .timeout = 30)
{
    struct scene *s = open_scene (0);

    s->stage.play[START] = (struct play){WHEN_LET, YARD_STOPPED, false};
    begin_started (s);
    tell_suspend (s, 5, YM_OWNER, 0);
    hear_working (s, YM_STOP, 2);
    tell_suspend (s, 5, YM_OWNER, 0);
    hear_working (s, YM_STOP, 2);
    tell_terminate (s, 5); /* the stronger wish */
    hear_working (s, YM_END, 3);
    let (&s->stage, START);
    hear_end (s, YM_MSG_attempt_terminated, 4);
    close_scene (s);
}

Test (signals, what_completes_while_it_is_suspended_is_completed, .timeout = 30)
{
    static const struct {
        yard_step step;
        unsigned number;
    } ends[] = {{YARD_DONE, YM_MSG_attempt_completed},
                {YARD_FAIL, YM_MSG_attempt_failed},
                {YARD_RETRY, YM_MSG_attempt_failed},
                {YARD_STOPPED, YM_MSG_attempt_suspended}};

    for (unsigned i = 0; i < 4; i++) {
        struct scene *s = open_scene (0);
        s->stage.play[START] = (struct play){WHEN_LET, ends[i].step, false};
        begin_started (s);
        tell_suspend (s, 5, YM_PREEMPTION, 1000);
        hear_working (s, YM_STOP, 2);
        let (&s->stage, START);
        hear_end (s, ends[i].number, 3);
        tell_suspend (s, 5, YM_PREEMPTION, 1000); /* crossed */
        fake_expect (&s->door, YM_MSG_attempt_suspended);
        close_scene (s);
    }
}

Test (signals, an_answer_that_was_lost_is_given_again, .timeout = 30)
{
    struct scene *s = open_scene (0);

    begin_started (s);
    tell_suspend (s, 5, YM_OWNER, 0);
    fake_expect (&s->door, YM_MSG_attempt_suspended);
    tell_suspend (s, 5, YM_OWNER, 0);
    hear_end (s, YM_MSG_attempt_suspended, 2);
    close_scene (s);
}

Test (signals, what_waits_for_the_start_signal_stops_at_once, .timeout = 30)
{
    struct scene *s = open_scene (1 << PREPARE);

    s->stage.play[PREPARE] = (struct play){WHEN_LET, YARD_DONE, false};
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_working (s, YM_PREPARE, 1);
    let (&s->stage, PREPARE);
    (void)hear (s, YM_MSG_attempt_prepared);
    tell_suspend (s, 5, YM_OWNER, 0);
    hear_end (s, YM_MSG_attempt_suspended, 3);
    cr_assert_eq (s->stage.called[START], 0);
    close_scene (s);
}

/* --- suspend and terminate with handlers --- */

struct side {
    unsigned which, signal, end;
};
static const struct side sides[] = {{SUSPEND, YM_STOP, YM_MSG_attempt_suspended},
                                    {TERMINATE, YM_END, YM_MSG_attempt_terminated}};

static void tell_side (struct scene *s, const struct side *side)
{
    if (side->which == SUSPEND)
        tell_suspend (s, 5, YM_OWNER, 0);
    else
        tell_terminate (s, 5);
}

Test (signals, a_handler_stops_it, .timeout = 60)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene *s = open_scene (1 << SUSPEND | 1 << TERMINATE);
        begin_started (s);
        tell_side (s, &sides[i]);
        hear_end (s, sides[i].end, 2);
        cr_assert_eq (s->stage.called[sides[i].which], 1);
        close_scene (s);
    }
}

Test (signals, a_handler_takes_its_time_to_stop_it, .timeout = 60)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct side *side = &sides[i % 2];
        struct scene *s = open_scene (1 << SUSPEND | 1 << TERMINATE);
        s->stage.play[side->which].how = i < 2 ? WHEN_LET : BY_ITSELF;
        begin_started (s);
        tell_side (s, side);
        await_call (&s->stage, side->which, 1);
        hear_working (s, side->signal, 2);
        tell_side (s, side);
        hear_working (s, side->signal, 2);
        if (i < 2)
            let (&s->stage, side->which);
        else if (side->which == SUSPEND)
            yard_task_suspended (s->stage.task);
        else
            yard_task_terminated (s->stage.task);
        hear_end (s, side->end, 3);
        cr_assert_eq (s->stage.called[side->which], 1);
        close_scene (s);
    }
}

Test (signals, a_handler_cannot_stop_it, .timeout = 60)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct side *side = &sides[i % 2];
        struct scene *s = open_scene (1 << SUSPEND | 1 << TERMINATE);
        s->stage.play[side->which].step = i < 2 ? YARD_RETRY : YARD_FAIL;
        s->stage.play[START].stops = false;
        begin_started (s);
        tell_side (s, side);
        hear_errored (s, side->signal, i < 2, 2);
        cr_assert_eq (yard_task_should_stop (s->stage.task), YARD_GO_ON);
        s->stage.play[side->which].step = YARD_DONE;
        tell_side (s, side);
        hear_working (s, side->signal, 3); /* start has not returned */
        cr_assert_eq (s->stage.called[side->which], 2);
        let (&s->stage, START);
        hear_end (s, YM_MSG_attempt_completed, 4);
        close_scene (s);
    }
}

/* What works by itself is over when its handler says that it has stopped it. */
Test (signals, a_handler_stops_what_goes_on_by_itself, .timeout = 60)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene *s = open_scene (SAYS_STARTED | 1 << SUSPEND | 1 << TERMINATE);
        s->stage.play[START].how = BY_ITSELF;
        tell_start (s, YM_PREPARE, 5, NULL, 0);
        hear_working (s, YM_START, 1);
        tell_side (s, &sides[i]);
        hear_end (s, sides[i].end, 2);
        close_scene (s);
    }
}

Test (signals, what_goes_on_by_itself_stops_by_itself, .timeout = 60)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene *s = open_scene (SAYS_STARTED);
        s->stage.play[START].how = BY_ITSELF;
        tell_start (s, YM_PREPARE, 5, NULL, 0);
        hear_working (s, YM_START, 1);
        tell_side (s, &sides[i]);
        hear_working (s, sides[i].signal, 2);
        if (i == 0)
            yard_task_suspended (s->stage.task);
        else
            yard_task_complete (s->stage.task, YARD_STOPPED);
        hear_end (s, sides[i].end, 3);
        close_scene (s);
    }
}

/* Who is faster, what works or who tells it to stop, is for nobody to know. */
static void complete_stopped (yard_task *task, struct stage *stage)
{
    (void)stage;
    yard_task_complete (task, YARD_STOPPED);
}

Test (signals, what_stopped_before_it_was_told_is_over, .timeout = 60)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct side *side = &sides[i];
        struct scene *s = open_scene (1 << SUSPEND | 1 << TERMINATE);
        s->stage.play[START].how = BY_ITSELF;
        s->stage.play[side->which].how = BY_ITSELF;
        s->stage.during[side->which] = complete_stopped;
        tell_start (s, YM_PREPARE, 5, NULL, 0);
        hear_working (s, YM_START, 1);
        tell_side (s, side);
        hear_end (s, side->end, 2);
        close_scene (s);
    }
}

static void wait_to_go_on (yard_task *task, struct stage *stage)
{
    (void)wait_to_be_let (stage, START, task, (struct play){0});
}

Test (signals, what_was_stopped_before_it_returned_is_over, .timeout = 60)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct side *side = &sides[i];
        struct scene *s = open_scene (1 << SUSPEND | 1 << TERMINATE);
        s->stage.play[START].how = BY_ITSELF;
        s->stage.during[START] = wait_to_go_on;
        tell_start (s, YM_PREPARE, 5, NULL, 0);
        hear_started (s, 1);
        tell_side (s, side);
        hear_working (s, side->signal, 2); /* its handler has returned, start has not */
        let (&s->stage, START);
        hear_end (s, side->end, 3);
        close_scene (s);
    }
}

/* As far as the handlers know, nothing has changed: suspend stops what works by itself. */
Test (signals, what_is_stopped_after_it_was_fenced_is_over, .timeout = 30)
{
    struct scene *s = open_scene (1 << SUSPEND);

    s->stage.play[START].how = BY_ITSELF;
    s->stage.play[SUSPEND].how = WHEN_LET;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_working (s, YM_START, 1);
    tell_suspend (s, 5, YM_OWNER, 0);
    await_call (&s->stage, SUSPEND, 1);
    tell_lost (s, 5);
    do { /* the next attempt begins here, so the older one was given back */
        tell_start (s, YM_PREPARE, 6, NULL, 0);
        cr_assert (fake_take (&s->door, PATIENCE_MS));
    } while (s->stage.called[START] < 2);
    yard_task_complete (s->stage.task, YARD_DONE);
    close_scene (s);
}

/* It came to run while it was being suspended: that is told for nothing, and it is still ours.
 */
Test (signals, what_runs_too_late_is_suspended, .timeout = 30)
{
    struct scene *s = open_scene (1 << SUSPEND | SAYS_STARTED);

    s->stage.play[START].how = s->stage.play[SUSPEND].how = BY_ITSELF;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_working (s, YM_START, 1);
    tell_suspend (s, 5, YM_OWNER, 0);
    hear_working (s, YM_STOP, 2);
    yard_task_started (s->stage.task);
    (void)fake_expect (&s->door, YM_MSG_attempt_started);
    fake_refuse (&s->door, "illegal_move", false, 0);
    hear_nothing (s);
    cr_assert_eq (yard_task_should_stop (s->stage.task), YARD_STOP_SUSPENDED);
    yard_task_suspended (s->stage.task);
    hear_end (s, YM_MSG_attempt_suspended, 4);
    close_scene (s);
}

/* --- tombstones --- */

Test (signals, what_was_told_to_end_never_begins, .timeout = 60)
{
    struct scene *s = open_scene (0);

    tell_suspend (s, 5, YM_PREEMPTION, 1000);
    hear_end (s, YM_MSG_attempt_suspended, 0);
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_end (s, YM_MSG_attempt_suspended, 0);
    tell_terminate (s, 6);
    hear_end (s, YM_MSG_attempt_terminated, 0);
    tell_start (s, YM_PREPARE, 6, NULL, 0);
    hear_end (s, YM_MSG_attempt_terminated, 0);
    tell_start (s, YM_PREPARE, 4, NULL, 0); /* older still: an echo */
    tell_lost (s, 7);
    tell_start (s, YM_PREPARE, 7, NULL, 0);
    hear_nothing (s);
    cr_assert_eq (s->stage.called[START], 0);
    tell_start (s, YM_PREPARE, 8, NULL, 0);
    await_call (&s->stage, START, 1);
    close_scene (s);
}

/* --- deprovision --- */

static const struct ym_resource left[] = {
    {.name = "store", .state = YM_PROVISIONED, .address = {"/there", 6}},
    {.name = "staging", .state = YM_REQUESTED, .address = {"", 0}},
};

static void remove_all (yard_task *task, struct stage *stage)
{
    yard_resource rows[4];

    stage->listed = (unsigned)yard_task_resources (task, rows, 4);
    for (unsigned i = 0; i < stage->listed && i < 4; i++)
        stage->rc = yard_task_removed (task, rows[i].name);
}

static void hear_removed (struct scene *s, const char *name)
{
    const struct ym_attempt_resources *m = hear (s, YM_MSG_attempt_resources);

    cr_assert_eq (m->resources.count, 1);
    cr_assert_str_eq (m->resources.at[0].name, name);
    cr_assert_eq (m->resources.at[0].state, YM_REMOVED);
}

Test (signals, an_attempt_that_only_removes, .timeout = 30)
{
    struct scene *s = open_scene (1 << DEPROVISION);

    s->stage.during[DEPROVISION] = remove_all;
    tell_start (s, YM_DEPROVISION, 5, left, 2);
    hear_removed (s, "store");
    hear_removed (s, "staging");
    hear_end (s, YM_MSG_attempt_deprovisioned, 1);
    tell_start (s, YM_DEPROVISION, 5, left, 2); /* an echo */
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_nothing (s);
    cr_assert_eq (s->stage.called[DEPROVISION], 1);
    cr_assert_eq (s->stage.called[START], 0);
    close_scene (s);
}

Test (signals, removing_is_answered_like_any_signal, .timeout = 60)
{
    struct scene *s = open_scene (1 << DEPROVISION);

    s->stage.play[DEPROVISION] = (struct play){AT_ONCE, YARD_RETRY, false};
    tell_start (s, YM_DEPROVISION, 5, left, 2);
    hear_errored (s, YM_DEPROVISION, true, 1);
    s->stage.play[DEPROVISION] = (struct play){AT_ONCE, YARD_FAIL, false};
    tell_start (s, YM_DEPROVISION, 5, left, 2);
    hear_errored (s, YM_DEPROVISION, false, 2);
    s->stage.play[DEPROVISION] = (struct play){.how = BY_ITSELF};
    tell_start (s, YM_DEPROVISION, 5, left, 0);
    hear_working (s, YM_DEPROVISION, 3);
    tell_start (s, YM_DEPROVISION, 5, left, 0);
    hear_working (s, YM_DEPROVISION, 3);
    yard_task_deprovisioned (s->stage.task);
    hear_end (s, YM_MSG_attempt_deprovisioned, 4);
    cr_assert_eq (s->stage.called[DEPROVISION], 3);
    close_scene (s);
}

Test (signals, without_a_handler_nothing_is_removed, .timeout = 30)
{
    struct scene *s = open_scene (0);

    tell_start (s, YM_DEPROVISION, 5, left, 2);
    hear_errored (s, YM_DEPROVISION, false, 1);
    tell_start (s, YM_DEPROVISION, 5, NULL, 0);
    hear_end (s, YM_MSG_attempt_deprovisioned, 2);
    close_scene (s);
}

/* The yard has noted the end, and says that something is left. */
Test (signals, the_number_goes_on_after_the_end, .timeout = 30)
{
    struct scene *s = open_scene (1 << DEPROVISION);

    begin_started (s);
    let (&s->stage, START);
    hear_end (s, YM_MSG_attempt_completed, 2);
    tell_start (s, YM_DEPROVISION, 5, left, 0);
    hear_end (s, YM_MSG_attempt_deprovisioned, 3);
    close_scene (s);
}

Test (signals, what_is_left_is_removed_before_the_end, .timeout = 60)
{
    static const struct {
        yard_step step;
        bool terminates;
        unsigned end, removed;
    } cases[] = {{YARD_DONE, false, YM_MSG_attempt_completed, 1},
                 {YARD_FAIL, false, YM_MSG_attempt_failed, 1},
                 {YARD_RETRY, false, YM_MSG_attempt_failed, 0},
                 {YARD_STOPPED, false, YM_MSG_attempt_suspended, 0},
                 {YARD_STOPPED, true, YM_MSG_attempt_terminated, 1}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *s = open_scene (1 << DEPROVISION);
        s->stage.play[START] = (struct play){WHEN_LET, cases[i].step, false};
        s->stage.during[DEPROVISION] = remove_all;
        tell_start (s, YM_PREPARE, 5, left, 1);
        hear_started (s, 1);
        if (cases[i].terminates)
            tell_terminate (s, 5);
        else if (cases[i].step == YARD_STOPPED)
            tell_suspend (s, 5, YM_OWNER, 0);
        if (cases[i].step == YARD_STOPPED)
            hear_working (s, cases[i].terminates ? YM_END : YM_STOP, 2);
        let (&s->stage, START);
        if (cases[i].removed)
            hear_removed (s, "store");
        hear_end (s, cases[i].end, cases[i].step == YARD_STOPPED ? 3 : 2);
        cr_assert_eq (s->stage.called[DEPROVISION], cases[i].removed);
        close_scene (s);
    }
}

/* --- resources and addresses --- */

static void make_two (yard_task *task, struct stage *stage)
{
    yard_resource rows[4];

    stage->listed = (unsigned)yard_task_resources (task, rows, 4);
    if (stage->called[PREPARE] == 0) {
        stage->rc = yard_task_provisioning (task, "store", "/there");
        stage->rc = yard_task_provisioned (task, "store", NULL);
        stage->rc = yard_task_provisioning (task, "staging", "/here");
        return;
    }
    cr_assert_eq (stage->listed, 2);
    cr_assert_str_eq (rows[0].name, "store");
    cr_assert_str_eq (rows[0].address, "/there");
    cr_assert (rows[0].is_provisioned);
    cr_assert_str_eq (rows[1].name, "staging");
    cr_assert_not (rows[1].is_provisioned);
    stage->rc = yard_task_provisioned (task, "staging", NULL);
}

static void hear_resource (struct scene *s, const char *name, unsigned state,
                           const char *address)
{
    const struct ym_attempt_resources *m = hear (s, YM_MSG_attempt_resources);

    cr_assert_eq (m->resources.count, 1);
    cr_assert_str_eq (m->resources.at[0].name, name);
    cr_assert_eq (m->resources.at[0].state, state);
    cr_assert (ym_str_is (m->resources.at[0].address, address));
}

Test (signals, a_half_made_preparation_goes_on_where_it_was, .timeout = 30)
{
    struct scene *s = open_scene (1 << PREPARE);

    s->stage.during[PREPARE] = make_two;
    s->stage.play[PREPARE].step = YARD_RETRY;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_resource (s, "store", YM_REQUESTED, "/there");
    hear_resource (s, "store", YM_PROVISIONED, "/there");
    hear_resource (s, "staging", YM_REQUESTED, "/here");
    hear_errored (s, YM_PREPARE, true, 1);
    s->stage.play[PREPARE].step = YARD_DONE;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_resource (s, "staging", YM_PROVISIONED, "/here");
    hear_started (s, 2);
    cr_assert_eq (s->stage.rc, YARD_OK);
    close_scene (s);
}

static void break_limits (yard_task *task, struct stage *stage)
{
    char address[202];

    memset (address, 'x', sizeof address);
    address[201] = '\0';
    cr_assert_eq (yard_task_provisioning (task, "", "/"), YARD_EINVALID);
    cr_assert_eq (yard_task_provisioning (task, NULL, "/"), YARD_EINVALID);
    cr_assert_eq (yard_task_provisioning (task, "Not A Word", "/"), YARD_EINVALID);
    cr_assert_eq (yard_task_provisioning (task, "store", address), YARD_EINVALID);
    cr_assert_eq (yard_task_provisioning (task, "store", "\xff"), YARD_EINVALID);
    cr_assert_eq (yard_task_moved (task, "\xff", NULL), YARD_EINVALID);
    stage->rc = YARD_OK;
}

Test (signals, what_a_handler_names_is_bounded, .timeout = 30)
{
    struct scene *s = open_scene (1 << PREPARE);

    s->stage.during[PREPARE] = break_limits;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_started (s, 1);
    close_scene (s);
}

static void move_away (yard_task *task, struct stage *stage)
{
    stage->rc = yard_task_moved (task, NULL, "/elsewhere");
    cr_assert_str_eq (yard_task_source (task), "from here");
    cr_assert_str_eq (yard_task_target (task), "/elsewhere");
    cr_assert_eq (yard_task_moved (task, "/again", NULL), YARD_ECONFLICT);
}

/* Also of an attempt that ends at once. */
Test (signals, a_changed_address_is_told, .timeout = 60)
{
    for (unsigned i = 0; i < 3; i++) {
        struct scene *s = open_scene (1 << PREPARE);
        const struct ym_attempt_started *m;
        s->stage.during[PREPARE] = move_away;
        s->stage.play[START].how = i == 1 ? AT_ONCE : WHEN_LET;
        s->stage.play[PREPARE].how = i == 2 ? BY_ITSELF : AT_ONCE;
        tell_start (s, YM_PREPARE, 5, NULL, 0);
        if (i == 2) {
            hear_working (s, YM_PREPARE, 1);
            yard_task_prepared (s->stage.task);
        }
        /* attempt_prepared has the same fields */
        m = hear (s, i == 2 ? YM_MSG_attempt_prepared : YM_MSG_attempt_started);
        cr_assert (m->has & 1 << 5 && ym_str_is (m->target, "/elsewhere"));
        cr_assert_not (m->has & 1 << 4);
        cr_assert_eq (s->stage.rc, YARD_OK);
        if (i == 1)
            hear_end (s, YM_MSG_attempt_completed, 2);
        close_scene (s);
    }
}

/* Also when more was to be said after it, and the end came before that. */
Test (signals, a_changed_address_is_told_before_the_end, .timeout = 30)
{
    struct scene *s = open_scene (1 << SUSPEND | SAYS_STARTED);
    const struct ym_attempt_started *m;

    s->stage.play[START].how = s->stage.play[SUSPEND].how = BY_ITSELF;
    s->stage.during[START] = move_away;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    (void)fake_expect (&s->door, YM_MSG_attempt_working);
    yard_task_started (s->stage.task);
    tell_suspend (s, 5, YM_OWNER, 0);
    await_call (&s->stage, SUSPEND, 1);
    hear_nothing (s);
    yard_task_complete (s->stage.task, YARD_DONE);
    hear_nothing (s);
    note_it (s, 5);
    m = hear (s, YM_MSG_attempt_started);
    cr_assert (m->has & 1 << 5 && ym_str_is (m->target, "/elsewhere"));
    hear_end (s, YM_MSG_attempt_completed, 4);
    close_scene (s);
}

/* --- where to go on --- */

static void store_one (yard_task *task, struct stage *stage)
{
    yard_checkpoint from;

    stage->rc = yard_task_checkpoint (task, "there", 5, NULL, 7, 9, NULL, 0);
    yard_task_resume (task, &from);
    stage->listed = (unsigned)from.number;
}

/* The number and what it stands for stay together. */
Test (signals, what_it_goes_on_from_stays, .timeout = 30)
{
    struct scene *s = open_scene (0);

    s->stage.during[START] = store_one;
    s->stage.listed = 77;
    start (&s->door, JOB, 5);
    skip_to (&s->door, YM_MSG_attempt_checkpoint);
    noted (&s->door, 5, 42);
    await_call (&s->stage, START, 1);
    cr_assert_eq (s->stage.rc, YARD_OK);
    cr_assert_eq (s->stage.listed, 41);
    close_scene (s);
}

/* --- fenced --- */

static void say_in_vain (yard_task *task, struct stage *stage)
{
    (void)stage;
    for (int i = 0; i < PATIENCE_MS && yard_task_should_stop (task) != YARD_STOP_FENCED; i++)
        usleep (1000);
    stage->rc = yard_task_provisioning (task, "store", "/there");
}

Test (signals, once_fenced_nothing_is_reported, .timeout = 30)
{
    struct scene *s = open_scene (1 << PREPARE);

    s->stage.during[PREPARE] = say_in_vain;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_working (s, YM_PREPARE, 1);
    tell_lost (s, 5);
    await_call (&s->stage, PREPARE, 1);
    cr_assert_eq (s->stage.rc, YARD_EFENCED);
    hear_nothing (s);
    cr_assert_eq (s->stage.called[START], 0);
    close_scene (s);
}

/* A younger attempt waits until the older one was given back. */
Test (signals, two_never_work_at_one_job, .timeout = 30)
{
    struct scene *s = open_scene (SAYS_STARTED);
    yard_task *older;

    s->stage.play[START].how = BY_ITSELF;
    tell_start (s, YM_PREPARE, 5, NULL, 0);
    hear_working (s, YM_START, 1);
    older = s->stage.task;
    for (unsigned i = 0; i < 2; i++) {
        const struct ym_attempt_errored *m;
        tell_start (s, YM_PREPARE, 6, NULL, 0);
        m = fake_expect (&s->door, YM_MSG_attempt_errored);
        cr_assert (m->retryable && m->fence == 6);
    }
    cr_assert_eq (yard_task_should_stop (older), YARD_STOP_FENCED);
    yard_task_complete (older, YARD_DONE);
    do {
        tell_start (s, YM_PREPARE, 6, NULL, 0);
        cr_assert (fake_take (&s->door, PATIENCE_MS));
    } while (s->door.header.number == YM_MSG_attempt_errored);
    cr_assert_eq (s->door.header.number, YM_MSG_attempt_working);
    cr_assert_eq (s->stage.called[START], 2);
    yard_task_complete (s->stage.task, YARD_DONE);
    close_scene (s);
}

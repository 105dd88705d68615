/* test_agent.c - the agent SDK against a door that loses, repeats, fences and goes silent. */
#include <poll.h>

#include "tests/unit/client/libyard/fake_agent.h"

/* --- handlers --- */

static yard_step end_at_once (yard_task *task, void *user)
{
    struct shared *s = user;

    yard_task_result (task, "%s is done", yard_task_name (task));
    note (s, &s->ended, 1);
    return YARD_DONE;
}

static yard_step wait_for_go (yard_task *task, void *user)
{
    struct shared *s = user;

    (void)task;
    pthread_mutex_lock (&s->lock);
    s->begun++;
    s->running++;
    s->most_running = s->running > s->most_running ? s->running : s->most_running;
    pthread_cond_broadcast (&s->change);
    while (!s->may_go)
        pthread_cond_wait (&s->change, &s->lock);
    s->running--;
    pthread_mutex_unlock (&s->lock);
    note (s, &s->ended, 1);
    return YARD_DONE;
}

static yard_step wait_for_stop (yard_task *task, void *user)
{
    struct shared *s = user;
    struct pollfd p = {.fd = yard_task_stop_fd (task), .events = POLLIN};

    note (s, &s->begun, 1);
    cr_assert_eq (poll (&p, 1, PATIENCE_MS), 1, "never told to stop");
    s->stop = yard_task_should_stop (task);
    s->rc = yard_task_checkpoint (task, "x", 1, "", 1, 2, NULL, 0);
    note (s, &s->ended, 1);
    return YARD_STOPPED;
}

static yard_step checkpoint_once (yard_task *task, void *user)
{
    static const yard_mapping rows[] = {{"a/1", "t1"}, {"a/2", "t2"}};
    struct shared *s = user;

    note (s, &s->begun, 1);
    s->rc = yard_task_checkpoint (task, "here", 4, "mark", 15, 20, rows, 2);
    s->stop = yard_task_should_stop (task);
    note (s, &s->ended, 1);
    return YARD_DONE;
}

/* --- tests --- */

Test (agent, registers_with_all_it_offers, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = end_at_once, .slots = 7};
    const struct ym_agent_register *m;

    fake_start (&d, false);
    agent_begin (&a);
    m = fake_expect (&d, YM_MSG_agent_register);
    cr_assert_eq (m->session, 0);
    cr_assert_str_eq (m->region, "eu-west");
    cr_assert_str_eq (m->pool, "shared");
    cr_assert_eq (m->capabilities.count, 2, "a kind that is offered too stands once");
    cr_assert_eq (m->slots, 7);
    cr_assert_eq (m->held.count, 0);
    registered (&d, NULL, 0);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, repeats_its_registration_as_the_same_one, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = end_at_once};
    uint8_t request[16];

    fake_start (&d, false);
    agent_begin (&a);
    memcpy (
        request,
        ((const struct ym_agent_register *)fake_expect (&d, YM_MSG_agent_register))->request,
        16);
    fake_refuse (&d, "backend_unavailable", true, 10);
    cr_assert_eq (
        memcmp (((const struct ym_agent_register *)fake_expect (&d, YM_MSG_agent_register))
                    ->request,
                request, 16),
        0);
    fake_cut (&d);
    cr_assert_eq (
        memcmp (((const struct ym_agent_register *)fake_expect (&d, YM_MSG_agent_register))
                    ->request,
                request, 16),
        0);
    registered (&d, NULL, 0);
    agent_end (&a);
    fake_stop (&d);
}

/* Two sendings without an answer: that to the first is good, and nothing is asked again. */
Test (agent, a_slow_registration_is_taken, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_stop};
    uint64_t first;

    fake_start (&d, false);
    agent_begin (&a);
    (void)fake_expect (&d, YM_MSG_agent_register);
    first = d.header.ask;
    (void)fake_expect (&d, YM_MSG_agent_register);
    cr_assert_eq (d.header.ask, first);
    registered (&d, NULL, 0);
    start (&d, JOB, 5);
    await (&a.shared, &a.shared.begun, 1);
    skip_to (&d, YM_MSG_attempt_started);
    agent_end (&a);
    fake_stop (&d);
}

/* The lease counts from the first sending: an answer after its end gives none. */
Test (agent, a_registration_slower_than_the_lease_is_confirmed, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = end_at_once};
    struct ym_agent_registered m = {.session = SESSION, .heartbeat_ms = 100, .lease_ms = 500};
    const struct ym_agent_register *again;
    uint64_t first;

    fake_start (&d, false);
    agent_begin (&a);
    (void)fake_expect (&d, YM_MSG_agent_register);
    first = d.header.ask;
    (void)fake_expect (&d, YM_MSG_agent_register); /* a second later */
    fake_answer (&d, YM_MSG_agent_registered, &m);
    again = fake_expect (&d, YM_MSG_agent_register);
    cr_assert_eq (again->session, SESSION);
    cr_assert_neq (d.header.ask, first);
    registered (&d, NULL, 0);
    agent_end (&a);
    fake_stop (&d);
}

static yard_step look_at_task (yard_task *task, void *user)
{
    yard_checkpoint last;
    size_t size;

    (void)user;
    yard_task_resume (task, &last);
    cr_assert_str_eq (yard_task_job (task), "job_0000000000c1s");
    cr_assert_str_eq (yard_task_tenant (task), "acme");
    cr_assert_str_eq (yard_task_kind (task), "items-move");
    cr_assert_str_eq (yard_task_source (task), "from here");
    cr_assert_str_eq (yard_task_target (task), "to there");
    cr_assert_eq (memcmp (yard_task_payload (task, &size), "{}", 2), 0);
    cr_assert_eq (size, 2);
    cr_assert_eq (yard_task_attempt (task), 2);
    cr_assert_eq (yard_task_fence (task), 5);
    cr_assert_eq (last.number, 41);
    cr_assert_eq (last.resume_size, 8);
    cr_assert_eq (memcmp (last.resume, "position", 8), 0);
    cr_assert_str_eq (last.mark, "9f3c2e1");
    cr_assert_eq (last.done, 10);
    return YARD_DONE;
}

Test (agent, a_handler_sees_all_of_its_attempt, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = look_at_task};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    do
        cr_assert (fake_take (&d, PATIENCE_MS));
    while (d.header.number == YM_MSG_attempt_started);
    cr_assert_eq (d.header.number, YM_MSG_attempt_completed);
    noted (&d, 5, 41);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, a_handler_that_blocks_is_told_to_run, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_go};
    const struct ym_attempt_completed *m;

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    cr_assert_eq (
        ((const struct ym_attempt_started *)fake_expect (&d, YM_MSG_attempt_started))->fence,
        5);
    noted (&d, 5, 41);
    let_go (&a.shared);
    m = fake_expect (&d, YM_MSG_attempt_completed);
    cr_assert_eq (m->session, SESSION);
    cr_assert_eq (m->job, JOB);
    cr_assert_eq (m->done, 10);
    noted (&d, 5, 41);
    agent_end (&a);
    fake_stop (&d);
}

static const yard_step all_steps[] = {YARD_DONE, YARD_RETRY, YARD_FAIL, YARD_STOPPED};

static yard_step end_as_numbered (yard_task *task, void *user)
{
    (void)user;
    yard_task_result (task, "it has the number %u", (unsigned)yard_task_fence (task));
    return all_steps[yard_task_fence (task) - 1];
}

Test (agent, ends_of_all_kinds, .timeout = 30)
{
    static const unsigned numbers[] = {YM_MSG_attempt_completed, YM_MSG_attempt_failed,
                                       YM_MSG_attempt_failed, YM_MSG_attempt_failed};
    static const bool retryable[] = {false, true, false, true};
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = end_as_numbered};

    fake_start (&d, false);
    agent_ready (&a);
    for (unsigned i = 0; i < 4; i++) {
        start (&d, JOB, 1 + i);
        do
            cr_assert (fake_take (&d, PATIENCE_MS));
        while (d.header.number == YM_MSG_attempt_started);
        cr_assert_eq (d.header.number, numbers[i]);
        if (d.header.number == YM_MSG_attempt_failed) {
            const struct ym_attempt_failed *m = fake_read (&d);
            cr_assert_eq (m->retryable, retryable[i]);
            cr_assert (m->text.size > 10);
        }
        noted (&d, 1 + i, 41);
    }
    agent_end (&a);
    fake_stop (&d);
}

/* The same number and content over a lost connection; the session and what is held are told. */
Test (agent, a_checkpoint_survives_a_lost_connection, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = checkpoint_once};
    const struct ym_agent_register *again;
    const struct ym_attempt_checkpoint *m;
    uint8_t first[2000];
    size_t size;

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    do
        cr_assert (fake_take (&d, PATIENCE_MS));
    while (d.header.number == YM_MSG_attempt_started);
    m = fake_read (&d);
    cr_assert_eq (d.header.number, YM_MSG_attempt_checkpoint);
    cr_assert_eq (m->checkpoint, 42);
    cr_assert_eq (m->mappings.count, 2);
    cr_assert (ym_str_is (m->mappings.at[1].target, "t2"));
    size = d.frame_size;
    memcpy (first, d.frame, size);
    fake_cut (&d);
    again = fake_expect (&d, YM_MSG_agent_register);
    cr_assert_eq (again->session, SESSION);
    cr_assert_eq (again->held.count, 1);
    cr_assert_eq (again->held.at[0].job, JOB);
    cr_assert_eq (again->held.at[0].fence, 5);
    registered (&d, NULL, 0);
    do
        cr_assert (fake_take (&d, PATIENCE_MS));
    while (d.header.number == YM_MSG_attempt_started);
    cr_assert_eq (d.frame_size, size);
    cr_assert_eq (
        memcmp (d.frame + YM_HEADER_SIZE, first + YM_HEADER_SIZE, size - YM_HEADER_SIZE), 0);
    noted (&d, 5, 42);
    skip_to (&d, YM_MSG_attempt_completed);
    cr_assert_eq (a.shared.rc, YARD_OK);
    noted (&d, 5, 42);
    agent_end (&a);
    fake_stop (&d);
}

/* An answer to the first of two sendings is good, and that to the second is no news. */
Test (agent, a_slow_answer_to_a_report_is_taken, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = checkpoint_once};
    uint64_t first;

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    skip_to (&d, YM_MSG_attempt_checkpoint);
    first = d.header.ask;
    skip_to (&d, YM_MSG_attempt_checkpoint);
    cr_assert_eq (d.header.ask, first);
    noted (&d, 5, 42);
    noted (&d, 5, 42);
    skip_to (&d, YM_MSG_attempt_completed);
    cr_assert_eq (a.shared.rc, YARD_OK);
    noted (&d, 5, 42);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, a_checkpoint_waits_out_refusals_for_now, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = checkpoint_once};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    skip_to (&d, YM_MSG_attempt_checkpoint);
    fake_refuse (&d, "backend_unavailable", true, 10);
    skip_to (&d, YM_MSG_attempt_checkpoint);
    noted (&d, 5, 42);
    skip_to (&d, YM_MSG_attempt_completed);
    noted (&d, 5, 42);
    cr_assert_eq (a.shared.rc, YARD_OK);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, a_stale_lease_fences, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = checkpoint_once};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    skip_to (&d, YM_MSG_attempt_checkpoint);
    fake_refuse (&d, "stale_lease", false, 0);
    await (&a.shared, &a.shared.ended, 1);
    cr_assert_eq (a.shared.rc, YARD_EFENCED);
    cr_assert_eq (a.shared.stop, YARD_STOP_FENCED);
    while (fake_take (&d, 200)) /* that it runs may have been on the way */
        cr_assert_eq (d.header.number, YM_MSG_attempt_started,
                      "a fenced attempt reports nothing");
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, what_is_lost_is_fenced, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_stop};
    struct ym_held lost = {JOB, 5};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    await (&a.shared, &a.shared.begun, 1);
    fake_cut (&d);
    (void)fake_expect (&d, YM_MSG_agent_register);
    registered (&d, &lost, 1);
    await (&a.shared, &a.shared.ended, 1);
    cr_assert_eq (a.shared.stop, YARD_STOP_FENCED);
    cr_assert_eq (a.shared.rc, YARD_EFENCED);
    start_until (&a, JOB, 6, 2);
    fake_tell (&d, YM_MSG_attempt_lost, &(struct ym_attempt_lost){.job = JOB, .fence = 6});
    await (&a.shared, &a.shared.ended, 2);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, a_session_that_is_unknown_begins_anew, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_stop};
    const struct ym_agent_register *m;

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    await (&a.shared, &a.shared.begun, 1);
    fake_cut (&d);
    m = fake_expect (&d, YM_MSG_agent_register);
    cr_assert_eq (m->session, SESSION);
    fake_refuse (&d, "not_registered", true, 0);
    m = fake_expect (&d, YM_MSG_agent_register);
    cr_assert_eq (m->session, 0);
    cr_assert_eq (m->held.count, 0);
    d.session = SESSION + 1;
    registered (&d, NULL, 0);
    await (&a.shared, &a.shared.ended, 1);
    cr_assert_eq (a.shared.stop, YARD_STOP_FENCED);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, a_lease_ends_without_answers, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_stop};
    int64_t from;

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    await (&a.shared, &a.shared.begun, 1);
    zmq_close (d.socket); /* the yard has gone */
    from = ym_time_mono_ms ();
    await (&a.shared, &a.shared.ended, 1);
    cr_assert_leq (ym_time_mono_ms () - from, LEASE_MS + 500);
    cr_assert_eq (a.shared.stop, YARD_STOP_FENCED);
    cr_assert_eq (a.shared.rc, YARD_EUNREACHABLE);
    fake_open (&d);
    cr_assert_eq (
        ((const struct ym_agent_register *)fake_expect (&d, YM_MSG_agent_register))->session,
        0);
    registered (&d, NULL, 0);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, termination_is_answered, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_stop};
    struct ym_attempt_terminate m = {.job = JOB, .fence = 5, .reason = ym_str ("asked for")};

    fake_start (&d, false);
    agent_ready (&a);
    m.fence = 4;
    fake_tell (&d, YM_MSG_attempt_terminate, &m); /* of which nothing is known here */
    skip_to (&d, YM_MSG_attempt_terminated);
    noted (&d, 4, 0);
    m.fence = 5;
    start (&d, JOB, 5);
    await (&a.shared, &a.shared.begun, 1);
    fake_tell (&d, YM_MSG_attempt_terminate, &m);
    skip_to (&d, YM_MSG_attempt_checkpoint); /* a last one may still be stored */
    noted (&d, 5, 42);
    skip_to (&d, YM_MSG_attempt_terminated);
    fake_tell (&d, YM_MSG_attempt_terminate, &m);
    skip_to (&d, YM_MSG_attempt_terminated); /* our answer was lost */
    noted (&d, 5, 42);
    cr_assert_eq (a.shared.stop, YARD_STOP_TERMINATED);
    cr_assert_eq (a.shared.rc, YARD_OK);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, the_same_attempt_again_is_the_same, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_go};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    skip_to (&d, YM_MSG_attempt_started);
    noted (&d, 5, 41);
    start (&d, JOB, 5);
    skip_to (&d, YM_MSG_attempt_started);
    noted (&d, 5, 41);
    let_go (&a.shared);
    skip_to (&d, YM_MSG_attempt_completed);
    start (&d, JOB, 5); /* not answered yet */
    skip_to (&d, YM_MSG_attempt_completed);
    noted (&d, 5, 41);
    start (&d, JOB, 5); /* an echo */
    start (&d, JOB, 4);
    cr_assert_not (fake_take (&d, 200));
    cr_assert_eq (a.shared.begun, 1);
    agent_end (&a);
    fake_stop (&d);
}

/* As long as the older attempt's handler has not returned, the younger one is put off. */
static void is_put_off (struct fake_door *d, uint64_t fence)
{
    do {
        cr_assert (fake_take (d, PATIENCE_MS));
        if (d->header.number != YM_MSG_attempt_errored)
            continue;
        const struct ym_attempt_errored *m = fake_read (d);
        cr_assert_eq (m->fence, fence);
        cr_assert_eq (m->signal, YM_PREPARE);
        cr_assert (m->retryable);
        cr_assert (m->text.size > 11 && memcmp (m->text.at, "flow_exists", 11) == 0);
        return;
    } while (true);
}

Test (agent, a_higher_number_ends_the_older_attempt, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_stop};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    await (&a.shared, &a.shared.begun, 1);
    start (&d, JOB, 6);
    await (&a.shared, &a.shared.ended, 1);
    cr_assert_eq (a.shared.stop, YARD_STOP_FENCED);
    is_put_off (&d, 6);
    start_until (&a, JOB, 6, 2);
    fake_tell (&d, YM_MSG_attempt_lost, &(struct ym_attempt_lost){.job = JOB, .fence = 6});
    await (&a.shared, &a.shared.ended, 2);
    agent_end (&a);
    fake_stop (&d);
}

static yard_step count_up (yard_task *task, void *user)
{
    struct shared *s = user;

    for (unsigned i = 1; i <= 500; i++) {
        yard_task_progress (task, i, 500);
        usleep (1000);
    }
    note (s, &s->ended, 1);
    return YARD_DONE;
}

Test (agent, counters_are_coalesced, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = count_up};
    unsigned messages = 0;
    uint64_t last = 0;

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    for (;;) {
        cr_assert (fake_take (&d, PATIENCE_MS));
        if (d.header.number == YM_MSG_attempt_completed)
            break;
        if (d.header.number == YM_MSG_attempt_progress) {
            const struct ym_attempt_progress *m = fake_read (&d);
            cr_assert_eq (d.header.ask, 0);
            cr_assert_gt (m->done, last);
            cr_assert_eq (m->total, 500);
            last = m->done;
            messages++;
        }
    }
    cr_assert_eq (((const struct ym_attempt_completed *)fake_read (&d))->done, 500);
    cr_assert (messages >= 2 && messages <= 40, "%u messages", messages);
    noted (&d, 5, 41);
    agent_end (&a);
    fake_stop (&d);
}

static yard_step look_up (yard_task *task, void *user)
{
    static const char *const sources[] = {"a", "b", "a"};
    struct shared *s = user;

    s->rc = yard_task_lookup (task, sources, 3, s->targets);
    note (s, &s->ended, 1);
    return YARD_DONE;
}

Test (agent, mappings_are_looked_up, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = look_up};
    struct ym_mapping row = {ym_str ("a"), ym_str ("t-a")};
    struct ym_attempt_mappings m = {.job = JOB, .mappings = {&row, 1}};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    skip_to (&d, YM_MSG_attempt_lookup);
    cr_assert_eq (((const struct ym_attempt_lookup *)fake_read (&d))->sources.count, 3);
    fake_answer (&d, YM_MSG_attempt_mappings, &m);
    skip_to (&d, YM_MSG_attempt_completed);
    noted (&d, 5, 41);
    cr_assert_eq (a.shared.rc, YARD_OK);
    cr_assert_str_eq (a.shared.targets[0], "t-a");
    cr_assert_null (a.shared.targets[1]);
    cr_assert_str_eq (a.shared.targets[2], "t-a");
    free (a.shared.targets[0]);
    free (a.shared.targets[2]);
    agent_end (&a);
    fake_stop (&d);
}

static yard_step check_limits (yard_task *task, void *user)
{
    static char large[65537], mark[202];
    static const yard_mapping bad = {"a", "not \xff UTF-8"};
    struct shared *s = user;

    memset (mark, 'x', sizeof mark - 1);
    cr_assert_eq (yard_task_checkpoint (task, large, sizeof large, "", 0, 0, NULL, 0),
                  YARD_EINVALID);
    cr_assert_eq (yard_task_checkpoint (task, "", 0, mark, 0, 0, NULL, 0), YARD_EINVALID);
    cr_assert_eq (yard_task_checkpoint (task, "", 0, NULL, 0, 0, &bad, 1), YARD_EINVALID);
    cr_assert_eq (yard_task_checkpoint (task, "", 0, "", UINT64_MAX, 0, NULL, 0),
                  YARD_EINVALID);
    yard_task_progress (task, UINT64_MAX, UINT64_MAX);
    yard_task_result (task, "not \xff UTF-8");
    note (s, &s->ended, 1);
    return YARD_FAIL;
}

Test (agent, what_a_handler_gives_is_bounded, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = check_limits};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    do
        cr_assert (fake_take (&d, PATIENCE_MS));
    while (d.header.number != YM_MSG_attempt_failed);
    (void)fake_read (&d);
    noted (&d, 5, 41);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, slots_are_never_exceeded_and_all_used, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_go, .slots = 3};

    fake_start (&d, false);
    agent_ready (&a);
    for (int i = 1; i <= 6; i++)
        start (&d, i, 5);
    await (&a.shared, &a.shared.begun, 3);
    cr_assert_not (a.shared.begun > 3);
    let_go (&a.shared);
    await (&a.shared, &a.shared.ended, 6);
    cr_assert_eq (a.shared.most_running, 3);
    agent_end (&a);
    fake_stop (&d);
}

/* Each attempt has one end, whatever is repeated on the way. */
Test (agent, thousands_that_end_at_once, .timeout = 60)
{
    enum { COUNT = 5000, SLOTS = 256 };
    static unsigned char ends[COUNT + 1];
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = end_at_once, .slots = SLOTS};
    unsigned told = 0, over = 0, started = 0;

    fake_start (&d, false);
    agent_ready (&a);
    while (over < COUNT) {
        for (; told < COUNT && told - over < SLOTS; told++)
            start (&d, told + 1, 5);
        cr_assert (fake_take (&d, PATIENCE_MS), "%u of %u", over, told);
        if (d.header.number == YM_MSG_attempt_completed) {
            const struct ym_attempt_completed *m = fake_read (&d);
            int64_t job = m->job;
            struct ym_attempt_noted n = {.job = job, .fence = 5};
            over += ends[job]++ == 0;
            fake_answer (&d, YM_MSG_attempt_noted, &n);
        }
        else {
            cr_assert_eq (d.header.number, YM_MSG_attempt_started);
            started++;
        }
    }
    cr_assert_eq (a.shared.ended, COUNT, "each ran once");
    cr_assert_lt (started, COUNT / 2, "%u were reported as started", started);
    agent_end (&a);
    fake_stop (&d);
}

Test (agent, drain_stops_handlers_and_says_goodbye, .timeout = 30)
{
    struct fake_door d;
    struct agent_run a = {.door = &d, .start = wait_for_stop};

    fake_start (&d, false);
    agent_ready (&a);
    start (&d, JOB, 5);
    await (&a.shared, &a.shared.begun, 1);
    eventfd_write (a.stop_fd, 1);
    skip_to (&d, YM_MSG_attempt_checkpoint);
    start (&d, JOB + 1, 6); /* it takes no more */
    noted (&d, 5, 42);
    skip_to (&d, YM_MSG_agent_leave);
    fake_answer (&d, YM_MSG_agent_beaten, &(struct ym_agent_beaten){.session = SESSION});
    pthread_join (a.thread, NULL);
    cr_assert_eq (a.status, 0);
    cr_assert_eq (a.shared.stop, YARD_STOP_DRAIN);
    cr_assert_eq (a.shared.rc, YARD_OK);
    cr_assert_eq (a.shared.begun, 1);
    close (a.stop_fd);
    fake_stop (&d);
}

Test (agent, a_start_that_fails_is_told, .timeout = 60)
{
    struct fake_door d;
    struct agent_run denied = {.door = &d, .start = end_at_once};
    struct agent_run wrong = {.door = &d, .start = end_at_once, .region = "Not A Word"};
    struct agent_run many = {.door = &d, .start = end_at_once, .slots = 1001};
    struct agent_run alone = {.door = &d, .start = end_at_once, .timeout_ms = 300};
    struct agent_run refused = {.door = &d, .start = end_at_once};

    fake_start (&d, true);
    agent_begin (&denied);
    pthread_join (denied.thread, NULL);
    cr_assert_eq (denied.status, 6);
    cr_assert_str_eq (yard_err_slug (denied.err), "denied");
    agent_begin (&wrong);
    pthread_join (wrong.thread, NULL);
    cr_assert_eq (wrong.status, 78);
    agent_begin (&many);
    pthread_join (many.thread, NULL);
    cr_assert_eq (many.status, 78);
    cr_assert (strstr (yard_err_text (many.err), "1 to 1000"));
    d.denies = false;
    zmq_close (d.socket);
    agent_begin (&alone);
    pthread_join (alone.thread, NULL);
    cr_assert_eq (alone.status, 69);
    fake_open (&d);
    agent_begin (&refused);
    (void)fake_expect (&d, YM_MSG_agent_register);
    fake_refuse (&d, "role_not_allowed", false, 0);
    pthread_join (refused.thread, NULL);
    cr_assert_eq (refused.status, 6);
    yard_err_free (denied.err);
    yard_err_free (wrong.err);
    yard_err_free (many.err);
    yard_err_free (alone.err);
    yard_err_free (refused.err);
    fake_stop (&d);
}

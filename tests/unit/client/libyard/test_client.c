/* test_client.c - a client against a door that loses, delays, refuses and repeats. */
#include <poll.h>

#include "tests/unit/client/libyard/fake_door.h"

enum { JOB = 12345 };
static const char *const job_text = "job_0000000000c1s";

/* The client runs in a thread of its own, the test plays the yard. */
struct call {
    const struct fake_door *door;
    int timeout_ms;
    void (*run) (struct call *c, yard_t *y);
    yard_rc rc;
    yard_err_t *err;
    char job[YARD_JOB_TEXT];
    const char *key, *slug;
    void *result;
    size_t count;
    yard_submitted *submitted;
    int64_t after;
    uint64_t seen[64];
    bool over;
    pthread_t thread;
};

static void *call_thread (void *me)
{
    struct call *c = me;
    yard_opts opts = fake_opts (c->door, c->timeout_ms);
    yard_t *y = NULL;

    c->rc = yard_open (&y, &opts, &c->err);
    if (c->rc == YARD_OK)
        c->run (c, y);
    yard_close (y);
    __atomic_store_n (&c->over, true, __ATOMIC_SEQ_CST);
    return NULL;
}

static void call_begin (struct call *c)
{
    cr_assert (pthread_create (&c->thread, NULL, call_thread, c) == 0);
}

static void call_end (struct call *c)
{
    cr_assert (pthread_join (c->thread, NULL) == 0);
}

static void call_free (struct call *c)
{
    yard_err_free (c->err);
    yard_free (c->result);
}

static const yard_job_spec good = {.size = sizeof good,
                                   .name = "orders",
                                   .kind = "items-move",
                                   .tier = "premium",
                                   .capabilities = (const char *const[]){"ssd", NULL},
                                   .regions = (const char *const[]){"eu-west", "us-east", NULL},
                                   .pool = "acme",
                                   .source = "a",
                                   .target = "b",
                                   .payload = "{}",
                                   .payload_size = 2};

static void run_hello (struct call *c, yard_t *y)
{
    c->rc = yard_hello (y, (yard_welcome **)&c->result, &c->err);
}

static void run_submit (struct call *c, yard_t *y)
{
    c->rc = yard_job_submit (y, &good, c->key, c->job, &c->err);
}

static void run_get (struct call *c, yard_t *y)
{
    c->rc = yard_job_get (y, job_text, (yard_job **)&c->result, &c->err);
}

static struct ym_job_status status_of (int state, uint64_t seq)
{
    struct ym_job_status s = {.job = JOB,
                              .tenant = "acme",
                              .name = "orders",
                              .kind = "items-move",
                              .tier = YM_PREMIUM,
                              .state = state,
                              .seq = seq,
                              .attempt = 2,
                              .fence = 77,
                              .agent = "eu-a1",
                              .region = "eu-west",
                              .checkpoint = 41,
                              .done = 62,
                              .total = 100,
                              .submitted_at = 1700000000000,
                              .state_at = 1700000001000,
                              .why = ym_str ("the agent started it"),
                              .result = ym_str (""),
                              .wanted = YM_NOTHING,
                              .source = ym_str ("a"),
                              .target = ym_str ("b")};

    return s;
}

static void take_job (struct fake_door *d)
{
    fake_answer (d, YM_MSG_job_accepted, &(struct ym_job_accepted){.job = JOB});
}

Test (client, hello_says_who_is_who, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_hello, .timeout_ms = 5000};
    struct ym_welcome w = {.version = "1.2.3",
                           .role = YM_OPERATOR,
                           .tenant = "acme",
                           .name = "ana",
                           .now = 5,
                           .message_max = 1 << 20};
    const yard_welcome *got;

    fake_start (&d, false);
    call_begin (&c);
    cr_assert_str_eq (((const struct ym_hello *)fake_expect (&d, YM_MSG_hello))->program,
                      "libyard " YM_VERSION);
    fake_answer (&d, YM_MSG_welcome, &w);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    got = c.result;
    cr_assert_str_eq (got->version, "1.2.3");
    cr_assert_str_eq (got->role, "operator");
    cr_assert_str_eq (got->name, "ana");
    cr_assert_eq (got->message_max, 1u << 20);
    call_free (&c);
    fake_stop (&d);
}

Test (client, submit_sends_the_spec_as_it_is, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_submit, .timeout_ms = 5000, .key = "order-1"};
    const struct ym_job_submit *m;

    fake_start (&d, false);
    call_begin (&c);
    m = fake_expect (&d, YM_MSG_job_submit);
    cr_assert_str_eq (m->name, "orders");
    cr_assert_str_eq (m->kind, "items-move");
    cr_assert_eq (m->tier, YM_PREMIUM);
    cr_assert_eq (m->capabilities.count, 1);
    cr_assert_str_eq (m->regions.word[1], "us-east");
    cr_assert_str_eq (m->pool, "acme");
    cr_assert (ym_str_is (m->target, "b"));
    cr_assert_eq (m->payload.size, 2);
    take_job (&d);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    cr_assert_str_eq (c.job, job_text);
    call_free (&c);
    fake_stop (&d);
}

/* The same key is the same request, in every process; another key is another. */
Test (client, a_key_is_a_request_id, .timeout = 30)
{
    static const char *const keys[] = {"order-1", "order-1", "order-2", NULL, NULL};
    uint8_t request[5][16];
    struct fake_door d;

    fake_start (&d, false);
    for (unsigned i = 0; i < 5; i++) {
        struct call c = {.door = &d, .run = run_submit, .timeout_ms = 5000, .key = keys[i]};
        const struct ym_job_submit *m;
        call_begin (&c);
        m = fake_expect (&d, YM_MSG_job_submit);
        memcpy (request[i], m->request, 16);
        take_job (&d);
        call_end (&c);
        cr_assert_eq (c.rc, YARD_OK);
    }
    cr_assert_eq (memcmp (request[0], request[1], 16), 0);
    cr_assert_neq (memcmp (request[0], request[2], 16), 0);
    cr_assert_neq (memcmp (request[3], request[4], 16), 0, "random ones");
    fake_stop (&d);
}

static void submit_twice (void (*between) (struct fake_door *d), int timeout_ms)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_submit, .timeout_ms = timeout_ms};
    uint8_t first[1000];
    size_t size;

    fake_start (&d, false);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_submit);
    size = d.frame_size;
    memcpy (first, d.frame, size);
    between (&d);
    (void)fake_expect (&d, YM_MSG_job_submit);
    cr_assert_eq (d.frame_size, size);
    cr_assert_eq (
        memcmp (d.frame + YM_HEADER_SIZE, first + YM_HEADER_SIZE, size - YM_HEADER_SIZE), 0,
        "the same request id and body");
    take_job (&d);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    cr_assert_str_eq (c.job, job_text);
    fake_stop (&d);
}

static void cut (struct fake_door *d)
{
    fake_cut (d);
}

static void say_nothing (struct fake_door *d)
{
    (void)d;
}

static void be_busy (struct fake_door *d)
{
    fake_refuse (d, "busy", true, 30);
}

static void lose_database (struct fake_door *d)
{
    fake_refuse (d, "backend_unavailable", true, 0);
}

Test (client, submit_survives_a_lost_connection, .timeout = 30)
{
    submit_twice (cut, 10000);
}

Test (client, submit_survives_a_lost_answer, .timeout = 30)
{
    submit_twice (say_nothing, 3000);
}

/* A question that was repeated: still the same connection, and any answer is good. */
Test (client, a_slow_answer_is_taken, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_submit, .timeout_ms = 3000};
    uint8_t route[sizeof d.route];
    uint64_t ask;

    fake_start (&d, false);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_submit);
    ask = d.header.ask;
    memcpy (route, d.route, sizeof route);
    (void)fake_expect (&d, YM_MSG_job_submit);
    cr_assert_eq (d.header.ask, ask);
    cr_assert_eq (memcmp (d.route, route, sizeof route), 0);
    take_job (&d);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    fake_stop (&d);
}

Test (client, submit_waits_out_a_busy_yard, .timeout = 30)
{
    submit_twice (be_busy, 5000);
}

Test (client, submit_waits_out_a_lost_database, .timeout = 30)
{
    submit_twice (lose_database, 5000);
}

Test (client, refusals_have_a_meaning, .timeout = 60)
{
    static const struct {
        const char *slug;
        bool retryable;
        yard_rc rc;
        int exit;
    } rows[] = {
        {"malformed", false, YARD_EINVALID, 65},
        {"invalid", false, YARD_EINVALID, 65},
        {"key_reused", false, YARD_ECONFLICT, 4},
        {"role_not_allowed", false, YARD_EDENIED, 6},
        {"key_revoked", false, YARD_EDENIED, 6},
        {"unknown_job", false, YARD_ENOTFOUND, 5},
        {"already_final", false, YARD_ECONFLICT, 4},
        {"stale_lease", false, YARD_EFENCED, 4},
        {"internal", false, YARD_EINTERNAL, 70},
        {"from_tomorrow", false, YARD_EINTERNAL, 70},
        {"busy", true, YARD_EBUSY, 75},
        {"stopping", true, YARD_EUNREACHABLE, 69},
        {"actor_unavailable", true, YARD_EUNREACHABLE, 69},
    };
    struct fake_door d;

    fake_start (&d, false);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct call c = {.door = &d, .run = run_get, .timeout_ms = 1000};
        call_begin (&c);
        (void)fake_expect (&d, YM_MSG_job_get);
        /* One for now only is final for us when its pause is longer than our patience. */
        fake_refuse (&d, rows[i].slug, rows[i].retryable, rows[i].retryable ? 60000 : 0);
        call_end (&c);
        cr_assert_eq (c.rc, rows[i].rc, "%s", rows[i].slug);
        cr_assert_eq (yard_err_rc (c.err), rows[i].rc);
        cr_assert_eq (yard_err_exit (c.err), rows[i].exit, "%s", rows[i].slug);
        cr_assert_str_eq (yard_err_slug (c.err), rows[i].slug);
        cr_assert_str_eq (yard_err_text (c.err), "because");
        call_free (&c);
    }
    fake_stop (&d);
}

Test (client, faults_are_kept, .timeout = 30)
{
    static const struct ym_fault faults[] = {{"/name", "length", "must not be empty"},
                                             {"/regions/1", "text", "must be a word"}};
    struct fake_door d;
    struct call c = {.door = &d, .run = run_get, .timeout_ms = 5000};
    struct ym_refused m = {.code = "invalid", .faults = {faults, 2}};

    fake_start (&d, false);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_get);
    fake_answer (&d, YM_MSG_refused, &m);
    call_end (&c);
    cr_assert_eq (yard_err_fault_count (c.err), 2);
    cr_assert_str_eq (yard_err_fault (c.err, 1)->path, "/regions/1");
    cr_assert_str_eq (yard_err_fault (c.err, 0)->text, "must not be empty");
    cr_assert_null (yard_err_fault (c.err, 2));
    call_free (&c);
    fake_stop (&d);
}

/* Every fault, and the door hears nothing. */
Test (client, what_cannot_be_sent_is_refused_here, .timeout = 30)
{
    char longest[200];
    const yard_job_spec bad = {
        .size = sizeof bad,
        .name = longest,
        .kind = "Items",
        .tier = "gold",
        .regions = (const char *const[]){"eu", "EU", NULL},
        .source = "a",
    };
    static const char *const paths[] = {"/name", "/tier", "/target", "/kind", "/regions/1"};
    struct fake_door d;
    yard_opts opts;
    yard_t *y;
    yard_err_t *err = NULL;
    char job[YARD_JOB_TEXT] = "untouched";

    memset (longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    fake_start (&d, false);
    opts = fake_opts (&d, 500);
    cr_assert_eq (yard_open (&y, &opts, NULL), YARD_OK);
    cr_assert_eq (yard_job_submit (y, &bad, NULL, job, &err), YARD_EINVALID);
    cr_assert_eq (yard_err_fault_count (err), 5);
    for (size_t i = 0; i < 5; i++) {
        bool found = false;
        for (size_t k = 0; k < 5; k++)
            found |= strcmp (yard_err_fault (err, k)->path, paths[i]) == 0;
        cr_assert (found, "%s", paths[i]);
    }
    cr_assert_str_eq (job, "untouched");
    yard_err_free (err);
    cr_assert_eq (yard_job_get (y, "nonsense", NULL, NULL), YARD_EINVALID);
    cr_assert_not (fake_take (&d, 100));
    yard_close (y);
    fake_stop (&d);
}

Test (client, a_denied_key_is_told_at_once, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_get, .timeout_ms = 20000};
    int64_t from = ym_time_mono_ms ();

    fake_start (&d, true);
    call_begin (&c);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_EDENIED);
    cr_assert_eq (yard_err_exit (c.err), 6);
    cr_assert_lt (ym_time_mono_ms () - from, 10000, "not only after the timeout");
    call_free (&c);
    fake_stop (&d);
}

Test (client, nobody_there_is_unreachable, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_get, .timeout_ms = 300};

    fake_start (&d, false);
    zmq_close (d.socket);
    call_begin (&c);
    call_end (&c);
    fake_open (&d);
    cr_assert_eq (c.rc, YARD_EUNREACHABLE);
    cr_assert_eq (yard_err_exit (c.err), 69);
    cr_assert_str_eq (yard_err_slug (c.err), "unreachable");
    call_free (&c);
    fake_stop (&d);
}

Test (client, another_server_key_is_unreachable, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_get, .timeout_ms = 700};

    fake_start (&d, false);
    strcpy (d.server_key, d.client_key);
    call_begin (&c);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_EUNREACHABLE);
    call_free (&c);
    fake_stop (&d);
}

Test (client, answers_nobody_understands, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_get, .timeout_ms = 5000};

    fake_start (&d, false);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_get);
    fake_send_octets (&d, "short", 5);
    fake_send (&d, YM_MSG_job_accepted, d.header.ask + 1, &(struct ym_job_accepted){.job = 1});
    take_job (&d); /* an answer, but not to this */
    call_end (&c);
    cr_assert_eq (c.rc, YARD_EVERSION);
    call_free (&c);
    fake_stop (&d);
}

Test (client, a_job_comes_whole, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_get, .timeout_ms = 5000};
    struct ym_job_status s = status_of (YM_JOB_STARTED, 9);
    const yard_job *j;

    fake_start (&d, false);
    call_begin (&c);
    cr_assert_eq (((const struct ym_job_get *)fake_expect (&d, YM_MSG_job_get))->job, JOB);
    fake_answer (&d, YM_MSG_job_status, &s);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    j = c.result;
    cr_assert_str_eq (j->job, job_text);
    cr_assert_str_eq (j->state, "STARTED");
    cr_assert_not (j->final);
    cr_assert_str_eq (j->tier, "premium");
    cr_assert_str_eq (j->why, "the agent started it");
    cr_assert_str_eq (j->wanted, "nothing");
    cr_assert_eq (j->seq, 9);
    cr_assert_eq (j->fence, 77);
    cr_assert_eq (j->done, 62);
    call_free (&c);
    fake_stop (&d);
}

/* --- many at once --- */

enum { MANY = 1500, WINDOW = 512 };

static void run_many (struct call *c, yard_t *y)
{
    static const yard_job_spec *specs[MANY];
    static const yard_job_spec bad = {.size = sizeof bad, .name = "x", .tier = "gold"};

    for (size_t i = 0; i < MANY; i++)
        specs[i] = i == 7 ? &bad : &good;
    c->rc = yard_job_submit_many (y, specs, NULL, MANY, c->submitted);
}

/* All that is outstanding is taken before anything is answered, the newest first. */
Test (client, many_are_pipelined, .timeout = 60)
{
    static yard_submitted submitted[MANY];
    static struct {
        uint64_t ask;
    } waiting[MANY];
    struct fake_door d;
    struct call c = {.door = &d, .run = run_many, .timeout_ms = 20000, .submitted = submitted};
    size_t taken = 0, most = 0;

    fake_start (&d, false);
    call_begin (&c);
    while (taken < MANY - 1) {
        size_t count = 0;
        while (fake_take (&d, count ? 50 : PATIENCE_MS))
            waiting[count++].ask = d.header.ask;
        cr_assert_gt (count, 0);
        most = count > most ? count : most;
        for (size_t i = count; i-- > 0;) {
            d.header.ask = waiting[i].ask;
            if (taken++ == 100)
                fake_refuse (&d, "key_reused", false, 0);
            else
                fake_answer (&d, YM_MSG_job_accepted,
                             &(struct ym_job_accepted){.job = (int64_t)taken});
        }
    }
    call_end (&c);
    cr_assert_eq (most, WINDOW, "%zu outstanding", most);
    cr_assert_eq (c.rc, YARD_EINVALID, "the first failure");
    size_t good_ones = 0, reused = 0;
    for (size_t i = 0; i < MANY; i++) {
        good_ones += submitted[i].rc == YARD_OK && submitted[i].job[0] == 'j';
        reused += submitted[i].rc == YARD_ECONFLICT &&
                  strcmp (yard_err_slug (submitted[i].err), "key_reused") == 0;
        cr_assert_eq (submitted[i].rc == YARD_OK, submitted[i].err == NULL);
        yard_err_free (submitted[i].err);
    }
    cr_assert_eq (submitted[7].rc, YARD_EINVALID);
    cr_assert_eq (good_ones, MANY - 2);
    cr_assert_eq (reused, 1);
    fake_stop (&d);
}

/* --- lists --- */

static void run_lists (struct call *c, yard_t *y)
{
    yard_job_filter filter = {
        .size = sizeof filter, .before = job_text, .state = "QUEUED", .limit = 10};
    yard_job_page *jobs = NULL;
    yard_agent_page *agents = NULL;
    yard_key_page *keys = NULL;
    yard_queue *queue = NULL;
    yard_status *status = NULL;

    c->rc = yard_job_list (y, &filter, &jobs, NULL);
    cr_assert_eq (c->rc, YARD_OK);
    cr_assert_eq (jobs->count, 2);
    cr_assert_str_eq (jobs->rows[1]->name, "two");
    cr_assert_str_eq (jobs->next, job_text);
    cr_assert_eq (yard_agent_list (y, "a", &agents, NULL), YARD_OK);
    cr_assert_str_eq (agents->rows[0]->capabilities[1], "ssd");
    cr_assert_null (agents->rows[0]->capabilities[2]);
    cr_assert_str_eq (agents->next, "eu-a1");
    cr_assert_eq (yard_key_list (y, NULL, &keys, NULL), YARD_OK);
    cr_assert_str_eq (keys->keys[0]->public_key, c->door->client_key);
    cr_assert_null (keys->next);
    cr_assert_eq (yard_queue_get (y, "platinum", &queue, NULL), YARD_OK);
    cr_assert_eq (queue->waiting, 3);
    cr_assert_eq (yard_yard_get (y, &status, NULL), YARD_OK);
    cr_assert_str_eq (status->actors[0]->name, "intake");
    cr_assert (status->actors[0]->heard);
    yard_free (jobs);
    yard_free (agents);
    yard_free (keys);
    yard_free (queue);
    yard_free (status);
}

static void play_lists (struct fake_door *d)
{
    struct ym_job_row rows[2] = {{.job = 2, .tenant = "t", .name = "one", .state = 100},
                                 {.job = 1, .tenant = "t", .name = "two", .state = 100}};
    struct ym_agent_row agent = {.name = "eu-a1",
                                 .state = "CONNECTED",
                                 .region = "eu",
                                 .pool = "shared",
                                 .capabilities = {2, {"git", "ssd"}},
                                 .slots = 4};
    struct ym_key_row key = {.role = YM_ADMIN, .tenant = "acme", .name = "ana", .since = 1};
    struct ym_yard_actor actor = {.name = "intake", .heard = true, .incarnation = 4};
    struct ym_agent_page agents = {
        .has = YM_HAS (agent_page, next), .agents = {&agent, 1}, .next = "eu-a1"};
    struct ym_job_page jobs = {.has = YM_HAS (job_page, next), .jobs = {rows, 2}, .next = JOB};
    const struct ym_job_list *m = fake_expect (d, YM_MSG_job_list);

    cr_assert_eq (m->limit, 10);
    cr_assert_eq (m->before, JOB);
    cr_assert_eq (m->state, YM_JOB_QUEUED);
    cr_assert_not (m->has & YM_HAS (job_list, tier));
    fake_answer (d, YM_MSG_job_page, &jobs);
    cr_assert_str_eq (((const struct ym_agent_list *)fake_expect (d, YM_MSG_agent_list))->after,
                      "a");
    fake_answer (d, YM_MSG_agent_page, &agents);
    (void)fake_expect (d, YM_MSG_key_list);
    zmq_z85_decode (key.public_key, d->client_key);
    fake_answer (d, YM_MSG_key_page, &(struct ym_key_page){.keys = {&key, 1}});
    cr_assert_eq (((const struct ym_queue_get *)fake_expect (d, YM_MSG_queue_get))->tier,
                  YM_PLATINUM);
    fake_answer (d, YM_MSG_queue_status,
                 &(struct ym_queue_status){.tier = YM_PLATINUM, .waiting = 3});
    (void)fake_expect (d, YM_MSG_yard_get);
    fake_answer (d, YM_MSG_yard_status,
                 &(struct ym_yard_status){.version = "1", .actors = {&actor, 1}});
}

Test (client, lists_come_whole, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_lists, .timeout_ms = 5000};

    fake_start (&d, false);
    call_begin (&c);
    play_lists (&d);
    call_end (&c);
    fake_stop (&d);
}

/* --- watches --- */

static void event (struct fake_door *d, uint64_t ask, uint64_t seq, bool final)
{
    struct ym_job_changed m = {.job = JOB,
                               .seq = seq,
                               .state = final ? YM_JOB_COMPLETED : YM_JOB_STARTED,
                               .at = 1000 + (int64_t)seq,
                               .why = ym_str ("why"),
                               .detail = ym_str ("detail"),
                               .final = final};

    fake_send (d, YM_MSG_job_changed, ask, &m);
}

static void run_watch (struct call *c, yard_t *y)
{
    bool final = false;

    c->rc = yard_job_watch (y, job_text, c->after, NULL, &c->err);
    while (c->rc == YARD_OK && !final) {
        yard_event *e = NULL;
        c->rc = yard_process (y, PATIENCE_MS, &e, &c->err);
        if (c->rc != YARD_OK)
            break;
        if (e->type == YARD_EVENT_CHANGED)
            c->seen[c->count++] = e->seq;
        if (e->type == YARD_EVENT_LOST)
            c->slug = strdup (e->detail);
        final = e->final || e->type == YARD_EVENT_LOST;
        yard_free (e);
    }
}

static uint64_t expect_watch (struct fake_door *d, int64_t after, uint64_t seq)
{
    const struct ym_job_watch *m = fake_expect (d, YM_MSG_job_watch);
    struct ym_job_status s = status_of (YM_JOB_STARTED, seq);

    cr_assert_eq (m->job, JOB);
    cr_assert_eq ((m->has & YM_HAS (job_watch, after)) != 0, after >= 0);
    if (after >= 0)
        cr_assert_eq (m->after, (uint64_t)after);
    fake_answer (d, YM_MSG_job_status, &s);
    return d->header.ask;
}

/* So many are in the client's hands: what is cut now loses none of them. */
static void await_seen (const struct call *c, size_t count)
{
    int64_t until = ym_time_mono_ms () + PATIENCE_MS;

    while (__atomic_load_n (&c->count, __ATOMIC_SEQ_CST) < count) {
        cr_assert_lt (ym_time_mono_ms (), until, "only %zu events", c->count);
        usleep (1000);
    }
}

static void assert_seen (const struct call *c, uint64_t from, uint64_t to)
{
    cr_assert_eq (c->count, to - from + 1, "%zu events", c->count);
    for (uint64_t i = 0; i < c->count; i++)
        cr_assert_eq (c->seen[i], from + i);
}

Test (client, a_watch_repairs_gaps_and_drops_repetitions, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_watch, .timeout_ms = 5000, .after = 0};
    uint64_t first, second;

    fake_start (&d, false);
    call_begin (&c);
    first = expect_watch (&d, 0, 2);
    event (&d, first, 1, false);
    event (&d, first, 2, false);
    event (&d, first, 2, false);
    event (&d, first, 1, false);
    event (&d, first, 4, false); /* where is 3? */
    event (&d, first, 5, false);
    second = expect_watch (&d, 2, 5);
    cr_assert_neq (first, second);
    event (&d, first, 3, false); /* of the old asking: late */
    event (&d, second, 3, false);
    event (&d, second, 4, false);
    event (&d, second, 5, false);
    event (&d, second, 6, true);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    assert_seen (&c, 1, 6);
    fake_stop (&d);
}

Test (client, a_watch_goes_on_after_a_lost_connection, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_watch, .timeout_ms = 5000, .after = YARD_FROM_NOW};
    uint64_t ask;

    fake_start (&d, false);
    call_begin (&c);
    ask = expect_watch (&d, -1, 7);
    event (&d, ask, 8, false);
    event (&d, ask, 9, false);
    await_seen (&c, 2);
    fake_cut (&d);
    ask = expect_watch (&d, 9, 10);
    event (&d, ask, 10, false);
    event (&d, ask, 11, true);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    assert_seen (&c, 8, 11);
    fake_stop (&d);
}

static void run_wait (struct call *c, yard_t *y)
{
    c->rc = yard_job_wait (y, job_text, (int)c->after, (yard_job **)&c->result, &c->err);
}

Test (client, a_watch_takes_a_slow_answer, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_wait, .timeout_ms = 3000, .after = 8000};
    struct ym_job_status s = status_of (YM_JOB_COMPLETED, 8);
    uint8_t route[sizeof d.route];
    uint64_t ask;

    fake_start (&d, false);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_watch);
    ask = d.header.ask;
    memcpy (route, d.route, sizeof route);
    (void)fake_expect (&d, YM_MSG_job_watch);
    cr_assert_eq (d.header.ask, ask);
    cr_assert_eq (memcmp (d.route, route, sizeof route), 0);
    fake_answer (&d, YM_MSG_job_status, &s);
    (void)fake_expect (&d, YM_MSG_job_get);
    fake_answer (&d, YM_MSG_job_status, &s);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    call_free (&c);
    fake_stop (&d);
}

Test (client, a_watch_that_is_refused_later_is_told, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_watch, .timeout_ms = 5000, .after = 0};

    fake_start (&d, false);
    call_begin (&c);
    event (&d, expect_watch (&d, 0, 3), 1, false);
    await_seen (&c, 1);
    fake_cut (&d);
    (void)fake_expect (&d, YM_MSG_job_watch);
    fake_refuse (&d, "watch_limit", true, 10);
    (void)fake_expect (&d, YM_MSG_job_watch);
    fake_refuse (&d, "unknown_job", false, 0);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    cr_assert_str_eq (c.slug, "unknown_job");
    free ((char *)c.slug);
    fake_stop (&d);
}

Test (client, a_watch_of_nothing_is_refused, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_watch, .timeout_ms = 5000, .after = 0};

    fake_start (&d, false);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_watch);
    fake_refuse (&d, "unknown_job", false, 0);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_ENOTFOUND);
    call_free (&c);
    fake_stop (&d);
}

Test (client, wait_ends_with_the_job, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_wait, .timeout_ms = 5000, .after = -1};
    struct ym_job_status s = status_of (YM_JOB_COMPLETED, 8);

    fake_start (&d, false);
    call_begin (&c);
    event (&d, expect_watch (&d, -1, 7), 8, true);
    (void)fake_expect (&d, YM_MSG_job_get);
    fake_answer (&d, YM_MSG_job_status, &s);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    cr_assert_str_eq (((yard_job *)c.result)->state, "COMPLETED");
    call_free (&c);
    fake_stop (&d);
}

Test (client, wait_for_what_has_ended_does_not_wait, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_wait, .timeout_ms = 5000, .after = -1};
    struct ym_job_status s = status_of (YM_JOB_FAILED, 8);

    fake_start (&d, false);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_watch);
    fake_answer (&d, YM_MSG_job_status, &s);
    (void)fake_expect (&d, YM_MSG_job_get);
    fake_answer (&d, YM_MSG_job_status, &s);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_OK);
    call_free (&c);
    fake_stop (&d);
}

/* It ended, and nobody says how: that may not take longer than was allowed. */
Test (client, wait_has_a_limit_to_the_end, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_wait, .timeout_ms = 20000, .after = 3000};
    int64_t from = ym_time_mono_ms ();

    fake_start (&d, false);
    call_begin (&c);
    event (&d, expect_watch (&d, -1, 7), 8, true);
    (void)fake_expect (&d, YM_MSG_job_get);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_ETIMEOUT);
    cr_assert_lt (ym_time_mono_ms () - from, 10000);
    call_free (&c);
    fake_stop (&d);
}

Test (client, wait_has_a_limit, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_wait, .timeout_ms = 5000, .after = 300};

    fake_start (&d, false);
    call_begin (&c);
    (void)expect_watch (&d, -1, 7);
    (void)fake_expect (&d, YM_MSG_job_unwatch);
    call_end (&c);
    cr_assert_eq (c.rc, YARD_ETIMEOUT);
    cr_assert_eq (yard_err_exit (c.err), 124);
    call_free (&c);
    fake_stop (&d);
}

/* Polling alone must never miss anything, also what came while something else was asked. */
static void run_poll (struct call *c, yard_t *y)
{
    struct pollfd p = {.fd = yard_fd (y), .events = POLLIN};

    cr_assert_eq (yard_job_watch (y, job_text, 0, NULL, NULL), YARD_OK);
    run_get (c, y);
    while (c->count < 5) {
        yard_event *e;
        cr_assert_eq (poll (&p, 1, PATIENCE_MS), 1, "not readable after %zu events", c->count);
        while (yard_process (y, 0, &e, NULL) == YARD_OK) {
            c->seen[c->count++] = e->seq;
            yard_free (e);
        }
    }
}

Test (client, a_descriptor_to_poll, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_poll, .timeout_ms = 5000};
    struct ym_job_status s = status_of (YM_JOB_STARTED, 9);
    uint64_t ask;

    fake_start (&d, false);
    call_begin (&c);
    ask = expect_watch (&d, 0, 9);
    (void)fake_expect (&d, YM_MSG_job_get);
    event (&d, ask, 1, false);
    event (&d, ask, 2, false);
    fake_answer (&d, YM_MSG_job_status, &s);
    event (&d, ask, 3, false);
    await_seen (&c, 3);
    fake_cut (&d);
    ask = expect_watch (&d, 3, 9);
    event (&d, ask, 4, false);
    event (&d, ask, 5, true);
    call_end (&c);
    assert_seen (&c, 1, 5);
    call_free (&c);
    fake_stop (&d);
}

/* --- options --- */

Test (client, bad_options_are_told, .timeout = 30)
{
    struct fake_door d;
    yard_opts opts[8];
    yard_t *y = NULL;

    fake_start (&d, false);
    for (size_t i = 0; i < 8; i++)
        opts[i] = fake_opts (&d, 1000);
    opts[0].size = 4;
    opts[1].endpoint = NULL;
    opts[2].endpoint = "nonsense";
    opts[3].server_key = "short";
    opts[4].cert_path = "/nonexistent/key";
    opts[5].cert_path = d.public_file; /* no secret in it */
    opts[6].timeout_ms = -1;
    opts[7].client_name = "a name of a program that is much longer than forty octets";
    for (size_t i = 0; i < 8; i++) {
        yard_err_t *err = NULL;
        cr_assert_eq (yard_open (&y, &opts[i], &err), YARD_EINVALID, "row %zu", i);
        cr_assert_eq (yard_err_exit (err), 78);
        cr_assert_gt (strlen (yard_err_text (err)), 10);
        cr_assert_null (y);
        yard_err_free (err);
    }
    fake_stop (&d);
}

Test (client, the_server_key_may_be_a_file, .timeout = 30)
{
    struct fake_door d;
    struct call c = {.door = &d, .run = run_submit, .timeout_ms = 5000};
    yard_opts opts;
    yard_t *y;

    fake_start (&d, false);
    opts = fake_opts (&d, 1000);
    opts.server_key = d.public_file;
    cr_assert_eq (yard_open (&y, &opts, NULL), YARD_OK);
    yard_close (y);
    call_begin (&c);
    (void)fake_expect (&d, YM_MSG_job_submit);
    take_job (&d);
    call_end (&c);
    fake_stop (&d);
}

Test (client, nothing_to_free_is_harmless)
{
    yard_free (NULL);
    yard_close (NULL);
    yard_err_free (NULL);
}

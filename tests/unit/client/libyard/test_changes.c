/* test_changes.c - what a client asks to be changed, and what it reads about it. */
#include "tests/unit/client/libyard/fake_door.h"

enum { JOB = 12345 };
static const char *const job_text = "job_0000000000c1s";

/* One call of the library in a thread of its own; the test plays the yard. */
struct call {
    const struct fake_door *door;
    void (*run) (yard_t *y, struct call *c);
    yard_rc rc;
    yard_err_t *err;
    void *result;
    const yard_how *how;
    pthread_t thread;
};

static void *call_thread (void *me)
{
    struct call *c = me;
    yard_opts opts = fake_opts (c->door, 5000);
    yard_t *y = NULL;

    cr_assert_eq (yard_open (&y, &opts, NULL), YARD_OK);
    c->run (y, c);
    yard_close (y);
    return NULL;
}

static const void *begin (struct call *c, struct fake_door *d, unsigned number)
{
    c->door = d;
    cr_assert (pthread_create (&c->thread, NULL, call_thread, c) == 0);
    return fake_expect (d, number);
}

static void end (struct call *c, yard_rc expected)
{
    cr_assert (pthread_join (c->thread, NULL) == 0);
    cr_assert_eq (c->rc, expected, "%d: %s", c->rc, c->err ? yard_err_text (c->err) : "");
}

static void done_with (struct call *c)
{
    yard_err_free (c->err);
    yard_free (c->result);
}

static const yard_how how = {
    .size = sizeof how, .reason = "because", .key = "k", .versioned = true, .version = 0};
static const yard_how plan = {.size = sizeof plan, .plan = true};

static void run_suspend (yard_t *y, struct call *c)
{
    c->rc = yard_job_act (y, job_text, "suspend", NULL, c->how, (yard_outcome **)&c->result,
                          &c->err);
}

static const struct ym_effect effects[] = {{.text = {"its agent is told", 17}},
                                           {.text = {"it waits for a resume", 21}}};

Test (changes, a_job_is_changed, .timeout = 30)
{
    struct call c = {.run = run_suspend, .how = &how};
    const struct ym_job_act *m;
    const yard_outcome *o;
    struct fake_door d;

    fake_start (&d, false);
    m = begin (&c, &d, YM_MSG_job_act);
    cr_assert_eq (m->job, JOB);
    cr_assert_eq (m->verb, YM_DO_SUSPEND);
    cr_assert (ym_str_is (m->reason, "because"));
    cr_assert (m->has & YM_HAS (job_act, version), "0 is a version too");
    cr_assert_not (m->has & YM_HAS (job_act, plan));
    cr_assert_not (m->has & YM_HAS (job_act, tier));
    fake_answer (&d, YM_MSG_done,
                 &(struct ym_done){.has = YM_HAS (done, state),
                                   .version = 7,
                                   .state = YM_JOB_SUSPENDED,
                                   .effects = {effects, 2}});
    end (&c, YARD_OK);
    o = c.result;
    cr_assert_not (o->planned);
    cr_assert_eq (o->version, 7);
    cr_assert_str_eq (o->state, "SUSPENDED");
    cr_assert_not (o->final);
    cr_assert_eq (o->count, 2);
    cr_assert_str_eq (o->effects[1], "it waits for a resume");
    done_with (&c);
    fake_stop (&d);
}

Test (changes, a_plan_is_told_as_one, .timeout = 30)
{
    struct call c = {.run = run_suspend, .how = &plan};
    const struct ym_job_act *m;
    const yard_outcome *o;
    struct fake_door d;

    fake_start (&d, false);
    m = begin (&c, &d, YM_MSG_job_act);
    cr_assert (m->plan && m->has & YM_HAS (job_act, plan));
    cr_assert_not (m->has & YM_HAS (job_act, version));
    fake_answer (&d, YM_MSG_planned,
                 &(struct ym_planned){.version = 17, .effects = {effects, 1}});
    end (&c, YARD_OK);
    o = c.result;
    cr_assert (o->planned);
    cr_assert_eq (o->version, 17);
    cr_assert_str_eq (o->state, "");
    cr_assert_str_eq (o->effects[0], "its agent is told");
    done_with (&c);
    fake_stop (&d);
}

static const struct {
    const char *slug;
    yard_rc rc;
    int exit;
} refusals[] = {
    {"stale_version", YARD_ECONFLICT, 4},      {"not_suspender", YARD_ECONFLICT, 4},
    {"dependency_cycle", YARD_ECONFLICT, 4},   {"illegal_move", YARD_ECONFLICT, 4},
    {"urgency_not_allowed", YARD_EDENIED, 6},  {"pool_not_yours", YARD_EDENIED, 6},
    {"unknown_dependency", YARD_ENOTFOUND, 5}, {"unknown_agent", YARD_ENOTFOUND, 5},
    {"unknown_tenant", YARD_ENOTFOUND, 5},     {"unknown_window", YARD_ENOTFOUND, 5},
    {"quarantined", YARD_EINTERNAL, 70},
};

Test (changes, refusals_keep_their_meaning, .timeout = 60)
{
    struct fake_door d;

    fake_start (&d, false);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct call c = {.run = run_suspend};
        (void)begin (&c, &d, YM_MSG_job_act);
        fake_refuse (&d, refusals[i].slug, false, 0);
        end (&c, refusals[i].rc);
        cr_assert_eq (yard_err_exit (c.err), refusals[i].exit, "%s", refusals[i].slug);
        done_with (&c);
    }
    fake_stop (&d);
}

static void run_verbs (yard_t *y, struct call *c)
{
    static const uint64_t weight = 3, none = 0;
    static const bool yes = true;
    yard_job_change urge = {.size = sizeof urge, .urgency = 0};
    yard_job_change retier = {.size = sizeof retier, .tier = "platinum"};
    yard_job_change depend = {.size = sizeof depend, .on = job_text, .condition = "any"};
    yard_tenant_change tenant = {
        .size = sizeof tenant, .weight = &weight, .running_max = &none, .overflow = &yes};
    yard_window_spec window = {.size = sizeof window,
                               .begins_ms = 5,
                               .ends_ms = 6,
                               .scope = "region",
                               .subject = "eu"};
    yard_outcome *made = NULL;

    cr_assert_eq (yard_job_act (y, job_text, "urge", &urge, NULL, NULL, NULL), YARD_OK);
    cr_assert_eq (yard_job_act (y, job_text, "retier", &retier, NULL, NULL, NULL), YARD_OK);
    cr_assert_eq (yard_job_act (y, job_text, "depend", &depend, NULL, NULL, NULL), YARD_OK);
    cr_assert_eq (yard_queue_act (y, "premium", "stop", &how, NULL, NULL), YARD_OK);
    cr_assert_eq (yard_agent_act (y, "eu-a1", "drain", 99, &how, NULL, NULL), YARD_OK);
    cr_assert_eq (yard_tenant_set (y, "acme", &tenant, &plan, NULL, NULL), YARD_OK);
    cr_assert_eq (yard_window_add (y, &window, &how, &made, NULL), YARD_OK);
    cr_assert_eq (made->made, 41);
    yard_free (made);
    c->rc = yard_window_remove (y, 41, &how, NULL, &c->err);
}

static void say_done (struct fake_door *d)
{
    fake_answer (d, YM_MSG_done,
                 &(struct ym_done){.has = YM_HAS (done, made), .version = 1, .made = 41});
}

Test (changes, every_verb_says_what_it_needs, .timeout = 30)
{
    struct call c = {.run = run_verbs};
    const struct ym_job_act *act;
    const struct ym_queue_act *queue;
    const struct ym_agent_act *agent;
    const struct ym_tenant_set *tenant;
    const struct ym_window_add *window;
    struct fake_door d;

    fake_start (&d, false);
    act = begin (&c, &d, YM_MSG_job_act);
    cr_assert (act->has & YM_HAS (job_act, urgency) && act->urgency == 0);
    say_done (&d);
    act = fake_expect (&d, YM_MSG_job_act);
    cr_assert (act->verb == YM_DO_RETIER && act->tier == YM_PLATINUM);
    say_done (&d);
    act = fake_expect (&d, YM_MSG_job_act);
    cr_assert (act->on == JOB && act->condition == YM_AFTER_ANY);
    say_done (&d);
    queue = fake_expect (&d, YM_MSG_queue_act);
    cr_assert (queue->tier == YM_PREMIUM && queue->verb == YM_DO_STOP);
    say_done (&d);
    agent = fake_expect (&d, YM_MSG_agent_act);
    cr_assert (agent->verb == YM_DO_DRAIN && agent->deadline == 99);
    cr_assert_str_eq (agent->agent, "eu-a1");
    say_done (&d);
    tenant = fake_expect (&d, YM_MSG_tenant_set);
    cr_assert_not (tenant->has & YM_HAS (tenant_set, waiting_max));
    cr_assert (tenant->has & YM_HAS (tenant_set, running_max) && tenant->plan);
    cr_assert (tenant->weight == 3 && tenant->running_max == 0 && tenant->overflow);
    say_done (&d);
    window = fake_expect (&d, YM_MSG_window_add);
    cr_assert (window->begins == 5 && window->ends == 6 && window->scope == YM_SCOPE_REGION);
    cr_assert (window->has & YM_HAS (window_add, version) && window->version == 0);
    say_done (&d);
    cr_assert_eq (
        ((const struct ym_window_remove *)fake_expect (&d, YM_MSG_window_remove))->window, 41);
    say_done (&d);
    end (&c, YARD_OK);
    fake_stop (&d);
}

/* --- shutting a key out --- */

#define KEY_40 "0123456789012345678901234567890123456789"

static void run_revoke (yard_t *y, struct call *c)
{
    yard_outcome *planned = NULL;
    yard_key *key = NULL;

    cr_assert_eq (yard_key_revoke (y, KEY_40, NULL, NULL, NULL, NULL), YARD_OK);
    cr_assert_eq (yard_key_revoke (y, KEY_40, &plan, &key, &planned, NULL), YARD_OK);
    cr_assert (planned && planned->planned && planned->version == 7 && planned->count == 2);
    cr_assert_null (key, "a plan tells no key");
    yard_free (planned);
    planned = NULL;
    cr_assert_eq (yard_key_revoke (y, KEY_40, &how, &key, &planned, NULL), YARD_OK);
    cr_assert (key && key->revoked_at_ms == 5 && !planned);
    yard_free (key);
    c->rc = yard_key_revoke (y, KEY_40, &how, NULL, NULL, &c->err);
}

static void say_revoked (struct fake_door *d)
{
    struct ym_key_row row = {.role = YM_AGENT, .revoked_at = 5};

    fake_answer (d, YM_MSG_key_done, &(struct ym_key_done){.keys = {&row, 1}});
}

Test (changes, a_key_is_revoked_as_planned, .timeout = 30)
{
    struct call c = {.run = run_revoke};
    const struct ym_key_revoke *m;
    struct fake_door d;

    fake_start (&d, false);
    m = begin (&c, &d, YM_MSG_key_revoke);
    cr_assert_not (m->plan ||
                   m->has & (YM_HAS (key_revoke, version) | YM_HAS (key_revoke, reason)));
    say_revoked (&d);
    m = fake_expect (&d, YM_MSG_key_revoke);
    cr_assert (m->plan && !(m->has & YM_HAS (key_revoke, version)));
    fake_answer (&d, YM_MSG_planned,
                 &(struct ym_planned){.version = 7, .effects = {effects, 2}});
    m = fake_expect (&d, YM_MSG_key_revoke);
    cr_assert (!m->plan && m->has & YM_HAS (key_revoke, version) && m->version == 0);
    cr_assert (ym_str_is (m->reason, "because"));
    say_revoked (&d);
    (void)fake_expect (&d, YM_MSG_key_revoke);
    fake_refuse (&d, "stale_version", false, 0);
    end (&c, YARD_ECONFLICT);
    cr_assert_eq (yard_err_exit (c.err), 4);
    done_with (&c);
    fake_stop (&d);
}

/* The same key is the same request, of every kind; nothing wrong reaches the door. */
Test (changes, what_cannot_be_sent_is_refused_here, .timeout = 30)
{
    yard_job_change change = {.size = sizeof change, .tier = "gold", .on = "x"};
    yard_window_spec window = {.size = sizeof window, .scope = "moon"};
    struct fake_door d;
    yard_opts opts;
    yard_t *y;

    fake_start (&d, false);
    opts = fake_opts (&d, 500);
    cr_assert_eq (yard_open (&y, &opts, NULL), YARD_OK);
    cr_assert_eq (yard_job_act (y, "x", "suspend", NULL, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_job_act (y, job_text, "fly", NULL, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_job_act (y, job_text, "retier", &change, NULL, NULL, NULL),
                  YARD_EINVALID);
    cr_assert_eq (yard_job_act (y, job_text, "depend", &change, NULL, NULL, NULL),
                  YARD_EINVALID);
    cr_assert_eq (yard_queue_act (y, "gold", "stop", NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_agent_act (y, NULL, "drain", 0, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_tenant_set (y, "A B", NULL, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_window_add (y, &window, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_key_revoke (y, "short", NULL, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_key_revoke (y, KEY_40, &(yard_how){0}, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_eq (yard_job_why_not (y, job_text, NULL, NULL, NULL), YARD_EINVALID);
    cr_assert_not (fake_take (&d, 100));
    yard_close (y);
    fake_stop (&d);
}

/* --- submitting with order --- */

static void run_submit (yard_t *y, struct call *c)
{
    const yard_after after[] = {{.job = job_text}, {.job = job_text, .condition = "any"}};
    yard_job_spec spec = {.size = sizeof spec,
                          .name = "n",
                          .kind = "k",
                          .source = "s",
                          .target = "t",
                          .urgency = YARD_URGENCY_ZERO,
                          .held = true,
                          .fixed = true,
                          .not_before_ms = 1700000000000,
                          .run_limit_ms = 60000,
                          .wait_limit_ms = 3600000,
                          .after = after,
                          .after_count = 2};
    char job[YARD_JOB_TEXT];

    c->rc = yard_job_submit (y, &spec, NULL, job, &c->err);
}

/* A program built with the first yard.h says so by the size. */
static void run_old_submit (yard_t *y, struct call *c)
{
    yard_job_spec spec = {.size = offsetof (yard_job_spec, urgency),
                          .name = "n",
                          .kind = "k",
                          .source = "s",
                          .target = "t",
                          .urgency = 99};
    char job[YARD_JOB_TEXT];

    c->rc = yard_job_submit (y, &spec, NULL, job, &c->err);
}

static void take_job (struct fake_door *d)
{
    fake_answer (d, YM_MSG_job_accepted, &(struct ym_job_accepted){.job = JOB});
}

Test (changes, a_submit_says_when_and_in_which_order, .timeout = 30)
{
    struct call c = {.run = run_submit}, old = {.run = run_old_submit};
    const struct ym_job_submit *m;
    struct fake_door d;

    fake_start (&d, false);
    m = begin (&c, &d, YM_MSG_job_submit);
    cr_assert (m->has & YM_HAS (job_submit, urgency) && m->urgency == 0);
    cr_assert (m->held && m->fixed && m->not_before == 1700000000000);
    cr_assert (m->run_limit_ms == 60000 && m->wait_limit_ms == 3600000);
    cr_assert_eq (m->after.count, 2);
    cr_assert (m->after.at[0].job == JOB && m->after.at[0].condition == YM_AFTER_SUCCESS);
    cr_assert_eq (m->after.at[1].condition, YM_AFTER_ANY);
    take_job (&d);
    end (&c, YARD_OK);
    m = begin (&old, &d, YM_MSG_job_submit);
    cr_assert_not (m->has & YM_HAS (job_submit, urgency));
    take_job (&d);
    end (&old, YARD_OK);
    fake_stop (&d);
}

/* --- reading --- */

static void run_reads (yard_t *y, struct call *c)
{
    yard_explained *e = NULL;
    yard_event_page *events = NULL;
    yard_tenant_page *tenants = NULL;
    yard_window_page *windows = NULL;
    yard_problem_page *problems = NULL;
    yard_load *load = NULL;

    cr_assert_eq (yard_job_why_not (y, job_text, "us-1", &e, NULL), YARD_OK);
    cr_assert_str_eq (e->blockers[0]->code, "no_region");
    cr_assert_str_eq (e->chosen, "a1: its turn");
    cr_assert_eq (yard_job_events (y, job_text, 3, 50, &events, NULL), YARD_OK);
    cr_assert (events->more && events->count == 1 && events->rows[0]->seq == 4);
    cr_assert_str_eq (events->rows[0]->who, "ana");
    cr_assert_eq (yard_tenant_list (y, NULL, &tenants, NULL), YARD_OK);
    cr_assert (tenants->rows[0]->weight == 5 && tenants->rows[0]->overflow);
    cr_assert_str_eq (tenants->next, "acme");
    cr_assert_eq (yard_window_list (y, 7, &windows, NULL), YARD_OK);
    cr_assert_str_eq (windows->rows[0]->scope, "pool");
    cr_assert_eq (windows->next, 0);
    cr_assert_eq (yard_problem_list (y, 0, true, &problems, NULL), YARD_OK);
    cr_assert_str_eq (problems->rows[0]->kind, "cleanup_failed");
    cr_assert_eq (problems->next, 2);
    c->rc = yard_load_get (y, &load, &c->err);
    cr_assert (load->count == 1 && load->tiers[0]->suspending == 1 && load->used == 3);
    yard_free (e);
    yard_free (events);
    yard_free (tenants);
    yard_free (windows);
    yard_free (problems);
    yard_free (load);
}

static void play_histories (struct call *c, struct fake_door *d)
{
    struct ym_blocker_row blocker = {.code = YM_REGION};
    struct ym_event_row event = {.seq = 4,
                                 .state = YM_JOB_QUEUED,
                                 .who = "ana",
                                 .why = ym_str ("w"),
                                 .detail = ym_str ("")};
    const struct ym_job_why_not *why = begin (c, d, YM_MSG_job_why_not);
    const struct ym_job_events *asked;

    cr_assert_str_eq (why->agent, "us-1");
    fake_answer (d, YM_MSG_job_explained,
                 &(struct ym_job_explained){.job = JOB,
                                            .state = YM_JOB_QUEUED,
                                            .blockers = {&blocker, 1},
                                            .chosen = ym_str ("a1: its turn")});
    asked = fake_expect (d, YM_MSG_job_events);
    cr_assert (asked->after == 3 && asked->limit == 50);
    fake_answer (d, YM_MSG_event_page,
                 &(struct ym_event_page){.events = {&event, 1}, .more = true});
}

static void play_policy (struct fake_door *d)
{
    struct ym_tenant_row tenant = {.name = "acme", .weight = 5, .overflow = true};
    struct ym_window_row window = {.window = 8, .scope = YM_SCOPE_POOL, .reason = ym_str ("r")};
    struct ym_problem_row problem = {.problem = 2,
                                     .kind = YM_CLEANUP_FAILED,
                                     .job = ym_str (job_text),
                                     .detail = ym_str ("d")};
    struct ym_tier_load tier = {.tier = YM_PREMIUM, .running = 2, .suspending = 1};

    (void)fake_expect (d, YM_MSG_tenant_list);
    fake_answer (d, YM_MSG_tenant_page,
                 &(struct ym_tenant_page){.has = YM_HAS (tenant_page, next),
                                          .tenants = {&tenant, 1},
                                          .next = "acme"});
    cr_assert_eq (((const struct ym_window_list *)fake_expect (d, YM_MSG_window_list))->after,
                  7);
    fake_answer (d, YM_MSG_window_page, &(struct ym_window_page){.windows = {&window, 1}});
    cr_assert (((const struct ym_problem_list *)fake_expect (d, YM_MSG_problem_list))->closed);
    fake_answer (d, YM_MSG_problem_page,
                 &(struct ym_problem_page){
                     .has = YM_HAS (problem_page, next), .problems = {&problem, 1}, .next = 2});
    (void)fake_expect (d, YM_MSG_load_get);
    fake_answer (d, YM_MSG_load_page,
                 &(struct ym_load_page){.tiers = {&tier, 1}, .slots = 4, .used = 3});
}

Test (changes, what_is_read_comes_whole, .timeout = 30)
{
    struct call c = {.run = run_reads};
    struct fake_door d;

    fake_start (&d, false);
    play_histories (&c, &d);
    play_policy (&d);
    end (&c, YARD_OK);
    fake_stop (&d);
}

/* test_runs.c - whole runs of yardctl against a door that the test plays: what is asked, what
 * is printed, and the status. */
#include "tests/unit/client/libyard/fake_door.h"

#include <criterion/redirect.h>

#include "client/yardctl/ctl.h"

enum { JOB = 12345, ARGS = 12, OUT = 16384 };
#define NAME "job_0000000000c1s"

struct run {
    const char *args[ARGS];
    void (*play) (struct fake_door *d);
    int status;
    const char *out, *err; /* whole; NULL: not looked at */
};

struct running {
    const char *const *args;
    int status;
};

static void *run_thread (void *me)
{
    struct running *r = me;
    char *argv[ARGS + 2] = {strdup ("yardctl")};
    int argc = 1;

    while (r->args[argc - 1] && argc < ARGS + 1) {
        argv[argc] = strdup (r->args[argc - 1]);
        argc++;
    }
    r->status = ctl_main (argc, argv);
    for (int i = 0; i < argc; i++)
        free (argv[i]);
    return NULL;
}

static void read_stream (FILE *stream, char to[OUT])
{
    size_t size = fread (to, 1, OUT - 1, stream);

    to[size] = '\0';
}

static void expect (const struct run *run)
{
    struct running r = {.args = run->args};
    char out[OUT], err[OUT];
    struct fake_door d;
    pthread_t thread;

    cr_redirect_stdout ();
    cr_redirect_stderr ();
    fake_start (&d, false);
    cr_assert_eq (setenv ("YARD_ENDPOINT", d.endpoint, 1), 0);
    cr_assert_eq (setenv ("YARD_SERVER_KEY", d.server_key, 1), 0);
    cr_assert_eq (setenv ("YARD_CERT", d.cert_file, 1), 0);
    cr_assert_eq (setenv ("TZ", "UTC", 1), 0);
    cr_assert_eq (unsetenv ("YARD_OUTPUT"), 0);
    cr_assert_eq (unsetenv ("YARD_CONTEXT"), 0);
    cr_assert (pthread_create (&thread, NULL, run_thread, &r) == 0);
    run->play (&d);
    cr_assert (pthread_join (thread, NULL) == 0);
    fake_stop (&d);
    (void)fflush (NULL);
    (void)fclose (stdout);
    (void)fclose (stderr);
    read_stream (cr_get_redirected_stdout (), out);
    read_stream (cr_get_redirected_stderr (), err);
    cr_assert_eq (r.status, run->status, "%d: %s%s", r.status, out, err);
    if (run->out)
        cr_assert_str_eq (out, run->out);
    if (run->err)
        cr_assert_str_eq (err, run->err);
}

#define RUN(name, ...)                                                                         \
    Test (runs, name, .timeout = 30)                                                           \
    {                                                                                          \
        expect (&(const struct run){__VA_ARGS__});                                             \
    }

static struct ym_str str (const char *text)
{
    return ym_str (text);
}

/* --- plans and changes --- */

static void play_plan (struct fake_door *d)
{
    struct ym_effect effects[] = {{str ("its agent is told")}, {str ("it keeps 3 items")}};
    const struct ym_job_act *m = fake_expect (d, YM_MSG_job_act);

    cr_assert (m->job == JOB && m->verb == YM_DO_SUSPEND && m->plan);
    fake_answer (d, YM_MSG_planned,
                 &(struct ym_planned){.version = 17, .effects = {effects, 2}});
}

RUN (a_plan, {"job", "suspend", NAME, "--plan"}, play_plan, 0,
     NAME ", version 17\n"
          "would: its agent is told\n"
          "       it keeps 3 items\n"
          "run with --if-version 17 to do it\n",
     "")
RUN (a_plan_as_json, {"job", "suspend", NAME, "--plan", "-o", "jsonl"}, play_plan, 0,
     "{\"job\":\"" NAME "\",\"planned\":true,\"version\":17,"
     "\"effects\":[\"its agent is told\",\"it keeps 3 items\"]}\n",
     "")
RUN (a_plan_as_yaml, {"job", "suspend", NAME, "--plan", "-o", "yaml"}, play_plan, 0,
     "---\njob: " NAME "\nplanned: true\nversion: 17\neffects:\n- its agent is told\n"
     "- it keeps 3 items\n",
     "")

static void play_change (struct fake_door *d)
{
    struct ym_effect effects[] = {{str ("its agent is told")}, {str ("it keeps 3 items")}};
    const struct ym_job_act *m = fake_expect (d, YM_MSG_job_act);

    cr_assert_not (m->plan);
    cr_assert (m->has & YM_HAS (job_act, version) && m->version == 17);
    cr_assert (ym_str_is (m->reason, "lunch"));
    fake_answer (d, YM_MSG_done,
                 &(struct ym_done){.has = YM_HAS (done, state),
                                   .version = 18,
                                   .state = YM_JOB_STARTED,
                                   .effects = {effects, 2}});
}

RUN (a_change, {"job", "suspend", NAME, "--if-version", "17", "--reason", "lunch"}, play_change,
     0, NAME " STARTED: its agent is told\n  it keeps 3 items\n", "")
RUN (a_change_as_json,
     {"job", "suspend", NAME, "--if-version", "17", "--reason", "lunch", "-o", "jsonl"},
     play_change, 0,
     "{\"job\":\"" NAME "\",\"planned\":false,\"version\":18,\"state\":\"STARTED\","
     "\"final\":false,\"effects\":[\"its agent is told\",\"it keeps 3 items\"]}\n",
     "")

static void play_stale (struct fake_door *d)
{
    (void)fake_expect (d, YM_MSG_job_act);
    fake_refuse (d, "stale_version", false, 0);
}

RUN (an_old_version, {"job", "hold", NAME, "--if-version", "3"}, play_stale, 4, "",
     "yardctl: " NAME ": because [stale_version]\n"
     "nothing was changed; look again with --plan\n")

/* Of several each is told, and the first failure is the status. */
static void play_several (struct fake_door *d)
{
    (void)fake_expect (d, YM_MSG_job_act);
    fake_refuse (d, "not_suspender", false, 0);
    (void)fake_expect (d, YM_MSG_job_act);
    fake_answer (
        d, YM_MSG_done,
        &(struct ym_done){.has = YM_HAS (done, state), .version = 3, .state = YM_JOB_QUEUED});
}

RUN (several, {"job", "resume", NAME, "job_0000000000c1t"}, play_several, 4,
     "job_0000000000c1t QUEUED\n", "yardctl: " NAME ": because [not_suspender]\n")

static void play_window (struct fake_door *d)
{
    struct ym_effect effect = {str ("nothing starts there that cannot end before it")};
    const struct ym_window_add *m = fake_expect (d, YM_MSG_window_add);

    cr_assert (m->scope == YM_SCOPE_REGION && m->begins == 1795328697000);
    cr_assert_str_eq (m->subject, "eu");
    fake_answer (
        d, YM_MSG_done,
        &(struct ym_done){
            .has = YM_HAS (done, made), .version = 1, .made = 4, .effects = {&effect, 1}});
}

RUN (what_was_made_is_named,
     {"window", "add", "region:eu", "--from", "2026-11-22T06:24:57Z", "--to",
      "2026-11-22T07:24:57Z"},
     play_window, 0, "region:eu 4: nothing starts there that cannot end before it\n", "")

static void play_window_version (struct fake_door *d)
{
    const struct ym_window_add *m = fake_expect (d, YM_MSG_window_add);

    cr_assert (m->has & YM_HAS (window_add, version) && m->version == 40);
    fake_refuse (d, "stale_version", false, 0);
}

RUN (a_window_of_an_old_version, {"window", "add", "yard", "--to", "+1h", "--if-version", "40"},
     play_window_version, 4, "",
     "yardctl: yard: because [stale_version]\n"
     "nothing was changed; look again with --plan\n")

#define KEY_40 "0123456789012345678901234567890123456789"

static void play_revoke_plan (struct fake_door *d)
{
    struct ym_effect effects[] = {{str ("its key is shut out")}, {str ("its jobs go back")}};

    cr_assert (((const struct ym_key_revoke *)fake_expect (d, YM_MSG_key_revoke))->plan);
    fake_answer (d, YM_MSG_planned,
                 &(struct ym_planned){.version = 9, .effects = {effects, 2}});
}

RUN (a_plan_of_a_revocation, {"key", "revoke", KEY_40, "--plan"}, play_revoke_plan, 0,
     KEY_40 ", version 9\n"
            "would: its key is shut out\n"
            "       its jobs go back\n"
            "run with --if-version 9 to do it\n",
     "")

static void play_revoke (struct fake_door *d)
{
    struct ym_key_row row = {
        .role = YM_AGENT, .tenant = "agents", .name = "mover", .revoked_at = 1795328697000};
    const struct ym_key_revoke *m = fake_expect (d, YM_MSG_key_revoke);

    cr_assert (!m->plan && m->has & YM_HAS (key_revoke, version) && m->version == 9);
    cr_assert (ym_str_is (m->reason, "lost"));
    memset (row.public_key, 'k', sizeof row.public_key);
    fake_answer (d, YM_MSG_key_done, &(struct ym_key_done){.keys = {&row, 1}});
}

RUN (a_revocation,
     {"key", "revoke", KEY_40, "--yes", "--if-version", "9", "--reason", "lost", "-o", "name"},
     play_revoke, 0, NULL, "")

static void play_revoke_stale (struct fake_door *d)
{
    (void)fake_expect (d, YM_MSG_key_revoke);
    fake_refuse (d, "stale_version", false, 0);
}

RUN (a_revocation_of_an_old_version, {"key", "revoke", KEY_40, "--yes", "--if-version", "3"},
     play_revoke_stale, 4, "",
     "yardctl: " KEY_40 ": because [stale_version]\n"
     "nothing was changed; look again with --plan\n")

static void play_tenant (struct fake_door *d)
{
    const struct ym_tenant_set *m = fake_expect (d, YM_MSG_tenant_set);

    cr_assert (m->has & YM_HAS (tenant_set, waiting_max) && m->waiting_max == 0);
    cr_assert_not (m->has & YM_HAS (tenant_set, weight));
    cr_assert (m->has & YM_HAS (tenant_set, overflow) && !m->overflow);
    fake_answer (d, YM_MSG_done, &(struct ym_done){.version = 2});
}

RUN (zero_is_a_value, {"tenant", "set", "acme", "--waiting-max", "0", "--overflow", "no"},
     play_tenant, 0, "acme\n", "")

static void play_submit (struct fake_door *d)
{
    const struct ym_job_submit *m = fake_expect (d, YM_MSG_job_submit);

    cr_assert (m->held && m->fixed && m->has & YM_HAS (job_submit, urgency));
    cr_assert (m->urgency == 0 && m->run_limit_ms == 7200000);
    cr_assert (m->after.count == 1 && m->after.at[0].job == JOB);
    cr_assert_eq (m->after.at[0].condition, YM_AFTER_ANY);
    fake_answer (d, YM_MSG_job_accepted, &(struct ym_job_accepted){.job = JOB});
}

RUN (a_submit_with_order,
     {"job", "submit", "--name=n", "--kind=k", "--source=s", "--target=t", "--hold", "--fixed",
      "--urgency=0", "--run-limit=2h", "--after=" NAME ":any"},
     play_submit, 0, NAME "\n", "")

/* --- reading --- */

static void answer_explained (struct fake_door *d)
{
    struct ym_blocker_row blocker = {.code = YM_REGION,
                                     .subject = "region",
                                     .wanted = "ap-south",
                                     .have = "eu, us",
                                     .lifted_by = "an agent there"};

    fake_answer (
        d, YM_MSG_job_explained,
        &(struct ym_job_explained){.job = JOB,
                                   .state = YM_JOB_QUEUED,
                                   .blockers = {&blocker, 1},
                                   .chosen = str ("a1: its turn; not a2: slots_taken")});
}

static void play_explain (struct fake_door *d)
{
    (void)fake_expect (d, YM_MSG_job_explain);
    answer_explained (d);
}

static void play_why_not (struct fake_door *d)
{
    cr_assert_str_eq (
        ((const struct ym_job_why_not *)fake_expect (d, YM_MSG_job_why_not))->agent, "us-1");
    answer_explained (d);
}

#define BLOCKERS                                                                               \
    "  BLOCKED no_region region\n"                                                             \
    "          wanted     ap-south\n"                                                          \
    "          have       eu, us\n"                                                            \
    "          lifted by  an agent there\n"                                                    \
    "  chosen  a1: its turn\n"                                                                 \
    "          not a2: slots_taken\n"

RUN (explain, {"job", "explain", NAME}, play_explain, 0,
     NAME " is QUEUED; 1 thing keeps it from starting:\n" BLOCKERS, "")
RUN (why_not, {"job", "why-not", NAME, "--agent", "us-1"}, play_why_not, 0,
     NAME " is QUEUED; 1 thing keeps it from starting on us-1:\n" BLOCKERS, "")
RUN (explain_names_codes, {"job", "explain", NAME, "-o", "name"}, play_explain, 0,
     "no_region\n", "")

static void play_events (struct fake_door *d)
{
    struct ym_event_row first = {.seq = 1,
                                 .state = YM_JOB_QUEUED,
                                 .at = 1795328697007,
                                 .who = "ana",
                                 .why = str ("submitted"),
                                 .detail = str ("")};
    struct ym_event_row second = {.seq = 2,
                                  .state = YM_JOB_LEASED,
                                  .at = 1795328698007,
                                  .attempt = 1,
                                  .agent = "a1",
                                  .why = str ("leased"),
                                  .detail = str ("its turn")};

    cr_assert_eq (((const struct ym_job_events *)fake_expect (d, YM_MSG_job_events))->after, 0);
    fake_answer (d, YM_MSG_event_page,
                 &(struct ym_event_page){.events = {&first, 1}, .more = true});
    cr_assert_eq (((const struct ym_job_events *)fake_expect (d, YM_MSG_job_events))->after, 1);
    fake_answer (d, YM_MSG_event_page, &(struct ym_event_page){.events = {&second, 1}});
}

RUN (a_history_is_read_to_its_end, {"job", "events", NAME}, play_events, 0,
     "EVENT WHEN                     STATE  ATTEMPT AGENT WHO WHY       DETAIL\n"
     "    1 2026-11-22T06:24:57.007Z QUEUED       0 -     ana submitted -\n"
     "    2 2026-11-22T06:24:58.007Z LEASED       1 a1    -   leased    its turn\n",
     "")

static void play_one_event (struct fake_door *d)
{
    struct ym_event_row first = {
        .seq = 7, .state = YM_JOB_QUEUED, .why = str ("submitted"), .detail = str ("")};

    cr_assert_eq (((const struct ym_job_events *)fake_expect (d, YM_MSG_job_events))->limit, 1);
    fake_answer (d, YM_MSG_event_page,
                 &(struct ym_event_page){.events = {&first, 1}, .more = true});
}

RUN (a_cut_history_says_where_to_go_on, {"job", "events", NAME, "--limit=1", "-o", "name"},
     play_one_event, 0, "7\n", "")
RUN (a_cut_history_as_json, {"job", "events", NAME, "--limit=1", "-o", "yaml"}, play_one_event,
     0,
     "---\nitems:\n- seq: 7\n  at: null\n  state: QUEUED\n  attempt: 0\n  fence: 0\n"
     "  agent: \"\"\n  who: \"\"\n  why: submitted\n  detail: \"\"\nnext: \"7\"\n",
     "")

/* --- the feed --- */

static void play_feed (struct fake_door *d)
{
    const struct ym_feed_open *m = fake_expect (d, YM_MSG_feed_open);
    uint64_t ask = d->header.ask;
    struct ym_feed_row row = {.number = 1,
                              .part = YM_SNAPSHOT,
                              .job = JOB,
                              .tenant = "acme",
                              .name = "orders",
                              .tier = YM_PREMIUM,
                              .seq = 3,
                              .state = YM_JOB_STARTED,
                              .at = 1795328697007,
                              .agent = "a1",
                              .why = str ("the agent started it"),
                              .detail = str ("")};

    cr_assert (m->snapshot && m->has & YM_HAS (feed_open, tenant));
    fake_answer (d, YM_MSG_feed_opened, &(struct ym_feed_opened){.feed = 1});
    fake_send (d, YM_MSG_feed_row, ask, &row);
    fake_send (d, YM_MSG_feed_beat, ask,
               &(struct ym_feed_beat){.latest = 1, .caught_up = true});
    fake_send (d, YM_MSG_refused, ask,
               &(struct ym_refused){.code = "key_revoked", .text = str ("over")});
}

#define FEED                                                                                   \
    {                                                                                          \
        "watch", "--snapshot", "--tenant", "acme", "-o", "jsonl"                               \
    }
RUN (a_feed_is_a_line_for_each_event, FEED, play_feed, 75,
     "{\"job\":\"" NAME "\",\"tenant\":\"acme\",\"name\":\"orders\",\"tier\":\"premium\","
     "\"seq\":3,\"state\":\"STARTED\",\"final\":false,"
     "\"at\":\"2026-11-22T06:24:57.007Z\",\"agent\":\"a1\","
     "\"why\":\"the agent started it\",\"detail\":\"\",\"event\":\"snapshot\"}\n"
     "{\"event\":\"caught_up\"}\n",
     NULL)
RUN (a_feed_for_people, {"job", "watch", "--snapshot", "--tenant", "acme"}, play_feed, 75,
     "06:24:57  00000c1s    3  premium  acme         STARTED     a1           "
     "the agent started it\n",
     "yardctl: the yard ended this feed: over [key_revoked]\n")

/* --- top --- */

static void play_top (struct fake_door *d)
{
    static const uint32_t tiers[] = {YM_PLATINUM, YM_PREMIUM, YM_STANDARD};
    struct ym_tier_load load = {.tier = YM_PREMIUM, .running = 2, .suspending = 1};

    (void)fake_expect (d, YM_MSG_yard_get);
    fake_answer (
        d, YM_MSG_yard_status,
        &(struct ym_yard_status){.version = "1.0", .now = 1795328697007, .database = true});
    for (size_t i = 0; i < 3; i++) {
        struct ym_queue_status q = {.tier = tiers[i],
                                    .waiting = i,
                                    .oldest_ms = 5000 * i,
                                    .stopped = i == 2,
                                    .reason = str (i == 2 ? "incident" : "")};
        (void)fake_expect (d, YM_MSG_queue_get);
        fake_answer (d, YM_MSG_queue_status, &q);
    }
    (void)fake_expect (d, YM_MSG_load_get);
    fake_answer (
        d, YM_MSG_load_page,
        &(struct ym_load_page){
            .tiers = {&load, 1}, .agents = 3, .draining = 1, .lost = 2, .slots = 8, .used = 2});
    (void)fake_expect (d, YM_MSG_agent_list);
    fake_answer (d, YM_MSG_agent_page, &(struct ym_agent_page){0});
}

RUN (top_without_a_terminal, {"top"}, play_top, 0,
     "yard 1.0  06:24:57  database answers  agents 3 (1 draining), 2 lost  slots 2 of 8 used\n"
     "\n"
     "TIER     WAITING IDLE OLDEST RUNNING SUSPENDING STOPPED\n"
     "platinum       0    0      -       0          0 -\n"
     "premium        1    0     5s       2          1 -\n"
     "standard       2    0    10s       0          0 incident\n"
     "\n",
     "")

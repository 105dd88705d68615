/* test_feed.c - a feed against a door that loses rows, falls silent and goes away. */
#include "tests/unit/client/libyard/fake_door.h"

enum { SEEN = 64 };
static const char *const job_text = "job_0000000000c1s";
enum { JOB = 12345 };

/* The client runs in a thread of its own and notes what it is told, until 'enough'. */
struct reader {
    const struct fake_door *door;
    yard_feed_filter filter;
    size_t enough;
    size_t count;
    struct {
        yard_event_type type;
        uint64_t seq;
    } seen[SEEN];
    yard_rc rc;
    char slug[40], name[40], tier[20];
    pthread_t thread;
};

static void note (struct reader *r, const yard_event *e)
{
    size_t count = r->count;

    r->seen[count].type = e->type;
    r->seen[count].seq = e->seq;
    if (e->type == YARD_EVENT_LOST)
        (void)snprintf (r->slug, sizeof r->slug, "%s", e->detail);
    if (e->type == YARD_EVENT_SNAPSHOT) {
        cr_assert_str_eq (e->job, job_text);
        (void)snprintf (r->name, sizeof r->name, "%s", e->name);
        (void)snprintf (r->tier, sizeof r->tier, "%s", e->tier);
    }
    __atomic_store_n (&r->count, count + 1, __ATOMIC_SEQ_CST);
}

static void *read_feed (void *me)
{
    struct reader *r = me;
    yard_opts opts = fake_opts (r->door, 5000);
    yard_event *e;
    yard_t *y = NULL;

    cr_assert_eq (yard_open (&y, &opts, NULL), YARD_OK);
    r->filter.size = sizeof r->filter;
    r->rc = yard_feed_open (y, &r->filter, NULL);
    while (r->rc == YARD_OK && r->count < r->enough) {
        r->rc = yard_process (y, PATIENCE_MS, &e, NULL);
        if (r->rc != YARD_OK)
            break;
        note (r, e);
        yard_free (e);
    }
    yard_feed_close (y);
    yard_close (y);
    return NULL;
}

static void begin (struct reader *r)
{
    cr_assert (pthread_create (&r->thread, NULL, read_feed, r) == 0);
}

static void end (struct reader *r)
{
    cr_assert (pthread_join (r->thread, NULL) == 0);
}

static void await_seen (const struct reader *r, size_t count)
{
    int64_t until = ym_time_mono_ms () + PATIENCE_MS;

    while (__atomic_load_n (&r->count, __ATOMIC_SEQ_CST) < count) {
        cr_assert_lt (ym_time_mono_ms (), until, "only %zu events", r->count);
        usleep (1000);
    }
}

static uint64_t expect_open (struct fake_door *d, bool snapshot, uint64_t id)
{
    const struct ym_feed_open *m = fake_expect (d, YM_MSG_feed_open);

    cr_assert_eq (m->snapshot, snapshot);
    fake_answer (d, YM_MSG_feed_opened, &(struct ym_feed_opened){.feed = id});
    return d->header.ask;
}

static void row (struct fake_door *d, uint64_t ask, uint64_t number, bool snapshot)
{
    struct ym_feed_row m = {.number = number,
                            .part = snapshot ? YM_SNAPSHOT : YM_CHANGE,
                            .job = JOB,
                            .tenant = "acme",
                            .name = "orders",
                            .tier = YM_PREMIUM,
                            .seq = 100 + number,
                            .state = YM_JOB_STARTED,
                            .at = 5,
                            .why = ym_str ("why"),
                            .detail = ym_str ("")};

    fake_send (d, YM_MSG_feed_row, ask, &m);
}

static void beat (struct fake_door *d, uint64_t ask, uint64_t latest, bool caught_up)
{
    fake_send (d, YM_MSG_feed_beat, ask,
               &(struct ym_feed_beat){.latest = latest, .caught_up = caught_up});
}

static void expect_seen (const struct reader *r, const yard_event_type *types, size_t count)
{
    cr_assert_eq (r->count, count, "%zu", r->count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq (r->seen[i].type, types[i], "%zu: %d", i, r->seen[i].type);
}

Test (feed, snapshot_then_changes, .timeout = 30)
{
    static const yard_event_type types[] = {YARD_EVENT_SNAPSHOT, YARD_EVENT_CAUGHT_UP,
                                            YARD_EVENT_ROW, YARD_EVENT_ROW};
    struct fake_door d;
    struct reader r = {
        .door = &d, .filter = {.snapshot = true, .tier = "premium"}, .enough = 4};
    const struct ym_feed_open *m;
    uint64_t ask;

    fake_start (&d, false);
    begin (&r);
    m = fake_expect (&d, YM_MSG_feed_open);
    cr_assert (m->snapshot && m->has & YM_HAS (feed_open, tier) && m->tier == YM_PREMIUM);
    cr_assert_not (m->has & YM_HAS (feed_open, state));
    ask = d.header.ask;
    fake_answer (&d, YM_MSG_feed_opened, &(struct ym_feed_opened){.feed = 9});
    row (&d, ask, 1, true);
    beat (&d, ask, 1, true);
    beat (&d, ask, 1, true); /* is told once */
    row (&d, ask, 2, false);
    row (&d, ask, 2, false); /* a repetition */
    row (&d, ask, 3, false);
    cr_assert_eq (((const struct ym_feed_close *)fake_expect (&d, YM_MSG_feed_close))->feed, 9);
    end (&r);
    expect_seen (&r, types, 4);
    cr_assert_eq (r.seen[3].seq, 103);
    cr_assert_str_eq (r.name, "orders");
    cr_assert_str_eq (r.tier, "premium");
    fake_stop (&d);
}

/* A gap in the middle, and a tail that only the beat tells about. */
static void lose (void (*how) (struct fake_door *d, uint64_t ask))
{
    static const yard_event_type types[] = {YARD_EVENT_ROW, YARD_EVENT_RESNAPSHOT,
                                            YARD_EVENT_SNAPSHOT};
    struct fake_door d;
    struct reader r = {.door = &d, .enough = 3};
    uint64_t first, second;

    fake_start (&d, false);
    begin (&r);
    first = expect_open (&d, false, 9);
    row (&d, first, 1, false);
    how (&d, first);
    cr_assert_eq (((const struct ym_feed_close *)fake_expect (&d, YM_MSG_feed_close))->feed, 9);
    second = expect_open (&d, true, 10);
    cr_assert_neq (first, second);
    row (&d, first, 4, false); /* late, of the old one */
    row (&d, second, 1, true);
    (void)fake_expect (&d, YM_MSG_feed_close);
    end (&r);
    expect_seen (&r, types, 3);
    fake_stop (&d);
}

static void gap (struct fake_door *d, uint64_t ask)
{
    row (d, ask, 3, false);
}

static void lost_tail (struct fake_door *d, uint64_t ask)
{
    beat (d, ask, 2, true);
}

Test (feed, a_gap_is_noticed, .timeout = 30)
{
    lose (gap);
}

Test (feed, a_lost_tail_is_noticed, .timeout = 30)
{
    lose (lost_tail);
}

Test (feed, begins_anew_after_a_lost_connection, .timeout = 30)
{
    static const yard_event_type types[] = {YARD_EVENT_ROW, YARD_EVENT_RESNAPSHOT,
                                            YARD_EVENT_SNAPSHOT, YARD_EVENT_ROW};
    struct fake_door d;
    struct reader r = {.door = &d, .enough = 4};
    uint64_t ask;

    fake_start (&d, false);
    begin (&r);
    row (&d, expect_open (&d, false, 9), 1, false);
    await_seen (&r, 1);
    fake_cut (&d);
    ask = expect_open (&d, true, 1);
    row (&d, ask, 1, true);
    row (&d, ask, 2, false);
    (void)fake_expect (&d, YM_MSG_feed_close);
    end (&r);
    expect_seen (&r, types, 4);
    fake_stop (&d);
}

/* Each sending opens a feed at the yard: one of them is ours, wholly, and the rest is closed.
 */
Test (feed, a_slow_answer_is_taken_and_the_other_feed_closed, .timeout = 30)
{
    static const yard_event_type types[] = {YARD_EVENT_ROW, YARD_EVENT_ROW};
    struct fake_door d;
    struct reader r = {.door = &d, .enough = 2};
    uint64_t first, second;

    fake_start (&d, false);
    begin (&r);
    (void)fake_expect (&d, YM_MSG_feed_open);
    first = d.header.ask;
    (void)fake_expect (&d, YM_MSG_feed_open);
    second = d.header.ask;
    cr_assert_neq (first, second);
    fake_send (&d, YM_MSG_feed_opened, first, &(struct ym_feed_opened){.feed = 9});
    row (&d, first, 1, false);
    fake_send (&d, YM_MSG_feed_opened, second, &(struct ym_feed_opened){.feed = 10});
    row (&d, second, 1, false);
    row (&d, second, 2, false);
    beat (&d, second, 2, true);
    cr_assert_eq (((const struct ym_feed_close *)fake_expect (&d, YM_MSG_feed_close))->feed,
                  10);
    row (&d, first, 2, false);
    cr_assert_eq (((const struct ym_feed_close *)fake_expect (&d, YM_MSG_feed_close))->feed, 9);
    end (&r);
    expect_seen (&r, types, 2);
    fake_stop (&d);
}

Test (feed, what_is_refused_is_told, .timeout = 30)
{
    struct fake_door d;
    struct reader r = {.door = &d, .enough = 1};

    fake_start (&d, false);
    begin (&r);
    (void)fake_expect (&d, YM_MSG_feed_open);
    fake_refuse (&d, "feed_limit", true, 5); /* for now only */
    (void)fake_expect (&d, YM_MSG_feed_open);
    fake_refuse (&d, "role_not_allowed", false, 0);
    end (&r);
    cr_assert_eq (r.rc, YARD_EDENIED);
    fake_stop (&d);
}

Test (feed, a_refusal_later_ends_it, .timeout = 30)
{
    struct fake_door d;
    struct reader r = {.door = &d, .enough = 2};
    uint64_t ask;

    fake_start (&d, false);
    begin (&r);
    ask = expect_open (&d, false, 9);
    row (&d, ask, 1, false);
    await_seen (&r, 1);
    fake_refuse (&d, "key_revoked", false, 0);
    end (&r);
    cr_assert_eq (r.seen[1].type, YARD_EVENT_LOST);
    cr_assert_str_eq (r.slug, "key_revoked");
    fake_stop (&d);
}

/* --- an answer that comes when nobody waits for it --- */

static void *open_in_vain (void *me)
{
    struct reader *r = me;
    yard_opts opts = fake_opts (r->door, 200);
    yard_status *status = NULL;
    yard_t *y = NULL;

    cr_assert_eq (yard_open (&y, &opts, NULL), YARD_OK);
    cr_assert_eq (yard_feed_open (y, NULL, NULL), YARD_EUNREACHABLE);
    __atomic_store_n (&r->count, 1, __ATOMIC_SEQ_CST);
    r->rc = yard_yard_get (y, &status, NULL);
    yard_free (status);
    yard_close (y);
    return NULL;
}

/* Else it would count among the feeds of the key as long as the connection lasts. */
Test (feed, one_that_is_opened_too_late_is_closed, .timeout = 30)
{
    struct fake_door d;
    struct reader r = {.door = &d};
    uint64_t first;

    fake_start (&d, false);
    cr_assert (pthread_create (&r.thread, NULL, open_in_vain, &r) == 0);
    (void)fake_expect (&d, YM_MSG_feed_open);
    first = d.header.ask;
    await_seen (&r, 1);
    fake_send (&d, YM_MSG_feed_opened, first, &(struct ym_feed_opened){.feed = 9});
    do
        cr_assert (fake_take (&d, PATIENCE_MS));
    while (d.header.number != YM_MSG_feed_close);
    end (&r);
    fake_stop (&d);
}

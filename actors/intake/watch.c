/* watch.c - watched jobs: a snapshot, then every event after it, in order and without a gap.
 *
 * An event's number is taken in the same compare-and-set as the move it records, so what is
 * read after the last number sent is exactly what is missing. Hints say when to look; once a
 * second all are looked at, for hints that were lost.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "actors/intake/intake.h"
#include "common/base/own.h"
#include "common/base/panic.h"

enum {
    POLL_EVERY_MS = 1000,
    POLL_JOBS_MAX = 512,
    POLL_EVENTS_MAX = 64,
    WATCHES_OF_ONE_KEY = 1000
};

struct watch {
    struct ym_to to;
    int64_t key;
    int32_t after;        /* number of the last event sent */
    uint64_t done, total; /* counters sent last */
    struct watch *prev, *next;
};

struct watched {
    int64_t job;
    struct watch *watches;
    bool news;
    UT_hash_handle hh;
};

/* How many a key has, so that one client cannot take them all. */
struct watcher {
    int64_t key;
    size_t count;
    UT_hash_handle hh;
};

static struct watcher *find_watcher (const struct intake *in, int64_t key)
{
    struct watcher *k;

    HASH_FIND (hh, in->watchers, &key, sizeof key, k);
    return k;
}

static void count_watch (struct intake *in, int64_t key)
{
    struct watcher *k = find_watcher (in, key);

    if (!k) {
        k = ym_new (sizeof *k);
        k->key = key;
        HASH_ADD (hh, in->watchers, key, sizeof k->key, k);
    }
    k->count++;
    in->watch_count++;
}

static void uncount_watch (struct intake *in, int64_t key)
{
    struct watcher *k = find_watcher (in, key);

    in->watch_count--;
    if (--k->count > 0)
        return;
    HASH_DEL (in->watchers, k);
    free (k);
}

static bool is_limit (const struct intake *in, int64_t key)
{
    const struct watcher *k = find_watcher (in, key);

    return in->watch_count >= in->watch_max || (k && k->count >= WATCHES_OF_ONE_KEY);
}

static struct watched *find (const struct intake *in, int64_t job)
{
    struct watched *w;

    HASH_FIND (hh, in->watched, &job, sizeof job, w);
    return w;
}

static void drop_watch (struct intake *in, struct watched *w, struct watch *x)
{
    DL_DELETE (w->watches, x);
    uncount_watch (in, x->key);
    free (x);
}

static void drop_if_empty (struct intake *in, struct watched *w)
{
    if (w->watches)
        return;
    HASH_DEL (in->watched, w);
    free (w);
}

static bool is_same_peer (const struct ym_to *a, const struct ym_to *b)
{
    return a->key == b->key && a->connection == b->connection;
}

static void unwatch (struct intake *in, int64_t job, const struct ym_to *to)
{
    struct watched *w = find (in, job);
    struct watch *x, *next;

    if (!w)
        return;
    DL_FOREACH_SAFE (w->watches, x, next)
    if (is_same_peer (&x->to, to))
        drop_watch (in, w, x);
    drop_if_empty (in, w);
}

static void add_watch (struct intake *in, const struct ym_item *item, const struct ym_to *to,
                       int64_t job, int32_t after)
{
    struct watched *w;
    struct watch *x;

    unwatch (in, job, to); /* asking again replaces */
    w = find (in, job);
    if (!w) {
        w = ym_new (sizeof *w);
        w->job = job;
        HASH_ADD (hh, in->watched, job, sizeof w->job, w);
    }
    x = ym_new (sizeof *x);
    x->to = *to;
    x->key = item->key.key;
    x->after = after;
    DL_APPEND (w->watches, x);
    count_watch (in, x->key);
    w->news = true;
    in->watch_news = true;
}

/* Asking for a watch. */

static void plan_watch (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    get_work.plan (me, t, items, count); /* both bodies begin with the job */
}

static void begin_watch (struct intake *in, struct ym_item *item, const struct ym_job_status *s)
{
    const struct ym_job_watch *m = item->body;
    bool resumes = (m->has & YM_HAS (job_watch, after)) != 0;
    /* A number that is not there yet would let the watch wait beyond the last event. */
    int32_t after = (int32_t)(resumes && m->after < s->seq ? m->after : s->seq);
    struct ym_to to = item->from;

    if (is_limit (in, item->key.key)) {
        ym_refuse (in->yard, item, YM_REFUSAL_WATCH_LIMIT);
        return;
    }
    ym_answer (in->yard, item, YM_MSG_job_status, s);
    if (!ym_life_is_final (&ym_job_life, s->state) || after < (int32_t)s->seq)
        add_watch (in, item, &to, s->job, after);
}

static void done_watch (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    struct status s;

    for (size_t i = 0; i < store_rows (t, items[0]->call); i++) {
        store_got_status (t, items[0]->call, i, &s);
        begin_watch (in, items[s.place], &s.m);
    }
    for (size_t i = 0; i < count; i++)
        if (items[i]->asked)
            ym_refuse (in->yard, items[i], YM_REFUSAL_UNKNOWN_JOB);
}

const struct ym_work watch_work = {
    .name = "watch", .lane = YM_LANE_READ, .plan = plan_watch, .done = done_watch};

void on_unwatch (void *me, struct ym_item *item)
{
    unwatch (me, ((const struct ym_job_unwatch *)item->body)->job, &item->from);
}

void watch_look (struct intake *in, int64_t job)
{
    struct watched *w = find (in, job);

    feeds_look (in, job);
    if (!w)
        return;
    w->news = true;
    in->watch_news = true;
}

void on_jobs_changed (void *me, struct ym_item *item)
{
    const struct ym_jobs_changed *m = item->body;

    for (uint32_t i = 0; i < m->jobs.count; i++)
        watch_look (me, m->jobs.at[i].job);
}

/* Looking. */

static int32_t least_after (const struct watched *w)
{
    const struct watch *x;
    int32_t least = INT32_MAX;

    DL_FOREACH (w->watches, x)
    least = x->after < least ? x->after : least;
    return least;
}

static void plan_poll (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    int64_t *jobs = ym_arena_take (t->arena, POLL_JOBS_MAX * sizeof *jobs);
    int32_t *after = ym_arena_take (t->arena, POLL_JOBS_MAX * sizeof *after);
    struct watched *w, *next;
    size_t n = 0;

    (void)count;
    in->watch_news = false;
    HASH_ITER (hh, in->watched, w, next)
    {
        if (!w->news)
            continue;
        if (n == POLL_JOBS_MAX) {
            in->watch_news = true;
            break;
        }
        w->news = false;
        jobs[n] = w->job;
        after[n++] = least_after (w);
    }
    items[0]->call = store_call_events (t, jobs, after, n, POLL_EVENTS_MAX);
}

static void send_event (struct intake *in, struct watched *w, const struct event *e)
{
    struct watch *x, *next;

    DL_FOREACH_SAFE (w->watches, x, next)
    {
        if ((int32_t)e->m.seq != x->after + 1)
            continue; /* sent already, or not its turn: this one reads on from an older number
                       */
        x->after++;
        ym_bus_answer (ym_yard_bus (in->yard), &x->to, YM_MSG_job_changed, &e->m);
        if (e->m.final)
            drop_watch (in, w, x);
    }
}

static void send_counters (struct intake *in, struct watched *w, const struct event *e)
{
    struct ym_job_progress p = {.job = e->m.job,
                                .fence = e->m.fence,
                                .done = (uint64_t)e->done,
                                .total = (uint64_t)e->total};
    struct watch *x;

    DL_FOREACH (w->watches, x)
    {
        if (x->done == p.done && x->total == p.total)
            continue;
        x->done = p.done;
        x->total = p.total;
        ym_bus_answer (ym_yard_bus (in->yard), &x->to, YM_MSG_job_progress, &p);
    }
}

static void done_poll (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    struct event e;

    (void)count;
    in->polling = false;
    for (size_t i = 0; i < store_rows (t, items[0]->call); i++) {
        bool is_event = store_got_event (t, items[0]->call, i, &e);
        struct watched *w = find (in, e.m.job);
        if (!w)
            continue;
        if (is_event)
            send_event (in, w, &e);
        else
            send_counters (in, w, &e);
        if (e.m.seq % POLL_EVENTS_MAX == 0 && is_event)
            watch_look (in, e.m.job); /* there may be more than one answer holds */
        drop_if_empty (in, w);
    }
}

static void failed_poll (void *me, struct ym_item *item)
{
    struct intake *in = me;

    (void)item;
    in->polling = false;
}

const struct ym_work poll_work = {.name = "poll",
                                  .lane = YM_LANE_READ,
                                  .one_at_a_time = true,
                                  .forget_unknown = true,
                                  .plan = plan_poll,
                                  .done = done_poll,
                                  .failed = failed_poll};

static void drop_gone (struct intake *in, struct watched *w)
{
    struct watch *x, *next;

    DL_FOREACH_SAFE (w->watches, x, next)
    if (!ym_bus_reaches (ym_yard_bus (in->yard), &x->to))
        drop_watch (in, w, x);
}

/* Nobody says goodbye: a watch ends when its connection is found gone. */
static void look_at_all (struct intake *in)
{
    struct watched *w, *next;

    HASH_ITER (hh, in->watched, w, next)
    {
        w->news = true;
        drop_gone (in, w);
        drop_if_empty (in, w);
    }
    in->watch_news = in->watched != NULL;
}

int watch_pass (struct intake *in, int64_t mono_ms)
{
    if (!in->watched)
        return -1;
    if (mono_ms >= in->watch_poll_at_ms) {
        in->watch_poll_at_ms = mono_ms + POLL_EVERY_MS;
        look_at_all (in);
    }
    if (in->watch_news && !in->polling && ym_yard_has_database (in->yard)) {
        in->polling = true;
        ym_put (in->yard, &poll_work, NULL);
    }
    return (int)(in->watch_poll_at_ms - mono_ms);
}

void watch_done (struct intake *in)
{
    struct watched *w, *next;
    struct watch *x, *next_watch;

    HASH_ITER (hh, in->watched, w, next)
    {
        DL_FOREACH_SAFE (w->watches, x, next_watch)
        drop_watch (in, w, x);
        drop_if_empty (in, w);
    }
}

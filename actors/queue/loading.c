/* loading.c - reads who waits, by pages, one turn each.
 *
 * A page is as old as its statement. What was heard of since is newer, so its row is not looked
 * at: heard is forgotten when the next page is asked for, because a hint comes after its
 * commit. A job that is here and on no page waits no more.
 *
 * Two actors tell of a job, each in the order of its own commits: what comes last need not be
 * what was stored last. So the table is read again from time to time, though nothing was
 * missed, the less often the more jobs there are.
 */
#include <stdlib.h>

#include "actors/queue/queue.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/time.h"

enum {
    AGAIN_MS = 10000,
    JOBS_A_MS = 2, /* with a million every 8 minutes, which takes some seconds */
};

struct page {
    int64_t after;
    unsigned load; /* which reading of the table it belongs to */
};

static void load_from (struct queue *q, int64_t after)
{
    struct page *p = ym_new (sizeof *p);

    p->after = after;
    p->load = q->load;
    q->loading = true;
    ym_put (q->yard, &load_work, p);
}

void load_start (struct queue *q)
{
    q->load_wanted = false;
    q->load++; /* pages of one that was cut off are not looked at */
    waiting_load_begin (q->waiting);
    load_from (q, 0);
}

void load_missed (struct queue *q)
{
    q->load_wanted = true;
    q->is_whole = false;
}

int load_pass (struct queue *q, int64_t mono_ms)
{
    if (q->loading || !ym_yard_has_database (q->yard))
        return -1;
    if (q->load_at_ms == 0)
        q->load_at_ms =
            mono_ms + AGAIN_MS + (int64_t)waiting_counts (q->waiting).waiting / JOBS_A_MS;
    if (!q->load_wanted && mono_ms < q->load_at_ms)
        return (int)(q->load_at_ms - mono_ms);
    q->load_at_ms = 0;
    load_start (q);
    return -1;
}

void load_heard (struct queue *q, int64_t job)
{
    if (!q->loading)
        return;
    if (q->heard_count == q->heard_room) {
        q->heard_room = q->heard_room ? q->heard_room * 2 : 256;
        q->heard = ym_grow_array (q->heard, q->heard_room, sizeof *q->heard);
    }
    q->heard[q->heard_count++] = job;
}

static int by_id (const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

static bool is_heard (const struct queue *q, int64_t job)
{
    return q->heard_count > 0 &&
           bsearch (&job, q->heard, q->heard_count, sizeof *q->heard, by_id) != NULL;
}

static void plan_load (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct queue *q = me;
    const struct page *p = items[0]->body;

    (void)count;
    q->heard_count = 0;
    items[0]->call = store_call_load (t, q->tier, p->after);
}

static void loaded (struct queue *q)
{
    bool was_whole = q->is_whole;
    size_t gone = waiting_load_end (q->waiting);

    q->loading = false;
    q->heard_count = 0;
    q->is_whole = !q->load_wanted; /* else more was missed meanwhile */
    if (was_whole && gone == 0)
        return;
    ym_log (YM_LOG_INFO, "waiting_loaded",
            ym_log_number ("jobs", (int64_t)waiting_counts (q->waiting).waiting),
            ym_log_number ("gone", (int64_t)gone));
}

/* Returns the page's last job. */
static int64_t take_page (struct queue *q, const struct ym_turn *t, unsigned call)
{
    int64_t wall_ms = ym_time_wall_ms ();
    struct waiting_job job = {0};

    if (q->heard_count > 0)
        qsort (q->heard, q->heard_count, sizeof *q->heard, by_id);
    for (size_t i = 0; i < store_count (t, call); i++) {
        job = store_loaded (t, call, i);
        if (!is_heard (q, job.job))
            waiting_put (q->waiting, &job, wall_ms);
    }
    return job.job;
}

static void done_load (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct queue *q = me;
    const struct page *p = items[0]->body;

    (void)count;
    if (p->load != q->load)
        return;
    int64_t last = take_page (q, t, items[0]->call);
    if (last > q->loaded_through)
        q->loaded_through = last;
    if (store_count (t, items[0]->call) == STORE_PAGE)
        load_from (q, last);
    else
        loaded (q);
}

static void failed_load (void *me, struct ym_item *item)
{
    struct queue *q = me;
    const struct page *p = item->body;

    if (p->load != q->load)
        return;
    q->loading = false;
    q->load_wanted = true;
}

const struct ym_work load_work = {.name = "load",
                                  .one_at_a_time = true,
                                  .forget_unknown = true,
                                  .plan = plan_load,
                                  .done = done_load,
                                  .failed = failed_load};

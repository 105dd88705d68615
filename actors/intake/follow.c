/* follow.c - what feeds are fed from: the events of all jobs, read once for all feeds.
 *
 * For each live job the number of the last event that went out is kept (tails). Hints, and what
 * this actor commits itself, say where to look; what is read after that number is exactly what
 * is missing. Jobs that are newer than 'checked' and not in tails were never seen; older ones
 * that are not there have ended, or no feed has looked at them yet. After a lost link or
 * database, and from time to time, all numbers are compared with the table.
 *
 * A feed knows a job, and is sent its events, from the snapshot's row on, or from the first
 * event of a job that came later. A snapshot is taken page by page, and each page is read after
 * the events of the same turn, so it never tells less than was sent. What it tells more is
 * remembered (told), and not sent again when it comes by the tail.
 */
#include <limits.h>
#include <stdlib.h>
#include <utlist.h>

#include "actors/intake/feed.h"
#include "common/base/own.h"
#include "common/base/time.h"

enum {
    NEWS_MAX = 512,  /* jobs of one turn */
    EVENTS_MAX = 64, /* of one job in one turn */
    SNAPSHOT_ROWS = 256,
    SNAPSHOT_EVERY_MS = 20,
    SNAPSHOT_AHEAD = 2 * SNAPSHOT_ROWS, /* more is not read for one who does not take it */
    COMPARE_ROWS = 4096,
    COMPARE_EVERY_MS = 2000, /* and the more jobs, the less often: */
    COMPARED_A_MS = 25,      /* with a million every 42 s, which takes a second */
};

static void pile_up (struct job_pile *p, int64_t job)
{
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 256;
        p->jobs = ym_grow_array (p->jobs, p->room, sizeof *p->jobs);
    }
    p->jobs[p->count++] = job;
}

static void pile_free (struct job_pile *p)
{
    free (p->jobs);
    *p = (struct job_pile){0};
}

void follow_begin (struct feeds *fs, int64_t newest)
{
    fs->tails = tails_new ();
    fs->life++;
    fs->checked = newest;
    fs->whole = false;
    fs->newer_wanted = true; /* what was committed since, and hinted to nobody */
}

void follow_end (struct feeds *fs)
{
    tails_free (fs->tails);
    fs->tails = NULL;
    pile_free (&fs->news);
    pile_free (&fs->ended);
    fs->compare.wanted = fs->compare.going = false;
    fs->compare.due_ms = 0;
}

static void has_news (struct feeds *fs, struct tail *t)
{
    if (t->news || t->ended)
        return;
    t->news = true;
    pile_up (&fs->news, t->job);
}

static struct tail *add_tail (struct feeds *fs, int64_t job, int32_t seq, uint64_t feeds)
{
    struct tail *t = tails_add (fs->tails, job, seq);

    t->feeds = feeds;
    t->round = fs->compare.round;
    return t;
}

void follow_all (struct feeds *fs, const struct feed *f)
{
    struct tail *t;
    size_t at = 0;

    while ((t = tails_next (fs->tails, &at)))
        t->feeds |= f->bit;
}

void follow_none (struct feeds *fs, const struct feed *f)
{
    struct tail *t;
    size_t at = 0;

    while ((t = tails_next (fs->tails, &at)))
        t->feeds &= ~f->bit;
}

void follow_look (struct feeds *fs, int64_t job)
{
    struct tail *t = tails_find (fs->tails, job);

    if (!t && job <= fs->checked)
        return;
    if (!t) {
        t = add_tail (fs, job, 0, fs->places);
        fs->newer_wanted = true;
    }
    has_news (fs, t);
}

/* A job that has ended is forgotten once no look at newer jobs could take it for a new one. */
static void end_tail (struct feeds *fs, struct tail *t)
{
    t->ended = true;
    if (t->job <= fs->checked)
        tails_remove (fs->tails, t->job);
    else
        pile_up (&fs->ended, t->job);
}

static void forget_ended (struct feeds *fs)
{
    size_t kept = 0;

    for (size_t i = 0; i < fs->ended.count; i++)
        if (fs->ended.jobs[i] <= fs->checked)
            tails_remove (fs->tails, fs->ended.jobs[i]);
        else
            fs->ended.jobs[kept++] = fs->ended.jobs[i];
    fs->ended.count = kept;
}

/* One turn: events of jobs with news, then a page of a snapshot, of a comparison, of newer
 * jobs. */
struct turn_note {
    uint32_t life;
    size_t news;
    uint64_t feed; /* whose page; 0: none */
    bool is_snapshot, comparing, newer;
    unsigned events, page, compared, newer_jobs; /* calls */
};

static void plan_news (struct feeds *fs, struct ym_turn *t, struct turn_note *n)
{
    int64_t *jobs = ym_arena_take (t->arena, NEWS_MAX * sizeof *jobs);
    int32_t *after = ym_arena_take (t->arena, NEWS_MAX * sizeof *after);

    while (fs->news.count > 0 && n->news < NEWS_MAX) {
        struct tail *tail = tails_find (fs->tails, fs->news.jobs[--fs->news.count]);
        if (!tail || tail->ended)
            continue;
        tail->news = false;
        jobs[n->news] = tail->job;
        after[n->news++] = tail->seq;
    }
    if (n->news > 0)
        n->events = store_call_feed_events (t, jobs, after, n->news, EVENTS_MAX);
}

/* The feed that has waited longest for its next page. */
static struct feed *next_scan (const struct feeds *fs)
{
    struct feed *f, *found = NULL;

    DL_FOREACH (fs->list, f)
    if (f->scanning && (!found || f->scan_at_ms < found->scan_at_ms))
        found = f;
    return found;
}

static void plan_page (struct feeds *fs, struct ym_turn *t, struct turn_note *n)
{
    struct feed *f = next_scan (fs);

    if (!f || f->scan_at_ms > ym_time_mono_ms ())
        return;
    n->feed = f->number;
    n->is_snapshot = f->snapshot;
    n->page = f->snapshot ? store_call_snapshot (t, f->cursor, f->until, SNAPSHOT_ROWS)
                          : store_call_compare (t, f->cursor, f->until, COMPARE_ROWS);
}

static void plan_compare (struct feeds *fs, struct ym_turn *t, struct turn_note *n)
{
    if (fs->compare.wanted && !fs->compare.going) {
        fs->compare.wanted = false;
        fs->compare.going = true;
        fs->compare.at = 0;
        fs->compare.round++;
    }
    n->comparing = fs->compare.going;
    if (n->comparing)
        n->compared = store_call_compare (t, fs->compare.at, INT64_MAX, COMPARE_ROWS);
}

static void look_everywhere (struct feeds *fs)
{
    fs->compare.going = false;
    fs->compare.wanted = fs->tails != NULL;
    fs->newer_wanted = true;
}

static void plan_follow (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    struct turn_note *n = ym_arena_take (t->arena, sizeof *n);

    (void)count;
    *n = (struct turn_note){.life = in->feeds->life};
    items[0]->note = n;
    if (!in->feeds->tails)
        return;
    if (items[0]->tries > 0)
        look_everywhere (in->feeds); /* what the turn before took from the pile is lost */
    plan_news (in->feeds, t, n);
    plan_page (in->feeds, t, n);
    plan_compare (in->feeds, t, n);
    n->newer = in->feeds->newer_wanted;
    if (n->newer)
        n->newer_jobs = store_call_newer (t, in->feeds->checked, COMPARE_ROWS);
    in->feeds->newer_wanted = false;
}

/* Events. */

/* True if this feed's snapshot has told it. */
static bool is_told (struct feed *f, const struct feed_event *e)
{
    struct told *told;

    HASH_FIND (hh, f->told, &e->m.job, sizeof e->m.job, told);
    if (!told)
        return false;
    bool is = (int32_t)e->m.seq <= told->seq;
    if ((int32_t)e->m.seq >= told->seq) {
        HASH_DEL (f->told, told);
        free (told);
    }
    return is;
}

static void spread (struct intake *in, uint64_t feeds, const struct feed_event *e)
{
    struct feed *f;

    DL_FOREACH (in->feeds->list, f)
    if ((feeds & f->bit) && !f->item.asked && !is_told (f, e))
        feed_send (in, f, e, YM_CHANGE);
}

static void take_events (struct intake *in, const struct ym_turn *t, const struct turn_note *n)
{
    struct feeds *fs = in->feeds;
    struct feed_event e;

    for (size_t i = 0; i < store_rows (t, n->events); i++) {
        store_got_feed_event (t, n->events, i, &e);
        struct tail *tail = tails_find (fs->tails, e.m.job);
        if (!tail || (int32_t)e.m.seq <= tail->seq)
            continue;
        tail->seq = (int32_t)e.m.seq;
        if (tail->seq % EVENTS_MAX == 0)
            has_news (fs, tail); /* there may be more than one answer holds */
        spread (in, tail->feeds, &e);
        if (e.final)
            end_tail (fs, tail);
    }
}

/* Pages of a snapshot. */

static void note_told (struct feed *f, int64_t job, int32_t seq)
{
    struct told *told = ym_new (sizeof *told);

    told->job = job;
    told->seq = seq;
    HASH_ADD (hh, f->told, job, sizeof told->job, told);
}

/* False if this feed knows it already, because it came after the feed. */
static bool scan_one (struct feeds *fs, struct feed *f, int64_t job, int32_t seq)
{
    struct tail *t = tails_find (fs->tails, job);

    f->cursor = job;
    if (t && (t->feeds & f->bit))
        return false;
    if (!t && job <= fs->checked)
        t = add_tail (fs, job, seq, 0);
    else if (!t)
        t = add_tail (fs, job, 0, fs->places);
    t->feeds |= f->bit;
    if (t->seq >= seq)
        return true;
    has_news (fs, t);
    if (f->snapshot)
        note_told (f, job, seq);
    return true;
}

static void end_scan (struct intake *in, struct feed *f)
{
    f->scanning = false;
    in->feeds->whole = true;
    feed_opened (in, f);
    feed_beat (in, f);
}

static struct feed *find_feed (const struct feeds *fs, uint64_t number)
{
    struct feed *f;

    DL_SEARCH_SCALAR (fs->list, f, number, number);
    return f;
}

static void take_page (struct intake *in, const struct ym_turn *t, const struct turn_note *n)
{
    struct feed *f = find_feed (in->feeds, n->feed);
    size_t count = store_rows (t, n->page);
    struct feed_event e;

    if (!f)
        return;
    for (size_t i = 0; i < count; i++) {
        int64_t job;
        int32_t seq;
        if (!n->is_snapshot) {
            store_got_compared (t, n->page, i, &job, &seq);
            (void)scan_one (in->feeds, f, job, seq);
            continue;
        }
        store_got_feed_event (t, n->page, i, &e);
        if (scan_one (in->feeds, f, e.m.job, (int32_t)e.m.seq))
            feed_send (in, f, &e, YM_SNAPSHOT);
    }
    f->scan_at_ms = ym_time_mono_ms () + (n->is_snapshot ? SNAPSHOT_EVERY_MS : 0);
    if (count < (n->is_snapshot ? SNAPSHOT_ROWS : COMPARE_ROWS))
        end_scan (in, f);
}

/* Comparing. */

/* Those that the table does not have any more have ended unheard. */
static void end_compare (struct feeds *fs)
{
    struct tail *t;
    size_t at = 0;

    fs->compare.going = false;
    while ((t = tails_next (fs->tails, &at)))
        if (t->round != fs->compare.round)
            has_news (fs, t);
}

static void take_compared (struct feeds *fs, const struct ym_turn *t, const struct turn_note *n)
{
    size_t count = store_rows (t, n->compared);

    for (size_t i = 0; i < count; i++) {
        int32_t seq;
        store_got_compared (t, n->compared, i, &fs->compare.at, &seq);
        struct tail *tail = tails_find (fs->tails, fs->compare.at);
        if (!tail && fs->compare.at <= fs->checked)
            continue;
        if (!tail)
            tail = add_tail (fs, fs->compare.at, 0, fs->places);
        tail->round = fs->compare.round;
        if (tail->seq > seq)
            tail->seq = seq; /* a failover has lost the rest */
        else if (tail->seq < seq)
            has_news (fs, tail);
    }
    if (count < COMPARE_ROWS)
        end_compare (fs);
}

static void take_newer (struct feeds *fs, const struct ym_turn *t, const struct turn_note *n)
{
    size_t count = store_rows (t, n->newer_jobs);

    for (size_t i = 0; i < count; i++) {
        int64_t job = store_got_newer (t, n->newer_jobs, i);
        if (!tails_find (fs->tails, job))
            has_news (fs, add_tail (fs, job, 0, fs->places));
        fs->checked = job;
    }
    forget_ended (fs);
    fs->newer_wanted = fs->newer_wanted || count == COMPARE_ROWS;
}

static void done_follow (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    const struct turn_note *n = items[0]->note;

    (void)count;
    in->feeds->working = false;
    if (!in->feeds->tails || in->feeds->life != n->life)
        return; /* its readers have left meanwhile */
    if (n->news > 0)
        take_events (in, t, n);
    if (n->feed != 0)
        take_page (in, t, n);
    if (n->comparing)
        take_compared (in->feeds, t, n);
    if (n->newer)
        take_newer (in->feeds, t, n);
}

/* What it was to look at is not known any more: the comparison finds it. */
static void failed_follow (void *me, struct ym_item *item)
{
    struct intake *in = me;

    (void)item;
    in->feeds->working = false;
    look_everywhere (in->feeds);
}

const struct ym_work follow_work = {.name = "follow",
                                    .lane = YM_LANE_READ,
                                    .one_at_a_time = true,
                                    .forget_unknown = true,
                                    .plan = plan_follow,
                                    .done = done_follow,
                                    .failed = failed_follow};

static void compare_if_due (struct feeds *fs, int64_t mono_ms)
{
    if (mono_ms < fs->compare.due_ms)
        return;
    fs->compare.wanted = fs->compare.due_ms > 0;
    fs->compare.due_ms =
        mono_ms + COMPARE_EVERY_MS + (int64_t)(tails_count (fs->tails) / COMPARED_A_MS);
}

/* A reader that is behind gets its next page when it has read what waits for it. */
static void put_off_slow (struct intake *in, int64_t mono_ms)
{
    struct feed *f;

    DL_FOREACH (in->feeds->list, f)
    if (f->scanning && f->scan_at_ms <= mono_ms &&
        ym_bus_backlog (ym_yard_bus (in->yard), &f->to) > SNAPSHOT_AHEAD)
        f->scan_at_ms = mono_ms + SNAPSHOT_EVERY_MS;
}

int follow_pass (struct intake *in, int64_t mono_ms)
{
    struct feeds *fs = in->feeds;
    const struct feed *f;
    bool is_due;

    if (!fs->tails || fs->working || !ym_yard_has_database (in->yard))
        return -1;
    put_off_slow (in, mono_ms);
    f = next_scan (fs);
    is_due = f && f->scan_at_ms <= mono_ms;
    compare_if_due (fs, mono_ms);
    if (is_due || fs->news.count > 0 || fs->compare.wanted || fs->compare.going ||
        fs->newer_wanted) {
        fs->working = true;
        ym_put (in->yard, &follow_work, NULL);
        return -1;
    }
    return f ? (int)(f->scan_at_ms - mono_ms) : -1;
}

/* feed.c - feeds: every event of every job that a reader may see and asked for, after a
 * snapshot if it wants one, in the order of each job's history and without a gap.
 *
 * Rows are numbered per feed, and a beat tells the last number each second, so that a reader
 * notices what it lost. A reader that does not read is cut off by the bus when its outbox is
 * full; its feed ends then, as it ends with its connection.
 */
#include "actors/intake/feed.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/own.h"

enum { FEEDS_MAX = 64, FEEDS_OF_ONE_KEY = 8, BEAT_EVERY_MS = 1000 };

void feed_beat (struct intake *in, const struct feed *f)
{
    ym_bus_answer (ym_yard_bus (in->yard), &f->to, YM_MSG_feed_beat,
                   &(struct ym_feed_beat){.latest = f->sent, .caught_up = !f->scanning});
}

static bool fits (const struct feed *f, const struct feed_event *e)
{
    return (f->sees == 0 || f->sees == e->tenant) && (!f->has_tier || f->tier == e->m.tier) &&
           (!f->has_state || f->state == e->m.state) &&
           (!f->has_tenant || strcmp (f->tenant, e->m.tenant) == 0);
}

void feed_send (struct intake *in, struct feed *f, const struct feed_event *e,
                enum ym_feed_part part)
{
    struct ym_feed_row m = e->m;

    if (!fits (f, e))
        return;
    m.number = ++f->sent;
    m.part = part;
    ym_bus_answer (ym_yard_bus (in->yard), &f->to, YM_MSG_feed_row, &m);
}

void feed_opened (struct intake *in, struct feed *f)
{
    if (f->item.asked)
        ym_answer (in->yard, &f->item, YM_MSG_feed_opened,
                   &(struct ym_feed_opened){.feed = f->number});
}

static void drop_feed (struct feeds *fs, struct feed *f)
{
    struct told *told, *next;

    HASH_ITER (hh, f->told, told, next)
    {
        HASH_DEL (f->told, told);
        free (told);
    }
    DL_DELETE (fs->list, f);
    fs->places &= ~f->bit;
    if (--fs->count == 0)
        follow_end (fs);
    else
        follow_none (fs, f);
    free (f);
}

/* Nobody says goodbye: a feed ends when its connection is found gone. */
static void drop_gone (struct intake *in)
{
    struct feed *f, *next;

    DL_FOREACH_SAFE (in->feeds->list, f, next)
    if (!ym_bus_reaches (ym_yard_bus (in->yard), &f->to))
        drop_feed (in->feeds, f);
}

/* Opening. What is newest now is where a snapshot ends and changes begin. */

static void plan_open (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)count;
    items[0]->call = store_call_newest (t);
}

static bool is_limit (const struct feeds *fs, int64_t key)
{
    const struct feed *f;
    size_t own = 0;

    DL_FOREACH (fs->list, f)
    own += f->item.key.key == key;
    return fs->count >= FEEDS_MAX || own >= FEEDS_OF_ONE_KEY;
}

static struct feed *new_feed (struct feeds *fs, const struct ym_item *item)
{
    const struct ym_feed_open *m = item->body;
    struct feed *f = ym_new (sizeof *f);

    f->number = ++fs->last_number;
    f->bit = ~fs->places & (fs->places + 1); /* the lowest that is free */
    fs->places |= f->bit;
    f->item = (struct ym_item){.from = item->from, .key = item->key, .asked = true};
    f->to = item->from;
    f->sees = decide_sees (item->key.role, item->key.tenant);
    f->snapshot = m->snapshot;
    f->has_tier = (m->has & YM_HAS (feed_open, tier)) != 0;
    f->has_state = (m->has & YM_HAS (feed_open, state)) != 0;
    f->has_tenant = (m->has & YM_HAS (feed_open, tenant)) != 0;
    f->tier = m->tier;
    f->state = m->state;
    memcpy (f->tenant, m->tenant, sizeof f->tenant);
    DL_APPEND (fs->list, f);
    fs->count++;
    return f;
}

/* A tenant that the asker may not see is as good as none. */
static bool may_see (const struct ym_item *item)
{
    const struct ym_feed_open *m = item->body;

    return !(m->has & YM_HAS (feed_open, tenant)) ||
           decide_sees (item->key.role, item->key.tenant) == 0 ||
           strcmp (m->tenant, item->key.tenant_name) == 0;
}

/* The same question by the same connection, whose answer it did not see yet. */
static struct feed *find_asked (const struct feeds *fs, const struct ym_to *to)
{
    struct feed *f;

    DL_FOREACH (fs->list, f)
    if (f->to.connection == to->connection && f->to.key == to->key && f->to.ask == to->ask)
        return f;
    return NULL;
}

/* One that is not open yet answers when it is. */
static void answer_again (struct intake *in, struct ym_item *item, const struct feed *f)
{
    if (f->item.asked)
        item->asked = false;
    else
        ym_answer (in->yard, item, YM_MSG_feed_opened,
                   &(struct ym_feed_opened){.feed = f->number});
}

static void open_feed (struct intake *in, struct ym_item *item, int64_t newest)
{
    struct feeds *fs = in->feeds;
    struct feed *f = find_asked (fs, &item->from);

    if (f) {
        answer_again (in, item, f);
        return;
    }
    if (!may_see (item)) {
        ym_refuse (in->yard, item, YM_REFUSAL_UNKNOWN_TENANT);
        return;
    }
    drop_gone (in);
    if (is_limit (fs, item->key.key)) {
        ym_refuse_later (in->yard, item, YM_REFUSAL_FEED_LIMIT, BEAT_EVERY_MS);
        return;
    }
    f = new_feed (fs, item);
    item->asked = false;
    if (!fs->tails)
        follow_begin (fs, newest);
    f->until = newest;
    f->scanning = f->snapshot || !fs->whole;
    if (!f->scanning)
        follow_all (fs, f);
    if (f->snapshot || !f->scanning)
        feed_opened (in, f);
}

static void done_open (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)count;
    open_feed (me, items[0], store_got_newest (t, items[0]->call));
}

const struct ym_work feed_open_work = {.name = "feed_open",
                                       .lane = YM_LANE_READ,
                                       .one_at_a_time = true,
                                       .plan = plan_open,
                                       .done = done_open};

/* Closing. */

void on_feed_close (void *me, struct ym_item *item)
{
    const struct ym_feed_close *m = item->body;
    struct intake *in = me;
    struct feed *f, *next;

    DL_FOREACH_SAFE (in->feeds->list, f, next)
    if (f->number == m->feed && f->to.key == item->from.key &&
        f->to.connection == item->from.connection) {
        drop_feed (in->feeds, f);
        return;
    }
}

/* Life. */

void feeds_begin (struct intake *in)
{
    in->feeds = ym_new (sizeof *in->feeds);
}

void feeds_end (struct intake *in)
{
    struct feed *f, *next;

    DL_FOREACH_SAFE (in->feeds->list, f, next)
    {
        if (f->item.asked)
            ym_refuse (in->yard, &f->item, YM_REFUSAL_STOPPING);
        drop_feed (in->feeds, f);
    }
    free (in->feeds);
    in->feeds = NULL;
}

void feeds_look (struct intake *in, int64_t job)
{
    if (in->feeds->tails)
        follow_look (in->feeds, job);
}

void feeds_compare (struct intake *in)
{
    in->feeds->compare.wanted = in->feeds->tails != NULL;
}

static void beat_all (struct intake *in)
{
    const struct feed *f;

    drop_gone (in);
    DL_FOREACH (in->feeds->list, f)
    if (!f->item.asked)
        feed_beat (in, f);
}

static int sooner (int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

int feeds_pass (struct intake *in, int64_t mono_ms)
{
    struct feeds *fs = in->feeds;

    if (!fs->list)
        return -1;
    if (mono_ms >= fs->beat_at_ms) {
        fs->beat_at_ms = mono_ms + BEAT_EVERY_MS;
        beat_all (in);
    }
    return sooner ((int)(fs->beat_at_ms - mono_ms), follow_pass (in, mono_ms));
}

/* waiting.c - the waiting jobs of a tier: who comes, who goes, whose time has come, and
 * counting. */
#include <stdlib.h>

#include "actors/queue/inside.h"
#include "common/base/own.h"
#include "common/base/panic.h"

enum { OVERDUE_AGAIN_MS = 2000 };

struct waiting *waiting_new (void)
{
    struct waiting *w = ym_new (sizeof *w);

    pool_begin (&w->entries, sizeof (struct entry));
    pool_begin (&w->offers, sizeof (struct offer));
    timers_begin (&w->timers);
    return w;
}

void waiting_free (struct waiting *w)
{
    if (!w)
        return;
    lanes_free (w);
    timers_end (&w->timers);
    index_end (&w->index);
    pool_end (&w->offers);
    pool_end (&w->entries);
    free (w->withdrawn);
    free (w->fresh);
    free (w);
}

static uint32_t find (const struct waiting *w, int64_t job)
{
    return index_find (&w->index, &w->entries, job);
}

static uint16_t bounded (uint32_t unmet)
{
    return unmet < UINT16_MAX ? (uint16_t)unmet : UINT16_MAX;
}

static struct waits_facts facts_of (const struct waiting *w, const struct entry *e)
{
    return (struct waits_facts){.hold = e->hold,
                                .urgency = e->node.urgency,
                                .unmet = e->unmet,
                                .not_before_ms =
                                    timers_told (&w->timers, e->timer, TIMER_BEGIN)};
}

/* Coming and going. */

/* Among those to be offered next, if nothing stands against it. */
static void place_entry (struct waiting *w, uint32_t place, int64_t now_ms)
{
    struct entry *e = entry_at (w, place);
    struct lane *lane = w->lanes[e->lane];
    struct waits_facts facts = facts_of (w, e);

    if (decide_waits (&facts, now_ms) == 0) {
        tree_add (&w->entries.nodes, &lane->next, place);
        e->where = IS_NEXT;
    }
    else {
        e->where = IS_IDLE;
        lane->idle++;
        w->idle++;
    }
    lanes_settle (w, lane);
}

static void add (struct waiting *w, const struct waiting_job *job, int64_t now_ms)
{
    uint32_t place = pool_take (&w->entries, job->job);
    struct entry *e = entry_at (w, place);
    struct lane *lane = lanes_find (w, job->requirement, job->tenant);
    bool is_early = job->not_before_ms > now_ms;

    e->node.urgency = job->urgency;
    e->lane = lane->number;
    e->unmet = bounded (job->unmet);
    e->hold = (uint8_t)job->hold;
    e->came_back = job->came_back;
    e->seen = w->seen;
    e->timer = timers_add (&w->timers, job->job, is_early ? job->not_before_ms : 0,
                           job->wait_until_ms);
    index_add (&w->index, &w->entries, place);
    lane->tenant->waiting++;
    w->tenant_news = true;
    place_entry (w, place, now_ms);
}

static void leave_place (struct waiting *w, uint32_t place)
{
    struct entry *e = entry_at (w, place);

    if (e->where == IS_IDLE) {
        w->lanes[e->lane]->idle--;
        w->idle--;
    }
    else
        offers_leave (w, place);
}

static void drop (struct waiting *w, uint32_t place)
{
    struct entry *e = entry_at (w, place);
    struct lane *lane = w->lanes[e->lane];

    leave_place (w, place);
    timers_remove (&w->timers, e->timer);
    index_remove (&w->index, &w->entries, place);
    pool_give (&w->entries, place);
    lane->tenant->waiting--;
    w->tenant_news = true;
    lanes_settle (w, lane);
}

static bool is_same (const struct waiting *w, const struct entry *e,
                     const struct waiting_job *job, int64_t now_ms)
{
    const struct lane *lane = w->lanes[e->lane];
    int64_t begin_ms = job->not_before_ms > now_ms ? job->not_before_ms : 0;

    return lane->tenant_id == job->tenant && lane->class->requirement == job->requirement &&
           e->node.urgency == job->urgency && e->hold == job->hold &&
           e->unmet == bounded (job->unmet) && e->came_back == job->came_back &&
           timers_told (&w->timers, e->timer, TIMER_BEGIN) == begin_ms &&
           timers_told (&w->timers, e->timer, TIMER_LIMIT) == job->wait_until_ms;
}

void waiting_put (struct waiting *w, const struct waiting_job *job, int64_t now_ms)
{
    uint32_t place = find (w, job->job);

    ym_assert (job->job != 0);
    if (place != 0 && is_same (w, entry_at (w, place), job, now_ms)) {
        entry_at (w, place)->seen = w->seen;
        return;
    }
    (void)waiting_remove (w, job->job);
    add (w, job, now_ms);
}

bool waiting_remove (struct waiting *w, int64_t job)
{
    uint32_t place = find (w, job);

    if (place == 0)
        return false;
    if (entry_at (w, place)->where == IS_OFFERED)
        offers_note_withdrawn (w, job);
    drop (w, place);
    return true;
}

bool waiting_take (struct waiting *w, int64_t job)
{
    uint32_t place = find (w, job);
    const struct entry *e;
    struct tenant *t;

    if (place == 0)
        return false;
    e = entry_at (w, place);
    t = w->lanes[e->lane]->tenant;
    if (e->where == IS_OFFERED)
        w->virtual_time =
            decide_virtual (w->virtual_time, offer_at (w, e->offer)->tag, t->pass);
    if (e->where != IS_IDLE)
        t->pass += decide_cost (t->weight);
    drop (w, place);
    return true;
}

bool waiting_refuse (struct waiting *w, int64_t job)
{
    uint32_t place = find (w, job);

    if (place == 0 || entry_at (w, place)->where != IS_OFFERED)
        return false;
    drop (w, place);
    return true;
}

bool waiting_has (const struct waiting *w, int64_t job)
{
    return find (w, job) != 0;
}

bool waiting_is_offered (const struct waiting *w, int64_t job)
{
    uint32_t place = find (w, job);

    return place != 0 && entry_at (w, place)->where == IS_OFFERED;
}

bool waiting_facts (const struct waiting *w, int64_t job, struct waits_facts *ret)
{
    uint32_t place = find (w, job);

    if (place == 0)
        return false;
    *ret = facts_of (w, entry_at (w, place));
    return true;
}

/* Times. */

void waiting_begin_due (struct waiting *w, int64_t now_ms)
{
    int64_t job;
    uint32_t place;

    while ((job = timers_due (&w->timers, TIMER_BEGIN, now_ms, 0)) != 0) {
        place = find (w, job);
        ym_assert (place != 0 && entry_at (w, place)->where == IS_IDLE);
        leave_place (w, place);
        place_entry (w, place, now_ms);
    }
}

size_t waiting_overdue (struct waiting *w, int64_t now_ms, int64_t *ret, size_t room)
{
    size_t count = 0;
    int64_t job;

    while (count < room &&
           (job = timers_due (&w->timers, TIMER_LIMIT, now_ms, now_ms + OVERDUE_AGAIN_MS)) != 0)
        ret[count++] = job;
    return count;
}

int64_t waiting_next_ms (const struct waiting *w)
{
    int64_t begin = timers_next_ms (&w->timers, TIMER_BEGIN);
    int64_t limit = timers_next_ms (&w->timers, TIMER_LIMIT);

    return begin == 0 || (limit != 0 && limit < begin) ? limit : begin;
}

/* Loading. */

void waiting_load_begin (struct waiting *w)
{
    if (!w->is_loading)
        w->seen = !w->seen;
    else /* what a load that was cut off has seen counts no more */
        for (uint32_t place = 1; place < w->entries.count; place++)
            entry_at (w, place)->seen = !w->seen;
    w->is_loading = true;
}

size_t waiting_load_end (struct waiting *w)
{
    size_t removed = 0;

    w->is_loading = false;
    for (uint32_t place = 1; place < w->entries.count; place++) {
        const struct entry *e = entry_at (w, place);
        if (e->node.job != 0 && e->seen != w->seen)
            removed += waiting_remove (w, e->node.job);
    }
    return removed;
}

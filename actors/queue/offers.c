/* offers.c - which jobs are on offer, and in which rank.
 *
 * A tag is virtual time: the tenant's pass, and the cost of each of its jobs on offer that is
 * served before. It is given when a job is offered and stays while it is on offer; within a
 * tenant tags rise with the order of its jobs, as far as the windows of its lanes reach.
 */
#include "actors/queue/inside.h"
#include "common/base/own.h"
#include "common/base/panic.h"

void offers_note_withdrawn (struct waiting *w, int64_t job)
{
    if (w->withdrawn_count == w->withdrawn_room) {
        w->withdrawn_room = w->withdrawn_room ? w->withdrawn_room * 2 : 64;
        w->withdrawn = ym_grow_array (w->withdrawn, w->withdrawn_room, sizeof (int64_t));
    }
    w->withdrawn[w->withdrawn_count++] = job;
}

size_t waiting_withdrawn (struct waiting *w, int64_t *ret, size_t room)
{
    size_t count = 0;

    while (count < room && w->withdrawn_count > 0)
        ret[count++] = w->withdrawn[--w->withdrawn_count];
    return count;
}

void offers_leave (struct waiting *w, uint32_t place)
{
    struct entry *e = entry_at (w, place);
    struct lane *lane = w->lanes[e->lane];

    if (e->where == IS_NEXT)
        tree_remove (&w->entries.nodes, &lane->next, place);
    if (e->where == IS_OFFERED) {
        tree_remove (&w->entries.nodes, &lane->offered, place);
        tree_remove (&w->offers.nodes, &lane->tenant->offers, e->offer);
        pool_give (&w->offers, e->offer);
        e->offer = 0;
    }
    e->where = IS_IDLE;
}

/* Tags. */

static bool tag_of_first (const struct waiting *w, const struct lane *lane,
                          const struct node *job, uint64_t *ret)
{
    struct node key = {.urgency = job->urgency};
    const struct entry *e;
    uint32_t first = tree_at_least (&w->entries.nodes, lane->offered, &key);

    if (first == 0)
        return false;
    e = entry_at (w, first);
    if (e->node.urgency != job->urgency)
        return false;
    *ret = offer_at (w, e->offer)->tag;
    return true;
}

/* One that comes to a class after a rest goes before the backlog that others have there
 * already, whatever these were given in other classes meanwhile. */
static uint64_t before_others (const struct waiting *w, const struct lane *lane,
                               const struct node *job, uint64_t tag)
{
    uint64_t first;

    for (const struct lane *l = lane->class->lanes; l; l = l->hh.next)
        if (l != lane && tag_of_first (w, l, job, &first) && first < tag)
            tag = first;
    return tag;
}

/* One that comes back goes before those of its lane that are younger. */
static uint64_t before_younger (const struct waiting *w, const struct lane *lane,
                                const struct node *job, uint64_t tag)
{
    struct node key = {.urgency = job->urgency, .job = job->job + (job->job < INT64_MAX)};
    uint32_t after = tree_at_least (&w->entries.nodes, lane->offered, &key);
    const struct entry *e = entry_at (w, after);

    if (after == 0 || e->node.urgency != job->urgency)
        return tag;
    uint64_t its = offer_at (w, e->offer)->tag;
    return its < tag ? its : tag;
}

static void give_tag (struct waiting *w, int64_t job)
{
    uint32_t place = index_find (&w->index, &w->entries, job);
    struct entry *e = entry_at (w, place);
    struct lane *lane = w->lanes[e->lane];
    const struct tenant *t = lane->tenant;
    uint64_t tag =
        t->pass + decide_cost (t->weight) * tree_before (&w->offers.nodes, t->offers, &e->node);

    tag = before_younger (w, lane, &e->node, tag);
    if (lane->has_rested && tree_first (&w->entries.nodes, lane->offered) == place) {
        if (t->pass <= w->virtual_time)
            tag = before_others (w, lane, &e->node, tag);
        lane->has_rested = false;
    }
    offer_at (w, e->offer)->tag = tag;
}

/* Offering: first all that is to be offered, then their tags, so that a job's place does not
 * depend on which lane was looked at first. */

static void note_fresh (struct waiting *w, int64_t job)
{
    if (w->fresh_count == w->fresh_room) {
        w->fresh_room = w->fresh_room ? w->fresh_room * 2 : 64;
        w->fresh = ym_grow_array (w->fresh, w->fresh_room, sizeof (int64_t));
    }
    w->fresh[w->fresh_count++] = job;
}

static void put_on_offer (struct waiting *w, struct lane *lane, uint32_t place)
{
    struct entry *e = entry_at (w, place);
    struct tenant *t = lane->tenant;
    struct offer *o;

    t->pass = decide_pass (t->pass, w->virtual_time, decide_cost (t->weight),
                           tree_size (&w->offers.nodes, t->offers));
    lane->has_rested = lane->has_rested || lane->offered == 0;
    tree_remove (&w->entries.nodes, &lane->next, place);
    tree_add (&w->entries.nodes, &lane->offered, place);
    e->offer = pool_take (&w->offers, e->node.job);
    e->where = IS_OFFERED;
    o = offer_at (w, e->offer);
    o->node.urgency = e->node.urgency;
    o->tag = UINT64_MAX;
    tree_add (&w->offers.nodes, &t->offers, e->offer);
    note_fresh (w, e->node.job);
}

static void take_back (struct waiting *w, struct lane *lane, uint32_t place)
{
    struct entry *e = entry_at (w, place);

    offers_leave (w, place);
    tree_add (&w->entries.nodes, &lane->next, place);
    e->where = IS_NEXT;
}

static bool goes_first (const struct waiting *w, uint32_t next, uint32_t last)
{
    return next != 0 && last != 0 &&
           tree_is_before (&entry_at (w, next)->node, &entry_at (w, last)->node);
}

/* False if the lane has nothing to offer now. */
static bool offer_one (struct waiting *w, struct lane *lane)
{
    uint32_t next = tree_first (&w->entries.nodes, lane->next);
    uint32_t last = tree_last (&w->entries.nodes, lane->offered);

    switch (decide_offer (
        &(struct lane_facts){.offered = tree_size (&w->entries.nodes, lane->offered),
                             .lanes = lane->class->active,
                             .has_next = next != 0,
                             .goes_first = goes_first (w, next, last)})) {
    case OFFER_NOTHING:
        return false;
    case OFFER_INSTEAD:
        offers_note_withdrawn (w, entry_at (w, last)->node.job);
        take_back (w, lane, last);
        break;
    case OFFER_NEXT:
        break;
    }
    put_on_offer (w, lane, next);
    return true;
}

static void find_fresh (struct waiting *w)
{
    struct lane *lane;

    while ((lane = w->stirred))
        if (!offer_one (w, lane)) {
            DL_DELETE2 (w->stirred, lane, prev_stirred, next_stirred);
            lane->is_stirred = false;
        }
    for (size_t i = w->fresh_count; i > 0; i--) /* of a lane the last first */
        give_tag (w, w->fresh[i - 1]);
}

static struct waiting_offer offer_of (const struct waiting *w, const struct entry *e)
{
    const struct lane *lane = w->lanes[e->lane];

    return (struct waiting_offer){
        .job = e->node.job,
        .tenant = lane->tenant_id,
        .requirement = lane->class->requirement,
        .rank = decide_rank (e->node.urgency, offer_at (w, e->offer)->tag),
        .came_back = e->came_back};
}

size_t waiting_offer (struct waiting *w, struct waiting_offer *ret, size_t room)
{
    size_t count = 0;
    uint32_t place;

    if (w->fresh_count == 0)
        find_fresh (w);
    while (count < room && w->fresh_given < w->fresh_count) {
        place = index_find (&w->index, &w->entries, w->fresh[w->fresh_given++]);
        if (place != 0 && entry_at (w, place)->where == IS_OFFERED)
            ret[count++] = offer_of (w, entry_at (w, place));
    }
    if (w->fresh_given == w->fresh_count)
        w->fresh_given = w->fresh_count = 0;
    return count;
}

void waiting_withdraw (struct waiting *w)
{
    for (uint32_t i = 0; i < w->lane_count; i++) {
        struct lane *lane = w->lanes[i];
        if (!lane)
            continue;
        while (lane->offered != 0)
            take_back (w, lane, lane->offered);
        lanes_settle (w, lane);
    }
    w->withdrawn_count = w->fresh_count = w->fresh_given = 0;
}

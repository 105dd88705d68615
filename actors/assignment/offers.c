/* offers.c - what is on offer, and which slots are kept for whom.
 *
 * A list holds the offers of a class and tier in the order they are to be served; nearly always
 * the newest comes last.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/assignment/roster.h"
#include "common/base/own.h"

static void make_room (struct offer_list *l)
{
    if (l->from > 0 && l->count == l->room) {
        memmove (l->offers, l->offers + l->from, (l->count - l->from) * sizeof *l->offers);
        l->count -= l->from;
        l->from = 0;
    }
    if (l->count == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        l->offers = ym_grow_array (l->offers, l->room, sizeof *l->offers);
    }
}

static void list_insert (struct offer_list *l, struct round_offer offer)
{
    size_t at;

    make_room (l);
    for (at = l->count; at > l->from && decide_goes_before (&offer, &l->offers[at - 1]); at--)
        l->offers[at] = l->offers[at - 1];
    l->offers[at] = offer;
    l->count++;
}

static void list_remove (struct offer_list *l, int64_t job)
{
    for (size_t i = l->from; i < l->count; i++) {
        if (l->offers[i].job != job)
            continue;
        if (i == l->from)
            l->from++;
        else
            memmove (l->offers + i, l->offers + i + 1, (--l->count - i) * sizeof *l->offers);
        break;
    }
    if (l->from == l->count)
        l->from = l->count = 0;
}

static struct offer *find (const struct roster *r, int64_t job)
{
    struct offer *o;

    HASH_FIND (hh, r->offers, &job, sizeof job, o);
    return o;
}

const struct offer *roster_offer (const struct roster *r, int64_t job)
{
    return find (r, job);
}

static bool is_same (const struct offer *o, uint32_t tier, const struct ym_offered *job)
{
    return o->tier == tier && o->tenant == job->tenant && o->requirement == job->requirement &&
           o->rank == job->rank && o->preempted == job->preempted;
}

bool roster_add_offer (struct roster *r, uint32_t tier, const struct ym_offered *job)
{
    struct offer *o = find (r, job->job), old;

    if (o && is_same (o, tier, job))
        return false;
    (void)roster_take_offer (r, job->job, &old);
    o = ym_new (sizeof *o);
    *o = (struct offer){.job = job->job,
                        .tier = tier,
                        .tenant = (uint32_t)job->tenant,
                        .requirement = job->requirement,
                        .rank = job->rank,
                        .preempted = job->preempted};
    HASH_ADD (hh, r->offers, job, sizeof o->job, o);
    list_insert (&roster_class (r, job->requirement)->tiers[tier],
                 (struct round_offer){job->job, job->rank, roster_tenant (r, o->tenant)->place,
                                      job->preempted});
    return true;
}

bool roster_take_offer (struct roster *r, int64_t job, struct offer *ret)
{
    struct offer *o = find (r, job);

    if (!o)
        return false;
    list_remove (&roster_class (r, o->requirement)->tiers[o->tier], job);
    HASH_DEL (r->offers, o);
    *ret = *o;
    free (o);
    return true;
}

void roster_drop_offers (struct roster *r, uint32_t tier)
{
    struct offer *o, *next;

    HASH_ITER (hh, r->offers, o, next)
    if (o->tier == tier) {
        HASH_DEL (r->offers, o);
        free (o);
    }
    for (size_t i = 0; i < r->class_count; i++)
        r->classes[i]->tiers[tier].from = r->classes[i]->tiers[tier].count = 0;
}

void roster_keep (struct roster *r, int64_t job, uint32_t agent)
{
    for (size_t i = 0; i < r->kept_count; i++)
        if (r->kept[i].job == job)
            return;
    if (r->kept_count == r->kept_room) {
        r->kept_room = r->kept_room ? r->kept_room * 2 : 16;
        r->kept = ym_grow_array (r->kept, r->kept_room, sizeof *r->kept);
    }
    r->kept[r->kept_count++] = (struct kept){job, agent};
}

/* counts.c - what people and other actors ask a queue: how many, how old, how many before. */
#include "actors/queue/inside.h"

void waiting_reset_weights (struct waiting *w)
{
    for (struct tenant *t = w->tenants; t; t = t->hh.next)
        t->weight = 1;
}

void waiting_set_weight (struct waiting *w, uint32_t tenant, uint32_t weight)
{
    lanes_tenant (w, tenant)->weight = weight;
}

/* In its own lane, served before this key. */
static size_t before (const struct waiting *w, const struct lane *lane, const struct node *key)
{
    return tree_before (&w->entries.nodes, lane->next, key) +
           tree_before (&w->entries.nodes, lane->offered, key);
}

/* The key {urgency, 0} is before all jobs of that urgency: they are 1 .. 31 here, and ids
 * positive. An idle job may have an urgency of 0; it is taken as if it had 1. */
static uint32_t in_order (const struct node *n)
{
    return n->urgency > 0 ? n->urgency : 1;
}

/* Of another tenant: all of higher urgency, and of the same as many as its weight gives it. */
static size_t before_of_other (const struct waiting *w, const struct lane *own,
                               const struct lane *other, uint32_t urgency, size_t own_same)
{
    size_t higher = before (w, other, &(struct node){.urgency = urgency});
    size_t same = before (w, other, &(struct node){.urgency = urgency - 1}) - higher;
    size_t share = own_same * other->tenant->weight / own->tenant->weight;

    return higher + (same < share ? same : share);
}

struct waiting_ahead waiting_ahead (const struct waiting *w, int64_t job)
{
    uint32_t place = index_find (&w->index, &w->entries, job);
    struct waiting_ahead ahead = {0};

    if (place == 0)
        return ahead;
    const struct entry *e = entry_at (w, place);
    const struct lane *own = w->lanes[e->lane];
    ahead.own = before (w, own, &e->node);
    size_t own_same =
        ahead.own - before (w, own, &(struct node){.urgency = in_order (&e->node)});
    for (const struct lane *l = own->class->lanes; l; l = l->hh.next)
        if (l != own)
            ahead.others += before_of_other (w, own, l, in_order (&e->node), own_same);
    return ahead;
}

/* The oldest of a tree: the first of each urgency that occurs in it. */
static int64_t oldest_in (const struct waiting *w, uint32_t root, int64_t oldest)
{
    for (uint32_t at = tree_first (&w->entries.nodes, root); at != 0;) {
        const struct node *n = &entry_at (w, at)->node;
        if (oldest == 0 || n->job < oldest)
            oldest = n->job;
        at = tree_at_least (&w->entries.nodes, root, &(struct node){.urgency = n->urgency - 1});
    }
    return oldest;
}

struct waiting_counts waiting_counts (const struct waiting *w)
{
    struct waiting_counts n = {
        .waiting = w->index.count, .idle = w->idle, .classes = HASH_COUNT (w->classes)};

    for (uint32_t i = 0; i < w->lane_count; i++) {
        const struct lane *lane = w->lanes[i];
        if (!lane)
            continue;
        n.offered += tree_size (&w->entries.nodes, lane->offered);
        n.oldest = oldest_in (w, lane->next, n.oldest);
        n.oldest = oldest_in (w, lane->offered, n.oldest);
    }
    return n;
}

bool waiting_has_tenant_news (const struct waiting *w)
{
    return w->tenant_news;
}

size_t waiting_tenants (struct waiting *w, struct waiting_tenant *ret, size_t room)
{
    struct tenant *t;
    size_t count = 0;

    for (t = w->tenants; t && count < room; t = t->hh.next)
        if (t->waiting != t->told || !t->is_told) {
            ret[count++] = (struct waiting_tenant){t->id, t->waiting};
            t->told = t->waiting;
            t->is_told = true;
        }
    w->tenant_news = t != NULL;
    return count;
}

void waiting_forget_told (struct waiting *w)
{
    for (struct tenant *t = w->tenants; t; t = t->hh.next)
        t->is_told = false;
    w->tenant_news = true;
}

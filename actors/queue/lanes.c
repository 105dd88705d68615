/* lanes.c - tenants, classes and the lanes between them; they come with their first job, and
 * lanes and classes go with their last. A tenant stays: its pass is what it was served. */
#include <stdlib.h>

#include "actors/queue/inside.h"
#include "common/base/own.h"
#include "common/base/panic.h"

struct tenant *lanes_tenant (struct waiting *w, uint32_t id)
{
    struct tenant *t;

    HASH_FIND (hh, w->tenants, &id, sizeof id, t);
    if (t)
        return t;
    t = ym_new (sizeof *t);
    t->id = id;
    t->weight = 1;
    HASH_ADD (hh, w->tenants, id, sizeof t->id, t);
    return t;
}

static struct class *class_of (struct waiting *w, uint64_t requirement)
{
    struct class *c;

    HASH_FIND (hh, w->classes, &requirement, sizeof requirement, c);
    if (c)
        return c;
    c = ym_new (sizeof *c);
    c->requirement = requirement;
    HASH_ADD (hh, w->classes, requirement, sizeof c->requirement, c);
    return c;
}

static uint32_t take_number (struct waiting *w)
{
    if (w->free_count > 0)
        return w->free_lanes[--w->free_count];
    if (w->lane_count == w->lane_room) {
        w->lane_room = w->lane_room ? w->lane_room * 2 : 64;
        w->lanes = ym_grow_array (w->lanes, w->lane_room, sizeof (struct lane *));
        w->free_lanes = ym_grow_array (w->free_lanes, w->lane_room, sizeof (uint32_t));
    }
    return w->lane_count++;
}

struct lane *lanes_find (struct waiting *w, uint64_t requirement, uint32_t tenant)
{
    struct class *c = class_of (w, requirement);
    struct lane *lane;

    HASH_FIND (hh, c->lanes, &tenant, sizeof tenant, lane);
    if (lane)
        return lane;
    lane = ym_new (sizeof *lane);
    lane->class = c;
    lane->tenant = lanes_tenant (w, tenant);
    lane->tenant_id = tenant;
    lane->number = take_number (w);
    w->lanes[lane->number] = lane;
    HASH_ADD (hh, c->lanes, tenant_id, sizeof lane->tenant_id, lane);
    return lane;
}

static void set_stirred (struct waiting *w, struct lane *lane, bool is_stirred)
{
    if (is_stirred && !lane->is_stirred)
        DL_APPEND2 (w->stirred, lane, prev_stirred, next_stirred);
    if (!is_stirred && lane->is_stirred)
        DL_DELETE2 (w->stirred, lane, prev_stirred, next_stirred);
    lane->is_stirred = is_stirred;
}

static void free_lane (struct waiting *w, struct lane *lane)
{
    struct class *c = lane->class;

    set_stirred (w, lane, false);
    w->lanes[lane->number] = NULL;
    w->free_lanes[w->free_count++] = lane->number;
    HASH_DEL (c->lanes, lane);
    free (lane);
    if (c->lanes)
        return;
    HASH_DEL (w->classes, c);
    free (c);
}

void lanes_settle (struct waiting *w, struct lane *lane)
{
    bool is_active = lane->next != 0 || lane->offered != 0;

    if (is_active != lane->is_active)
        lane->class->active += is_active ? 1 : (size_t)-1;
    lane->is_active = is_active;
    if (!is_active && lane->idle == 0)
        free_lane (w, lane);
    else
        set_stirred (w, lane, lane->next != 0);
}

void lanes_free (struct waiting *w)
{
    struct tenant *t, *next;

    for (uint32_t i = 0; i < w->lane_count; i++)
        if (w->lanes[i])
            free_lane (w, w->lanes[i]);
    HASH_ITER (hh, w->tenants, t, next)
    {
        HASH_DEL (w->tenants, t);
        free (t);
    }
    free (w->lanes);
    free (w->free_lanes);
}

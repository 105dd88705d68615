/* roster.c - agents, attempts, offers: hashes for finding, arrays for deciding. */
#include "actors/assignment/roster.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/own.h"
#include "common/base/panic.h"

/* Agents. */

struct agent *roster_agent (const struct roster *r, int64_t id)
{
    struct agent *a;

    HASH_FIND (hh, r->agents_by_id, &id, sizeof id, a);
    return a;
}

struct agent *roster_add_agent (struct roster *r, int64_t id, const char *name)
{
    struct agent *a = roster_agent (r, id);

    if (a)
        return a;
    a = ym_new (sizeof *a);
    a->id = id;
    (void)ym_text_copy (a->name, sizeof a->name, name);
    if (r->agent_count == r->agent_room) {
        r->agent_room = r->agent_room ? r->agent_room * 2 : 64;
        r->agents = ym_grow_array (r->agents, r->agent_room, sizeof *r->agents);
    }
    a->number = (uint32_t)r->agent_count;
    r->agents[r->agent_count++] = a;
    HASH_ADD (hh, r->agents_by_id, id, sizeof a->id, a);
    return a;
}

static void class_forget_agent (struct class *c, uint32_t number)
{
    for (size_t i = 0; i < c->agent_count; i++)
        if (c->agents[i] == number) {
            c->agents[i] = c->agents[--c->agent_count];
            return;
        }
}

static void class_fit_agent (struct class *c, const struct agent *a)
{
    struct agent_facts f = {
        .region = a->region, .pool = a->pool, .capabilities = &a->capabilities};

    if (!c->known || decide_fits_never (&c->need, &f) != 0)
        return;
    if (c->agent_count == c->agent_room) {
        c->agent_room = c->agent_room ? c->agent_room * 2 : 8;
        c->agents = ym_grow_array (c->agents, c->agent_room, sizeof *c->agents);
    }
    c->agents[c->agent_count++] = a->number;
}

void roster_refit_agent (struct roster *r, struct agent *a)
{
    for (size_t i = 0; i < r->class_count; i++) {
        class_forget_agent (r->classes[i], a->number);
        class_fit_agent (r->classes[i], a);
    }
}

/* Attempts. */

struct attempt *roster_attempt (const struct roster *r, int64_t job)
{
    struct attempt *t;

    HASH_FIND (hh, r->attempts, &job, sizeof job, t);
    return t;
}

struct attempt *roster_add_attempt (struct roster *r, struct agent *a, int64_t job,
                                    int64_t fence)
{
    struct attempt *t = roster_attempt (r, job);

    if (t)
        roster_remove_attempt (r, t);
    t = ym_new (sizeof *t);
    t->job = job;
    t->fence = fence;
    t->agent = a;
    a->used++;
    DL_APPEND (a->attempts, t);
    HASH_ADD (hh, r->attempts, job, sizeof t->job, t);
    return t;
}

void roster_remove_attempt (struct roster *r, struct attempt *t)
{
    ym_assert (t->agent->used > 0);
    t->agent->used--;
    DL_DELETE (t->agent->attempts, t);
    HASH_DEL (r->attempts, t);
    free (t);
}

void roster_forget_work (struct roster *r)
{
    struct attempt *t, *next;

    HASH_ITER (hh, r->attempts, t, next)
    roster_remove_attempt (r, t);
    for (size_t i = 0; i < r->agent_count; i++) {
        r->agents[i]->used = 0;
        r->agents[i]->moving = false;
    }
}

/* Classes. */

enum { CLASSES_KEPT = 1024 };

static bool is_idle (const struct class *c)
{
    for (unsigned t = 0; t < YM_COUNT_tier; t++)
        if (c->tiers[t].count > c->tiers[t].from)
            return false;
    return !c->asked;
}

static void free_class (struct class *c)
{
    for (unsigned t = 0; t < YM_COUNT_tier; t++)
        free (c->tiers[t].jobs);
    free (c->agents);
    free (c);
}

static void forget_idle_classes (struct roster *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->class_count; i++) {
        struct class *c = r->classes[i];
        if (is_idle (c)) {
            HASH_DELETE (hh, r->classes_by_requirement, c);
            free_class (c);
            continue;
        }
        r->classes[kept++] = c;
    }
    r->class_count = kept;
    r->classes_most = kept * 2 > CLASSES_KEPT ? kept * 2 : CLASSES_KEPT;
}

struct class *roster_class (struct roster *r, uint64_t requirement)
{
    struct class *c;

    HASH_FIND (hh, r->classes_by_requirement, &requirement, sizeof requirement, c);
    if (c)
        return c;
    if (r->class_count >= r->classes_most)
        forget_idle_classes (r);
    c = ym_new (sizeof *c);
    c->requirement = requirement;
    if (r->class_count == r->class_room) {
        r->class_room = r->class_room ? r->class_room * 2 : 64;
        r->classes = ym_grow_array (r->classes, r->class_room, sizeof *r->classes);
    }
    r->classes[r->class_count++] = c;
    HASH_ADD (hh, r->classes_by_requirement, requirement, sizeof c->requirement, c);
    return c;
}

void roster_know_class (struct roster *r, struct class *c, const struct ym_requirement *need)
{
    if (c->known)
        return;
    c->need = *need;
    c->known = true;
    for (size_t i = 0; i < r->agent_count; i++)
        class_fit_agent (c, r->agents[i]);
}

/* Offers: kept in the order of service; nearly always the newest comes last. */

static void list_insert (struct offer_list *l, int64_t job)
{
    size_t at;

    if (l->from > 0 && l->count == l->room) {
        memmove (l->jobs, l->jobs + l->from, (l->count - l->from) * sizeof *l->jobs);
        l->count -= l->from;
        l->from = 0;
    }
    if (l->count == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        l->jobs = ym_grow_array (l->jobs, l->room, sizeof *l->jobs);
    }
    for (at = l->count; at > l->from && l->jobs[at - 1] > job; at--)
        l->jobs[at] = l->jobs[at - 1];
    l->jobs[at] = job;
    l->count++;
}

static void list_remove (struct offer_list *l, int64_t job)
{
    for (size_t i = l->from; i < l->count; i++) {
        if (l->jobs[i] != job)
            continue;
        if (i == l->from)
            l->from++;
        else
            memmove (l->jobs + i, l->jobs + i + 1, (--l->count - i) * sizeof *l->jobs);
        break;
    }
    if (l->from == l->count)
        l->from = l->count = 0;
}

bool roster_add_offer (struct roster *r, uint32_t tier, const struct ym_offered *job)
{
    struct offer *o;

    HASH_FIND (hh, r->offers, &job->job, sizeof job->job, o);
    if (o)
        return false;
    o = ym_new (sizeof *o);
    *o = (struct offer){.job = job->job,
                        .tier = tier,
                        .tenant = (uint32_t)job->tenant,
                        .requirement = job->requirement};
    HASH_ADD (hh, r->offers, job, sizeof o->job, o);
    list_insert (&roster_class (r, job->requirement)->tiers[tier], job->job);
    return true;
}

bool roster_take_offer (struct roster *r, int64_t job, struct offer *ret)
{
    struct offer *o;

    HASH_FIND (hh, r->offers, &job, sizeof job, o);
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

/* Deciding. */

struct agent_facts roster_facts (const struct agent *a, int64_t tick, int64_t lease_ticks)
{
    return (struct agent_facts){.region = a->region,
                                .pool = a->pool,
                                .capabilities = &a->capabilities,
                                .slots = a->slots,
                                .used = a->used + a->reserved,
                                .connected = a->state == YM_AGENT_CONNECTED && !a->moving &&
                                             a->reachable,
                                .heard = tick - a->heard_tick <= lease_ticks / 2,
                                .since_ms = a->state_at};
}

static uint32_t free_slots (const struct agent *a, int64_t tick, int64_t lease_ticks)
{
    struct agent_facts f = roster_facts (a, tick, lease_ticks);

    return f.connected && f.heard && f.used < f.slots ? f.slots - f.used : 0;
}

static size_t gather_classes (const struct roster *r, struct round_class *to)
{
    for (size_t i = 0; i < r->class_count; i++) {
        const struct class *c = r->classes[i];
        to[i] = (struct round_class){.agents = c->agents,
                                     .agent_count = c->known ? c->agent_count : 0,
                                     .cursor = c->cursor};
        for (unsigned t = 0; t < YM_COUNT_tier; t++) {
            to[i].tiers[t].jobs = c->tiers[t].jobs + c->tiers[t].from;
            to[i].tiers[t].count = c->tiers[t].count - c->tiers[t].from;
        }
    }
    return r->class_count;
}

size_t roster_round (struct roster *r, int64_t tick, int64_t lease_ticks,
                     struct round_lease *ret, size_t room)
{
    _free_ struct round_class *classes = ym_new_array (r->class_count + 1, sizeof *classes);
    _free_ uint32_t *free_by_agent = ym_new_array (r->agent_count + 1, sizeof *free_by_agent);
    struct round_facts f = {.classes = classes, .free = free_by_agent};

    f.class_count = gather_classes (r, classes);
    for (size_t i = 0; i < r->agent_count; i++)
        free_by_agent[i] = free_slots (r->agents[i], tick, lease_ticks);
    size_t count = decide_round (&f, ret, room);
    for (size_t i = 0; i < f.class_count; i++)
        r->classes[i]->cursor = classes[i].cursor;
    return count;
}

void roster_done (struct roster *r)
{
    roster_forget_work (r);
    for (unsigned t = 0; t < YM_COUNT_tier; t++)
        roster_drop_offers (r, t);
    HASH_CLEAR (hh, r->agents_by_id);
    for (size_t i = 0; i < r->agent_count; i++)
        free (r->agents[i]);
    HASH_CLEAR (hh, r->classes_by_requirement);
    for (size_t i = 0; i < r->class_count; i++)
        free_class (r->classes[i]);
    free (r->agents);
    free (r->classes);
}

/* roster_round.c - the roster as facts for the deciders: rounds and victims. */
#include <stdlib.h>
#include <string.h>

#include "actors/assignment/roster.h"
#include "common/base/own.h"
#include "common/base/panic.h"

static uint32_t kept_at (const struct roster *r, uint32_t agent)
{
    uint32_t count = 0;

    for (size_t i = 0; i < r->kept_count; i++)
        count += r->kept[i].agent == agent;
    return count;
}

struct agent_facts roster_facts (const struct roster *r, const struct agent *a,
                                 const struct moment *m)
{
    return (struct agent_facts){.name = a->name,
                                .region = a->region,
                                .pool = a->pool,
                                .capabilities = &a->capabilities,
                                .slots = a->slots,
                                .used = a->used + a->reserved,
                                .kept = kept_at (r, a->number),
                                .connected = a->state == YM_AGENT_CONNECTED && !a->moving &&
                                             a->reachable,
                                .heard = m->tick - a->heard_tick <= m->lease_ticks / 2,
                                .draining = a->draining,
                                .since_ms = a->state_at,
                                .drained_ms = a->drained_at,
                                .window_ms = a->window_ms};
}

int64_t roster_until (const struct class *c, const struct moment *m)
{
    return m->now_ms +
           (c->need.run_minutes ? (int64_t)c->need.run_minutes * 60000 : m->run_expected_ms);
}

bool roster_overflows (const struct roster *r, const struct class *c)
{
    const char *owner = c->known ? decide_pool_tenant (c->need.pool) : NULL;

    for (size_t i = 0; owner && i < r->tenant_count; i++)
        if (r->tenants[i]->overflow && strcmp (r->tenants[i]->name, owner) == 0)
            return true;
    return false;
}

/* Slots that may be given away, whoever they are kept for. */
static uint32_t free_slots (const struct roster *r, const struct agent *a,
                            const struct moment *m)
{
    struct agent_facts f = roster_facts (r, a, m);

    return f.connected && f.heard && !f.draining && f.used < f.slots ? f.slots - f.used : 0;
}

/* Everything a round works on; freed as one. */
struct round_space {
    struct round_class *classes;
    uint32_t *free, *room;
    int64_t *window;
    struct round_kept *kept;
};

static void free_space (struct round_space *s)
{
    free (s->classes);
    free (s->free);
    free (s->room);
    free (s->window);
    free (s->kept);
}

static struct round_agents agents_of (const struct fitting *f)
{
    return (struct round_agents){f->at, f->count, f->cursor, f->set, f->words};
}

static void gather_classes (const struct roster *r, const struct moment *m,
                            struct round_class *to)
{
    for (size_t i = 0; i < r->class_count; i++) {
        const struct class *c = r->classes[i];
        r->classes[i]->place = (uint32_t)i;
        to[i] = (struct round_class){.until_ms = roster_until (c, m)};
        if (c->known)
            to[i].agents = agents_of (&c->agents);
        if (c->overflow.count > 0 && roster_overflows (r, c))
            to[i].overflow = agents_of (&c->overflow);
        for (unsigned t = 0; t < YM_COUNT_tier; t++) {
            to[i].tiers[t].offers = c->tiers[t].offers + c->tiers[t].from;
            to[i].tiers[t].count = c->tiers[t].count - c->tiers[t].from;
        }
    }
}

/* Made when it was put on offer. */
static const struct tenant *tenant_of (const struct roster *r, uint32_t id)
{
    struct tenant *t;

    HASH_FIND (hh, r->tenants_by_id, &id, sizeof id, t);
    ym_assert (t);
    return t;
}

static const struct class *class_of (const struct roster *r, uint64_t requirement)
{
    struct class *c;

    HASH_FIND (hh, r->classes_by_requirement, &requirement, sizeof requirement, c);
    ym_assert (c);
    return c;
}

/* A slot stays kept while its job is on offer and can take it; else it is everybody's. */
static bool still_kept (const struct roster *r, const struct moment *m, const struct kept *k,
                        const struct round_space *s, struct round_kept *ret)
{
    const struct offer *o = roster_offer (r, k->job);

    if (!o || r->stopped[o->tier] || s->free[k->agent] == 0)
        return false;
    const struct class *c = class_of (r, o->requirement);
    struct agent_facts f = roster_facts (r, r->agents[k->agent], m);
    uint32_t tenant = tenant_of (r, o->tenant)->place;
    f.kept = 0;
    if (!c->known || decide_match (&c->need, roster_until (c, m), &f) != 0 ||
        s->room[tenant] == 0)
        return false;
    *ret = (struct round_kept){k->job, c->place, o->tier, k->agent};
    s->free[k->agent]--;
    s->room[tenant]--;
    return true;
}

static int by_job (const void *x, const void *y)
{
    int64_t a = ((const struct round_kept *)x)->job, b = ((const struct round_kept *)y)->job;

    return (a > b) - (a < b);
}

static void gather (const struct roster *r, const struct moment *m, struct round_space *s,
                    struct round_facts *f)
{
    s->classes = ym_new_array (r->class_count + 1, sizeof *s->classes);
    s->free = ym_new_array (r->agent_count + 1, sizeof *s->free);
    s->window = ym_new_array (r->agent_count + 1, sizeof *s->window);
    s->room = ym_new_array (r->tenant_count + 1, sizeof *s->room);
    s->kept = ym_new_array (r->kept_count + 1, sizeof *s->kept);
    *f = (struct round_facts){.classes = s->classes,
                              .class_count = r->class_count,
                              .agent_count = r->agent_count,
                              .free = s->free,
                              .window = s->window,
                              .room = s->room,
                              .kept = s->kept,
                              .age_grants = m->age_grants};
    gather_classes (r, m, s->classes);
    for (size_t i = 0; i < r->agent_count; i++) {
        s->free[i] = free_slots (r, r->agents[i], m);
        s->window[i] = r->agents[i]->window_ms;
    }
    for (size_t i = 0; i < r->tenant_count; i++)
        s->room[i] = roster_room (r->tenants[i]);
    memcpy (f->stopped, r->stopped, sizeof f->stopped);
    memcpy (f->aged, r->aged, sizeof f->aged);
    for (size_t i = 0; i < r->kept_count; i++)
        f->kept_count += still_kept (r, m, &r->kept[i], s, &s->kept[f->kept_count]);
    qsort (s->kept, f->kept_count, sizeof *s->kept, by_job);
}

size_t roster_look_ahead (const struct roster *r, const struct moment *m,
                          struct round_lease *ret, size_t room)
{
    struct round_space s;
    struct round_facts f;

    gather (r, m, &s, &f);
    size_t count = decide_round (&f, ret, room);
    free_space (&s);
    return count;
}

/* Those that were served are kept no more, and those that cannot be are not either. */
static void drop_kept (struct roster *r, const struct round_facts *f, size_t served)
{
    r->kept_count = 0;
    for (size_t i = served; i < f->kept_count; i++)
        roster_keep (r, f->kept[i].job, f->kept[i].agent);
}

void roster_settle_kept (struct roster *r, const struct moment *m)
{
    struct round_space s;
    struct round_facts f;

    if (r->kept_count == 0)
        return;
    gather (r, m, &s, &f);
    drop_kept (r, &f, 0);
    free_space (&s);
}

size_t roster_round (struct roster *r, const struct moment *m, struct round_lease *ret,
                     size_t room)
{
    struct round_space s;
    struct round_facts f;

    gather (r, m, &s, &f);
    size_t count = decide_round (&f, ret, room);
    for (size_t i = 0; i < r->class_count; i++) {
        r->classes[i]->agents.cursor = s.classes[i].agents.cursor;
        r->classes[i]->overflow.cursor = s.classes[i].overflow.cursor;
    }
    memcpy (r->aged, f.aged, sizeof r->aged);
    drop_kept (r, &f, f.kept_count < room ? f.kept_count : room);
    free_space (&s);
    return count;
}

void roster_losers (const struct roster *r, const struct class *c, const struct moment *m,
                    struct losers *ret)
{
    enum { LOOK_MAX = 64 };
    int64_t until = roster_until (c, m);

    *ret = (struct losers){0};
    for (size_t i = 0; i < c->agents.count && i < LOOK_MAX; i++) {
        const struct agent *a = r->agents[c->agents.at[i]];
        struct agent_facts f = roster_facts (r, a, m);
        decide_add_loser (
            ret, &(struct loser){a->name, a->number, decide_match (&c->need, until, &f)});
    }
    for (size_t i = 0; i < r->agent_count && i < LOOK_MAX; i++) {
        struct agent_facts f = roster_facts (r, r->agents[i], m);
        if (decide_fits_never (&c->need, &f) != 0)
            decide_add_loser (ret, &(struct loser){r->agents[i]->name, (uint32_t)i,
                                                   decide_match (&c->need, until, &f)});
    }
}

/* roster.c - agents, attempts, tenants, classes: hashes for finding, arrays for deciding. */
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
    a->window_ms = DECIDE_NO_WINDOW;
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

static bool is_fitting (const struct fitting *f, uint32_t number)
{
    return number / 64 < f->words && f->set[number / 64] >> number % 64 & 1;
}

static void forget_agent (struct fitting *f, uint32_t number)
{
    if (!is_fitting (f, number))
        return;
    f->set[number / 64] &= ~(UINT64_C (1) << number % 64);
    for (size_t i = 0; i < f->count; i++)
        if (f->at[i] == number) {
            f->at[i] = f->at[--f->count];
            return;
        }
}

static void make_words (struct fitting *f, uint32_t number)
{
    size_t words = number / 64 + 1;

    if (words <= f->words)
        return;
    words = words > f->words * 2 ? words : f->words * 2;
    f->set = ym_grow_array (f->set, words, sizeof *f->set);
    memset (f->set + f->words, 0, (words - f->words) * sizeof *f->set);
    f->words = words;
}

static void add_fitting (struct fitting *f, uint32_t number)
{
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 8;
        f->at = ym_grow_array (f->at, f->room, sizeof *f->at);
    }
    f->at[f->count++] = number;
    make_words (f, number);
    f->set[number / 64] |= UINT64_C (1) << number % 64;
}

static void class_fit_agent (struct class *c, const struct agent *a)
{
    struct agent_facts f = {
        .region = a->region, .pool = a->pool, .capabilities = &a->capabilities};

    if (!c->known || !a->fitted)
        return;
    if (decide_fits_never (&c->need, &f) == 0)
        add_fitting (&c->agents, a->number);
    else if (decide_fits_overflow (&c->need, &f))
        add_fitting (&c->overflow, a->number);
}

static bool are_same (const struct ym_words *a, const struct ym_words *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (strcmp (a->word[i], b->word[i]) != 0)
            return false;
    return true;
}

static bool is_described (const struct agent *a, const char *region, const char *pool,
                          const struct ym_words *capabilities)
{
    return a->fitted && strcmp (a->region, region) == 0 && strcmp (a->pool, pool) == 0 &&
           are_same (&a->capabilities, capabilities);
}

void roster_describe_agent (struct roster *r, struct agent *a, const char *region,
                            const char *pool, const struct ym_words *capabilities)
{
    bool was_fitted = a->fitted;

    if (is_described (a, region, pool, capabilities))
        return;
    (void)ym_text_copy (a->region, sizeof a->region, region);
    (void)ym_text_copy (a->pool, sizeof a->pool, pool);
    a->capabilities = *capabilities;
    a->fitted = true;
    for (size_t i = 0; i < r->class_count; i++) {
        if (was_fitted) {
            forget_agent (&r->classes[i]->agents, a->number);
            forget_agent (&r->classes[i]->overflow, a->number);
        }
        class_fit_agent (r->classes[i], a);
    }
}

/* Tenants. */

struct tenant *roster_tenant (struct roster *r, uint32_t id)
{
    struct tenant *t;

    HASH_FIND (hh, r->tenants_by_id, &id, sizeof id, t);
    if (t)
        return t;
    t = ym_new (sizeof *t);
    t->id = id;
    if (r->tenant_count == r->tenant_room) {
        r->tenant_room = r->tenant_room ? r->tenant_room * 2 : 16;
        r->tenants = ym_grow_array (r->tenants, r->tenant_room, sizeof *r->tenants);
    }
    t->place = (uint32_t)r->tenant_count;
    r->tenants[r->tenant_count++] = t;
    HASH_ADD (hh, r->tenants_by_id, id, sizeof t->id, t);
    return t;
}

uint32_t roster_room (const struct tenant *t)
{
    uint32_t taken = t->running + t->reserved;

    if (t->running_max == 0)
        return UINT32_MAX;
    return taken < t->running_max ? t->running_max - taken : 0;
}

/* Attempts. */

struct attempt *roster_attempt (const struct roster *r, int64_t job)
{
    struct attempt *t;

    HASH_FIND (hh, r->attempts, &job, sizeof job, t);
    return t;
}

/* Takes it off every list. */
static void drop_attempt (struct roster *r, struct attempt *t)
{
    struct tenant *tenant = roster_tenant (r, t->tenant);

    ym_assert (t->agent->used > 0 && tenant->running > 0 && r->running[t->tier] > 0);
    t->agent->used--;
    tenant->running--;
    r->running[t->tier]--;
    DL_DELETE (t->agent->attempts, t);
    DL_DELETE2 (r->of_tier[t->tier], t, tier_prev, tier_next);
    HASH_DEL (r->attempts, t);
    free (t);
}

struct attempt *roster_add_attempt (struct roster *r, struct agent *a, uint32_t tier,
                                    uint32_t tenant, int64_t job, int64_t fence)
{
    struct attempt *t = roster_attempt (r, job);

    if (t)
        drop_attempt (r, t);
    t = ym_new (sizeof *t);
    t->job = job;
    t->fence = fence;
    t->tier = tier;
    t->tenant = tenant;
    t->agent = a;
    a->used++;
    roster_tenant (r, tenant)->running++;
    r->running[tier]++;
    DL_APPEND (a->attempts, t);
    DL_APPEND2 (r->of_tier[tier], t, tier_prev, tier_next);
    HASH_ADD (hh, r->attempts, job, sizeof t->job, t);
    return t;
}

void roster_remove_attempt (struct roster *r, struct attempt *t)
{
    int64_t beneficiary = t->suspender == YM_PREEMPTION ? t->beneficiary : 0;
    uint32_t agent = t->agent->number;

    drop_attempt (r, t);
    if (beneficiary && roster_offer (r, beneficiary))
        roster_keep (r, beneficiary, agent);
}

void roster_forget_work (struct roster *r)
{
    struct attempt *t, *next;

    HASH_ITER (hh, r->attempts, t, next)
    drop_attempt (r, t);
    r->kept_count = 0;
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
        free (c->tiers[t].offers);
    free (c->agents.at);
    free (c->agents.set);
    free (c->overflow.at);
    free (c->overflow.set);
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
    HASH_CLEAR (hh, r->tenants_by_id);
    for (size_t i = 0; i < r->tenant_count; i++)
        free (r->tenants[i]);
    free (r->tenants);
    free (r->kept);
    free (r->agents);
    free (r->classes);
}

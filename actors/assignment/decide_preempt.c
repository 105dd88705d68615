/* decide_preempt.c - the choice of victims, without input or output. */
#include "actors/assignment/decide_preempt.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/panic.h"

bool decide_may_give_way (const struct preempt_rules *rules, const struct preempt_attempt *t)
{
    return t->started && !t->fixed && t->preempted < rules->most &&
           rules->now_ms - t->started_at > rules->exempt_ms;
}

static int64_t safe_at (const struct preempt_attempt *t)
{
    return t->started_at > t->checkpoint_at ? t->started_at : t->checkpoint_at;
}

bool decide_gives_way_before (const struct preempt_attempt *x, const struct preempt_attempt *y)
{
    if (x->tier != y->tier)
        return x->tier < y->tier;
    if (safe_at (x) != safe_at (y))
        return safe_at (x) > safe_at (y);
    return x->job > y->job;
}

static int by_cost (const void *a, const void *b)
{
    const struct preempt_attempt *x = a, *y = b;

    return x->job == y->job ? 0 : decide_gives_way_before (x, y) ? -1 : 1;
}

static int by_service (const void *a, const void *b)
{
    const struct preempt_offer *x = a, *y = b;

    if (x->tier != y->tier)
        return x->tier > y->tier ? -1 : 1;
    return x->offer.job == y->offer.job                ? 0
           : decide_goes_before (&x->offer, &y->offer) ? -1
                                                       : 1;
}

/* Leaves only those that may give way, the cheapest first. */
static size_t sort_victims (struct preempt_facts *f)
{
    size_t count = 0;

    for (size_t i = 0; i < f->attempt_count; i++)
        if (decide_may_give_way (f->rules, &f->attempts[i]) && f->usable[f->attempts[i].agent])
            f->attempts[count++] = f->attempts[i];
    qsort (f->attempts, count, sizeof *f->attempts, by_cost);
    return count;
}

/* For whom somebody gives way already takes a place of its tenant too. */
static void count_served (struct preempt_facts *f)
{
    for (size_t i = 0; i < f->offer_count; i++) {
        uint32_t *room = &f->room[f->offers[i].offer.tenant];
        if (f->offers[i].served && *room > 0)
            --*room;
    }
}

struct search {
    bool *fits;          /* by number of an agent: the class at hand can run there */
    uint32_t fits_class; /* that class + 1; 0: none yet */
    bool *taken;         /* by place of an attempt */
    bool *hopeless;      /* by class: no victim was left for it */
};

static void look_at_class (const struct preempt_facts *f, struct search *s, uint32_t class)
{
    const struct preempt_class *c = &f->classes[class];

    if (s->fits_class == class + 1)
        return;
    memset (s->fits, 0, f->agent_count * sizeof *s->fits);
    for (size_t i = 0; i < c->agent_count; i++)
        s->fits[c->agents[i]] = c->until_ms <= f->window[c->agents[i]];
    s->fits_class = class + 1;
}

/* The place of the cheapest attempt that can give way to this job, or -1. */
static int64_t find_victim (const struct preempt_facts *f, struct search *s, size_t count,
                            const struct preempt_offer *o)
{
    look_at_class (f, s, o->class);
    for (size_t i = 0; i < count && f->attempts[i].tier < o->tier; i++)
        if (!s->taken[i] && s->fits[f->attempts[i].agent])
            return (int64_t)i;
    return -1;
}

static bool may_preempt (const struct preempt_facts *f, const struct preempt_offer *o)
{
    return o->tier > YM_STANDARD && !o->preempted && !o->served && f->room[o->offer.tenant] > 0;
}

static size_t pair_up (struct preempt_facts *f, struct search *s, size_t victims,
                       struct preempt_pair *ret, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < f->offer_count && count < room; i++) {
        const struct preempt_offer *o = &f->offers[i];
        if (!may_preempt (f, o) || s->hopeless[o->class])
            continue; /* what is hopeless for a tier is so for the tiers below it */
        int64_t at = find_victim (f, s, victims, o);
        if (at < 0) {
            s->hopeless[o->class] = true;
            continue;
        }
        s->taken[at] = true;
        f->room[o->offer.tenant]--;
        ret[count++] = (struct preempt_pair){f->attempts[at].job, o->offer.job};
    }
    return count;
}

static uint32_t classes_of (const struct preempt_facts *f)
{
    uint32_t count = 0;

    for (size_t i = 0; i < f->offer_count; i++)
        if (f->offers[i].class >= count)
            count = f->offers[i].class + 1;
    return count;
}

size_t decide_preempt (struct preempt_facts *f, struct preempt_pair *ret, size_t room)
{
    size_t count, victims = sort_victims (f);
    struct search s = {0};

    if (victims == 0 || f->offer_count == 0)
        return 0;
    s.fits = calloc (f->agent_count + 1, sizeof *s.fits);
    s.taken = calloc (victims, sizeof *s.taken);
    s.hopeless = calloc ((size_t)classes_of (f) + 1, sizeof *s.hopeless);
    if (!s.fits || !s.taken || !s.hopeless)
        ym_panic ("out of memory");
    count_served (f);
    qsort (f->offers, f->offer_count, sizeof *f->offers, by_service);
    count = pair_up (f, &s, victims, ret, room);
    free (s.fits);
    free (s.taken);
    free (s.hopeless);
    return count;
}

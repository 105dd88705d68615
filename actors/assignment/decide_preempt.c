/* decide_preempt.c - the choice of victims, without input or output.
 *
 * As in a round, each tier has a list of the classes that are open: a job of theirs and
 * somebody who could give way to it are left. A link is a place + 1; 0 ends a list. A class
 * without hope is looked at once and hides no other.
 */
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
    for (size_t i = 0; i < f->served_count; i++) {
        uint32_t *room = &f->room[f->served[i].tenant];
        if (*room > 0)
            --*room;
    }
}

static bool is_served (const struct preempt_facts *f, int64_t job)
{
    for (size_t from = 0, to = f->served_count; from < to;) {
        size_t at = from + (to - from) / 2;
        if (f->served[at].job == job)
            return true;
        if (f->served[at].job < job)
            from = at + 1;
        else
            to = at;
    }
    return false;
}

struct search {
    size_t victims;      /* in the attempts */
    size_t left;         /* victims and coming slots that are not taken */
    uint32_t *lowest;    /* by number of an agent: the lowest tier of victims there */
    bool *taken;         /* by place of an attempt */
    bool *fits;          /* by number of an agent: the class at hand can run there */
    uint32_t fits_class; /* that class + 1; 0: none yet */
};

static bool can_run (const struct preempt_facts *f, const struct preempt_class *c,
                     uint32_t agent)
{
    return f->usable[agent] && c->until_ms <= f->window[agent];
}

/* Whether any slot or victim is left for a job of the class and tier. */
static bool has_hope (const struct preempt_facts *f, const struct search *s,
                      const struct preempt_class *c, unsigned tier)
{
    for (size_t i = 0; i < c->agent_count; i++) {
        uint32_t agent = c->agents[i];
        if ((f->coming[agent] > 0 || s->lowest[agent] < tier) && can_run (f, c, agent))
            return true;
    }
    return false;
}

static void look_at_class (const struct preempt_facts *f, struct search *s, uint32_t class)
{
    const struct preempt_class *c = &f->classes[class];

    if (s->fits_class == class + 1)
        return;
    memset (s->fits, 0, f->agent_count * sizeof *s->fits);
    for (size_t i = 0; i < c->agent_count; i++)
        s->fits[c->agents[i]] = can_run (f, c, c->agents[i]);
    s->fits_class = class + 1;
}

/* The place of the cheapest attempt that can give way to a job of the class at hand, or -1. */
static int64_t find_victim (const struct preempt_facts *f, const struct search *s,
                            unsigned tier)
{
    for (size_t i = 0; i < s->victims && f->attempts[i].tier < tier; i++)
        if (!s->taken[i] && s->fits[f->attempts[i].agent])
            return (int64_t)i;
    return -1;
}

static void take_victim (const struct preempt_facts *f, struct search *s, size_t at)
{
    uint32_t agent = f->attempts[at].agent;

    s->taken[at] = true;
    s->left--;
    s->lowest[agent] = YM_COUNT_tier;
    for (size_t i = s->victims; i-- > 0;)
        if (!s->taken[i] && f->attempts[i].agent == agent)
            s->lowest[agent] = f->attempts[i].tier; /* the cheapest is the first */
}

static bool take_coming (const struct preempt_facts *f, struct search *s,
                         struct preempt_class *c)
{
    for (size_t i = 0; i < c->agent_count && !c->without_slot; i++) {
        if (f->coming[c->agents[i]] == 0 || !s->fits[c->agents[i]])
            continue;
        f->coming[c->agents[i]]--;
        s->left--;
        return true;
    }
    c->without_slot = true;
    return false;
}

/* Goes past those for whom nothing is to be done. The next one, or NULL. */
static const struct round_offer *settle (const struct preempt_facts *f, struct preempt_class *c,
                                         unsigned tier)
{
    for (; c->tiers[tier].looked < c->tiers[tier].count; c->tiers[tier].looked++) {
        const struct round_offer *o = &c->tiers[tier].offers[c->tiers[tier].looked];
        if (f->room[o->tenant] > 0 && !(o->preempted && c->without_slot) &&
            !is_served (f, o->job))
            return o;
    }
    return NULL;
}

/* What is hopeless for a tier is so for the tiers below it. */
static uint32_t open_classes (struct preempt_facts *f, const struct search *s, unsigned tier)
{
    uint32_t first = 0;

    for (size_t at = f->stopped[tier] ? 0 : f->class_count; at-- > 0;) {
        struct preempt_class *c = &f->classes[at];
        c->tiers[tier].looked = 0;
        if (c->hopeless || c->tiers[tier].count == 0)
            continue;
        c->hopeless = !has_hope (f, s, c, tier);
        if (c->hopeless)
            continue;
        c->next = first;
        first = (uint32_t)at + 1;
    }
    return first;
}

/* The link to the open class whose next job goes first; NULL if none is open. */
static uint32_t *first_class (const struct preempt_facts *f, uint32_t *first, unsigned tier)
{
    const struct round_offer *best = NULL, *next;
    uint32_t *ret = NULL;

    for (uint32_t *link = first; *link != 0;) {
        struct preempt_class *c = &f->classes[*link - 1];
        if (!(next = settle (f, c, tier))) {
            *link = c->next;
            continue;
        }
        if (!best || decide_goes_before (next, best)) {
            best = next;
            ret = link;
        }
        link = &c->next;
    }
    return ret;
}

/* The next job of a class: it waits for a slot that comes free, or somebody gives way to it
 * (true), or there is nobody left for the class. */
static bool serve_one (struct preempt_facts *f, struct search *s, uint32_t *link, unsigned tier,
                       struct preempt_pair *ret)
{
    struct preempt_class *c = &f->classes[*link - 1];
    const struct round_offer *o = &c->tiers[tier].offers[c->tiers[tier].looked];
    int64_t at;

    look_at_class (f, s, *link - 1);
    if (take_coming (f, s, c)) {
        f->room[o->tenant]--;
        c->tiers[tier].looked++;
        return false;
    }
    if (o->preempted)
        return false; /* is gone past from now on */
    if ((at = find_victim (f, s, tier)) < 0) {
        c->hopeless = true;
        *link = c->next;
        return false;
    }
    take_victim (f, s, (size_t)at);
    f->room[o->tenant]--;
    c->tiers[tier].looked++;
    *ret = (struct preempt_pair){f->attempts[at].job, o->job};
    return true;
}

static size_t pair_up (struct preempt_facts *f, struct search *s, struct preempt_pair *ret,
                       size_t room)
{
    size_t count = 0;
    uint32_t *link;

    for (unsigned tier = YM_COUNT_tier; tier-- > YM_STANDARD + 1;) {
        uint32_t first = open_classes (f, s, tier);
        while (count < room && s->left > 0 && (link = first_class (f, &first, tier)))
            count += serve_one (f, s, link, tier, &ret[count]);
    }
    return count;
}

static void count_left (const struct preempt_facts *f, struct search *s)
{
    s->left = s->victims;
    for (size_t i = 0; i < f->agent_count; i++) {
        s->left += f->coming[i];
        s->lowest[i] = YM_COUNT_tier;
    }
    for (size_t i = s->victims; i-- > 0;)
        s->lowest[f->attempts[i].agent] = f->attempts[i].tier;
}

size_t decide_preempt (struct preempt_facts *f, struct preempt_pair *ret, size_t room)
{
    struct search s = {.victims = sort_victims (f)};
    size_t count;

    if (s.victims == 0)
        return 0;
    s.lowest = calloc (f->agent_count + 1, sizeof *s.lowest);
    s.fits = calloc (f->agent_count + 1, sizeof *s.fits);
    s.taken = calloc (s.victims, sizeof *s.taken);
    if (!s.lowest || !s.fits || !s.taken)
        ym_panic ("out of memory");
    count_left (f, &s);
    count_served (f);
    count = pair_up (f, &s, ret, room);
    free (s.lowest);
    free (s.fits);
    free (s.taken);
    return count;
}

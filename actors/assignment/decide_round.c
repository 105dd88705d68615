/* decide_round.c - the order of service, without input or output.
 *
 * A yard may know thousands of classes, of which a few matter: each tier has a list of those
 * that are open, which means that a job of theirs and an agent for it are left. A link is a
 * place + 1; 0 ends a list. A class that no agent can run is looked at once a round and costs
 * nothing else.
 */
#include "actors/assignment/decide_round.h"

#include <stdlib.h>

#include "common/base/panic.h"

bool decide_goes_before (const struct round_offer *a, const struct round_offer *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->job < b->job;
}

static bool is_free (const struct round_facts *f, const struct round_class *c, uint32_t agent)
{
    return f->free[agent] > 0 && c->until_ms <= f->window[agent];
}

/* What is left during a round. */
struct open {
    uint32_t first[YM_COUNT_tier];
    bool waits[YM_COUNT_tier]; /* a job of the tier could run, were a slot free */
    uint64_t *free;            /* a bit for each agent that has a free slot */
    size_t words, left;        /* of that set; free slots of all */
};

static void count_free (const struct round_facts *f, struct open *open)
{
    open->words = (f->agent_count + 63) / 64;
    open->free = calloc (open->words + 1, sizeof *open->free);
    if (!open->free)
        ym_panic ("out of memory");
    for (size_t i = 0; i < f->agent_count; i++) {
        open->left += f->free[i];
        if (f->free[i] > 0)
            open->free[i / 64] |= UINT64_C (1) << i % 64;
    }
}

static void take_slot (struct round_facts *f, struct open *open, uint32_t agent)
{
    open->left--;
    if (--f->free[agent] == 0)
        open->free[agent / 64] &= ~(UINT64_C (1) << agent % 64);
}

static bool has_agent (const struct round_facts *f, const struct open *open,
                       const struct round_class *c, const struct round_agents *list)
{
    size_t words = list->words < open->words ? list->words : open->words;

    for (size_t n = 0; !list->set && n < list->count; n++)
        if (is_free (f, c, list->at[n]))
            return true;
    for (size_t w = 0; list->set && w < words; w++)
        for (uint64_t bits = list->set[w] & open->free[w]; bits; bits &= bits - 1)
            if (is_free (f, c, (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll (bits)))
                return true;
    return false;
}

/* The next of these agents that can take a job of the class, or -1. */
static int64_t next_agent (const struct round_facts *f, const struct open *open,
                           const struct round_class *c, struct round_agents *list)
{
    size_t count = has_agent (f, open, c, list) ? list->count : 0;

    for (size_t n = 0; n < count; n++) {
        uint32_t agent = list->at[(list->cursor + n) % list->count];
        if (is_free (f, c, agent)) {
            list->cursor = (list->cursor + n + 1) % list->count;
            return agent;
        }
    }
    return -1;
}

static bool is_kept_for (const struct round_facts *f, int64_t job)
{
    for (size_t from = 0, to = f->kept_count; from < to;) {
        size_t at = from + (to - from) / 2;
        if (f->kept[at].job == job)
            return true;
        if (f->kept[at].job < job)
            from = at + 1;
        else
            to = at;
    }
    return false;
}

/* Goes past what was served from a kept slot, and past tenants that run as much as they may.
 * False if nothing is left. */
static bool settle (const struct round_facts *f, struct round_class *c, unsigned tier)
{
    for (; c->tiers[tier].served < c->tiers[tier].count; c->tiers[tier].served++) {
        const struct round_offer *o = &c->tiers[tier].offers[c->tiers[tier].served];
        if (f->room[o->tenant] > 0 && !is_kept_for (f, o->job))
            return true;
    }
    return false;
}

static void open_class (struct round_facts *f, struct open *open, unsigned tier, size_t at)
{
    struct round_class *c = &f->classes[at];

    c->tiers[tier].served = 0;
    if (c->tiers[tier].count == 0 || c->agents.count + c->overflow.count == 0 ||
        !settle (f, c, tier))
        return;
    open->waits[tier] = true;
    if (open->left == 0 || (!has_agent (f, open, c, &c->agents) &&
                            (tier != YM_PLATINUM || !has_agent (f, open, c, &c->overflow))))
        return;
    c->tiers[tier].next = open->first[tier];
    open->first[tier] = (uint32_t)at + 1;
}

static void open_tiers (struct round_facts *f, struct open *open)
{
    for (unsigned tier = 0; tier < YM_COUNT_tier; tier++) {
        for (size_t at = f->class_count; at-- > 0 && !f->stopped[tier];)
            open_class (f, open, tier, at);
        if (!open->waits[tier])
            f->aged[tier] = 0;
    }
}

/* The link to the open class whose next job goes first; NULL if none is open. */
static uint32_t *first_class (struct round_facts *f, uint32_t *first, unsigned tier)
{
    const struct round_offer *best = NULL;
    uint32_t *ret = NULL;

    for (uint32_t *link = first; *link != 0;) {
        struct round_class *c = &f->classes[*link - 1];
        if (!settle (f, c, tier)) {
            *link = c->tiers[tier].next;
            continue;
        }
        const struct round_offer *next = &c->tiers[tier].offers[c->tiers[tier].served];
        if (!best || decide_goes_before (next, best)) {
            best = next;
            ret = link;
        }
        link = &c->tiers[tier].next;
    }
    return ret;
}

/* Which tier has its turn, or -1. */
static int next_tier (const struct round_facts *f, const struct open *open)
{
    if (f->age_grants > 0)
        for (unsigned tier = 0; tier < YM_COUNT_tier; tier++)
            if (open->first[tier] != 0 && f->aged[tier] >= f->age_grants)
                return (int)tier;
    for (unsigned tier = YM_COUNT_tier; tier-- > 0;)
        if (open->first[tier] != 0)
            return (int)tier;
    return -1;
}

static void was_served (struct round_facts *f, const struct open *open, unsigned tier)
{
    f->aged[tier] = 0;
    for (unsigned t = 0; t < tier; t++)
        if (open->waits[t])
            f->aged[t]++;
}

/* Serves the next job of a tier, or closes the class that had it. */
static bool serve_one (struct round_facts *f, struct open *open, unsigned tier,
                       struct round_lease *ret)
{
    uint32_t *link = first_class (f, &open->first[tier], tier);
    bool overflow = false;

    if (!link)
        return false;
    uint32_t at = *link - 1;
    struct round_class *c = &f->classes[at];
    int64_t agent = next_agent (f, open, c, &c->agents);
    if (agent < 0 && tier == YM_PLATINUM) {
        agent = next_agent (f, open, c, &c->overflow);
        overflow = true;
    }
    if (agent < 0) {
        *link = c->tiers[tier].next; /* nobody is left for this class */
        return false;
    }
    const struct round_offer *o = &c->tiers[tier].offers[c->tiers[tier].served++];
    take_slot (f, open, (uint32_t)agent);
    f->room[o->tenant]--;
    *ret = (struct round_lease){o->job, at, tier, (uint32_t)agent, false, overflow};
    was_served (f, open, tier);
    return true;
}

static size_t serve_kept (struct round_facts *f, const struct open *open,
                          struct round_lease *ret, size_t room)
{
    size_t count = 0;

    for (; count < f->kept_count && count < room; count++) {
        const struct round_kept *k = &f->kept[count];
        ret[count] = (struct round_lease){k->job, k->class, k->tier, k->agent, true, false};
        was_served (f, open, k->tier);
    }
    return count;
}

size_t decide_round (struct round_facts *f, struct round_lease *ret, size_t room)
{
    struct open open = {0};
    int tier;

    count_free (f, &open);
    open_tiers (f, &open);
    size_t count = serve_kept (f, &open, ret, room);
    while (count < room && open.left > 0 && (tier = next_tier (f, &open)) >= 0)
        count += serve_one (f, &open, (unsigned)tier, &ret[count]);
    free (open.free);
    return count;
}

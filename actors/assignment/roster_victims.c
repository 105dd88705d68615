/* roster_victims.c - the roster as facts for choosing who gives way.
 *
 * Costs what the attempts of lower tiers and the unserved offers of higher ones cost to look
 * at, and nothing if there are none of either; never what waits behind the offers.
 */
#include <stdlib.h>
#include <utlist.h>

#include "actors/assignment/roster.h"
#include "common/base/own.h"

enum { OFFERS_MOST = 1024 }; /* of one round: those in front */

struct space {
    struct preempt_attempt *attempts;
    struct preempt_offer *offers;
    struct preempt_class *classes;
    int64_t *served; /* jobs that somebody gives way to, sorted */
    size_t served_count;
    bool *usable;
    int64_t *window;
    uint32_t *room;
};

static void free_space (struct space *s)
{
    free (s->attempts);
    free (s->offers);
    free (s->classes);
    free (s->served);
    free (s->usable);
    free (s->window);
    free (s->room);
}

static struct preempt_attempt attempt_facts (const struct attempt *t)
{
    return (struct preempt_attempt){.job = t->job,
                                    .agent = t->agent->number,
                                    .tier = t->tier,
                                    .preempted = t->preempted,
                                    .started = t->state == YM_JOB_STARTED &&
                                               t->wish == YM_NOTHING && !t->wanting &&
                                               !t->ending,
                                    .fixed = t->fixed,
                                    .started_at = t->started_at,
                                    .checkpoint_at = t->checkpoint_at};
}

static size_t gather_attempts (const struct roster *r, struct space *s)
{
    const struct attempt *t;
    size_t count = 0;

    for (unsigned tier = 0; tier < YM_PLATINUM; tier++)
        DL_FOREACH2 (r->of_tier[tier], t, tier_next)
        {
            s->attempts[count++] = attempt_facts (t);
            if (t->beneficiary)
                s->served[s->served_count++] = t->beneficiary;
        }
    for (size_t i = 0; i < r->kept_count; i++)
        s->served[s->served_count++] = r->kept[i].job;
    return count;
}

static int by_number (const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

static bool is_served (const struct space *s, int64_t job)
{
    return bsearch (&job, s->served, s->served_count, sizeof job, by_number) != NULL;
}

static size_t gather_list (const struct roster *r, struct space *s, size_t count,
                           const struct class *c, uint32_t place, unsigned tier)
{
    const struct offer_list *l = &c->tiers[tier];

    for (size_t i = l->from; i < l->count && count < OFFERS_MOST; i++) {
        const struct offer *o = roster_offer (r, l->offers[i].job);
        s->offers[count++] = (struct preempt_offer){.offer = l->offers[i],
                                                    .class = place,
                                                    .tier = tier,
                                                    .preempted = o->preempted,
                                                    .served = is_served (s, o->job)};
    }
    return count;
}

static size_t gather_offers (const struct roster *r, struct space *s)
{
    size_t count = 0;

    for (unsigned tier = YM_COUNT_tier; tier-- > YM_STANDARD + 1;)
        for (size_t i = 0; i < r->class_count && !r->stopped[tier]; i++)
            if (r->classes[i]->known && r->classes[i]->agents.count > 0)
                count = gather_list (r, s, count, r->classes[i], (uint32_t)i, tier);
    return count;
}

static void gather_rest (const struct roster *r, const struct moment *m, struct space *s)
{
    for (size_t i = 0; i < r->class_count; i++)
        s->classes[i] =
            (struct preempt_class){r->classes[i]->agents.at, r->classes[i]->agents.count,
                                   roster_until (r->classes[i], m)};
    for (size_t i = 0; i < r->agent_count; i++) {
        struct agent_facts f = roster_facts (r, r->agents[i], m);
        s->usable[i] = f.connected && f.heard && !f.draining && f.used <= f.slots;
        s->window[i] = f.window_ms;
    }
    for (size_t i = 0; i < r->tenant_count; i++)
        s->room[i] = roster_room (r->tenants[i]);
}

static bool has_lower_attempts (const struct roster *r)
{
    for (unsigned tier = 0; tier < YM_PLATINUM; tier++)
        if (r->of_tier[tier])
            return true;
    return false;
}

static size_t choose (const struct roster *r, const struct moment *m,
                      const struct preempt_rules *rules, struct space *s,
                      struct preempt_pair *ret, size_t room)
{
    struct preempt_facts f = {.rules = rules,
                              .attempts = s->attempts,
                              .offers = s->offers,
                              .classes = s->classes,
                              .usable = s->usable,
                              .window = s->window,
                              .agent_count = r->agent_count,
                              .room = s->room};

    f.attempt_count = gather_attempts (r, s);
    qsort (s->served, s->served_count, sizeof *s->served, by_number);
    f.offer_count = gather_offers (r, s);
    if (f.offer_count == 0)
        return 0;
    gather_rest (r, m, s);
    return decide_preempt (&f, ret, room);
}

size_t roster_victims (const struct roster *r, const struct moment *m,
                       const struct preempt_rules *rules, struct preempt_pair *ret, size_t room)
{
    size_t attempts = HASH_COUNT (r->attempts);
    struct space s;

    if (rules->most == 0 || !has_lower_attempts (r))
        return 0;
    s = (struct space){
        .attempts = ym_new_array (attempts + 1, sizeof *s.attempts),
        .offers = ym_new_array (OFFERS_MOST, sizeof *s.offers),
        .classes = ym_new_array (r->class_count + 1, sizeof *s.classes),
        .served = ym_new_array (attempts + r->kept_count + 1, sizeof *s.served),
        .usable = ym_new_array (r->agent_count + 1, sizeof *s.usable),
        .window = ym_new_array (r->agent_count + 1, sizeof *s.window),
        .room = ym_new_array (r->tenant_count + 1, sizeof *s.room),
    };
    size_t count = choose (r, m, rules, &s, ret, room);
    free_space (&s);
    return count;
}

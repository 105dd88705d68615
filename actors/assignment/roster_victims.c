/* roster_victims.c - the roster as facts for choosing who gives way.
 *
 * Costs what the attempts of lower tiers and the unserved offers of higher ones cost to look
 * at, and nothing if there are none of either; never what waits behind the offers.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "actors/assignment/roster.h"
#include "common/base/own.h"
#include "common/base/panic.h"

struct space {
    struct preempt_attempt *attempts;
    struct preempt_class *classes;
    struct preempt_served *served; /* by job */
    size_t served_count;
    bool *usable;
    int64_t *window;
    uint32_t *coming, *room;
};

static void free_space (struct space *s)
{
    free (s->attempts);
    free (s->classes);
    free (s->served);
    free (s->usable);
    free (s->window);
    free (s->coming);
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
                                               !t->wishing && !t->ending,
                                    .fixed = t->fixed,
                                    .started_at = t->started_at,
                                    .checkpoint_at = t->checkpoint_at};
}

/* Whether its slot comes free soon, whoever asked for that: its end is being committed, or was
 * asked for not longer ago than the grace time. */
static bool is_leaving (const struct attempt *t, int64_t now_ms, int64_t grace_ms)
{
    bool is_asked = t->wish != YM_NOTHING || t->state == YM_JOB_COMPLETING ||
                    t->state == YM_JOB_DEPROVISION_REQUESTED;
    int64_t since = t->wish != YM_NOTHING ? t->wanted_at : t->state_at;

    if (t->ending || t->wishing)
        return true;
    return is_asked && since <= now_ms && now_ms - since <= grace_ms;
}

static void add_served (const struct roster *r, struct space *s, const struct offer *o)
{
    struct tenant *t;

    HASH_FIND (hh, r->tenants_by_id, &o->tenant, sizeof o->tenant, t);
    ym_assert (t);
    s->served[s->served_count++] = (struct preempt_served){o->job, t->place};
}

/* A slot that comes free is the job's it is freed for, while that waits; else it is anybody's.
 */
static void gather_leaving (const struct roster *r, const struct moment *m, int64_t grace_ms,
                            struct space *s)
{
    const struct attempt *t;

    for (unsigned tier = 0; tier < YM_COUNT_tier; tier++)
        DL_FOREACH2 (r->of_tier[tier], t, tier_next)
        {
            const struct offer *o = t->beneficiary ? roster_offer (r, t->beneficiary) : NULL;
            bool is_leaving_soon = is_leaving (t, m->now_ms, grace_ms);
            if (o && (is_leaving_soon || t->suspender == YM_PREEMPTION))
                add_served (r, s, o);
            else
                s->coming[t->agent->number] += is_leaving_soon;
        }
}

static void gather_kept (const struct roster *r, struct space *s)
{
    const struct offer *o;

    for (size_t i = 0; i < r->kept_count; i++)
        if ((o = roster_offer (r, r->kept[i].job)))
            add_served (r, s, o);
}

static int by_job (const void *x, const void *y)
{
    int64_t a = ((const struct preempt_served *)x)->job;
    int64_t b = ((const struct preempt_served *)y)->job;

    return (a > b) - (a < b);
}

static size_t gather_attempts (const struct roster *r, struct space *s)
{
    const struct attempt *t;
    size_t count = 0;

    for (unsigned tier = 0; tier < YM_PLATINUM; tier++)
        DL_FOREACH2 (r->of_tier[tier], t, tier_next)
    s->attempts[count++] = attempt_facts (t);
    return count;
}

static bool has_offers (const struct class *c, unsigned tier)
{
    return c->tiers[tier].count > c->tiers[tier].from;
}

static size_t gather_classes (const struct roster *r, const struct moment *m, struct space *s)
{
    size_t count = 0;

    for (size_t i = 0; i < r->class_count; i++) {
        const struct class *c = r->classes[i];
        struct preempt_class *to = &s->classes[count];
        if (!c->known || c->agents.count == 0 ||
            !(has_offers (c, YM_PREMIUM) || has_offers (c, YM_PLATINUM)))
            continue;
        *to = (struct preempt_class){.agents = c->agents.at,
                                     .agent_count = c->agents.count,
                                     .until_ms = roster_until (c, m)};
        for (unsigned t = 0; t < YM_COUNT_tier; t++) {
            to->tiers[t].offers = c->tiers[t].offers + c->tiers[t].from;
            to->tiers[t].count = c->tiers[t].count - c->tiers[t].from;
        }
        count++;
    }
    return count;
}

static void gather_rest (const struct roster *r, const struct moment *m, struct space *s)
{
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
                              .classes = s->classes,
                              .served = s->served,
                              .usable = s->usable,
                              .window = s->window,
                              .coming = s->coming,
                              .agent_count = r->agent_count,
                              .room = s->room};

    f.class_count = gather_classes (r, m, s);
    if (f.class_count == 0)
        return 0;
    f.attempt_count = gather_attempts (r, s);
    gather_leaving (r, m, rules->grace_ms, s);
    gather_kept (r, s);
    qsort (s->served, s->served_count, sizeof *s->served, by_job);
    f.served_count = s->served_count;
    memcpy (f.stopped, r->stopped, sizeof f.stopped);
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
        .classes = ym_new_array (r->class_count + 1, sizeof *s.classes),
        .served = ym_new_array (attempts + r->kept_count + 1, sizeof *s.served),
        .usable = ym_new_array (r->agent_count + 1, sizeof *s.usable),
        .window = ym_new_array (r->agent_count + 1, sizeof *s.window),
        .coming = ym_new_array (r->agent_count + 1, sizeof *s.coming),
        .room = ym_new_array (r->tenant_count + 1, sizeof *s.room),
    };
    size_t count = choose (r, m, rules, &s, ret, room);
    free_space (&s);
    return count;
}

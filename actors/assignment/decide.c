/* decide.c - the rules of assignment, without input or output. */
#include "actors/assignment/decide.h"

#include <string.h>

static unsigned bit (enum ym_blocker b)
{
    return 1u << b;
}

static bool has_all (const struct ym_words *have, const struct ym_words *wanted)
{
    for (uint32_t i = 0; i < wanted->count; i++)
        if (!ym_words_has (have, wanted->word[i]))
            return false;
    return true;
}

unsigned decide_fits_never (const struct ym_requirement *need, const struct agent_facts *agent)
{
    unsigned set = 0;

    if (!has_all (agent->capabilities, &need->capabilities))
        set |= bit (YM_CAPABILITY);
    if (need->regions.count > 0 && !ym_words_has (&need->regions, agent->region))
        set |= bit (YM_REGION);
    if (strcmp (need->pool, agent->pool) != 0)
        set |= bit (YM_POOL);
    return set;
}

unsigned decide_match (const struct ym_requirement *need, const struct agent_facts *agent)
{
    unsigned set = decide_fits_never (need, agent);

    if (!agent->connected || !agent->heard)
        set |= bit (YM_SILENT);
    if (agent->used >= agent->slots)
        set |= bit (YM_SLOTS);
    return set;
}

/* The next agent of the class with a free slot, or -1. */
static int64_t free_agent (struct round_class *c, const uint32_t *free)
{
    for (size_t n = 0; n < c->agent_count; n++) {
        uint32_t agent = c->agents[(c->cursor + n) % c->agent_count];
        if (free[agent] > 0) {
            c->cursor = (c->cursor + n + 1) % c->agent_count;
            return agent;
        }
    }
    return -1;
}

static bool has_free_agent (const struct round_class *c, const uint32_t *free)
{
    for (size_t n = 0; n < c->agent_count; n++)
        if (free[c->agents[n]] > 0)
            return true;
    return false;
}

/* The classes that can be served in a tier, as a list: a yard may know thousands, of which a
 * few matter. Returns the link to the first; a link is a place + 1, 0 ends the list. */
static uint32_t open_classes (struct round_facts *f, unsigned tier)
{
    uint32_t first = 0;

    for (size_t i = f->class_count; i-- > 0;) {
        struct round_class *c = &f->classes[i];
        if (c->tiers[tier].count == 0 || !has_free_agent (c, f->free))
            continue;
        c->served = 0;
        c->next = first;
        first = (uint32_t)i + 1;
    }
    return first;
}

/* The link to the open class whose next job is the oldest; NULL if none is open. */
static uint32_t *oldest_class (struct round_facts *f, uint32_t *first, unsigned tier)
{
    uint32_t *best = NULL;
    int64_t best_job = INT64_MAX;

    for (uint32_t *link = first; *link != 0; link = &f->classes[*link - 1].next) {
        const struct round_class *c = &f->classes[*link - 1];
        if (c->tiers[tier].jobs[c->served] < best_job) {
            best = link;
            best_job = c->tiers[tier].jobs[c->served];
        }
    }
    return best;
}

static size_t serve_tier (struct round_facts *f, unsigned tier, struct round_lease *ret,
                          size_t room)
{
    uint32_t first = open_classes (f, tier), *link;
    size_t count = 0;

    while (count < room && (link = oldest_class (f, &first, tier)) != NULL) {
        uint32_t at = *link - 1;
        struct round_class *c = &f->classes[at];
        int64_t agent = free_agent (c, f->free);
        if (agent < 0) {
            *link = c->next; /* nobody is left for this class */
            continue;
        }
        f->free[agent]--;
        ret[count++] =
            (struct round_lease){c->tiers[tier].jobs[c->served++], at, tier, (uint32_t)agent};
        if (c->served == c->tiers[tier].count)
            *link = c->next;
    }
    return count;
}

size_t decide_round (struct round_facts *f, struct round_lease *ret, size_t room)
{
    size_t count = 0;

    for (unsigned tier = YM_COUNT_tier; tier-- > 0;)
        count += serve_tier (f, tier, ret + count, room - count);
    return count;
}

/* How many agents have none of the blockers in 'set'. */
static size_t count_without (const struct explain_facts *f, unsigned set)
{
    size_t count = 0;

    for (size_t i = 0; i < f->agent_count; i++)
        count += (decide_match (f->need, &f->agents[i]) & set) == 0;
    return count;
}

static struct ym_blocker_row *add (struct ym_blocker_row *rows, size_t *count,
                                   enum ym_blocker code, const char *subject,
                                   const char *lifted_by, int64_t since)
{
    struct ym_blocker_row *b = &rows[(*count)++];

    *b = (struct ym_blocker_row){.code = code, .since = since};
    (void)ym_text_copy (b->subject, sizeof b->subject, subject);
    (void)ym_text_copy (b->lifted_by, sizeof b->lifted_by, lifted_by);
    return b;
}

static void join (char *to, size_t room, const struct ym_words *w)
{
    to[0] = '\0';
    for (uint32_t i = 0; i < w->count; i++) {
        size_t used = strlen (to);
        if (used + strlen (w->word[i]) + 2 >= room) {
            if (used + 4 < room)
                memcpy (to + used, " ..", 4);
            return;
        }
        (void)ym_text_format (to + used, room - used, "%s%s", used ? " " : "", w->word[i]);
    }
}

/* What only a registration can change: each looked at among those agents that pass what was
 * looked at before it, or among all if none do, so that every missing thing is named and none
 * twice. */
static void explain_fit (const struct explain_facts *f, struct ym_blocker_row *rows,
                         size_t *count)
{
    unsigned passed = 0;

    if (count_without (f, bit (YM_CAPABILITY)) == 0) {
        struct ym_blocker_row *b = add (rows, count, YM_CAPABILITY, "capabilities",
                                        "an agent that offers them", f->state_at);
        join (b->wanted, sizeof b->wanted, &f->need->capabilities);
        (void)ym_text_format (b->have, sizeof b->have, "none of %zu agents has all",
                              f->agent_count);
    }
    else
        passed |= bit (YM_CAPABILITY);
    if (f->need->regions.count > 0 && count_without (f, passed | bit (YM_REGION)) == 0) {
        struct ym_blocker_row *b =
            add (rows, count, YM_REGION, "region", "an agent in such a region", f->state_at);
        join (b->wanted, sizeof b->wanted, &f->need->regions);
        (void)ym_text_format (b->have, sizeof b->have, "none of %zu agents is there",
                              count_without (f, passed));
    }
    else
        passed |= bit (YM_REGION);
    if (count_without (f, passed | bit (YM_POOL)) == 0) {
        struct ym_blocker_row *b =
            add (rows, count, YM_POOL, "pool", "an agent of that pool", f->state_at);
        (void)ym_text_copy (b->wanted, sizeof b->wanted, f->need->pool);
        (void)ym_text_format (b->have, sizeof b->have, "none of %zu agents is of it",
                              count_without (f, passed));
    }
}

static void explain_now (const struct explain_facts *f, struct ym_blocker_row *rows,
                         size_t *count)
{
    const unsigned fit = bit (YM_CAPABILITY) | bit (YM_REGION) | bit (YM_POOL);
    size_t fitting = count_without (f, fit);
    size_t talking = count_without (f, fit | bit (YM_SILENT));

    if (talking == 0) {
        struct ym_blocker_row *b =
            add (rows, count, YM_SILENT, "agents", "any of them, by coming back", f->state_at);
        (void)ym_text_copy (b->wanted, sizeof b->wanted, "one that answers");
        (void)ym_text_format (b->have, sizeof b->have, "%zu fit, none answers", fitting);
    }
    else if (count_without (f, fit | bit (YM_SILENT) | bit (YM_SLOTS)) == 0) {
        struct ym_blocker_row *b =
            add (rows, count, YM_SLOTS, "slots", "the end of an attempt, or one more agent",
                 f->state_at);
        (void)ym_text_copy (b->wanted, sizeof b->wanted, "1 free slot");
        (void)ym_text_format (b->have, sizeof b->have, "%zu agents fit, all slots taken",
                              talking);
    }
}

/* Slots that the next round can give to jobs with this need. */
static uint64_t free_slots (const struct explain_facts *f)
{
    uint64_t count = 0;

    for (size_t i = 0; i < f->agent_count; i++)
        if (decide_match (f->need, &f->agents[i]) == 0)
            count += f->agents[i].slots - f->agents[i].used;
    return count;
}

size_t decide_explain (const struct explain_facts *f, struct ym_blocker_row ret[EXPLAIN_MAX])
{
    size_t count = 0;

    if (!f->waiting) {
        struct ym_blocker_row *b =
            add (ret, &count, YM_NOT_WAITING, "job", "its agent, or time", f->state_at);
        (void)ym_text_copy (b->wanted, sizeof b->wanted, "a job in its queue");
        (void)ym_text_copy (b->have, sizeof b->have, "it is not in its queue now");
        return count;
    }
    explain_fit (f, ret, &count);
    if (count == 0)
        explain_now (f, ret, &count);
    if (f->ahead > 0 && (count > 0 || f->ahead >= free_slots (f))) {
        struct ym_blocker_row *b =
            add (ret, &count, YM_BEHIND, "order", "time: older jobs go first", f->state_at);
        (void)ym_text_copy (b->wanted, sizeof b->wanted, "the first place");
        (void)ym_text_format (b->have, sizeof b->have, "%llu jobs of its kind before it",
                              (unsigned long long)f->ahead);
    }
    return count;
}

size_t decide_outranked (int64_t state_at, struct ym_blocker_row ret[EXPLAIN_MAX])
{
    size_t count = 0;
    struct ym_blocker_row *b =
        add (ret, &count, YM_BEHIND, "order", "time: these go first", state_at);

    (void)ym_text_copy (b->wanted, sizeof b->wanted, "a slot that no job before it takes");
    (void)ym_text_copy (b->have, sizeof b->have,
                        "jobs of other kinds or tiers take the free slots");
    return count;
}

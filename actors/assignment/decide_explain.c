/* decide_explain.c - decisions in words.
 *
 * The facts are those of a round, and the blockers are those of decide_match: what is told here
 * is the deciding function itself, counted over agents.
 */
#include "actors/assignment/decide_explain.h"

#include <string.h>

static unsigned bit (enum ym_blocker b)
{
    return 1u << b;
}

static unsigned match (const struct explain_facts *f, const struct agent_facts *agent)
{
    unsigned set = decide_match (f->need, f->until_ms, agent);

    if (f->overflow && decide_fits_overflow (f->need, agent))
        set &= ~bit (YM_POOL);
    return set;
}

/* How many agents have none of the blockers in 'set'. */
static size_t count_without (const struct explain_facts *f, unsigned set)
{
    size_t count = 0;

    for (size_t i = 0; i < f->agent_count; i++)
        count += (match (f, &f->agents[i]) & set) == 0;
    return count;
}

struct rows {
    struct ym_blocker_row *at;
    size_t count;
};

static struct ym_blocker_row *add (struct rows *rows, enum ym_blocker code, const char *subject,
                                   const char *lifted_by, int64_t since)
{
    struct ym_blocker_row *b = &rows->at[rows->count++];

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

static void want (const struct explain_facts *f, struct ym_blocker_row *b)
{
    switch (b->code) {
    case YM_CAPABILITY:
        join (b->wanted, sizeof b->wanted, &f->need->capabilities);
        break;
    case YM_REGION:
        join (b->wanted, sizeof b->wanted, &f->need->regions);
        break;
    default:
        (void)ym_text_copy (b->wanted, sizeof b->wanted, f->need->pool);
    }
}

/* What only a registration can change: each looked at among those agents that pass what was
 * looked at before it, or among all if none do, so that every missing thing is named and none
 * twice. */
static void explain_fit (const struct explain_facts *f, struct rows *rows)
{
    static const struct {
        enum ym_blocker code;
        const char *subject, *lifted_by, *have;
    } parts[] = {
        {YM_CAPABILITY, "capabilities", "an agent that offers them", "has all"},
        {YM_REGION, "region", "an agent in such a region", "is there"},
        {YM_POOL, "pool", "an agent of that pool", "is of it"},
    };
    unsigned passed = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        unsigned set = bit (parts[i].code);
        enum ym_blocker code = parts[i].code;
        if (code == YM_POOL)
            set |= bit (YM_DEDICATED);
        if (count_without (f, passed | set) > 0) {
            passed |= set;
            continue;
        }
        size_t looked = count_without (f, passed);
        if (code == YM_REGION && f->need->regions.count == 0)
            continue; /* there are no agents at all */
        if (code == YM_POOL && looked > 0 &&
            count_without (f, passed | bit (YM_POOL)) == looked)
            code = YM_DEDICATED; /* all of them serve others only */
        struct ym_blocker_row *b =
            add (rows, code, parts[i].subject, parts[i].lifted_by, f->state_at);
        want (f, b);
        (void)ym_text_format (b->have, sizeof b->have, "none of %zu agents %s", looked,
                              parts[i].have);
    }
}

/* What time, an agent's return or an operator changes. */
static const struct now_part {
    enum ym_blocker code;
    const char *subject, *lifted_by, *wanted, *have, *have_one;
} now_parts[] = {
    {YM_SILENT, "agents", "any of them, by coming back", "one that answers", "none answers",
     "it does not answer"},
    {YM_DRAINED, "agents", "an operator (agent undrain)", "one that is not drained",
     "all are drained", "it is drained"},
    {YM_WINDOW, "windows", "time, or an operator (window remove)",
     "to end before a maintenance window", "all have a window too soon",
     "its window begins too soon"},
    {YM_SLOTS, "slots", "the end of an attempt, or one more agent", "1 free slot",
     "all slots are taken", "all its slots are taken"},
    {YM_KEPT, "slots", "the lease of the job it was freed for", "1 free slot",
     "all free slots are kept for others", "its free slots are kept for others"},
};

static int64_t since_of (const struct explain_facts *f, enum ym_blocker code)
{
    int64_t latest = 0;

    if (code == YM_DRAINED && f->agent_count == 1)
        return f->agents[0].drained_ms;
    if (code != YM_SILENT || f->agent_count != 1)
        return f->state_at;
    for (size_t i = 0; i < f->agent_count; i++)
        if (!f->agents[i].connected && f->agents[i].since_ms > latest)
            latest = f->agents[i].since_ms;
    return latest > 0 ? latest : f->state_at;
}

static void explain_now (const struct explain_facts *f, struct rows *rows)
{
    unsigned passed =
        bit (YM_CAPABILITY) | bit (YM_REGION) | bit (YM_POOL) | bit (YM_DEDICATED);

    for (size_t i = 0; i < sizeof now_parts / sizeof now_parts[0]; i++) {
        const struct now_part *p = &now_parts[i];
        if (count_without (f, passed | bit (p->code)) > 0) {
            passed |= bit (p->code);
            continue;
        }
        /* Nobody that answers: whether its slots are taken does not matter. */
        if (p->code != YM_SILENT && !(passed & bit (YM_SILENT)))
            return;
        struct ym_blocker_row *b =
            add (rows, p->code, p->subject, p->lifted_by, since_of (f, p->code));
        (void)ym_text_copy (b->wanted, sizeof b->wanted, p->wanted);
        (void)ym_text_format (b->have, sizeof b->have, "%zu fit, %s", count_without (f, passed),
                              p->have);
    }
}

/* Slots that the next round can give to jobs with this need. */
static uint64_t free_slots (const struct explain_facts *f)
{
    uint64_t count = 0;

    for (size_t i = 0; i < f->agent_count; i++)
        if (match (f, &f->agents[i]) == 0)
            count += f->agents[i].slots - f->agents[i].used - f->agents[i].kept;
    return count;
}

static void not_waiting (const struct explain_facts *f, struct rows *rows)
{
    struct ym_blocker_row *b =
        add (rows, YM_NOT_WAITING, "job", "its agent, or time", f->state_at);

    (void)ym_text_copy (b->wanted, sizeof b->wanted, "a job in its queue");
    (void)ym_text_copy (b->have, sizeof b->have, "it is not in its queue now");
}

/* What stands before the job whatever the agents are. */
static void explain_policy (const struct explain_facts *f, struct rows *rows)
{
    struct ym_blocker_row *b;

    if (f->stopped) {
        b = add (rows, YM_GATE, "queue", "an operator (queue start)", f->state_at);
        (void)ym_text_copy (b->wanted, sizeof b->wanted, "a queue that is not stopped");
        (void)ym_text_copy (b->have, sizeof b->have, "stopped");
    }
    if (f->running_max > 0 && f->running >= f->running_max) {
        b = add (rows, YM_RUNNING_CAP, "tenant",
                 "the end of one of its attempts, or an operator (tenant set)", f->state_at);
        (void)ym_text_format (b->wanted, sizeof b->wanted, "fewer than %u running",
                              f->running_max);
        (void)ym_text_format (b->have, sizeof b->have, "%u running", f->running);
    }
}

size_t decide_explain (const struct explain_facts *f, struct ym_blocker_row ret[EXPLAIN_MAX])
{
    struct rows rows = {ret, 0};

    if (!f->waiting) {
        not_waiting (f, &rows);
        return rows.count;
    }
    explain_fit (f, &rows);
    if (rows.count == 0)
        explain_now (f, &rows);
    explain_policy (f, &rows);
    if (f->ahead > 0 && (rows.count > 0 || f->ahead >= free_slots (f))) {
        struct ym_blocker_row *b =
            add (&rows, YM_BEHIND, "order", "time: these go first", f->state_at);
        (void)ym_text_copy (b->wanted, sizeof b->wanted, "the first place");
        (void)ym_text_format (b->have, sizeof b->have, "%llu jobs of its kind before it",
                              (unsigned long long)f->ahead);
    }
    return rows.count;
}

size_t decide_outranked (int64_t state_at, struct ym_blocker_row ret[EXPLAIN_MAX])
{
    struct rows rows = {ret, 0};
    struct ym_blocker_row *b =
        add (&rows, YM_BEHIND, "order", "time: these go first", state_at);

    (void)ym_text_copy (b->wanted, sizeof b->wanted, "a slot that no job before it takes");
    (void)ym_text_copy (b->have, sizeof b->have,
                        "jobs of other kinds or tiers take the free slots");
    return rows.count;
}

/* One agent. */

static void fit_of_agent (const struct explain_facts *f, unsigned set, struct rows *rows)
{
    static const enum ym_blocker codes[] = {YM_CAPABILITY, YM_REGION, YM_POOL, YM_DEDICATED};
    const struct agent_facts *agent = &f->agents[0];

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (!(set & bit (codes[i])))
            continue;
        struct ym_blocker_row *b =
            add (rows, codes[i], agent->name, "a registration with other words", f->state_at);
        want (f, b);
        if (codes[i] == YM_CAPABILITY)
            join (b->have, sizeof b->have, agent->capabilities);
        else
            (void)ym_text_copy (b->have, sizeof b->have,
                                codes[i] == YM_REGION ? agent->region : agent->pool);
        if (!b->have[0])
            (void)ym_text_copy (b->have, sizeof b->have, "none");
    }
}

size_t decide_why_not (const struct explain_facts *f, struct ym_blocker_row ret[EXPLAIN_MAX])
{
    struct rows rows = {ret, 0};
    unsigned set = match (f, &f->agents[0]);

    if (!f->waiting) {
        not_waiting (f, &rows);
        return rows.count;
    }
    fit_of_agent (f, set, &rows);
    for (size_t i = 0; i < sizeof now_parts / sizeof now_parts[0]; i++) {
        const struct now_part *p = &now_parts[i];
        if (!(set & bit (p->code)))
            continue;
        struct ym_blocker_row *b =
            add (&rows, p->code, f->agents[0].name, p->lifted_by, since_of (f, p->code));
        (void)ym_text_copy (b->wanted, sizeof b->wanted, p->wanted);
        (void)ym_text_copy (b->have, sizeof b->have, p->have_one);
    }
    explain_policy (f, &rows);
    return rows.count;
}

size_t decide_not_its_turn (int64_t state_at, const char *agent, const char *taken_by,
                            struct ym_blocker_row ret[EXPLAIN_MAX])
{
    struct rows rows = {ret, 0};
    struct ym_blocker_row *b =
        add (&rows, YM_BEHIND, agent, "time: agents take turns", state_at);

    (void)ym_text_copy (b->wanted, sizeof b->wanted, "this agent's turn");
    if (taken_by)
        (void)ym_text_format (b->have, sizeof b->have, "the next round gives it to %s",
                              taken_by);
    else
        (void)ym_text_copy (b->have, sizeof b->have, "jobs before it take the free slots");
    return rows.count;
}

/* Why an agent was taken. */

static unsigned weight (const struct loser *l)
{
    unsigned count = 0;

    for (unsigned set = l->blockers; set; set &= set - 1)
        count++;
    return count;
}

void decide_add_loser (struct losers *l, const struct loser *one)
{
    const size_t room = sizeof l->at / sizeof l->at[0];
    size_t at;

    if (l->count == room && weight (&l->at[room - 1]) <= weight (one))
        return;
    if (l->count < room)
        l->count++;
    for (at = l->count - 1; at > 0 && weight (&l->at[at - 1]) > weight (one); at--)
        l->at[at] = l->at[at - 1];
    l->at[at] = *one;
}

static void append (char ret[CHOSEN_TEXT], const char *text)
{
    size_t used = strlen (ret);

    (void)ym_text_copy (ret + used, CHOSEN_TEXT - used, text);
}

static void append_blockers (char ret[CHOSEN_TEXT], unsigned set)
{
    const char *between = "";

    if (set == 0)
        append (ret, "not its turn");
    for (unsigned code = 0; code < YM_COUNT_blocker; code++) {
        if (!(set & 1u << code))
            continue;
        append (ret, between);
        append (ret, ym_enum_word (YM_ENUM_BLOCKER, code));
        between = ", ";
    }
}

void decide_chosen (const struct chosen_facts *f, char ret[CHOSEN_TEXT])
{
    const struct agent_facts *a = f->agent;
    size_t told = 0;

    if (f->kept)
        (void)ym_text_format (ret, CHOSEN_TEXT, "%s: its slot was freed for this job", a->name);
    else
        (void)ym_text_format (ret, CHOSEN_TEXT, "%s: %u of %u slots free, its turn%s", a->name,
                              a->slots - a->used, a->slots,
                              f->overflow ? ", no dedicated agent is free" : "");
    for (size_t i = 0; i < f->losers->count && told < CHOSEN_LOSERS; i++) {
        const struct loser *l = &f->losers->at[i];
        if (l->agent == f->number)
            continue;
        append (ret, "; not ");
        append (ret, l->name);
        append (ret, ": ");
        append_blockers (ret, l->blockers);
        told++;
    }
}

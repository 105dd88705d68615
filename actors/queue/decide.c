/* decide.c - the rules of a queue, without input or output. */
#include "actors/queue/decide.h"

#include "common/base/enums.h"
#include "common/base/time.h"

enum { COST_OF_WEIGHT_1 = 1 << 20 };
#define TAG_MAX ((UINT64_C (1) << 58) - 1) /* above it stands the urgency */

unsigned decide_waits (const struct waits_facts *f, int64_t now_ms)
{
    unsigned set = 0;

    if (f->hold != YM_NOT_HELD)
        set |= DECIDE_BIT (YM_ON_HOLD);
    if (f->urgency == 0)
        set |= DECIDE_BIT (YM_URGENCY);
    if (f->unmet > 0)
        set |= DECIDE_BIT (YM_DEPENDENCY);
    if (f->not_before_ms > now_ms)
        set |= DECIDE_BIT (YM_NOT_BEFORE);
    return set;
}

enum offer_verdict decide_offer (const struct lane_facts *f)
{
    size_t share = f->lanes > 1 ? QUEUE_WINDOW / f->lanes : QUEUE_WINDOW;

    if (!f->has_next)
        return OFFER_NOTHING;
    if (f->offered < (share > LANE_WINDOW ? share : LANE_WINDOW))
        return OFFER_NEXT;
    return f->goes_first ? OFFER_INSTEAD : OFFER_NOTHING;
}

uint64_t decide_cost (uint32_t weight)
{
    return weight > COST_OF_WEIGHT_1 ? 1 : COST_OF_WEIGHT_1 / (weight > 0 ? weight : 1);
}

uint64_t decide_pass (uint64_t pass, uint64_t virtual_time, uint64_t cost, size_t offered)
{
    uint64_t behind = cost * offered;
    uint64_t least = virtual_time > behind ? virtual_time - behind : 0;

    return pass > least ? pass : least;
}

uint64_t decide_virtual (uint64_t virtual_time, uint64_t tag, uint64_t pass)
{
    uint64_t served = tag < pass ? tag : pass;

    return virtual_time > served ? virtual_time : served;
}

uint64_t decide_rank (uint32_t urgency, uint64_t tag)
{
    return (uint64_t)(31 - (urgency < 31 ? urgency : 31)) << 58 |
           (tag < TAG_MAX ? tag : TAG_MAX);
}

/* Explaining. */

struct rows {
    struct ym_blocker_row *at;
    size_t count;
};

static struct ym_blocker_row *add (struct rows *r, enum ym_blocker code, const char *subject,
                                   const char *lifted_by, int64_t since)
{
    struct ym_blocker_row *b = &r->at[r->count++];

    *b = (struct ym_blocker_row){.code = code, .since = since};
    (void)ym_text_copy (b->subject, sizeof b->subject, subject);
    (void)ym_text_copy (b->lifted_by, sizeof b->lifted_by, lifted_by);
    return b;
}

static void set (struct ym_blocker_row *b, const char *wanted, const char *have)
{
    (void)ym_text_copy (b->wanted, sizeof b->wanted, wanted);
    (void)ym_text_copy (b->have, sizeof b->have, have);
}

static void explain_hold (const struct explain_wait_facts *f, struct rows *r)
{
    static const char *const lifts[YM_COUNT_hold] = {
        [YM_BY_OPERATOR] = "an operator: job release",
        [YM_AT_SUBMIT] = "its owner or an operator: job release",
        [YM_RETRIES_USED] = "its owner or an operator: job retry",
        [YM_AGENTS_LOST] = "its owner or an operator: job retry",
        [YM_DEPENDENCY_BAD] = "its owner or an operator: job retry",
    };
    uint32_t hold = f->waits.hold < YM_COUNT_hold ? f->waits.hold : YM_BY_OPERATOR;
    struct ym_blocker_row *b =
        add (r, YM_ON_HOLD, ym_enum_word (YM_ENUM_HOLD, hold), lifts[hold],
             f->ask->hold_since ? f->ask->hold_since : f->ask->state_at);

    set (b, "no hold", "");
    if (!ym_text_copy_str (b->have, sizeof b->have, f->ask->hold_reason) || b->have[0])
        return;
    (void)ym_text_copy (b->have, sizeof b->have, "held");
}

static void explain_unmet (const struct explain_wait_facts *f, struct rows *r)
{
    struct ym_blocker_row *b = add (r, YM_DEPENDENCY, "dependencies",
                                    "the end of those jobs, or an operator", f->ask->state_at);

    set (b, "that they have ended", "");
    if (f->ask->waits_for.size > 0)
        (void)ym_text_copy_str (b->have, sizeof b->have, f->ask->waits_for);
    else
        (void)ym_text_format (b->have, sizeof b->have, "%u have not", f->waits.unmet);
}

static void explain_early (const struct explain_wait_facts *f, struct rows *r)
{
    struct ym_blocker_row *b =
        add (r, YM_NOT_BEFORE, "time", "time; of a retry also: job retry", f->ask->state_at);
    char when[YM_TIME_TEXT_MAX + 1];

    ym_time_print (when, f->waits.not_before_ms);
    (void)ym_text_format (b->wanted, sizeof b->wanted, "not before %s", when);
    ym_time_print (when, f->now_ms);
    (void)ym_text_format (b->have, sizeof b->have, "it is %s", when);
}

static void explain_job (const struct explain_wait_facts *f, unsigned waits, struct rows *r)
{
    if (waits & DECIDE_BIT (YM_ON_HOLD))
        explain_hold (f, r);
    if (waits & DECIDE_BIT (YM_URGENCY))
        set (add (r, YM_URGENCY, "urgency", "its owner or an operator: job urge",
                  f->ask->state_at),
             "an urgency of 1 to 31", "0");
    if (waits & DECIDE_BIT (YM_DEPENDENCY))
        explain_unmet (f, r);
    if (waits & DECIDE_BIT (YM_NOT_BEFORE))
        explain_early (f, r);
}

static void explain_stop (const struct explain_wait_facts *f, struct rows *r)
{
    char subject[80];
    struct ym_blocker_row *b;

    (void)ym_text_format (subject, sizeof subject, "queue %s",
                          ym_enum_word (YM_ENUM_TIER, f->tier));
    b = add (r, YM_GATE, subject, "an operator: queue start", f->stopped_ms);
    set (b, "a queue that is started", f->stop_reason[0] ? f->stop_reason : "it is stopped");
}

static void explain_elsewhere (const struct explain_wait_facts *f, struct rows *r)
{
    bool is_operators = f->ask->suspender == YM_OPERATING;

    if (f->ask->state == YM_JOB_SUSPENDED)
        set (add (r, YM_SUSPENSION, "suspension",
                  is_operators ? "an operator: job resume" : "its owner: job resume",
                  f->ask->state_at),
             "a job that is not suspended",
             is_operators ? "an operator suspended it" : "its owner suspended it");
    else
        set (add (r, YM_NOT_WAITING, "job", "its agent, or time", f->ask->state_at),
             "a job in its queue", "it is not in its queue now");
}

static void explain_order (const struct explain_wait_facts *f, struct rows *r)
{
    struct ym_blocker_row *b =
        add (r, YM_BEHIND, "order", "time: these go first", f->ask->state_at);

    (void)ym_text_copy (b->wanted, sizeof b->wanted, "a place among the next");
    if (f->before_others > 0)
        (void)ym_text_format (b->have, sizeof b->have,
                              "%zu of its tenant's jobs are before it, of others about %zu",
                              f->before_own, f->before_others);
    else
        (void)ym_text_format (b->have, sizeof b->have, "%zu of its tenant's jobs are before it",
                              f->before_own);
}

size_t decide_explain_wait (const struct explain_wait_facts *f,
                            struct ym_blocker_row ret[QUEUE_BLOCKERS_MAX])
{
    struct rows r = {.at = ret};
    unsigned waits = f->is_here ? decide_waits (&f->waits, f->now_ms) : 0;

    if (!f->is_here)
        explain_elsewhere (f, &r);
    else
        explain_job (f, waits, &r);
    if (f->stopped && f->is_here)
        explain_stop (f, &r);
    if (f->is_here && !f->stopped && waits == 0 && !f->offered)
        explain_order (f, &r);
    return r.count;
}

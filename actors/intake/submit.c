/* submit.c - submits, and what minting ids needs.
 *
 * A submit is answered when it is committed, together with its request, so that a repetition
 * finds the first answer. Its queue is told after that; a hint that is lost is found by the
 * queue.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/intake/intake.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum {
    MINT_SPAN_MS = 10000, /* ids are reserved for so long ahead */
    PARTITIONS_EVERY_MS = 3600000,
    REQUIREMENTS_EVERY_MS = 86400000, /* then they are counted anew */
    SWEEP_EVERY_MS = 10000,
    CAP_RETRY_MS = 1000, /* a queue's word about what waits is at most that old */
    COUNTED_AFTER_MS = 2000,
};

/* Submit. What plan finds out about an item is kept for done. */

struct plan {
    enum ym_refusal refusal;
    unsigned retry_ms;
    struct ym_faults *faults;
    struct submission s;
};

static void copy_trace (struct submission *s, const struct ym_to *from)
{
    static const uint8_t none[16];

    s->has_trace = memcmp (from->trace, none, sizeof none) != 0;
    memcpy (s->trace, from->trace, sizeof from->trace);
    memcpy (s->trace + sizeof from->trace, from->span, sizeof from->span);
}

static void plan_requirement (struct intake *in, struct ym_turn *t, const char *tenant,
                              struct plan *p)
{
    char *text = ym_arena_take (t->arena, YM_REQUIREMENT_TEXT_MAX + 1);
    struct ym_requirement need;

    decide_requirement (p->s.m, tenant, &need);
    need.run_minutes = ym_requirement_minutes (p->s.m->run_limit_ms);
    p->s.requirement = ym_requirement_print (&need, text);
    if (requirements_has (in->requirements, p->s.requirement))
        return;
    p->s.requirement_text = text;
    if (!requirements_count (in->requirements, p->s.requirement, p->s.tenant))
        p->refusal = YM_REFUSAL_CLASS_LIMIT;
}

/* A token for each submit, and none again for one whose turn is run again. */
static void plan_token (struct intake *in, const struct ym_turn *t, const struct ym_item *item,
                        struct plan *p)
{
    int64_t wait_ms = 0;

    if (item->tries == 0 && !item->in_doubt)
        wait_ms = limits_token (in->limits, item->key.key, t->now_ms);
    if (wait_ms == 0)
        return;
    p->refusal = YM_REFUSAL_BUSY;
    p->retry_ms = (unsigned)(wait_ms < 3600000 ? wait_ms : 3600000);
}

static void plan_rules (struct intake *in, struct ym_turn *t, const struct ym_item *item,
                        struct plan *p)
{
    plan_token (in, t, item, p);
    if (p->refusal == YM_REFUSAL_NONE)
        p->refusal = decide_submit (p->s.m, item->key.role, item->key.tenant_name, p->faults);
    if (p->refusal == YM_REFUSAL_NONE)
        plan_requirement (in, t, item->key.tenant_name, p);
    if (p->refusal == YM_REFUSAL_NONE && (p->s.job = ym_mint_next (&in->mint, t->now_ms)) == 0)
        p->refusal = YM_REFUSAL_BUSY;
}

static struct plan *plan_one (struct intake *in, struct ym_turn *t, const struct ym_item *item)
{
    struct plan *p = ym_arena_take (t->arena, sizeof *p);

    memset (p, 0, sizeof *p);
    p->s.m = item->body;
    p->s.tenant = item->key.tenant;
    p->s.key = item->key.key;
    ym_wire_digest (item->letter.message, item->body, p->s.digest);
    copy_trace (&p->s, &item->from);
    p->faults = ym_arena_take (t->arena, sizeof *p->faults);
    p->faults->count = 0;
    plan_rules (in, t, item, p);
    return p;
}

/* How many of the items before this one are its tenant's and to be stored. */
static uint64_t planned_before (struct ym_item **items, size_t place)
{
    int32_t tenant = items[place]->key.tenant;
    uint64_t count = 0;

    for (size_t i = 0; i < place; i++)
        count += items[i]->key.tenant == tenant &&
                 ((const struct plan *)items[i]->note)->refusal == YM_REFUSAL_NONE;
    return count;
}

static void plan_cap (struct intake *in, struct ym_item **items, size_t place)
{
    struct plan *p = items[place]->note;

    if (p->refusal != YM_REFUSAL_NONE || !limits_is_capped (in->limits, p->s.tenant) ||
        limits_has_room (in->limits, p->s.tenant, planned_before (items, place)))
        return;
    p->refusal = YM_REFUSAL_WAITING_CAP;
    p->retry_ms = CAP_RETRY_MS;
}

/* Who is refused for the moment may have been accepted before: its request is looked up. */
static void plan_seen (struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct submission *s = ym_arena_take (t->arena, count * sizeof *s);
    size_t capped = 0;
    unsigned call = 0;

    for (size_t i = 0; i < count; i++)
        if (((const struct plan *)items[i]->note)->refusal == YM_REFUSAL_WAITING_CAP)
            s[capped++] = ((const struct plan *)items[i]->note)->s;
    if (capped > 0)
        call = store_call_seen (t, s, capped);
    for (size_t i = 0; i < count; i++)
        if (((const struct plan *)items[i]->note)->refusal == YM_REFUSAL_WAITING_CAP)
            items[i]->call = call;
}

static void plan_submit (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct submission *s = ym_arena_take (t->arena, count * sizeof *s);
    unsigned call = UINT32_MAX;
    size_t good = 0;

    for (size_t i = 0; i < count; i++) {
        const struct plan *p = items[i]->note = plan_one (me, t, items[i]);
        plan_cap (me, items, i);
        if (p->refusal == YM_REFUSAL_NONE)
            s[good++] = p->s;
    }
    if (good > 0)
        call = store_call_submit (t, s, good);
    for (size_t i = 0; i < count; i++)
        items[i]->call = call;
    plan_seen (t, items, count);
}

static void hint_submitted (const struct ym_turn *t, const struct submission *s,
                            const struct submitted *got, struct hints *hints)
{
    const struct ym_job_submit *m = s->m;
    bool is_urged = (m->has & YM_HAS (job_submit, urgency)) != 0;

    hints_ready (hints, m->tier,
                 &(struct ym_ready){.job = got->seen == SEEN_FRESH ? s->job : got->job,
                                    .tenant = (uint64_t)s->tenant,
                                    .requirement = s->requirement,
                                    .urgency = is_urged ? m->urgency : YM_URGENCY_USUAL,
                                    .hold = got->hold,
                                    .unmet = got->unmet,
                                    .not_before = m->not_before,
                                    .wait_until = m->wait_limit_ms > 0
                                                      ? t->now_ms + (int64_t)m->wait_limit_ms
                                                      : 0});
}

static void accepted (struct intake *in, struct ym_turn *t, struct ym_item *item,
                      const struct submitted *got, struct hints *hints)
{
    const struct submission *s = &((const struct plan *)item->note)->s;

    requirements_stored (in->requirements, s->requirement);
    limits_accepted (in->limits, s->m->tier, s->tenant, s->job);
    in->accepted++;
    feeds_look (in, s->job);
    ym_answer (in->yard, item, YM_MSG_job_accepted, &(struct ym_job_accepted){.job = s->job});
    hint_submitted (t, s, got, hints);
}

/* If a turn that did not live to tell of it stored it, its queue does not know it. What may
 * have changed since is found out by the lease. */
static void accepted_before (struct intake *in, struct ym_turn *t, struct ym_item *item,
                             const struct submitted *got, struct hints *hints)
{
    ym_answer (in->yard, item, YM_MSG_job_accepted, &(struct ym_job_accepted){.job = got->job});
    if (item->in_doubt)
        hint_submitted (t, &((const struct plan *)item->note)->s, got, hints);
}

static void answer_submit (struct intake *in, struct ym_turn *t, struct ym_item *item,
                           const struct submitted *got, struct hints *hints)
{
    const struct plan *p = item->note;
    enum ym_refusal why;

    if (got->seen == SEEN_FRESH)
        accepted (in, t, item, got, hints);
    else if (got->seen == SEEN_STRANGE)
        ym_refuse (in->yard, item, YM_REFUSAL_UNKNOWN_DEPENDENCY);
    else if (got->seen == SEEN_IN_THIS_BATCH)
        ym_put_again (in->yard, item, &submit_work);
    else if ((why = decide_repeat (p->s.digest, got->digest)) != YM_REFUSAL_NONE)
        ym_refuse (in->yard, item, why);
    else
        accepted_before (in, t, item, got, hints);
}

static void refuse_planned (struct intake *in, struct ym_item *item)
{
    const struct plan *p = item->note;

    if (p->refusal == YM_REFUSAL_INVALID)
        ym_refuse_faults (in->yard, item, p->refusal, p->faults);
    else
        ym_refuse_later (in->yard, item, p->refusal, p->retry_ms);
}

/* One that was over its tenant's cap. */
static void answer_capped (struct intake *in, struct ym_turn *t, struct ym_item *item,
                           size_t row, struct hints *hints)
{
    struct submitted got = store_got_seen (t, item->call, row);

    if (got.seen == SEEN_BEFORE)
        answer_submit (in, t, item, &got, hints);
    else
        refuse_planned (in, item);
}

static void done_submit (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    struct hints *hints = hints_new (in, t);
    size_t good = 0, capped = 0;

    /* Each call answers its items in their order, a row each. */
    for (size_t i = 0; i < count; i++) {
        const struct plan *p = items[i]->note;
        if (p->refusal == YM_REFUSAL_NONE) {
            struct submitted got = store_got_submitted (t, items[i]->call, good++);
            answer_submit (in, t, items[i], &got, hints);
        }
        else if (p->refusal == YM_REFUSAL_WAITING_CAP) {
            answer_capped (in, t, items[i], capped++, hints);
        }
        else {
            refuse_planned (in, items[i]);
        }
    }
    hints_send (hints);
}

const struct ym_work submit_work = {.name = "submit", .plan = plan_submit, .done = done_submit};

/* Ids to mint from. */

static void plan_reserve (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;

    (void)count;
    items[0]->call = store_call_reserve (t, ym_yard_epoch (in->yard), MINT_SPAN_MS);
}

/* The rest of an old block is left unused, except that a new one that follows it is one with
 * it. */
static void done_reserve (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    int64_t from_ms, until_ms;

    (void)count;
    in->reserving = false;
    store_got_reserved (t, items[0]->call, &from_ms, &until_ms);
    if (from_ms == in->mint.until_ms)
        in->mint.until_ms = until_ms;
    else
        in->mint = (struct ym_mint){.shard = 0, .at_ms = from_ms, .until_ms = until_ms};
}

static void failed_reserve (void *me, struct ym_item *item)
{
    struct intake *in = me;

    (void)item;
    in->reserving = false;
}

const struct ym_work reserve_work = {.name = "reserve",
                                     .one_at_a_time = true,
                                     .forget_unknown = true,
                                     .plan = plan_reserve,
                                     .done = done_reserve,
                                     .failed = failed_reserve};

/* Partitions of the days to come. */

static void plan_partitions (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)count;
    items[0]->call = store_call_partitions (t);
}

static void done_partitions (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    int32_t made = store_got_partitions (t, items[0]->call);

    (void)me, (void)count;
    if (made > 0)
        ym_log (YM_LOG_INFO, "partitions_made", ym_log_number ("count", made));
}

static void failed_partitions (void *me, struct ym_item *item)
{
    struct intake *in = me;

    (void)item;
    in->partitions_at_ms = ym_time_wall_ms () + 60000;
}

const struct ym_work partitions_work = {.name = "partitions",
                                        .one_at_a_time = true,
                                        .forget_unknown = true,
                                        .plan = plan_partitions,
                                        .done = done_partitions,
                                        .failed = failed_partitions};

static void forget_requirements (struct intake *in, int64_t mono_ms)
{
    if (mono_ms < in->requirements_at_ms)
        return;
    in->requirements_at_ms = mono_ms + REQUIREMENTS_EVERY_MS;
    requirements_forget (in->requirements);
}

/* A queue tells what changed. One that came and went in between changed nothing: a queue that
 * is heard has counted after a while what it was told, whether it said so or not. */
static void count_old (struct intake *in, int64_t wall_ms)
{
    int64_t old = ym_id_make (0, wall_ms - COUNTED_AFTER_MS, 0);

    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        if (ym_bus_hears (ym_yard_bus (in->yard), ym_actor_queue (tier), NULL))
            limits_counted (in->limits, tier, false, old);
}

void submit_pass (struct intake *in, int64_t wall_ms, int64_t mono_ms)
{
    int64_t at_ms = in->mint.at_ms > wall_ms ? in->mint.at_ms : wall_ms;

    forget_requirements (in, mono_ms);
    count_old (in, wall_ms);
    if (mono_ms >= in->limits_sweep_at_ms) {
        in->limits_sweep_at_ms = mono_ms + SWEEP_EVERY_MS;
        limits_sweep (in->limits, wall_ms);
    }
    if (!ym_yard_has_database (in->yard) || ym_yard_is_stopping (in->yard))
        return;
    if (!in->reserving && in->mint.until_ms - at_ms < MINT_SPAN_MS / 2) {
        in->reserving = true;
        ym_put (in->yard, &reserve_work, NULL);
    }
    if (wall_ms >= in->partitions_at_ms) {
        in->partitions_at_ms = wall_ms + PARTITIONS_EVERY_MS;
        ym_put (in->yard, &partitions_work, NULL);
    }
}

/* policy.c - what operators decide: queues stopped and started, agents drained, what tenants
 * may, maintenance windows; and the lists that tell of it.
 *
 * A verb takes two turns. The first reads and decides; a plan is answered from that. The second
 * makes the change if the version is still the one that was decided by, together with the
 * request and its answer; if it is not, the first begins again.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/intake/intake.h"
#include "actors/intake/store_policy.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"

enum { PAGE_MAX = 200, LOOKS_MAX = 8, REASON_LOGGED = 100 };

typedef void decide_f (const void *m, const struct policy_facts *f, struct policy_verdict *ret);

static const struct verb {
    unsigned message;
    decide_f *decide;
    size_t plan, reason, subject; /* places in the message; 0: none, or not a text */
} verbs[] = {
    {YM_MSG_queue_act, decide_queue_act, offsetof (struct ym_queue_act, plan),
     offsetof (struct ym_queue_act, reason), 0},
    {YM_MSG_agent_act, decide_agent_act, offsetof (struct ym_agent_act, plan),
     offsetof (struct ym_agent_act, reason), offsetof (struct ym_agent_act, agent)},
    {YM_MSG_tenant_set, decide_tenant_set, offsetof (struct ym_tenant_set, plan),
     offsetof (struct ym_tenant_set, reason), offsetof (struct ym_tenant_set, tenant)},
    {YM_MSG_window_add, decide_window_add, offsetof (struct ym_window_add, plan),
     offsetof (struct ym_window_add, reason), offsetof (struct ym_window_add, subject)},
    {YM_MSG_window_remove, decide_window_remove, offsetof (struct ym_window_remove, plan),
     offsetof (struct ym_window_remove, reason), 0},
};

static const struct verb *verb_of (const struct ym_item *item)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (verbs[i].message == item->letter.message->number)
            return &verbs[i];
    ym_panic ("%s is no verb of the policy", item->letter.message->name);
}

/* Stays with the item from the turn that decides to the one that writes. */
struct decided {
    unsigned looks;
    uint8_t digest[32];
    struct policy_verdict verdict;
};

static bool is_plan (const struct verb *v, const struct ym_item *item)
{
    return *(const bool *)((const char *)item->body + v->plan);
}

/* The answer as words; the rows stay with the verdict. */
static uint32_t effects_of (const struct policy_verdict *v,
                            struct ym_effect ret[POLICY_EFFECTS_MAX])
{
    for (uint32_t i = 0; i < v->effect_count; i++)
        ret[i].text = ym_str (v->effects[i]);
    return v->effect_count;
}

static struct ym_done done_of (const struct policy_verdict *v,
                               struct ym_effect effects[POLICY_EFFECTS_MAX])
{
    return (struct ym_done){.has = v->made ? YM_HAS (done, made) : 0,
                            .version = (uint64_t)v->after,
                            .made = (uint64_t)v->made,
                            .effects = {effects, effects_of (v, effects)}};
}

static void answer_plan (struct intake *in, struct ym_item *item,
                         const struct policy_verdict *v)
{
    struct ym_effect effects[POLICY_EFFECTS_MAX];
    struct ym_planned p = {.version = (uint64_t)v->version,
                           .effects = {effects, effects_of (v, effects)}};

    ym_answer (in->yard, item, YM_MSG_planned, &p);
}

/* The same answer as the first time: the ledger has the whole frame. */
static void answer_before (struct intake *in, struct ym_turn *t, struct ym_item *item,
                           const uint8_t digest[32], const struct asked_before *before)
{
    const struct ym_message *done = ym_message_find (YM_MSG_done);
    enum ym_refusal why = decide_repeat (digest, before->digest);
    struct ym_faults faults;
    struct ym_done m;

    if (why == YM_REFUSAL_NONE &&
        !ym_wire_decode (done, before->reply.at, before->reply.size, t->arena, &m, &faults))
        why = YM_REFUSAL_KEY_REUSED; /* another kind of answer: it was another request */
    if (why == YM_REFUSAL_NONE)
        ym_answer (in->yard, item, YM_MSG_done, &m);
    else
        ym_refuse (in->yard, item, why);
}

/* First turn. */

static void plan_look (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_policy_look (t, items[i]->letter.message->number,
                                                 items[i]->body, items[i]->key.tenant);
}

static struct decided *keep (struct ym_item *item)
{
    if (!item->keep) {
        struct decided *d = ym_new (sizeof *d);
        ym_wire_digest (item->letter.message, item->body, d->digest);
        item->keep = d;
    }
    return item->keep;
}

static void look_at (struct intake *in, struct ym_turn *t, struct ym_item *item)
{
    const struct verb *v = verb_of (item);
    struct decided *d = keep (item);
    struct policy_facts facts;
    struct asked_before before;

    store_got_policy_look (t, item->call, v->message, &facts, &before);
    if (before.is && !is_plan (v, item)) {
        answer_before (in, t, item, d->digest, &before);
        return;
    }
    v->decide (item->body, &facts, &d->verdict);
    if (d->verdict.refusal != YM_REFUSAL_NONE)
        ym_refuse_faults (in->yard, item, d->verdict.refusal, &d->verdict.faults);
    else if (is_plan (v, item))
        answer_plan (in, item, &d->verdict);
    else if (++d->looks > LOOKS_MAX)
        ym_refuse_later (in->yard, item, YM_REFUSAL_BUSY, 100);
    else
        ym_put_again (in->yard, item, &policy_set_work);
}

static void done_look (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        look_at (me, t, items[i]);
}

const struct ym_work policy_look_work = {.name = "policy_look",
                                         .lane = YM_LANE_READ,
                                         .most = 8,
                                         .plan = plan_look,
                                         .done = done_look};

/* Second turn. */

static struct ym_bytes encode_reply (struct ym_turn *t, const struct ym_done *m)
{
    const struct ym_header h = {.number = YM_MSG_done};
    size_t room = ym_wire_room (ym_message_find (YM_MSG_done), m);
    uint8_t *frame = ym_arena_take (t->arena, room);
    size_t size = ym_wire_encode (&h, m, frame, room);

    ym_assert (size > 0);
    return ym_bytes (frame, size);
}

static void plan_set (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct decided *d = items[0]->keep;
    struct ym_effect effects[POLICY_EFFECTS_MAX];
    struct ym_done m = done_of (&d->verdict, effects);

    (void)me, (void)count;
    items[0]->call =
        store_call_policy_set (t, items[0]->letter.message->number, items[0]->body,
                               &(struct policy_write){.verdict = &d->verdict,
                                                      .tenant = items[0]->key.tenant,
                                                      .key = items[0]->key.key,
                                                      .digest = d->digest,
                                                      .reply = encode_reply (t, &m)});
}

/* Caps are counted only if they may have changed: that reads all that waits. */
static void tell_everybody (struct intake *in, const struct ym_item *item)
{
    const struct ym_policy_changed m = {0};

    if (item->letter.message->number == YM_MSG_tenant_set)
        caps_reload (in);
    ym_send (in->yard, YM_ACTOR_ASSIGNMENT, YM_MSG_policy_changed, 0, &m);
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        ym_send (in->yard, ym_actor_queue (tier), YM_MSG_policy_changed, 0, &m);
}

static void log_change (const struct ym_item *item, const struct policy_verdict *v)
{
    const struct verb *verb = verb_of (item);
    const char *m = item->body;
    char reason[REASON_LOGGED + 1];

    (void)ym_text_copy_str (reason, sizeof reason, *(const struct ym_str *)(m + verb->reason));
    ym_log (YM_LOG_INFO, "policy_changed", ym_log_text ("verb", item->letter.message->name),
            ym_log_text ("about", verb->subject ? m + verb->subject : "-"),
            ym_log_number ("id", v->made ? v->made : v->id), ym_log_text ("by", item->key.name),
            ym_log_text ("effect", v->effect_count ? v->effects[0] : "-"),
            ym_log_text ("why", reason));
}

static void answer_done (struct intake *in, struct ym_item *item,
                         const struct policy_verdict *v)
{
    struct ym_effect effects[POLICY_EFFECTS_MAX];
    struct ym_done m = done_of (v, effects);

    log_change (item, v);
    tell_everybody (in, item);
    ym_answer (in->yard, item, YM_MSG_done, &m);
}

static void done_set (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct decided *d = items[0]->keep;
    struct intake *in = me;
    struct asked_before before;

    (void)count;
    switch (store_got_policy_set (t, items[0]->call, &before)) {
    case POLICY_DONE:
        answer_done (in, items[0], &d->verdict);
        break;
    case POLICY_BEFORE:
        if (items[0]->in_doubt)
            tell_everybody (in, items[0]); /* it may have been this very one */
        answer_before (in, t, items[0], d->digest, &before);
        break;
    case POLICY_MOVED:
        ym_put_again (in->yard, items[0], &policy_look_work);
        break;
    }
}

const struct ym_work policy_set_work = {
    .name = "policy_set", .one_at_a_time = true, .plan = plan_set, .done = done_set};

/* Tenants. */

static void plan_tenants (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_tenants (t, items[i]->body, PAGE_MAX);
}

static void done_tenants (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;

    for (size_t i = 0; i < count; i++) {
        struct ym_tenant_row *rows = ym_arena_take (t->arena, PAGE_MAX * sizeof *rows);
        struct ym_tenant_page page = {.tenants = {rows, 0}};
        while (page.tenants.count < store_rows (t, items[i]->call)) {
            store_got_tenant (t, items[i]->call, page.tenants.count, &rows[page.tenants.count]);
            page.tenants.count++;
        }
        if (page.tenants.count == PAGE_MAX) {
            page.has = YM_HAS (tenant_page, next);
            memcpy (page.next, rows[PAGE_MAX - 1].name, sizeof page.next);
        }
        ym_answer (in->yard, items[i], YM_MSG_tenant_page, &page);
    }
}

const struct ym_work tenant_list_work = {.name = "tenant_list",
                                         .lane = YM_LANE_READ,
                                         .most = 4,
                                         .plan = plan_tenants,
                                         .done = done_tenants};

/* Windows. */

static void plan_windows (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_windows (t, items[i]->body, PAGE_MAX);
}

static void done_windows (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;

    for (size_t i = 0; i < count; i++) {
        struct ym_window_row *rows = ym_arena_take (t->arena, PAGE_MAX * sizeof *rows);
        struct ym_window_page page = {.windows = {rows, 0}};
        while (page.windows.count < store_rows (t, items[i]->call)) {
            store_got_window (t, items[i]->call, page.windows.count, &rows[page.windows.count]);
            page.windows.count++;
        }
        if (page.windows.count == PAGE_MAX) {
            page.has = YM_HAS (window_page, next);
            page.next = rows[PAGE_MAX - 1].window;
        }
        ym_answer (in->yard, items[i], YM_MSG_window_page, &page);
    }
}

const struct ym_work window_list_work = {.name = "window_list",
                                         .lane = YM_LANE_READ,
                                         .most = 4,
                                         .plan = plan_windows,
                                         .done = done_windows};

/* Problems. */

static void plan_problems (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call =
            store_call_problems (t, decide_sees (items[i]->key.role, items[i]->key.tenant),
                                 items[i]->body, PAGE_MAX);
}

static void done_problems (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;

    for (size_t i = 0; i < count; i++) {
        struct ym_problem_row *rows = ym_arena_take (t->arena, PAGE_MAX * sizeof *rows);
        struct ym_problem_page page = {.problems = {rows, 0}};
        while (page.problems.count < store_rows (t, items[i]->call)) {
            char *job = ym_arena_take (t->arena, YM_ID_TEXT_MAX + 1);
            store_got_problem (t, items[i]->call, page.problems.count, job,
                               &rows[page.problems.count]);
            page.problems.count++;
        }
        if (page.problems.count == PAGE_MAX) {
            page.has = YM_HAS (problem_page, next);
            page.next = rows[PAGE_MAX - 1].problem;
        }
        ym_answer (in->yard, items[i], YM_MSG_problem_page, &page);
    }
}

const struct ym_work problem_list_work = {.name = "problem_list",
                                          .lane = YM_LANE_READ,
                                          .most = 4,
                                          .plan = plan_problems,
                                          .done = done_problems};

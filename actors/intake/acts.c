/* acts.c - changes to one job, asked for from outside.
 *
 * Two turns: the facts are read and decided on, then what was decided is stored by one
 * compare-and-set together with the answer. If anything moved in between, it is looked at
 * again; who asked for the plan only is answered between the two. A request that was answered
 * before gets that answer, octet for octet.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/intake/intake.h"
#include "actors/intake/store_act.h"
#include "common/base/own.h"
#include "common/base/panic.h"

enum {
    ACTS_OF_ONE_TURN = 16, /* each is a call of its own, and a batch holds 64 */
    LOOKS_MAX = 8,         /* then the job moves too fast for us */
    REPLY_MAX = 4096,
};

/* What is known of a request between its turns; kept with the item. */
struct decided {
    struct act act;
    uint64_t seq;
    int64_t fence;
    unsigned looks;
    bool in_doubt; /* it may be stored, and nobody was told */
    uint8_t digest[32];
    uint32_t reply_size;
    uint8_t reply[REPLY_MAX];
};

/* What others are told of a job that was changed: how it is now. */
struct news {
    int64_t job, fence;
    int state;
    uint32_t tier, wanted, suspender;
    bool waits, moved_tier;
    const struct ym_ready *ready;
};

static void tell_wish (struct intake *in, const struct news *n)
{
    struct ym_wish row = {.job = n->job,
                          .fence = (uint64_t)n->fence,
                          .wanted = n->wanted,
                          .suspender = n->suspender};

    ym_send (in->yard, YM_ACTOR_ASSIGNMENT, YM_MSG_jobs_wanted, 0,
             &(struct ym_jobs_wanted){.jobs = {&row, 1}});
}

static void tell_gone (struct intake *in, int64_t job, uint32_t tier)
{
    struct ym_job_ref row = {.job = job};

    ym_send (in->yard, ym_actor_queue (tier), YM_MSG_jobs_gone, 0,
             &(struct ym_jobs_gone){.jobs = {&row, 1}});
}

/* Where it was before is not known for sure any more: all others are told that it is gone. */
static void tell_others (struct intake *in, const struct news *n)
{
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        if (tier != n->tier)
            tell_gone (in, n->job, tier);
}

static void tell (struct intake *in, const struct news *n, struct hints *hints)
{
    watch_look (in, n->job);
    if (n->moved_tier)
        tell_others (in, n);
    if (n->waits)
        hints_ready (hints, n->tier, n->ready);
    else if (n->state == YM_JOB_SUSPENDED || ym_life_is_final (&ym_job_life, n->state))
        tell_gone (in, n->job, n->tier);
    else if (n->wanted != YM_NOTHING)
        tell_wish (in, n);
}

/* Looking. */

static void plan_look (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct act_question *q = ym_arena_take (t->arena, count * sizeof *q);

    (void)me;
    for (size_t i = 0; i < count; i++)
        q[i] = (struct act_question){.m = items[i]->body,
                                     .sees =
                                         decide_sees (items[i]->key.role, items[i]->key.tenant),
                                     .asking = items[i]->key.tenant};
    items[0]->call = store_call_facts (t, q, count);
}

/* It was stored by a turn that did not live to tell of it. */
static void tell_late (struct intake *in, const struct ym_job_act *m,
                       const struct act_answer *got, struct hints *hints)
{
    const struct act_facts *f = &got->facts;
    struct ym_ready ready = got->ready;

    ready.job = m->job;
    tell (in,
          &(struct news){m->job, f->fence, f->state, f->tier, f->wanted, f->suspender,
                         got->waits, m->verb == YM_DO_RETIER, &ready},
          hints);
}

static void answer_again (struct intake *in, struct ym_turn *t, struct ym_item *item,
                          const struct act_answer *got, struct hints *hints)
{
    const struct ym_message *message = ym_message_find (YM_MSG_done);
    const struct decided *d = item->keep;
    struct ym_faults faults;
    struct ym_done done = {0};
    uint8_t digest[32];

    if (d && d->in_doubt)
        tell_late (in, item->body, got, hints);
    ym_wire_digest (item->letter.message, item->body, digest);
    if (decide_repeat (digest, got->digest) != YM_REFUSAL_NONE)
        ym_refuse (in->yard, item, YM_REFUSAL_KEY_REUSED);
    else if (ym_wire_decode (message, got->reply.at, got->reply.size, t->arena, &done, &faults))
        ym_answer (in->yard, item, YM_MSG_done, &done);
    else
        ym_refuse (in->yard, item, YM_REFUSAL_INTERNAL);
}

static uint32_t list_effects (const struct act *a, struct ym_effect rows[EFFECTS_MAX])
{
    for (uint32_t i = 0; i < a->effects; i++)
        rows[i].text = ym_str (a->effect[i]);
    return a->effects;
}

static void answer_plan (struct intake *in, struct ym_item *item, const struct act *a,
                         uint64_t seq)
{
    struct ym_effect rows[EFFECTS_MAX];

    ym_answer (in->yard, item, YM_MSG_planned,
               &(struct ym_planned){.version = seq, .effects = {rows, list_effects (a, rows)}});
}

static void refuse_act (struct intake *in, struct ym_item *item, const struct act *a)
{
    struct ym_faults faults = {0};

    if (a->refusal != YM_REFUSAL_INVALID) {
        ym_refuse (in->yard, item, a->refusal);
        return;
    }
    ym_faults_add (&faults, a->missing, "missing", a->fault);
    ym_refuse_faults (in->yard, item, a->refusal, &faults);
}

static void make_reply (struct decided *d)
{
    struct ym_effect rows[EFFECTS_MAX];
    struct ym_done done = {.has = YM_HAS (done, state),
                           .version = d->seq + (d->act.on != 0),
                           .state = d->act.state,
                           .effects = {rows, list_effects (&d->act, rows)}};
    struct ym_header header = {.number = YM_MSG_done};

    d->reply_size = (uint32_t)ym_wire_encode (&header, &done, d->reply, sizeof d->reply);
    ym_assert (d->reply_size > 0);
}

static void go_on (struct intake *in, struct ym_item *item, const struct act *a,
                   const struct act_facts *f)
{
    struct decided *d = item->keep;

    if (!d)
        item->keep = d = ym_new (sizeof *d);
    d->act = *a;
    d->seq = f->seq;
    d->fence = f->fence;
    ym_wire_digest (item->letter.message, item->body, d->digest);
    make_reply (d);
    ym_put_again (in->yard, item, &act_work);
}

static void looked (struct intake *in, struct ym_turn *t, struct ym_item *item,
                    const struct act_answer *got, struct hints *hints)
{
    const struct ym_job_act *m = item->body;
    struct act a;

    if (got->reply.size > 0 && !m->plan) {
        answer_again (in, t, item, got, hints);
        return;
    }
    decide_act (&got->facts, m, item->key.role, t->now_ms, &a);
    if (a.refusal != YM_REFUSAL_NONE)
        refuse_act (in, item, &a);
    else if (m->plan)
        answer_plan (in, item, &a, got->facts.seq);
    else
        go_on (in, item, &a, &got->facts);
}

static void done_look (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct hints *hints = hints_new (me, t);
    struct act_answer got;
    unsigned call = items[0]->call;

    ym_assert (store_rows (t, call) == count);
    for (size_t i = 0; i < count; i++) {
        store_got_facts (t, call, i, &got);
        looked (me, t, items[got.place], &got, hints);
    }
    hints_send (hints);
}

const struct ym_work act_look_work = {
    .name = "act_look", .lane = YM_LANE_READ, .plan = plan_look, .done = done_look};

/* Storing. */

static int64_t job_of (const struct ym_item *item)
{
    return ((const struct ym_job_act *)item->body)->job;
}

/* They are few, and those of one job stay in the order in which they came. */
static void sort_by_job (struct ym_item **items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct ym_item *item = items[i];
        size_t k = i;
        for (; k > 0 && job_of (items[k - 1]) > job_of (item); k--)
            items[k] = items[k - 1];
        items[k] = item;
    }
}

/* Locks jobs in the order in which all others do. */
static void plan_act (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    sort_by_job (items, count);
    for (size_t i = 0; i < count; i++) {
        const struct decided *d = items[i]->keep;
        items[i]->call =
            store_call_act (t, &(struct act_write){.m = items[i]->body,
                                                   .key = &items[i]->key,
                                                   .seq = d->seq,
                                                   .digest = d->digest,
                                                   .reply = ym_bytes (d->reply, d->reply_size),
                                                   .act = &d->act});
    }
}

static void tell_row (struct intake *in, const struct ym_job_act *m, const struct decided *d,
                      const struct acted *row, struct hints *hints)
{
    const struct act *a = &d->act;
    struct news own = {m->job,     d->fence,     a->state,   a->tier,
                       a->wanted,  a->suspender, row->waits, m->verb == YM_DO_RETIER,
                       &row->ready};
    struct news other = {row->ready.job,     0,    YM_JOB_QUEUED, row->tier,  YM_NOTHING,
                         YM_NOBODY_SUSPENDS, true, false,         &row->ready};

    tell (in, row->own ? &own : &other, hints);
}

static void stored (struct intake *in, struct ym_turn *t, struct ym_item *item,
                    struct hints *hints)
{
    const struct decided *d = item->keep;
    struct ym_effect rows[EFFECTS_MAX];
    struct acted row;

    for (size_t i = 0; d->act.on != 0 && i < store_rows (t, item->call); i++) {
        store_got_acted (t, item->call, i, &row);
        tell_row (in, item->body, d, &row, hints);
    }
    ym_answer (in->yard, item, YM_MSG_done,
               &(struct ym_done){.has = YM_HAS (done, state),
                                 .version = d->seq + (d->act.on != 0),
                                 .state = d->act.state,
                                 .effects = {rows, list_effects (&d->act, rows)}});
}

static void look_again (struct intake *in, struct ym_item *item)
{
    struct decided *d = item->keep;

    d->in_doubt = d->in_doubt || item->in_doubt;
    if (++d->looks < LOOKS_MAX)
        ym_put_again (in->yard, item, &act_look_work);
    else
        ym_refuse (in->yard, item, YM_REFUSAL_BUSY);
}

static void done_act (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct hints *hints = hints_new (me, t);

    for (size_t i = 0; i < count; i++)
        if (store_rows (t, items[i]->call) == 0)
            look_again (me, items[i]);
        else
            stored (me, t, items[i], hints);
    hints_send (hints);
}

const struct ym_work act_work = {
    .name = "act", .most = ACTS_OF_ONE_TURN, .plan = plan_act, .done = done_act};

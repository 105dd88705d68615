/* preempting.c - who is asked to give way: to jobs of higher tiers, and because agents are
 * drained.
 *
 * The wish is stored with a compare-and-set before the agent is told. Which slot came free for
 * whom is memory only: after a crash the order of tiers gives it to the same job.
 */
#include <stdlib.h>
#include <utlist.h>

#include "actors/assignment/assignment.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/own.h"

enum { VICTIMS_MAX = 64 };

struct wants {
    size_t count;
    struct {
        int64_t job, fence, beneficiary; /* 0: its agent is drained */
        char detail[80];
    } at[VICTIMS_MAX];
};

static void want (struct wants *w, struct attempt *t, int64_t beneficiary)
{
    char id[YM_ID_TEXT_MAX + 1];

    w->at[w->count].job = t->job;
    w->at[w->count].fence = t->fence;
    w->at[w->count].beneficiary = beneficiary;
    if (beneficiary) {
        ym_id_print (id, beneficiary);
        (void)ym_text_format (w->at[w->count].detail, sizeof w->at[0].detail, "for job %s", id);
    }
    w->count++;
    t->wanting = true;
}

static void put_wants (struct assignment *a, struct wants *take_wants)
{
    if (take_wants->count == 0) {
        free (take_wants);
        return;
    }
    a->wanting = true;
    ym_put (a->yard, &want_work, take_wants);
}

/* Only with nothing under way: what a round is leasing right now needs no victim. */
static bool may_look (const struct assignment *a)
{
    return a->look_for_victims && !a->wanting && !a->round && !a->look && a->loaded &&
           a->policy.number != 0 && !a->policy.wanted && !a->policy.loading &&
           ym_yard_has_database (a->yard) && !ym_yard_is_stopping (a->yard);
}

void preempting_pass (struct assignment *a)
{
    struct preempt_pair pairs[VICTIMS_MAX];

    if (!may_look (a))
        return;
    struct moment m = moment_now (a);
    struct preempt_rules rules = {.now_ms = m.now_ms,
                                  .exempt_ms = a->preempt_exempt_ms,
                                  .grace_ms = a->signal_limits.grace_ms,
                                  .most = (uint32_t)a->preempt_most};
    size_t count = roster_victims (&a->roster, &m, &rules, pairs, VICTIMS_MAX);
    a->look_for_victims = count == VICTIMS_MAX;
    if (count == 0)
        return;
    struct wants *w = ym_new (sizeof *w);
    for (size_t i = 0; i < count; i++)
        want (w, roster_attempt (&a->roster, pairs[i].victim), pairs[i].beneficiary);
    put_wants (a, w);
}

/* Whether it can be asked: what is ending, was asked already or only cleans up is left alone.
 */
static bool is_drained (const struct attempt *t)
{
    return t->wish == YM_NOTHING && !t->wanting && !t->wishing && !t->ending &&
           ym_life_next (&ym_job_life, t->state, YM_JOB_ON_SUSPEND) != NULL;
}

void draining_tick (struct assignment *a)
{
    int64_t now_ms = moment_now (a).now_ms;
    struct attempt *t;

    if (a->wanting || a->policy.drain_count == 0)
        return;
    struct wants *w = ym_new (sizeof *w);
    for (size_t i = 0; i < a->roster.agent_count; i++) {
        struct agent *agent = a->roster.agents[i];
        if (!agent->draining || agent->drain_by == 0 || agent->drain_by > now_ms)
            continue;
        DL_FOREACH (agent->attempts, t)
        if (w->count < VICTIMS_MAX && is_drained (t))
            want (w, t, 0);
    }
    put_wants (a, w);
}

static void plan_want (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct wants *w = items[0]->body;
    struct want_row *rows = ym_arena_take (t->arena, w->count * sizeof *rows);

    (void)me, (void)count;
    for (size_t i = 0; i < w->count; i++)
        rows[i] = (struct want_row){w->at[i].job, w->at[i].fence, w->at[i].beneficiary,
                                    ym_str (w->at[i].detail)};
    items[0]->call = store_call_want (t, rows, w->count);
}

/* The attempts that are there still; their wishes are not under way any more. */
static struct attempt *over (struct assignment *a, const struct wants *w, size_t i)
{
    struct attempt *t = roster_attempt (&a->roster, w->at[i].job);

    if (!t || t->fence != w->at[i].fence)
        return NULL;
    t->wanting = false;
    return t;
}

static void wanted (struct assignment *a, const struct wants *w, size_t i, int64_t now_ms)
{
    struct attempt *t = over (a, w, i);
    bool preempts = w->at[i].beneficiary != 0;

    hint_changed (a, w->at[i].job);
    if (!t)
        return; /* it ended in the same turn */
    t->wish = YM_SUSPEND;
    t->suspender = preempts ? YM_PREEMPTION : YM_DRAIN;
    t->wanted_at = now_ms;
    t->state_count = 0;
    t->beneficiary = w->at[i].beneficiary;
    ym_log (YM_LOG_INFO, "suspension_wanted", ym_log_job (t->job),
            ym_log_number ("fence", t->fence), ym_log_text ("agent", t->agent->name),
            ym_log_text ("why", preempts ? "preemption" : "drain"));
    tell_wish (a, t);
}

/* The row says otherwise than what is in memory: read it, or the same one is asked for ever. It
 * is looked for another with the next tick. */
static void refused (struct assignment *a, const struct attempt *t)
{
    if (t && t->wish == YM_NOTHING && !t->ending)
        a->reload_wanted = true;
}

static void done_want (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    const struct wants *w = items[0]->body;
    unsigned call = items[0]->call;

    (void)count;
    a->wanting = false;
    for (size_t i = 0; i < store_rows (t, call); i++)
        wanted (a, w, store_got_place (t, call, i), t->now_ms);
    for (size_t i = 0; i < w->count; i++)
        refused (a, over (a, w, i));
}

static void failed_want (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct wants *w = item->body;

    a->wanting = false; /* looked at again with the next tick */
    for (size_t i = 0; i < w->count; i++)
        (void)over (a, w, i);
}

const struct ym_work want_work = {.name = "want",
                                  .one_at_a_time = true,
                                  .forget_unknown = true,
                                  .plan = plan_want,
                                  .done = done_want,
                                  .failed = failed_want};

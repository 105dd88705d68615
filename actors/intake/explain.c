/* explain.c - why does a job not start, and why not on that agent?
 *
 * Of a job that waits, its queue and then assignment say what stands in the way, each by the
 * function that it decides by; its row, its hold and what it waits for are read here and go
 * with the question. A job that does not wait is explained here.
 */
#include "actors/intake/intake.h"
#include "actors/intake/store_act.h"

/* Both bodies begin with the job. */
static void plan_explain (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    int64_t *jobs = ym_arena_take (t->arena, count * sizeof *jobs);
    int32_t *tenants = ym_arena_take (t->arena, count * sizeof *tenants);

    (void)me;
    for (size_t i = 0; i < count; i++) {
        jobs[i] = ((const struct ym_job_explain *)items[i]->body)->job;
        tenants[i] = decide_sees (items[i]->key.role, items[i]->key.tenant);
    }
    items[0]->call = store_call_why (t, jobs, tenants, count);
}

static void explain_standing (struct intake *in, struct ym_item *item, const struct why *w)
{
    struct ym_blocker_row rows[STANDING_MAX];
    struct ym_job_explained e = {
        .job = w->job, .state = w->state, .blockers = {rows, 0}, .chosen = w->chosen};

    e.blockers.count = (uint32_t)decide_standing (w, rows);
    ym_answer (in->yard, item, YM_MSG_job_explained, &e);
}

static void explain_waiting (struct intake *in, struct ym_item *item, const struct why *w)
{
    struct question q = {YM_MSG_explain_ask, ym_actor_queue (w->tier), YM_ACTOR_ASSIGNMENT,
                         YM_MSG_job_explained};
    struct ym_explain_ask ask = {.job = w->job,
                                 .tier = w->tier,
                                 .state = w->state,
                                 .tenant = (uint64_t)w->tenant,
                                 .requirement = w->requirement,
                                 .state_at = w->state_at,
                                 .chosen = w->chosen,
                                 .suspender = w->suspender,
                                 .hold_since = w->hold_since,
                                 .hold_reason = w->hold_reason,
                                 .waits_for = w->waits_for};

    if (item->letter.message->number == YM_MSG_job_why_not)
        (void)ym_text_copy (ask.agent, sizeof ask.agent,
                            ((const struct ym_job_why_not *)item->body)->agent);
    pass_on (in, item, &q, &ask);
}

static void done_explain (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    struct why w;

    for (size_t i = 0; i < store_rows (t, items[0]->call); i++) {
        store_got_why (t, items[0]->call, i, &w);
        if (w.state == YM_JOB_QUEUED)
            explain_waiting (in, items[w.place], &w);
        else
            explain_standing (in, items[w.place], &w);
    }
    for (size_t i = 0; i < count; i++)
        if (items[i]->asked)
            ym_refuse (in->yard, items[i], YM_REFUSAL_UNKNOWN_JOB);
}

const struct ym_work explain_work = {
    .name = "explain", .lane = YM_LANE_READ, .plan = plan_explain, .done = done_explain};
const struct ym_work why_not_work = {
    .name = "why_not", .lane = YM_LANE_READ, .plan = plan_explain, .done = done_explain};

/* reading.c - what only reads: get, list, explain, and questions passed on to other
 * actors.
 *
 * A question that is passed on keeps its asker here; the answer of the other actor goes back as
 * it came, and if none comes in time the asker is told so.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/intake/intake.h"
#include "common/base/own.h"
#include "common/base/time.h"

enum { RELAY_MS = 2000, RELAYS_MAX = 4096, PAGE_MAX = 200 };

unsigned queue_of (uint32_t tier)
{
    return tier == YM_PLATINUM  ? YM_ACTOR_QUEUE_PLATINUM
           : tier == YM_PREMIUM ? YM_ACTOR_QUEUE_PREMIUM
                                : YM_ACTOR_QUEUE_STANDARD;
}

/* Who is who. */

void on_yard_get (void *me, struct ym_item *item)
{
    struct intake *in = me;
    struct ym_yard_actor rows[YM_ACTORS] = {0};
    struct ym_yard_status s = {.now = ym_time_wall_ms (),
                               .started_at = ym_yard_started_ms (in->yard),
                               .database = ym_yard_has_database (in->yard),
                               .accepted = in->accepted,
                               .refused = ym_yard_refused (in->yard),
                               .actors = {rows, YM_ACTORS}};

    for (unsigned i = 0; i < YM_ACTORS; i++) {
        (void)ym_text_copy (rows[i].name, sizeof rows[i].name, ym_actor_rows[i].name);
        rows[i].heard = ym_bus_hears (ym_yard_bus (in->yard), i, &rows[i].incarnation);
    }
    rows[YM_ACTOR_INTAKE].heard = true;
    rows[YM_ACTOR_INTAKE].incarnation = (uint64_t)ym_yard_setting (in->yard, "incarnation");
    (void)ym_text_copy (s.version, sizeof s.version, YM_VERSION);
    ym_answer (in->yard, item, YM_MSG_yard_status, &s);
}

/* Get. */

static void plan_get (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    int64_t *jobs = ym_arena_take (t->arena, count * sizeof *jobs);
    int32_t *tenants = ym_arena_take (t->arena, count * sizeof *tenants);

    (void)me;
    for (size_t i = 0; i < count; i++) {
        jobs[i] = ((const struct ym_job_get *)items[i]->body)->job;
        tenants[i] = decide_sees (items[i]->key.role, items[i]->key.tenant);
    }
    items[0]->call = store_call_get (t, jobs, tenants, count);
}

static void refuse_rest (struct intake *in, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->asked)
            ym_refuse (in->yard, items[i], YM_REFUSAL_UNKNOWN_JOB);
}

static void done_get (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    struct status s;

    for (size_t i = 0; i < store_rows (t, items[0]->call); i++) {
        store_got_status (t, items[0]->call, i, &s);
        ym_answer (in->yard, items[s.place], YM_MSG_job_status, &s.m);
    }
    refuse_rest (in, items, count);
}

const struct ym_work get_work = {
    .name = "get", .lane = YM_LANE_READ, .plan = plan_get, .done = done_get};

/* List. */

static void plan_list (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_list (
            t, decide_sees (items[i]->key.role, items[i]->key.tenant), items[i]->body);
}

static void answer_list (struct intake *in, struct ym_turn *t, struct ym_item *item)
{
    const struct ym_job_list *m = item->body;
    struct ym_job_row *rows = ym_arena_take (t->arena, (PAGE_MAX + 1) * sizeof *rows);
    struct ym_job_page page = {.jobs = {rows, 0}};

    for (size_t i = 0; i < store_rows (t, item->call) && i <= PAGE_MAX; i++) {
        struct ym_job_row *row = &rows[page.jobs.count];
        bool fits = store_got_listed (t, item->call, i, row);
        page.next = row->job;
        page.jobs.count += fits;
        if (!fits || page.jobs.count == m->limit)
            page.has = YM_HAS (job_page, next);
    }
    ym_answer (in->yard, item, YM_MSG_job_page, &page);
}

static void done_list (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        answer_list (me, t, items[i]);
}

const struct ym_work list_work = {
    .name = "list", .lane = YM_LANE_READ, .most = 8, .plan = plan_list, .done = done_list};

/* Questions passed on. */

struct relay {
    uint64_t ask;
    struct ym_item item;
    int64_t until_ms;
    UT_hash_handle hh;
};

static void pass_on (struct intake *in, struct ym_item *item, unsigned peer, unsigned number,
                     const void *msg)
{
    struct relay *r;

    if (in->relay_count >= RELAYS_MAX) {
        ym_refuse (in->yard, item, YM_REFUSAL_BUSY);
        return;
    }
    if (!ym_bus_hears (ym_yard_bus (in->yard), peer, NULL)) {
        ym_refuse (in->yard, item, YM_REFUSAL_ACTOR_UNAVAILABLE);
        return;
    }
    r = ym_new (sizeof *r);
    r->ask = ++in->next_ask;
    r->item = (struct ym_item){.from = item->from, .key = item->key, .asked = true};
    r->until_ms = ym_time_mono_ms () + RELAY_MS;
    HASH_ADD (hh, in->relays, ask, sizeof r->ask, r);
    in->relay_count++;
    item->asked = false;
    ym_send (in->yard, peer, number, r->ask, msg);
}

static void forget_relay (struct intake *in, struct relay *r)
{
    HASH_DEL (in->relays, r);
    in->relay_count--;
    free (r);
}

/* An answer for somebody else: it goes on as it is. */
void on_relayed (void *me, struct ym_item *item)
{
    struct intake *in = me;
    struct relay *r;

    HASH_FIND (hh, in->relays, &item->from.ask, sizeof item->from.ask, r);
    if (!r)
        return;
    ym_answer (in->yard, &r->item, item->letter.message->number, item->body);
    forget_relay (in, r);
}

int relays_pass (struct intake *in, int64_t mono_ms)
{
    struct relay *r, *next;

    HASH_ITER (hh, in->relays, r, next) /* oldest first: the limit is the same for all */
    if (r->until_ms > mono_ms)
        return (int)(r->until_ms - mono_ms);
    else {
        ym_refuse (in->yard, &r->item, YM_REFUSAL_ACTOR_UNAVAILABLE);
        forget_relay (in, r);
    }
    return -1;
}

void relays_done (struct intake *in)
{
    struct relay *r, *next;

    HASH_ITER (hh, in->relays, r, next)
    {
        ym_refuse (in->yard, &r->item, YM_REFUSAL_STOPPING);
        forget_relay (in, r);
    }
}

void on_queue_get (void *me, struct ym_item *item)
{
    const struct ym_queue_get *m = item->body;

    pass_on (me, item, queue_of (m->tier), YM_MSG_queue_get, m);
}

void on_agent_list (void *me, struct ym_item *item)
{
    pass_on (me, item, YM_ACTOR_ASSIGNMENT, YM_MSG_agent_list, item->body);
}

/* Explain: the job's row, then its queue, then assignment. */

static void plan_explain (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    plan_get (me, t, items, count);
}

static void explain_now (struct intake *in, struct ym_item *item, const struct ym_job_status *s)
{
    struct ym_blocker_row row = {.code = YM_NOT_WAITING, .since = s->state_at};
    struct ym_job_explained e = {.job = s->job, .state = s->state, .blockers = {&row, 1}};

    (void)ym_text_copy (row.subject, sizeof row.subject, "job");
    (void)ym_text_copy (row.wanted, sizeof row.wanted, "QUEUED");
    (void)ym_text_copy (row.have, sizeof row.have, ym_life_state_name (&ym_job_life, s->state));
    (void)ym_text_copy (row.lifted_by, sizeof row.lifted_by,
                        ym_life_is_final (&ym_job_life, s->state)
                            ? "nobody: it has ended"
                            : "its agent: it is under way");
    ym_answer (in->yard, item, YM_MSG_job_explained, &e);
}

static void done_explain (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;
    struct status s;

    for (size_t i = 0; i < store_rows (t, items[0]->call); i++) {
        store_got_status (t, items[0]->call, i, &s);
        if (s.m.state != YM_JOB_QUEUED)
            explain_now (in, items[s.place], &s.m);
        else
            pass_on (in, items[s.place], queue_of (s.m.tier), YM_MSG_explain_ask,
                     &(struct ym_explain_ask){.job = s.m.job,
                                              .tier = s.m.tier,
                                              .state = s.m.state,
                                              .requirement = s.requirement,
                                              .state_at = s.m.state_at});
    }
    refuse_rest (in, items, count);
}

const struct ym_work explain_work = {
    .name = "explain", .lane = YM_LANE_READ, .plan = plan_explain, .done = done_explain};

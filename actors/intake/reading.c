/* reading.c - what only reads: get, list, and questions passed on to other
 * actors.
 *
 * A question that is passed on keeps its asker here; the answer of the other actor goes back as
 * it came, and if none comes in time the asker is told so. What another intake asked may still
 * be answered here: questions are numbered from a random place, and only the expected answer of
 * the expected actor goes on.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "actors/intake/intake.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum { RELAY_MS = 2000, RELAYS_MAX = 4096, PAGE_MAX = 200 };

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

/* A page without a row could not say where the next one begins. */
static void refuse_list (struct intake *in, struct ym_item *item)
{
    struct ym_faults faults = {0};

    ym_faults_add (&faults, "/limit", "range", "must be at least 1");
    ym_refuse_faults (in->yard, item, YM_REFUSAL_INVALID, &faults);
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
        if (((const struct ym_job_list *)items[i]->body)->limit == 0)
            refuse_list (me, items[i]);
        else
            answer_list (me, t, items[i]);
}

const struct ym_work list_work = {
    .name = "list", .lane = YM_LANE_READ, .most = 8, .plan = plan_list, .done = done_list};

/* Questions passed on. */

struct relay {
    uint64_t ask;
    unsigned asked, answers; /* peers */
    unsigned answer;
    struct ym_item item;
    int64_t until_ms;
    UT_hash_handle hh;
};

void relays_begin (struct intake *in)
{
    ym_assert (getrandom (&in->last_ask, sizeof in->last_ask, 0) == sizeof in->last_ask);
}

void pass_on (struct intake *in, struct ym_item *item, const struct question *q,
              const void *msg)
{
    struct relay *r;

    if (in->relay_count >= RELAYS_MAX) {
        ym_refuse (in->yard, item, YM_REFUSAL_BUSY);
        return;
    }
    if (!ym_bus_hears (ym_yard_bus (in->yard), q->asked, NULL)) {
        ym_refuse (in->yard, item, YM_REFUSAL_ACTOR_UNAVAILABLE);
        return;
    }
    r = ym_new (sizeof *r);
    r->ask = ++in->last_ask;
    r->asked = q->asked;
    r->answers = q->answers;
    r->answer = q->answer;
    r->item = (struct ym_item){.from = item->from, .key = item->key, .asked = true};
    r->until_ms = ym_time_mono_ms () + RELAY_MS;
    HASH_ADD (hh, in->relays, ask, sizeof r->ask, r);
    in->relay_count++;
    item->asked = false;
    ym_send (in->yard, q->asked, q->number, r->ask, msg);
}

static void forget_relay (struct intake *in, struct relay *r)
{
    HASH_DEL (in->relays, r);
    in->relay_count--;
    free (r);
}

static bool is_its_answer (const struct relay *r, const struct ym_item *item)
{
    unsigned number = item->letter.message->number, peer = item->from.peer;

    if (number == YM_MSG_refused)
        return peer == r->asked || peer == r->answers;
    return number == r->answer && peer == r->answers;
}

/* An answer for somebody else: it goes on as it is. */
void on_relayed (void *me, struct ym_item *item)
{
    struct intake *in = me;
    struct relay *r;

    HASH_FIND (hh, in->relays, &item->from.ask, sizeof item->from.ask, r);
    if (!r || !is_its_answer (r, item))
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

    unsigned queue = ym_actor_queue (m->tier);

    pass_on (me, item, &(struct question){YM_MSG_queue_get, queue, queue, YM_MSG_queue_status},
             m);
}

void on_agent_list (void *me, struct ym_item *item)
{
    static const struct question q = {YM_MSG_agent_list, YM_ACTOR_ASSIGNMENT,
                                      YM_ACTOR_ASSIGNMENT, YM_MSG_agent_page};

    pass_on (me, item, &q, item->body);
}

void on_load_get (void *me, struct ym_item *item)
{
    static const struct question q = {YM_MSG_load_get, YM_ACTOR_ASSIGNMENT, YM_ACTOR_ASSIGNMENT,
                                      YM_MSG_load_page};

    pass_on (me, item, &q, item->body);
}

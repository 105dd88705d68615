/* main.c - queue: the waiting jobs of one tier, offered to assignment in their order.
 *
 * Everything here is a cache of the table. A lost message is noticed as a gap of its link and
 * answered by reading the table again, which only adds: a job that waits no more is found out
 * when assignment tries to lease it.
 */
#include <stdlib.h>

#include "actors/queue/store.h"
#include "actors/queue/waiting.h"
#include "common/actor/actor.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum { OFFERS_MAX = 512 };

struct queue {
    struct ym_yard *yard;
    struct waiting *waiting;
    unsigned tier;
    bool offer_fresh; /* the next offer replaces all before it */
    bool loading, load_wanted;
};

/* Loading: pages of the table, one turn each. */

struct page {
    int64_t after;
};

static const struct ym_work load_work;

static void load_from (struct queue *q, int64_t after)
{
    struct page *p = ym_new (sizeof *p);

    p->after = after;
    q->loading = true;
    ym_put (q->yard, &load_work, p);
}

static void plan_load (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct queue *q = me;
    const struct page *p = items[0]->body;

    (void)count;
    items[0]->call = store_call_load (t, q->tier, p->after);
}

static void done_load (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct queue *q = me;
    size_t rows = store_loaded_count (t, items[0]->call);
    struct waiting_job job = {0};

    (void)count;
    for (size_t i = 0; i < rows; i++) {
        job = store_loaded (t, items[0]->call, i);
        (void)waiting_add (q->waiting, &job);
    }
    if (rows == STORE_PAGE) {
        load_from (q, job.job);
        return;
    }
    q->loading = false;
    ym_log (YM_LOG_INFO, "waiting_loaded",
            ym_log_number ("jobs", (int64_t)waiting_counts (q->waiting).waiting));
}

static void failed_load (void *me, struct ym_item *item)
{
    struct queue *q = me;

    (void)item;
    q->loading = false;
    q->load_wanted = true;
}

static const struct ym_work load_work = {.name = "load",
                                         .one_at_a_time = true,
                                         .forget_unknown = true,
                                         .plan = plan_load,
                                         .done = done_load,
                                         .failed = failed_load};

/* What a queue hears. */

static void on_jobs_ready (void *me, struct ym_item *item)
{
    struct queue *q = me;
    const struct ym_jobs_ready *m = item->body;

    for (uint32_t i = 0; i < m->jobs.count; i++)
        (void)waiting_add (q->waiting, &(struct waiting_job){m->jobs.at[i].job,
                                                             (uint32_t)m->jobs.at[i].tenant,
                                                             m->jobs.at[i].requirement});
}

static void remove_all (struct queue *q, const struct ym_job_ref *jobs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        (void)waiting_remove (q->waiting, jobs[i].job);
}

static void on_jobs_gone (void *me, struct ym_item *item)
{
    const struct ym_jobs_gone *m = item->body;

    remove_all (me, m->jobs.at, m->jobs.count);
}

static void on_jobs_taken (void *me, struct ym_item *item)
{
    const struct ym_jobs_taken *m = item->body;

    remove_all (me, m->jobs.at, m->jobs.count);
}

static void on_queue_get (void *me, struct ym_item *item)
{
    struct queue *q = me;
    struct waiting_counts n = waiting_counts (q->waiting);
    int64_t age = n.oldest ? ym_time_wall_ms () - ym_id_unix_ms (n.oldest) : 0;

    ym_answer (q->yard, item, YM_MSG_queue_status,
               &(struct ym_queue_status){.tier = q->tier,
                                         .waiting = n.waiting,
                                         .offered = n.offered,
                                         .classes = n.classes,
                                         .oldest_ms = (uint64_t)(age > 0 ? age : 0)});
}

static void offer_afresh (struct queue *q)
{
    waiting_withdraw (q->waiting);
    q->offer_fresh = true;
}

static void on_offer_again (void *me, struct ym_item *item)
{
    (void)item;
    offer_afresh (me);
}

static void on_explain_ask (void *me, struct ym_item *item)
{
    struct queue *q = me;
    struct ym_explain_ask m = *(const struct ym_explain_ask *)item->body;

    m.waiting = waiting_has (q->waiting, m.job);
    m.ahead = waiting_ahead (q->waiting, m.job);
    item->asked = false; /* assignment answers intake itself */
    ym_send (q->yard, YM_ACTOR_ASSIGNMENT, YM_MSG_explain_ask, item->from.ask, &m);
}

static const struct ym_handler handlers[] = {
    {.message = YM_MSG_jobs_ready, .hear = on_jobs_ready},
    {.message = YM_MSG_jobs_gone, .hear = on_jobs_gone},
    {.message = YM_MSG_jobs_taken, .hear = on_jobs_taken},
    {.message = YM_MSG_offer_again, .hear = on_offer_again},
    {.message = YM_MSG_queue_get, .hear = on_queue_get},
    {.message = YM_MSG_explain_ask, .hear = on_explain_ask},
};

/* What a queue says. */

static void send_offer (struct queue *q, const struct waiting_job *jobs, size_t count)
{
    struct ym_offered rows[OFFERS_MAX];

    for (size_t i = 0; i < count; i++)
        rows[i] = (struct ym_offered){
            .job = jobs[i].job, .tenant = jobs[i].tenant, .requirement = jobs[i].requirement};
    ym_send (
        q->yard, YM_ACTOR_ASSIGNMENT, YM_MSG_jobs_offered, 0,
        &(struct ym_jobs_offered){.fresh = q->offer_fresh, .jobs = {rows, (uint32_t)count}});
    q->offer_fresh = false;
}

static void offer (struct queue *q)
{
    struct waiting_job jobs[OFFERS_MAX];
    size_t count;

    if (!ym_bus_hears (ym_yard_bus (q->yard), YM_ACTOR_ASSIGNMENT, NULL))
        return;
    do {
        count = waiting_offer (q->waiting, jobs, OFFERS_MAX);
        if (count > 0 || q->offer_fresh)
            send_offer (q, jobs, count);
    } while (count == OFFERS_MAX);
}

static int pass (void *me, int64_t mono_ms)
{
    struct queue *q = me;

    (void)mono_ms;
    if (q->load_wanted && !q->loading && ym_yard_has_database (q->yard)) {
        q->load_wanted = false;
        load_from (q, 0);
    }
    offer (q);
    return -1;
}

/* A peer that started again knows nothing of us, and what it told us may have been cut short:
 * jobs taken that we did not hear of would stay on offer for ever. */
static void on_link (void *me, unsigned peer, enum ym_link_news news)
{
    struct queue *q = me;

    if (news == YM_LINK_SILENT || (peer != YM_ACTOR_ASSIGNMENT && peer != YM_ACTOR_INTAKE))
        return;
    q->load_wanted = true;
    if (peer == YM_ACTOR_ASSIGNMENT)
        offer_afresh (q);
}

static void recover (void *me)
{
    load_from (me, 0);
}

static void *begin (struct ym_yard *yard)
{
    struct queue *q = ym_new (sizeof *q);
    const char *tier = ym_handover_text (ym_yard_handover (yard), "argument");
    int found = ym_enum_find (YM_ENUM_TIER, tier, (unsigned)ym_str (tier).size);

    ym_assert (found >= 0);
    q->yard = yard;
    q->tier = (unsigned)found;
    q->waiting = waiting_new ();
    q->offer_fresh = true;
    return q;
}

static void end (void *me)
{
    struct queue *q = me;

    waiting_free (q->waiting);
    free (q);
}

static const struct ym_work *const works[] = {&load_work, NULL};

static const struct ym_actor queue = {.name = "queue",
                                      .handlers = handlers,
                                      .handler_count = sizeof handlers / sizeof handlers[0],
                                      .works = works,
                                      .begin = begin,
                                      .end = end,
                                      .recover = recover,
                                      .link = on_link,
                                      .pass = pass};

int main (void)
{
    return ym_actor_main (&queue);
}

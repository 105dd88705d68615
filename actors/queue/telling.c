/* telling.c - what a queue says unasked: offers and their withdrawal, who has waited too long,
 * how many jobs each tenant has. */
#include "actors/queue/queue.h"

enum {
    TOLD_MAX = 512,
    TENANTS_EVERY_MS = 100,
    OVERDUE_MOST =
        16 * TOLD_MAX, /* in OVERDUE_EVERY_MS: what assignment can end in that time */
    OVERDUE_EVERY_MS = 1000
};

static bool is_linked (const struct queue *q, unsigned peer)
{
    return ym_bus_hears (ym_yard_bus (q->yard), peer, NULL);
}

/* Sends a list of jobs that was filled into 'ids'. */
static void send_jobs (struct queue *q, unsigned message, const int64_t *ids, size_t count)
{
    struct ym_job_ref rows[TOLD_MAX];
    struct ym_offers_withdrawn withdrawn = {.jobs = {rows, (uint32_t)count}};
    struct ym_jobs_overdue overdue = {.jobs = {rows, (uint32_t)count}};

    for (size_t i = 0; i < count; i++)
        rows[i].job = ids[i];
    ym_send (q->yard, YM_ACTOR_ASSIGNMENT, message, 0,
             message == YM_MSG_jobs_overdue ? (const void *)&overdue
                                            : (const void *)&withdrawn);
}

/* Nothing needs to be withdrawn if the next offer replaces all. */
static void tell_withdrawn (struct queue *q)
{
    int64_t ids[TOLD_MAX];
    size_t count;

    while ((count = waiting_withdrawn (q->waiting, ids, TOLD_MAX)) > 0)
        if (!q->offer_fresh)
            send_jobs (q, YM_MSG_offers_withdrawn, ids, count);
}

static void send_offers (struct queue *q, const struct waiting_offer *jobs, size_t count)
{
    struct ym_offered rows[TOLD_MAX];

    for (size_t i = 0; i < count; i++)
        rows[i] = (struct ym_offered){.job = jobs[i].job,
                                      .tenant = jobs[i].tenant,
                                      .requirement = jobs[i].requirement,
                                      .rank = jobs[i].rank,
                                      .preempted = jobs[i].came_back};
    ym_send (
        q->yard, YM_ACTOR_ASSIGNMENT, YM_MSG_jobs_offered, 0,
        &(struct ym_jobs_offered){.fresh = q->offer_fresh, .jobs = {rows, (uint32_t)count}});
    q->offer_fresh = false;
}

void tell_offers (struct queue *q)
{
    struct waiting_offer jobs[TOLD_MAX];
    size_t count;

    if (!q->policy_known || !is_linked (q, YM_ACTOR_ASSIGNMENT))
        return;
    do {
        count = q->gate.stopped ? 0 : waiting_offer (q->waiting, jobs, TOLD_MAX);
        tell_withdrawn (q);
        if (count > 0 || q->offer_fresh)
            send_offers (q, jobs, count);
    } while (count == TOLD_MAX);
}

void offer_afresh (struct queue *q)
{
    waiting_withdraw (q->waiting);
    q->offer_fresh = true;
}

/* Those that were not told of yet come before those that are told of again. */
void tell_overdue (struct queue *q, int64_t wall_ms, int64_t mono_ms)
{
    int64_t ids[TOLD_MAX];
    size_t count;

    if (!is_linked (q, YM_ACTOR_ASSIGNMENT))
        return;
    if (mono_ms >= q->overdue_at_ms) {
        q->overdue_at_ms = mono_ms + OVERDUE_EVERY_MS;
        q->overdue_told = 0;
    }
    while (q->overdue_told < OVERDUE_MOST &&
           (count = waiting_overdue (q->waiting, wall_ms, ids, TOLD_MAX)) > 0) {
        send_jobs (q, YM_MSG_jobs_overdue, ids, count);
        q->overdue_told += count;
    }
}

static int64_t heard_through (const struct queue *q)
{
    return q->heard_through > q->loaded_through ? q->heard_through : q->loaded_through;
}

static void send_tenants (struct queue *q, const struct waiting_tenant *tenants, size_t count)
{
    struct ym_tenant_waiting rows[TOLD_MAX];
    int64_t through = heard_through (q);

    for (size_t i = 0; i < count; i++)
        rows[i] = (struct ym_tenant_waiting){tenants[i].tenant, tenants[i].waiting};
    ym_send (
        q->yard, YM_ACTOR_INTAKE, YM_MSG_tenants_waiting, 0,
        &(struct ym_tenants_waiting){.fresh = q->tenants_fresh,
                                     .has = through > 0 ? YM_HAS (tenants_waiting, through) : 0,
                                     .through = through,
                                     .tenants = {rows, (uint32_t)count}});
    q->tenants_fresh = false;
    q->told_through = through;
}

/* Not before the table is read once: half of it would be taken for all. Numbers that are as
 * they were are told too if more was counted for them: jobs came, and went already. */
int tell_tenants (struct queue *q, int64_t mono_ms)
{
    struct waiting_tenant tenants[TOLD_MAX];
    size_t count;

    if (!q->is_whole || !is_linked (q, YM_ACTOR_INTAKE) ||
        (!q->tenants_fresh && !waiting_has_tenant_news (q->waiting)))
        return -1;
    if (!q->tenants_fresh && mono_ms < q->tenants_at_ms)
        return (int)(q->tenants_at_ms - mono_ms);
    q->tenants_at_ms = mono_ms + TENANTS_EVERY_MS;
    if (q->tenants_fresh)
        waiting_forget_told (q->waiting);
    do {
        count = waiting_tenants (q->waiting, tenants, TOLD_MAX);
        if (count > 0 || q->tenants_fresh || q->told_through != heard_through (q))
            send_tenants (q, tenants, count);
    } while (count == TOLD_MAX);
    return -1;
}

/* events.c - the history of one job, page by page: each event with the reason that the table of
 * states gives for it, and who asked for it. */
#include "actors/intake/intake.h"
#include "actors/intake/store_feed.h"

enum { PAGE_MAX = 200 };

static void plan_events (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct ym_job_events *m = items[i]->body;
        /* One more than asked for tells whether there is more. */
        items[i]->call =
            store_call_history (t, decide_sees (items[i]->key.role, items[i]->key.tenant), m,
                                (int32_t)m->limit + 1);
    }
}

static void answer_events (struct intake *in, struct ym_turn *t, struct ym_item *item)
{
    const struct ym_job_events *m = item->body;
    struct ym_event_row *rows = ym_arena_take (t->arena, PAGE_MAX * sizeof *rows);
    size_t count = store_history_count (t, item->call);
    struct ym_event_page page = {.more = count > m->limit};

    page.events.at = rows;
    page.events.count = (uint32_t)(page.more ? m->limit : count);
    for (uint32_t i = 0; i < page.events.count; i++)
        store_got_history (t, item->call, i, &rows[i]);
    ym_answer (in->yard, item, YM_MSG_event_page, &page);
}

/* A page without a row would never end. */
static void refuse_empty (struct intake *in, struct ym_item *item)
{
    struct ym_faults faults = {0};

    ym_faults_add (&faults, "/limit", "range", "must be at least 1");
    ym_refuse_faults (in->yard, item, YM_REFUSAL_INVALID, &faults);
}

static void done_events (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct intake *in = me;

    for (size_t i = 0; i < count; i++)
        if (((const struct ym_job_events *)items[i]->body)->limit == 0)
            refuse_empty (in, items[i]);
        else if (!store_may_history (t, items[i]->call))
            ym_refuse (in->yard, items[i], YM_REFUSAL_UNKNOWN_JOB);
        else
            answer_events (in, t, items[i]);
}

const struct ym_work events_work = {.name = "events",
                                    .lane = YM_LANE_READ,
                                    .most = 4,
                                    .plan = plan_events,
                                    .done = done_events};

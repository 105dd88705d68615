/* doubts.c - jobs on offer whose lease was refused: do they wait or not?
 *
 * Nearly always somebody held, terminated or moved the job, and its queue hears of that by
 * itself. But a job may also have been refused because a clock was set back, or be free again
 * by now; such a one is put into its queue again, or nobody would remember it.
 */
#include <string.h>

#include "actors/assignment/assignment.h"
#include "common/base/own.h"

struct doubts {
    size_t count;
    int64_t jobs[ROUND_MAX];
};

void doubt (struct assignment *a, uint32_t tier, int64_t job)
{
    hint_refused (a, tier, job);
    if (a->doubts && a->doubts->count == ROUND_MAX)
        doubts_pass (a);
    if (!a->doubts)
        a->doubts = ym_new (sizeof *a->doubts);
    a->doubts->jobs[a->doubts->count++] = job;
}

void doubts_pass (struct assignment *a)
{
    if (a->doubts)
        ym_put (a->yard, &doubt_work, a->doubts);
    a->doubts = NULL;
}

static void plan_doubt (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct doubts *d = items[i]->body;
        items[i]->call = store_call_still (t, d->jobs, d->count);
    }
}

static void done_doubt (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < store_rows (t, items[i]->call); k++) {
            struct ended row = store_got_ended (t, items[i]->call, k);
            hint_ready (me, row.tier, &row.ready);
        }
}

static void failed_doubt (void *me, struct ym_item *item)
{
    (void)item;
    ask_queues (me);
}

const struct ym_work doubt_work = {.name = "doubt",
                                   .most = 4,
                                   .forget_unknown = true,
                                   .plan = plan_doubt,
                                   .done = done_doubt,
                                   .failed = failed_doubt};

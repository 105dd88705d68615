/* resources.c - what attempts provision is written down before it is made, so that it is
 * removed whatever becomes of the attempt.
 *
 * In a turn one message of each job: what came after it waits for the next turn.
 */
#include "actors/assignment/attempts.h"

static void plan_resources (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const struct ym_attempt_resources **m = ym_arena_take (t->arena, count * sizeof *m);
    size_t n;

    (void)me;
    choose_items_of_call (items, count);
    struct ym_item **taken = items_of_call (t, items, count, &n);
    struct callbacks c = take_callbacks (t, taken, n);
    for (size_t i = 0; i < n; i++)
        m[i] = taken[i]->body;
    items[0]->call = store_call_resources (t, m, c.agents, n);
}

static void done_resources (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    unsigned call = items[0]->call;
    size_t n;
    struct ym_item **taken = items_of_call (t, items, count, &n);

    for (size_t i = 0; i < store_rows (t, call); i++) {
        struct ym_item *item = taken[store_got_place (t, call, i)];
        if (!store_got_stored (t, call, i)) {
            ym_refuse (a->yard, item, YM_REFUSAL_INVALID);
            continue;
        }
        hint_changed (a, report_of (item).job);
        answer_noted (a, item, 0);
    }
    for (size_t i = 0; i < n; i++)
        if (taken[i]->asked)
            ym_refuse (a->yard, taken[i], YM_REFUSAL_STALE_LEASE);
    for (size_t i = 0; i < count; i++)
        if (items[i]->call == NOT_IN_THIS_CALL)
            ym_put_again (a->yard, items[i], &resources_work);
}

const struct ym_work resources_work = {
    .name = "resources", .most = 64, .plan = plan_resources, .done = done_resources};

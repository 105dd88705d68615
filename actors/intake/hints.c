/* hints.c - what the queues are told of a turn's changes, after its commit.
 *
 * Gathered a tier, so that a turn is one message. A hint that is lost is found by its queue.
 */
#include "actors/intake/intake.h"

enum { HINTS_MAX = 512 };

struct hints {
    struct intake *in;
    struct {
        struct ym_ready rows[HINTS_MAX];
        uint32_t count;
    } tiers[YM_COUNT_tier];
};

struct hints *hints_new (struct intake *in, struct ym_turn *t)
{
    struct hints *h = ym_arena_take (t->arena, sizeof *h);

    h->in = in;
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        h->tiers[tier].count = 0;
    return h;
}

static void send_tier (struct hints *h, uint32_t tier)
{
    if (h->tiers[tier].count > 0)
        ym_send (h->in->yard, ym_actor_queue (tier), YM_MSG_jobs_ready, 0,
                 &(struct ym_jobs_ready){.jobs = {h->tiers[tier].rows, h->tiers[tier].count}});
    h->tiers[tier].count = 0;
}

void hints_ready (struct hints *h, uint32_t tier, const struct ym_ready *row)
{
    if (h->tiers[tier].count == HINTS_MAX)
        send_tier (h, tier);
    h->tiers[tier].rows[h->tiers[tier].count++] = *row;
}

void hints_send (struct hints *h)
{
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        send_tier (h, tier);
}

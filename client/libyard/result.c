/* result.c - results: one block that the caller frees, with an arena for its text and rows.
 *
 * The arena's address stands before the block, so that yard_free needs to know no types.
 */
#include <stdlib.h>
#include <string.h>

#include "client/libyard/inside.h"

struct head {
    struct ym_arena *arena;
    _Alignas(max_align_t) uint8_t body[];
};

static struct head *head_of (void *result)
{
    return (struct head *)((uint8_t *)result - offsetof (struct head, body));
}

void *result_new (size_t size)
{
    struct head *h = ym_new (sizeof *h + size);

    h->arena = ym_arena_new (512);
    return h->body;
}

void *result_room (void *result, size_t size)
{
    void *room = ym_arena_take (head_of (result)->arena, size);

    return memset (room, 0, size);
}

const char *result_str (void *result, struct ym_str text)
{
    char *copy = ym_arena_take (head_of (result)->arena, (size_t)text.size + 1);

    if (text.size > 0)
        memcpy (copy, text.at, text.size);
    copy[text.size] = '\0';
    return copy;
}

const char *result_text (void *result, const char *text)
{
    return result_str (result, ym_str (text));
}

const char *result_id (void *result, int64_t job)
{
    char text[YM_ID_TEXT_MAX + 1];

    ym_id_print (text, job);
    return result_text (result, text);
}

yard_job *result_job (const struct ym_job_status *m)
{
    yard_job *j = result_new (sizeof *j);

    *j = (yard_job){.job = result_id (j, m->job),
                    .tenant = result_text (j, m->tenant),
                    .name = result_text (j, m->name),
                    .kind = result_text (j, m->kind),
                    .tier = ym_enum_word (YM_ENUM_TIER, m->tier),
                    .state = ym_life_state_name (&ym_job_life, m->state),
                    .final = ym_life_is_final (&ym_job_life, m->state),
                    .seq = m->seq,
                    .attempt = m->attempt,
                    .fence = m->fence,
                    .agent = result_text (j, m->agent),
                    .region = result_text (j, m->region),
                    .checkpoint = m->checkpoint,
                    .done = m->done,
                    .total = m->total,
                    .submitted_at_ms = m->submitted_at,
                    .state_at_ms = m->state_at,
                    .why = result_str (j, m->why),
                    .result = result_str (j, m->result),
                    .wanted = ym_enum_word (YM_ENUM_WANTED, m->wanted),
                    .source = result_str (j, m->source),
                    .target = result_str (j, m->target),
                    .urgency = m->urgency,
                    .hold = ym_enum_word (YM_ENUM_HOLD, m->hold),
                    .suspender = ym_enum_word (YM_ENUM_SUSPENDER, m->suspender),
                    .not_before_ms = m->not_before,
                    .run_limit_ms = m->run_limit_ms,
                    .retries = m->retries,
                    .preempted = m->preempted,
                    .resources = m->resources,
                    .unmet = m->unmet,
                    .needs = result_str (j, m->needs)};
    return j;
}

void yard_free (void *result)
{
    struct head *h;

    if (!result)
        return;
    h = head_of (result);
    ym_arena_free (h->arena);
    free (h);
}

/* batch.c - the next lines of the source as items. */
#include "client/agents/items/batch.h"
#include "client/agents/items/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_ENOUGH ((size_t)8 << 20) /* lines so long end a batch before its count does */

void items_batch_done (struct items_batch *batch)
{
    free (batch->item);
    free (batch->text);
    *batch = (struct items_batch){0};
}

static size_t keep_text (struct items_batch *batch, const char *line, size_t size)
{
    size_t at = batch->text_size;

    if (at + size > batch->text_room) {
        size_t room = (at + size) * 2;
        char *text = items_memory (1, room);
        if (at)
            memcpy (text, batch->text, at);
        free (batch->text);
        batch->text = text;
        batch->text_room = room;
    }
    memcpy (batch->text + at, line, size);
    batch->text_size += size;
    return at;
}

static enum items_end take_line (struct items_work *work, struct items_batch *batch,
                                 uint64_t number, const char *line, size_t size)
{
    struct items_item *item = &batch->item[batch->count];
    const char *fault;

    *item = (struct items_item){.line = number, .size = size};
    fault = items_json_id (work->json, line, size, item->id);
    if (fault)
        return items_say (work, ITEMS_FAIL, "source: line %" PRIu64 ": %s", number, fault);
    items_digest (line, size, item->digest);
    item->at = keep_text (batch, line, size);
    batch->count++;
    return ITEMS_GO_ON;
}

static int by_id (const void *a, const void *b)
{
    const struct items_item *one = *(struct items_item *const *)a;
    const struct items_item *other = *(struct items_item *const *)b;
    int order = strcmp (one->id, other->id);

    return order ? order : (one->line > other->line) - (one->line < other->line);
}

/* The first of several with one id counts; the others must be the same line again. */
static enum items_end find_repeats (struct items_work *work, struct items_batch *batch)
{
    struct items_item *order[ITEMS_BATCH_MAX];

    for (size_t i = 0; i < batch->count; i++)
        order[i] = &batch->item[i];
    qsort (order, batch->count, sizeof *order, by_id);
    for (size_t i = 1; i < batch->count; i++) {
        struct items_item *item = order[i], *before = order[i - 1];
        if (strcmp (item->id, before->id) != 0)
            continue;
        if (memcmp (item->digest, before->digest, sizeof item->digest) != 0)
            return items_say (work, ITEMS_FAIL,
                              "source: line %" PRIu64 ": item '%s' is in line %" PRIu64
                              " with another content",
                              item->line, item->id, before->line);
        item->is_repeat = true;
    }
    return ITEMS_GO_ON;
}

enum items_end items_batch_read (struct items_work *work, struct items_source *source,
                                 struct items_batch *batch, struct items_sum *sum)
{
    enum items_end end = ITEMS_GO_ON;
    const char *line;
    size_t size;

    if (!batch->item)
        batch->item = items_memory (ITEMS_BATCH_MAX, sizeof *batch->item);
    batch->count = batch->text_size = 0;
    while (batch->count < work->settings.batch && batch->text_size < TEXT_ENOUGH) {
        end = items_source_next (work, source, &line, &size);
        if (end || !line)
            break;
        end = take_line (work, batch, source->number, line, size);
        if (end)
            break;
        items_sum_add (sum, batch->item[batch->count - 1].digest);
    }
    return end ? end : find_repeats (work, batch);
}

static enum items_end take_mapped (struct items_work *work, struct items_item *item,
                                   const char *target)
{
    char *rest;

    errno = 0;
    item->mapped = strtoll (target, &rest, 10);
    if (errno || *rest || rest == target || item->mapped <= 0)
        return items_say (work, ITEMS_FAIL,
                          "item '%s' is mapped to '%s', which is no target id", item->id,
                          target);
    return ITEMS_GO_ON;
}

enum items_end items_batch_lookup (struct items_work *work, struct items_batch *batch)
{
    const char *sources[ITEMS_BATCH_MAX] = {NULL};
    char *targets[ITEMS_BATCH_MAX] = {NULL};
    struct items_item *asked[ITEMS_BATCH_MAX] = {NULL};
    enum items_end end = ITEMS_GO_ON;
    size_t count = 0;
    int r;

    for (size_t i = 0; i < batch->count; i++) {
        if (batch->item[i].is_repeat)
            continue;
        asked[count] = &batch->item[i];
        sources[count++] = batch->item[i].id;
    }
    r = work->task->lookup (work->task->self, sources, count, targets);
    for (size_t i = 0; i < count; i++) {
        if (r == 0 && !end && targets[i])
            end = take_mapped (work, asked[i], targets[i]);
        free (targets[i]);
    }
    if (r == -ESTALE)
        return items_say (work, ITEMS_STOPPED, "the attempt is no longer this agent's");
    if (r == -EINVAL)
        return items_say (work, ITEMS_FAIL, "the yard will never look these ids up");
    if (r < 0)
        return items_say (work, ITEMS_RETRY, "mappings cannot be looked up: %s", strerror (-r));
    return end;
}

size_t items_batch_mappings (const struct items_batch *batch,
                             struct items_mapping *ret_mappings, char (*ret_targets)[24])
{
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct items_item *item = &batch->item[i];
        if (item->is_repeat || item->mapped)
            continue;
        (void)snprintf (ret_targets[count], sizeof ret_targets[count], "%" PRId64,
                        item->target_id);
        ret_mappings[count] = (struct items_mapping){item->id, ret_targets[count]};
        count++;
    }
    return count;
}

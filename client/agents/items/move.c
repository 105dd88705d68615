/* move.c - one attempt, from where the last checkpoint left it to the proof.
 *
 * Each attempt reads the source once before: to count it, and to see whether what was done is
 * still its beginning. If not, the beginning is done again; items that are mapped are not
 * written again.
 */
#include "client/agents/items/batch.h"
#include "client/agents/items/json.h"
#include "client/agents/items/provision.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY 1024 /* lines between two looks at should_stop */

struct position {
    uint64_t offset, lines;
    struct items_sum sum; /* of the lines before */
};

struct move {
    struct items_work *work;
    struct items_source source;
    struct items_batch batch;
    struct position at;
    uint64_t total;
    uint64_t written; /* items this attempt wrote */
    bool has_restarted;
};

static bool read_resume (const struct items_task *task, struct position *ret)
{
    char text[160], digest[2 * ITEMS_DIGEST_SIZE + 1];
    size_t size;

    *ret = (struct position){0};
    if (task->resume_size == 0 || task->resume_size >= sizeof text)
        return false;
    memcpy (text, task->resume, task->resume_size);
    text[task->resume_size] = '\0';
    if (sscanf (text, "items-move 1 %" SCNu64 " %" SCNu64 " %64[0-9a-f]", &ret->offset,
                &ret->lines, digest) != 3)
        return false;
    ret->sum.count = ret->lines;
    return sodium_hex2bin (ret->sum.octets, sizeof ret->sum.octets, digest, strlen (digest),
                           NULL, &size, NULL) == 0 &&
           size == sizeof ret->sum.octets;
}

static int write_resume (const struct position *at, char *ret_text, size_t size)
{
    char digest[2 * ITEMS_DIGEST_SIZE + 1];

    (void)sodium_bin2hex (digest, sizeof digest, at->sum.octets, sizeof at->sum.octets);
    return snprintf (ret_text, size, "items-move 1 %" PRIu64 " %" PRIu64 " %s", at->offset,
                     at->lines, digest);
}

/* Counts the lines and finds 'resumed' among them. */
static enum items_end read_through (struct move *move, const struct position *resumed,
                                    bool *ret_found)
{
    unsigned char digest[ITEMS_DIGEST_SIZE];
    struct items_sum sum = {0};
    enum items_end end = ITEMS_GO_ON;
    const char *line;
    size_t size;

    *ret_found = false;
    while (!end) {
        end = items_source_next (move->work, &move->source, &line, &size);
        if (end || !line)
            break;
        items_digest (line, size, digest);
        items_sum_add (&sum, digest);
        if (move->source.offset == resumed->offset)
            *ret_found = items_sum_is_equal (&sum, &resumed->sum);
        if (sum.count % LOOK_EVERY == 0)
            end = items_look (move->work);
    }
    move->total = sum.count;
    return end;
}

static enum items_end take_up (struct move *move)
{
    struct position resumed;
    bool was_there = read_resume (move->work->task, &resumed) && resumed.offset > 0, found;
    enum items_end end = read_through (move, &resumed, &found);

    if (end)
        return end;
    if (was_there && found)
        move->at = resumed;
    move->has_restarted = was_there && !found;
    return items_source_seek (move->work, &move->source, move->at.offset, move->at.lines);
}

static enum items_end checkpoint (struct move *move)
{
    struct items_mapping mappings[ITEMS_BATCH_MAX];
    char targets[ITEMS_BATCH_MAX][24];
    const struct items_task *task = move->work->task;
    const struct items_batch *batch = &move->batch;
    size_t count = items_batch_mappings (batch, mappings, targets);
    char resume[160];
    int r, size;

    size = write_resume (&move->at, resume, sizeof resume);
    r = task->checkpoint (task->self, resume, (size_t)size, batch->item[batch->count - 1].id,
                          move->at.lines, move->total, mappings, count);
    if (r == -ESTALE)
        return items_say (move->work, ITEMS_STOPPED, "the attempt is no longer this agent's");
    if (r == -EEXIST)
        return items_say (move->work, ITEMS_STOPPED,
                          "the yard has another checkpoint in its place");
    if (r == -EINVAL)
        return items_say (move->work, ITEMS_FAIL, "the yard will never take this checkpoint");
    if (r < 0)
        return items_say (move->work, ITEMS_RETRY, "checkpoint was not taken: %s",
                          strerror (-r));
    return ITEMS_GO_ON;
}

static enum items_end move_batch (struct move *move)
{
    struct items_work *work = move->work;
    enum items_end end;

    end = items_look (work);
    end = end ? end : items_batch_read (work, &move->source, &move->batch, &move->at.sum);
    if (end || move->batch.count == 0)
        return end;
    end = items_batch_lookup (work, &move->batch);
    end = end ? end : items_target_write (work, &move->batch, &move->written);
    if (end)
        return end;
    move->at.offset = move->source.offset;
    move->at.lines = move->source.number;
    if (move->at.lines > move->total)
        move->total = move->at.lines; /* it grows while we read; the proof will tell */
    return checkpoint (move);
}

static enum items_end move_all (struct move *move)
{
    const struct items_task *task = move->work->task;
    enum items_end end = ITEMS_GO_ON;

    do {
        task->progress (task->self, move->at.lines, move->total);
        end = move_batch (move);
        if (!end && move->batch.count && move->work->settings.pace_ms)
            end = items_pause (move->work, move->work->settings.pace_ms);
    } while (!end && move->batch.count);
    return end;
}

/* Reads the source once more: the sum of all lines, and of the different items among them. */
static enum items_end sum_source (struct move *move, struct items_sum *ret_lines,
                                  struct items_sum *ret_items)
{
    unsigned char digest[ITEMS_DIGEST_SIZE];
    char id[ITEMS_ID_MAX + 1];
    enum items_end end = ITEMS_GO_ON;
    const char *line;
    bool is_new;
    size_t size;

    while (!end) {
        end = items_source_next (move->work, &move->source, &line, &size);
        if (end || !line)
            break;
        if (items_json_id (move->work->json, line, size, id))
            return items_say (move->work, ITEMS_RETRY, "the source changed while it was moved");
        items_digest (line, size, digest);
        items_sum_add (ret_lines, digest);
        end = items_target_note (move->work, id, &is_new);
        if (!end && is_new)
            items_sum_add (ret_items, digest);
        if (!end && ret_lines->count % LOOK_EVERY == 0)
            end = items_look (move->work);
    }
    return end;
}

static enum items_end compare (struct move *move, const struct items_sum *lines,
                               const struct items_sum *items, const struct items_sum *rows)
{
    char digest[2 * ITEMS_DIGEST_SIZE + 1];

    if (!items_sum_is_equal (lines, &move->at.sum))
        return items_say (move->work, ITEMS_RETRY, "the source changed while it was moved");
    if (!items_sum_is_equal (items, rows))
        return items_say (move->work, ITEMS_FAIL,
                          "target has %" PRIu64 " of %" PRIu64 " items, or other contents",
                          rows->count, items->count);
    (void)sodium_bin2hex (digest, sizeof digest, items->octets, sizeof items->octets);
    return items_say (move->work, ITEMS_DONE,
                      "%" PRIu64 " items of %" PRIu64 " lines (%" PRIu64
                      " written in this attempt%s) are at the target; counts and digests of "
                      "source and target are equal: %.16s",
                      items->count, lines->count, move->written,
                      move->has_restarted ? ", from the beginning: the source changed" : "",
                      digest);
}

static enum items_end prove (struct move *move)
{
    struct items_sum lines = {0}, items = {0}, rows = {0};
    struct items_work *work = move->work;
    enum items_end end = items_source_seek (work, &move->source, 0, 0);

    end = end ? end : items_target_note_begin (work);
    end = end ? end : sum_source (move, &lines, &items);
    end = end ? end : items_target_sum (work, &rows);
    end = end ? end : compare (move, &lines, &items, &rows);
    return end == ITEMS_DONE ? items_hand_over (work) : end;
}

static enum items_end run (struct move *move)
{
    struct items_work *work = move->work;
    enum items_end end = items_settings_read (work);

    end = end ? end : items_source_open (work, &move->source);
    end = end ? end : items_target_open (work);
    /* An empty batch raises the fence: from here on no earlier attempt writes. */
    end = end ? end : items_target_write (work, &move->batch, &move->written);
    end = end ? end : take_up (move);
    end = end ? end : move_all (move);
    return end ? end : prove (move);
}

enum items_end items_move (const struct items_task *task, char *ret_sentence, size_t size)
{
    struct items_work work = {.task = task, .sentence = ret_sentence, .sentence_size = size};
    struct move move = {.work = &work, .source = {.fd = -1}};
    enum items_end end;

    if (sodium_init () < 0)
        return items_say (&work, ITEMS_RETRY, "no randomness: libsodium does not start");
    work.json = items_json_new ();
    if (!work.json)
        return items_say (&work, ITEMS_RETRY, "SQLite does not start");
    end = run (&move);
    items_batch_done (&move.batch);
    items_source_close (&move.source);
    items_target_close (work.target);
    items_json_free (work.json);
    return end;
}

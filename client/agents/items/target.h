/* target.h - the target store: an SQLite database with its items, fences and effects.
 *
 *   item (target_id, source_id, digest, body)   what was moved
 *   fence (job, number)                         the highest fencing number that wrote
 *   effect (job, fence, source_id, at)          one row for each item actually written
 */
#ifndef YARD_ITEMS_TARGET_H
#define YARD_ITEMS_TARGET_H
#include "client/agents/items/work.h"

struct items_item {
    char id[ITEMS_ID_MAX + 1];
    uint64_t line;   /* its number, from 1 */
    size_t at, size; /* its text, in the batch's */
    unsigned char digest[ITEMS_DIGEST_SIZE];
    bool is_repeat;    /* the same line was there before */
    int64_t mapped;    /* target id an earlier attempt reported; 0: none */
    int64_t target_id; /* target id it has */
};

struct items_batch {
    struct items_item *item;
    size_t count;
    char *text;
    size_t text_size, text_room;
};

enum items_end items_target_open (struct items_work *work);
void items_target_close (struct items_target *target);

/* One transaction: fence, items that are not mapped, and reading back all. Sets target_id. */
enum items_end items_target_write (struct items_work *work, struct items_batch *batch,
                                   uint64_t *ret_written);

/* The proof: notes each line of the source, then sums up the rows of what was noted. */
enum items_end items_target_note_begin (struct items_work *work);
enum items_end items_target_note (struct items_work *work, const char *id, bool *ret_is_new);
enum items_end items_target_sum (struct items_work *work, struct items_sum *ret_sum);

#endif

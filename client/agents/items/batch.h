/* batch.h - the next lines of the source as items. */
#ifndef YARD_ITEMS_BATCH_H
#define YARD_ITEMS_BATCH_H
#include "client/agents/items/source.h"
#include "client/agents/items/target.h"

void items_batch_done (struct items_batch *batch);

/* Takes at most settings.batch lines, fewer when they are long, and adds them to 'sum'. A line
 * that is no item, or an id that comes again with another content, fails with its number. */
enum items_end items_batch_read (struct items_work *work, struct items_source *source,
                                 struct items_batch *batch, struct items_sum *sum);

/* Asks the control plane which of them an earlier attempt mapped. */
enum items_end items_batch_lookup (struct items_work *work, struct items_batch *batch);

/* The mappings to report: of all that were neither repeats nor mapped before. */
size_t items_batch_mappings (const struct items_batch *batch,
                             struct items_mapping *ret_mappings, char (*ret_targets)[24]);

#define _items_batch_ __attribute__ ((cleanup (items_batch_done)))

#endif

/* provision.h - what the job makes at the target: the store, and a file for the proof. */
#ifndef YARD_ITEMS_PROVISION_H
#define YARD_ITEMS_PROVISION_H
#include "client/agents/items/work.h"

#define ITEMS_STAGING_MAX (PATH_MAX + 160) /* a path and a job */

/* The file of the job's own for the proof. False: none was made. */
bool items_staging_path (const struct items_work *work, char ret_path[ITEMS_STAGING_MAX]);

/* The move is proven: the store is its owner's from now on, and no longer the job's to remove.
 * ITEMS_DONE if so. */
enum items_end items_hand_over (struct items_work *work);

#endif

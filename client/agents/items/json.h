/* json.h - what of JSON the mover needs, by means of SQLite's own parser. */
#ifndef YARD_ITEMS_JSON_H
#define YARD_ITEMS_JSON_H
#include "client/agents/items/work.h"

struct items_json;

struct items_json *items_json_new (void); /* NULL: SQLite cannot be had */
void items_json_free (struct items_json *json);

/* The id of a work item. NULL when the line is one, else what is wrong with it. */
const char *items_json_id (struct items_json *json, const char *line, size_t size,
                           char ret_id[ITEMS_ID_MAX + 1]);

/* The payload, into work->settings. Anything not known is refused with a sentence. */
enum items_end items_settings_read (struct items_work *work);

#endif

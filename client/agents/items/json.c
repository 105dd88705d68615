/* json.c - what of JSON the mover needs, by means of SQLite's own parser.
 *
 * It runs on a database in memory, apart from the target: a line can never be mistaken for SQL
 * nor touch what it is moved into.
 */
#include "client/agents/items/json.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct items_json {
    sqlite3 *db;
    sqlite3_stmt *id, *members;
};

#define SHAPE                                                                                  \
    "CASE WHEN NOT json_valid (?1) THEN 'not JSON'"                                            \
    "     WHEN json_type (?1) <> 'object' THEN 'not a JSON object' END"

/* SQLite ends a text at \u0000, and two ids would look the same: such an id is refused. */
#define ID                                                                                     \
    "SELECT COALESCE (" SHAPE                                                                  \
    ", CASE WHEN json_type (?1, '$.id') IS NOT 'text' THEN 'no text member \"id\"'"            \
    "       WHEN instr (?1 -> '$.id', '\\u0000') THEN 'its id has a character that is no "     \
    "text'"                                                                                    \
    "  END), CASE WHEN " SHAPE " IS NULL THEN json_extract (?1, '$.id') END"

#define MEMBERS                                                                                \
    "SELECT key, type, atom FROM json_each (CASE WHEN " SHAPE                                  \
    " IS NULL THEN ?1 ELSE '{\"\": 0}' END)"

void items_json_free (struct items_json *json)
{
    if (!json)
        return;
    (void)sqlite3_finalize (json->id);
    (void)sqlite3_finalize (json->members);
    (void)sqlite3_close (json->db);
    free (json);
}

struct items_json *items_json_new (void)
{
    struct items_json *json = items_memory (1, sizeof *json);

    if (sqlite3_open_v2 (":memory:", &json->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                         NULL) == SQLITE_OK &&
        sqlite3_prepare_v3 (json->db, ID, -1, SQLITE_PREPARE_PERSISTENT, &json->id, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v3 (json->db, MEMBERS, -1, 0, &json->members, NULL) == SQLITE_OK)
        return json;
    items_json_free (json);
    return NULL;
}

/* The words of the statement, as text that lasts. */
static const char *lasting (const char *fault)
{
    static const char *const faults[] = {"not a JSON object", "no text member \"id\"",
                                         "its id has a character that is no text"};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp (faults[i], fault) == 0)
            return faults[i];
    return "not JSON";
}

static const char *read_id (sqlite3_stmt *row, char ret_id[ITEMS_ID_MAX + 1])
{
    const char *fault = (const char *)sqlite3_column_text (row, 0);
    const char *id = (const char *)sqlite3_column_text (row, 1);
    size_t size = (size_t)sqlite3_column_bytes (row, 1);

    if (fault)
        return lasting (fault);
    if (!id || size == 0 || size > ITEMS_ID_MAX)
        return "its id has not 1 to 128 octets";
    if (!agents_text_is_clean (id, size))
        return "its id has a character that is no text";
    memcpy (ret_id, id, size);
    ret_id[size] = '\0';
    return NULL;
}

const char *items_json_id (struct items_json *json, const char *line, size_t size,
                           char ret_id[ITEMS_ID_MAX + 1])
{
    const char *fault = "not JSON";

    if (!agents_text_is_clean (line, size))
        return "not UTF-8 text";
    if (sqlite3_bind_text (json->id, 1, line, (int)size, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step (json->id) == SQLITE_ROW)
        fault = read_id (json->id, ret_id);
    (void)sqlite3_reset (json->id);
    (void)sqlite3_clear_bindings (json->id);
    return fault;
}

static const struct setting {
    const char *name;
    size_t offset;
    uint32_t standard, lowest, highest;
} known[] = {
    {"batch", offsetof (struct items_settings, batch), 500, 1, ITEMS_BATCH_MAX},
    {"pace_ms", offsetof (struct items_settings, pace_ms), 0, 0, 3600000},
};

static void set (struct items_work *work, const struct setting *s, uint32_t number)
{
    memcpy ((char *)&work->settings + s->offset, &number, sizeof number);
}

static enum items_end read_member (struct items_work *work, sqlite3_stmt *row)
{
    const char *name = (const char *)sqlite3_column_text (row, 0);
    const char *type = (const char *)sqlite3_column_text (row, 1);
    int64_t number = sqlite3_column_int64 (row, 2);

    if (!name || !*name)
        return items_say (
            work, ITEMS_FAIL,
            "payload: not a JSON object such as {\"batch\": 500, \"pace_ms\": 0}");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct setting *s = &known[i];
        if (strcmp (s->name, name) != 0)
            continue;
        if (!type || strcmp (type, "integer") != 0 || number < s->lowest || number > s->highest)
            return items_say (work, ITEMS_FAIL,
                              "payload: %s must be a whole number, %" PRIu32 " to %" PRIu32,
                              name, s->lowest, s->highest);
        set (work, s, (uint32_t)number);
        return ITEMS_GO_ON;
    }
    return items_say (work, ITEMS_FAIL, "payload: no setting is called '%.40s'", name);
}

enum items_end items_settings_read (struct items_work *work)
{
    const struct items_task *task = work->task;
    sqlite3_stmt *row = work->json->members;
    enum items_end end = ITEMS_GO_ON;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        set (work, &known[i], known[i].standard);
    if (task->payload_size == 0)
        return ITEMS_GO_ON;
    if (!agents_text_is_clean (task->payload, task->payload_size) ||
        sqlite3_bind_text (row, 1, task->payload, (int)task->payload_size, SQLITE_STATIC) !=
            SQLITE_OK)
        return items_say (work, ITEMS_FAIL, "payload: not UTF-8 text");
    while (!end && sqlite3_step (row) == SQLITE_ROW)
        end = read_member (work, row);
    (void)sqlite3_reset (row);
    (void)sqlite3_clear_bindings (row);
    return end;
}

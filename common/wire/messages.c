/* messages.c - what messages and records look like, expanded from schema/wire.
 *
 * An offset needs the name of its struct, which FIELD does not repeat: each description is
 * therefore a function, where 'self' can be that struct. They are gathered before main, once,
 * and only read from then on.
 */
#include "common/wire/wire.h"

#include <string.h>

#include "common/base/panic.h"

/* Places in the tables, and one octet more than the highest number. */
enum place_of_record {
#define RECORD(name, doc) RECORD_##name,
#define END_RECORD
#define MESSAGE(number, sort, name, roles, doc)
#define FIELD(kind, name, max, need, doc)
#define LIST(record, name, max, need, doc)
#define END
#include "schema/wire/all.def"
#undef RECORD
#undef MESSAGE
    RECORDS
};
enum place_of_message {
#define RECORD(name, doc)
#define MESSAGE(number, sort, name, roles, doc) MESSAGE_##name,
#include "schema/wire/all.def"
#undef MESSAGE
    MESSAGES
};
union number_room {
#define MESSAGE(number, sort, name, roles, doc) char name[(number) + 1];
#include "schema/wire/all.def"
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END
};
enum { NUMBERS = sizeof (union number_room) };

static struct ym_record records[RECORDS];
static struct ym_message messages[MESSAGES];

#define FIELD(kind, name, max, need, doc)                                                      \
    {#name, YM_KIND_##kind, YM_##need, max, offsetof (self, name), NULL, doc, sizeof #name - 1},
#define LIST(record, name, max, need, doc)                                                     \
    {#name, YM_KIND_LIST,    YM_##need, max, offsetof (self, name), &records[RECORD_##record], \
     doc,   sizeof #name - 1},

#define RECORD(name_, doc_)                                                                    \
    static void describe_record_##name_ (void)                                                 \
    {                                                                                          \
        typedef struct ym_##name_ self;                                                        \
        struct ym_record *to = &records[RECORD_##name_];                                       \
        to->name = #name_;                                                                     \
        to->doc = doc_;                                                                        \
        to->size = sizeof (self);                                                              \
        static const struct ym_field fields[] = {
#define MESSAGE(number_, sort_, name_, roles_, doc_)                                           \
    static void describe_message_##name_ (void)                                                \
    {                                                                                          \
        typedef struct ym_##name_ self;                                                        \
        struct ym_message *to = &messages[MESSAGE_##name_];                                    \
        to->number = (number_);                                                                \
        to->sort = YM_##sort_;                                                                 \
        to->roles = YM_##roles_;                                                               \
        to->name = #name_;                                                                     \
        to->doc = doc_;                                                                        \
        to->size = sizeof (self);                                                              \
        static const struct ym_field fields[] = {
#define END                                                                                    \
    }                                                                                          \
    ;                                                                                          \
    _Static_assert(sizeof fields / sizeof fields[0] <= 64, "a bit of 'has' for each");         \
    to->fields = fields;                                                                       \
    to->count = sizeof fields / sizeof fields[0];                                              \
    }
#define END_RECORD END
#include "schema/wire/all.def"
#undef RECORD
#undef MESSAGE
#undef END
#undef END_RECORD
#undef FIELD
#undef LIST

static const struct ym_message *by_number[NUMBERS], *rising[MESSAGES];
static const struct ym_record *all_records[RECORDS];
const struct ym_message *const *const ym_messages = rising;
const size_t ym_message_count = MESSAGES;
const struct ym_record *const *const ym_records = all_records;
const size_t ym_record_count = RECORDS;

static void describe_all (void)
{
#define RECORD(name, doc)                       describe_record_##name ();
#define MESSAGE(number, sort, name, roles, doc) describe_message_##name ();
#define END_RECORD
#define END
#define FIELD(kind, name, max, need, doc)
#define LIST(record, name, max, need, doc)
#include "schema/wire/all.def"
#undef RECORD
#undef MESSAGE
#undef END
#undef END_RECORD
#undef FIELD
#undef LIST
}

__attribute__ ((constructor)) static void gather (void)
{
    size_t count = 0;

    describe_all ();
    for (size_t i = 0; i < RECORDS; i++)
        all_records[i] = &records[i];
    for (size_t i = 0; i < MESSAGES; i++)
        by_number[messages[i].number] = &messages[i];
    for (size_t n = 0; n < NUMBERS; n++)
        if (by_number[n])
            rising[count++] = by_number[n];
    if (count != MESSAGES)
        ym_panic ("two messages of schema/wire have the same number");
}

const struct ym_message *ym_message_find (unsigned number)
{
    return number < NUMBERS ? by_number[number] : NULL;
}

const struct ym_message *ym_message_named (const char *name)
{
    for (size_t i = 0; i < MESSAGES; i++)
        if (strcmp (messages[i].name, name) == 0)
            return &messages[i];
    return NULL;
}

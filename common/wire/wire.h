/* wire.h - messages as plain structs, described once in schema/wire.
 *
 * A frame is a fixed header of 44 octets and a body. The body is one msgpack map from field
 * name to value; a record in a list is an array in the order of its fields. Encoding writes the
 * fields in the order of the table, so equal messages are equal octets; decoding takes them in
 * any order.
 */
#ifndef YM_WIRE_H
#define YM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/enums.h"
#include "common/base/life.h"
#include "common/base/own.h"
#include "common/base/text.h"

enum { YM_WORDS_MAX = 16, YM_WORD_MAX = 40 };
struct ym_words {
    uint32_t count;
    char word[YM_WORDS_MAX][YM_WORD_MAX + 1];
};

enum ym_kind {
    YM_KIND_NUMBER,
    YM_KIND_ID,
    YM_KIND_TIME,
    YM_KIND_BOOL,
    YM_KIND_TEXT,
    YM_KIND_WORD,
    YM_KIND_TITLE,
    YM_KIND_STR,
    YM_KIND_FILLED,
    YM_KIND_BYTES,
    YM_KIND_OCTETS,
    YM_KIND_ENUM,
    YM_KIND_STATE,
    YM_KIND_WORDS,
    YM_KIND_LIST,
};
enum ym_need { YM_REQUIRED, YM_OPTIONAL };
enum ym_sort { YM_ASK, YM_ANSWER, YM_TELL, YM_EVENT };

/* Who may send a message at a door: a set of roles. */
enum {
    YM_NOBODY = 0,
    YM_MAY_RUN = 1u << YM_AGENT,
    YM_MAY_ADMIN = 1u << YM_ADMIN,
    YM_MAY_SUBMIT = 1u << YM_SUBMITTER | 1u << YM_ADMIN,
    YM_MAY_OPERATE = 1u << YM_OPERATOR | 1u << YM_ADMIN,
    YM_MAY_ACT = 1u << YM_SUBMITTER | 1u << YM_OPERATOR | 1u << YM_ADMIN,
    YM_MAY_READ = 1u << YM_SUBMITTER | 1u << YM_VIEWER | 1u << YM_OPERATOR | 1u << YM_ADMIN,
    YM_EVERYBODY = 0x1f,
};

struct ym_record;
struct ym_field {
    const char *name;
    enum ym_kind kind;
    enum ym_need need;
    uint64_t max;
    size_t at;                      /* offset in the struct */
    const struct ym_record *record; /* of a list */
    const char *doc;
    size_t name_size;
};
struct ym_record {
    const char *name;
    size_t size;
    size_t count;
    const struct ym_field *fields;
    const char *doc;
};
struct ym_message {
    uint16_t number;
    enum ym_sort sort;
    unsigned roles;
    const char *name;
    size_t size;
    size_t count;
    const struct ym_field *fields;
    const char *doc;
};

/* Structs: one per RECORD and MESSAGE. 'has' has bit i set if field i is present; encoding
 * looks at it for optional fields only, decoding sets it for all. STR, BYTES and LIST are
 * views: into the frame and the arena after decoding, into the caller's memory before encoding.
 */
#define YM_C_NUMBER(name, max) uint64_t name;
#define YM_C_ID(name, max)     int64_t name;
#define YM_C_TIME(name, max)   int64_t name;
#define YM_C_BOOL(name, max)   bool name;
#define YM_C_TEXT(name, max)   char name[(max) + 1];
#define YM_C_WORD(name, max)   char name[(max) + 1];
#define YM_C_TITLE(name, max)  char name[(max) + 1];
#define YM_C_STR(name, max)    struct ym_str name;
#define YM_C_FILLED(name, max) struct ym_str name;
#define YM_C_BYTES(name, max)  struct ym_bytes name;
#define YM_C_OCTETS(name, max) uint8_t name[max];
#define YM_C_ENUM(name, max)   uint32_t name;
#define YM_C_STATE(name, max)  int32_t name;
#define YM_C_WORDS(name, max)  struct ym_words name;

#define RECORD(name, doc) struct ym_##name {
#define END_RECORD                                                                             \
    }                                                                                          \
    ;
#define MESSAGE(number, sort, name, roles, doc)                                                \
    struct ym_##name {                                                                         \
        uint64_t has;
#define FIELD(kind, name, max, need, doc) YM_C_##kind (name, max)
#define LIST(record, name, max, need, doc)                                                     \
    struct {                                                                                   \
        const struct ym_##record *at;                                                          \
        uint32_t count;                                                                        \
    } name;
#define END                                                                                    \
    }                                                                                          \
    ;
#include "schema/wire/all.def"
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END

/* Numbers: YM_MSG_job_submit and friends. */
enum {
#define RECORD(name, doc)
#define END_RECORD
#define MESSAGE(number, sort, name, roles, doc) YM_MSG_##name = (number),
#define FIELD(kind, name, max, need, doc)
#define LIST(record, name, max, need, doc)
#define END
#include "schema/wire/all.def"
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END
};

/* Bits of optional fields in 'has': YM_HAS (job_submit, regions). One octet a field, so the
 * offset is the field's place. */
#define YM_HAS(message, field) (UINT64_C (1) << offsetof (struct ym_place_##message, field))
#define RECORD(name, doc)      struct ym_place_##name {
#define END_RECORD                                                                             \
    }                                                                                          \
    ;
#define MESSAGE(number, sort, name, roles, doc) struct ym_place_##name {
#define FIELD(kind, name, max, need, doc)       char name;
#define LIST(record, name, max, need, doc)      char name;
#define END                                                                                    \
    }                                                                                          \
    ;
#include "schema/wire/all.def"
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef FIELD
#undef LIST
#undef END

extern const struct ym_message *const *const ym_messages; /* by number, rising */
extern const size_t ym_message_count;
extern const struct ym_record *const *const ym_records;
extern const size_t ym_record_count;
const struct ym_message *ym_message_find (unsigned number);   /* NULL if unknown */
const struct ym_message *ym_message_named (const char *name); /* NULL if unknown */

enum { YM_WIRE_VERSION = 1, YM_HEADER_SIZE = 44, YM_FAULTS_MAX = 16 };
struct ym_header {   /* on the wire in this order, big endian */
    uint8_t version; /* YM_WIRE_VERSION */
    uint8_t flags;   /* 0 */
    uint16_t number; /* which message */
    uint64_t ask;    /* chosen by the asker, repeated in answers and events; 0 for TELL */
    uint64_t seq;    /* on a bus link: rises by one; at a door: 0 */
    uint8_t trace[16], span[8]; /* W3C trace context; zeros if there is none */
};

struct ym_faults {
    uint32_t count;
    struct ym_fault at[YM_FAULTS_MAX];
};
void ym_faults_add (struct ym_faults *f, const char *path, const char *code, const char *text);

/* Writes header and body of the message h->number at 'to'; version and flags are always ours.
 * Returns the octets written, or 0 if 'room' is too small, the number is unknown or a field
 * breaks its own limit, which is our own bug: assert it. */
size_t ym_wire_encode (const struct ym_header *h, const void *msg, void *to, size_t room);
/* Octets that are surely enough for this message. */
size_t ym_wire_room (const struct ym_message *m, const void *msg);

/* For who fills a message from what a person gave: every field that breaks its own limit, so
 * that encode will not fail. Paths and codes are those of ym_wire_decode. */
bool ym_wire_check (const struct ym_message *m, const void *msg,
                    struct ym_faults *reterr_faults);

/* Reads the header. False if it is short, of another version, or has flags set. */
bool ym_wire_header (const void *frame, size_t size, struct ym_header *ret);
/* Reads the body of 'frame' (header included) into 'ret_msg', a struct of m->size octets.
 * Strict: unknown, missing, repeated, oversized, ill-typed and trailing content are faults, and
 * every fault is listed, up to YM_FAULTS_MAX. 'ret_msg' is written only on success, the faults
 * always: none on success. Rows of lists are taken from 'arena'; what is taken is bounded by
 * the table's limits. Absent optional fields are zero. */
bool ym_wire_decode (const struct ym_message *m, const void *frame, size_t size,
                     struct ym_arena *arena, void *ret_msg, struct ym_faults *reterr_faults);

/* True if 'p' holds exactly one well-framed msgpack value without ext types, containers at most
 * 8 deep: looked at before msgpack-c unpacks, since that trusts counts in headers. */
bool ym_wire_is_sane (const uint8_t *p, size_t size);

/* BLAKE2b-256 of the message's number (2 octets, big endian) and its canonical body: the same
 * message with the same body has the same digest whatever order it came in. A field named
 * "request" is left out: it is the key under which the digest is kept, not what was asked. A
 * field that breaks its own limit is a panic. */
void ym_wire_digest (const struct ym_message *m, const void *msg, uint8_t ret_digest[32]);
#endif

/* inside.h - what the files of this room share; nobody else includes it. */
#ifndef YM_STORE_INSIDE_H
#define YM_STORE_INSIDE_H
#include <libpq-fe.h>

#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "common/store/store.h"

enum {
    YM_STORE_STATEMENTS_MAX = 64, /* prepared on one connection */
    YM_STORE_OPS_MAX = 2 * YM_STORE_CALLS_MAX,
    YM_STORE_PARAMS_ALL = YM_STORE_CALLS_MAX * YM_STORE_PARAMS_MAX,
    YM_STORE_KEEP = 4 << 20, /* octets of parameters that stay reserved between batches */
};

/* The types that travel (catalog numbers, fixed for ever by the protocol). */
enum {
    YM_OID_BOOL = 16,
    YM_OID_BYTEA = 17,
    YM_OID_NAME = 19,
    YM_OID_INT8 = 20,
    YM_OID_INT2 = 21,
    YM_OID_INT4 = 23,
    YM_OID_TEXT = 25,
    YM_OID_TEXTS = 1009,
    YM_OID_VARCHAR = 1043,
};

enum ym_store_state {
    YM_STORE_RESTING,    /* until wake_ms, then the next attempt */
    YM_STORE_CONNECTING, /* libpq shakes hands */
    YM_STORE_SETTING_UP, /* our settings are on their way */
    YM_STORE_IDLE,
    YM_STORE_RUNNING, /* a batch is on its way */
};

struct ym_rows {
    PGresult *result;
};

struct ym_store_param {
    size_t at;
    int size;
}; /* size -1: NULL */
struct ym_store_call {
    const struct ym_statement *statement;
    unsigned first, count;
};
/* One thing the server answers: a preparation, or a call. */
struct ym_store_op {
    bool is_prepare;
    unsigned call;
};
struct ym_store_buffer {
    uint8_t *at;
    size_t used, room;
};

enum ym_store_phase { YM_BATCH_FREE, YM_BATCH_OPEN, YM_BATCH_SENT, YM_BATCH_ENDED };

struct ym_batch {
    struct ym_store *store;
    enum ym_store_phase phase;
    void *arg;
    ym_store_done_f *done;

    unsigned calls, params, ops;
    struct ym_store_call call[YM_STORE_CALLS_MAX];
    struct ym_store_param param[YM_STORE_PARAMS_ALL];
    struct ym_store_op op[YM_STORE_OPS_MAX];
    struct ym_store_buffer buffer;

    unsigned answered; /* operations */
    bool is_failed;    /* the server said no to one of them */
    bool is_refused;   /* ... and answered the Sync: nothing of the batch is there */
    bool is_doubtful;  /* committed here, perhaps not at the standby */
    bool is_flushed;   /* all of it left, the Sync included */
    struct ym_rows rows[YM_STORE_CALLS_MAX];
    struct ym_result result;
};

struct ym_store {
    struct ym_store_options options; /* its texts are ours */
    PQconninfoOption *target;        /* NULL: the conninfo could not be read */
    unsigned hosts, host, hosts_tried;

    enum ym_store_state state;
    PGconn *c;
    PostgresPollingStatusType polling;
    int64_t wake_ms;     /* RESTING */
    int64_t deadline_ms; /* CONNECTING, SETTING_UP, RUNNING */
    unsigned backoff_ms;
    unsigned empty_answers; /* in a row */
    bool has_said_down;
    bool is_broken; /* could not even send */
    char why[200];

    const struct ym_statement *prepared[YM_STORE_STATEMENTS_MAX];
    unsigned prepared_count;

    /* Two, so that the done callback of one may begin the next. */
    struct ym_batch *batch[2], *current;
    unsigned callbacks; /* on the stack */
};

/* hosts.c */
void ym_store_target_init (struct ym_store *s);
void ym_store_target_done (struct ym_store *s);
PGconn *ym_store_target_connect (struct ym_store *s);

/* connection.c */
void ym_store_lost (struct ym_store *s, const char *why);
void ym_store_note_why (struct ym_store *s, const char *text);
/* The server ends the connection with it. */
bool ym_store_is_last_word (const PGresult *result);

/* batch.c */
void ym_batch_take (struct ym_batch *b, PGresult *take_result);
void ym_batch_end (struct ym_batch *b, enum ym_outcome outcome);
void ym_batch_free (struct ym_batch *b);

/* statements.c */
bool ym_store_is_prepared (const struct ym_store *s, const struct ym_statement *statement);
void ym_store_remember (struct ym_store *s, const struct ym_statement *statement);
void ym_store_forget (struct ym_store *s, const struct ym_statement *statement);
#endif

/* inside.h - what the files of the client share: the connection, the asks that wait for answers
 * and the watches. */
#ifndef YARD_INSIDE_H
#define YARD_INSIDE_H
#include "client/libyard/door.h"
#include "client/libyard/error.h"
#include "common/base/id.h"

enum {
    CALL_BITS = 10, /* of an ask: which call or watch; the rest is a serial number */
    CALLS_MAX = 512,
    EVENTS_MAX = 65536, /* kept for yard_process; what comes beyond is asked for again */
    PAGE_MAX = 200,
};
#define CALL_MASK ((UINT64_C (1) << CALL_BITS) - 1)
#define WATCH_BIT (UINT64_C (1) << 62)

/* One ask that waits. Its frame is kept so that it can be sent again. */
struct call {
    uint64_t ask;     /* 0: free */
    size_t item;      /* of the batch */
    int64_t due_ms;   /* when it is sent, or sent again */
    int64_t until_ms; /* when it is given up */
    unsigned sent, refused;
    uint8_t *frame;
    size_t size, room;
    yard_err_t *why; /* the latest refusal for now only */
};

/* Asks of one kind that run side by side. */
struct batch {
    size_t count;
    unsigned ask, answer; /* numbers of the messages */
    unsigned other;       /* another answer that is as good; 0: none */
    unsigned heard;       /* which of the two 'done' is told about */
    /* The struct of the ask; NULL: 'done' was told already. It may be reused for the next. */
    const void *(*next) (void *me, size_t item);
    /* Either an answer, valid during the call, or an error to take over. */
    void (*done) (void *me, size_t item, const void *answer, yard_err_t *take_err);
    void *me;
    size_t begun, ended;
};

struct watch;
struct queued {
    struct queued *prev, *next;
    yard_event *event;
};

struct yard {
    struct door door;
    int timeout_ms;
    int silence_ms; /* without an answer an ask is sent again, each time later */
    char program[41];
    uint64_t serial;
    struct ym_arena *arena; /* of one message */
    void *answer;           /* room for any decoded message */
    struct call *calls[CALLS_MAX];
    struct batch *batch;
    int64_t look_at_ms; /* when a call or a watch is due next */
    struct watch *watches[YARD_WATCHES];
    size_t watch_count;
    struct feed *feed; /* NULL: there is none */
    struct queued *events;
    size_t event_count;
    int poll_fd, timer_fd; /* -1 until yard_fd; then what it returns, and what wakes it */
    unsigned polled;       /* serial of the socket that poll_fd knows */
};

/* Runs the batch until each item got its 'done'. */
void batch_run (struct yard *y, struct batch *b);
/* One ask, one answer, of which 'make' makes the result while it is there. */
typedef void *make_f (const void *answer);
struct question {
    unsigned ask, answer; /* numbers of the messages */
    const void *msg;
    make_f *make;
    unsigned
        other; /* another answer that is as good, and what makes the result of it; 0: none */
    make_f *make_other;
};
yard_rc ask (struct yard *y, const struct question *q, void **ret, yard_err_t **reterr);

/* One pass: news, sending what is due, waiting at most until 'until_ms' (monotonic), receiving.
 */
void pump (struct yard *y, int64_t until_ms);
uint64_t next_ask (struct yard *y, unsigned place);
/* Something is due at 'at_ms'. */
void look_by (struct yard *y, int64_t at_ms);
/* Decodes into y->answer. NULL: it cannot be read. */
const void *read_body (struct yard *y, const struct ym_header *h, zmq_msg_t *frame);
yard_err_t *no_answer (const struct yard *y, int after_ms);
yard_err_t *turned_away (const struct yard *y);
yard_err_t *other_version (void);
/* What yard_fd gave is readable when there is something to do; called when a call ends. */
void settle (struct yard *y);

/* Watches, driven by the pump. */
void watches_up (struct yard *y);
void watches_send (struct yard *y, int64_t now_ms);
void watch_hear (struct yard *y, const struct ym_header *h, zmq_msg_t *frame);
/* Those that have ended go; of those that were refused an event tells. */
void watches_sweep (struct yard *y);
void watches_done (struct yard *y);

/* The feed, likewise. Its asks have a place behind the watches. */
enum { FEED_PLACE = YARD_WATCHES };
struct feed;
void feed_up (struct yard *y);
void feed_send (struct yard *y, int64_t now_ms);
void feed_hear (struct yard *y, const struct ym_header *h, zmq_msg_t *frame);
void feed_sweep (struct yard *y);
void feed_done (struct yard *y);

/* Events for the caller. */
yard_event *event_new (yard_event_type type); /* every text is "" */
bool event_has_room (const struct yard *y);
void event_keep (struct yard *y, yard_event *take_event);
void events_done (struct yard *y);
/* A message that needs no call; false if it could not be sent now. */
bool send_message (struct yard *y, unsigned number, uint64_t ask, const void *msg);
bool is_turned_away (const struct yard *y);

/* A job's name as a number; an error if it is none. */
yard_err_t *read_job (const char *text, int64_t *ret);
/* 16 octets from a key; random ones for NULL. */
void request_of (const char *key, uint8_t ret[16]);
/* The usual way for none. */
yard_err_t *read_how (const yard_how **how);
/* A yard_outcome of 'planned'. */
void *make_planned (const void *answer);

/* Collects what cannot even be sent. */
struct check {
    struct ym_faults faults;
};
void check_text (struct check *c, const char *path, const char *from, size_t most, char *to);
void check_str (struct check *c, const char *path, const char *from, struct ym_str *to);
void check_word (struct check *c, const char *path, unsigned which, const char *word,
                 uint32_t *to);
void check_state (struct check *c, const char *word, int32_t *to);
void check_words (struct check *c, const char *path, const char *const *from, size_t most,
                  struct ym_words *to);
/* NULL if there was no fault. */
yard_err_t *check_end (struct check *c, unsigned number, const void *msg);

/* Results: one block with an arena for its text and rows. */
void *result_new (size_t size);
void *result_room (void *result, size_t size);
const char *result_text (void *result, const char *text);
const char *result_str (void *result, struct ym_str text);
const char *result_id (void *result, int64_t job);
yard_job *result_job (const struct ym_job_status *m);
#endif

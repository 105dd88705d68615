/* agent.h - the inside of the agent SDK.
 *
 * Two kinds of threads. The I/O thread is the one that called yard_agent_run: it alone touches
 * the door, the session and the table of tasks. Workers run handlers. They meet in what stands
 * under 'lock': the queues, and of a task what is marked so.
 */
#ifndef YARD_AGENT_INSIDE_H
#define YARD_AGENT_INSIDE_H
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>
#include <utlist.h>

#include "client/libyard/door.h"
#include "client/libyard/error.h"
#include "client/libyard/yard_agent.h"
#include "common/base/id.h"

enum {
    KIND_BITS = 2,
    PLACE_BITS = 16,
    SESSION_PLACE = (1 << PLACE_BITS) - 1, /* asks of the session itself */
    START_GRACE_MS = 1,   /* an attempt that ends within it is not reported as started */
    ANSWER_GRACE_MS = 50, /* a handler that takes longer for a signal is "working on it" */
    STARVE_MS = 1,     /* work that waited so long with nobody taking any gets more workers */
    PROGRESS_MS = 200, /* one message of counters per task */
    AGAIN_MS = 3000,   /* a report without an answer is sent again, each time later */
    AGAIN_MOST = 10,   /* so many times that */
    REGISTER_AGAIN_MS = 1000,
    SPARE_PLACES = 64,
    NOTED = 4096, /* ended attempts that are remembered, a power of two */
    BEATS = 8,
    CALLS_MAX = 6, /* callbacks of a task that wait for each other */
    RESULT_MAX = 1024,
    HAS_MESSAGE = 1 << 3, /* optional fields of callbacks, by their place */
    HAS_SOURCE = 1 << 4,
    HAS_TARGET = 1 << 5,
};

/* What a task may have on the way to the yard: a callback, what its handler asks, its end. */
enum report_kind { REPORT_CALL, REPORT_WORK, REPORT_END, REPORTS };
struct report {
    struct report *prev, *next; /* in agent.reports while it is on the way */
    struct yard_task *task;
    enum report_kind kind;
    bool active;
    uint64_t ask;   /* of every sending */
    int64_t due_ms; /* when it is sent, or sent again */
    unsigned sent, refused;
};

/* A callback before the end. */
enum call_kind { CALL_STARTED, CALL_PREPARED, CALL_WORKING, CALL_ERRORED };
struct call {
    enum call_kind kind;
    unsigned signal;
    uint32_t message;
    bool retryable;
    char *text;
};

enum end_kind {
    END_NONE,
    END_COMPLETED,
    END_FAILED,
    END_TERMINATED,
    END_SUSPENDED,
    END_DEPROVISIONED,
    END_LOST, /* said by the yard */
};

/* One of a task's handlers at work. MAIN: prepare, start and deprovision, one after the other;
 * SIDE: suspend and terminate, beside it. */
enum { MAIN, SIDE, ACTS };
enum act_state { ACT_IDLE, ACT_QUEUED, ACT_RUNNING, ACT_ASYNC, ACT_ANSWERED };
struct act {
    struct act *prev, *next; /* of its pool's queue */
    struct yard_task *task;
    unsigned which;
    /* under lock */
    enum act_state state;
    unsigned signal;
    yard_step step;
    bool is_told;  /* ACT_ASYNC is known to the I/O thread */
    bool has_said; /* a call told the step before the handler returned YARD_WORKING */
    char result[RESULT_MAX + 1];
};

/* How far a task is; of the I/O thread. */
enum stage {
    STAGE_PREPARE,
    STAGE_PREPARED, /* waits to be told to start */
    STAGE_START,
    STAGE_OVER,  /* start is over; what is left is removed, and the end is told */
    STAGE_CLEAN, /* only removes what is left */
};

struct resource {
    char name[41], address[201];
    uint32_t state; /* enum ym_resource_state; YM_REMOVED: the place is free */
};

struct yard_task {
    struct agent *agent;
    unsigned place;
    int64_t job;
    uint64_t fence, attempt;
    const yard_handler *handler; /* NULL: none of that kind */
    struct report report[REPORTS];
    struct act act[ACTS];
    bool known;    /* in agent.by_job: this is the job's attempt as far as we know */
    bool is_ghost; /* no longer known, and its handlers are not through */
    enum stage stage;
    bool is_touched;  /* a handler was called */
    bool is_prepared; /* the yard says so */
    unsigned wish;    /* YM_STOP, YM_END: told to; else 0 */
    yard_step step;   /* STAGE_OVER: how it went */
    enum end_kind end;
    bool has_cleaned; /* before its end, as far as it could be */
    bool end_waits;   /* until the yard has noted where source and target are now */
    char result[RESULT_MAX + 1];
    struct call call[CALLS_MAX];
    unsigned calls;
    uint32_t message, end_message; /* the last callback's number; that of the end */
    uint32_t started_message, prepared_message, working_message[YM_COUNT_signal];
    int64_t answer_due_ms; /* of answer_signal, while in agent.answers */
    unsigned answer_signal;
    bool answer_listed;
    struct yard_task *answer_prev, *answer_next;
    int64_t started_due_ms;
    struct yard_task *started_prev, *started_next;
    bool started_listed;
    int64_t progress_due_ms, progress_sent_ms;
    struct yard_task *progress_prev, *progress_next;
    UT_hash_handle hh;

    /* under lock */
    struct yard_task *prev, *next; /* of the queue it is in: asking */
    struct yard_task *news_prev, *news_next;
    bool has_news;                   /* it is in agent.news */
    bool has_begun;                  /* yard_task_started was called */
    bool has_completed, has_stopped; /* start is over: by a call, or by the other handler */
    bool asking;                     /* a handler waits for an answer */
    yard_rc answer_rc;
    zmq_msg_t answer;
    pthread_cond_t answered;
    uint64_t done, total;
    bool progressed; /* it is in a list of counters */
    int stop_fd;
    struct resource *resource; /* YARD_RESOURCES_MAX of them, or NULL */
    char *moved_source, *moved_target;
    bool moved_told;

    atomic_int stop;         /* yard_stop */
    atomic_llong stop_by_ms; /* 0: no limit */
    bool gave_up; /* fenced because the yard could not be reached; set before 'stop' */

    /* of the handler that asks */
    pthread_mutex_t talk; /* one asks at a time */
    uint8_t *work;
    size_t work_size, work_room;

    /* what it is about; text stands behind the struct */
    char job_text[YM_ID_TEXT_MAX + 1], tenant[41], name[81], kind[41];
    const char *source, *target, *mark;
    const uint8_t *payload, *resume;
    size_t payload_size, resume_size;
    uint64_t checkpoint, resume_checkpoint, resume_done, resume_total;
    char text[];
};

/* Threads that call handlers: one for each attempt at most. */
struct pool {
    struct agent *agent;
    pthread_cond_t work;
    /* under lock */
    struct act *queue;
    unsigned workers, idle;
    uint64_t taken; /* acts that workers took */
    /* of the I/O thread */
    pthread_t *threads;
    bool has_put; /* since workers were woken */
    uint64_t taken_before;
    int64_t starve_at_ms;
};

/* How an attempt ended here, so that an echo of it is known as one. */
struct noted {
    int64_t job;
    uint64_t fence;
    enum end_kind end;
    bool is_unseen; /* told to end before it was told to start */
    uint32_t message;
};

enum session_state { SESSION_AWAY, SESSION_REGISTERING, SESSION_HERE };

struct agent {
    const yard_agent_opts *opts;
    yard_handler *handlers;
    size_t handler_count;
    struct ym_words capabilities;
    struct door door;
    uint64_t serial;
    struct ym_arena *arena; /* of one message */
    void *body;             /* room for any decoded message */
    uint8_t *frame;         /* room for what is sent */
    size_t frame_room;
    int64_t look_at_ms;
    int wake_fd, stop_fd;

    /* the session */
    enum session_state session_state;
    atomic_ullong session;
    uint8_t request[16];
    bool was_here; /* registered once */
    uint64_t register_ask, leave_ask;
    int64_t register_sent_ms; /* first; by the lease's clock */
    int64_t register_due_ms, give_up_ms;
    unsigned register_tries;
    int64_t heartbeat_ms, lease_ms, beat_due_ms;
    int64_t lease_until_ms; /* by the lease's clock */
    struct {
        uint64_t ask;
        int64_t sent_ms; /* by the lease's clock */
    } beats[BEATS];
    unsigned beat;
    bool draining, leaving, left;
    yard_err_t *why; /* the session was refused for good */
    int64_t leave_by_ms;

    /* tasks */
    struct yard_task **tasks; /* by place */
    unsigned *places;         /* free ones */
    unsigned place_count, place_max;
    struct yard_task *by_job;
    struct report *reports;
    struct yard_task *started, *answers, *counters; /* by due time */
    unsigned ghosts;
    struct noted noted[NOTED];
    struct pool pool[ACTS];

    pthread_mutex_t lock;
    /* under lock */
    struct yard_task *news, *asking, *progressed;
    bool stopping, woken;
};

/* agent.c */
void agent_look_by (struct agent *a, int64_t at_ms);
uint64_t agent_ask (struct agent *a, unsigned place, unsigned kind);
bool agent_send (struct agent *a, unsigned number, uint64_t ask, const void *msg);
const void *agent_read (struct agent *a, const struct ym_header *h, zmq_msg_t *frame);

/* agent_session.c */
void session_up (struct agent *a);
void session_send (struct agent *a, int64_t now);
void session_hear (struct agent *a, const struct ym_header *h, const void *body);
bool session_has_lapsed (const struct agent *a);
void session_over (struct agent *a, bool gave_up);
void session_leave (struct agent *a, int64_t now);
yard_err_t *session_trouble (struct agent *a, int64_t now);

/* agent_attempt.c */
void attempt_hear_start (struct agent *a, const struct ym_attempt_start *m);
void attempt_lost (struct agent *a, int64_t job, uint64_t fence);
void attempts_lost (struct agent *a, bool gave_up);
void attempts_drain (struct agent *a);
void attempts_free (struct agent *a);
struct yard_task *attempt_of (struct agent *a, int64_t job);
const struct noted *noted_find (const struct agent *a, int64_t job);
void noted_put (struct agent *a, const struct noted *n);

/* agent_signal.c */
void signal_hear_suspend (struct agent *a, const struct ym_attempt_suspend *m);
void signal_hear_terminate (struct agent *a, const struct ym_attempt_terminate *m);
void signals_send (struct agent *a, int64_t now);
void signals_answered (struct agent *a);
void signal_prepare (struct agent *a, struct yard_task *t);
void signal_stopped (struct agent *a, struct yard_task *t);
bool signal_is_busy (struct yard_task *t);
void signal_clean (struct agent *a, struct yard_task *t);
void signal_start (struct agent *a, struct yard_task *t);

/* agent_call.c */
void call_started (struct agent *a, struct yard_task *t);
void call_prepared (struct agent *a, struct yard_task *t);
void call_working (struct agent *a, struct yard_task *t, unsigned signal);
void call_errored (struct agent *a, struct yard_task *t, unsigned signal, bool retryable,
                   const char *text);
bool call_send (struct agent *a, const struct report *r);
void call_answered (struct agent *a, struct yard_task *t);
bool call_waits (const struct yard_task *t, enum call_kind kind);
void calls_clear (struct agent *a, struct yard_task *t);
bool end_send (struct agent *a, const struct report *r);

/* agent_report.c */
void report_begin (struct agent *a, struct yard_task *t, enum report_kind kind);
void report_end (struct agent *a, struct report *r);
void reports_again (struct agent *a);
void reports_send (struct agent *a, int64_t now);
void report_hear (struct agent *a, const struct ym_header *h, zmq_msg_t *frame);
void reports_collect (struct agent *a);
void counters_send (struct agent *a, int64_t now);
void task_answer (struct yard_task *t, yard_rc rc, zmq_msg_t *take_frame);
void task_fence (struct agent *a, struct yard_task *t, bool gave_up);
void task_leave (struct agent *a, struct yard_task *t);
void task_free (struct agent *a, struct yard_task *t);
void task_stop (struct yard_task *t, yard_stop why);
void task_go_on (struct yard_task *t);

/* agent_task.c, agent_resource.c: in the thread of a handler */
yard_rc task_talk (yard_task *t, unsigned number, const void *msg);
yard_rc resources_clear (struct yard_task *t);
unsigned resources_count (struct yard_task *t);
void resources_take (struct yard_task *t, const struct ym_attempt_start *m);

/* agent_worker.c */
extern _Thread_local struct act *worker_act; /* what this thread is at */
void worker_put (struct agent *a, struct yard_task *t, unsigned which, unsigned signal);
void worker_stopped (struct yard_task *t); /* under lock: by suspend or terminate */
bool worker_take_back (struct agent *a, struct yard_task *t, unsigned which);
enum act_state worker_state (struct yard_task *t, unsigned which);
void workers_wake (struct agent *a);
void workers_grow (struct agent *a, int64_t now);
void workers_done (struct agent *a);
void agent_wake (struct agent *a);     /* under lock */
void agent_post (struct yard_task *t); /* under lock */
#endif

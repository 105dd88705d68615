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
    START_GRACE_MS = 1, /* an attempt that ends within it is not reported as started */
    STARVE_MS = 1,      /* work that waited so long with nobody taking any gets more workers */
    PROGRESS_MS = 200,  /* one message of counters per task */
    AGAIN_MS = 3000,    /* a report without an answer is sent again, each time later */
    AGAIN_MOST = 10,    /* so many times that */
    REGISTER_AGAIN_MS = 1000,
    SPARE_PLACES = 64,
    NOTED = 4096, /* ended attempts that are remembered, a power of two */
    BEATS = 8,
};

/* What a task may have on the way to the yard. */
enum report_kind { REPORT_STARTED, REPORT_WORK, REPORT_END, REPORTS };
struct report {
    struct report *prev, *next; /* in agent.reports while it is on the way */
    struct yard_task *task;
    enum report_kind kind;
    bool active;
    uint64_t ask;   /* of every sending */
    int64_t due_ms; /* when it is sent, or sent again */
    unsigned sent, refused;
};

enum task_state { TASK_WAITING, TASK_RUNNING, TASK_ENDED };
struct yard_task {
    struct agent *agent;
    unsigned place;
    int64_t job;
    uint64_t fence, attempt;
    const yard_handler *handler; /* NULL: none of that kind */
    struct report report[REPORTS];
    bool known;     /* in agent.by_job: this is the job's attempt as far as we know */
    bool terminate; /* asked for */
    int64_t started_due_ms;
    struct yard_task *started_prev, *started_next;
    bool started_listed;
    int64_t progress_due_ms, progress_sent_ms;
    struct yard_task *progress_prev, *progress_next;
    UT_hash_handle hh;

    /* under lock */
    enum task_state state;
    struct yard_task *prev, *next; /* of the queue it is in: run, ended, asking */
    bool asking;                   /* its worker waits for an answer */
    yard_rc answer_rc;
    zmq_msg_t answer;
    pthread_cond_t answered;
    uint64_t done, total;
    bool progressed; /* it is in a list of counters */
    int stop_fd;

    atomic_int stop; /* yard_stop */
    bool gave_up;    /* fenced because the yard could not be reached; set before 'stop' */

    /* of the worker */
    yard_step step;
    uint8_t *work;
    size_t work_size, work_room;
    char result[1025];

    /* what it is about; text stands behind the struct */
    char job_text[YM_ID_TEXT_MAX + 1], tenant[41], name[81], kind[41];
    const char *source, *target, *mark;
    const uint8_t *payload, *resume;
    size_t payload_size, resume_size;
    uint64_t checkpoint, resume_done, resume_total;
    char text[];
};

enum session_state { SESSION_AWAY, SESSION_REGISTERING, SESSION_HERE };

struct agent {
    const yard_agent_opts *opts;
    const yard_handler *handlers;
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
    struct yard_task *started, *counters; /* by due time */
    struct {
        int64_t job;
        uint64_t fence;
    } noted[NOTED];

    pthread_mutex_t lock;
    pthread_cond_t work;
    /* under lock */
    struct yard_task *run, *ended, *asking, *progressed;
    bool stopping, woken;
    unsigned workers, idle;
    uint64_t taken; /* tasks that workers took */
    /* of the I/O thread */
    pthread_t *threads;
    bool has_put; /* since workers were woken */
    uint64_t taken_before;
    int64_t starve_at_ms;
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
void attempt_hear_terminate (struct agent *a, const struct ym_attempt_terminate *m);
void attempt_lost (struct agent *a, int64_t job, uint64_t fence);
void attempts_lost (struct agent *a, bool gave_up);
void attempts_drain (struct agent *a);
void attempts_ended (struct agent *a);
void attempts_free (struct agent *a);

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
void task_free (struct agent *a, struct yard_task *t);
void task_forget (struct agent *a, struct yard_task *t);
void task_stop (struct yard_task *t, yard_stop why);

/* agent_worker.c */
void worker_put (struct agent *a, struct yard_task *t);
bool worker_take_back (struct agent *a, struct yard_task *t);
void workers_wake (struct agent *a);
void workers_grow (struct agent *a, int64_t now);
void workers_done (struct agent *a);
void agent_wake (struct agent *a); /* under lock */
#endif

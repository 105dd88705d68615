/* decide_signal.h - what is out to an agent, when it is told again, and when that is enough.
 * Pure.
 *
 * Everything follows from the job's row and the time: nothing is remembered, so a process that
 * was started a moment ago decides as the one before it would have.
 */
#ifndef YM_ASSIGNMENT_DECIDE_SIGNAL_H
#define YM_ASSIGNMENT_DECIDE_SIGNAL_H
#include <stdbool.h>
#include <stdint.h>

#include "common/base/enums.h"
#include "common/base/life.h"
#include "common/base/refusal.h"

struct signal_limits {
    int64_t retry_ms; /* setting signal_retry_ms */
    unsigned retries; /* signal_retries */
    int64_t stale_ms; /* stale_after_ms */
    int64_t grace_ms; /* preempt_grace_ms */
};

/* The columns of job_run that decide. */
struct signal_facts {
    int state;
    int64_t state_at;
    int wanted, suspender;
    int64_t wanted_at;
    unsigned count; /* state_count */
    unsigned losses;
    int64_t run_limit_ms; /* 0: none */
    int64_t errored_at;   /* the signal could not be carried out; counts if after state_at */
};

enum signal_act {
    SIGNAL_NOTHING,   /* nothing is due before due_ms */
    SIGNAL_TELL,      /* tell it again, and count that */
    SIGNAL_GIVE_UP,   /* it could not be made to start: it fails */
    SIGNAL_TERMINATE, /* it could not be made to suspend: it is to end for good */
    SIGNAL_EVICT,     /* the yard ends the attempt, whatever its agent does */
    SIGNAL_OVERRUN,   /* it runs longer than its limit: it is to end, as failed */
};
enum { SIGNAL_NO_PROBLEM = -1 };

struct signal_verdict {
    enum signal_act act;
    int problem;    /* enum ym_problem to raise with it, or SIGNAL_NO_PROBLEM */
    int64_t due_ms; /* of SIGNAL_NOTHING; INT64_MAX: never */
};

/* Is a signal out, and which? False: nothing is asked of the agent. ret_answered: it said that
 * it works on it. */
bool decide_signal_out (const struct signal_facts *f, enum ym_signal *ret, bool *ret_answered);
struct signal_verdict decide_signal (const struct signal_facts *f,
                                     const struct signal_limits *l, int64_t now_ms);
/* The same once the agent said that it will never carry the signal out. */
struct signal_verdict decide_signal_refused (const struct signal_facts *f,
                                             enum ym_signal refused);

/* What to answer to a report that moved nothing. A repetition gets the answer of the first
 * time; so what it reports must have happened by this very attempt, and not otherwise. */
enum report_kind {
    REPORT_STARTED,
    REPORT_WORKING,
    REPORT_PREPARED,
    REPORT_ERRORED,
    REPORT_CHECKPOINT,
    REPORT_COMPLETED,
    REPORT_FAILED,
    REPORT_SUSPENDED,
    REPORT_TERMINATED,
    REPORT_DEPROVISIONED
};
struct report_facts {
    enum report_kind kind;
    enum ym_signal signal; /* of REPORT_WORKING */
    bool held;             /* the attempt is the agent's still */
    bool taken;            /* this very message was taken before */
    int state;             /* of the job, if this is its latest attempt */
    int ended_on;          /* the event that ended the attempt or its work, 0 if none did */
    int ended_as; /* the final state that this attempt's work led to; 0: not known any more */
    bool checkpoint_is_it; /* the checkpoint stored last is the one reported, by this attempt */
};
enum ym_refusal decide_repeated (const struct report_facts *f);
#endif

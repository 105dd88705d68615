/* decide_signal.c - the rules of signalling, without input or output.
 *
 * A signal that was not answered, or could not be carried out, is told again after 1, 2, 4 ...
 * times retry_ms: its n-th repetition is due 2^n - 1 times retry_ms after it was first out. One
 * that an agent works on is told again every stale_ms; if the work fails, it counts as
 * unanswered from then on.
 */
#include "actors/assignment/decide_signal.h"

#include <stddef.h>

/* A deprovision that failed is tried by so many more agents before people are asked. */
enum { CLEANERS_MAX = 2 };

static bool is_closing (int state)
{
    return state == YM_JOB_COMPLETING || state == YM_JOB_DEPROVISION_REQUESTED;
}

/* The signal by which a state waits for its agent, if nothing else is wanted. */
static const struct {
    int state;
    enum ym_signal signal;
    bool answered;
} out_by_state[] = {
    {YM_JOB_LEASED, YM_PREPARE, false},
    {YM_JOB_RESUMING, YM_PREPARE, false},
    {YM_JOB_PREPARATION_REQUESTED, YM_PREPARE, true},
    {YM_JOB_PREPARED, YM_START, false},
    {YM_JOB_STARTING, YM_START, false},
    {YM_JOB_STARTUP_REQUESTED, YM_START, true},
    {YM_JOB_COMPLETING, YM_DEPROVISION, false},
    {YM_JOB_DEPROVISION_REQUESTED, YM_DEPROVISION, true},
};
enum { OUT_COUNT = sizeof out_by_state / sizeof out_by_state[0] };

bool decide_signal_out (const struct signal_facts *f, enum ym_signal *ret, bool *ret_answered)
{
    if (f->wanted != YM_NOTHING && !is_closing (f->state)) {
        *ret = f->wanted == YM_TERMINATE ? YM_END : YM_STOP;
        *ret_answered = f->state == (f->wanted == YM_TERMINATE ? YM_JOB_TERMINATION_REQUESTED
                                                               : YM_JOB_SUSPENSION_REQUESTED);
        return true;
    }
    for (size_t i = 0; i < OUT_COUNT; i++)
        if (out_by_state[i].state == f->state) {
            *ret = out_by_state[i].signal;
            *ret_answered = out_by_state[i].answered;
            return true;
        }
    return false;
}

static bool is_started (int state)
{
    return state == YM_JOB_STARTED || state == YM_JOB_CUTOVER ||
           state == YM_JOB_SUSPENSION_REQUESTED || state == YM_JOB_TERMINATION_REQUESTED;
}

/* Suspended for another's sake: it gives its slot up in time, or loses it. */
static bool has_grace (const struct signal_facts *f)
{
    return f->wanted == YM_SUSPEND &&
           (f->suspender == YM_PREEMPTION || f->suspender == YM_DRAIN);
}

/* It worked on the signal, and could not carry it out. */
static bool has_errored (const struct signal_facts *f)
{
    return f->errored_at > 0 && f->errored_at >= f->state_at;
}

static int64_t out_since (const struct signal_facts *f, bool is_answered)
{
    if (is_answered)
        return f->errored_at;
    return f->wanted != YM_NOTHING && f->wanted_at > f->state_at ? f->wanted_at : f->state_at;
}

/* When repetition 'n' of an unanswered signal is due; what is beyond the last one goes on
 * slowly. */
static int64_t unanswered_due (const struct signal_facts *f, const struct signal_limits *l,
                               unsigned n, bool is_answered)
{
    unsigned doubled = n <= l->retries + 1 ? n : l->retries + 1;

    return out_since (f, is_answered) + l->retry_ms * ((INT64_C (1) << doubled) - 1) +
           l->stale_ms * (n - doubled);
}

static struct signal_verdict verdict (enum signal_act act, int problem)
{
    return (struct signal_verdict){.act = act, .problem = problem};
}

/* A signal has failed for good. */
static struct signal_verdict at_limit (const struct signal_facts *f, enum ym_signal signal)
{
    switch (signal) {
    case YM_DEPROVISION:
        if (f->losses < CLEANERS_MAX)
            return verdict (SIGNAL_EVICT, SIGNAL_NO_PROBLEM);
        return verdict (SIGNAL_TELL, YM_CLEANUP_FAILED);
    case YM_END:
        return verdict (SIGNAL_EVICT, YM_SIGNAL_FAILED);
    case YM_STOP:
        if (has_grace (f))
            return verdict (SIGNAL_EVICT, SIGNAL_NO_PROBLEM);
        if (is_started (f->state))
            return verdict (SIGNAL_TERMINATE, YM_SIGNAL_FAILED);
        break;
    default:
        break;
    }
    return verdict (SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM);
}

static struct signal_verdict wait_until (int64_t due_ms)
{
    return (struct signal_verdict){SIGNAL_NOTHING, SIGNAL_NO_PROBLEM, due_ms};
}

/* A suspension in another's favour ends with its grace, also while it is worked on. */
static struct signal_verdict within_grace (const struct signal_facts *f,
                                           const struct signal_limits *l, int64_t now_ms,
                                           struct signal_verdict v)
{
    int64_t end_ms = f->wanted_at + l->grace_ms;

    if (now_ms >= end_ms)
        return verdict (SIGNAL_EVICT, SIGNAL_NO_PROBLEM);
    if (v.act == SIGNAL_EVICT)
        return wait_until (end_ms);
    if (v.act == SIGNAL_NOTHING && v.due_ms > end_ms)
        v.due_ms = end_ms;
    return v;
}

static struct signal_verdict answered (const struct signal_facts *f,
                                       const struct signal_limits *l, int64_t now_ms)
{
    int64_t due_ms = f->state_at + l->stale_ms * ((int64_t)f->count + 1);

    if (now_ms < due_ms)
        return wait_until (due_ms);
    return verdict (SIGNAL_TELL, f->count == l->retries ? YM_STALE_REQUEST : SIGNAL_NO_PROBLEM);
}

static struct signal_verdict unanswered (const struct signal_facts *f,
                                         const struct signal_limits *l, enum ym_signal signal,
                                         bool is_answered, int64_t now_ms)
{
    unsigned n = f->count + 1;
    int64_t due_ms = unanswered_due (f, l, n, is_answered);

    if (now_ms < due_ms)
        return wait_until (due_ms);
    if (n <= l->retries)
        return verdict (SIGNAL_TELL, SIGNAL_NO_PROBLEM);
    struct signal_verdict v = at_limit (f, signal);
    if (n > l->retries + 1 && v.act == SIGNAL_TELL)
        v.problem = SIGNAL_NO_PROBLEM; /* raised with the first one beyond the limit */
    return v;
}

static struct signal_verdict nothing_out (const struct signal_facts *f, int64_t now_ms)
{
    if (f->state != YM_JOB_STARTED || f->run_limit_ms == 0)
        return wait_until (INT64_MAX);
    if (now_ms < f->state_at + f->run_limit_ms)
        return wait_until (f->state_at + f->run_limit_ms);
    return verdict (SIGNAL_OVERRUN, SIGNAL_NO_PROBLEM);
}

struct signal_verdict decide_signal (const struct signal_facts *f,
                                     const struct signal_limits *l, int64_t now_ms)
{
    enum ym_signal signal;
    bool is_answered;

    if (!decide_signal_out (f, &signal, &is_answered))
        return nothing_out (f, now_ms);
    struct signal_verdict v = is_answered && !has_errored (f)
                                  ? answered (f, l, now_ms)
                                  : unanswered (f, l, signal, is_answered, now_ms);
    return has_grace (f) && !is_closing (f->state) ? within_grace (f, l, now_ms, v) : v;
}

struct signal_verdict decide_signal_refused (const struct signal_facts *f,
                                             enum ym_signal refused)
{
    enum ym_signal signal;
    bool is_answered;

    /* A lease tells prepare and start at once, so either may be the one that failed. */
    if (!decide_signal_out (f, &signal, &is_answered) ||
        (signal != refused && !(signal == YM_PREPARE && refused == YM_START)))
        return wait_until (INT64_MAX);
    struct signal_verdict v = at_limit (f, signal);
    if (v.act == SIGNAL_TELL)
        v.act = SIGNAL_NOTHING; /* told again in its time; only the problem is new */
    return v;
}

static bool is_end (enum report_kind kind)
{
    return kind == REPORT_FAILED || kind == REPORT_SUSPENDED || kind == REPORT_TERMINATED;
}

/* Has the attempt ended as the report says? A wish may have made another end of an error; what
 * closed its work tells by what the job is to become. */
static bool ended_as_reported (const struct report_facts *f)
{
    static const struct {
        enum report_kind kind;
        int ended_on;
    } ends[] = {
        {REPORT_COMPLETED, YM_JOB_ON_COMPLETE}, {REPORT_FAILED, YM_JOB_ON_RETRY},
        {REPORT_FAILED, YM_JOB_ON_FAIL},        {REPORT_FAILED, YM_JOB_ON_TERMINATE},
        {REPORT_FAILED, YM_JOB_ON_SUSPEND},     {REPORT_SUSPENDED, YM_JOB_ON_SUSPEND},
        {REPORT_SUSPENDED, YM_JOB_ON_PREEMPT},  {REPORT_SUSPENDED, YM_JOB_ON_TERMINATE},
        {REPORT_SUSPENDED, YM_JOB_ON_FAIL},     {REPORT_TERMINATED, YM_JOB_ON_TERMINATE},
        {REPORT_TERMINATED, YM_JOB_ON_FAIL}};

    if (f->kind == REPORT_DEPROVISIONED)
        return ym_life_is_final (&ym_job_life, f->state) && f->ended_on != 0;
    if (f->ended_on == YM_JOB_ON_CLOSE)
        return f->kind == REPORT_COMPLETED
                   ? f->ended_as == YM_JOB_COMPLETED || f->ended_as == 0
                   : is_end (f->kind) && f->ended_as != YM_JOB_COMPLETED;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends[i].kind == f->kind && ends[i].ended_on == f->ended_on)
            return true;
    return false;
}

/* Is the job where the report wants to bring it, or further? */
static bool is_there (const struct report_facts *f)
{
    enum ym_signal out;
    bool answered;
    const struct signal_facts now = {
        .state = f->state,
        .wanted = f->state == YM_JOB_TERMINATION_REQUESTED  ? YM_TERMINATE
                  : f->state == YM_JOB_SUSPENSION_REQUESTED ? YM_SUSPEND
                                                            : YM_NOTHING};

    switch (f->kind) {
    case REPORT_STARTED:
        return is_started (f->state);
    case REPORT_PREPARED:
        return f->state == YM_JOB_PREPARED || f->state == YM_JOB_STARTING;
    case REPORT_WORKING:
        return decide_signal_out (&now, &out, &answered) && answered && out == f->signal;
    default:
        return false;
    }
}

enum ym_refusal decide_repeated (const struct report_facts *f)
{
    if (f->taken || ended_as_reported (f))
        return YM_REFUSAL_NONE;
    if (!f->held)
        return YM_REFUSAL_STALE_LEASE;
    if (f->kind == REPORT_CHECKPOINT)
        return f->checkpoint_is_it ? YM_REFUSAL_NONE : YM_REFUSAL_STALE_CHECKPOINT;
    return is_there (f) ? YM_REFUSAL_NONE : YM_REFUSAL_ILLEGAL_MOVE;
}

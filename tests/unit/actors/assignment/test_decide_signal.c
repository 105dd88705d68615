/* test_decide_signal.c - the signalling table, when a signal is told again, and when it is
 * enough. */
#include <criterion/criterion.h>

#include "actors/assignment/decide_signal.h"

enum { AT = 100000, RETRY = 1000, STALE = 120000, GRACE = 30000 };

static const struct signal_limits limits = {
    .retry_ms = RETRY, .retries = 7, .stale_ms = STALE, .grace_ms = GRACE};

static struct signal_facts facts (int state, int wanted, int suspender, unsigned count)
{
    return (struct signal_facts){.state = state,
                                 .state_at = AT,
                                 .wanted = wanted,
                                 .suspender = suspender,
                                 .wanted_at = wanted ? AT : 0,
                                 .count = count};
}

/* What is out in each state, by wish. */
static const struct {
    int state, wanted;
    int signal; /* -1: nothing */
    bool answered;
} outs[] = {
    {YM_JOB_LEASED, 0, YM_PREPARE, false},
    {YM_JOB_RESUMING, 0, YM_PREPARE, false},
    {YM_JOB_PREPARATION_REQUESTED, 0, YM_PREPARE, true},
    {YM_JOB_PREPARED, 0, YM_START, false},
    {YM_JOB_STARTING, 0, YM_START, false},
    {YM_JOB_STARTUP_REQUESTED, 0, YM_START, true},
    {YM_JOB_STARTED, 0, -1, false},
    {YM_JOB_CUTOVER, 0, -1, false},
    {YM_JOB_QUEUED, 0, -1, false},
    {YM_JOB_SUSPENDED, 0, -1, false},
    {YM_JOB_COMPLETED, 0, -1, false},
    {YM_JOB_COMPLETING, 0, YM_DEPROVISION, false},
    {YM_JOB_DEPROVISION_REQUESTED, 0, YM_DEPROVISION, true},
    {YM_JOB_COMPLETING, YM_TERMINATE, YM_DEPROVISION, false},
    {YM_JOB_LEASED, YM_SUSPEND, YM_STOP, false},
    {YM_JOB_PREPARATION_REQUESTED, YM_TERMINATE, YM_END, false},
    {YM_JOB_PREPARED, YM_SUSPEND, YM_STOP, false},
    {YM_JOB_STARTED, YM_SUSPEND, YM_STOP, false},
    {YM_JOB_STARTED, YM_TERMINATE, YM_END, false},
    {YM_JOB_SUSPENSION_REQUESTED, YM_SUSPEND, YM_STOP, true},
    {YM_JOB_SUSPENSION_REQUESTED, YM_TERMINATE, YM_END, false},
    {YM_JOB_TERMINATION_REQUESTED, YM_TERMINATE, YM_END, true},
};

Test (decide_signal, out)
{
    for (size_t i = 0; i < sizeof outs / sizeof outs[0]; i++) {
        struct signal_facts f = facts (outs[i].state, outs[i].wanted, YM_OPERATING, 0);
        enum ym_signal signal = YM_PREPARE;
        bool answered = false;
        cr_assert_eq (decide_signal_out (&f, &signal, &answered), outs[i].signal >= 0,
                      "row %zu", i);
        if (outs[i].signal >= 0) {
            cr_expect_eq ((int)signal, outs[i].signal, "row %zu", i);
            cr_expect_eq (answered, outs[i].answered, "row %zu", i);
        }
    }
}

/* Unanswered: 1, 2, 4 ... times the wait, and at the limit what becomes of it. */
static const struct {
    int state, wanted, suspender;
    unsigned losses;
    enum signal_act act;
    int problem;
} ends[] = {
    {YM_JOB_LEASED, 0, 0, 0, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_RESUMING, 0, 0, 0, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTING, 0, 0, 0, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_LEASED, YM_SUSPEND, YM_OWNER, 0, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTED, YM_SUSPEND, YM_OWNER, 0, SIGNAL_TERMINATE, YM_SIGNAL_FAILED},
    {YM_JOB_STARTED, YM_SUSPEND, YM_OPERATING, 0, SIGNAL_TERMINATE, YM_SIGNAL_FAILED},
    {YM_JOB_STARTED, YM_TERMINATE, 0, 0, SIGNAL_EVICT, YM_SIGNAL_FAILED},
    {YM_JOB_LEASED, YM_TERMINATE, 0, 0, SIGNAL_EVICT, YM_SIGNAL_FAILED},
    {YM_JOB_SUSPENSION_REQUESTED, YM_TERMINATE, 0, 0, SIGNAL_EVICT, YM_SIGNAL_FAILED},
    {YM_JOB_COMPLETING, 0, 0, 0, SIGNAL_EVICT, SIGNAL_NO_PROBLEM},
    {YM_JOB_COMPLETING, 0, 0, 1, SIGNAL_EVICT, SIGNAL_NO_PROBLEM},
    {YM_JOB_COMPLETING, 0, 0, 2, SIGNAL_TELL, YM_CLEANUP_FAILED},
};

static void at (struct signal_facts f, int64_t now, enum signal_act act, int problem)
{
    struct signal_verdict v = decide_signal (&f, &limits, now);

    cr_assert_eq (v.act, act, "state %d count %u now %lld: act %d", f.state, f.count,
                  (long long)now, v.act);
    if (act != SIGNAL_NOTHING)
        cr_assert_eq (v.problem, problem, "state %d: problem %d", f.state, v.problem);
}

Test (decide_signal, backs_off_to_its_limit)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct signal_facts f = facts (ends[i].state, ends[i].wanted, ends[i].suspender, 0);
        int64_t due = AT;
        f.losses = ends[i].losses;
        for (f.count = 0; f.count < limits.retries; f.count++) {
            due += RETRY * (INT64_C (1) << f.count);
            at (f, due - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
            cr_assert_eq (decide_signal (&f, &limits, AT).due_ms, due);
            at (f, due, SIGNAL_TELL, SIGNAL_NO_PROBLEM);
        }
        due += RETRY * (INT64_C (1) << f.count);
        at (f, due - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
        at (f, due, ends[i].act, ends[i].problem);
    }
}

/* What works, and then says that it could not be done, is due as if it had not answered. */
static const struct {
    int state, wanted, suspender;
    enum signal_act act;
    int problem;
} worked[] = {
    {YM_JOB_PREPARATION_REQUESTED, 0, 0, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTUP_REQUESTED, 0, 0, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_SUSPENSION_REQUESTED, YM_SUSPEND, YM_OWNER, SIGNAL_TERMINATE, YM_SIGNAL_FAILED},
    {YM_JOB_TERMINATION_REQUESTED, YM_TERMINATE, 0, SIGNAL_EVICT, YM_SIGNAL_FAILED},
    {YM_JOB_DEPROVISION_REQUESTED, 0, 0, SIGNAL_EVICT, SIGNAL_NO_PROBLEM},
};

Test (decide_signal, an_error_makes_it_due)
{
    enum { ERRED = AT + 500 };

    for (size_t i = 0; i < sizeof worked / sizeof worked[0]; i++) {
        struct signal_facts f =
            facts (worked[i].state, worked[i].wanted, worked[i].suspender, 0);
        f.errored_at = AT - 1; /* of the time before it worked */
        at (f, AT + STALE - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
        f.errored_at = ERRED;
        at (f, ERRED + RETRY - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
        at (f, ERRED + RETRY, SIGNAL_TELL, SIGNAL_NO_PROBLEM);
        f.count = limits.retries;
        at (f, ERRED + RETRY * 255 - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
        at (f, ERRED + RETRY * 255, worked[i].act, worked[i].problem);
        f.count = limits.retries + 3; /* it was stale, and people were told, before it erred */
        at (f, ERRED + RETRY * 255 + 3 * STALE, worked[i].act, worked[i].problem);
    }
}

/* Nobody could clean up: people were asked once, and it is tried on, slowly. */
Test (decide_signal, cleaning_goes_on)
{
    struct signal_facts f = facts (YM_JOB_COMPLETING, 0, 0, 8);
    int64_t last = AT + RETRY * 255;

    f.losses = 2;
    at (f, last + STALE - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
    at (f, last + STALE, SIGNAL_TELL, SIGNAL_NO_PROBLEM);
    f.count = 30000;
    at (f, last + STALE, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
}

/* A wish is out since it was made, a state's own signal since the state was entered. */
Test (decide_signal, counts_from_what_came_last)
{
    struct signal_facts f = facts (YM_JOB_STARTED, YM_TERMINATE, 0, 0);

    f.wanted_at = AT + 5000;
    at (f, AT + 5000 + RETRY - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
    at (f, AT + 5000 + RETRY, SIGNAL_TELL, SIGNAL_NO_PROBLEM);
    f.state_at = AT + 9000;
    at (f, AT + 5000 + RETRY, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
    at (f, AT + 9000 + RETRY, SIGNAL_TELL, SIGNAL_NO_PROBLEM);
    f = facts (YM_JOB_LEASED, 0, 0, 0);
    f.wanted_at = AT + 5000; /* left over: nothing is wanted */
    at (f, AT + RETRY, SIGNAL_TELL, SIGNAL_NO_PROBLEM);
}

/* Every requested state: again after stale_ms each time, one problem, and no end to it. */
Test (decide_signal, stale_requests)
{
    static const struct {
        int state, wanted, suspender;
    } rows[] = {{YM_JOB_PREPARATION_REQUESTED, 0, 0},
                {YM_JOB_STARTUP_REQUESTED, 0, 0},
                {YM_JOB_SUSPENSION_REQUESTED, YM_SUSPEND, YM_OPERATING},
                {YM_JOB_TERMINATION_REQUESTED, YM_TERMINATE, 0},
                {YM_JOB_DEPROVISION_REQUESTED, 0, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned count = 0; count < 20; count++) {
            struct signal_facts f =
                facts (rows[i].state, rows[i].wanted, rows[i].suspender, count);
            int64_t due = AT + (int64_t)STALE * (count + 1);
            at (f, due - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
            at (f, due, SIGNAL_TELL, count == 7 ? YM_STALE_REQUEST : SIGNAL_NO_PROBLEM);
        }
}

/* Who gives its slot up has its grace, and no more, whatever it answers. */
Test (decide_signal, grace)
{
    static const int states[] = {YM_JOB_LEASED, YM_JOB_STARTED, YM_JOB_SUSPENSION_REQUESTED,
                                 YM_JOB_PREPARATION_REQUESTED};
    static const int suspenders[] = {YM_PREEMPTION, YM_DRAIN};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        for (size_t k = 0; k < 2; k++) {
            struct signal_facts f = facts (states[i], YM_SUSPEND, suspenders[k], 5);
            at (f, AT + GRACE - 1, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
            cr_assert_eq (decide_signal (&f, &limits, AT).due_ms, AT + GRACE);
            at (f, AT + GRACE, SIGNAL_EVICT, SIGNAL_NO_PROBLEM);
            f.state_at = AT + 20000; /* an answer in between is no new grace */
            at (f, AT + GRACE, SIGNAL_EVICT, SIGNAL_NO_PROBLEM);
        }
    struct signal_facts told = facts (YM_JOB_STARTED, YM_SUSPEND, YM_PREEMPTION, 0);
    at (told, AT + RETRY, SIGNAL_TELL, SIGNAL_NO_PROBLEM);
    struct signal_facts people = facts (YM_JOB_SUSPENSION_REQUESTED, YM_SUSPEND, YM_OWNER, 0);
    at (people, AT + GRACE, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
}

/* At the limit before its grace is over: it waits for that, and is not told once more. */
Test (decide_signal, grace_outlasts_the_limit)
{
    const struct signal_limits quick = {
        .retry_ms = 10, .retries = 2, .stale_ms = STALE, .grace_ms = GRACE};
    struct signal_facts f = facts (YM_JOB_STARTED, YM_SUSPEND, YM_PREEMPTION, 2);
    struct signal_verdict v = decide_signal (&f, &quick, AT + 1000);

    cr_assert_eq (v.act, SIGNAL_NOTHING);
    cr_assert_eq (v.due_ms, AT + GRACE);
}

Test (decide_signal, run_limit)
{
    struct signal_facts f = facts (YM_JOB_STARTED, 0, 0, 0);

    at (f, INT64_MAX, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
    f.run_limit_ms = 60000;
    at (f, AT + 59999, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
    at (f, AT + 60000, SIGNAL_OVERRUN, SIGNAL_NO_PROBLEM);
    f.state = YM_JOB_LEASED;
    at (f, AT + 500, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM);
}

/* "It will never work": the limit at once, for the signal that is out. */
static const struct {
    int state, wanted, suspender;
    unsigned losses;
    enum ym_signal refused;
    enum signal_act act;
    int problem;
} refusals[] = {
    {YM_JOB_LEASED, 0, 0, 0, YM_PREPARE, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_LEASED, 0, 0, 0, YM_START, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_PREPARATION_REQUESTED, 0, 0, 0, YM_PREPARE, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTING, 0, 0, 0, YM_START, SIGNAL_GIVE_UP, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTING, 0, 0, 0, YM_PREPARE, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTED, 0, 0, 0, YM_STOP, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTED, YM_SUSPEND, YM_OWNER, 0, YM_STOP, SIGNAL_TERMINATE, YM_SIGNAL_FAILED},
    {YM_JOB_STARTED, YM_SUSPEND, YM_PREEMPTION, 0, YM_STOP, SIGNAL_EVICT, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTED, YM_TERMINATE, 0, 0, YM_STOP, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM},
    {YM_JOB_STARTED, YM_TERMINATE, 0, 0, YM_END, SIGNAL_EVICT, YM_SIGNAL_FAILED},
    {YM_JOB_COMPLETING, 0, 0, 0, YM_DEPROVISION, SIGNAL_EVICT, SIGNAL_NO_PROBLEM},
    {YM_JOB_DEPROVISION_REQUESTED, 0, 0, 2, YM_DEPROVISION, SIGNAL_NOTHING, YM_CLEANUP_FAILED},
    {YM_JOB_QUEUED, 0, 0, 0, YM_START, SIGNAL_NOTHING, SIGNAL_NO_PROBLEM},
};

Test (decide_signal, refused)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct signal_facts f =
            facts (refusals[i].state, refusals[i].wanted, refusals[i].suspender, 0);
        f.losses = refusals[i].losses;
        struct signal_verdict v = decide_signal_refused (&f, refusals[i].refused);
        cr_expect_eq (v.act, refusals[i].act, "row %zu: %d", i, v.act);
        cr_expect_eq (v.problem, refusals[i].problem, "row %zu: %d", i, v.problem);
    }
}

/* Repetitions. */

enum {
    NONE = YM_REFUSAL_NONE,
    LEASE = YM_REFUSAL_STALE_LEASE,
    MOVE = YM_REFUSAL_ILLEGAL_MOVE,
    CHECK = YM_REFUSAL_STALE_CHECKPOINT
};
#define HELD(k, s)                                                                             \
    {                                                                                          \
        .kind = (k), .held = true, .state = (s)                                                \
    }
#define ENDED(k, e)                                                                            \
    {                                                                                          \
        .kind = (k), .ended_on = (e), .state = YM_JOB_QUEUED                                   \
    }
#define CLOSED(k, f)                                                                           \
    {                                                                                          \
        .kind = (k), .ended_on = YM_JOB_ON_CLOSE, .ended_as = (f), .state = (f)                \
    }
#define WORKS(g, s)                                                                            \
    {                                                                                          \
        .kind = REPORT_WORKING, .signal = (g), .held = true, .state = (s)                      \
    }

static const struct {
    struct report_facts facts;
    unsigned refusal;
} repeated[] = {
    {HELD (REPORT_STARTED, YM_JOB_STARTED), NONE},
    {HELD (REPORT_STARTED, YM_JOB_SUSPENSION_REQUESTED), NONE},
    {HELD (REPORT_STARTED, YM_JOB_PREPARED), MOVE},
    {HELD (REPORT_STARTED, YM_JOB_COMPLETING), MOVE},
    {ENDED (REPORT_STARTED, 0), LEASE},
    {ENDED (REPORT_STARTED, YM_JOB_ON_COMPLETE), LEASE},
    {HELD (REPORT_PREPARED, YM_JOB_STARTING), NONE},
    {HELD (REPORT_PREPARED, YM_JOB_PREPARED), NONE},
    {HELD (REPORT_PREPARED, YM_JOB_STARTED), MOVE},
    {WORKS (YM_PREPARE, YM_JOB_PREPARATION_REQUESTED), NONE},
    {WORKS (YM_START, YM_JOB_STARTUP_REQUESTED), NONE},
    {WORKS (YM_STOP, YM_JOB_SUSPENSION_REQUESTED), NONE},
    {WORKS (YM_END, YM_JOB_TERMINATION_REQUESTED), NONE},
    {WORKS (YM_DEPROVISION, YM_JOB_DEPROVISION_REQUESTED), NONE},
    {WORKS (YM_STOP, YM_JOB_STARTED), MOVE},
    {WORKS (YM_END, YM_JOB_SUSPENSION_REQUESTED), MOVE},
    {WORKS (YM_PREPARE, YM_JOB_LEASED), MOVE},
    {HELD (REPORT_ERRORED, YM_JOB_LEASED), MOVE},
    {{.kind = REPORT_CHECKPOINT, .held = true, .checkpoint_is_it = true}, NONE},
    {{.kind = REPORT_CHECKPOINT, .held = true}, CHECK},
    {{.kind = REPORT_CHECKPOINT, .checkpoint_is_it = true}, LEASE},
    {HELD (REPORT_COMPLETED, YM_JOB_STARTED), MOVE},
    {ENDED (REPORT_COMPLETED, 0), LEASE},
    {ENDED (REPORT_COMPLETED, YM_JOB_ON_COMPLETE), NONE},
    {ENDED (REPORT_COMPLETED, YM_JOB_ON_CLOSE), NONE},
    {CLOSED (REPORT_COMPLETED, YM_JOB_COMPLETED), NONE},
    {CLOSED (REPORT_COMPLETED, YM_JOB_FAILED), LEASE},
    {CLOSED (REPORT_COMPLETED, YM_JOB_TERMINATED), LEASE},
    {CLOSED (REPORT_FAILED, YM_JOB_COMPLETED), LEASE},
    {CLOSED (REPORT_FAILED, YM_JOB_FAILED), NONE},
    {CLOSED (REPORT_FAILED, YM_JOB_TERMINATED), NONE},
    {CLOSED (REPORT_SUSPENDED, YM_JOB_COMPLETED), LEASE},
    {CLOSED (REPORT_SUSPENDED, YM_JOB_TERMINATED), NONE},
    {CLOSED (REPORT_TERMINATED, YM_JOB_FAILED), NONE},
    {CLOSED (REPORT_STARTED, YM_JOB_FAILED), LEASE},
    {ENDED (REPORT_COMPLETED, YM_JOB_ON_LOSE), LEASE},
    {ENDED (REPORT_COMPLETED, YM_JOB_ON_RETRY), LEASE},
    {ENDED (REPORT_COMPLETED, YM_JOB_ON_FAIL), LEASE},
    {ENDED (REPORT_COMPLETED, YM_JOB_ON_TERMINATE), LEASE},
    {HELD (REPORT_FAILED, YM_JOB_STARTED), MOVE},
    {ENDED (REPORT_FAILED, YM_JOB_ON_RETRY), NONE},
    {ENDED (REPORT_FAILED, YM_JOB_ON_FAIL), NONE},
    {ENDED (REPORT_FAILED, YM_JOB_ON_TERMINATE), NONE},
    {ENDED (REPORT_FAILED, YM_JOB_ON_SUSPEND), NONE},
    {ENDED (REPORT_FAILED, YM_JOB_ON_COMPLETE), LEASE},
    {ENDED (REPORT_FAILED, YM_JOB_ON_LOSE), LEASE},
    {HELD (REPORT_SUSPENDED, YM_JOB_STARTED), MOVE},
    {ENDED (REPORT_SUSPENDED, YM_JOB_ON_SUSPEND), NONE},
    {ENDED (REPORT_SUSPENDED, YM_JOB_ON_PREEMPT), NONE},
    {ENDED (REPORT_SUSPENDED, YM_JOB_ON_TERMINATE), NONE},
    {ENDED (REPORT_SUSPENDED, YM_JOB_ON_EVICT), LEASE},
    {HELD (REPORT_TERMINATED, YM_JOB_STARTED), MOVE},
    {ENDED (REPORT_TERMINATED, YM_JOB_ON_TERMINATE), NONE},
    {ENDED (REPORT_TERMINATED, YM_JOB_ON_FAIL), NONE},
    {ENDED (REPORT_TERMINATED, YM_JOB_ON_LOSE), LEASE},
    {ENDED (REPORT_TERMINATED, YM_JOB_ON_COMPLETE), LEASE},
    {HELD (REPORT_DEPROVISIONED, YM_JOB_STARTED), MOVE},
    {{.kind = REPORT_DEPROVISIONED, .state = YM_JOB_FAILED, .ended_on = YM_JOB_ON_CLOSE}, NONE},
    {ENDED (REPORT_DEPROVISIONED, YM_JOB_ON_EVICT), LEASE},
    {{.kind = REPORT_ERRORED, .held = true, .taken = true, .state = YM_JOB_LEASED}, NONE},
    {{.kind = REPORT_COMPLETED, .taken = true, .state = YM_JOB_QUEUED}, NONE},
};

Test (decide_signal, repeated)
{
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++)
        cr_expect_eq ((unsigned)decide_repeated (&repeated[i].facts), repeated[i].refusal,
                      "row %zu", i);
}

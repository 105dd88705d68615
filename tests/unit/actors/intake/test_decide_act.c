/* test_decide_act.c - every verb on every state, by every role; then the cases that differ. */
#include <criterion/criterion.h>
#include <string.h>

#include "actors/intake/decide_act.h"
#include "common/base/text.h"

enum { NOW = 1000000 };

static struct act_facts facts (int state)
{
    bool runs = state != YM_JOB_QUEUED && state != YM_JOB_SUSPENDED &&
                !ym_life_is_final (&ym_job_life, state);
    struct act_facts f = {.found = true,
                          .job = 7,
                          .seq = 5,
                          .state = state,
                          .tier = YM_PREMIUM,
                          .urgency = 16,
                          .agent_holds = runs,
                          .attempt = runs,
                          .on_found = true,
                          .on_state = YM_JOB_QUEUED};

    if (runs)
        (void)ym_text_copy (f.agent, sizeof f.agent, "a1");
    return f;
}

static struct ym_job_act asked (uint32_t verb)
{
    return (struct ym_job_act){.job = 7,
                               .verb = verb,
                               .urgency = 10,
                               .tier = YM_PLATINUM,
                               .on = 9,
                               .has = YM_HAS (job_act, urgency) | YM_HAS (job_act, tier) |
                                      YM_HAS (job_act, on)};
}

static struct act decided (const struct act_facts *f, const struct ym_job_act *m, uint32_t role)
{
    struct act a;

    decide_act (f, m, role, NOW, &a);
    return a;
}

/* Whatever is asked of whatever job: it is refused and nothing follows, or it says what it
 * does; a move is one of the table, and what is not moved stays where it is. */
Test (decide_act, every_verb_on_every_state_by_every_role)
{
    static const uint32_t roles[] = {YM_SUBMITTER, YM_OPERATOR, YM_ADMIN};

    for (unsigned s = 0; s < ym_job_life.state_count; s++)
        for (uint32_t verb = 0; verb < YM_COUNT_job_verb; verb++)
            for (size_t r = 0; r < 3; r++) {
                struct act_facts f = facts (ym_job_life.states[s].number);
                struct ym_job_act m = asked (verb);
                struct act a = decided (&f, &m, roles[r]);
                const struct ym_move *next = ym_life_next (&ym_job_life, f.state, a.on);
                if (a.refusal != YM_REFUSAL_NONE) {
                    cr_expect (a.on == 0 && a.effects == 0);
                    continue;
                }
                cr_expect_gt (a.effects, 0);
                cr_expect (a.on != 0 || strncmp (a.effect[0], "nothing: ", 9) == 0);
                cr_expect_eq (a.state, next ? next->to : f.state);
                cr_expect_not (ym_life_is_final (&ym_job_life, f.state));
                for (uint32_t i = 0; i < a.effects; i++)
                    cr_expect (strlen (a.effect[i]) > 0 && strlen (a.effect[i]) < 200);
            }
}

/* What each verb makes of a job in each kind of state, for an operator. */
enum kind { WAITS, SUSPENDED, RUNS, CUTS_OVER, CLEANS, ENDED, KINDS };
static const int kinds[KINDS] = {YM_JOB_QUEUED,  YM_JOB_SUSPENDED,  YM_JOB_STARTED,
                                 YM_JOB_CUTOVER, YM_JOB_COMPLETING, YM_JOB_FAILED};
#define NO    (-1) /* illegal_move */
#define FINAL (-2) /* already_final */
#define NOTH  (-3) /* nothing to do */
#define WHO   (-4) /* not_suspender */
static const int expected[YM_COUNT_job_verb][KINDS] = {
    [YM_DO_TERMINATE] = {YM_JOB_ON_TERMINATE, YM_JOB_ON_TERMINATE, YM_JOB_NOTE_TERMINATE_WANTED,
                         NO, NOTH, FINAL},
    [YM_DO_SUSPEND] = {YM_JOB_ON_SUSPEND, NOTH, YM_JOB_NOTE_SUSPEND_WANTED, NO, NO, FINAL},
    [YM_DO_RESUME] = {NO, YM_JOB_ON_RESUME, NO, NO, NO, FINAL},
    [YM_DO_HOLD] = {YM_JOB_NOTE_HELD, YM_JOB_NOTE_HELD, YM_JOB_NOTE_HELD, YM_JOB_NOTE_HELD, NO,
                    FINAL},
    [YM_DO_RELEASE] = {NO, NO, NO, NO, NO, FINAL},
    [YM_DO_RETRY] = {NO, NO, NO, NO, NO, FINAL},
    [YM_DO_URGE] = {YM_JOB_NOTE_CHANGED, YM_JOB_NOTE_CHANGED, YM_JOB_NOTE_CHANGED,
                    YM_JOB_NOTE_CHANGED, NO, FINAL},
    [YM_DO_RETIER] = {YM_JOB_NOTE_CHANGED, YM_JOB_NOTE_CHANGED, NO, NO, NO, FINAL},
    [YM_DO_DEPEND] = {YM_JOB_NOTE_CHANGED, YM_JOB_NOTE_CHANGED, NO, NO, NO, FINAL},
};

static int outcome (const struct act *a)
{
    return a->refusal == YM_REFUSAL_ILLEGAL_MOVE    ? NO
           : a->refusal == YM_REFUSAL_ALREADY_FINAL ? FINAL
           : a->refusal == YM_REFUSAL_NOT_SUSPENDER ? WHO
           : a->refusal != YM_REFUSAL_NONE          ? -5
           : a->on == 0                             ? NOTH
                                                    : a->on;
}

Test (decide_act, the_verbs)
{
    for (uint32_t verb = 0; verb < YM_COUNT_job_verb; verb++)
        for (int k = 0; k < KINDS; k++) {
            struct act_facts f = facts (kinds[k]);
            struct ym_job_act m = asked (verb);
            f.suspender = k == SUSPENDED ? YM_OPERATING : YM_NOBODY_SUSPENDS;
            struct act a = decided (&f, &m, YM_OPERATOR);
            cr_expect_eq (outcome (&a), expected[verb][k], "%s in %s: %d",
                          ym_enum_word (YM_ENUM_JOB_VERB, verb),
                          ym_life_state_name (&ym_job_life, kinds[k]), outcome (&a));
        }
}

/* Every state an agent has a job in but for CUTOVER takes a wish. */
Test (decide_act, wishes_wherever_it_runs)
{
    static const int states[] = {YM_JOB_LEASED,   YM_JOB_PREPARATION_REQUESTED, YM_JOB_PREPARED,
                                 YM_JOB_STARTING, YM_JOB_STARTUP_REQUESTED,     YM_JOB_STARTED,
                                 YM_JOB_RESUMING, YM_JOB_SUSPENSION_REQUESTED};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct act_facts f = facts (states[i]);
        struct ym_job_act end = asked (YM_DO_TERMINATE), stop = asked (YM_DO_SUSPEND);
        struct act a = decided (&f, &end, YM_SUBMITTER);
        cr_expect_eq (a.on, YM_JOB_NOTE_TERMINATE_WANTED);
        cr_expect (a.wanted == YM_TERMINATE && a.state == states[i]);
        a = decided (&f, &stop, YM_SUBMITTER);
        cr_expect_eq (a.on, YM_JOB_NOTE_SUSPEND_WANTED);
        cr_expect (a.wanted == YM_SUSPEND && a.suspender == YM_OWNER);
    }
}

Test (decide_act, terminating_overrides_a_suspension)
{
    struct act_facts f = facts (YM_JOB_SUSPENSION_REQUESTED);
    struct ym_job_act m = asked (YM_DO_TERMINATE), stop = asked (YM_DO_SUSPEND);

    f.wanted = YM_SUSPEND;
    f.suspender = YM_OPERATING;
    struct act a = decided (&f, &m, YM_SUBMITTER);
    cr_expect (a.wanted == YM_TERMINATE && a.suspender == YM_NOBODY_SUSPENDS);
    f.wanted = YM_TERMINATE;
    f.suspender = YM_NOBODY_SUSPENDS;
    a = decided (&f, &m, YM_SUBMITTER);
    cr_expect (a.on == 0 && a.wanted == YM_TERMINATE, "it is asked for already");
    a = decided (&f, &stop, YM_OPERATOR);
    cr_expect_eq (a.refusal, YM_REFUSAL_ILLEGAL_MOVE);
}

/* What is provisioned is removed first, whoever has to do it. */
Test (decide_act, nothing_provisioned_is_left)
{
    struct act_facts f = facts (YM_JOB_QUEUED);
    struct ym_job_act m = asked (YM_DO_TERMINATE);

    f.resources = 2;
    f.hold = YM_BY_OPERATOR;
    struct act a = decided (&f, &m, YM_SUBMITTER);
    cr_expect (a.on == YM_JOB_NOTE_TERMINATE_WANTED && a.state == YM_JOB_QUEUED);
    cr_expect (a.ends_as == YM_JOB_TERMINATED && a.hold == YM_NOT_HELD);
    f.state = YM_JOB_SUSPENDED;
    f.suspender = YM_OWNER;
    a = decided (&f, &m, YM_SUBMITTER);
    cr_expect (a.on == YM_JOB_ON_REMOVE && a.state == YM_JOB_QUEUED);
    cr_expect (a.ends_as == YM_JOB_TERMINATED && a.suspender == YM_NOBODY_SUSPENDS);
    f = facts (YM_JOB_QUEUED);
    f.ends_as = YM_JOB_TERMINATED;
    for (uint32_t verb = 0; verb < YM_COUNT_job_verb; verb++) {
        m = asked (verb);
        a = decided (&f, &m, YM_ADMIN);
        cr_expect (verb == YM_DO_TERMINATE ? a.refusal == YM_REFUSAL_NONE && a.on == 0
                                           : a.refusal == YM_REFUSAL_ILLEGAL_MOVE,
                   "%u", verb);
    }
}

/* Who suspended it, who asks: who is it afterwards? */
Test (decide_act, suspension_has_an_owner)
{
    static const struct {
        uint32_t by, role;
        int suspend;
        uint32_t then;
        int resume;
    } rows[] = {
        {YM_PREEMPTION, YM_SUBMITTER, YM_JOB_NOTE_CHANGED, YM_OWNER, WHO},
        {YM_DRAIN, YM_OPERATOR, YM_JOB_NOTE_CHANGED, YM_OPERATING, WHO},
        {YM_OWNER, YM_SUBMITTER, NOTH, YM_OWNER, YM_JOB_ON_RESUME},
        {YM_OWNER, YM_OPERATOR, YM_JOB_NOTE_CHANGED, YM_OPERATING, WHO},
        {YM_OWNER, YM_ADMIN, YM_JOB_NOTE_CHANGED, YM_OPERATING, WHO},
        {YM_OPERATING, YM_SUBMITTER, NOTH, YM_OPERATING, WHO},
        {YM_OPERATING, YM_OPERATOR, NOTH, YM_OPERATING, YM_JOB_ON_RESUME},
        {YM_OPERATING, YM_ADMIN, NOTH, YM_OPERATING, YM_JOB_ON_RESUME},
    };
    struct ym_job_act suspend = asked (YM_DO_SUSPEND), resume = asked (YM_DO_RESUME);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct act_facts f = facts (YM_JOB_SUSPENDED);
        f.suspender = rows[i].by;
        struct act a = decided (&f, &suspend, rows[i].role);
        cr_expect_eq (outcome (&a), rows[i].suspend, "row %zu", i);
        cr_expect_eq (a.suspender, rows[i].then, "row %zu", i);
        a = decided (&f, &resume, rows[i].role);
        cr_expect_eq (outcome (&a), rows[i].resume, "row %zu", i);
        f = facts (YM_JOB_STARTED);
        f.wanted = YM_SUSPEND;
        f.suspender = rows[i].by;
        a = decided (&f, &suspend, rows[i].role);
        cr_expect_eq (outcome (&a), rows[i].suspend, "running, row %zu", i);
        cr_expect (a.suspender == rows[i].then && a.wanted == YM_SUSPEND, "row %zu", i);
    }
}

/* Holds: who may lift which, and how. */
Test (decide_act, holds_by_kind_and_role)
{
    static const struct {
        uint32_t hold, verb, role;
        enum ym_refusal refusal;
    } rows[] = {
        {YM_BY_OPERATOR, YM_DO_RELEASE, YM_SUBMITTER, YM_REFUSAL_ROLE_NOT_ALLOWED},
        {YM_BY_OPERATOR, YM_DO_RETRY, YM_SUBMITTER, YM_REFUSAL_ROLE_NOT_ALLOWED},
        {YM_BY_OPERATOR, YM_DO_RELEASE, YM_OPERATOR, YM_REFUSAL_NONE},
        {YM_BY_OPERATOR, YM_DO_RETRY, YM_OPERATOR, YM_REFUSAL_NONE},
        {YM_AT_SUBMIT, YM_DO_RELEASE, YM_SUBMITTER, YM_REFUSAL_NONE},
        {YM_RETRIES_USED, YM_DO_RELEASE, YM_SUBMITTER, YM_REFUSAL_ROLE_NOT_ALLOWED},
        {YM_AT_SUBMIT, YM_DO_RETRY, YM_SUBMITTER, YM_REFUSAL_NONE},
        {YM_RETRIES_USED, YM_DO_RETRY, YM_SUBMITTER, YM_REFUSAL_NONE},
        {YM_RETRIES_USED, YM_DO_RELEASE, YM_ADMIN, YM_REFUSAL_NONE},
        {YM_AGENTS_LOST, YM_DO_RETRY, YM_SUBMITTER, YM_REFUSAL_NONE},
        {YM_DEPENDENCY_BAD, YM_DO_RETRY, YM_SUBMITTER, YM_REFUSAL_NONE},
        {YM_NOT_HELD, YM_DO_HOLD, YM_SUBMITTER, YM_REFUSAL_ROLE_NOT_ALLOWED},
        {YM_NOT_HELD, YM_DO_RETIER, YM_SUBMITTER, YM_REFUSAL_ROLE_NOT_ALLOWED},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct act_facts f = facts (YM_JOB_QUEUED);
        struct ym_job_act m = asked (rows[i].verb);
        f.hold = rows[i].hold;
        f.retries = 3;
        struct act a = decided (&f, &m, rows[i].role);
        cr_expect_eq (a.refusal, rows[i].refusal, "row %zu: %d", i, a.refusal);
        if (a.refusal != YM_REFUSAL_NONE)
            continue;
        cr_expect (a.hold == YM_NOT_HELD && a.on == YM_JOB_NOTE_RELEASED, "row %zu", i);
        cr_expect_eq (a.forget, rows[i].verb == YM_DO_RETRY, "row %zu", i);
    }
}

/* Without a hold there is something to forget, or a wait to cut short, or nothing to do. */
Test (decide_act, retry_without_a_hold)
{
    struct act_facts f = facts (YM_JOB_QUEUED);
    struct ym_job_act m = asked (YM_DO_RETRY);

    f.not_before_ms = NOW + 5000;
    cr_expect_eq (decided (&f, &m, YM_OPERATOR).refusal, YM_REFUSAL_ILLEGAL_MOVE,
                  "it was submitted for later");
    f.attempt = 1;
    cr_expect_eq (decided (&f, &m, YM_OPERATOR).refusal, YM_REFUSAL_NONE);
    f.not_before_ms = 0;
    f.losses = 1;
    cr_expect (decided (&f, &m, YM_OPERATOR).forget);
}

Test (decide_act, urgency)
{
    struct act_facts f = facts (YM_JOB_QUEUED);
    struct ym_job_act m = asked (YM_DO_URGE);

    m.urgency = 17;
    m.reason = ym_str ("late");
    cr_expect_eq (decided (&f, &m, YM_SUBMITTER).refusal, YM_REFUSAL_URGENCY_NOT_ALLOWED);
    struct act a = decided (&f, &m, YM_OPERATOR);
    cr_expect (a.urgency == 17 && a.on == YM_JOB_NOTE_CHANGED);
    cr_expect_str_eq (a.detail, "urgency 16 -> 17: late");
    m.urgency = 16;
    cr_expect_eq (decided (&f, &m, YM_SUBMITTER).on, 0);
    f.urgency = 31;
    cr_expect_eq (decided (&f, &m, YM_SUBMITTER).urgency, 16,
                  "one may lower what another rose");
}

static const struct {
    const char *what;
    struct act_facts f;
    int64_t on;
    uint32_t condition;
    enum ym_refusal refusal;
    int on_event;
    uint32_t hold;
    bool waits;
} dependencies[] = {
    {"a live one",
     {.on_found = true, .on_state = YM_JOB_STARTED},
     9,
     0,
     YM_REFUSAL_NONE,
     YM_JOB_NOTE_CHANGED,
     0,
     true},
    {"itself", {.on_found = true}, 7, 0, YM_REFUSAL_DEPENDENCY_CYCLE, 0, 0, false},
    {"an unknown one", {0}, 9, 0, YM_REFUSAL_UNKNOWN_DEPENDENCY, 0, 0, false},
    {"one that waits for it",
     {.on_found = true, .on_state = YM_JOB_QUEUED, .on_leads_here = true},
     9,
     0,
     YM_REFUSAL_DEPENDENCY_CYCLE,
     0,
     0,
     false},
    {"completed",
     {.on_found = true, .on_state = YM_JOB_COMPLETED},
     9,
     YM_AFTER_SUCCESS,
     YM_REFUSAL_NONE,
     0,
     0,
     false},
    {"failed, and that is all right",
     {.on_found = true, .on_state = YM_JOB_FAILED},
     9,
     YM_AFTER_ANY,
     YM_REFUSAL_NONE,
     0,
     0,
     false},
    {"failed",
     {.on_found = true, .on_state = YM_JOB_FAILED},
     9,
     YM_AFTER_SUCCESS,
     YM_REFUSAL_NONE,
     YM_JOB_NOTE_HELD,
     YM_DEPENDENCY_BAD,
     false},
    {"failed, and an operator holds it: no hold that its owner could lift",
     {.on_found = true, .on_state = YM_JOB_FAILED, .hold = YM_BY_OPERATOR},
     9,
     YM_AFTER_SUCCESS,
     YM_REFUSAL_NONE,
     YM_JOB_NOTE_CHANGED,
     YM_BY_OPERATOR,
     false},
    {"the same again",
     {.on_found = true,
      .on_state = YM_JOB_QUEUED,
      .on_waited = true,
      .on_condition = YM_AFTER_ANY},
     9,
     YM_AFTER_ANY,
     YM_REFUSAL_NONE,
     0,
     0,
     false},
    {"another condition",
     {.on_found = true,
      .on_state = YM_JOB_QUEUED,
      .on_waited = true,
      .on_condition = YM_AFTER_ANY,
      .unmet = WAITS_FOR_MAX},
     9,
     YM_AFTER_SUCCESS,
     YM_REFUSAL_NONE,
     YM_JOB_NOTE_CHANGED,
     0,
     true},
    {"one too many",
     {.on_found = true, .on_state = YM_JOB_QUEUED, .unmet = WAITS_FOR_MAX},
     9,
     0,
     YM_REFUSAL_INVALID,
     0,
     0,
     false},
};

Test (decide_act, dependencies)
{
    for (size_t i = 0; i < sizeof dependencies / sizeof dependencies[0]; i++) {
        struct act_facts f = dependencies[i].f;
        struct ym_job_act m = asked (YM_DO_DEPEND);
        f.found = true;
        f.state = YM_JOB_QUEUED;
        m.on = dependencies[i].on;
        m.condition = dependencies[i].condition;
        struct act a = decided (&f, &m, YM_SUBMITTER);
        cr_expect_eq (a.refusal, dependencies[i].refusal, "%s: %d", dependencies[i].what,
                      a.refusal);
        cr_expect_eq (a.on, dependencies[i].on_event, "%s: %d", dependencies[i].what, a.on);
        cr_expect_eq (a.hold, dependencies[i].hold, "%s", dependencies[i].what);
        cr_expect_eq (a.waits_for, dependencies[i].waits, "%s", dependencies[i].what);
    }
}

Test (decide_act, what_comes_before_the_verb)
{
    struct act_facts f = facts (YM_JOB_QUEUED);
    struct ym_job_act m = asked (YM_DO_HOLD);

    m.has |= YM_HAS (job_act, version);
    m.version = 4;
    cr_expect_eq (decided (&f, &m, YM_OPERATOR).refusal, YM_REFUSAL_STALE_VERSION);
    m.version = 5;
    cr_expect_eq (decided (&f, &m, YM_OPERATOR).refusal, YM_REFUSAL_NONE);
    f.state = YM_JOB_COMPLETED;
    m.version = 4;
    cr_expect_eq (decided (&f, &m, YM_SUBMITTER).refusal, YM_REFUSAL_ALREADY_FINAL);
    f.found = false;
    cr_expect_eq (decided (&f, &m, YM_SUBMITTER).refusal, YM_REFUSAL_UNKNOWN_JOB);
}

Test (decide_act, a_verb_without_its_field)
{
    static const struct {
        uint32_t verb;
        const char *path;
    } rows[] = {{YM_DO_URGE, "/urgency"}, {YM_DO_RETIER, "/tier"}, {YM_DO_DEPEND, "/on"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct act_facts f = facts (YM_JOB_QUEUED);
        struct ym_job_act m = asked (rows[i].verb);
        m.has = 0;
        struct act a = decided (&f, &m, YM_OPERATOR);
        cr_expect_eq (a.refusal, YM_REFUSAL_INVALID);
        cr_expect_str_eq (a.missing, rows[i].path);
    }
}

Test (decide_act, effects_are_sentences_with_numbers)
{
    struct act_facts f = facts (YM_JOB_STARTED);
    struct ym_job_act m = asked (YM_DO_TERMINATE);

    f.checkpoint = 4;
    f.done = 120;
    f.kept = 100;
    f.resources = 3;
    f.awaiting = 1;
    struct act a = decided (&f, &m, YM_OPERATOR);
    cr_assert_eq (a.effects, 4);
    cr_expect_str_eq (a.effect[0], "the attempt on a1 is told to end for good");
    cr_expect_str_eq (a.effect[1],
                      "120 units are done, 100 of them are stored with checkpoint 4");
    cr_expect_str_eq (a.effect[2], "what was provisioned (3) is removed before it ends");
    cr_expect_str_eq (a.effect[3],
                      "1 job waits for it: held if success was wanted, else free to start");
}

/* The longest of everything fits, and is cut where a character ends. */
Test (decide_act, long_reasons_fit)
{
    static char reason[201];
    struct act_facts f = facts (YM_JOB_QUEUED);
    struct ym_job_act m = asked (YM_DO_URGE);

    for (size_t i = 0; i < 200; i += 2)
        memcpy (reason + i, "\xc3\xa9", 2);
    m.reason = ym_str (reason);
    struct act a = decided (&f, &m, YM_OPERATOR);
    cr_expect (ym_text_is_clean (a.detail, strlen (a.detail)));
    cr_expect_eq (strlen (a.detail), strlen ("urgency 16 -> 10: ") + 200);
}

/* Explaining a job that does not wait. */

Test (decide_act, what_stands_in_the_way)
{
    static const struct {
        struct why w;
        size_t rows;
        uint32_t code;
        const char *have, *lifted_by;
    } rows[] = {
        {{.state = YM_JOB_SUSPENDED, .suspender = YM_OWNER},
         1,
         YM_SUSPENSION,
         "SUSPENDED by owner",
         "a key of its tenant: job resume"},
        {{.state = YM_JOB_SUSPENDED,
          .suspender = YM_OPERATING,
          .hold = YM_BY_OPERATOR,
          .unmet = 2},
         3,
         YM_SUSPENSION,
         "SUSPENDED by operator",
         "an operator: job resume"},
        {{.state = YM_JOB_STARTED, .agent = {"a1", 2}},
         1,
         YM_NOT_WAITING,
         "STARTED",
         "its agent a1: it is under way"},
        {{.state = YM_JOB_FAILED}, 1, YM_NOT_WAITING, "FAILED", "nobody: it has ended"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ym_blocker_row got[STANDING_MAX];
        cr_assert_eq (decide_standing (&rows[i].w, got), rows[i].rows, "row %zu", i);
        cr_expect_eq (got[0].code, rows[i].code);
        cr_expect_str_eq (got[0].have, rows[i].have);
        cr_expect_str_eq (got[0].lifted_by, rows[i].lifted_by);
    }
}

/* decide_act.c - the verbs that change one job, a function each. */
#include "actors/intake/decide_act.h"

#include <string.h>

#include "common/base/id.h"
#include "common/base/panic.h"

/* A verb being decided: what is, what was asked, and what follows. */
struct asking {
    const struct act_facts *f;
    const struct ym_job_act *m;
    bool operates;
    int64_t now_ms;
    struct act *a;
};

static char *next_effect (struct act *a)
{
    ym_assert (a->effects < EFFECTS_MAX);
    return a->effect[a->effects++];
}

#define say(a, ...) (void)ym_text_format (next_effect (a), EFFECT_MAX + 1, __VA_ARGS__)

static void refuse (struct asking *k, enum ym_refusal why)
{
    k->a->refusal = why;
}

static void refuse_field (struct asking *k, const char *path, const char *fault)
{
    k->a->refusal = YM_REFUSAL_INVALID;
    k->a->missing = path;
    k->a->fault = fault;
}

static void give_reason (struct asking *k)
{
    (void)ym_text_copy_str (k->a->detail, sizeof k->a->detail, k->m->reason);
}

/* "urgency 16 -> 20: because" */
#define note_change(k, ...)                                                                    \
    do {                                                                                       \
        (void)ym_text_format ((k)->a->detail, DETAIL_MAX + 1, __VA_ARGS__);                    \
        end_note (k);                                                                          \
    } while (0)

static void end_note (struct asking *k)
{
    char *to = k->a->detail;
    size_t size = strlen (to);

    if (k->m->reason.size > 0)
        (void)ym_text_format (to + size, DETAIL_MAX + 1 - size, ": %.*s",
                              (int)k->m->reason.size, k->m->reason.at);
    k->a->on = YM_JOB_NOTE_CHANGED;
}

static void move (struct asking *k, int on)
{
    const struct ym_move *next = ym_life_next (&ym_job_life, k->f->state, on);

    if (!next) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    k->a->on = on;
    k->a->state = next->to;
    give_reason (k);
}

static bool may_move (const struct asking *k, int on)
{
    return ym_life_next (&ym_job_life, k->f->state, on) != NULL;
}

/* Its work is over, and only what was provisioned is still to be removed; or it is ending. */
static bool is_over (const struct act_facts *f)
{
    return f->ends_as != 0 || f->state == YM_JOB_COMPLETING ||
           f->state == YM_JOB_DEPROVISION_REQUESTED;
}

static bool is_waiting (const struct act_facts *f)
{
    return f->state == YM_JOB_QUEUED || f->state == YM_JOB_SUSPENDED;
}

static void say_progress (struct act *a, const struct act_facts *f)
{
    if (f->checkpoint > 0)
        say (a, "%lld units are done, %lld of them are stored with checkpoint %lld",
             (long long)f->done, (long long)f->kept, (long long)f->checkpoint);
    else if (f->done > 0)
        say (a, "%lld units are done, none of them is stored yet", (long long)f->done);
}

static void say_awaiting (struct act *a, const struct act_facts *f)
{
    if (f->awaiting > 0)
        say (a, "%u %s for it: held if success was wanted, else free to start", f->awaiting,
             f->awaiting == 1 ? "job waits" : "jobs wait");
}

/* Terminate. */

static void terminate_waiting (struct asking *k)
{
    bool is_suspended = k->f->state == YM_JOB_SUSPENDED;

    k->a->hold = YM_NOT_HELD;
    k->a->suspender = YM_NOBODY_SUSPENDS;
    if (k->f->resources == 0) {
        move (k, YM_JOB_ON_TERMINATE);
        say (k->a, k->f->attempt == 0 ? "it ends now; it was never started"
                                      : "it ends now; it runs nowhere");
        return;
    }
    k->a->ends_as = YM_JOB_TERMINATED;
    if (is_suspended)
        move (k, YM_JOB_ON_REMOVE);
    else
        k->a->on = YM_JOB_NOTE_TERMINATE_WANTED;
    give_reason (k);
    say (k->a, "an agent is sent to remove what was provisioned (%u); then it ends",
         k->f->resources);
}

static void terminate_running (struct asking *k)
{
    if (!may_move (k, YM_JOB_ON_TERMINATE)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    k->a->wanted = YM_TERMINATE;
    k->a->suspender = YM_NOBODY_SUSPENDS;
    k->a->on = YM_JOB_NOTE_TERMINATE_WANTED;
    give_reason (k);
    say (k->a, "the attempt on %s is told to end for good", k->f->agent);
    say_progress (k->a, k->f);
    if (k->f->resources > 0)
        say (k->a, "what was provisioned (%u) is removed before it ends", k->f->resources);
}

static void act_terminate (struct asking *k)
{
    if (is_over (k->f))
        say (k->a, "nothing: it is ending already");
    else if (k->f->wanted == YM_TERMINATE)
        say (k->a, "nothing: its agent is told to terminate it already");
    else if (k->f->agent_holds)
        terminate_running (k);
    else
        terminate_waiting (k);
    if (k->a->on != 0)
        say_awaiting (k->a, k->f);
}

/* Suspend and resume. */

static uint32_t party (const struct asking *k)
{
    return k->operates ? YM_OPERATING : YM_OWNER;
}

static void say_who_resumes (struct asking *k)
{
    say (k->a, k->operates ? "then only an operator resumes it"
                           : "then only a key of its tenant resumes it");
}

/* A wish of the yard's own is taken over, and so is an owner's by an operator. */
static bool takes_over (const struct asking *k)
{
    return k->f->suspender < party (k);
}

static void take_over (struct asking *k)
{
    if (!takes_over (k)) {
        say (k->a, k->f->suspender == YM_OPERATING
                       ? "nothing: an operator has suspended it already"
                       : "nothing: it is suspended already");
        return;
    }
    note_change (k, "suspended by %s -> %s", ym_enum_word (YM_ENUM_SUSPENDER, k->f->suspender),
                 ym_enum_word (YM_ENUM_SUSPENDER, party (k)));
    k->a->suspender = party (k);
    say (k->a, k->f->state == YM_JOB_SUSPENDED ? "it stays suspended"
                                               : "it is suspended for you, and does not come "
                                                 "back by itself");
    say_who_resumes (k);
}

static void suspend_running (struct asking *k)
{
    if (k->f->wanted == YM_TERMINATE || !may_move (k, YM_JOB_ON_SUSPEND)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    k->a->wanted = YM_SUSPEND;
    k->a->suspender = party (k);
    k->a->on = YM_JOB_NOTE_SUSPEND_WANTED;
    give_reason (k);
    say (k->a, "the attempt on %s is told to stop with a checkpoint", k->f->agent);
    say_progress (k->a, k->f);
    say_who_resumes (k);
}

static void act_suspend (struct asking *k)
{
    if (is_over (k->f)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
    }
    else if (k->f->state == YM_JOB_SUSPENDED || k->f->wanted == YM_SUSPEND) {
        take_over (k);
    }
    else if (k->f->agent_holds) {
        suspend_running (k);
    }
    else {
        move (k, YM_JOB_ON_SUSPEND);
        k->a->suspender = party (k);
        say (k->a, "it leaves its queue now and keeps its place by age");
        say_who_resumes (k);
    }
}

static void act_resume (struct asking *k)
{
    if (k->f->state != YM_JOB_SUSPENDED || is_over (k->f)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    if (k->f->suspender != party (k)) {
        refuse (k, YM_REFUSAL_NOT_SUSPENDER);
        return;
    }
    move (k, YM_JOB_ON_RESUME);
    k->a->suspender = YM_NOBODY_SUSPENDS;
    say (k->a, "it waits in the queue of %s, at its place by age",
         ym_enum_word (YM_ENUM_TIER, k->f->tier));
    if (k->f->checkpoint > 0)
        say (k->a, "the next attempt goes on from checkpoint %lld, with %lld units done",
             (long long)k->f->checkpoint, (long long)k->f->kept);
    if (k->f->hold != YM_NOT_HELD)
        say (k->a, "it is held: it does not start until it is released");
}

/* Holds. */

static void act_hold (struct asking *k)
{
    if (is_over (k->f)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    k->a->hold = YM_BY_OPERATOR;
    k->a->on = YM_JOB_NOTE_HELD;
    give_reason (k);
    if (k->f->agent_holds)
        say (k->a, "the attempt on %s goes on; no other one follows it", k->f->agent);
    else
        say (k->a, "it is not leased until it is released");
    if (k->f->hold != YM_NOT_HELD)
        say (k->a, "it was held before: %s", ym_enum_word (YM_ENUM_HOLD, k->f->hold));
}

static void say_free (struct act *a, const struct act_facts *f, int64_t now_ms)
{
    if (f->state == YM_JOB_SUSPENDED)
        say (a, "it stays suspended until it is resumed");
    else if (!a->forget && f->not_before_ms > now_ms)
        say (a, "it still waits for its time, %lld s from now",
             (long long)(f->not_before_ms - now_ms + 999) / 1000);
    else if (f->state == YM_JOB_QUEUED)
        say (a, "it is leased when its turn comes");
    if (f->unmet > 0)
        say (a, "it still waits for %u %s", f->unmet, f->unmet == 1 ? "job" : "jobs");
}

static void act_release (struct asking *k)
{
    if (k->f->hold == YM_NOT_HELD || is_over (k->f)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    k->a->hold = YM_NOT_HELD;
    k->a->on = YM_JOB_NOTE_RELEASED;
    give_reason (k);
    say (k->a, "its hold (%s) is lifted", ym_enum_word (YM_ENUM_HOLD, k->f->hold));
    say_free (k->a, k->f, k->now_ms);
    if (k->f->hold == YM_RETRIES_USED)
        say (k->a, "its %u errors count: the next one holds it again", k->f->retries);
}

static void act_retry (struct asking *k)
{
    bool has_wait = k->f->attempt > 0 && k->f->not_before_ms > k->now_ms;

    if (!is_waiting (k->f) || is_over (k->f) ||
        (k->f->hold == YM_NOT_HELD && k->f->retries == 0 && k->f->losses == 0 && !has_wait)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    k->a->hold = YM_NOT_HELD;
    k->a->forget = true;
    k->a->on = YM_JOB_NOTE_RELEASED;
    give_reason (k);
    if (k->f->hold != YM_NOT_HELD)
        say (k->a, "its hold (%s) is lifted", ym_enum_word (YM_ENUM_HOLD, k->f->hold));
    say (k->a, "its %u errors and %u lost agents are forgotten", k->f->retries, k->f->losses);
    say_free (k->a, k->f, k->now_ms);
}

/* Order. */

static void act_urge (struct asking *k)
{
    uint32_t to = (uint32_t)k->m->urgency;

    if (is_over (k->f)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    if (to == k->f->urgency) {
        say (k->a, "nothing: its urgency is %u already", to);
        return;
    }
    k->a->urgency = to;
    note_change (k, "urgency %u -> %u", k->f->urgency, to);
    if (to == 0)
        say (k->a, "it does not start until its urgency is raised");
    else
        say (k->a, "it goes before jobs of its tier with an urgency below %u", to);
    if (k->f->agent_holds)
        say (k->a, "the attempt on %s goes on; it counts when it waits again", k->f->agent);
}

static void act_retier (struct asking *k)
{
    const char *from = ym_enum_word (YM_ENUM_TIER, k->f->tier),
               *to = ym_enum_word (YM_ENUM_TIER, k->m->tier);

    if (!is_waiting (k->f) || is_over (k->f)) {
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
        return;
    }
    if (k->m->tier == k->f->tier) {
        say (k->a, "nothing: it is in tier %s already", to);
        return;
    }
    k->a->tier = k->m->tier;
    note_change (k, "tier %s -> %s", from, to);
    say (k->a, "it moves from the queue of %s to that of %s, to its place by age", from, to);
    if (k->m->tier > k->f->tier)
        say (k->a, "it may take the slot of running work of a lower tier");
}

/* Dependencies. */

static void depend_on_ended (struct asking *k, const char *name)
{
    bool is_good = k->m->condition == YM_AFTER_ANY || k->f->on_state == YM_JOB_COMPLETED;

    if (is_good) {
        say (k->a, "nothing: %s has ended already", name);
        return;
    }
    (void)ym_text_format (k->a->detail, sizeof k->a->detail, "%s ended %s", name,
                          ym_life_state_name (&ym_job_life, k->f->on_state));
    if (k->f->hold ==
        YM_BY_OPERATOR) { /* another hold in its place could be lifted by others */
        k->a->on = YM_JOB_NOTE_CHANGED;
        say (k->a, "an operator holds it already; %s", k->a->detail);
        return;
    }
    k->a->hold = YM_DEPENDENCY_BAD;
    k->a->on = YM_JOB_NOTE_HELD;
    say (k->a, "it is held: %s", k->a->detail);
}

static void depend_on_live (struct asking *k, const char *name)
{
    if (k->f->on_waited && k->f->on_condition == k->m->condition) {
        say (k->a, "nothing: it waits for %s already", name);
        return;
    }
    if (!k->f->on_waited && k->f->unmet >= WAITS_FOR_MAX) {
        refuse_field (k, "/on", "it waits for as many jobs as it may");
        return;
    }
    k->a->waits_for = true;
    note_change (k, "waits for %s (%s)", name,
                 ym_enum_word (YM_ENUM_CONDITION, k->m->condition));
    say (k->a,
         k->m->condition == YM_AFTER_ANY
             ? "it does not start before %s has ended, however"
             : "it does not start before %s has completed, and is held if that ends otherwise",
         name);
}

static void act_depend (struct asking *k)
{
    char name[YM_ID_TEXT_MAX + 1];

    ym_id_print (name, k->m->on);
    if (!is_waiting (k->f) || is_over (k->f))
        refuse (k, YM_REFUSAL_ILLEGAL_MOVE);
    else if (k->m->on == k->m->job)
        refuse (k, YM_REFUSAL_DEPENDENCY_CYCLE);
    else if (!k->f->on_found)
        refuse (k, YM_REFUSAL_UNKNOWN_DEPENDENCY);
    else if (k->f->on_leads_here)
        refuse (k, YM_REFUSAL_DEPENDENCY_CYCLE);
    else if (ym_life_is_final (&ym_job_life, k->f->on_state))
        depend_on_ended (k, name);
    else
        depend_on_live (k, name);
}

/* The verbs: which field they cannot do without, and what they do. */
static const struct {
    uint64_t needs;
    const char *path;
    void (*act) (struct asking *k);
} verbs[YM_COUNT_job_verb] = {
    [YM_DO_TERMINATE] = {0, NULL, act_terminate},
    [YM_DO_SUSPEND] = {0, NULL, act_suspend},
    [YM_DO_RESUME] = {0, NULL, act_resume},
    [YM_DO_HOLD] = {0, NULL, act_hold},
    [YM_DO_RELEASE] = {0, NULL, act_release},
    [YM_DO_RETRY] = {0, NULL, act_retry},
    [YM_DO_URGE] = {YM_HAS (job_act, urgency), "/urgency", act_urge},
    [YM_DO_RETIER] = {YM_HAS (job_act, tier), "/tier", act_retier},
    [YM_DO_DEPEND] = {YM_HAS (job_act, on), "/on", act_depend},
};

/* What an operator holds, an operator lifts; a tenant releases what it submitted held, and
 * retries what an error holds. */
static enum ym_refusal check_role (const struct asking *k)
{
    const struct ym_job_act *m = k->m;

    if (k->operates)
        return YM_REFUSAL_NONE;
    if (m->verb == YM_DO_HOLD || m->verb == YM_DO_RETIER)
        return YM_REFUSAL_ROLE_NOT_ALLOWED;
    if (m->verb == YM_DO_RELEASE && k->f->hold != YM_AT_SUBMIT)
        return YM_REFUSAL_ROLE_NOT_ALLOWED;
    if (m->verb == YM_DO_RETRY && k->f->hold == YM_BY_OPERATOR)
        return YM_REFUSAL_ROLE_NOT_ALLOWED;
    if (m->verb == YM_DO_URGE && m->urgency > YM_URGENCY_USUAL)
        return YM_REFUSAL_URGENCY_NOT_ALLOWED;
    return YM_REFUSAL_NONE;
}

static enum ym_refusal check (const struct asking *k)
{
    if (!k->f->found)
        return YM_REFUSAL_UNKNOWN_JOB;
    if (ym_life_is_final (&ym_job_life, k->f->state))
        return YM_REFUSAL_ALREADY_FINAL;
    if (k->m->has & YM_HAS (job_act, version) && k->m->version != k->f->seq)
        return YM_REFUSAL_STALE_VERSION;
    return check_role (k);
}

void decide_act (const struct act_facts *f, const struct ym_job_act *m, uint32_t role,
                 int64_t now_ms, struct act *ret)
{
    struct asking k = {
        .f = f, .m = m, .operates = decide_operates (role), .now_ms = now_ms, .a = ret};

    *ret = (struct act){.state = f->state,
                        .wanted = f->wanted,
                        .suspender = f->suspender,
                        .hold = f->hold,
                        .urgency = f->urgency,
                        .tier = f->tier,
                        .ends_as = f->ends_as};
    ym_assert (m->verb < YM_COUNT_job_verb);
    if ((m->has & verbs[m->verb].needs) != verbs[m->verb].needs) {
        refuse_field (&k, verbs[m->verb].path, "needed for this verb");
        return;
    }
    ret->refusal = check (&k);
    if (ret->refusal == YM_REFUSAL_NONE)
        verbs[m->verb].act (&k);
}

/* decide_policy.c - verbs about queues, agents, tenants and windows, without input or output.
 *
 * A document that breaks its rules is refused first, then what does not exist, then a version
 * that is past. */
#include "actors/intake/decide_policy.h"

#include <inttypes.h>

#include "common/base/time.h"

static void begin (struct policy_verdict *v, const struct policy_facts *f)
{
    *v = (struct policy_verdict){
        .id = f->id, .expected = f->version, .version = f->version, .after = f->version + 1};
}

#define effect(v, ...)                                                                         \
    do {                                                                                       \
        if ((v)->effect_count < POLICY_EFFECTS_MAX)                                            \
            (void)ym_text_format ((v)->effects[(v)->effect_count++], POLICY_EFFECT_SIZE,       \
                                  __VA_ARGS__);                                                \
    } while (0)

/* "at least " before a number that may not be all. */
static const char *at_least (const struct policy_facts *f)
{
    return f->whole ? "" : "at least ";
}

static const char *jobs (int64_t count)
{
    return count == 1 ? "job" : "jobs";
}

/* True if nothing is refused. */
static bool is_good (struct policy_verdict *v, enum ym_refusal unknown, bool has_version,
                     uint64_t version)
{
    if (v->faults.count > 0)
        v->refusal = YM_REFUSAL_INVALID;
    else if (unknown != YM_REFUSAL_NONE)
        v->refusal = unknown;
    else if (has_version && version != (uint64_t)v->version)
        v->refusal = YM_REFUSAL_STALE_VERSION;
    return v->refusal == YM_REFUSAL_NONE;
}

/* Queues. */

/* Those that run may be younger than all that were counted. */
static void tell_running (struct policy_verdict *v, const struct policy_facts *f)
{
    if (f->whole || f->running > 0)
        effect (v, "%s%" PRId64 " running %s on", at_least (f), f->running,
                f->running == 1 ? "job goes" : "jobs go");
    else
        effect (v, "what runs goes on");
}

void decide_queue_act (const void *body, const struct policy_facts *f,
                       struct policy_verdict *ret)
{
    const struct ym_queue_act *m = body;
    const char *tier = ym_enum_word (YM_ENUM_TIER, m->tier);

    begin (ret, f);
    ret->stopped = m->verb == YM_DO_STOP;
    if (!is_good (ret, YM_REFUSAL_NONE, (m->has & YM_HAS (queue_act, version)) != 0,
                  m->version))
        return;
    if (f->stopped == ret->stopped)
        effect (ret, "queue %s is %s already", tier, f->stopped ? "stopped" : "open");
    if (ret->stopped) {
        effect (ret, "nothing of queue %s is leased until it is started", tier);
        effect (ret, "%s%" PRId64 " waiting %s", at_least (f), f->waiting,
                f->waiting == 1 ? "job stays where it is" : "jobs stay where they are");
        tell_running (ret, f);
    }
    else
        effect (ret, "%s%" PRId64 " waiting %s of queue %s may be leased", at_least (f),
                f->waiting, jobs (f->waiting), tier);
}

/* Agents. */

static void check_deadline (const struct ym_agent_act *m, const struct policy_facts *f,
                            struct ym_faults *faults)
{
    if (!(m->has & YM_HAS (agent_act, deadline)))
        return;
    if (m->verb != YM_DO_DRAIN)
        ym_faults_add (faults, "/deadline", "unknown", "only a drain has a deadline");
    else if (m->deadline <= f->now_ms)
        ym_faults_add (faults, "/deadline", "range", "must be in the future");
}

static void tell_drain (struct policy_verdict *v, const char *agent,
                        const struct policy_facts *f)
{
    char when[YM_TIME_TEXT_MAX + 1];

    effect (v, "%s is given no new work", agent);
    if (v->deadline_ms == 0) {
        effect (v, "%s%" PRId64 " running %s", at_least (f), f->running,
                f->running == 1 ? "job goes on to its end" : "jobs go on to their end");
        return;
    }
    ym_time_print (when, v->deadline_ms);
    effect (v, "%s%" PRId64 " running %s on until %s", at_least (f), f->running,
            f->running == 1 ? "job goes" : "jobs go", when);
    effect (v, "what still runs then is suspended and waits for another agent");
}

void decide_agent_act (const void *body, const struct policy_facts *f,
                       struct policy_verdict *ret)
{
    const struct ym_agent_act *m = body;

    begin (ret, f);
    ret->draining = m->verb == YM_DO_DRAIN;
    ret->deadline_ms = ret->draining ? m->deadline : 0;
    check_deadline (m, f, &ret->faults);
    if (!is_good (ret, f->id == 0 ? YM_REFUSAL_UNKNOWN_AGENT : YM_REFUSAL_NONE,
                  (m->has & YM_HAS (agent_act, version)) != 0, m->version))
        return;
    if (f->draining == ret->draining && f->deadline_ms == ret->deadline_ms)
        effect (ret, "%s is %s already", m->agent, f->draining ? "drained so" : "in service");
    if (ret->draining)
        tell_drain (ret, m->agent, f);
    else
        effect (ret, "%s is given work again", m->agent);
}

/* Tenants. */

static void check_tenant (const struct ym_tenant_set *m, struct ym_faults *faults)
{
    uint64_t any = YM_HAS (tenant_set, weight) | YM_HAS (tenant_set, waiting_max) |
                   YM_HAS (tenant_set, running_max) | YM_HAS (tenant_set, overflow);

    if (!(m->has & any))
        ym_faults_add (faults, "", "missing",
                       "say at least one of weight, waiting_max, running_max and overflow");
    if ((m->has & YM_HAS (tenant_set, weight)) && m->weight == 0)
        ym_faults_add (faults, "/weight", "range", "must be at least 1");
}

static void tell_cap (struct policy_verdict *v, const char *what, int32_t before, int32_t after)
{
    if (before == after)
        return;
    if (after == 0)
        effect (v, "%s: any number, was %" PRId32, what, before);
    else if (before == 0)
        effect (v, "%s: %" PRId32 " at most, was any number", what, after);
    else
        effect (v, "%s: %" PRId32 " at most, was %" PRId32, what, after, before);
}

static void tell_tenant (struct policy_verdict *v, const struct policy_facts *f)
{
    if (v->weight != f->weight)
        effect (v, "weight %" PRId32 ", was %" PRId32, v->weight, f->weight);
    tell_cap (v, "waiting jobs", f->waiting_max, v->waiting_max);
    tell_cap (v, "running jobs", f->running_max, v->running_max);
    if (v->overflow != f->overflow)
        effect (v, v->overflow ? "its platinum jobs may take shared agents when no dedicated "
                                 "one is free"
                               : "its platinum jobs keep to the dedicated agents");
    if (v->effect_count == 0)
        effect (v, "nothing is other than it was");
    if (v->waiting_max > 0 && f->waiting > v->waiting_max)
        effect (v, "%s%" PRId64 " jobs wait now: they stay, and no more are taken",
                at_least (f), f->waiting);
    if (v->running_max > 0 && f->running > v->running_max)
        effect (v, "%s%" PRId64 " jobs run now: they go on, and no more are leased",
                at_least (f), f->running);
}

void decide_tenant_set (const void *body, const struct policy_facts *f,
                        struct policy_verdict *ret)
{
    const struct ym_tenant_set *m = body;

    begin (ret, f);
    ret->weight = m->has & YM_HAS (tenant_set, weight) ? (int32_t)m->weight : f->weight;
    ret->waiting_max =
        m->has & YM_HAS (tenant_set, waiting_max) ? (int32_t)m->waiting_max : f->waiting_max;
    ret->running_max =
        m->has & YM_HAS (tenant_set, running_max) ? (int32_t)m->running_max : f->running_max;
    ret->overflow = m->has & YM_HAS (tenant_set, overflow) ? m->overflow : f->overflow;
    check_tenant (m, &ret->faults);
    if (is_good (ret, f->id == 0 ? YM_REFUSAL_UNKNOWN_TENANT : YM_REFUSAL_NONE,
                 (m->has & YM_HAS (tenant_set, version)) != 0, m->version))
        tell_tenant (ret, f);
}

/* Windows. */

static void check_window (const struct ym_window_add *m, const struct policy_facts *f,
                          struct ym_faults *faults)
{
    bool has_subject = m->subject[0] != '\0', is_yard = m->scope == YM_SCOPE_YARD;

    if (m->ends <= m->begins)
        ym_faults_add (faults, "/ends", "range", "must be after 'begins'");
    else if (m->ends <= f->now_ms)
        ym_faults_add (faults, "/ends", "range", "must be in the future");
    if (is_yard && has_subject)
        ym_faults_add (faults, "/subject", "unknown", "a window of the whole yard has none");
    if (!is_yard && !has_subject)
        ym_faults_add (faults, "/subject", "missing", "say which");
    if (f->windows >= POLICY_WINDOWS_MAX)
        ym_faults_add (faults, "", "range", "there are as many windows as there may be");
}

/* What agents it is about, in words. */
static void print_scope (const struct ym_window_add *m, char ret[80])
{
    if (m->scope == YM_SCOPE_YARD)
        (void)ym_text_copy (ret, 80, "any agent");
    else if (m->scope == YM_SCOPE_AGENT)
        (void)ym_text_format (ret, 80, "agent %s", m->subject);
    else
        (void)ym_text_format (ret, 80, "agents of %s %s",
                              ym_enum_word (YM_ENUM_SCOPE, m->scope), m->subject);
}

/* It has the number of the change that makes it, so what is compared is that of the policy. */
void decide_window_add (const void *body, const struct policy_facts *f,
                        struct policy_verdict *ret)
{
    const struct ym_window_add *m = body;
    bool is_unknown = m->scope == YM_SCOPE_AGENT && f->id == 0;
    char begins[YM_TIME_TEXT_MAX + 1], ends[YM_TIME_TEXT_MAX + 1], scope[80];

    begin (ret, f);
    ret->expected = ret->version = f->number;
    ret->after = 1;
    ret->made = f->number + 1;
    check_window (m, f, &ret->faults);
    if (!is_good (ret, is_unknown ? YM_REFUSAL_UNKNOWN_AGENT : YM_REFUSAL_NONE,
                  (m->has & YM_HAS (window_add, version)) != 0, m->version))
        return;
    print_scope (m, scope);
    ym_time_print (begins, m->begins);
    ym_time_print (ends, m->ends);
    effect (ret, "from %s to %s nothing starts on %s", begins, ends, scope);
    effect (ret, "before it, only jobs start there that end before it begins");
    effect (ret, "what runs goes on");
}

void decide_window_remove (const void *body, const struct policy_facts *f,
                           struct policy_verdict *ret)
{
    const struct ym_window_remove *m = body;

    begin (ret, f);
    if (!is_good (ret, f->id == 0 ? YM_REFUSAL_UNKNOWN_WINDOW : YM_REFUSAL_NONE,
                  (m->has & YM_HAS (window_remove, version)) != 0, m->version))
        return;
    if (f->ends_ms <= f->now_ms)
        effect (ret, "it is over already; it is forgotten");
    else if (f->begins_ms <= f->now_ms)
        effect (ret, "its agents are given work again, at once");
    else
        effect (ret, "jobs start on its agents whatever time they take");
}

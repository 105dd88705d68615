/* act.c - changes of jobs, queues, agents, tenants and windows: planned, or carried out.
 *
 * Each carries a request id made from the caller's key: whatever is sent twice is done once.
 * All are answered with 'done' or, if only a plan was asked for, with 'planned'.
 */
#include <string.h>

#include "client/libyard/inside.h"

static void take_effects (yard_outcome *o, const struct ym_effect *effects, uint32_t count)
{
    const char **texts = result_room (o, (count + 1) * sizeof *texts);

    for (uint32_t i = 0; i < count; i++)
        texts[i] = result_str (o, effects[i].text);
    o->count = count;
    o->effects = texts;
}

static void *make_done (const void *answer)
{
    const struct ym_done *m = answer;
    yard_outcome *o = result_new (sizeof *o);

    *o = (yard_outcome){.version = m->version, .state = ""};
    if (m->has & YM_HAS (done, state)) {
        o->state = ym_life_state_name (&ym_job_life, m->state);
        o->final = ym_life_is_final (&ym_job_life, m->state);
    }
    if (m->has & YM_HAS (done, made))
        o->made = m->made;
    take_effects (o, m->effects.at, m->effects.count);
    return o;
}

void *make_planned (const void *answer)
{
    const struct ym_planned *m = answer;
    yard_outcome *o = result_new (sizeof *o);

    *o = (yard_outcome){.planned = true, .version = m->version, .state = ""};
    take_effects (o, m->effects.at, m->effects.count);
    return o;
}

/* What all changes have in common; each message has these members under the same names. */
#define TAKE_HOW(message, m, c, how)                                                           \
    do {                                                                                       \
        request_of ((how)->key, (m)->request);                                                 \
        (m)->plan = (how)->plan;                                                               \
        (m)->has |= (how)->plan ? YM_HAS (message, plan) : 0;                                  \
        (m)->has |= (how)->reason ? YM_HAS (message, reason) : 0;                              \
        if ((how)->reason)                                                                     \
            check_str (c, "/reason", (how)->reason, &(m)->reason);                             \
    } while (0)
#define TAKE_VERSION(message, m, how)                                                          \
    do {                                                                                       \
        (m)->version = (how)->version;                                                         \
        (m)->has |= (how)->versioned ? YM_HAS (message, version) : 0;                          \
    } while (0)

static const yard_how usual = {.size = sizeof usual};

yard_err_t *read_how (const yard_how **how)
{
    if (!*how)
        *how = &usual;
    return (*how)->size < sizeof **how ? error_options ("yard_how: size is wrong") : NULL;
}

static yard_rc change (yard_t *y, unsigned number, const void *msg, struct check *c,
                       yard_err_t *take_err, yard_outcome **ret, yard_err_t **reterr)
{
    struct question q = {.ask = number,
                         .answer = YM_MSG_done,
                         .msg = msg,
                         .make = make_done,
                         .other = YM_MSG_planned,
                         .make_other = make_planned};
    yard_err_t *err = take_err ? take_err : check_end (c, number, msg);

    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- jobs --- */

static yard_err_t *read_change (const yard_job_change *from, struct ym_job_act *m,
                                struct check *c)
{
    yard_err_t *err = NULL;

    if (from->size < sizeof *from)
        return error_options ("yard_job_change: size is wrong");
    if (m->verb == YM_DO_URGE) {
        m->has |= YM_HAS (job_act, urgency);
        m->urgency = from->urgency;
    }
    if (m->verb == YM_DO_RETIER) {
        m->has |= YM_HAS (job_act, tier);
        check_word (c, "/tier", YM_ENUM_TIER, from->tier, &m->tier);
    }
    if (m->verb == YM_DO_DEPEND) {
        m->has |= YM_HAS (job_act, on) | YM_HAS (job_act, condition);
        check_word (c, "/condition", YM_ENUM_CONDITION,
                    from->condition ? from->condition : "success", &m->condition);
        err = read_job (from->on, &m->on);
    }
    return err;
}

yard_rc yard_job_act (yard_t *y, const char *job, const char *verb,
                      const yard_job_change *change_to, const yard_how *how, yard_outcome **ret,
                      yard_err_t **reterr)
{
    struct ym_job_act msg = {0};
    struct check c = {0};
    yard_err_t *err = read_how (&how);

    if (!err)
        err = read_job (job, &msg.job);
    check_word (&c, "/verb", YM_ENUM_JOB_VERB, verb, &msg.verb);
    if (!err && change_to && c.faults.count == 0)
        err = read_change (change_to, &msg, &c);
    if (!err) {
        TAKE_HOW (job_act, &msg, &c, how);
        TAKE_VERSION (job_act, &msg, how);
    }
    return change (y, YM_MSG_job_act, &msg, &c, err, ret, reterr);
}

/* --- policy --- */

yard_rc yard_queue_act (yard_t *y, const char *tier, const char *verb, const yard_how *how,
                        yard_outcome **ret, yard_err_t **reterr)
{
    struct ym_queue_act msg = {0};
    struct check c = {0};
    yard_err_t *err = read_how (&how);

    check_word (&c, "/tier", YM_ENUM_TIER, tier, &msg.tier);
    check_word (&c, "/verb", YM_ENUM_GATE_VERB, verb, &msg.verb);
    if (!err) {
        TAKE_HOW (queue_act, &msg, &c, how);
        TAKE_VERSION (queue_act, &msg, how);
    }
    return change (y, YM_MSG_queue_act, &msg, &c, err, ret, reterr);
}

yard_rc yard_agent_act (yard_t *y, const char *agent, const char *verb, int64_t deadline_ms,
                        const yard_how *how, yard_outcome **ret, yard_err_t **reterr)
{
    struct ym_agent_act msg = {.deadline = deadline_ms};
    struct check c = {0};
    yard_err_t *err = read_how (&how);

    msg.has |= deadline_ms ? YM_HAS (agent_act, deadline) : 0;
    check_text (&c, "/agent", agent, 40, msg.agent);
    check_word (&c, "/verb", YM_ENUM_AGENT_VERB, verb, &msg.verb);
    if (!err) {
        TAKE_HOW (agent_act, &msg, &c, how);
        TAKE_VERSION (agent_act, &msg, how);
    }
    return change (y, YM_MSG_agent_act, &msg, &c, err, ret, reterr);
}

static yard_err_t *read_tenant (const yard_tenant_change *from, struct ym_tenant_set *m)
{
    if (!from)
        return NULL;
    if (from->size < sizeof *from)
        return error_options ("yard_tenant_change: size is wrong");
    if (from->weight) {
        m->has |= YM_HAS (tenant_set, weight);
        m->weight = *from->weight;
    }
    if (from->waiting_max) {
        m->has |= YM_HAS (tenant_set, waiting_max);
        m->waiting_max = *from->waiting_max;
    }
    if (from->running_max) {
        m->has |= YM_HAS (tenant_set, running_max);
        m->running_max = *from->running_max;
    }
    if (from->overflow) {
        m->has |= YM_HAS (tenant_set, overflow);
        m->overflow = *from->overflow;
    }
    return NULL;
}

yard_rc yard_tenant_set (yard_t *y, const char *tenant, const yard_tenant_change *change_to,
                         const yard_how *how, yard_outcome **ret, yard_err_t **reterr)
{
    struct ym_tenant_set msg = {0};
    struct check c = {0};
    yard_err_t *err = read_how (&how);

    check_text (&c, "/tenant", tenant, 40, msg.tenant);
    if (!err)
        err = read_tenant (change_to, &msg);
    if (!err) {
        TAKE_HOW (tenant_set, &msg, &c, how);
        TAKE_VERSION (tenant_set, &msg, how);
    }
    return change (y, YM_MSG_tenant_set, &msg, &c, err, ret, reterr);
}

yard_rc yard_window_add (yard_t *y, const yard_window_spec *spec, const yard_how *how,
                         yard_outcome **ret, yard_err_t **reterr)
{
    struct ym_window_add msg = {.begins = spec->begins_ms, .ends = spec->ends_ms};
    struct check c = {0};
    yard_err_t *err = read_how (&how);

    if (!err && spec->size < sizeof *spec)
        err = error_options ("yard_window_spec: size is wrong");
    check_word (&c, "/scope", YM_ENUM_SCOPE, spec->scope ? spec->scope : "yard", &msg.scope);
    if (spec->subject) {
        msg.has |= YM_HAS (window_add, subject);
        check_text (&c, "/subject", spec->subject, 40, msg.subject);
    }
    if (!err) {
        TAKE_HOW (window_add, &msg, &c, how);
        TAKE_VERSION (window_add, &msg, how);
    }
    return change (y, YM_MSG_window_add, &msg, &c, err, ret, reterr);
}

yard_rc yard_window_remove (yard_t *y, uint64_t window, const yard_how *how, yard_outcome **ret,
                            yard_err_t **reterr)
{
    struct ym_window_remove msg = {.window = window};
    struct check c = {0};
    yard_err_t *err = read_how (&how);

    if (!err) {
        TAKE_HOW (window_remove, &msg, &c, how);
        TAKE_VERSION (window_remove, &msg, how);
    }
    return change (y, YM_MSG_window_remove, &msg, &c, err, ret, reterr);
}

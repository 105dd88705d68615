/* store_policy.c - the SQL of what operators decide. */
#include "actors/intake/store_policy.h"

#include <string.h>

#include "common/base/id.h"
#include "common/base/panic.h"

#define STATEMENT(name, text) static const struct ym_statement name = {#name, text}

STATEMENT (policy_look_gate,
           "SELECT digest, reply, number, id, version, waiting, running, whole, stopped "
           "FROM ym.policy_look_gate ($1::int4, $2::bytea, $3::int2)");
STATEMENT (policy_look_agent, "SELECT digest, reply, number, id, version, waiting, running, "
                              "whole, draining, deadline_ms "
                              "FROM ym.policy_look_agent ($1::int4, $2::bytea, $3::text)");
STATEMENT (policy_look_tenant, "SELECT digest, reply, number, id, version, waiting, running, "
                               "whole, weight, waiting_max, running_max, overflow "
                               "FROM ym.policy_look_tenant ($1::int4, $2::bytea, $3::text)");
STATEMENT (policy_look_window, "SELECT digest, reply, number, id, version, 0::int8, 0::int8, "
                               "true, windows, begins_ms, ends_ms FROM ym.policy_look_window "
                               "($3::int8, $1::int4, $2::bytea, $4::int8, $5::text)");
#define SET_PARAMS                                                                             \
    "($1::int8, $2::int8, $3::int4, $4::bytea, $5::bytea, $6::bytea, $7::int8, $8::int"
STATEMENT (policy_set_gate, "SELECT outcome, digest, reply FROM ym.policy_set_gate " SET_PARAMS
                            "2, $9::bool, $10::text)");
STATEMENT (policy_set_drain,
           "SELECT outcome, digest, reply FROM ym.policy_set_drain " SET_PARAMS
           "8, $9::bool, $10::text, $11::int8)");
STATEMENT (policy_set_tenant,
           "SELECT outcome, digest, reply FROM ym.policy_set_tenant " SET_PARAMS
           "4, $9::int4, $10::int4, $11::int4, $12::bool)");
STATEMENT (policy_add_window,
           "SELECT outcome, digest, reply FROM ym.policy_add_window " SET_PARAMS
           "8, $9::int8, $10::int2, $11::text, $12::text)");
STATEMENT (policy_remove_window,
           "SELECT outcome, digest, reply FROM ym.policy_remove_window " SET_PARAMS "8)");
STATEMENT (tenant_page, "SELECT name, weight, waiting_max, running_max, overflow, version "
                        "FROM ym.tenant_page ($1::text, $2::int4)");
STATEMENT (window_page, "SELECT window_id, begins_ms, ends_ms, scope, subject, reason, version "
                        "FROM ym.window_page ($1::int8, $2::int8, $3::int4)");
STATEMENT (problem_page, "SELECT problem_id, kind, job_id, agent, at_ms, closed_ms, detail "
                         "FROM ym.problem_page ($1::int4, $2::int8, $3::bool, $4::int4)");

enum { FIRST_OWN = 8 }; /* the columns before it are the same for every look */

static struct ym_str text_of (struct ym_str s)
{
    return s.at ? s : ym_str ("");
}

/* What each verb looks at, and how it is stored. */

static void look_gate (struct ym_turn *t, const void *m)
{
    ym_param_int2 (t->batch, (int16_t)((const struct ym_queue_act *)m)->tier);
}

static void got_gate (const struct ym_rows *r, struct policy_facts *ret)
{
    ret->stopped = ym_row_bool (r, 0, FIRST_OWN);
}

static void set_gate (struct ym_turn *t, const void *body, const struct policy_verdict *v)
{
    const struct ym_queue_act *m = body;

    ym_param_int2 (t->batch, (int16_t)m->tier);
    ym_param_bool (t->batch, v->stopped);
    ym_param_text (t->batch, text_of (m->reason));
}

static void look_agent (struct ym_turn *t, const void *m)
{
    ym_param_text (t->batch, ym_str (((const struct ym_agent_act *)m)->agent));
}

static void got_agent (const struct ym_rows *r, struct policy_facts *ret)
{
    ret->draining = ym_row_bool (r, 0, FIRST_OWN);
    ret->deadline_ms = ym_row_int8 (r, 0, FIRST_OWN + 1);
}

static void set_agent (struct ym_turn *t, const void *body, const struct policy_verdict *v)
{
    ym_param_int8 (t->batch, v->id);
    ym_param_bool (t->batch, v->draining);
    ym_param_text (t->batch, text_of (((const struct ym_agent_act *)body)->reason));
    ym_param_int8 (t->batch, v->deadline_ms);
}

static void look_tenant (struct ym_turn *t, const void *m)
{
    ym_param_text (t->batch, ym_str (((const struct ym_tenant_set *)m)->tenant));
}

static void got_tenant (const struct ym_rows *r, struct policy_facts *ret)
{
    ret->weight = ym_row_int4 (r, 0, FIRST_OWN);
    ret->waiting_max = ym_row_int4 (r, 0, FIRST_OWN + 1);
    ret->running_max = ym_row_int4 (r, 0, FIRST_OWN + 2);
    ret->overflow = ym_row_bool (r, 0, FIRST_OWN + 3);
}

static void set_tenant (struct ym_turn *t, const void *body, const struct policy_verdict *v)
{
    (void)body;
    ym_param_int4 (t->batch, (int32_t)v->id);
    ym_param_int4 (t->batch, v->weight);
    ym_param_int4 (t->batch, v->waiting_max);
    ym_param_int4 (t->batch, v->running_max);
    ym_param_bool (t->batch, v->overflow);
}

static void look_add (struct ym_turn *t, const void *body)
{
    const struct ym_window_add *m = body;

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, 0);
    ym_param_text (t->batch, ym_str (m->scope == YM_SCOPE_AGENT ? m->subject : ""));
}

static void got_window (const struct ym_rows *r, struct policy_facts *ret)
{
    ret->windows = ym_row_int8 (r, 0, FIRST_OWN);
    ret->begins_ms = ym_row_int8 (r, 0, FIRST_OWN + 1);
    ret->ends_ms = ym_row_int8 (r, 0, FIRST_OWN + 2);
}

static void set_add (struct ym_turn *t, const void *body, const struct policy_verdict *v)
{
    const struct ym_window_add *m = body;

    (void)v;
    ym_param_int8 (t->batch, m->begins);
    ym_param_int8 (t->batch, m->ends);
    ym_param_int2 (t->batch, (int16_t)m->scope);
    ym_param_text (t->batch, ym_str (m->subject));
    ym_param_text (t->batch, text_of (m->reason));
}

static void look_remove (struct ym_turn *t, const void *m)
{
    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, (int64_t)((const struct ym_window_remove *)m)->window);
    ym_param_text (t->batch, ym_str (""));
}

static void set_remove (struct ym_turn *t, const void *m, const struct policy_verdict *v)
{
    (void)m;
    ym_param_int8 (t->batch, v->id);
}

static const struct verb {
    unsigned message;
    const struct ym_statement *look, *set;
    void (*look_params) (struct ym_turn *t, const void *m);
    void (*got) (const struct ym_rows *r, struct policy_facts *ret);
    void (*set_params) (struct ym_turn *t, const void *m, const struct policy_verdict *v);
} verbs[] = {
    {YM_MSG_queue_act, &policy_look_gate, &policy_set_gate, look_gate, got_gate, set_gate},
    {YM_MSG_agent_act, &policy_look_agent, &policy_set_drain, look_agent, got_agent, set_agent},
    {YM_MSG_tenant_set, &policy_look_tenant, &policy_set_tenant, look_tenant, got_tenant,
     set_tenant},
    {YM_MSG_window_add, &policy_look_window, &policy_add_window, look_add, got_window, set_add},
    {YM_MSG_window_remove, &policy_look_window, &policy_remove_window, look_remove, got_window,
     set_remove},
};

static const struct verb *verb_of (unsigned message)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (verbs[i].message == message)
            return &verbs[i];
    ym_panic ("message %u is no verb of the policy", message);
}

/* All five begin with the request. */
static struct ym_bytes request_of (const void *m)
{
    _Static_assert(offsetof (struct ym_queue_act, request) == sizeof (uint64_t) &&
                       offsetof (struct ym_agent_act, request) == sizeof (uint64_t) &&
                       offsetof (struct ym_tenant_set, request) == sizeof (uint64_t) &&
                       offsetof (struct ym_window_add, request) == sizeof (uint64_t) &&
                       offsetof (struct ym_window_remove, request) == sizeof (uint64_t),
                   "the request is first");
    return ym_bytes ((const uint8_t *)m + sizeof (uint64_t), 16);
}

unsigned store_call_policy_look (struct ym_turn *t, unsigned message, const void *m,
                                 int32_t tenant)
{
    const struct verb *v = verb_of (message);
    unsigned call = ym_turn_call (t, v->look);

    ym_param_int4 (t->batch, tenant);
    ym_param_bytea (t->batch, request_of (m));
    v->look_params (t, m);
    return call;
}

static void got_before (const struct ym_rows *r, unsigned column, struct asked_before *ret)
{
    struct ym_bytes digest = ym_row_bytea (r, 0, column);

    *ret = (struct asked_before){.is = true, .reply = ym_row_bytea (r, 0, column + 1)};
    ym_assert (digest.size == sizeof ret->digest);
    memcpy (ret->digest, digest.at, sizeof ret->digest);
}

void store_got_policy_look (const struct ym_turn *t, unsigned call, unsigned message,
                            struct policy_facts *ret, struct asked_before *ret_before)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    ym_assert (ym_rows_count (r) == 1);
    *ret_before = (struct asked_before){0};
    if (!ym_row_is_null (r, 0, 0))
        got_before (r, 0, ret_before);
    *ret = (struct policy_facts){.now_ms = t->now_ms,
                                 .number = ym_row_int8 (r, 0, 2),
                                 .id = ym_row_int8 (r, 0, 3),
                                 .version = ym_row_int8 (r, 0, 4),
                                 .waiting = ym_row_int8 (r, 0, 5),
                                 .running = ym_row_int8 (r, 0, 6),
                                 .whole = ym_row_bool (r, 0, 7)};
    verb_of (message)->got (r, ret);
}

unsigned store_call_policy_set (struct ym_turn *t, unsigned message, const void *m,
                                const struct policy_write *w)
{
    const struct verb *v = verb_of (message);
    unsigned call = ym_turn_call (t, v->set);

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, w->key);
    ym_param_int4 (t->batch, w->tenant);
    ym_param_bytea (t->batch, request_of (m));
    ym_param_bytea (t->batch, ym_bytes (w->digest, 32));
    ym_param_bytea (t->batch, w->reply);
    ym_param_int8 (t->batch, w->verdict->expected);
    v->set_params (t, m, w->verdict);
    return call;
}

enum policy_outcome store_got_policy_set (const struct ym_turn *t, unsigned call,
                                          struct asked_before *ret_before)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    ym_assert (ym_rows_count (r) == 1);
    enum policy_outcome outcome = (enum policy_outcome)ym_row_int2 (r, 0, 0);
    *ret_before = (struct asked_before){0};
    if (outcome == POLICY_BEFORE)
        got_before (r, 1, ret_before);
    return outcome;
}

/* Pages. */

unsigned store_call_tenants (struct ym_turn *t, const struct ym_tenant_list *m, int32_t limit)
{
    unsigned call = ym_turn_call (t, &tenant_page);

    ym_param_text (t->batch, ym_str (m->after));
    ym_param_int4 (t->batch, limit);
    return call;
}

void store_got_tenant (const struct ym_turn *t, unsigned call, size_t row,
                       struct ym_tenant_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct ym_tenant_row){.weight = (uint64_t)ym_row_int4 (r, row, 1),
                                  .waiting_max = (uint64_t)ym_row_int4 (r, row, 2),
                                  .running_max = (uint64_t)ym_row_int4 (r, row, 3),
                                  .overflow = ym_row_bool (r, row, 4),
                                  .version = (uint64_t)ym_row_int8 (r, row, 5)};
    (void)ym_text_copy_str (ret->name, sizeof ret->name, ym_row_text (r, row, 0));
}

unsigned store_call_windows (struct ym_turn *t, const struct ym_window_list *m, int32_t limit)
{
    unsigned call = ym_turn_call (t, &window_page);

    ym_param_int8 (t->batch, t->now_ms);
    ym_param_int8 (t->batch, (int64_t)m->after);
    ym_param_int4 (t->batch, limit);
    return call;
}

void store_got_window (const struct ym_turn *t, unsigned call, size_t row,
                       struct ym_window_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret = (struct ym_window_row){.window = (uint64_t)ym_row_int8 (r, row, 0),
                                  .begins = ym_row_int8 (r, row, 1),
                                  .ends = ym_row_int8 (r, row, 2),
                                  .scope = (uint32_t)ym_row_int2 (r, row, 3),
                                  .reason = ym_row_text (r, row, 5),
                                  .version = (uint64_t)ym_row_int8 (r, row, 6)};
    (void)ym_text_copy_str (ret->subject, sizeof ret->subject, ym_row_text (r, row, 4));
}

unsigned store_call_problems (struct ym_turn *t, int32_t sees, const struct ym_problem_list *m,
                              int32_t limit)
{
    unsigned call = ym_turn_call (t, &problem_page);
    bool has_before = (m->has & YM_HAS (problem_list, before)) != 0;

    ym_param_int4 (t->batch, sees);
    ym_param_int8 (t->batch, has_before ? (int64_t)m->before : INT64_MAX);
    ym_param_bool (t->batch, m->closed);
    ym_param_int4 (t->batch, limit);
    return call;
}

void store_got_problem (const struct ym_turn *t, unsigned call, size_t row, char *ret_job,
                        struct ym_problem_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    int64_t job = ym_row_int8 (r, row, 2);

    ret_job[0] = '\0';
    if (job != 0)
        ym_id_print (ret_job, job);
    *ret = (struct ym_problem_row){.problem = (uint64_t)ym_row_int8 (r, row, 0),
                                   .kind = (uint32_t)ym_row_int2 (r, row, 1),
                                   .job = ym_str (ret_job),
                                   .since = ym_row_int8 (r, row, 4),
                                   .closed_at = ym_row_int8 (r, row, 5),
                                   .detail = ym_row_text (r, row, 6)};
    (void)ym_text_copy_str (ret->agent, sizeof ret->agent, ym_row_text (r, row, 3));
}

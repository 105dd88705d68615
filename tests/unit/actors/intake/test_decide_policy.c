/* test_decide_policy.c - what operators may decide, by rows: facts, message, verdict. */
#include "actors/intake/decide_policy.h"

#include <criterion/criterion.h>
#include <string.h>

#define NOW   INT64_C (1790000000000)
#define LATER (NOW + 1000)
#define PAST  (NOW - 1000)

static struct policy_facts facts (int64_t id, int64_t version)
{
    return (struct policy_facts){
        .now_ms = NOW, .number = 40, .id = id, .version = version, .whole = true, .weight = 1};
}

/* Whether one of the effects has these words. */
static bool tells (const struct policy_verdict *v, const char *words)
{
    for (uint32_t i = 0; i < v->effect_count; i++)
        if (strstr (v->effects[i], words))
            return true;
    return false;
}

static bool has_fault (const struct policy_verdict *v, const char *path, const char *code)
{
    for (uint32_t i = 0; i < v->faults.count; i++)
        if (strcmp (v->faults.at[i].path, path) == 0 &&
            strcmp (v->faults.at[i].code, code) == 0)
            return true;
    return false;
}

/* Queues. */

static const struct {
    bool stopped, whole;
    uint32_t verb;
    int64_t waiting, running;
    const char *tells[3];
} gates[] = {
    {false,
     true,
     YM_DO_STOP,
     12,
     3,
     {"12 waiting jobs stay", "3 running jobs go on", "nothing of queue premium"}},
    {false,
     true,
     YM_DO_STOP,
     1,
     1,
     {"1 waiting job stays where it is", "1 running job goes on", NULL}},
    {false, false, YM_DO_STOP, 9000, 3, {"at least 9000 waiting", "at least 3 running", NULL}},
    {false, false, YM_DO_STOP, 9000, 0, {"what runs goes on", NULL, NULL}},
    {true, true, YM_DO_STOP, 0, 0, {"stopped already", "nothing of queue", NULL}},
    {true,
     true,
     YM_DO_START,
     7,
     0,
     {"7 waiting jobs of queue premium may be leased", NULL, NULL}},
    {false, true, YM_DO_START, 0, 0, {"open already", NULL, NULL}},
};

Test (decide_policy, queues)
{
    struct policy_verdict v;

    for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
        struct policy_facts f = facts (1, 6);
        struct ym_queue_act m = {.tier = YM_PREMIUM, .verb = gates[i].verb};
        f.stopped = gates[i].stopped;
        f.whole = gates[i].whole;
        f.waiting = gates[i].waiting;
        f.running = gates[i].running;
        decide_queue_act (&m, &f, &v);
        cr_expect_eq (v.refusal, YM_REFUSAL_NONE);
        cr_expect_eq (v.stopped, gates[i].verb == YM_DO_STOP);
        cr_expect (v.version == 6 && v.expected == 6 && v.after == 7 && v.made == 0);
        for (size_t n = 0; n < 3 && gates[i].tells[n]; n++)
            cr_expect (tells (&v, gates[i].tells[n]), "row %zu: %s", i, gates[i].tells[n]);
    }
}

/* Agents. */

static const struct {
    int64_t id, version, deadline;
    uint32_t verb;
    bool draining;
    enum ym_refusal refusal;
    const char *fault, *tells;
} drains[] = {
    {5, 0, 0, YM_DO_DRAIN, false, YM_REFUSAL_NONE, NULL, "go on to their end"},
    {5, 3, LATER, YM_DO_DRAIN, false, YM_REFUSAL_NONE, NULL, "is suspended and waits"},
    {5, 3, LATER, YM_DO_DRAIN, true, YM_REFUSAL_NONE, NULL, "go on until 2026-"},
    {5, 3, 0, YM_DO_DRAIN, true, YM_REFUSAL_NONE, NULL, "drained so already"},
    {5, 3, 0, YM_DO_UNDRAIN, true, YM_REFUSAL_NONE, NULL, "given work again"},
    {5, 3, 0, YM_DO_UNDRAIN, false, YM_REFUSAL_NONE, NULL, "in service already"},
    {5, 3, NOW, YM_DO_DRAIN, false, YM_REFUSAL_INVALID, "range", NULL},
    {5, 3, PAST, YM_DO_DRAIN, false, YM_REFUSAL_INVALID, "range", NULL},
    {5, 3, LATER, YM_DO_UNDRAIN, true, YM_REFUSAL_INVALID, "unknown", NULL},
    {0, 0, 0, YM_DO_DRAIN, false, YM_REFUSAL_UNKNOWN_AGENT, NULL, NULL},
    {0, 0, PAST, YM_DO_DRAIN, false, YM_REFUSAL_INVALID, "range", NULL},
};

Test (decide_policy, agents)
{
    struct policy_verdict v;

    for (size_t i = 0; i < sizeof drains / sizeof drains[0]; i++) {
        struct policy_facts f = facts (drains[i].id, drains[i].version);
        struct ym_agent_act m = {.agent = "mover", .verb = drains[i].verb};
        f.draining = drains[i].draining;
        if (drains[i].deadline) {
            m.has |= YM_HAS (agent_act, deadline);
            m.deadline = drains[i].deadline;
        }
        decide_agent_act (&m, &f, &v);
        cr_expect_eq (v.refusal, drains[i].refusal, "row %zu", i);
        if (drains[i].fault)
            cr_expect (has_fault (&v, "/deadline", drains[i].fault), "row %zu", i);
        if (drains[i].refusal != YM_REFUSAL_NONE)
            continue;
        cr_expect (tells (&v, drains[i].tells), "row %zu: %s", i, drains[i].tells);
        cr_expect (v.draining == (drains[i].verb == YM_DO_DRAIN) &&
                   v.deadline_ms == drains[i].deadline && v.id == 5 &&
                   v.expected == drains[i].version && v.after == drains[i].version + 1);
    }
}

/* Tenants. */

Test (decide_policy, tenants_keep_what_is_not_said)
{
    struct policy_facts f = facts (9, 2);
    struct policy_verdict v;
    struct ym_tenant_set m = {
        .has = YM_HAS (tenant_set, weight), .tenant = "acme", .weight = 4};

    f.weight = 2;
    f.waiting_max = 10;
    f.running_max = 20;
    f.overflow = true;
    decide_tenant_set (&m, &f, &v);
    cr_assert_eq (v.refusal, YM_REFUSAL_NONE);
    cr_assert (v.weight == 4 && v.waiting_max == 10 && v.running_max == 20 && v.overflow);
    cr_assert (v.effect_count == 1 && tells (&v, "weight 4, was 2"));

    m = (struct ym_tenant_set){.has = YM_HAS (tenant_set, waiting_max) |
                                      YM_HAS (tenant_set, running_max) |
                                      YM_HAS (tenant_set, overflow),
                               .tenant = "acme",
                               .running_max = 5};
    f.running = 6;
    decide_tenant_set (&m, &f, &v);
    cr_assert (v.weight == 2 && v.waiting_max == 0 && v.running_max == 5 && !v.overflow);
    cr_assert (tells (&v, "waiting jobs: any number, was 10"));
    cr_assert (tells (&v, "running jobs: 5 at most, was 20"));
    cr_assert (tells (&v, "keep to the dedicated agents"));
    cr_assert (tells (&v, "6 jobs run now: they go on"));
}

static const struct {
    uint64_t has, weight, waiting_max;
    int64_t id, waiting;
    enum ym_refusal refusal;
    const char *path, *code, *tells;
} tenants[] = {
    {0, 0, 0, 9, 0, YM_REFUSAL_INVALID, "", "missing", NULL},
    {YM_HAS (tenant_set, reason), 0, 0, 9, 0, YM_REFUSAL_INVALID, "", "missing", NULL},
    {YM_HAS (tenant_set, weight), 0, 0, 9, 0, YM_REFUSAL_INVALID, "/weight", "range", NULL},
    {YM_HAS (tenant_set, weight), 2, 0, 0, 0, YM_REFUSAL_UNKNOWN_TENANT, NULL, NULL, NULL},
    {YM_HAS (tenant_set, weight), 1, 0, 9, 0, YM_REFUSAL_NONE, NULL, NULL, "nothing is other"},
    {YM_HAS (tenant_set, waiting_max), 0, 7, 9, 0, YM_REFUSAL_NONE, NULL, NULL,
     "7 at most, was any"},
    {YM_HAS (tenant_set, waiting_max), 0, 7, 9, 8, YM_REFUSAL_NONE, NULL, NULL,
     "8 jobs wait now: they stay"},
};

Test (decide_policy, tenants)
{
    struct policy_verdict v;

    for (size_t i = 0; i < sizeof tenants / sizeof tenants[0]; i++) {
        struct policy_facts f = facts (tenants[i].id, 2);
        struct ym_tenant_set m = {.has = tenants[i].has,
                                  .tenant = "acme",
                                  .weight = tenants[i].weight,
                                  .waiting_max = tenants[i].waiting_max};
        f.waiting = tenants[i].waiting;
        decide_tenant_set (&m, &f, &v);
        cr_expect_eq (v.refusal, tenants[i].refusal, "row %zu", i);
        if (tenants[i].code)
            cr_expect (has_fault (&v, tenants[i].path, tenants[i].code), "row %zu", i);
        if (tenants[i].tells)
            cr_expect (tells (&v, tenants[i].tells), "row %zu: %s", i, v.effects[0]);
    }
}

/* Windows. */

static const struct {
    int64_t begins, ends;
    uint32_t scope;
    const char *subject;
    int64_t id, windows;
    enum ym_refusal refusal;
    const char *path, *code;
} windows[] = {
    {LATER, LATER + 5, YM_SCOPE_YARD, "", 0, 0, YM_REFUSAL_NONE, NULL, NULL},
    {PAST, LATER, YM_SCOPE_REGION, "eu", 0, 999, YM_REFUSAL_NONE, NULL, NULL},
    {PAST, LATER, YM_SCOPE_AGENT, "mover", 5, 0, YM_REFUSAL_NONE, NULL, NULL},
    {PAST, LATER, YM_SCOPE_AGENT, "ghost", 0, 0, YM_REFUSAL_UNKNOWN_AGENT, NULL, NULL},
    {LATER, LATER, YM_SCOPE_YARD, "", 0, 0, YM_REFUSAL_INVALID, "/ends", "range"},
    {LATER + 1, LATER, YM_SCOPE_YARD, "", 0, 0, YM_REFUSAL_INVALID, "/ends", "range"},
    {PAST, NOW, YM_SCOPE_YARD, "", 0, 0, YM_REFUSAL_INVALID, "/ends", "range"},
    {PAST, LATER, YM_SCOPE_YARD, "eu", 0, 0, YM_REFUSAL_INVALID, "/subject", "unknown"},
    {PAST, LATER, YM_SCOPE_REGION, "", 0, 0, YM_REFUSAL_INVALID, "/subject", "missing"},
    {PAST, LATER, YM_SCOPE_POOL, "", 0, 0, YM_REFUSAL_INVALID, "/subject", "missing"},
    {PAST, LATER, YM_SCOPE_AGENT, "", 0, 0, YM_REFUSAL_INVALID, "/subject", "missing"},
    {PAST, LATER, YM_SCOPE_YARD, "", 0, 1000, YM_REFUSAL_INVALID, "", "range"},
};

Test (decide_policy, windows_to_add)
{
    struct policy_verdict v;

    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        struct policy_facts f = facts (windows[i].id, 0);
        struct ym_window_add m = {
            .begins = windows[i].begins, .ends = windows[i].ends, .scope = windows[i].scope};
        (void)ym_text_copy (m.subject, sizeof m.subject, windows[i].subject);
        f.windows = windows[i].windows;
        decide_window_add (&m, &f, &v);
        cr_expect_eq (v.refusal, windows[i].refusal, "row %zu", i);
        if (windows[i].code)
            cr_expect (has_fault (&v, windows[i].path, windows[i].code), "row %zu", i);
        if (windows[i].refusal != YM_REFUSAL_NONE)
            continue;
        cr_expect (v.expected == 40 && v.made == 41 && v.after == 1 && v.version == 40);
        cr_expect (tells (&v, "nothing starts on"), "row %zu", i);
    }
}

Test (decide_policy, windows_to_remove)
{
    static const struct {
        int64_t begins, ends;
        const char *tells;
    } rows[] = {{PAST - 5, PAST, "over already"},
                {PAST, LATER, "at once"},
                {LATER, LATER + 5, "whatever time they take"}};
    struct ym_window_remove m = {.window = 7};
    struct policy_facts f = facts (0, 0);
    struct policy_verdict v;

    decide_window_remove (&m, &f, &v);
    cr_assert_eq (v.refusal, YM_REFUSAL_UNKNOWN_WINDOW);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f = facts (7, 1);
        f.begins_ms = rows[i].begins;
        f.ends_ms = rows[i].ends;
        decide_window_remove (&m, &f, &v);
        cr_expect (v.refusal == YM_REFUSAL_NONE && tells (&v, rows[i].tells), "row %zu", i);
    }
}

/* Versions: the same for every verb that takes one. */
Test (decide_policy, versions)
{
    struct policy_facts f = facts (5, 3);
    struct policy_verdict v;
    struct ym_queue_act queue = {.has = YM_HAS (queue_act, version)};
    struct ym_agent_act agent = {.has = YM_HAS (agent_act, version)};
    struct ym_tenant_set tenant = {
        .has = YM_HAS (tenant_set, version) | YM_HAS (tenant_set, weight), .weight = 2};
    struct ym_window_remove window = {.has = YM_HAS (window_remove, version)};

    for (uint64_t version = 0; version < 6; version++) {
        enum ym_refusal expected = version == 3 ? YM_REFUSAL_NONE : YM_REFUSAL_STALE_VERSION;
        queue.version = agent.version = tenant.version = window.version = version;
        decide_queue_act (&queue, &f, &v);
        cr_expect_eq (v.refusal, expected);
        decide_agent_act (&agent, &f, &v);
        cr_expect_eq (v.refusal, expected);
        decide_tenant_set (&tenant, &f, &v);
        cr_expect_eq (v.refusal, expected);
        decide_window_remove (&window, &f, &v);
        cr_expect_eq (v.refusal, expected);
    }
}

/* What is to be made has none: the policy's own is compared. */
Test (decide_policy, the_version_of_a_window_to_add)
{
    struct policy_facts f = facts (0, 3);
    struct policy_verdict v;
    struct ym_window_add m = {
        .has = YM_HAS (window_add, version), .begins = PAST, .ends = LATER};

    for (m.version = 39; m.version < 42; m.version++) {
        decide_window_add (&m, &f, &v);
        cr_expect_eq (v.refusal, m.version == 40 ? YM_REFUSAL_NONE : YM_REFUSAL_STALE_VERSION);
    }
}

/* Effects fit their room with the longest names. */
Test (decide_policy, effects_of_the_longest_names)
{
    struct policy_facts f = facts (5, 3);
    struct policy_verdict v;
    struct ym_window_add m = {.begins = PAST, .ends = LATER, .scope = YM_SCOPE_REGION};

    memset (m.subject, 'x', sizeof m.subject - 1);
    decide_window_add (&m, &f, &v);
    cr_assert (tells (&v, m.subject));
    for (uint32_t i = 0; i < v.effect_count; i++)
        cr_assert_lt (strlen (v.effects[i]), POLICY_EFFECT_SIZE);
}

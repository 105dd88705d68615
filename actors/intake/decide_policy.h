/* decide_policy.h - what follows from an operator's verb about a queue, an agent, a tenant or a
 * maintenance window, and what to tell about it.
 *
 * The same verdict is the plan and the change. Pure. */
#ifndef YM_INTAKE_DECIDE_POLICY_H
#define YM_INTAKE_DECIDE_POLICY_H
#include <stdbool.h>
#include <stdint.h>

#include "common/base/refusal.h"
#include "common/wire/wire.h"

enum { POLICY_EFFECTS_MAX = 8, POLICY_EFFECT_SIZE = 201, POLICY_WINDOWS_MAX = 1000 };

/* What stands in the tables when the verb is looked at. */
struct policy_facts {
    int64_t now_ms;
    int64_t number;           /* of the whole policy */
    int64_t id, version;      /* of what the verb is about; id 0: there is none */
    int64_t waiting, running; /* jobs it concerns */
    bool whole;               /* these are all; else there may be more */

    bool stopped;                             /* queue */
    bool draining;                            /* agent */
    int64_t deadline_ms;                      /* agent */
    int32_t weight, waiting_max, running_max; /* tenant */
    bool overflow;                            /* tenant */
    int64_t windows, begins_ms, ends_ms;      /* windows ahead; of the one to remove */
};

/* What is to be stored, and what is answered. */
struct policy_verdict {
    enum ym_refusal refusal; /* NONE: the rest holds, except that the version may be stale */
    struct ym_faults faults; /* of INVALID */
    int64_t id;
    int64_t expected; /* the change is made only if this version is still there */
    int64_t version; /* of the thing before, of the policy for a thing to be made: for a plan */
    int64_t after;   /* and after the change */
    int64_t made;    /* number of what is made; 0: nothing is */

    bool stopped, draining;
    int64_t deadline_ms;
    int32_t weight, waiting_max, running_max;
    bool overflow;

    uint32_t effect_count;
    char effects[POLICY_EFFECTS_MAX][POLICY_EFFECT_SIZE];
};

/* Each takes its own message. */
void decide_queue_act (const void *m, const struct policy_facts *f, struct policy_verdict *ret);
void decide_agent_act (const void *m, const struct policy_facts *f, struct policy_verdict *ret);
void decide_tenant_set (const void *m, const struct policy_facts *f,
                        struct policy_verdict *ret);
void decide_window_add (const void *m, const struct policy_facts *f,
                        struct policy_verdict *ret);
void decide_window_remove (const void *m, const struct policy_facts *f,
                           struct policy_verdict *ret);
#endif

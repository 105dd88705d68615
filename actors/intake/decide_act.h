/* decide_act.h - what a change asked for from outside does to a job, or why it is refused; and
 * what stands in the way of a job that does not wait. Pure. */
#ifndef YM_INTAKE_DECIDE_ACT_H
#define YM_INTAKE_DECIDE_ACT_H
#include "actors/intake/decide.h"
#include "common/base/life.h"

/* A job as it is. What it is to wait for begins with on_. */
struct act_facts {
    bool found; /* there, and the asker may see it */
    int64_t job;
    uint64_t seq;
    int state;
    bool agent_holds;
    char agent[41];
    uint32_t tier, wanted, suspender, hold, urgency, ends_as, resources, unmet, awaiting,
        attempt, retries, losses;
    int64_t fence;                  /* of its latest attempt; 0 before the first */
    int64_t checkpoint, done, kept; /* kept: done as of the checkpoint */
    int64_t not_before_ms;
    bool on_found, on_leads_here, on_waited; /* on_waited: it waits for that one already */
    int on_state;
    uint32_t on_condition;
};

enum { EFFECTS_MAX = 6, EFFECT_MAX = 200, DETAIL_MAX = 400, WAITS_FOR_MAX = 32 };

/* What is to be stored. on is the event or note, 0 if nothing is to be changed. */
struct act {
    enum ym_refusal refusal;
    const char *missing, *fault; /* of INVALID: a static path and sentence */
    int on, state;
    uint32_t wanted, suspender, hold, urgency, tier, ends_as;
    bool forget; /* errors, losses, and the wait for the next try */
    bool waits_for;
    char detail[DETAIL_MAX + 1];
    uint32_t effects;
    char effect[EFFECTS_MAX][EFFECT_MAX + 1];
};
void decide_act (const struct act_facts *f, const struct ym_job_act *m, uint32_t role,
                 int64_t now_ms, struct act *ret);

/* Why a job does not start. */
struct why {
    size_t place;
    int64_t job;
    int32_t tenant;
    uint32_t tier;
    int state;
    uint64_t requirement;
    int64_t state_at;
    uint32_t suspender, wanted, ends_as, hold;
    int64_t hold_since;
    struct ym_str hold_reason;
    uint64_t unmet;
    struct ym_str waits_for, agent, chosen;
};
enum { STANDING_MAX = 4 };
/* Of a job that does not wait: at least one row. */
size_t decide_standing (const struct why *w, struct ym_blocker_row ret[STANDING_MAX]);
#endif

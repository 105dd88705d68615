/* store_act.h - one job's facts, changes and reasons. */
#ifndef YM_INTAKE_STORE_ACT_H
#define YM_INTAKE_STORE_ACT_H
#include "actors/intake/decide_act.h"
#include "actors/intake/store.h"

struct act_question {
    const struct ym_job_act *m;
    int32_t sees, asking; /* tenants */
};
unsigned store_call_facts (struct ym_turn *t, const struct act_question *q, size_t count);
/* The digest and the reply of the request if it was answered before; else reply is empty. */
struct act_answer {
    size_t place;
    uint8_t digest[32];
    struct ym_bytes reply;
    struct act_facts facts;
    bool waits; /* then its queue knows it so, all but the id */
    struct ym_ready ready;
};
void store_got_facts (const struct ym_turn *t, unsigned call, size_t row,
                      struct act_answer *ret);

struct act_write {
    const struct ym_job_act *m;
    const struct ym_key *key;
    uint64_t seq; /* that it was decided with */
    const uint8_t *digest;
    struct ym_bytes reply;
    const struct act *act;
};
unsigned store_call_act (struct ym_turn *t, const struct act_write *w);
/* A job whose place among the waiting changed. The first row is the job itself. */
struct acted {
    bool own, waits;
    uint32_t tier;
    struct ym_ready ready;
};
void store_got_acted (const struct ym_turn *t, unsigned call, size_t row, struct acted *ret);

unsigned store_call_why (struct ym_turn *t, const int64_t *jobs, const int32_t *tenants,
                         size_t count);
void store_got_why (const struct ym_turn *t, unsigned call, size_t row, struct why *ret);
#endif

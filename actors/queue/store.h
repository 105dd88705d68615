/* store.h - what a queue asks its tables: who waits, is it stopped, what are tenants' weights?
 */
#ifndef YM_QUEUE_STORE_H
#define YM_QUEUE_STORE_H
#include "actors/queue/waiting.h"
#include "common/actor/actor.h"

enum { STORE_PAGE = 20000, STORE_REASON_MAX = 200 };

/* Calls for one page of a tier's waiting jobs after a job; reads what came. */
unsigned store_call_load (struct ym_turn *t, unsigned tier, int64_t after);
struct waiting_job store_loaded (const struct ym_turn *t, unsigned call, size_t row);
size_t store_count (const struct ym_turn *t, unsigned call);

struct gate_row {
    unsigned tier;
    bool stopped;
    char reason[STORE_REASON_MAX + 1];
    int64_t at_ms;
};
unsigned store_call_gates (struct ym_turn *t);
struct gate_row store_gate (const struct ym_turn *t, unsigned call, size_t row);

struct weight_row {
    uint32_t tenant, weight;
};
/* Those that are not 1, and some that are. */
unsigned store_call_weights (struct ym_turn *t);
struct weight_row store_weight (const struct ym_turn *t, unsigned call, size_t row);
#endif

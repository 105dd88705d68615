/* decide.h - what intake accepts, beyond what the wire's own table checks. Pure. */
#ifndef YM_INTAKE_DECIDE_H
#define YM_INTAKE_DECIDE_H
#include <stdbool.h>
#include <stdint.h>

#include "common/base/refusal.h"
#include "common/wire/requirement.h"

/* Adds every fault of a job document that its fields' limits do not show: empty texts, a kind
 * or a pool that is no word, a list that leaves no room. Returns false if there is one. */
bool decide_submit (const struct ym_job_submit *m, struct ym_faults *ret_faults);
/* What an accepted document needs of an agent. */
void decide_requirement (const struct ym_job_submit *m, struct ym_requirement *ret);
/* The same for a key. */
bool decide_key (const struct ym_key_authorize *m, struct ym_faults *ret_faults);

/* The answer to a request that the ledger has seen. */
enum ym_refusal decide_repeat (const uint8_t asked[32], const uint8_t stored[32]);

/* The tenant whose jobs a key may see: its own, or 0 for any. */
int32_t decide_sees (uint32_t role, int32_t tenant);
#endif

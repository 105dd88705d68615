/* decide.h - what intake makes of what it accepted; what it accepts stands in schema/wire.
 * Pure. */
#ifndef YM_INTAKE_DECIDE_H
#define YM_INTAKE_DECIDE_H
#include <stdbool.h>
#include <stdint.h>

#include "common/base/refusal.h"
#include "common/wire/requirement.h"

/* What an accepted document needs of an agent. */
void decide_requirement (const struct ym_job_submit *m, struct ym_requirement *ret);
/* The answer to a request that the ledger has seen. */
enum ym_refusal decide_repeat (const uint8_t asked[32], const uint8_t stored[32]);

/* The tenant whose jobs a key may see: its own, or 0 for any. */
int32_t decide_sees (uint32_t role, int32_t tenant);
#endif

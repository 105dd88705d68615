/* decide.h - what intake makes of what it accepted; what it accepts stands in schema/wire.
 * Pure. */
#ifndef YM_INTAKE_DECIDE_H
#define YM_INTAKE_DECIDE_H
#include <stdbool.h>
#include <stdint.h>

#include "common/base/refusal.h"
#include "common/wire/requirement.h"

enum { YM_URGENCY_USUAL = 16 }; /* of a job that says nothing; more takes an operator */

/* Whether an operator or an admin asks. */
bool decide_operates (uint32_t role);
/* What its fields cannot say each by itself: rights, and what depends on each other. */
enum ym_refusal decide_submit (const struct ym_job_submit *m, uint32_t role, const char *tenant,
                               struct ym_faults *reterr_faults);
/* What an accepted document of a tenant needs of an agent. The pool "dedicated" is that of the
 * tenant. */
void decide_requirement (const struct ym_job_submit *m, const char *tenant,
                         struct ym_requirement *ret);
/* The answer to a request that the ledger has seen. */
enum ym_refusal decide_repeat (const uint8_t asked[32], const uint8_t stored[32]);

/* A bucket of tokens, in thousandths; refilled by time. */
struct bucket {
    int64_t at_ms;
    int64_t thousandths;
};
struct bucket decide_full (int64_t burst, int64_t now_ms);
/* Takes one token. 0, or the milliseconds until the next one. */
int64_t decide_token (struct bucket *b, int64_t rate, int64_t burst, int64_t now_ms);
bool decide_is_full (const struct bucket *b, int64_t rate, int64_t burst, int64_t now_ms);

/* The tenant whose jobs a key may see: its own, or 0 for any. */
int32_t decide_sees (uint32_t role, int32_t tenant);
#endif

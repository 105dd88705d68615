/* decide.c - the rules of intake, without input or output. */
#include "actors/intake/decide.h"

#include <string.h>

void decide_requirement (const struct ym_job_submit *m, struct ym_requirement *ret)
{
    bool has_pool = (m->has & YM_HAS (job_submit, pool)) != 0;

    *ret = (struct ym_requirement){.regions = m->regions, .capabilities = m->capabilities};
    (void)ym_text_copy (ret->pool, sizeof ret->pool, has_pool ? m->pool : "shared");
    if (!ym_words_has (&ret->capabilities, m->kind))
        (void)ym_words_add (&ret->capabilities, ym_str (m->kind));
}

enum ym_refusal decide_repeat (const uint8_t asked[32], const uint8_t stored[32])
{
    return memcmp (asked, stored, 32) == 0 ? YM_REFUSAL_NONE : YM_REFUSAL_KEY_REUSED;
}

int32_t decide_sees (uint32_t role, int32_t tenant)
{
    return role == YM_OPERATOR || role == YM_ADMIN ? 0 : tenant;
}

/* decide.c - the rules of intake, without input or output. */
#include "actors/intake/decide.h"

#include <string.h>

#define DEDICATED "dedicated"

bool decide_operates (uint32_t role)
{
    return role == YM_OPERATOR || role == YM_ADMIN;
}

/* False if it has no room for a name. */
static bool dedicated_pool (char *to, size_t room, const char *tenant)
{
    return ym_text_format (to, room, DEDICATED ":%s", tenant);
}

static enum ym_refusal check_pool (const char *pool, const char *tenant,
                                   struct ym_faults *faults)
{
    char own[YM_WORD_MAX + 1];

    if (strncmp (pool, DEDICATED, strlen (DEDICATED)) != 0 ||
        (pool[strlen (DEDICATED)] != '\0' && pool[strlen (DEDICATED)] != ':'))
        return YM_REFUSAL_NONE;
    if (dedicated_pool (own, sizeof own, tenant))
        return strcmp (pool, DEDICATED) == 0 || strcmp (pool, own) == 0
                   ? YM_REFUSAL_NONE
                   : YM_REFUSAL_POOL_NOT_YOURS;
    ym_faults_add (faults, "/pool", "length", "your tenant's name is too long for a pool");
    return YM_REFUSAL_INVALID;
}

static enum ym_refusal check_after (const struct ym_job_submit *m, struct ym_faults *faults)
{
    char path[32];

    for (uint32_t i = 0; i < m->after.count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (m->after.at[i].job == m->after.at[k].job) {
                (void)ym_text_format (path, sizeof path, "/after/%u/job", i);
                ym_faults_add (faults, path, "repeated", "stands there twice");
                return YM_REFUSAL_INVALID;
            }
    return YM_REFUSAL_NONE;
}

enum ym_refusal decide_submit (const struct ym_job_submit *m, uint32_t role, const char *tenant,
                               struct ym_faults *reterr_faults)
{
    enum ym_refusal why = check_after (m, reterr_faults);

    if (why == YM_REFUSAL_NONE && m->urgency > YM_URGENCY_USUAL && !decide_operates (role))
        why = YM_REFUSAL_URGENCY_NOT_ALLOWED;
    if (why == YM_REFUSAL_NONE && m->has & YM_HAS (job_submit, pool))
        why = check_pool (m->pool, tenant, reterr_faults);
    return why;
}

void decide_requirement (const struct ym_job_submit *m, const char *tenant,
                         struct ym_requirement *ret)
{
    bool has_pool = (m->has & YM_HAS (job_submit, pool)) != 0;

    *ret = (struct ym_requirement){.regions = m->regions, .capabilities = m->capabilities};
    if (has_pool && strcmp (m->pool, DEDICATED) == 0)
        (void)dedicated_pool (ret->pool, sizeof ret->pool, tenant);
    else
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
    return decide_operates (role) ? 0 : tenant;
}

enum { THOUSAND = 1000 };

struct bucket decide_full (int64_t burst, int64_t now_ms)
{
    return (struct bucket){now_ms, burst * THOUSAND};
}

int64_t decide_token (struct bucket *b, int64_t rate, int64_t burst, int64_t now_ms)
{
    int64_t passed_ms = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    int64_t room = burst * THOUSAND - b->thousandths;

    /* A token a second is one thousandth a millisecond. Whoever is away for long has no more
     * than a full bucket, and no product that overflows. */
    b->thousandths += passed_ms > room / rate ? room : passed_ms * rate;
    b->at_ms = now_ms;
    if (b->thousandths < THOUSAND)
        return (THOUSAND - b->thousandths + rate - 1) / rate;
    b->thousandths -= THOUSAND;
    return 0;
}

bool decide_is_full (const struct bucket *b, int64_t rate, int64_t burst, int64_t now_ms)
{
    return now_ms - b->at_ms > (burst * THOUSAND - b->thousandths) / rate;
}

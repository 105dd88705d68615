/* decide.c - the rules of assignment, without input or output. */
#include "actors/assignment/decide.h"

#include <string.h>

static unsigned bit (enum ym_blocker b)
{
    return 1u << b;
}

static bool has_all (const struct ym_words *have, const struct ym_words *wanted)
{
    for (uint32_t i = 0; i < wanted->count; i++)
        if (!ym_words_has (have, wanted->word[i]))
            return false;
    return true;
}

const char *decide_pool_tenant (const char *pool)
{
    static const char own[] = "dedicated:";

    return strncmp (pool, own, sizeof own - 1) == 0 ? pool + sizeof own - 1 : NULL;
}

static unsigned match_pool (const char *need, const char *agent)
{
    if (strcmp (need, agent) == 0)
        return 0;
    return bit (decide_pool_tenant (agent) ? YM_DEDICATED : YM_POOL);
}

unsigned decide_fits_never (const struct ym_requirement *need, const struct agent_facts *agent)
{
    unsigned set = match_pool (need->pool, agent->pool);

    if (!has_all (agent->capabilities, &need->capabilities))
        set |= bit (YM_CAPABILITY);
    if (need->regions.count > 0 && !ym_words_has (&need->regions, agent->region))
        set |= bit (YM_REGION);
    return set;
}

bool decide_fits_overflow (const struct ym_requirement *need, const struct agent_facts *agent)
{
    return decide_pool_tenant (need->pool) && strcmp (agent->pool, "shared") == 0 &&
           decide_fits_never (need, agent) == bit (YM_POOL);
}

unsigned decide_match (const struct ym_requirement *need, int64_t until_ms,
                       const struct agent_facts *agent)
{
    unsigned set = decide_fits_never (need, agent);

    if (!agent->connected || !agent->heard)
        set |= bit (YM_SILENT);
    if (agent->draining)
        set |= bit (YM_DRAINED);
    if (until_ms > agent->window_ms)
        set |= bit (YM_WINDOW);
    if (agent->used >= agent->slots)
        set |= bit (YM_SLOTS);
    else if (agent->used + agent->kept >= agent->slots)
        set |= bit (YM_KEPT);
    return set;
}

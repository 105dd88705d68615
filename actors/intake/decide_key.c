/* decide_key.c - what follows from shutting a key out, without input or output. */
#include "actors/intake/decide_key.h"

#include <inttypes.h>

#include "common/base/text.h"
#include "common/base/time.h"

static void tell_agent (const struct revocation *r, char ret[KEY_EFFECT_SIZE])
{
    (void)ym_text_format (ret, KEY_EFFECT_SIZE,
                          "it has no other key: %s%" PRId64 " running %s to %s",
                          r->whole ? "" : "at least ", r->running,
                          r->running == 1 ? "job goes back" : "jobs go back",
                          r->running == 1 ? "its queue" : "their queues");
}

static void tell_rest (const struct revocation *r, char ret[KEY_EFFECT_SIZE])
{
    if (r->others > 0)
        (void)ym_text_format (ret, KEY_EFFECT_SIZE, "it goes on with %" PRId64 " other %s",
                              r->others, r->others == 1 ? "key" : "keys");
    else if (r->key.role == YM_AGENT)
        tell_agent (r, ret);
    else
        (void)ym_text_copy (ret, KEY_EFFECT_SIZE, "its connections end at once");
}

uint32_t decide_revoke_effects (const struct revocation *r,
                                char ret[KEY_EFFECTS_MAX][KEY_EFFECT_SIZE])
{
    char when[YM_TIME_TEXT_MAX + 1];
    const char *role = ym_enum_word (YM_ENUM_ROLE, r->key.role);

    if (r->key.revoked_at != 0) {
        ym_time_print (when, r->key.revoked_at);
        (void)ym_text_format (ret[0], KEY_EFFECT_SIZE,
                              "nothing: %s %s of tenant %s is out since %s", role, r->key.name,
                              r->key.tenant, when);
        return 1;
    }
    (void)ym_text_format (ret[0], KEY_EFFECT_SIZE, "a key of %s %s of tenant %s is shut out",
                          role, r->key.name, r->key.tenant);
    tell_rest (r, ret[1]);
    return 2;
}

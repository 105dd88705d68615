/* test_decide_key.c - what follows from shutting a key out, in words. */
#include <criterion/criterion.h>
#include <string.h>

#include "actors/intake/decide_key.h"

static const struct {
    uint32_t role;
    int64_t revoked_at, others, running;
    bool whole;
    const char *first, *second;
} rows[] = {
    {YM_SUBMITTER, 0, 0, 0, true, "a key of submitter x of tenant acme is shut out",
     "its connections end at once"},
    {YM_ADMIN, 0, 2, 0, true, "a key of admin x of tenant acme is shut out",
     "it goes on with 2 other keys"},
    {YM_AGENT, 0, 1, 0, true, "a key of agent x of tenant acme is shut out",
     "it goes on with 1 other key"},
    {YM_AGENT, 0, 0, 0, true, "a key of agent x of tenant acme is shut out",
     "it has no other key: 0 running jobs go back to their queues"},
    {YM_AGENT, 0, 0, 1, true, "a key of agent x of tenant acme is shut out",
     "it has no other key: 1 running job goes back to its queue"},
    {YM_AGENT, 0, 0, 9, false, "a key of agent x of tenant acme is shut out",
     "it has no other key: at least 9 running jobs go back to their queues"},
    {YM_AGENT, 86400000, 0, 9, true,
     "nothing: agent x of tenant acme is out since 1970-01-02T00:00:00.000Z", NULL},
};

Test (decide_key, effects)
{
    char effects[KEY_EFFECTS_MAX][KEY_EFFECT_SIZE];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct revocation r = {.key = {.role = rows[i].role,
                                       .tenant = "acme",
                                       .name = "x",
                                       .revoked_at = rows[i].revoked_at},
                               .others = rows[i].others,
                               .running = rows[i].running,
                               .whole = rows[i].whole};
        cr_assert_eq (decide_revoke_effects (&r, effects), rows[i].second ? 2 : 1);
        cr_expect_str_eq (effects[0], rows[i].first, "row %zu: %s", i, effects[0]);
        if (rows[i].second)
            cr_expect_str_eq (effects[1], rows[i].second, "row %zu: %s", i, effects[1]);
    }
}

Test (decide_key, the_longest_names_fit)
{
    char effects[KEY_EFFECTS_MAX][KEY_EFFECT_SIZE];
    struct revocation r = {.key = {.role = YM_SUBMITTER, .revoked_at = 1}};

    memset (r.key.tenant, 't', sizeof r.key.tenant - 1);
    memset (r.key.name, 'n', sizeof r.key.name - 1);
    cr_assert_eq (decide_revoke_effects (&r, effects), 1);
    cr_assert_not_null (strstr (effects[0], "since 1970"));
}

/* keys.c - the key table, for admins. A change is in force at this door with the commit, and at
 * the agents' door with the hint that follows it. */
#include <string.h>

#include "actors/intake/intake.h"
#include "common/base/log.h"

enum { PAGE_MAX = 200, REASON_LOGGED = 100 };

static void answer_key (struct intake *in, struct ym_item *item, const struct ym_key_row *row)
{
    ym_send (in->yard, YM_ACTOR_ASSIGNMENT, YM_MSG_keys_changed, 0,
             &(struct ym_keys_changed){0});
    ym_answer (in->yard, item, YM_MSG_key_done, &(struct ym_key_done){.keys = {row, 1}});
}

/* Authorize. */

static void plan_authorize (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_authorize (t, items[i]->body);
    (void)ym_keys_read (t);
}

/* The table as it is after the last of these changes: the call that follows theirs. */
static void take_keys (struct ym_turn *t, struct ym_item **items, size_t count)
{
    ym_keys_take (t, items[count - 1]->call + 1);
}

static enum ym_refusal why_not_authorized (enum authorized outcome)
{
    return outcome == AUTHORIZED_OTHERWISE    ? YM_REFUSAL_KEY_EXISTS
           : outcome == AUTHORIZED_NAME_TAKEN ? YM_REFUSAL_NAME_TAKEN
                                              : YM_REFUSAL_NOT_REPLACED;
}

static void answer_authorize (struct intake *in, struct ym_turn *t, struct ym_item *item)
{
    const struct ym_key_authorize *m = item->body;
    struct ym_key_row row = {.role = m->role};

    enum authorized outcome = store_got_authorized (t, item->call, &row.since);

    if (outcome != AUTHORIZED_NOW) {
        ym_refuse (in->yard, item, why_not_authorized (outcome));
        return;
    }
    memcpy (row.public_key, m->public_key, sizeof row.public_key);
    memcpy (row.tenant, m->tenant, sizeof row.tenant);
    memcpy (row.name, m->name, sizeof row.name);
    ym_log (YM_LOG_INFO, "key_authorized", ym_log_text ("name", m->name),
            ym_log_text ("tenant", m->tenant),
            ym_log_text ("role", ym_enum_word (YM_ENUM_ROLE, m->role)),
            ym_log_text ("by", item->key.name));
    answer_key (in, item, &row);
}

static void done_authorize (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    take_keys (t, items, count);
    for (size_t i = 0; i < count; i++)
        answer_authorize (me, t, items[i]);
}

const struct ym_work authorize_work = {
    .name = "authorize", .most = 8, .plan = plan_authorize, .done = done_authorize};

/* Revoke. */

static void plan_revoke (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_revoke (t, items[i]->body);
    (void)ym_keys_read (t);
}

static enum ym_refusal why_not_revoked (enum revoked outcome)
{
    return outcome == REVOKED_LAST    ? YM_REFUSAL_LAST_ADMIN
           : outcome == REVOKED_STALE ? YM_REFUSAL_STALE_VERSION
                                      : YM_REFUSAL_UNKNOWN_KEY;
}

static void answer_plan (struct intake *in, struct ym_item *item, const struct revocation *r)
{
    char texts[KEY_EFFECTS_MAX][KEY_EFFECT_SIZE];
    struct ym_effect effects[KEY_EFFECTS_MAX];
    uint32_t count = decide_revoke_effects (r, texts);

    for (uint32_t i = 0; i < count; i++)
        effects[i].text = ym_str (texts[i]);
    ym_answer (
        in->yard, item, YM_MSG_planned,
        &(struct ym_planned){.version = (uint64_t)r->number, .effects = {effects, count}});
}

static void answer_revoke (struct intake *in, struct ym_turn *t, struct ym_item *item)
{
    const struct ym_key_revoke *m = item->body;
    char why[REASON_LOGGED + 1];
    struct revocation r;
    enum revoked outcome = store_got_revoked (t, item->call, &r);

    if (outcome != REVOKED_NOW) {
        ym_refuse (in->yard, item, why_not_revoked (outcome));
        return;
    }
    if (m->plan) {
        answer_plan (in, item, &r);
        return;
    }
    memcpy (r.key.public_key, m->public_key, sizeof r.key.public_key);
    (void)ym_text_copy_str (why, sizeof why, m->reason);
    ym_log (YM_LOG_INFO, "key_revoked", ym_log_text ("name", r.key.name),
            ym_log_text ("tenant", r.key.tenant), ym_log_text ("by", item->key.name),
            ym_log_text ("why", why));
    answer_key (in, item, &r.key);
}

static void done_revoke (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    take_keys (t, items, count);
    for (size_t i = 0; i < count; i++)
        answer_revoke (me, t, items[i]);
}

const struct ym_work revoke_work = {
    .name = "revoke", .most = 8, .plan = plan_revoke, .done = done_revoke};

/* List. */

static void plan_keys (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++)
        items[i]->call = store_call_keys (t, items[i]->body, PAGE_MAX);
}

static void answer_keys (struct intake *in, struct ym_turn *t, struct ym_item *item)
{
    struct ym_key_row *rows = ym_arena_take (t->arena, PAGE_MAX * sizeof *rows);
    struct ym_key_page page = {.keys = {rows, 0}};

    for (size_t i = 0; i < store_rows (t, item->call); i++)
        store_got_key (t, item->call, i, &rows[page.keys.count++]);
    if (page.keys.count == PAGE_MAX) {
        page.has = YM_HAS (key_page, next);
        memcpy (page.next, rows[PAGE_MAX - 1].public_key, sizeof page.next);
    }
    ym_answer (in->yard, item, YM_MSG_key_page, &page);
}

static void done_keys (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        answer_keys (me, t, items[i]);
}

const struct ym_work key_list_work = {
    .name = "key_list", .most = 8, .plan = plan_keys, .done = done_keys};

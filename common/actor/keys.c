/* keys.c - what every actor reads for itself: its claim on its scope, and its door's key table.
 */
#include "common/actor/yard.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/panic.h"

enum { KEYS_EVERY_MS = 1000 }; /* for key changes that nobody told us of */

static const struct ym_statement claim_scope = {
    "owner_claim", "SELECT epoch, tick FROM ym.owner_claim ($1::text)"};
static const struct ym_statement read_keys = {
    "keys_since", "SELECT number, key_id, public_key, tenant_id, tenant, role, name, identity "
                  "FROM ym.keys_since ($1::int8)"};

static void plan_claim (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct ym_yard *yard = me;

    (void)count;
    items[0]->call = ym_turn_call (t, &claim_scope);
    ym_param_text (t->batch, ym_str (yard->actor->scope));
}

static void done_claim (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct ym_yard *yard = me;
    const struct ym_rows *rows = ym_turn_rows (t, items[0]->call);

    (void)count;
    if (ym_rows_count (rows) != 1)
        ym_panic ("the database has no scope %s", yard->actor->scope);
    yard->epoch = ym_row_int8 (rows, 0, 0);
    yard->tick = ym_row_int8 (rows, 0, 1);
    ym_log (YM_LOG_INFO, "scope_claimed", ym_log_text ("scope", yard->actor->scope),
            ym_log_number ("epoch", yard->epoch));
    if (yard->actor->recover)
        yard->actor->recover (yard->me);
}

static const struct ym_work claim_work = {
    .name = "claim", .one_at_a_time = true, .plan = plan_claim, .done = done_claim};

unsigned ym_keys_read (struct ym_turn *t)
{
    unsigned call = ym_turn_call (t, &read_keys);

    ym_param_int8 (t->batch, t->yard->keys_number);
    return call;
}

static void plan_keys (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)count;
    items[0]->call = ym_keys_read (t);
}

static void copy_key (struct ym_key *k, const struct ym_rows *rows, size_t row)
{
    struct ym_bytes public_key = ym_row_bytea (rows, row, 2);

    ym_assert (public_key.size == sizeof k->public_key);
    *k = (struct ym_key){.key = ym_row_int8 (rows, row, 1),
                         .identity = ym_row_int8 (rows, row, 7),
                         .tenant = ym_row_int4 (rows, row, 3),
                         .role = (uint32_t)ym_row_int2 (rows, row, 5)};
    memcpy (k->public_key, public_key.at, sizeof k->public_key);
    (void)ym_text_copy_str (k->tenant_name, sizeof k->tenant_name, ym_row_text (rows, row, 4));
    (void)ym_text_copy_str (k->name, sizeof k->name, ym_row_text (rows, row, 6));
}

void ym_keys_take (struct ym_turn *t, unsigned call)
{
    struct ym_yard *yard = t->yard;
    const struct ym_rows *rows = ym_turn_rows (t, call);
    size_t rows_count = ym_rows_count (rows), keys_count = 0;

    if (rows_count == 0)
        return;
    struct ym_key *keys = ym_arena_take (t->arena, rows_count * sizeof *keys);
    for (size_t i = 0; i < rows_count; i++)
        if (!ym_row_is_null (rows, i, 1))
            copy_key (&keys[keys_count++], rows, i);
    yard->keys_number = ym_row_int8 (rows, 0, 0);
    ym_bus_set_keys (yard->bus, keys, keys_count);
    ym_log (YM_LOG_INFO, "keys_loaded", ym_log_number ("keys", (int64_t)keys_count),
            ym_log_number ("change", yard->keys_number));
    if (yard->actor->keys)
        yard->actor->keys (yard->me);
}

static void done_keys (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct ym_yard *yard = me;

    (void)count;
    yard->keys_asked = false;
    ym_keys_take (t, items[0]->call);
}

static const struct ym_work keys_work = {.name = "keys",
                                         .one_at_a_time = true,
                                         .forget_unknown = true,
                                         .plan = plan_keys,
                                         .done = done_keys};

const struct ym_work *const ym_own_works[] = {&claim_work, &keys_work, &ym_poison_work, NULL};

static bool has_door (const struct ym_yard *yard)
{
    return ym_handover_text (yard->handover, "door") != NULL;
}

void ym_keys_claim (struct ym_yard *yard)
{
    struct ym_lane_state *lane = &yard->lanes[YM_LANE_WRITE];

    yard->epoch = 0;
    yard->keys_asked = false;
    yard->keys_wanted = false;
    if (has_door (yard)) {
        ym_lane_add_first (lane, ym_item_new (&keys_work, NULL));
        yard->keys_asked = true;
    }
    if (yard->actor->scope)
        ym_lane_add_first (lane, ym_item_new (&claim_work, NULL));
    else if (yard->actor->recover)
        yard->actor->recover (yard->me);
}

void ym_keys_step (struct ym_yard *yard, int64_t mono_ms)
{
    struct ym_lane_state *lane = &yard->lanes[YM_LANE_WRITE];

    if (!has_door (yard) || !lane->up || lane->recovering || yard->keys_asked)
        return;
    if (!yard->keys_wanted && mono_ms < yard->keys_at_ms)
        return;
    yard->keys_at_ms = mono_ms + KEYS_EVERY_MS;
    yard->keys_wanted = false;
    yard->keys_asked = true;
    ym_lane_add (lane, ym_item_new (&keys_work, NULL));
}

void ym_yard_reload_keys (struct ym_yard *yard)
{
    yard->keys_wanted = true;
}

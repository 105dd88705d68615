/* keys.c - the keys of the door: a table that is replaced as a whole. */
#include <stdlib.h>

#include "common/bus/inside.h"

void ym_keys_clear (struct ym_keys *keys)
{
    HASH_CLEAR (by_public, keys->by_public);
    HASH_CLEAR (by_id, keys->by_id);
    HASH_CLEAR (by_identity, keys->by_identity);
    free (keys->rows);
    *keys = (struct ym_keys){0};
}

const struct ym_key *ym_keys_by_public (const struct ym_keys *keys, const uint8_t *public_key)
{
    const struct ym_known_key *row;
    HASH_FIND (by_public, keys->by_public, public_key, YM_BUS_KEY_SIZE, row);
    return row ? &row->key : NULL;
}

/* Of two rows with the same public key or id the first counts; the tables do not allow it. */
static void add_row (struct ym_keys *keys, struct ym_known_key *row)
{
    const struct ym_known_key *same;
    HASH_FIND (by_id, keys->by_id, &row->key.key, sizeof row->key.key, same);
    if (same || ym_keys_by_public (keys, row->key.public_key))
        return;
    HASH_ADD (by_public, keys->by_public, key.public_key, YM_BUS_KEY_SIZE, row);
    HASH_ADD (by_id, keys->by_id, key.key, sizeof row->key.key, row);
    HASH_FIND (by_identity, keys->by_identity, &row->key.identity, sizeof row->key.identity,
               same);
    if (!same)
        HASH_ADD (by_identity, keys->by_identity, key.identity, sizeof row->key.identity, row);
}

void ym_bus_set_keys (struct ym_bus *bus, const struct ym_key *keys, size_t count)
{
    struct ym_keys fresh = {.loaded = true,
                            .rows = ym_new_array (count + 1, sizeof *fresh.rows)};
    for (size_t i = 0; i < count; i++) {
        fresh.rows[i].key = keys[i];
        add_row (&fresh, &fresh.rows[i]);
    }
    ym_keys_clear (&bus->keys);
    bus->keys = fresh;
    ym_zap_release (bus);
}

const struct ym_key *ym_bus_find_key (const struct ym_bus *bus, int64_t key)
{
    const struct ym_known_key *row;
    HASH_FIND (by_id, bus->keys.by_id, &key, sizeof key, row);
    return row ? &row->key : NULL;
}

bool ym_bus_has_identity (const struct ym_bus *bus, int64_t identity)
{
    const struct ym_known_key *row;
    HASH_FIND (by_identity, bus->keys.by_identity, &identity, sizeof identity, row);
    return row != NULL;
}

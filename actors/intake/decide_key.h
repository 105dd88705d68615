/* decide_key.h - what follows from shutting a key out, in words. Pure. */
#ifndef YM_INTAKE_DECIDE_KEY_H
#define YM_INTAKE_DECIDE_KEY_H
#include <stdbool.h>
#include <stdint.h>

#include "common/wire/wire.h"

enum { KEY_EFFECTS_MAX = 2, KEY_EFFECT_SIZE = 201 };

/* A key, and what hangs on it. */
struct revocation {
    struct ym_key_row key; /* its public key is not filled in */
    int64_t number;        /* of the latest change of keys, before this one */
    int64_t others;        /* keys in force of the same identity, beside it */
    int64_t running;       /* attempts that its agent holds, if it has no other key */
    bool whole;            /* these are all; else there may be more */
};

/* How many sentences there are. */
uint32_t decide_revoke_effects (const struct revocation *r,
                                char ret[KEY_EFFECTS_MAX][KEY_EFFECT_SIZE]);
#endif

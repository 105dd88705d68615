/* keys.c - makes and wipes the keys of the bus. */
#include "supervisor/keys.h"

#include <sodium.h>
#include <string.h>

#include "common/base/panic.h"

static void make_pair (struct keys *keys, unsigned actor)
{
    uint8_t public[crypto_box_PUBLICKEYBYTES], secret[crypto_box_SECRETKEYBYTES];
    ym_assert (crypto_box_keypair (public, secret) == 0);
    z85_encode (keys->secret[actor], secret);
    z85_encode (keys->public[actor], public);
    explicit_bzero (secret, sizeof secret);
}

struct keys *keys_new (void)
{
    ym_assert (sodium_init () >= 0);
    struct keys *keys = sodium_malloc (sizeof *keys);
    if (!keys)
        ym_panic ("expected memory for the keys");
    memset (keys, 0, sizeof *keys);
    for (unsigned actor = 0; actor < YM_ACTORS; actor++)
        make_pair (keys, actor);
    return keys;
}

void keys_free (struct keys *keys)
{
    sodium_free (keys);
}

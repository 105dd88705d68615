/* requirements.c - the different requirements that jobs brought of late, and whose they are. */
#include "actors/intake/requirements.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/own.h"

struct known {
    uint64_t number;
    bool stored;
    UT_hash_handle hh;
};

struct share {
    int32_t tenant;
    size_t count;
    UT_hash_handle hh;
};

struct requirements {
    struct known *known;  /* by number */
    struct share *shares; /* by tenant */
};

struct requirements *requirements_new (void)
{
    return ym_new (sizeof (struct requirements));
}

void requirements_free (struct requirements *r)
{
    if (!r)
        return;
    requirements_forget (r);
    free (r);
}

static struct known *find (const struct requirements *r, uint64_t number)
{
    struct known *k;

    HASH_FIND (hh, r->known, &number, sizeof number, k);
    return k;
}

static struct share *share_of (struct requirements *r, int32_t tenant)
{
    struct share *s;

    HASH_FIND (hh, r->shares, &tenant, sizeof tenant, s);
    if (s)
        return s;
    s = ym_new (sizeof *s);
    s->tenant = tenant;
    HASH_ADD (hh, r->shares, tenant, sizeof s->tenant, s);
    return s;
}

bool requirements_count (struct requirements *r, uint64_t number, int32_t tenant)
{
    struct share *s;
    struct known *k;

    if (find (r, number))
        return true;
    if (HASH_COUNT (r->known) >= REQUIREMENTS_MAX)
        return false;
    s = share_of (r, tenant);
    if (s->count >= REQUIREMENTS_OF_ONE_TENANT)
        return false;
    s->count++;
    k = ym_new (sizeof *k);
    k->number = number;
    HASH_ADD (hh, r->known, number, sizeof k->number, k);
    return true;
}

bool requirements_has (const struct requirements *r, uint64_t number)
{
    const struct known *k = find (r, number);

    return k && k->stored;
}

void requirements_stored (struct requirements *r, uint64_t number)
{
    struct known *k = find (r, number);

    if (k)
        k->stored = true;
}

void requirements_forget (struct requirements *r)
{
    struct known *k, *next_known;
    struct share *s, *next_share;

    HASH_ITER (hh, r->known, k, next_known)
    {
        HASH_DEL (r->known, k);
        free (k);
    }
    HASH_ITER (hh, r->shares, s, next_share)
    {
        HASH_DEL (r->shares, s);
        free (s);
    }
}

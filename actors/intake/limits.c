/* limits.c - token buckets by key, and waiting jobs by tenant. */
#include "actors/intake/limits.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/own.h"

enum { LOG_MAX = 65536 };

struct asker {
    int64_t key;
    struct bucket bucket;
    UT_hash_handle hh;
};

struct room {
    int32_t tenant;
    uint64_t most; /* 0: any number */
    uint64_t waiting[YM_COUNT_tier];
    uint64_t since[YM_COUNT_tier]; /* accepted, and not counted by the queue yet */
    UT_hash_handle hh;
};

/* Accepted jobs of capped tenants, oldest first: a ring that grows. */
struct accepted {
    int64_t job;
    int32_t tenant;
};
struct ring {
    struct accepted *at;
    size_t room, first, count;
};

struct limits {
    int64_t rate, burst;
    struct asker *askers; /* by key */
    struct room *rooms;   /* by tenant */
    struct ring rings[YM_COUNT_tier];
};

struct limits *limits_new (int64_t submit_rate, int64_t submit_burst)
{
    struct limits *l = ym_new (sizeof *l);

    l->rate = submit_rate;
    l->burst = submit_burst;
    return l;
}

void limits_free (struct limits *l)
{
    struct asker *a, *next_asker;
    struct room *r, *next_room;

    if (!l)
        return;
    HASH_ITER (hh, l->askers, a, next_asker)
    {
        HASH_DEL (l->askers, a);
        free (a);
    }
    HASH_ITER (hh, l->rooms, r, next_room)
    {
        HASH_DEL (l->rooms, r);
        free (r);
    }
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        free (l->rings[tier].at);
    free (l);
}

/* Tokens. */

int64_t limits_token (struct limits *l, int64_t key, int64_t now_ms)
{
    struct asker *a;

    if (l->rate == 0)
        return 0;
    HASH_FIND (hh, l->askers, &key, sizeof key, a);
    if (!a) {
        a = ym_new (sizeof *a);
        a->key = key;
        a->bucket = decide_full (l->burst, now_ms);
        HASH_ADD (hh, l->askers, key, sizeof a->key, a);
    }
    return decide_token (&a->bucket, l->rate, l->burst, now_ms);
}

void limits_sweep (struct limits *l, int64_t now_ms)
{
    struct asker *a, *next;

    HASH_ITER (hh, l->askers, a, next)
    {
        if (!decide_is_full (&a->bucket, l->rate, l->burst, now_ms))
            continue;
        HASH_DEL (l->askers, a);
        free (a);
    }
}

size_t limits_keys (const struct limits *l)
{
    return HASH_COUNT (l->askers);
}

/* Waiting jobs. */

static struct room *find_room (const struct limits *l, int32_t tenant)
{
    struct room *r;

    HASH_FIND (hh, l->rooms, &tenant, sizeof tenant, r);
    return r;
}

static struct room *room_of (struct limits *l, int32_t tenant)
{
    struct room *r = find_room (l, tenant);

    if (r)
        return r;
    r = ym_new (sizeof *r);
    r->tenant = tenant;
    HASH_ADD (hh, l->rooms, tenant, sizeof r->tenant, r);
    return r;
}

void limits_caps_begin (struct limits *l)
{
    for (struct room *r = l->rooms; r; r = r->hh.next)
        r->most = 0;
}

void limits_cap (struct limits *l, int32_t tenant, uint64_t waiting_max)
{
    room_of (l, tenant)->most = waiting_max;
}

static void forget_first (struct limits *l, uint32_t tier)
{
    struct ring *q = &l->rings[tier];

    room_of (l, q->at[q->first].tenant)->since[tier]--;
    q->first = (q->first + 1) % q->room;
    q->count--;
}

void limits_counted (struct limits *l, uint32_t tier, bool fresh, int64_t through)
{
    struct ring *q = &l->rings[tier];

    while (q->count > 0 && q->at[q->first].job <= through)
        forget_first (l, tier);
    for (struct room *r = l->rooms; fresh && r; r = r->hh.next)
        r->waiting[tier] = 0;
}

void limits_waiting (struct limits *l, uint32_t tier, int32_t tenant, uint64_t waiting)
{
    room_of (l, tenant)->waiting[tier] = waiting;
}

bool limits_is_capped (const struct limits *l, int32_t tenant)
{
    const struct room *r = find_room (l, tenant);

    return r && r->most > 0;
}

bool limits_has_room (const struct limits *l, int32_t tenant, uint64_t planned)
{
    const struct room *r = find_room (l, tenant);
    uint64_t count = planned;

    if (!r || r->most == 0)
        return true;
    for (uint32_t tier = 0; tier < YM_COUNT_tier; tier++)
        count += r->waiting[tier] + r->since[tier];
    return count < r->most;
}

static void grow (struct ring *q)
{
    size_t room = q->room ? 2 * q->room : 64;
    struct accepted *at = ym_new_array (room, sizeof *at);

    for (size_t i = 0; i < q->count; i++)
        at[i] = q->at[(q->first + i) % q->room];
    free (q->at);
    *q = (struct ring){at, room, 0, q->count};
}

void limits_accepted (struct limits *l, uint32_t tier, int32_t tenant, int64_t job)
{
    struct ring *q = &l->rings[tier];
    struct room *r = find_room (l, tenant);

    if (!r || r->most == 0)
        return;
    if (q->count == LOG_MAX) /* its queue is away; the cap is kept by what is remembered */
        forget_first (l, tier);
    if (q->count == q->room)
        grow (q);
    q->at[(q->first + q->count++) % q->room] = (struct accepted){job, tenant};
    r->since[tier]++;
}

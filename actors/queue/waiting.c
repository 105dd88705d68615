/* waiting.c - hash of all jobs, a heap of those not on offer and a list of those on offer per
 * class.
 *
 * A job that is removed while it sits in a heap leaves its id there; the id is dropped when it
 * comes to the top. A heap with more dropped ids than live ones is rebuilt, so it stays in
 * proportion.
 */
#include "actors/queue/waiting.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "actors/queue/decide.h"
#include "common/base/own.h"
#include "common/base/panic.h"

struct class;

struct entry {
    int64_t job;
    struct class *class;
    struct entry *prev, *next; /* among the offered ones of its class */
    uint32_t tenant;
    bool offered;
    UT_hash_handle hh;
};

struct class {
    uint64_t requirement;
    int64_t *heap;
    size_t heap_count, heap_room;
    size_t idle; /* live jobs in the heap */
    struct entry *offered;
    size_t offered_count;
    int64_t newest_offered;
    UT_hash_handle hh;
};

struct waiting {
    struct entry *entries;
    struct class *classes;
    size_t offered;
};

struct waiting *waiting_new (void)
{
    return ym_new (sizeof (struct waiting));
}

static void free_class (struct waiting *w, struct class *c)
{
    HASH_DEL (w->classes, c);
    free (c->heap);
    free (c);
}

void waiting_free (struct waiting *w)
{
    struct entry *e, *next;
    struct class *c, *next_class;

    if (!w)
        return;
    HASH_ITER (hh, w->entries, e, next)
    {
        HASH_DEL (w->entries, e);
        free (e);
    }
    HASH_ITER (hh, w->classes, c, next_class)
    free_class (w, c);
    free (w);
}

static struct entry *find (const struct waiting *w, int64_t job)
{
    struct entry *e;

    HASH_FIND (hh, w->entries, &job, sizeof job, e);
    return e;
}

static struct class *class_of (struct waiting *w, uint64_t requirement)
{
    struct class *c;

    HASH_FIND (hh, w->classes, &requirement, sizeof requirement, c);
    if (c)
        return c;
    c = ym_new (sizeof *c);
    c->requirement = requirement;
    HASH_ADD (hh, w->classes, requirement, sizeof c->requirement, c);
    return c;
}

/* The heap: the smallest id on top. */

static void heap_up (int64_t *heap, size_t at)
{
    int64_t moving = heap[at];

    for (; at > 0 && heap[(at - 1) / 2] > moving; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = moving;
}

static void heap_down (int64_t *heap, size_t count, size_t at)
{
    int64_t moving = heap[at];

    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= moving)
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static void heap_push (struct class *c, int64_t job)
{
    if (c->heap_count == c->heap_room) {
        c->heap_room = c->heap_room ? c->heap_room * 2 : 16;
        c->heap = ym_grow_array (c->heap, c->heap_room, sizeof *c->heap);
    }
    c->heap[c->heap_count++] = job;
    heap_up (c->heap, c->heap_count - 1);
}

static void heap_pop (struct class *c)
{
    ym_assert (c->heap_count > 0);
    c->heap[0] = c->heap[--c->heap_count];
    if (c->heap_count > 0)
        heap_down (c->heap, c->heap_count, 0);
}

static bool is_idle_in (const struct waiting *w, const struct class *c, int64_t job)
{
    const struct entry *e = find (w, job);

    return e && !e->offered && e->class == c;
}

static int by_id (const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

/* Leaves each live id once: one that was removed and added again stands twice. What is sorted
 * is a heap. */
static void heap_rebuild (const struct waiting *w, struct class *c)
{
    size_t kept = 0;

    qsort (c->heap, c->heap_count, sizeof *c->heap, by_id);
    for (size_t i = 0; i < c->heap_count; i++)
        if ((kept == 0 || c->heap[kept - 1] != c->heap[i]) && is_idle_in (w, c, c->heap[i]))
            c->heap[kept++] = c->heap[i];
    ym_assert (kept == c->idle);
    c->heap_count = kept;
}

/* The oldest job of the class that is not on offer, 0 if none; drops ids of removed ones. An id
 * may stand twice (removed and added again): the second is dropped when the first was taken. */
static int64_t heap_top (const struct waiting *w, struct class *c)
{
    while (c->heap_count > 0 && !is_idle_in (w, c, c->heap[0]))
        heap_pop (c);
    return c->heap_count > 0 ? c->heap[0] : 0;
}

static void become_idle (struct waiting *w, struct entry *e)
{
    heap_push (e->class, e->job);
    e->class->idle++;
    if (e->class->heap_count > 64 && e->class->heap_count > 2 * e->class->idle)
        heap_rebuild (w, e->class);
}

static void leave_offer (struct waiting *w, struct entry *e)
{
    DL_DELETE (e->class->offered, e);
    e->class->offered_count--;
    w->offered--;
    e->offered = false;
}

bool waiting_add (struct waiting *w, const struct waiting_job *job)
{
    struct entry *e = find (w, job->job);

    if (e)
        return false;
    e = ym_new (sizeof *e);
    e->job = job->job;
    e->tenant = job->tenant;
    e->class = class_of (w, job->requirement);
    HASH_ADD (hh, w->entries, job, sizeof e->job, e);
    become_idle (w, e);
    return true;
}

bool waiting_remove (struct waiting *w, int64_t job)
{
    struct entry *e = find (w, job);

    if (!e)
        return false;
    struct class *c = e->class;
    if (e->offered)
        leave_offer (w, e);
    else
        c->idle--;
    HASH_DEL (w->entries, e);
    free (e);
    if (c->idle == 0 && c->offered_count == 0)
        free_class (w, c);
    return true;
}

bool waiting_has (const struct waiting *w, int64_t job)
{
    return find (w, job) != NULL;
}

static void put_on_offer (struct waiting *w, struct class *c, struct waiting_job *ret)
{
    struct entry *e = find (w, c->heap[0]);

    heap_pop (c);
    c->idle--;
    e->offered = true;
    DL_APPEND (c->offered, e);
    c->offered_count++;
    w->offered++;
    if (e->job > c->newest_offered)
        c->newest_offered = e->job;
    *ret = (struct waiting_job){e->job, e->tenant, c->requirement};
}

size_t waiting_offer (struct waiting *w, struct waiting_job *ret, size_t room)
{
    struct class *c, *next;
    size_t count = 0;

    HASH_ITER (hh, w->classes, c, next)
    while (count < room && decide_offer (&(struct class_facts){
                               c->offered_count, c->newest_offered, heap_top (w, c)}))
        put_on_offer (w, c, &ret[count++]);
    return count;
}

void waiting_withdraw (struct waiting *w)
{
    struct class *c, *next_class;
    struct entry *e, *next;

    HASH_ITER (hh, w->classes, c, next_class)
    {
        DL_FOREACH_SAFE (c->offered, e, next)
        {
            leave_offer (w, e);
            become_idle (w, e);
        }
        c->newest_offered = 0;
    }
}

size_t waiting_ahead (const struct waiting *w, int64_t job)
{
    const struct entry *e = find (w, job), *o;
    size_t ahead = 0;

    if (!e)
        return 0;
    DL_FOREACH (e->class->offered, o)
    ahead += o->job < job;
    if (e->class->heap_count > e->class->idle)
        heap_rebuild (w, e->class); /* so that each is counted once */
    for (size_t i = 0; i < e->class->heap_count; i++)
        ahead += e->class->heap[i] < job;
    return ahead;
}

struct waiting_counts waiting_counts (const struct waiting *w)
{
    struct waiting_counts n = {.waiting = HASH_COUNT (w->entries),
                               .offered = w->offered,
                               .classes = HASH_COUNT (w->classes)};
    struct class *c, *next;
    struct entry *e;

    HASH_ITER (hh, w->classes, c, next)
    {
        int64_t oldest = heap_top (w, c);
        DL_FOREACH (c->offered, e)
        oldest = oldest == 0 || e->job < oldest ? e->job : oldest;
        if (n.oldest == 0 || oldest < n.oldest)
            n.oldest = oldest;
    }
    return n;
}

/* agent_resource.c - what an attempt makes beside what it moves, and where it moved to; runs in
 * the thread of a handler.
 *
 * The list is what the yard has stored: it changes here when the yard has answered.
 */
#include <stdlib.h>
#include <string.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"

enum { ADDRESS_MAX = 1024 };

/* --- the list; under lock --- */

static bool is_there (const struct resource *r)
{
    return r->state != YM_REMOVED;
}

static struct resource *find (struct yard_task *t, const char *name)
{
    for (unsigned i = 0; t->resource && i < YARD_RESOURCES_MAX; i++)
        if (is_there (&t->resource[i]) && strcmp (t->resource[i].name, name) == 0)
            return &t->resource[i];
    return NULL;
}

static struct resource *free_place (struct yard_task *t)
{
    if (!t->resource) {
        t->resource = ym_new_array (YARD_RESOURCES_MAX, sizeof *t->resource);
        for (unsigned i = 0; i < YARD_RESOURCES_MAX; i++)
            t->resource[i].state = YM_REMOVED;
    }
    for (unsigned i = 0; i < YARD_RESOURCES_MAX; i++)
        if (!is_there (&t->resource[i]))
            return &t->resource[i];
    return NULL;
}

static void keep (struct yard_task *t, const struct ym_resource *m)
{
    struct resource *r = find (t, m->name);

    if (!r)
        r = free_place (t);
    if (!r)
        return;
    (void)ym_text_copy (r->name, sizeof r->name, m->name);
    memcpy (r->address, m->address.at ? m->address.at : "", m->address.size);
    r->address[m->address.size] = '\0';
    r->state = m->state;
}

unsigned resources_count (struct yard_task *t)
{
    return (unsigned)yard_task_resources (t, NULL, 0);
}

void resources_take (struct yard_task *t, const struct ym_attempt_start *m)
{
    pthread_mutex_lock (&t->agent->lock);
    for (unsigned i = 0; t->resource && i < YARD_RESOURCES_MAX; i++)
        t->resource[i].state = YM_REMOVED;
    for (uint32_t i = 0; i < m->resources.count; i++)
        keep (t, &m->resources.at[i]);
    pthread_mutex_unlock (&t->agent->lock);
}

size_t yard_task_resources (const yard_task *task, yard_resource *ret, size_t room)
{
    size_t count = 0;

    pthread_mutex_lock (&task->agent->lock);
    for (unsigned i = 0; task->resource && i < YARD_RESOURCES_MAX; i++) {
        const struct resource *r = &task->resource[i];
        if (!is_there (r))
            continue;
        if (count < room) {
            memcpy (ret[count].name, r->name, sizeof r->name);
            memcpy (ret[count].address, r->address, sizeof r->address);
            ret[count].is_provisioned = r->state == YM_PROVISIONED;
        }
        count++;
    }
    pthread_mutex_unlock (&task->agent->lock);
    return count;
}

/* --- changing it --- */

static bool is_name (const char *name)
{
    size_t size = name ? strnlen (name, YM_WORD_MAX + 1) : 0;

    return size > 0 && size <= YM_WORD_MAX &&
           strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

/* What is to be said of it; false: there is no room for one more. */
static bool word (struct yard_task *t, const char *name, const char *address, uint32_t state,
                  char kept[201], struct ym_resource *ret)
{
    const struct resource *known;
    bool fits;

    (void)ym_text_copy (ret->name, sizeof ret->name, name);
    ret->state = state;
    kept[0] = '\0';
    pthread_mutex_lock (&t->agent->lock);
    known = find (t, name);
    fits = known || free_place (t);
    if (known)
        memcpy (kept, known->address, sizeof known->address);
    pthread_mutex_unlock (&t->agent->lock);
    ret->address = ym_str (address ? address : kept);
    return fits;
}

static yard_rc tell (struct yard_task *t, const struct ym_resource *rows, uint32_t count)
{
    struct ym_attempt_resources m = {.session = t->agent->session,
                                     .job = t->job,
                                     .fence = t->fence,
                                     .resources = {rows, count}};
    yard_rc rc = task_talk (t, YM_MSG_attempt_resources, &m);

    if (rc != YARD_OK)
        return rc;
    pthread_mutex_lock (&t->agent->lock);
    for (uint32_t i = 0; i < count; i++)
        keep (t, &rows[i]);
    pthread_mutex_unlock (&t->agent->lock);
    return YARD_OK;
}

static yard_rc change (struct yard_task *t, const char *name, const char *address,
                       uint32_t state)
{
    struct ym_resource row;
    char kept[201];

    if (!is_name (name) || (address && strlen (address) > sizeof kept - 1) ||
        !word (t, name, address, state, kept, &row))
        return YARD_EINVALID;
    return tell (t, &row, 1);
}

yard_rc yard_task_provisioning (yard_task *task, const char *name, const char *address)
{
    return change (task, name, address, YM_REQUESTED);
}

yard_rc yard_task_provisioned (yard_task *task, const char *name, const char *address)
{
    return change (task, name, address, YM_PROVISIONED);
}

yard_rc yard_task_removed (yard_task *task, const char *name)
{
    return change (task, name, NULL, YM_REMOVED);
}

/* Everything that is left is gone. */
yard_rc resources_clear (struct yard_task *t)
{
    yard_resource left[YARD_RESOURCES_MAX];
    struct ym_resource rows[YARD_RESOURCES_MAX];
    uint32_t count = (uint32_t)yard_task_resources (t, left, YARD_RESOURCES_MAX);

    for (uint32_t i = 0; i < count; i++) {
        memcpy (rows[i].name, left[i].name, sizeof left[i].name);
        rows[i].state = YM_REMOVED;
        rows[i].address = ym_str (left[i].address);
    }
    return count > 0 ? tell (t, rows, count) : YARD_OK;
}

/* --- addresses --- */

static char *copy (const char *text)
{
    size_t size = strlen (text) + 1;
    char *copy = ym_new (size);

    memcpy (copy, text, size);
    return copy;
}

yard_rc yard_task_moved (yard_task *task, const char *source, const char *target)
{
    yard_rc rc = YARD_OK;

    if ((source && strlen (source) > ADDRESS_MAX) || (target && strlen (target) > ADDRESS_MAX))
        return YARD_EINVALID;
    if ((source && !ym_text_is_clean (source, strlen (source))) ||
        (target && !ym_text_is_clean (target, strlen (target))))
        return YARD_EINVALID;
    pthread_mutex_lock (&task->agent->lock);
    if (task->moved_told || task->moved_source || task->moved_target) {
        rc = YARD_ECONFLICT;
    }
    else {
        if (source)
            task->source = task->moved_source = copy (source);
        if (target)
            task->target = task->moved_target = copy (target);
    }
    pthread_mutex_unlock (&task->agent->lock);
    return rc;
}

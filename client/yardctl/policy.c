/* policy.c - yardctl queue stop and start, agent drain and undrain, tenant, window, problem. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/act.h"
#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

enum { ROWS = 100 };

/* --- queues and agents --- */

static yard_rc ask_queue (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                          yard_outcome **ret, yard_err_t **reterr)
{
    return yard_queue_act (c->yard, change->subject, c->command->verb, how, ret, reterr);
}

static yard_rc ask_agent (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                          yard_outcome **ret, yard_err_t **reterr)
{
    return yard_agent_act (c->yard, change->subject, c->command->verb, c->o.deadline_ms, how,
                           ret, reterr);
}

static int change_args (struct ctl *c, struct ctl_change like)
{
    _free_ struct ctl_change *changes = ctl_memory (c->arg_count * sizeof *changes);

    for (size_t i = 0; i < c->arg_count; i++) {
        changes[i] = like;
        changes[i].subject = c->args[i];
    }
    return ctl_change (c, changes, c->arg_count);
}

int ctl_queue_act (struct ctl *c)
{
    return change_args (c, (struct ctl_change){.kind = "tier", .ask = ask_queue});
}

int ctl_agent_act (struct ctl *c)
{
    return change_args (c, (struct ctl_change){.kind = "agent", .ask = ask_agent});
}

/* --- tenants --- */

int ctl_tenant_list (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    size_t limit = c->o.limit > 0 ? (size_t)c->o.limit : ROWS, left = limit;
    const char *after = c->o.after;
    yard_err_t *err = NULL;
    yard_tenant_page *page;

    while (left > 0) {
        if (yard_tenant_list (c->yard, after, &page, &err) != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        left = ctl_rows_add (&rows, &ctl_tenant_shape, page, page->rows, page->count,
                             page->next, limit);
        after = page->next;
    }
    ctl_show_rows (c, &ctl_tenant_shape, &rows);
    return CTL_DONE;
}

static yard_rc ask_tenant (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                           yard_outcome **ret, yard_err_t **reterr)
{
    return yard_tenant_set (c->yard, change->subject, change->with, how, ret, reterr);
}

static const uint64_t *number_of (const struct ctl_number *number, uint64_t *room)
{
    *room = (uint64_t)number->value;
    return number->given ? room : NULL;
}

int ctl_tenant_set (struct ctl *c)
{
    uint64_t weight, waiting, running;
    bool overflow = c->o.overflow && strcmp (c->o.overflow, "yes") == 0;
    yard_tenant_change with = {.size = sizeof with,
                               .weight = number_of (&c->o.weight, &weight),
                               .waiting_max = number_of (&c->o.waiting_max, &waiting),
                               .running_max = number_of (&c->o.running_max, &running),
                               .overflow = c->o.overflow ? &overflow : NULL};

    if (c->o.overflow && !overflow && strcmp (c->o.overflow, "no") != 0)
        return ctl_wrong (c, CTL_USAGE, "usage", "--overflow must be yes or no, not '%s'",
                          c->o.overflow);
    if (!with.weight && !with.waiting_max && !with.running_max && !with.overflow)
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "nothing to set: give --weight, --waiting-max, --running-max or "
                          "--overflow");
    return change_args (
        c, (struct ctl_change){.kind = "tenant", .ask = ask_tenant, .with = &with});
}

/* --- numbered things --- */

/* Pages by number say where to go on by number. */
static const char *next_text (uint64_t next, char room[24])
{
    (void)snprintf (room, 24, "%llu", (unsigned long long)next);
    return next ? room : NULL;
}

static int read_number (const struct ctl *c, const char *text, uint64_t *ret)
{
    char *rest;
    unsigned long long number;

    errno = 0;
    number = strtoull (text, &rest, 10);
    if (errno || rest == text || *rest || *text == '-' || number == 0)
        return ctl_wrong (c, CTL_USAGE, "usage", "'%s' is not a number from 1", text);
    *ret = number;
    return CTL_DONE;
}

int ctl_window_list (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    size_t limit = c->o.limit > 0 ? (size_t)c->o.limit : ROWS, left = limit;
    uint64_t after = 0;
    yard_err_t *err = NULL;
    yard_window_page *page;
    char next[24];
    int wrong = c->o.after ? read_number (c, c->o.after, &after) : CTL_DONE;

    while (left > 0 && !wrong) {
        if (yard_window_list (c->yard, after, &page, &err) != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        after = page->next;
        left = ctl_rows_add (&rows, &ctl_window_shape, page, page->rows, page->count,
                             next_text (after, next), limit);
    }
    if (!wrong)
        ctl_show_rows (c, &ctl_window_shape, &rows);
    return wrong;
}

static yard_rc ask_window (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                           yard_outcome **ret, yard_err_t **reterr)
{
    return yard_window_add (c->yard, change->with, how, ret, reterr);
}

/* "yard", or "region:eu", "pool:x", "agent:y". */
int ctl_window_add (struct ctl *c)
{
    const char *colon = strchr (c->args[0], ':');
    _free_ char *scope = colon ? ctl_format ("%.*s", (int)(colon - c->args[0]), c->args[0])
                               : ctl_copy (c->args[0]);
    yard_window_spec with = {.size = sizeof with,
                             .begins_ms = c->o.begins_ms,
                             .ends_ms = c->o.ends_ms,
                             .scope = scope,
                             .subject = colon ? colon + 1 : NULL};
    struct ctl_change change = {
        .kind = "where", .subject = c->args[0], .ask = ask_window, .with = &with};

    if (!with.begins_ms)
        with.begins_ms = ctl_now_ms ();
    if (!with.ends_ms || with.ends_ms <= with.begins_ms)
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "--to must be given, and be later than --from");
    if (strcmp (scope, "yard") == 0 ? colon != NULL : !colon || !colon[1])
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "'%s': must be yard, region:NAME, pool:NAME or agent:NAME",
                          c->args[0]);
    return ctl_change (c, &change, 1);
}

static yard_rc ask_removal (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                            yard_outcome **ret, yard_err_t **reterr)
{
    return yard_window_remove (c->yard, *(const uint64_t *)change->with, how, ret, reterr);
}

int ctl_window_remove (struct ctl *c)
{
    _free_ struct ctl_change *changes = ctl_memory (c->arg_count * sizeof *changes);
    _free_ uint64_t *numbers = ctl_memory (c->arg_count * sizeof *numbers);
    int wrong = CTL_DONE;

    for (size_t i = 0; i < c->arg_count && !wrong; i++) {
        wrong = read_number (c, c->args[i], &numbers[i]);
        changes[i] = (struct ctl_change){
            .kind = "window", .subject = c->args[i], .ask = ask_removal, .with = &numbers[i]};
    }
    return wrong ? wrong : ctl_change (c, changes, c->arg_count);
}

int ctl_problem_list (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    size_t limit = c->o.limit > 0 ? (size_t)c->o.limit : ROWS, left = limit;
    uint64_t before = 0;
    yard_err_t *err = NULL;
    yard_problem_page *page;
    char next[24];
    int wrong = c->o.before ? read_number (c, c->o.before, &before) : CTL_DONE;

    while (left > 0 && !wrong) {
        if (yard_problem_list (c->yard, before, c->o.closed, &page, &err) != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        before = page->next;
        left = ctl_rows_add (&rows, &ctl_problem_shape, page, page->rows, page->count,
                             next_text (before, next), limit);
    }
    if (!wrong)
        ctl_show_rows (c, &ctl_problem_shape, &rows);
    return wrong;
}

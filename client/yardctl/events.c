/* events.c - yardctl job events and yardctl watch: histories, and what happens to all jobs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/words.h"
#include "client/yardctl/wrong.h"

enum { PAGE_MOST = 200 };

/* --- the history of one job --- */

static int read_after (const struct ctl *c, uint64_t *ret)
{
    char *rest;

    if (!c->o.after)
        return CTL_DONE;
    errno = 0;
    *ret = strtoull (c->o.after, &rest, 10);
    if (errno || rest == c->o.after || *rest || *c->o.after == '-')
        return ctl_wrong (c, CTL_USAGE, "usage", "--after must be the number of an event");
    return CTL_DONE;
}

/* The whole history unless a limit is given. */
static int read_pages (struct ctl *c, const char *job, uint64_t after, char next[24],
                       struct ctl_rows *rows)
{
    size_t limit = c->o.limit > 0 ? (size_t)c->o.limit : SIZE_MAX;
    yard_event_page *page;
    yard_err_t *err = NULL;
    bool more = true;

    while (more && rows->count < limit) {
        size_t left = limit - rows->count;
        if (yard_job_events (c->yard, job, after, left < PAGE_MOST ? (unsigned)left : PAGE_MOST,
                             &page, &err) != YARD_OK)
            return ctl_wrong_err (c, job, err);
        more = page->more && page->count > 0;
        if (more)
            after = page->rows[page->count - 1]->seq;
        (void)snprintf (next, 24, "%llu", (unsigned long long)after);
        (void)ctl_rows_add (rows, &ctl_history_shape, page, page->rows, page->count,
                            more ? next : NULL, limit);
    }
    return CTL_DONE;
}

int ctl_job_events (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    char name[YARD_JOB_TEXT];
    char next[24];
    uint64_t after = 0;
    int wrong = read_after (c, &after);

    if (!wrong)
        wrong = ctl_job_name (c, c->args[0], name);
    if (!wrong)
        wrong = read_pages (c, name, after, next, &rows);
    if (wrong)
        return wrong;
    ctl_show_rows (c, &ctl_history_shape, &rows);
    return CTL_DONE;
}

/* --- what happens to all jobs --- */

static const char *word_of (yard_event_type type)
{
    switch (type) {
    case YARD_EVENT_SNAPSHOT:
        return "snapshot";
    case YARD_EVENT_CAUGHT_UP:
        return "caught_up";
    case YARD_EVENT_RESNAPSHOT:
        return "resnapshot";
    default:
        return "changed";
    }
}

static void show_json (const struct ctl *c, const yard_event *e)
{
    bool row = e->type == YARD_EVENT_SNAPSHOT || e->type == YARD_EVENT_ROW;
    json_t *object = row ? ctl_json_row (&ctl_feed_shape, e) : json_object ();
    struct ctl line = *c;

    line.form = CTL_JSONL; /* a stream has one object a line */
    (void)json_object_set_new (object, "event", json_string (word_of (e->type)));
    if (e->type == YARD_EVENT_RESNAPSHOT)
        (void)json_object_set_new (object, "why", json_string (e->why));
    ctl_json_print (&line, object);
}

static void show_line (const struct ctl *c, const yard_event *e)
{
    _free_ char *agent = ctl_clean (e->agent), *why = ctl_clean (e->why);
    _free_ char *detail = ctl_clean (e->detail), *tenant = ctl_clean (e->tenant);
    char at[CTL_CLOCK_TEXT];

    ctl_clock_text (at, e->at_ms);
    (void)printf ("%s  %s %4llu  %-8s %-12s %s%-10s%s  %-12s %s%s%s\n", at,
                  ctl_job_short (e->job), (unsigned long long)e->seq, e->tier, tenant,
                  ctl_color_begin (c, e->state), e->state, ctl_color_end (c, e->state),
                  *agent ? agent : "-", why, *detail ? ": " : "", detail);
}

static bool is_hidden (const struct ctl *c, const yard_event *e)
{
    return e->type == YARD_EVENT_ROW && !c->o.checkpoints && ctl_is_checkpoint (e->why);
}

static void show (const struct ctl *c, const yard_event *e)
{
    if (c->form == CTL_JSON || c->form == CTL_JSONL)
        show_json (c, e);
    else if (e->type == YARD_EVENT_RESNAPSHOT)
        ctl_hint (c, "-- %s: events may be missing here; how every job is follows", e->why);
    else if (e->type == YARD_EVENT_CAUGHT_UP || is_hidden (c, e))
        return;
    else if (c->form == CTL_NAME)
        (void)puts (e->job);
    else
        show_line (c, e);
    (void)fflush (stdout);
}

static int follow (struct ctl *c, int64_t until_ms)
{
    yard_err_t *err = NULL;
    yard_rc rc;

    while (until_ms < 0 || ctl_left_ms (until_ms) > 0) {
        _result_ yard_event *e = NULL;
        rc = yard_process (c->yard, ctl_left_ms (until_ms), &e, &err);
        if (rc == YARD_ETIMEOUT) {
            yard_err_free (err);
            continue;
        }
        if (rc != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        if (e->type == YARD_EVENT_LOST)
            return ctl_wrong (c, CTL_BUSY, e->detail, "the yard ended this feed: %s", e->why);
        show (c, e);
        if (ferror (stdout))
            return CTL_DONE; /* who read it has gone; main says so */
    }
    return CTL_DONE;
}

int ctl_watch (struct ctl *c)
{
    yard_feed_filter filter = {.size = sizeof filter,
                               .snapshot = c->o.snapshot,
                               .tier = c->o.tier,
                               .tenant = c->o.tenant};
    int64_t until_ms = c->o.timeout_ms > 0 ? ctl_ticks_ms () + c->o.timeout_ms : -1;
    yard_err_t *err = NULL;

    if (c->o.state && !(filter.state = ctl_state_word (c, c->o.state)))
        return CTL_USAGE;
    if (yard_feed_open (c->yard, &filter, &err) != YARD_OK)
        return ctl_wrong_err (c, NULL, err);
    return follow (c, until_ms);
}

/* job.c - yardctl job: list, get, watch, wait, explain, terminate. */
#include <stdio.h>
#include <string.h>

#include "client/yardctl/follow.h"
#include "client/yardctl/names.h"
#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/words.h"
#include "client/yardctl/wrong.h"

enum { ROWS = 100, PAGE_MOST = 200 };

int ctl_job_list (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    size_t limit = c->o.limit > 0 ? (size_t)c->o.limit : ROWS, left = limit;
    yard_job_filter filter = {.size = sizeof filter, .tier = c->o.tier};
    char before[YARD_JOB_TEXT];
    yard_err_t *err = NULL;
    yard_job_page *page;
    int wrong = c->o.before ? ctl_job_name (c, c->o.before, before) : CTL_DONE;

    if (wrong)
        return wrong;
    filter.before = c->o.before ? before : NULL;
    if (c->o.state && !(filter.state = ctl_state_word (c, c->o.state)))
        return CTL_USAGE;
    while (left > 0) {
        filter.limit = left < PAGE_MOST ? (unsigned)left : PAGE_MOST;
        if (yard_job_list (c->yard, &filter, &page, &err) != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        left = ctl_rows_add (&rows, &ctl_job_row_shape, page, page->rows, page->count,
                             page->next, limit);
        filter.before = page->next;
    }
    ctl_show_rows (c, &ctl_job_row_shape, &rows);
    return CTL_DONE;
}

int ctl_job_get (struct ctl *c)
{
    _result_ yard_job *job = NULL;
    char name[YARD_JOB_TEXT];
    yard_err_t *err = NULL;
    int wrong = ctl_job_name (c, c->args[0], name);

    if (wrong)
        return wrong;
    if (yard_job_get (c->yard, name, &job, &err) != YARD_OK)
        return ctl_wrong_err (c, name, err);
    ctl_show_row (c, &ctl_job_shape, job);
    return CTL_DONE;
}

int ctl_job_watch (struct ctl *c)
{
    _names_ struct ctl_names names = {0};
    int wrong = ctl_names_read (c, &names);

    if (wrong)
        return wrong;
    return ctl_follow (
        c, &(struct ctl_follow){.jobs = names.at, .count = names.count, .show = true});
}

int ctl_job_wait (struct ctl *c)
{
    _names_ struct ctl_names names = {0};
    const char *wanted = c->o.wanted ? ctl_state_word (c, c->o.wanted) : NULL;
    int wrong, status;

    if (c->o.wanted && !wanted)
        return CTL_USAGE;
    wrong = ctl_names_read (c, &names);
    if (wrong)
        return wrong;
    status = ctl_follow (
        c, &(struct ctl_follow){.jobs = names.at, .count = names.count, .wanted = wanted});
    if (status == CTL_DONE || status == CTL_BAD_END || status == CTL_NOT_MET)
        wrong = ctl_show_jobs (c, names.at, names.count);
    return wrong ? wrong : status;
}

static void show_blocker (const yard_blocker *b)
{
    _free_ char *subject = ctl_clean (b->subject), *wanted = ctl_clean (b->wanted);
    _free_ char *have = ctl_clean (b->have), *lifted_by = ctl_clean (b->lifted_by);
    char span[CTL_SPAN_TEXT];

    (void)printf ("  BLOCKED %s", b->code);
    if (*subject)
        (void)printf (" %s", subject);
    if (*wanted)
        (void)printf (": wanted %s", wanted);
    if (*have)
        (void)printf ("; %s", have);
    if (b->since_ms > 0) {
        ctl_span_text (span, ctl_now_ms () - b->since_ms);
        (void)printf (" (for %s)", span);
    }
    (void)putchar ('\n');
    if (*lifted_by)
        (void)printf ("          lifted by: %s\n", lifted_by);
}

static void show_explained (const struct ctl *c, const yard_explained *e)
{
    (void)printf ("%s is %s%s%s%s\n", e->job, ctl_color_begin (c, e->state), e->state,
                  ctl_color_end (c, e->state),
                  e->count == 0 ? "; nothing keeps it from starting in the next round." : ".");
    for (size_t i = 0; i < e->count; i++)
        show_blocker (e->blockers[i]);
}

int ctl_job_explain (struct ctl *c)
{
    _result_ yard_explained *e = NULL;
    char name[YARD_JOB_TEXT];
    yard_err_t *err = NULL;
    int wrong = ctl_job_name (c, c->args[0], name);

    if (wrong)
        return wrong;
    if (yard_job_explain (c->yard, name, &e, &err) != YARD_OK)
        return ctl_wrong_err (c, name, err);
    if (c->form == CTL_TABLE)
        show_explained (c, e);
    else if (c->form == CTL_NAME)
        for (size_t i = 0; i < e->count; i++)
            (void)puts (e->blockers[i]->code);
    else
        ctl_json_print (
            c, json_pack ("{s:s, s:s, s:o}", "job", e->job, "state", e->state, "blockers",
                          ctl_json_rows (&ctl_blocker_shape, (const void *const *)e->blockers,
                                         e->count)));
    return CTL_DONE;
}

static int terminate (struct ctl *c, const char *job)
{
    _result_ yard_ending *ending = NULL;
    yard_err_t *err = NULL;

    if (yard_job_terminate (c->yard, job, c->o.reason, c->o.request, &ending, &err) != YARD_OK)
        return ctl_wrong_err (c, job, err);
    if (c->form != CTL_TABLE)
        ctl_show_row (c, &ctl_ending_shape, ending);
    else
        (void)printf ("%s %s%s\n", ending->job, ending->state,
                      ending->final ? "" : ": its agent is told to end it");
    return CTL_DONE;
}

int ctl_job_terminate (struct ctl *c)
{
    _names_ struct ctl_names names = {0};
    int wrong = ctl_names_read (c, &names), status = CTL_DONE;

    if (wrong)
        return wrong;
    if (c->o.request && names.count > 1)
        return ctl_wrong (c, CTL_USAGE, "usage", "--key is for one job");
    wrong = names.count == 1 ? ctl_confirm (c, "End %s for good?", names.at[0])
                             : ctl_confirm (c, "End %zu jobs for good?", names.count);
    for (size_t i = 0; i < names.count && status != CTL_NO_YARD && !wrong; i++) {
        int one = terminate (c, names.at[i]);
        status = status ? status : one;
    }
    return wrong ? wrong : status;
}

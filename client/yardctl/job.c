/* job.c - yardctl job: list, get, watch, wait. */
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
    bool feed = c->o.every || c->o.tier || c->o.state || c->o.tenant || c->o.snapshot;
    _names_ struct ctl_names names = {0};
    int wrong;

    if (feed && c->arg_count > 0)
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "name jobs, or watch all that fit a filter, not both");
    if (feed)
        return ctl_watch (c);
    if (c->arg_count == 0)
        return ctl_wrong (c, CTL_USAGE, "usage", "JOB... is missing, or --all");
    wrong = ctl_names_read (c, &names);

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

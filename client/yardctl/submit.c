/* submit.c - yardctl job submit, and the last words about jobs that were waited for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/follow.h"
#include "client/yardctl/names.h"
#include "client/yardctl/show.h"
#include "client/yardctl/spec.h"
#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

/* Says one that failed. Which of many it was follows from its file and line. */
static int say_refused (const struct ctl *c, const struct ctl_specs *specs, size_t which,
                        yard_err_t *take_err)
{
    const struct ctl_spec *spec = &specs->at[which];
    _free_ char *about = NULL;

    if (specs->count > 1)
        about = ctl_format ("%s:%zu", c->o.file, spec->line);
    return ctl_wrong_open (c, about, spec->request == spec->made ? spec->made : NULL, take_err);
}

/* Jobs that were accepted are in 'ret' afterwards; the status of the first that was not. */
static int submit (struct ctl *c, const struct ctl_specs *specs, struct ctl_names *ret)
{
    _free_ const yard_job_spec **jobs = ctl_memory (specs->count * sizeof *jobs);
    _free_ const char **requests = ctl_memory (specs->count * sizeof *requests);
    _free_ yard_submitted *done = ctl_memory (specs->count * sizeof *done);
    int status = CTL_DONE, one;

    for (size_t i = 0; i < specs->count; i++) {
        jobs[i] = &specs->at[i].job;
        requests[i] = specs->at[i].request;
    }
    (void)yard_job_submit_many (c->yard, jobs, requests, specs->count, done);
    for (size_t i = 0; i < specs->count; i++) {
        if (done[i].rc == YARD_OK) {
            ctl_names_add (ret, done[i].job);
            continue;
        }
        one = say_refused (c, specs, i, done[i].err);
        status = status ? status : one;
    }
    return status;
}

static void show_names (const struct ctl *c, const struct ctl_names *names, bool many)
{
    json_t *list = json_array ();

    if (c->form == CTL_TABLE || c->form == CTL_NAME)
        for (size_t i = 0; i < names->count; i++)
            (void)puts (names->at[i]);
    for (size_t i = 0; i < names->count; i++)
        (void)json_array_append_new (list, json_pack ("{s:s}", "job", names->at[i]));
    if (c->form == CTL_JSON && many)
        ctl_json_print (c, json_pack ("{s:O, s:n}", "items", list, "next"));
    else if (c->form == CTL_JSON || c->form == CTL_JSONL)
        for (size_t i = 0; i < names->count; i++)
            ctl_json_print (c, json_incref (json_array_get (list, i)));
    json_decref (list);
}

static void show_end (const struct ctl *c, const yard_job *job)
{
    _free_ char *why = ctl_clean (job->why), *result = ctl_clean (job->result);

    if (c->form == CTL_TABLE)
        (void)printf ("%s %s%s%s  %s%s%s\n", job->job, ctl_color_begin (c, job->state),
                      job->state, ctl_color_end (c, job->state), why, *result ? ": " : "",
                      result);
    else
        ctl_show_row (c, &ctl_job_shape, job);
}

int ctl_show_jobs (struct ctl *c, const char *const *names, size_t count)
{
    _rows_ struct ctl_rows rows = {0};
    yard_err_t *err = NULL;
    yard_job *job;

    for (size_t i = 0; i < count; i++) {
        if (yard_job_get (c->yard, names[i], &job, &err) != YARD_OK)
            return ctl_wrong_err (c, names[i], err);
        (void)ctl_rows_add (&rows, &ctl_job_shape, job, &(const void *){job}, 1, NULL, count);
    }
    if (c->form == CTL_JSON && count > 1)
        ctl_show_rows (c, &ctl_job_shape, &rows);
    else
        for (size_t i = 0; i < count; i++)
            show_end (c, rows.rows[i]);
    return CTL_DONE;
}

static int wait_for_end (struct ctl *c, const struct ctl_names *names)
{
    int status = ctl_follow (c, &(struct ctl_follow){.jobs = names->at, .count = names->count});
    int wrong = CTL_DONE;

    if ((status == CTL_DONE || status == CTL_BAD_END) && c->form != CTL_NAME)
        wrong = ctl_show_jobs (c, names->at, names->count);
    return wrong ? wrong : status;
}

int ctl_job_submit (struct ctl *c)
{
    _specs_ struct ctl_specs specs = {0};
    _names_ struct ctl_names names = {0};
    bool wait = c->o.wait && strcmp (c->o.wait, "end") == 0;
    int wrong, status, end;

    if (c->o.wait && !wait && strcmp (c->o.wait, "none") != 0)
        return ctl_wrong (c, CTL_USAGE, "usage", "--wait must be none or end, not '%s'",
                          c->o.wait);
    wrong = ctl_specs_read (c, &specs);
    if (!wrong)
        wrong = ctl_specs_after (c, &specs);
    if (wrong)
        return wrong;
    if (wait && specs.count > YARD_WATCHES)
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "--wait=end is for at most %d jobs, and there are %zu", YARD_WATCHES,
                          specs.count);
    status = submit (c, &specs, &names);
    if (!wait || c->form == CTL_TABLE || c->form == CTL_NAME)
        show_names (c, &names, specs.count > 1);
    (void)fflush (stdout); /* the names are known before the wait begins */
    if (!wait || names.count == 0)
        return status;
    end = wait_for_end (c, &names);
    return status ? status : end;
}

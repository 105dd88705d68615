/* names.c - jobs as people name them: whole, or by the end of the name if that is enough.
 *
 * The end of a name is what differs between the jobs of one day; it is looked for among the
 * latest jobs only, so that a short name costs a few pages and not the whole history.
 */
#include "client/yardctl/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

enum { WHOLE = 13, SHORTEST = 4, PAGES = 5 };

size_t ctl_names_match (const yard_job_row *const *rows, size_t count, const char *end,
                        const yard_job_row **ret)
{
    size_t found = 0, size = strlen (end), whole;

    for (size_t i = 0; i < count; i++) {
        whole = strlen (rows[i]->job);
        if (whole < size || strcasecmp (rows[i]->job + whole - size, end) != 0)
            continue;
        if (found++ == 0)
            *ret = rows[i];
    }
    return found;
}

static int several (const struct ctl *c, const char *text, const char *one, const char *other)
{
    return ctl_wrong (c, CTL_USAGE, "ambiguous", "more than one job ends in '%s': %s, %s", text,
                      one, other);
}

/* A second match may stand on the same page or on a later one. */
static int take_page (const struct ctl *c, const yard_job_page *page, const char *end,
                      char found[YARD_JOB_TEXT])
{
    const yard_job_row *first = NULL, *second = NULL;
    size_t count = ctl_names_match (page->rows, page->count, end, &first);

    if (count == 0)
        return CTL_DONE;
    if (*found)
        return several (c, end, found, first->job);
    if (count > 1) {
        size_t from = 0;
        while (page->rows[from] != first)
            from++;
        (void)ctl_names_match (page->rows + from + 1, page->count - from - 1, end, &second);
        return several (c, end, first->job, second->job);
    }
    (void)snprintf (found, YARD_JOB_TEXT, "%s", first->job);
    return CTL_DONE;
}

static int search (struct ctl *c, const char *end, char ret[YARD_JOB_TEXT])
{
    yard_job_filter filter = {.size = sizeof filter};
    char before[YARD_JOB_TEXT], found[YARD_JOB_TEXT] = "";
    yard_err_t *err = NULL;
    int wrong = CTL_DONE;
    bool more = true;

    for (unsigned i = 0; more && i < PAGES && !wrong; i++) {
        _result_ yard_job_page *page = NULL;
        if (yard_job_list (c->yard, &filter, &page, &err) != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        wrong = take_page (c, page, end, found);
        more = page->next != NULL;
        if (more)
            (void)snprintf (before, sizeof before, "%s", page->next);
        filter.before = before;
    }
    if (!wrong && !*found)
        wrong = ctl_wrong (c, CTL_NO_SUCH, "unknown_job",
                           "none of the latest jobs ends in '%s'", end);
    if (!wrong)
        (void)snprintf (ret, YARD_JOB_TEXT, "%s", found);
    return wrong;
}

int ctl_job_name (struct ctl *c, const char *text, char ret[YARD_JOB_TEXT])
{
    const char *end = strncasecmp (text, "job_", 4) == 0 ? text + 4 : text;
    size_t size = strlen (end);

    if (size > WHOLE || size < SHORTEST)
        return ctl_wrong (c, CTL_USAGE, "usage",
                          "'%s' is not the name of a job: job_ and 13 characters, or the last "
                          "%d or more of them",
                          text, SHORTEST);
    if (size < WHOLE)
        return search (c, end, ret);
    (void)snprintf (ret, YARD_JOB_TEXT, "job_%s", end);
    for (char *at = ret + 4; *at; at++)
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    return CTL_DONE;
}

void ctl_names_add (struct ctl_names *names, const char *job)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp (names->texts[i], job) == 0)
            return;
    names->texts = ctl_more_memory (names->texts, names->count + 1, sizeof *names->texts);
    names->at = ctl_more_memory (names->at, names->count + 1, sizeof *names->at);
    (void)snprintf (names->texts[names->count++], sizeof *names->texts, "%s", job);
    for (size_t i = 0; i < names->count; i++)
        names->at[i] = names->texts[i];
}

int ctl_names_read (struct ctl *c, struct ctl_names *ret)
{
    char job[YARD_JOB_TEXT];
    int wrong = CTL_DONE;

    for (size_t i = 0; i < c->arg_count && !wrong; i++) {
        wrong = ctl_job_name (c, c->args[i], job);
        if (!wrong)
            ctl_names_add (ret, job);
    }
    return wrong;
}

void ctl_names_done (struct ctl_names *names)
{
    free (names->texts);
    free (names->at);
}

/* explain.c - yardctl job explain and why-not: what keeps a job from starting. */
#include <stdio.h>
#include <string.h>

#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

enum { LABEL = 10 };

static void show_line (const char *label, const char *text)
{
    _free_ char *clean = ctl_clean (text);

    if (*clean)
        (void)printf ("          %-*s %s\n", LABEL, label, clean);
}

static void show_blocker (const yard_blocker *b)
{
    _free_ char *subject = ctl_clean (b->subject), *since = NULL;
    char span[CTL_SPAN_TEXT], at[CTL_TIME_TEXT];

    (void)printf ("  BLOCKED %s%s%s\n", b->code, *subject ? " " : "", subject);
    show_line ("wanted", b->wanted);
    show_line ("have", b->have);
    if (b->since_ms > 0) {
        ctl_span_text (span, ctl_now_ms () - b->since_ms);
        ctl_time_text (at, b->since_ms);
        since = ctl_format ("%s, for %s", at, span);
        show_line ("since", since);
    }
    show_line ("lifted by", b->lifted_by);
}

/* "a1: its turn; not a2: slots_taken" is a line for each. */
static void show_chosen (const char *chosen)
{
    _free_ char *clean = ctl_clean (chosen);
    const char *label = "chosen";
    char *rest = clean, *part;

    while ((part = strsep (&rest, ";"))) {
        part += strspn (part, " ");
        if (*part)
            (void)printf ("  %-7s %s\n", label, part);
        label = "";
    }
}

static void show_explained (const struct ctl *c, const yard_explained *e)
{
    const char *agent = c->o.agent;
    _free_ char *where = agent ? ctl_format (" on %s", agent) : ctl_copy ("");

    (void)printf ("%s is %s%s%s", e->job, ctl_color_begin (c, e->state), e->state,
                  ctl_color_end (c, e->state));
    if (strcmp (e->state, "QUEUED") != 0)
        (void)puts (": it does not wait for an agent.");
    else if (e->count == 0)
        (void)printf ("; nothing keeps it from starting%s in the next round.\n", where);
    else
        (void)printf ("; %zu thing%s keep%s it from starting%s:\n", e->count,
                      e->count == 1 ? "" : "s", e->count == 1 ? "s" : "", where);
    for (size_t i = 0; i < e->count; i++)
        show_blocker (e->blockers[i]);
    show_chosen (e->chosen);
}

static void show (const struct ctl *c, const yard_explained *e)
{
    if (c->form == CTL_TABLE)
        show_explained (c, e);
    else if (c->form == CTL_NAME)
        for (size_t i = 0; i < e->count; i++)
            (void)puts (e->blockers[i]->code);
    else
        ctl_json_print (
            c, json_pack ("{s:s, s:s, s:o, s:s}", "job", e->job, "state", e->state, "blockers",
                          ctl_json_rows (&ctl_blocker_shape, (const void *const *)e->blockers,
                                         e->count),
                          "chosen", e->chosen));
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
    show (c, e);
    return CTL_DONE;
}

int ctl_job_why_not (struct ctl *c)
{
    _result_ yard_explained *e = NULL;
    char name[YARD_JOB_TEXT];
    yard_err_t *err = NULL;
    int wrong;

    if (!c->o.agent)
        return ctl_wrong (c, CTL_USAGE, "usage", "--agent must be given");
    wrong = ctl_job_name (c, c->args[0], name);
    if (wrong)
        return wrong;
    if (yard_job_why_not (c->yard, name, c->o.agent, &e, &err) != YARD_OK)
        return ctl_wrong_err (c, name, err);
    show (c, e);
    return CTL_DONE;
}

/* follow.c - follows jobs until each has come to what is waited for.
 *
 * One loop serves watch, wait and submit --wait. The library sees to it that no event is
 * missing or told twice, also over lost connections.
 */
#include "client/yardctl/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/words.h"
#include "client/yardctl/wrong.h"

struct following {
    struct ctl *c;
    const struct ctl_follow *what;
    bool *ended;  /* per job */
    size_t open;  /* not ended */
    int worst;    /* so far */
    bool moving;  /* a line may be painted over */
    bool painted; /* and is there */
};

static size_t place_of (const struct following *f, const char *job)
{
    size_t i = 0;

    while (i < f->what->count && strcmp (f->what->jobs[i], job) != 0)
        i++;
    return i;
}

static void note_end (struct following *f, const char *job, int status)
{
    size_t place = place_of (f, job);

    if (place == f->what->count || f->ended[place])
        return;
    f->ended[place] = true;
    f->open--;
    if (status > f->worst)
        f->worst = status;
}

/* What the job's coming into 'state' means for what is waited for. */
static void note_state (struct following *f, const char *job, const char *state, bool final)
{
    if (f->what->wanted && strcmp (state, f->what->wanted) == 0)
        note_end (f, job, CTL_DONE);
    else if (final)
        note_end (f, job,
                  f->what->wanted           ? CTL_NOT_MET
                  : ctl_is_good_end (state) ? CTL_DONE
                                            : CTL_BAD_END);
}

static void clear_line (struct following *f)
{
    if (f->painted)
        (void)fputs ("\r\033[K", stdout);
    f->painted = false;
}

static void show_change (struct following *f, const yard_event *e)
{
    _free_ char *agent = ctl_clean (e->agent), *why = ctl_clean (e->why);
    _free_ char *detail = ctl_clean (e->detail);
    char at[CTL_CLOCK_TEXT];

    ctl_clock_text (at, e->at_ms);
    clear_line (f);
    (void)printf ("%s  ", at);
    if (f->what->count > 1)
        (void)printf ("%s  ", ctl_job_short (e->job));
    (void)printf ("%3llu  %s%-10s%s  %-12s %s%s%s\n", (unsigned long long)e->seq,
                  ctl_color_begin (f->c, e->state), e->state, ctl_color_end (f->c, e->state),
                  *agent ? agent : "-", why, *detail ? ": " : "", detail);
}

static void paint_progress (struct following *f, const yard_event *e)
{
    char bar[CTL_BAR_TEXT];

    if (!f->moving)
        return;
    ctl_bar_text (bar, e->done, e->total);
    (void)printf ("\r\033[K%s  %s  %llu", ctl_job_short (e->job), bar,
                  (unsigned long long)e->done);
    if (e->total)
        (void)printf (" of %llu", (unsigned long long)e->total);
    f->painted = true;
}

static void show_json (const struct following *f, const yard_event *e)
{
    bool changed = e->type == YARD_EVENT_CHANGED;
    json_t *object = ctl_json_row (changed ? &ctl_event_shape : &ctl_progress_shape, e);
    struct ctl line = *f->c;

    line.form = CTL_JSONL; /* a stream has one object a line */
    (void)json_object_set_new (object, "event", json_string (changed ? "changed" : "progress"));
    ctl_json_print (&line, object);
}

static void show (struct following *f, const yard_event *e)
{
    if (f->c->form == CTL_JSON || f->c->form == CTL_JSONL)
        show_json (f, e);
    else if (f->c->form == CTL_NAME && e->type == YARD_EVENT_CHANGED && e->final)
        (void)puts (e->job);
    else if (f->c->form == CTL_TABLE && e->type == YARD_EVENT_CHANGED)
        show_change (f, e);
    else if (f->c->form == CTL_TABLE)
        paint_progress (f, e);
    (void)fflush (stdout);
}

static void hear (struct following *f, const yard_event *e)
{
    if (e->type == YARD_EVENT_LOST) {
        clear_line (f);
        note_end (f, e->job,
                  ctl_wrong (f->c, CTL_BUSY, "watch_lost", "%s: the yard ended this watch: %s",
                             e->job, e->why));
        return;
    }
    if (f->what->show)
        show (f, e);
    if (e->type == YARD_EVENT_CHANGED)
        note_state (f, e->job, e->state, e->final);
}

/* With the history the events alone tell everything; without it the job's state now counts. */
static int begin (struct following *f, const char *job)
{
    bool history = f->what->show || f->what->wanted;
    _result_ yard_job *now = NULL;
    yard_err_t *err = NULL;

    if (yard_job_watch (f->c->yard, job, history ? 0 : YARD_FROM_NOW, &now, &err) != YARD_OK)
        return ctl_wrong_err (f->c, job, err);
    if (!history && now->final)
        note_state (f, job, now->state, true);
    return CTL_DONE;
}

static int run (struct following *f, int64_t until_ms)
{
    yard_err_t *err = NULL;
    yard_rc rc;

    while (f->open > 0) {
        _result_ yard_event *event = NULL;
        rc = yard_process (f->c->yard, ctl_left_ms (until_ms), &event, &err);
        if (rc != YARD_OK && rc != YARD_ETIMEOUT)
            return ctl_wrong_err (f->c, NULL, err);
        if (rc == YARD_OK)
            hear (f, event);
        else
            yard_err_free (err), err = NULL;
        if (rc == YARD_ETIMEOUT && until_ms >= 0 && ctl_left_ms (until_ms) == 0) {
            clear_line (f);
            return ctl_wrong (f->c, CTL_TIMEOUT, "timeout",
                              "waited long enough: %zu of %zu not there yet", f->open,
                              f->what->count);
        }
    }
    return f->worst;
}

int ctl_follow (struct ctl *c, const struct ctl_follow *what)
{
    _free_ bool *ended = ctl_memory (what->count * sizeof *ended);
    int64_t until_ms = c->o.timeout_ms > 0 ? ctl_ticks_ms () + c->o.timeout_ms : -1;
    struct following f = {.c = c, .what = what, .ended = ended, .open = what->count};
    int wrong = CTL_DONE;

    f.moving = !c->o.quiet && isatty (STDOUT_FILENO);
    for (size_t i = 0; i < what->count && !wrong; i++)
        wrong = begin (&f, what->jobs[i]);
    if (!wrong)
        wrong = run (&f, until_ms);
    clear_line (&f);
    return wrong;
}

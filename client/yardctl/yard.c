/* yard.c - yardctl agent, queue, status and health. */
#include <stdio.h>
#include <string.h>

#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/words.h"
#include "client/yardctl/wrong.h"

enum { ROWS = 100 };

int ctl_agent_list (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    size_t limit = c->o.limit > 0 ? (size_t)c->o.limit : ROWS, left = limit;
    const char *after = c->o.after;
    yard_err_t *err = NULL;
    yard_agent_page *page;

    while (left > 0) {
        if (yard_agent_list (c->yard, after, &page, &err) != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        left = ctl_rows_add (&rows, &ctl_agent_shape, page, page->rows, page->count, page->next,
                             limit);
        after = page->next;
    }
    ctl_show_rows (c, &ctl_agent_shape, &rows);
    return CTL_DONE;
}

int ctl_queue_list (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    yard_err_t *err = NULL;
    yard_queue *queue;

    for (size_t i = 0; i < ctl_tier_count; i++) {
        if (yard_queue_get (c->yard, ctl_tiers[i], &queue, &err) != YARD_OK)
            return ctl_wrong_err (c, ctl_tiers[i], err);
        (void)ctl_rows_add (&rows, &ctl_queue_shape, queue, &(const void *){queue}, 1, NULL,
                            ctl_tier_count);
    }
    ctl_show_rows (c, &ctl_queue_shape, &rows);
    return CTL_DONE;
}

static json_t *status_json (const yard_status *s)
{
    char now[CTL_TIME_TEXT], started[CTL_TIME_TEXT];

    ctl_time_text (now, s->now_ms);
    ctl_time_text (started, s->started_at_ms);
    return json_pack (
        "{s:s, s:s, s:s, s:b, s:I, s:I, s:o}", "version", s->version, "now", now, "started_at",
        started, "database", s->database, "accepted", (json_int_t)s->accepted, "refused",
        (json_int_t)s->refused, "actors",
        ctl_json_rows (&ctl_actor_shape, (const void *const *)s->actors, s->count));
}

static void show_status (const struct ctl *c, const yard_status *s)
{
    char span[CTL_SPAN_TEXT], at[CTL_TIME_TEXT];

    ctl_span_text (span, s->now_ms - s->started_at_ms);
    ctl_time_text (at, s->started_at_ms);
    (void)printf ("yard      %s, its door is open for %s, since %s\n", s->version, span, at);
    (void)printf ("database  %s\n", s->database ? "answers" : "does not answer");
    (void)printf ("requests  %llu jobs accepted, %llu refused\n\n",
                  (unsigned long long)s->accepted, (unsigned long long)s->refused);
    ctl_show_table (c, &ctl_actor_shape, (const void *const *)s->actors, s->count);
}

int ctl_status (struct ctl *c)
{
    _result_ yard_status *s = NULL;
    yard_err_t *err = NULL;

    if (yard_yard_get (c->yard, &s, &err) != YARD_OK)
        return ctl_wrong_err (c, NULL, err);
    if (c->form == CTL_TABLE)
        show_status (c, s);
    else if (c->form == CTL_NAME)
        for (size_t i = 0; i < s->count; i++)
            (void)puts (s->actors[i]->name);
    else
        ctl_json_print (c, status_json (s));
    return CTL_DONE;
}

static json_t *silent_actors (const yard_status *s)
{
    json_t *list = json_array ();

    for (size_t i = 0; i < s->count; i++)
        if (!s->actors[i]->heard)
            (void)json_array_append_new (list, json_string (s->actors[i]->name));
    return list;
}

static void show_health (const yard_status *s, bool well)
{
    (void)puts (well ? "well" : "not well");
    if (!s->database)
        (void)puts ("  the database does not answer");
    for (size_t i = 0; i < s->count; i++)
        if (!s->actors[i]->heard)
            (void)printf ("  %s is not heard of\n", s->actors[i]->name);
}

int ctl_health (struct ctl *c)
{
    _result_ yard_status *s = NULL;
    json_auto_t *silent = NULL;
    yard_err_t *err = NULL;
    bool well;

    if (yard_yard_get (c->yard, &s, &err) != YARD_OK)
        return ctl_wrong_err (c, NULL, err);
    silent = silent_actors (s);
    well = s->database && json_array_size (silent) == 0;
    if (c->form == CTL_JSON || c->form == CTL_JSONL)
        ctl_json_print (c, json_pack ("{s:b, s:b, s:O}", "well", well, "database", s->database,
                                      "silent", silent));
    else if (!c->o.quiet)
        show_health (s, well);
    return well ? CTL_DONE : CTL_BAD_END;
}

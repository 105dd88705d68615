/* show.h - how rows of libyard become a table, JSON, or names.
 *
 * A shape says once what a kind of row has: the member's name, its heading, where it is. Text
 * from others is cleaned of control characters before it comes to a terminal.
 */
#ifndef YARDCTL_SHOW_H
#define YARDCTL_SHOW_H
#include <jansson.h>

#include "client/yardctl/ctl.h"

enum ctl_kind {
    CTL_TEXT,     /* const char * */
    CTL_JOB_NAME, /* const char *; its end only in a table */
    CTL_STATE,    /* const char *; coloured */
    CTL_NUMBER,   /* uint64_t */
    CTL_TIME,     /* int64_t, ms since 1970; 0: never. A table shows how long ago */
    CTL_SPAN,     /* uint64_t, ms; a table shows 0 as - */
    CTL_MOMENT,   /* as CTL_TIME, but a table shows when it is */
    CTL_NEEDS, /* const char *, pool|regions|capabilities|minutes; a table says it in words */
    CTL_BOOL,  /* bool */
    CTL_WORDS, /* const char *const *, ends with NULL */
    CTL_PROGRESS, /* two uint64_t, done and total, one after the other; in tables only */
};

struct ctl_field {
    const char *name; /* member of JSON; NULL: in tables only */
    const char *head; /* of the column; NULL: in no table */
    enum ctl_kind kind;
    size_t at;
    double width;      /* of the column, a hint as scols_table_new_column takes it */
    const char *usual; /* not worth a line of its own when one row is shown; NULL: always */
};

struct ctl_shape {
    const char *rows; /* "jobs": what is said when there are none */
    const char *more; /* the flag that asks for the page after this one; NULL: there is none */
    size_t id_at;     /* of the const char * that -o name prints */
    const struct ctl_field *fields;
    size_t count;
    bool id_is_number; /* a uint64_t, then */
};

extern const struct ctl_shape ctl_job_shape, ctl_job_row_shape, ctl_agent_shape,
    ctl_queue_shape, ctl_key_shape, ctl_actor_shape, ctl_blocker_shape, ctl_event_shape,
    ctl_progress_shape, ctl_history_shape, ctl_feed_shape, ctl_tenant_shape, ctl_window_shape,
    ctl_problem_shape, ctl_top_tier_shape;

/* A tier as yardctl top has it. */
struct ctl_top_tier {
    const char *tier;
    uint64_t waiting, running, suspending, idle, oldest_ms;
    const char *stopped; /* why, or "" */
};

/* Rows of several pages, up to a limit; owns the pages. */
struct ctl_rows {
    const void **rows;
    size_t count;
    void **pages;
    size_t page_count;
    const char *next; /* within a page, or NULL */
    char number[24];  /* room for it */
};
/* Takes a page over, and as many of its rows as 'limit' leaves room for. Returns how many are
 * still wanted, 0 if there is no next page. */
size_t ctl_rows_add (struct ctl_rows *rows, const struct ctl_shape *shape, void *take_page,
                     const void *page_rows, size_t count, const char *next, size_t limit);
void ctl_rows_done (struct ctl_rows *rows);
#define _rows_ __attribute__ ((cleanup (ctl_rows_done)))

json_t *ctl_json_row (const struct ctl_shape *shape, const void *row);
json_t *ctl_json_rows (const struct ctl_shape *shape, const void *const *rows, size_t count);
/* Prints and frees: indented with -o json, as YAML with -o yaml, on one line otherwise. */
void ctl_json_print (const struct ctl *c, json_t *take_value);
void ctl_yaml_print (const json_t *value);

void ctl_show_row (const struct ctl *c, const struct ctl_shape *shape, const void *row);
void ctl_show_rows (const struct ctl *c, const struct ctl_shape *shape,
                    const struct ctl_rows *rows);
void ctl_show_table (const struct ctl *c, const struct ctl_shape *shape,
                     const void *const *rows, size_t count);
/* One field as text for people; to be freed. */
char *ctl_field_text (const struct ctl_field *field, const void *row);
/* The part of a job's name that a table shows. */
const char *ctl_job_short (const char *job);
/* Sequences that colour a state and end that; "" without colour. */
const char *ctl_color_begin (const struct ctl *c, const char *state);
const char *ctl_color_end (const struct ctl *c, const char *state);
#endif

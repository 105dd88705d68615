/* show.c - rows as a table, as JSON, as names. */
#include "client/yardctl/show.h"

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

enum { SHORT = 8, NAME_WIDTH = 14 };

static const char *text_at (const void *row, size_t at)
{
    return *(const char *const *)((const char *)row + at);
}

static uint64_t number_at (const void *row, size_t at)
{
    return *(const uint64_t *)((const char *)row + at);
}

static int64_t time_at (const void *row, size_t at)
{
    return *(const int64_t *)((const char *)row + at);
}

static const char *const *words_at (const void *row, size_t at)
{
    return *(const char *const *const *)((const char *)row + at);
}

const char *ctl_job_short (const char *job)
{
    size_t size = strlen (job);

    return size > SHORT ? job + size - SHORT : job;
}

static json_t *json_words (const char *const *words)
{
    json_t *list = json_array ();

    for (size_t i = 0; words && words[i]; i++)
        (void)json_array_append_new (list, json_string (words[i]));
    return list;
}

static json_t *json_time (int64_t at_ms)
{
    char text[CTL_TIME_TEXT];

    if (at_ms == 0)
        return json_null ();
    ctl_time_text (text, at_ms);
    return json_string (text);
}

static json_t *json_field (const struct ctl_field *field, const void *row)
{
    switch (field->kind) {
    case CTL_NUMBER:
    case CTL_SPAN:
        return json_integer ((json_int_t)number_at (row, field->at));
    case CTL_TIME:
    case CTL_MOMENT:
        return json_time (time_at (row, field->at));
    case CTL_BOOL:
        return json_boolean (*(const bool *)((const char *)row + field->at));
    case CTL_WORDS:
        return json_words (words_at (row, field->at));
    default:
        return json_string (text_at (row, field->at));
    }
}

json_t *ctl_json_row (const struct ctl_shape *shape, const void *row)
{
    json_t *object = json_object ();

    for (size_t i = 0; i < shape->count; i++)
        if (shape->fields[i].name)
            (void)json_object_set_new (object, shape->fields[i].name,
                                       json_field (&shape->fields[i], row));
    return object;
}

json_t *ctl_json_rows (const struct ctl_shape *shape, const void *const *rows, size_t count)
{
    json_t *list = json_array ();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new (list, ctl_json_row (shape, rows[i]));
    return list;
}

void ctl_json_print (const struct ctl *c, json_t *take_value)
{
    if (c->yaml) {
        ctl_yaml_print (take_value);
        json_decref (take_value);
        return;
    }
    (void)json_dumpf (take_value, stdout, c->form == CTL_JSON ? JSON_INDENT (2) : JSON_COMPACT);
    (void)fputc ('\n', stdout);
    json_decref (take_value);
}

static char *words_text (const char *const *words)
{
    char *text = ctl_copy ("");

    for (size_t i = 0; words && words[i]; i++) {
        _free_ char *old = text;
        text = ctl_format ("%s%s%s", old, *old ? " " : "", words[i]);
    }
    return text;
}

static char *age_text (int64_t at_ms)
{
    char span[CTL_SPAN_TEXT];

    if (at_ms == 0)
        return ctl_copy ("-");
    ctl_span_text (span, ctl_now_ms () - at_ms);
    return ctl_copy (span);
}

static char *moment_text (int64_t at_ms)
{
    char text[CTL_TIME_TEXT];

    if (at_ms == 0)
        return ctl_copy ("");
    ctl_time_text (text, at_ms);
    return ctl_copy (text);
}

/* What an agent must be, in words. */
static char *needs_text (const char *needs)
{
    static const char *const before[] = {"pool ", ", in ", ", offers ", ", for at most "};
    _free_ char *copy = ctl_clean (needs);
    char *rest = copy, *part, *text = ctl_copy ("");

    for (size_t i = 0; i < sizeof before / sizeof *before && (part = strsep (&rest, "|"));
         i++) {
        _free_ char *old = text;
        bool shown = *part && strcmp (part, "0") != 0;
        text = ctl_format ("%s%s%s%s", old, shown ? before[i] : "", shown ? part : "",
                           shown && i == 3 ? " minutes" : "");
    }
    return text;
}

char *ctl_field_text (const struct ctl_field *field, const void *row)
{
    char span[CTL_SPAN_TEXT], bar[CTL_BAR_TEXT];

    switch (field->kind) {
    case CTL_NUMBER:
        return ctl_format ("%llu", (unsigned long long)number_at (row, field->at));
    case CTL_SPAN:
        ctl_span_text (span, (int64_t)number_at (row, field->at));
        return ctl_copy (number_at (row, field->at) ? span : "");
    case CTL_TIME:
        return age_text (time_at (row, field->at));
    case CTL_NEEDS:
        return needs_text (text_at (row, field->at));
    case CTL_MOMENT:
        return moment_text (time_at (row, field->at));
    case CTL_BOOL:
        return ctl_copy (*(const bool *)((const char *)row + field->at) ? "yes" : "no");
    case CTL_WORDS:
        return words_text (words_at (row, field->at));
    case CTL_PROGRESS:
        ctl_bar_text (bar, number_at (row, field->at),
                      number_at (row, field->at + sizeof (uint64_t)));
        return ctl_copy (bar);
    default:
        return ctl_clean (text_at (row, field->at));
    }
}

static const struct {
    const char *state, *scols, *sequence;
} colors[] = {
    {"COMPLETED", "green", "\033[32m"},  {"FAILED", "red", "\033[31m"},
    {"TERMINATED", "brown", "\033[33m"}, {"SUSPENDED", "brown", "\033[33m"},
    {"STARTING", "cyan", "\033[36m"},    {"STARTED", "cyan", "\033[36m"},
    {"CONNECTED", "green", "\033[32m"},  {"LOST", "red", "\033[31m"},
};

const char *ctl_color_begin (const struct ctl *c, const char *state)
{
    for (size_t i = 0; c->color && i < sizeof colors / sizeof *colors; i++)
        if (strcmp (colors[i].state, state) == 0)
            return colors[i].sequence;
    return "";
}

const char *ctl_color_end (const struct ctl *c, const char *state)
{
    return *ctl_color_begin (c, state) ? "\033[0m" : "";
}

static const char *scols_color (const char *state)
{
    for (size_t i = 0; i < sizeof colors / sizeof *colors; i++)
        if (strcmp (colors[i].state, state) == 0)
            return colors[i].scols;
    return NULL;
}

static void need (bool done)
{
    if (done)
        return;
    (void)fputs ("yardctl: out of memory\n", stderr);
    abort ();
}

/* With -o wide what else is known has a column too. NULL: it has none. */
static char *head_of (const struct ctl *c, const struct ctl_field *f)
{
    char *head;

    if (f->head || !c->wide || !f->name)
        return f->head ? ctl_copy (f->head) : NULL;
    head = ctl_copy (f->name);
    for (char *at = head; *at; at++)
        *at = *at == '_' ? ' ' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    return head;
}

static void add_columns (const struct ctl *c, struct libscols_table *table,
                         const struct ctl_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct ctl_field *f = &shape->fields[i];
        bool right = f->kind == CTL_NUMBER || f->kind == CTL_SPAN || f->kind == CTL_TIME;
        _free_ char *head = head_of (c, f);
        double width = c->wide ? 0 : f->width;
        if (head)
            need (scols_table_new_column (table, head, width,
                                          (right ? SCOLS_FL_RIGHT : 0) |
                                              (width > 0 ? SCOLS_FL_TRUNC : 0)));
    }
}

static void fill_cell (struct libscols_line *line, size_t column, const struct ctl_field *f,
                       const void *row, bool short_names)
{
    _free_ char *text = ctl_field_text (f, row);
    const char *shown = f->kind == CTL_JOB_NAME && short_names ? ctl_job_short (text)
                        : *text                                ? text
                                                               : "-";

    need (scols_line_set_data (line, column, shown) == 0);
    if (f->kind == CTL_STATE && scols_color (text))
        need (scols_cell_set_color (scols_line_get_cell (line, column), scols_color (text)) ==
              0);
}

/* Of two jobs with the same end the whole names are shown. */
static bool are_short_names_unique (const struct ctl_shape *shape, const void *const *rows,
                                    size_t count)
{
    for (size_t i = 0; !shape->id_is_number && i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (strcmp (ctl_job_short (text_at (rows[i], shape->id_at)),
                        ctl_job_short (text_at (rows[j], shape->id_at))) == 0)
                return false;
    return true;
}

void ctl_show_table (const struct ctl *c, const struct ctl_shape *shape,
                     const void *const *rows, size_t count)
{
    /* Comparing all with all is cheap for what fits a screen, and nobody reads more. */
    bool short_names = !c->wide && count <= 1000 && are_short_names_unique (shape, rows, count);
    struct libscols_table *table;

    scols_init_debug (0);
    need ((table = scols_new_table ()));
    need (scols_table_enable_colors (table, c->color) == 0);
    add_columns (c, table, shape);
    for (size_t i = 0; i < count; i++) {
        struct libscols_line *line = scols_table_new_line (table, NULL);
        size_t column = 0;
        need (line);
        for (size_t j = 0; j < shape->count; j++)
            if (shape->fields[j].head || (c->wide && shape->fields[j].name))
                fill_cell (line, column++, &shape->fields[j], rows[i], short_names);
    }
    (void)scols_print_table (table);
    scols_unref_table (table);
}

/* A span says its unit itself. */
static int label_size (const struct ctl_field *f)
{
    return (int)(strlen (f->name) - (f->kind == CTL_SPAN ? strlen ("_ms") : 0));
}

static void show_lines (const struct ctl *c, const struct ctl_shape *shape, const void *row)
{
    char at[CTL_TIME_TEXT];

    for (size_t i = 0; i < shape->count; i++) {
        const struct ctl_field *f = &shape->fields[i];
        _free_ char *text = ctl_field_text (f, row);
        const char *state = f->kind == CTL_STATE ? text : "";
        if (!f->name || !*text || (f->usual && strcmp (text, f->usual) == 0))
            continue;
        (void)printf ("%-*.*s %s%s%s", NAME_WIDTH, label_size (f), f->name,
                      ctl_color_begin (c, state), text, ctl_color_end (c, state));
        if (f->kind == CTL_TIME && time_at (row, f->at)) {
            ctl_time_text (at, time_at (row, f->at));
            (void)printf (" ago, %s", at);
        }
        (void)putchar ('\n');
    }
}

void ctl_show_row (const struct ctl *c, const struct ctl_shape *shape, const void *row)
{
    if (c->form == CTL_NAME && shape->id_is_number)
        (void)printf ("%llu\n", (unsigned long long)number_at (row, shape->id_at));
    else if (c->form == CTL_NAME)
        (void)puts (text_at (row, shape->id_at));
    else if (c->form == CTL_TABLE)
        show_lines (c, shape, row);
    else
        ctl_json_print (c, ctl_json_row (shape, row));
}

static void print_rows (const struct ctl *c, const struct ctl_shape *shape,
                        const struct ctl_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        ctl_show_row (c, shape, rows->rows[i]);
}

void ctl_show_rows (const struct ctl *c, const struct ctl_shape *shape,
                    const struct ctl_rows *rows)
{
    json_t *page;

    if (c->form == CTL_JSON) {
        page = json_pack ("{s:o, s:s?}", "items",
                          ctl_json_rows (shape, rows->rows, rows->count), "next", rows->next);
        ctl_json_print (c, page);
        return;
    }
    if (c->form != CTL_TABLE) {
        print_rows (c, shape, rows);
        return;
    }
    if (rows->count == 0)
        ctl_hint (c, "no %s", shape->rows);
    else
        ctl_show_table (c, shape, rows->rows, rows->count);
    if (rows->next)
        ctl_hint (c, "there are more: --%s %s", shape->more, rows->next);
}

static const char *number_text (struct ctl_rows *rows, uint64_t number)
{
    (void)snprintf (rows->number, sizeof rows->number, "%llu", (unsigned long long)number);
    return rows->number;
}

size_t ctl_rows_add (struct ctl_rows *rows, const struct ctl_shape *shape, void *take_page,
                     const void *page_rows, size_t count, const char *next, size_t limit)
{
    size_t left = limit - rows->count;
    size_t taken = count < left ? count : left;

    rows->pages = ctl_more_memory (rows->pages, rows->page_count + 1, sizeof *rows->pages);
    rows->pages[rows->page_count++] = take_page;
    rows->rows = ctl_more_memory (rows->rows, rows->count + taken, sizeof *rows->rows);
    if (taken > 0)
        memcpy (rows->rows + rows->count, page_rows, taken * sizeof *rows->rows);
    rows->count += taken;
    rows->next = next;
    if (taken < count && shape->id_is_number)
        rows->next = number_text (rows, number_at (rows->rows[rows->count - 1], shape->id_at));
    else if (taken < count)
        rows->next = text_at (rows->rows[rows->count - 1], shape->id_at);
    return rows->next ? limit - rows->count : 0;
}

void ctl_rows_done (struct ctl_rows *rows)
{
    for (size_t i = 0; i < rows->page_count; i++)
        yard_free (rows->pages[i]);
    free (rows->pages);
    free (rows->rows);
}

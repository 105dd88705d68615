/* json.c - JSON documents, one after the other, and the lines of their members.
 *
 * The parser knows the values but not where they were, so the lines are found by a walk over
 * the same text afterwards. Only what the parser accepted is walked.
 */
#include "client/yardctl/document.h"

#include <string.h>

#include "client/yardctl/text.h"

struct walk {
    const char *at, *end;
    size_t line;
    int depth, members_at; /* the depth at which documents have their members */
    struct ctl_document *documents;
    size_t count, which; /* documents begun */
};

/* Stands behind the closing quote afterwards. */
static void skip_string (struct walk *w)
{
    for (w->at++; w->at < w->end && *w->at != '"'; w->at++)
        if (*w->at == '\\')
            w->at++;
    w->at++;
}

static bool is_before_colon (const struct walk *w)
{
    const char *at = w->at;

    while (at < w->end && strchr (" \t\r\n", *at))
        at++;
    return at < w->end && *at == ':';
}

static void take_string (struct walk *w)
{
    const char *begin = w->at + 1;
    char name[64];
    size_t size;

    skip_string (w);
    size = (size_t)(w->at - begin - 1);
    if (w->depth != w->members_at || w->which == 0 || size >= sizeof name ||
        !is_before_colon (w))
        return;
    memcpy (name, begin, size);
    name[size] = '\0';
    (void)json_object_set_new (w->documents[w->which - 1].lines, name,
                               json_integer ((json_int_t)w->line));
}

static void take_opening (struct walk *w)
{
    if (++w->depth == w->members_at && w->which < w->count)
        w->documents[w->which++].line = w->line;
}

static void find_lines (struct walk *w)
{
    while (w->at < w->end) {
        if (*w->at == '"') {
            take_string (w);
            continue;
        }
        if (*w->at == '{' || *w->at == '[')
            take_opening (w);
        else if (*w->at == '}' || *w->at == ']')
            w->depth--;
        else if (*w->at == '\n')
            w->line++;
        w->at++;
    }
}

static size_t lines_in (const char *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    return count;
}

/* Takes over a value that may be a list of documents. */
static int add_value (json_t *take_value, const char *text, size_t size, size_t line,
                      struct ctl_documents *ret, struct ctl_faults *faults)
{
    size_t before = ret->count,
           count = json_is_array (take_value) ? json_array_size (take_value) : 1;
    struct walk w = {.at = text, .end = text + size, .line = line};

    if (before + count > CTL_DOCUMENTS_MAX) {
        ctl_fault_add (faults, "", "length",
                       ctl_format ("more than %d documents", CTL_DOCUMENTS_MAX));
        json_decref (take_value);
        return -1;
    }
    w.members_at = json_is_array (take_value) ? 2 : 1;
    for (size_t i = 0; i < count; i++)
        (void)ctl_documents_add (
            ret, json_incref (w.members_at == 2 ? json_array_get (take_value, i) : take_value),
            line);
    json_decref (take_value);
    if (count > 0)
        w.documents = &ret->at[before], w.count = count;
    find_lines (&w);
    return 0;
}

int ctl_json_read (const char *text, size_t size, struct ctl_documents *ret,
                   struct ctl_faults *faults)
{
    size_t at = strspn (text, " \t\r\n"), line = 1 + lines_in (text, at), used;
    json_error_t error;
    json_t *value;

    while (at < size) {
        value = json_loadb (text + at, size - at,
                            JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
        if (!value) {
            ctl_fault_add (
                faults, "", "malformed",
                ctl_format ("line %zu: %s", line + (size_t)error.line - 1, error.text));
            return -1;
        }
        used = (size_t)error.position;
        if (add_value (value, text + at, used, line, ret, faults) != 0)
            return -1;
        used += strspn (text + at + used, " \t\r\n");
        line += lines_in (text + at, used);
        at += used;
    }
    return 0;
}

/* wrong.c - how yardctl says that something is wrong. */
#include "client/yardctl/wrong.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/options.h"
#include "client/yardctl/text.h"

/* What is to be said, whoever found it. */
struct problem {
    int exit, retry_after_ms;
    const char *slug, *text, *about, *key;
    const struct ctl_faults *faults;
};

void ctl_fault_add (struct ctl_faults *faults, const char *path, const char *code,
                    char *take_text)
{
    struct ctl_fault *fault;

    if (faults->count++ >= CTL_FAULTS_MAX) {
        free (take_text);
        return;
    }
    fault = &faults->at[faults->count - 1];
    fault->path = ctl_copy (path);
    fault->code = ctl_copy (code);
    fault->text = take_text;
}

static size_t kept (const struct ctl_faults *faults)
{
    return faults->count < CTL_FAULTS_MAX ? faults->count : CTL_FAULTS_MAX;
}

void ctl_faults_done (struct ctl_faults *faults)
{
    for (size_t i = 0; i < kept (faults); i++) {
        free (faults->at[i].path);
        free (faults->at[i].code);
        free (faults->at[i].text);
    }
    faults->count = 0;
}

/* What is quoted from the command line need not be UTF-8, and JSON must be. */
static json_t *as_json (const char *text)
{
    _free_ char *plain = NULL;
    json_t *string = json_string (text);

    if (string)
        return string;
    plain = ctl_copy (text);
    for (char *c = plain; *c; c++)
        if (*c & 0x80)
            *c = '?';
    return json_string (plain);
}

static json_t *faults_as_json (const struct ctl_faults *faults)
{
    json_t *list = json_array ();

    for (size_t i = 0; i < kept (faults); i++)
        (void)json_array_append_new (
            list, json_pack ("{s:o, s:s, s:o}", "path", as_json (faults->at[i].path), "code",
                             faults->at[i].code, "text", as_json (faults->at[i].text)));
    return list;
}

static void say_json (const struct problem *p)
{
    _free_ char *type = ctl_format ("urn:yard:problem:%s", p->slug);
    json_auto_t *told = json_pack ("{s:s, s:s, s:o, s:i}", "type", type, "slug", p->slug,
                                   "title", as_json (p->text), "exit", p->exit);

    if (p->about)
        (void)json_object_set_new (told, "instance", as_json (p->about));
    if (p->retry_after_ms > 0)
        (void)json_object_set_new (told, "retry_after_ms", json_integer (p->retry_after_ms));
    if (p->key)
        (void)json_object_set_new (told, "key", as_json (p->key));
    (void)json_object_set_new (told, "faults", faults_as_json (p->faults));
    (void)json_dumpf (told, stderr, JSON_COMPACT);
    (void)fputc ('\n', stderr);
}

static void say_plain (const struct problem *p)
{
    _free_ char *text = ctl_clean (p->text);

    (void)fprintf (stderr, "yardctl: %s%s%s [%s]\n", p->about ? p->about : "",
                   p->about ? ": " : "", text, p->slug);
    for (size_t i = 0; i < kept (p->faults); i++) {
        const struct ctl_fault *fault = &p->faults->at[i];
        _free_ char *clean = ctl_clean (fault->text);
        _free_ char *path = ctl_clean (fault->path);
        (void)fprintf (stderr, "  %s%s%s [%s]\n", path, *path ? ": " : "", clean, fault->code);
    }
    if (p->faults->count > CTL_FAULTS_MAX)
        (void)fprintf (stderr, "  and %zu more\n", p->faults->count - CTL_FAULTS_MAX);
    if (p->key)
        (void)fprintf (stderr, "  repeat with --key %s%s\n", p->key,
                       p->about ? ", or with that as the document's member 'key'" : "");
}

static int say (const struct ctl *c, const struct problem *p)
{
    (void)fflush (stdout);
    if (c->form == CTL_JSON || c->form == CTL_JSONL)
        say_json (p);
    else
        say_plain (p);
    return p->exit;
}

/* What the wire has behind a flag's name: a plural, or a unit. */
static bool is_ending (const char *rest)
{
    return *rest == '\0' || strcmp (rest, "s") == 0 || strcmp (rest, "-ms") == 0;
}

/* The flag whose value is at fault: "/regions/1" is --region's second. NULL: it is none. */
static const char *flag_of (const struct ctl *c, const char *path)
{
    size_t size = *path == '/' ? strcspn (path + 1, "/") : 0;
    _free_ char *member = ctl_format ("%.*s", (int)size, path + (size > 0));

    for (char *at = member; *at; at++)
        *at = *at == '_' ? '-' : *at;
    for (size_t i = 0; c->command && i < ctl_option_count; i++) {
        const struct ctl_option *o = &ctl_option_table[i];
        size_t common = strlen (o->name);
        if (o->sets & c->command->takes && size > 0 && strncmp (member, o->name, common) == 0 &&
            is_ending (member + common))
            return o->name;
    }
    return strcmp (member, "capabilities") == 0 ? "capability" : NULL;
}

/* What a document says is named by its place, what the command line says by its flag. */
static char *place_of (const struct ctl *c, const char *path)
{
    bool data = c->form == CTL_JSON || c->form == CTL_JSONL;
    const char *flag = c->o.file || data ? NULL : flag_of (c, path);

    return flag ? ctl_format ("--%s", flag) : ctl_copy (path);
}

int ctl_wrong_open (const struct ctl *c, const char *about, const char *key,
                    yard_err_t *take_err)
{
    _faults_ struct ctl_faults faults = {0};
    struct problem p = {.exit = yard_err_exit (take_err),
                        .retry_after_ms = yard_err_retry_after_ms (take_err),
                        .slug = yard_err_slug (take_err),
                        .text = yard_err_text (take_err),
                        .about = about,
                        .faults = &faults};

    if (p.exit == CTL_NO_YARD || p.exit == CTL_BUSY)
        p.key = key;
    for (size_t i = 0; i < yard_err_fault_count (take_err); i++) {
        const yard_fault *fault = yard_err_fault (take_err, i);
        _free_ char *place = place_of (c, fault->path);
        ctl_fault_add (&faults, place, fault->code, ctl_copy (fault->text));
    }
    (void)say (c, &p);
    yard_err_free (take_err);
    return p.exit;
}

int ctl_wrong_err (const struct ctl *c, const char *about, yard_err_t *take_err)
{
    return ctl_wrong_open (c, about, NULL, take_err);
}

int ctl_wrong (const struct ctl *c, int exit, const char *slug, const char *format, ...)
{
    struct ctl_faults none = {0};
    _free_ char *text = NULL;
    va_list args;

    va_start (args, format);
    if (vasprintf (&text, format, args) < 0)
        abort ();
    va_end (args);
    return say (c,
                &(struct problem){.exit = exit, .slug = slug, .text = text, .faults = &none});
}

int ctl_wrong_faults (const struct ctl *c, int exit, const char *slug, const char *text,
                      const struct ctl_faults *faults)
{
    return say (c,
                &(struct problem){.exit = exit, .slug = slug, .text = text, .faults = faults});
}

void ctl_hint (const struct ctl *c, const char *format, ...)
{
    va_list args;

    if (c->o.quiet || c->form != CTL_TABLE)
        return;
    (void)fflush (stdout); /* not in the middle of a table */
    va_start (args, format);
    (void)vfprintf (stderr, format, args);
    va_end (args);
    (void)fputc ('\n', stderr);
}

/* spec.c - what a command line and its documents say, as jobs to submit.
 *
 * Only the form is looked at here: which members there are, and that they are texts. What they
 * say is the yard's business, and it lists every fault too.
 */
#include "client/yardctl/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/yardctl/act.h"
#include "client/yardctl/text.h"
#include "client/yardctl/times.h"

enum { FILE_SIZE_MAX = 64 << 20, PAYLOAD_MAX = 65536 };

/* Where one member is read to, and what it may be. */
struct place {
    const struct ctl_document *document;
    const char *where, *name;
    struct ctl_spec *spec;
    struct ctl_faults *faults;
};

static void fault (const struct place *p, const char *code, const char *what)
{
    _free_ char *path = ctl_format ("%s/%s", p->where, p->name);

    ctl_fault_add (p->faults, path, code,
                   ctl_format ("line %zu: %s", ctl_document_line (p->document, p->name), what));
}

static void read_text (const struct place *p, size_t at, json_t *value)
{
    if (json_is_string (value))
        *(const char **)((char *)p->spec + at) = json_string_value (value);
    else
        fault (p, "type",
               json_is_number (value) ? "must be a text: put it in quotes" : "must be a text");
}

/* One word may stand without a list around it. */
static void read_words (const struct place *p, size_t at, json_t *value)
{
    struct ctl_words *words = (struct ctl_words *)((char *)p->spec + at);
    size_t count = json_is_array (value) ? json_array_size (value) : 1;

    if (count > CTL_WORDS_MAX) {
        fault (p, "length", "too many words");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *word = json_is_array (value) ? json_array_get (value, i) : value;
        if (!json_is_string (word)) {
            fault (p, "type", "must be a list of texts");
            return;
        }
        words->at[words->count++] = json_string_value (word);
    }
}

static void read_yes (const struct place *p, size_t at, json_t *value)
{
    if (json_is_boolean (value))
        *(bool *)((char *)p->spec + at) = json_is_true (value);
    else
        fault (p, "type", "must be true or false");
}

static void read_span (const struct place *p, size_t at, json_t *value)
{
    int64_t ms;

    if (json_is_string (value) && ctl_span_read (json_string_value (value), &ms) && ms > 0)
        *(int64_t *)((char *)p->spec + at) = ms;
    else
        fault (p, "type", "must be a span such as 30s, 10m, 2h or 1d");
}

static void read_moment (const struct place *p, size_t at, json_t *value)
{
    int64_t ms;

    if (json_is_string (value) &&
        ctl_moment_read (json_string_value (value), ctl_now_ms (), &ms))
        *(int64_t *)((char *)p->spec + at) = ms;
    else
        fault (p, "type", "must be a time such as \"2026-11-22T09:30:00Z\", or \"+10m\"");
}

/* The library has a word of its own for 0, which it takes for not given. */
static void set_urgency (struct ctl_spec *spec, json_int_t urgency)
{
    spec->job.urgency = urgency == 0 ? YARD_URGENCY_ZERO : (int)urgency;
}

static void read_urgency (const struct place *p, size_t at, json_t *value)
{
    json_int_t urgency = json_is_integer (value) ? json_integer_value (value) : -1;

    (void)at;
    if (urgency >= 0 && urgency <= 31)
        set_urgency (p->spec, urgency);
    else
        fault (p, "range", "must be a number from 0 to 31");
}

static void read_payload (const struct place *p, size_t at, json_t *value)
{
    (void)at;
    if (json_is_string (value)) {
        p->spec->job.payload = json_string_value (value);
        p->spec->job.payload_size = json_string_length (value);
        return;
    }
    p->spec->payload = json_dumps (value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!p->spec->payload) {
        fault (p, "malformed", "cannot be written as JSON");
        return;
    }
    p->spec->job.payload = p->spec->payload;
    p->spec->job.payload_size = strlen (p->spec->payload);
}

#define AT(member) offsetof (struct ctl_spec, member)
static const struct member {
    const char *name;
    size_t at;
    void (*read) (const struct place *p, size_t at, json_t *value);
} members[] = {
    {"name", AT (job.name), read_text},
    {"kind", AT (job.kind), read_text},
    {"tier", AT (job.tier), read_text},
    {"capabilities", AT (capabilities), read_words},
    {"regions", AT (regions), read_words},
    {"pool", AT (job.pool), read_text},
    {"source", AT (job.source), read_text},
    {"target", AT (job.target), read_text},
    {"payload", 0, read_payload},
    {"key", AT (request), read_text},
    {"urgency", 0, read_urgency},
    {"hold", AT (job.held), read_yes},
    {"fixed", AT (job.fixed), read_yes},
    {"not_before", AT (job.not_before_ms), read_moment},
    {"run_limit", AT (job.run_limit_ms), read_span},
    {"wait_limit", AT (job.wait_limit_ms), read_span},
    {"after", AT (after_jobs), read_words},
};
enum { MEMBERS = sizeof members / sizeof *members };

static void unknown (const struct place *p)
{
    const char *names[MEMBERS], *like;
    _free_ char *text = NULL;

    for (size_t i = 0; i < MEMBERS; i++)
        names[i] = members[i].name;
    like = ctl_nearest (p->name, names, MEMBERS);
    text = ctl_format ("no member is called so%s%s%s", like ? "; did you mean '" : "",
                       like ? like : "", like ? "'?" : "");
    fault (p, "unknown", text);
}

void ctl_spec_read (const struct ctl_document *document, const char *where,
                    struct ctl_spec *ret, struct ctl_faults *faults)
{
    const char *name;
    json_t *value;

    ret->line = document->line;
    if (!json_is_object (document->value)) {
        ctl_fault_add (faults, where, "type",
                       ctl_format ("line %zu: must describe a job: name, kind, source, target",
                                   document->line));
        return;
    }
    json_object_foreach (document->value, name, value)
    {
        struct place p = {document, where, name, ret, faults};
        size_t i = 0;
        while (i < MEMBERS && strcmp (members[i].name, name) != 0)
            i++;
        if (i < MEMBERS)
            members[i].read (&p, members[i].at, value);
        else
            unknown (&p);
    }
}

static void replace (const char **to, const char *from)
{
    if (from)
        *to = from;
}

static void apply_order (const struct ctl_options *o, struct ctl_spec *s)
{
    if (o->urgency.given)
        set_urgency (s, o->urgency.value);
    if (o->not_before_ms)
        s->job.not_before_ms = o->not_before_ms;
    if (o->run_limit_ms)
        s->job.run_limit_ms = o->run_limit_ms;
    if (o->wait_limit_ms)
        s->job.wait_limit_ms = o->wait_limit_ms;
    if (o->after_jobs.count > 0)
        s->after_jobs = o->after_jobs;
    s->job.held |= o->held;
    s->job.fixed |= o->fixed;
}

static void apply_flags (const struct ctl *c, const struct ctl_specs *specs, struct ctl_spec *s)
{
    const struct ctl_options *o = &c->o;

    replace (&s->job.name, o->name);
    replace (&s->job.kind, o->kind);
    replace (&s->job.tier, o->tier);
    replace (&s->job.pool, o->pool);
    replace (&s->job.source, o->source);
    replace (&s->job.target, o->target);
    replace (&s->request, o->request);
    if (!s->request)
        s->request = ctl_make_key (s->made);
    apply_order (o, s);
    if (o->capabilities.count > 0)
        s->capabilities = o->capabilities;
    if (o->regions.count > 0)
        s->regions = o->regions;
    if (o->payload) {
        s->job.payload = specs->inside.payload;
        s->job.payload_size = specs->inside.payload_size;
    }
    s->job.size = sizeof s->job;
    s->job.capabilities = s->capabilities.at;
    s->job.regions = s->regions.at;
}

/* "@FILE" is what the file holds. */
static int read_payload_flag (const struct ctl *c, struct ctl_specs *specs)
{
    const char *payload = c->o.payload;

    if (!payload)
        return CTL_DONE;
    if (*payload != '@') {
        specs->inside.payload = ctl_copy (payload);
        specs->inside.payload_size = strlen (payload);
        return CTL_DONE;
    }
    specs->inside.payload =
        ctl_read_file (payload + 1, PAYLOAD_MAX, &specs->inside.payload_size);
    if (specs->inside.payload)
        return CTL_DONE;
    return ctl_wrong (c, CTL_DOCUMENT, "document", "the payload %s: %s", payload + 1,
                      errno == EFBIG ? "more than 65536 octets" : strerror (errno));
}

static const char *file_name (const struct ctl *c)
{
    return strcmp (c->o.file, "-") == 0 ? "the standard input" : c->o.file;
}

static int read_file (const struct ctl *c, struct ctl_specs *ret)
{
    _faults_ struct ctl_faults faults = {0};
    _free_ char *text = NULL;
    const struct ctl_documents *documents = &ret->inside.documents;

    if (strcmp (c->o.file, "-") != 0 && access (c->o.file, R_OK) < 0)
        return ctl_wrong (c, CTL_DOCUMENT, "document", "%s: %s", c->o.file, strerror (errno));
    if (ctl_documents_read (c->o.file, FILE_SIZE_MAX, &ret->inside.documents, &faults) == 0) {
        ret->at = ctl_memory (documents->count * sizeof *ret->at);
        ret->count = documents->count;
        for (size_t i = 0; i < ret->count; i++) {
            _free_ char *where = ret->count > 1 ? ctl_format ("/%zu", i) : ctl_copy ("");
            ctl_spec_read (&documents->at[i], where, &ret->at[i], &faults);
        }
    }
    if (faults.count > 0) {
        text = ctl_format ("%s breaks its rules", file_name (c));
        return ctl_wrong_faults (c, CTL_DOCUMENT, "document", text, &faults);
    }
    if (ret->count == 0)
        return ctl_wrong (c, CTL_DOCUMENT, "document", "%s describes no job", file_name (c));
    return CTL_DONE;
}

static int find_after (struct ctl *c, struct ctl_spec *s)
{
    int wrong = CTL_DONE;

    if (s->after_jobs.count > CTL_AFTER_MAX)
        return ctl_wrong (c, CTL_DOCUMENT, "document", "a job can wait for at most %d others",
                          CTL_AFTER_MAX);
    s->after_read = ctl_memory (sizeof *s->after_read);
    for (size_t i = 0; i < s->after_jobs.count && !wrong; i++) {
        yard_after *after = &s->after_read->at[i];
        after->job = s->after_read->names[i];
        wrong =
            ctl_after_read (c, s->after_jobs.at[i], s->after_read->names[i], &after->condition);
    }
    s->job.after = s->after_read->at;
    s->job.after_count = s->after_jobs.count;
    return wrong;
}

int ctl_specs_after (struct ctl *c, struct ctl_specs *specs)
{
    int wrong = CTL_DONE;

    for (size_t i = 0; i < specs->count && !wrong; i++)
        if (specs->at[i].after_jobs.count > 0)
            wrong = find_after (c, &specs->at[i]);
    return wrong;
}

int ctl_specs_read (const struct ctl *c, struct ctl_specs *ret)
{
    int wrong = c->o.urgency.given && c->o.urgency.value > 31
                    ? ctl_wrong (c, CTL_USAGE, "usage", "--urgency must be from 0 to 31")
                    : read_payload_flag (c, ret);

    if (!wrong && c->o.file)
        wrong = read_file (c, ret);
    if (wrong)
        return wrong;
    if (!c->o.file) {
        ret->at = ctl_memory (sizeof *ret->at);
        ret->count = 1;
    }
    if (c->o.request && ret->count > 1)
        return ctl_wrong (
            c, CTL_USAGE, "usage",
            "--key is for one job, and %s describes %zu: give each a member 'key'",
            file_name (c), ret->count);
    for (size_t i = 0; i < ret->count; i++)
        apply_flags (c, ret, &ret->at[i]);
    return CTL_DONE;
}

void ctl_specs_done (struct ctl_specs *specs)
{
    for (size_t i = 0; i < specs->count; i++) {
        free (specs->at[i].payload);
        free (specs->at[i].after_read);
    }
    free (specs->at);
    free (specs->inside.payload);
    ctl_documents_done (&specs->inside.documents);
}

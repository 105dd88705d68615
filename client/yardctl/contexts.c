/* contexts.c - the yards an operator has to do with, from contexts.yaml.
 *
 * The file holds addresses and paths, never a secret.
 */
#include "client/yardctl/contexts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/yardctl/show.h"
#include "client/yardctl/text.h"

enum { CONTEXTS_SIZE_MAX = 1 << 20, KEY_SIZE = 40 };

static char *place (void)
{
    const char *path = getenv ("YARD_CONTEXTS"), *config = getenv ("XDG_CONFIG_HOME");
    const char *home = getenv ("HOME");

    if (path && *path)
        return ctl_copy (path);
    if (config && *config)
        return ctl_format ("%s/yard/contexts.yaml", config);
    return home && *home ? ctl_format ("%s/.config/yard/contexts.yaml", home) : NULL;
}

static void check_members (json_t *object, const char *where, const char *const *known,
                           size_t count, struct ctl_faults *faults)
{
    const char *name, *like;
    json_t *value;

    json_object_foreach (object, name, value)
    {
        _free_ char *path = ctl_format ("%s/%s", where, name);
        size_t i = 0;
        while (i < count && strcmp (known[i], name) != 0)
            i++;
        like = ctl_nearest (name, known, count);
        if (i == count)
            ctl_fault_add (faults, path, "unknown",
                           ctl_format ("no member is called so%s%s%s",
                                       like ? "; did you mean '" : "", like ? like : "",
                                       like ? "'?" : ""));
        else if (!json_is_string (value) && strcmp (name, "contexts") != 0)
            ctl_fault_add (faults, path, "type", ctl_copy ("must be a text"));
    }
}

static void check_file (json_t *file, struct ctl_faults *faults)
{
    static const char *const outer[] = {"current", "contexts"};
    static const char *const inner[] = {"endpoint", "server_key", "cert"};
    json_t *value, *contexts = json_object_get (file, "contexts");
    const char *name;

    if (!json_is_object (file) || (contexts && !json_is_object (contexts))) {
        ctl_fault_add (faults, "/contexts", "type", ctl_copy ("must map names to contexts"));
        return;
    }
    check_members (file, "", outer, 2, faults);
    json_object_foreach (contexts, name, value)
    {
        _free_ char *path = ctl_format ("/contexts/%s", name);
        if (json_is_object (value))
            check_members (value, path, inner, 3, faults);
        else
            ctl_fault_add (faults, path, "type", ctl_copy ("must be a map"));
    }
}

int ctl_contexts_read (const struct ctl *c, struct ctl_contexts *ret)
{
    _faults_ struct ctl_faults faults = {0};
    _free_ char *text = NULL;

    ret->path = place ();
    if (!ret->path || (access (ret->path, F_OK) != 0 && errno == ENOENT))
        return CTL_DONE;
    if (ctl_documents_read (ret->path, CONTEXTS_SIZE_MAX, &ret->documents, &faults) == 0) {
        if (ret->documents.count > 1)
            ctl_fault_add (&faults, "", "length", ctl_copy ("there is more than one document"));
        else if (ret->documents.count == 1)
            check_file (ret->documents.at[0].value, &faults);
    }
    if (faults.count == 0)
        return CTL_DONE;
    text = ctl_format ("%s breaks its rules", ret->path);
    return ctl_wrong_faults (c, CTL_CONFIG, "contexts", text, &faults);
}

static json_t *top (const struct ctl_contexts *contexts)
{
    return contexts->documents.count > 0 ? contexts->documents.at[0].value : NULL;
}

/* "~/" is the home; another relative path begins where the file is. */
static char *whole_path (const struct ctl_contexts *contexts, const char *path)
{
    const char *home = getenv ("HOME"), *end = strrchr (contexts->path, '/');

    if (strncmp (path, "~/", 2) == 0 && home)
        return ctl_format ("%s/%s", home, path + 2);
    if (*path == '/' || !end)
        return ctl_copy (path);
    return ctl_format ("%.*s/%s", (int)(end - contexts->path), contexts->path, path);
}

static void read_context (struct ctl_contexts *contexts, json_t *found, struct ctl_context *ret)
{
    const char *key = json_string_value (json_object_get (found, "server_key"));
    const char *cert = json_string_value (json_object_get (found, "cert"));

    ret->endpoint = json_string_value (json_object_get (found, "endpoint"));
    ret->server_key = key;
    if (key && strlen (key) != KEY_SIZE)
        ret->server_key = contexts->owned[0] = whole_path (contexts, key);
    if (cert)
        ret->cert = contexts->owned[1] = whole_path (contexts, cert);
}

int ctl_contexts_choose (const struct ctl *c, struct ctl_contexts *contexts, const char *name,
                         struct ctl_context *ret)
{
    json_t *all = json_object_get (top (contexts), "contexts");
    const char *current = json_string_value (json_object_get (top (contexts), "current"));
    const char *wanted = name ? name : current;

    *ret = (struct ctl_context){.name = wanted};
    if (!wanted)
        return CTL_DONE;
    if (!json_object_get (all, wanted))
        return ctl_wrong (c, CTL_CONFIG, "contexts", "there is no context '%s' in %s", wanted,
                          contexts->path ? contexts->path : "any file");
    read_context (contexts, json_object_get (all, wanted), ret);
    return CTL_DONE;
}

void ctl_contexts_done (struct ctl_contexts *contexts)
{
    free (contexts->path);
    free (contexts->owned[0]);
    free (contexts->owned[1]);
    ctl_documents_done (&contexts->documents);
}

struct row {
    const char *name, *endpoint;
    bool current;
};
#define AT(member) offsetof (struct row, member)
static const struct ctl_field fields[] = {
    {"name", "NAME", CTL_TEXT, AT (name), 0},
    {"current", "CURRENT", CTL_BOOL, AT (current), 0},
    {"endpoint", "ENDPOINT", CTL_TEXT, AT (endpoint), 0},
};
static const struct ctl_shape shape = {"contexts", NULL, AT (name), fields,
                                       sizeof fields / sizeof *fields};

int ctl_context_list (struct ctl *c)
{
    _contexts_ struct ctl_contexts contexts = {0};
    _rows_ struct ctl_rows rows = {0};
    int wrong = ctl_contexts_read (c, &contexts);
    json_t *all = json_object_get (top (&contexts), "contexts"), *value;
    const char *current = json_string_value (json_object_get (top (&contexts), "current"));
    _free_ struct row *kept = ctl_memory (json_object_size (all) * sizeof *kept);
    const char *name;

    if (wrong)
        return wrong;
    rows.rows = ctl_memory (json_object_size (all) * sizeof *rows.rows);
    json_object_foreach (all, name, value)
    {
        const char *endpoint = json_string_value (json_object_get (value, "endpoint"));
        kept[rows.count] = (struct row){name, endpoint ? endpoint : "",
                                        current && strcmp (current, name) == 0};
        rows.rows[rows.count] = &kept[rows.count];
        rows.count++;
    }
    ctl_show_rows (c, &shape, &rows);
    return CTL_DONE;
}

/* refs.c - names at the source and the target: reading, making equal, cleaning up.
 *
 * What must go goes first, in a transaction of its own: a name that becomes the folder of
 * another (a, then a/b) cannot be both in one.
 */
#include "client/agents/git/process.h"
#include "client/agents/git/refs.h"

#include <stdio.h>
#include <string.h>

struct ref {
    const char *line, *oid, *name, *symbolic;
    size_t line_size, oid_size, name_size, symbolic_size;
};

static enum git_end list_refs (struct git_work *work, const char *dir, const char *below,
                               struct git_text *ret_refs)
{
    struct git_call call = {
        .stage = {{dir,
                   {"for-each-ref", "--format=%(objectname) %(refname) %(symref)", below}}},
        .sink = git_sink_text,
        .to = ret_refs,
    };

    return git_must (work, &call, "refs cannot be listed");
}

static enum git_end read_word (struct git_work *work, const struct git_stage *stage,
                               char ret_word[GIT_HEAD_MAX], bool *ret_found)
{
    _git_text_ struct git_text text = {0};
    struct git_call call = {.stage = {*stage}, .sink = git_sink_text, .to = &text};
    enum git_end end = git_run (work, &call);
    size_t size = text.data ? strcspn (text.data, "\n") : 0;

    *ret_found = !end && call.status[0] == 0 && size > 0 && size < GIT_HEAD_MAX;
    ret_word[0] = '\0';
    if (*ret_found)
        (void)snprintf (ret_word, GIT_HEAD_MAX, "%.*s", (int)size, text.data);
    return end;
}

enum git_end git_head_read (struct git_work *work, const char *dir, char ret_head[GIT_HEAD_MAX])
{
    struct git_stage symbolic = {dir, {"symbolic-ref", "-q", "HEAD"}};
    struct git_stage detached = {dir, {"rev-parse", "-q", "--verify", "HEAD"}};
    bool found;
    enum git_end end = read_word (work, &symbolic, ret_head, &found);

    return end || found ? end : read_word (work, &detached, ret_head, &found);
}

/* The next line of a list. False at its end. */
static bool next_ref (const struct git_text *refs, size_t *at, struct ref *ret)
{
    const char *line, *end, *blank;

    if (*at >= refs->size)
        return false;
    line = refs->data + *at;
    end = memchr (line, '\n', refs->size - *at);
    end = end ? end : refs->data + refs->size;
    *at = (size_t)(end - refs->data) + 1;
    *ret = (struct ref){.line = line, .line_size = (size_t)(end - line), .oid = line};
    blank = memchr (line, ' ', ret->line_size);
    if (!blank)
        return false;
    ret->oid_size = (size_t)(blank - line);
    ret->name = blank + 1;
    blank = memchr (ret->name, ' ', (size_t)(end - ret->name));
    blank = blank ? blank : end;
    ret->name_size = (size_t)(blank - ret->name);
    ret->symbolic = blank < end ? blank + 1 : end;
    ret->symbolic_size = (size_t)(end - ret->symbolic);
    return true;
}

static int compare (const struct ref *a, const struct ref *b)
{
    size_t size = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = memcmp (a->name, b->name, size);

    return order ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

static bool is_below (const struct ref *ref, const char *prefix)
{
    size_t size = strlen (prefix);

    return ref->name_size > size && memcmp (ref->name, prefix, size) == 0;
}

enum git_end git_refs_read (struct git_work *work, const char *dir, struct git_text *ret_refs)
{
    _git_text_ struct git_text all = {0};
    enum git_end end = list_refs (work, dir, NULL, &all);
    struct ref ref;

    /* A part of a text that fitted. */
    for (size_t at = 0; !end && next_ref (&all, &at, &ref);)
        if (!is_below (&ref, GIT_OWN_REFS))
            (void)git_text_print (ret_refs, "%.*s\n", (int)ref.line_size, ref.line);
    return end;
}

struct changes {
    struct git_text gone, set; /* lines for update-ref */
    bool fits;
};

static void remove_ref (struct changes *changes, const struct ref *ref)
{
    changes->fits =
        changes->fits && git_text_print (&changes->gone, "option no-deref\ndelete %.*s\n",
                                         (int)ref->name_size, ref->name);
}

static void set_ref (struct changes *changes, const struct ref *ref)
{
    if (ref->symbolic_size)
        return; /* once all others are there */
    changes->fits =
        changes->fits &&
        git_text_print (&changes->set, "option no-deref\nupdate %.*s %.*s\n",
                        (int)ref->name_size, ref->name, (int)ref->oid_size, ref->oid);
}

static void change_ref (struct changes *changes, const struct ref *from, const struct ref *to)
{
    if (from->line_size == to->line_size && memcmp (from->line, to->line, to->line_size) == 0)
        return;
    if (from->symbolic_size || to->symbolic_size)
        remove_ref (changes, from);
    set_ref (changes, to);
}

/* Both lists are ordered by name. */
static void find_changes (const struct git_text *wanted, const struct git_text *present,
                          struct changes *ret)
{
    struct ref want, have;
    size_t want_at = 0, have_at = 0;
    bool wants = next_ref (wanted, &want_at, &want), has = next_ref (present, &have_at, &have);

    while (wants || has) {
        int order = !has ? -1 : !wants ? 1 : compare (&want, &have);
        if (order < 0)
            set_ref (ret, &want);
        else if (order > 0)
            remove_ref (ret, &have);
        else
            change_ref (ret, &have, &want);
        if (order <= 0)
            wants = next_ref (wanted, &want_at, &want);
        if (order >= 0)
            has = next_ref (present, &have_at, &have);
    }
}

static enum git_end set_symbolic (struct git_work *work, const char *name, const char *to)
{
    struct git_call call = {.stage = {{work->target.dir, {"symbolic-ref", name, to}}},
                            .is_brief = true};

    /* No transaction of git takes in a symbolic ref everywhere: all that can be had is to see
     * that the fence was ours before and is after. */
    enum git_end end = git_fence_check (work);

    end = end ? end : git_must (work, &call, "target's symbolic ref cannot be set");
    return end ? end : git_fence_check (work);
}

static enum git_end set_all_symbolic (struct git_work *work, const struct git_text *refs)
{
    char name[GIT_HEAD_MAX], to[GIT_HEAD_MAX];
    enum git_end end = GIT_GO_ON;
    struct ref ref;

    for (size_t at = 0; !end && next_ref (refs, &at, &ref);) {
        if (!ref.symbolic_size)
            continue;
        if (ref.name_size >= sizeof name || ref.symbolic_size >= sizeof to)
            return git_say (work, GIT_FAIL, "source has a symbolic ref with too long a name");
        (void)snprintf (name, sizeof name, "%.*s", (int)ref.name_size, ref.name);
        (void)snprintf (to, sizeof to, "%.*s", (int)ref.symbolic_size, ref.symbolic);
        end = set_symbolic (work, name, to);
    }
    return end;
}

static enum git_end set_head (struct git_work *work, const char *head)
{
    _git_text_ struct git_text line = {0};

    if (strncmp (head, "refs/", 5) == 0)
        return set_symbolic (work, "HEAD", head);
    if (*head)
        (void)git_text_print (&line, "option no-deref\nupdate HEAD %s\n", head);
    return git_refs_change (work, &line);
}

enum git_end git_refs_mirror (struct git_work *work, const struct git_text *refs,
                              const char *head)
{
    _git_text_ struct git_text present = {0};
    struct changes changes = {.fits = true};
    enum git_end end = git_refs_read (work, work->target.dir, &present);

    if (end)
        return end;
    find_changes (refs, &present, &changes);
    if (!changes.fits)
        end = git_say (work, GIT_FAIL, "source has a ref with too long a name");
    end = end ? end : git_refs_change (work, &changes.gone);
    end = end ? end : git_refs_change (work, &changes.set);
    git_text_done (&changes.gone);
    git_text_done (&changes.set);
    end = end ? end : set_all_symbolic (work, refs);
    return end ? end : set_head (work, head);
}

enum git_end git_refs_clean (struct git_work *work)
{
    _git_text_ struct git_text refs = {0}, lines = {0};
    size_t prefix = strlen (work->prefix);
    enum git_end end = list_refs (work, work->target.dir, work->prefix, &refs);
    struct ref ref;

    if (end)
        return end;
    for (size_t at = 0; next_ref (&refs, &at, &ref);) {
        if (ref.name_size == prefix + 5 && memcmp (ref.name + prefix, "fence", 5) == 0)
            continue;
        (void)git_text_print (&lines, "delete %.*s\n", (int)ref.name_size, ref.name);
    }
    return git_refs_change (work, &lines);
}

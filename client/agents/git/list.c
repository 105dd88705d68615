/* list.c - all commits of a repository, parents before children, and the tips of any beginning.
 */
#include "client/agents/git/list.h"
#include "client/agents/git/process.h"
#include "client/agents/git/refs.h"

#include <stdlib.h>
#include <string.h>

#define COMMITS_MAX (UINT32_C (1) << 28)

void git_list_done (struct git_list *list)
{
    git_text_done (&list->text);
    free (list->commit);
    free (list->parent);
    free (list->slot);
    free (list->covered);
    *list = (struct git_list){0};
}

/* Object ids are digests already: some of their digits are as good as any hash of them. */
static uint32_t hash (const char *oid)
{
    uint32_t h = 0;

    for (int i = 0; i < 8; i++)
        h = h << 4 | (uint32_t)((oid[i] & 0xf) + (oid[i] > '9' ? 9 : 0));
    return h;
}

static uint32_t *slot_of (const struct git_list *list, const char *oid)
{
    uint32_t at = hash (oid) & (list->slots - 1);

    while (list->slot[at] &&
           memcmp (list->commit[list->slot[at] - 1].oid, oid, list->width) != 0)
        at = (at + 1) & (list->slots - 1);
    return &list->slot[at];
}

static bool is_oid (const char *at, size_t width)
{
    return strspn (at, "0123456789abcdef") == width;
}

/* One line: the commit, then its parents, each after a blank. Returns the next line or NULL. */
static const char *parse_line (struct git_list *list, const char *at, uint32_t *parents)
{
    struct git_commit *commit = &list->commit[list->count];
    uint32_t *slot, *known;

    if (!is_oid (at, list->width))
        return NULL;
    slot = slot_of (list, at);
    if (*slot)
        return NULL;
    *commit = (struct git_commit){.oid = at, .parents_at = *parents};
    for (at += list->width; *at == ' '; at += list->width) {
        if (!is_oid (++at, list->width))
            return NULL;
        known = slot_of (list, at);
        if (!*known)
            return NULL;
        list->parent[(*parents)++] = *known - 1;
        commit->parents++;
    }
    if (*at != '\n')
        return NULL;
    *slot = ++list->count;
    commit->line_end = (size_t)(at + 1 - list->text.data);
    return at + 1;
}

static void count (const struct git_text *text, uint32_t *ret_lines, uint32_t *ret_blanks)
{
    *ret_lines = *ret_blanks = 0;
    for (size_t i = 0; i < text->size; i++) {
        *ret_lines += text->data[i] == '\n';
        *ret_blanks += text->data[i] == ' ';
    }
}

bool git_list_parse (struct git_list *list)
{
    const char *at = list->text.size ? list->text.data : "";
    uint32_t lines, blanks, parents = 0;

    count (&list->text, &lines, &blanks);
    list->width = strcspn (at, " \n");
    if (lines > COMMITS_MAX || (lines && (list->width < 8 || list->width > GIT_OID_MAX)))
        return false;
    for (list->slots = 16; list->slots < lines * 2;)
        list->slots *= 2;
    list->commit = git_memory (lines, sizeof *list->commit);
    list->parent = git_memory (blanks, sizeof *list->parent);
    list->covered = git_memory (lines, sizeof *list->covered);
    list->slot = git_memory (list->slots, sizeof *list->slot);
    while (at && *at)
        at = parse_line (list, at, &parents);
    return at && list->count == lines;
}

enum git_end git_list_read (struct git_work *work, struct git_list *ret_list)
{
    struct git_call call = {
        .stage = {{work->source.dir,
                   {"rev-list", "--topo-order", "--reverse", "--parents",
                    "--exclude=" GIT_OWN_REFS "*", "--all"}}},
        .sink = git_sink_text,
        .to = &ret_list->text,
    };
    enum git_end end = git_must (work, &call, "source's commits cannot be listed");

    if (end)
        return end;
    if (!git_list_parse (ret_list))
        return git_say (work, GIT_FAIL, "source's list of commits cannot be understood");
    return GIT_GO_ON;
}

static void add_line (const struct git_list *list, struct git_text *text, uint32_t commit)
{
    /* At most the list's own text, which fitted. */
    (void)git_text_add (text, list->commit[commit].oid, list->width);
    (void)git_text_add (text, "\n", 1);
}

void git_list_advance (struct git_list *list, uint32_t to, struct git_text *ret_base,
                       struct git_text *ret_ended)
{
    uint32_t from = list->position;

    for (uint32_t i = from; i < to; i++) {
        const struct git_commit *commit = &list->commit[i];
        for (uint32_t k = 0; k < commit->parents; k++) {
            uint32_t parent = list->parent[commit->parents_at + k];
            if (ret_base && parent < from)
                add_line (list, ret_base, parent);
            if (ret_ended && parent < from && !list->covered[parent])
                add_line (list, ret_ended, parent);
            list->covered[parent] = true;
        }
    }
    list->position = to;
}

void git_list_tips (const struct git_list *list, uint32_t from, struct git_text *ret_tips)
{
    for (uint32_t i = from; i < list->position; i++)
        if (!list->covered[i])
            add_line (list, ret_tips, i);
}

enum git_end git_list_digest (struct git_work *work, const struct git_list *list,
                              uint32_t number, char ret_digest[GIT_OID_MAX + 1])
{
    _git_text_ struct git_text text = {0};
    struct git_call call = {
        .stage = {{work->source.dir, {"hash-object", "--stdin", "--no-filters"}}},
        .feed = list->text.data,
        .feed_size = number ? list->commit[number - 1].line_end : 0,
        .sink = git_sink_text,
        .to = &text,
    };
    enum git_end end = git_must (work, &call, "source's list cannot be digested");
    size_t width;

    if (end)
        return end;
    width = strcspn (text.data ? text.data : "", "\n");
    if (width == 0 || width > GIT_OID_MAX)
        return git_say (work, GIT_FAIL, "source's list cannot be digested");
    memcpy (ret_digest, text.data, width);
    ret_digest[width] = '\0';
    return GIT_GO_ON;
}

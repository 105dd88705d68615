/* prove.c - the last step: the target holds what the source holds. */
#include "client/agents/git/process.h"
#include "client/agents/git/prove.h"
#include "client/agents/git/refs.h"

#include <string.h>
#include <sys/wait.h>

#define FSCK_ERROR 1 /* fsck's exit status: an object is ill-formed; other bits: missing, */
                     /* unreadable, broken packs or refs */

static bool is_equal (const struct git_text *a, const struct git_text *b)
{
    return a->size == b->size && (a->size == 0 || memcmp (a->data, b->data, a->size) == 0);
}

static enum git_end is_as_said (struct git_work *work, const char *dir,
                                const struct git_text *refs, const char *head, bool *ret)
{
    _git_text_ struct git_text now = {0};
    char head_now[GIT_HEAD_MAX];
    enum git_end end = git_refs_read (work, dir, &now);

    end = end ? end : git_head_read (work, dir, head_now);
    *ret = !end && is_equal (&now, refs) && strcmp (head, head_now) == 0;
    return end;
}

static enum git_end prove_refs (struct git_work *work, const struct git_text *refs,
                                const char *head)
{
    bool is_same;
    enum git_end end = is_as_said (work, work->source.dir, refs, head, &is_same);

    if (end)
        return end;
    if (!is_same)
        return git_say (work, GIT_RETRY, "the source changed while it was moved");
    end = is_as_said (work, work->target.dir, refs, head, &is_same);
    if (!end && !is_same)
        return git_say (work, GIT_RETRY, "somebody else changes the target's refs");
    return end;
}

static enum git_end fsck (struct git_work *work, const char *dir, struct git_call *ret_call,
                          int *ret_status)
{
    enum git_end end;

    *ret_call = (struct git_call){
        .stage = {{dir, {"fsck", "--full", "--strict", "--no-dangling", "--no-progress"}}},
    };
    end = git_run (work, ret_call);
    *ret_status = WIFEXITED (ret_call->status[0]) ? WEXITSTATUS (ret_call->status[0]) : 255;
    return end;
}

static enum git_end prove_health (struct git_work *work)
{
    struct git_call call, other;
    int status, source_status = 0;
    enum git_end end = fsck (work, work->target.dir, &call, &status);

    if (!end && status == FSCK_ERROR)
        end = fsck (work, work->source.dir, &other, &source_status);
    if (end || status == 0 || (status == FSCK_ERROR && source_status & FSCK_ERROR))
        return end;
    return git_blame (work, &call, "target is not healthy");
}

struct census {
    uint64_t lines, missing;
    char line[GIT_OID_MAX + 32];
    size_t size;
};

/* cat-file prints "<type>", or "<object id> missing". */
static bool count_lines (void *to, const char *data, size_t size)
{
    struct census *census = to;

    for (size_t i = 0; i < size; i++) {
        if (data[i] != '\n') {
            if (census->size < sizeof census->line)
                census->line[census->size++] = data[i];
            continue;
        }
        census->lines++;
        census->missing += memchr (census->line, ' ', census->size) != NULL;
        census->size = 0;
    }
    return true;
}

static enum git_end prove_objects (struct git_work *work, uint64_t *ret_objects)
{
    struct census census = {0};
    struct git_call call = {
        .stage = {{work->source.dir,
                   {"rev-list", "--objects", "--no-object-names", "--exclude=" GIT_OWN_REFS "*",
                    "--all"}},
                  {work->target.dir, {"cat-file", "--batch-check=%(objecttype)"}}},
        .sink = count_lines,
        .to = &census,
    };
    enum git_end end = git_must (work, &call, "target cannot be compared with the source");

    if (end)
        return end;
    if (census.missing)
        return git_say (work, GIT_FAIL, "target lacks %llu of %llu objects",
                        (unsigned long long)census.missing, (unsigned long long)census.lines);
    *ret_objects = census.lines;
    return GIT_GO_ON;
}

static uint64_t count_refs (const struct git_text *refs)
{
    uint64_t count = 0;

    for (size_t i = 0; i < refs->size; i++)
        count += refs->data[i] == '\n';
    return count;
}

enum git_end git_prove (struct git_work *work, const struct git_text *refs, const char *head,
                        struct git_proof *ret_proof)
{
    enum git_end end = prove_refs (work, refs, head);

    end = end ? end : prove_health (work);
    end = end ? end : prove_objects (work, &ret_proof->objects);
    ret_proof->refs = count_refs (refs);
    return end;
}

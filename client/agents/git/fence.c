/* fence.c - the fencing number at the target, and the transactions it guards.
 *
 * The number is the text of a blob, and the ref <prefix>fence points at it. Raising it is a
 * compare-and-swap; every other transaction verifies the ref, which also locks it.
 */
#include "client/agents/git/process.h"
#include "client/agents/git/refs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLAIMS 5 /* each further one means that another attempt came between */

struct fence {
    char blob[GIT_OID_MAX + 1]; /* empty: there is none */
    uint64_t number;
};

/* "<object id> blob <size>\n<number>\n", or "<name> missing\n". */
static bool parse_fence (const char *text, struct fence *ret)
{
    size_t width = strcspn (text, " ");
    const char *line = strchr (text, '\n');

    *ret = (struct fence){0};
    if (!line)
        return false;
    if (strncmp (line - (line - text >= 8 ? 8 : 0), " missing", 8) == 0)
        return true;
    if (width > GIT_OID_MAX || strncmp (text + width, " blob ", 6) != 0)
        return false;
    memcpy (ret->blob, text, width);
    ret->number = strtoull (line + 1, NULL, 10);
    return true;
}

static enum git_end read_fence (struct git_work *work, struct fence *ret)
{
    _git_text_ struct git_text name = {0}, text = {0};
    struct git_call call = {
        .stage = {{work->target.dir, {"cat-file", "--batch"}}},
        .sink = git_sink_text,
        .to = &text,
    };
    enum git_end end;

    (void)git_text_print (&name, "%sfence\n", work->prefix);
    call.feed = name.data, call.feed_size = name.size;
    end = git_must (work, &call, "target's fence cannot be read");
    if (end)
        return end;
    if (!parse_fence (text.data ? text.data : "", ret))
        return git_say (work, GIT_FAIL, "target's %sfence is not a fence", work->prefix);
    return GIT_GO_ON;
}

static enum git_end write_number (struct git_work *work)
{
    _git_text_ struct git_text number = {0}, text = {0};
    struct git_call call = {
        .stage = {{work->target.dir, {"hash-object", "-w", "--stdin", "--no-filters"}}},
        .sink = git_sink_text,
        .to = &text,
        .is_brief = true,
    };
    enum git_end end;
    size_t width;

    (void)git_text_print (&number, "%" PRIu64 "\n", work->task->fence);
    call.feed = number.data, call.feed_size = number.size;
    end = git_must (work, &call, "target cannot be written");
    if (end)
        return end;
    width = strcspn (text.data ? text.data : "", "\n");
    if (width == 0 || width > GIT_OID_MAX)
        return git_say (work, GIT_FAIL, "target cannot be written: no object id");
    memcpy (work->fence_blob, text.data, width);
    work->fence_blob[width] = '\0';
    return GIT_GO_ON;
}

static enum git_end transact (struct git_work *work, const struct git_text *lines,
                              bool *ret_done, struct git_call *ret_call)
{
    _git_text_ struct git_text feed = {0};
    enum git_end end;
    bool fits;

    /* With "start", what ends before "commit" is undone: an agent that dies leaves no half. */
    fits = git_text_print (&feed, "start\n") &&
           git_text_add (&feed, lines->data, lines->size) &&
           git_text_print (&feed, "prepare\ncommit\n");
    if (!fits)
        return git_say (work, GIT_FAIL, "target's refs are more than can be changed at once");
    *ret_call = (struct git_call){
        .stage = {{work->target.dir, {"update-ref", "--stdin"}}},
        .feed = feed.data,
        .feed_size = feed.size,
        .is_brief = true,
    };
    end = git_run (work, ret_call);
    *ret_done = !end && ret_call->status[0] == 0;
    return end;
}

static enum git_end taken_over (struct git_work *work)
{
    return git_say (work, GIT_STOPPED, "a later attempt has taken over at the target");
}

static enum git_end raise_fence (struct git_work *work, const struct fence *from,
                                 bool *ret_done, struct git_call *ret_call)
{
    _git_text_ struct git_text lines = {0};
    char none[GIT_OID_MAX + 1] = "";

    memset (none, '0', strlen (work->fence_blob));
    (void)git_text_print (&lines, "update %sfence %s %s\n", work->prefix, work->fence_blob,
                          from->blob[0] ? from->blob : none);
    return transact (work, &lines, ret_done, ret_call);
}

enum git_end git_fence_claim (struct git_work *work)
{
    struct git_call call = {0};
    struct fence fence, before = {0};
    bool done = false;
    enum git_end end = write_number (work);

    for (int i = 0; !end && !done; i++) {
        end = read_fence (work, &fence);
        if (!end && fence.number > work->task->fence)
            return taken_over (work);
        if (!end && strcmp (fence.blob, work->fence_blob) == 0)
            return GIT_GO_ON;
        /* Another attempt may have come between, and each time it raised the number. */
        if (!end && i > 0 && strcmp (fence.blob, before.blob) == 0)
            return git_blame (work, &call, "target cannot be fenced");
        before = fence;
        end = end ? end : raise_fence (work, &fence, &done, &call);
    }
    return end;
}

/* Why did a guarded transaction fail: because the fence is no longer ours, or for git's reason?
 */
static enum git_end explain (struct git_work *work, const struct git_call *call)
{
    struct fence fence;
    enum git_end end = read_fence (work, &fence);

    if (end)
        return end;
    if (strcmp (fence.blob, work->fence_blob) != 0)
        return taken_over (work);
    return git_blame (work, call, "target's refs cannot be changed");
}

enum git_end git_refs_change (struct git_work *work, const struct git_text *lines)
{
    _git_text_ struct git_text guarded = {0};
    struct git_call call;
    enum git_end end;
    bool done;

    if (lines->size == 0)
        return GIT_GO_ON;
    (void)git_text_print (&guarded, "verify %sfence %s\n", work->prefix, work->fence_blob);
    if (!git_text_add (&guarded, lines->data, lines->size))
        return git_say (work, GIT_FAIL, "target's refs are more than can be changed at once");
    end = transact (work, &guarded, &done, &call);
    return end || done ? end : explain (work, &call);
}

enum git_end git_fence_check (struct git_work *work)
{
    struct fence fence;
    enum git_end end = read_fence (work, &fence);

    return end || strcmp (fence.blob, work->fence_blob) == 0 ? end : taken_over (work);
}

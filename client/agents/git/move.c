/* move.c - one attempt, from where the last checkpoint left it to the proof.
 *
 * The order of a range is what makes a kill at any point harmless: objects, then the refs that
 * hold them, then the checkpoint; and the refs that only held the range before go after it.
 */
#include "client/agents/git/list.h"
#include "client/agents/git/process.h"
#include "client/agents/git/prove.h"
#include "client/agents/git/provision.h"
#include "client/agents/git/refs.h"
#include "client/agents/git/repository.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 3 /* a source that changes each time is left for a quieter hour */
#define RESUME "git-move 1 %" SCNu32 " %" SCNu32 " %64[0-9a-f]"

struct move {
    struct git_work *work;
    struct git_text refs; /* the source's, as this round found them */
    char head[GIT_HEAD_MAX];
    struct git_list list;
    char digest[GIT_OID_MAX + 1]; /* of the whole list */
    struct git_text ended;        /* tips that end with the range before the next */
    uint32_t moved;               /* commits this attempt moved */
    bool has_restarted;
};

static void move_done (struct move *move)
{
    git_text_done (&move->refs);
    git_list_done (&move->list);
    git_text_done (&move->ended);
}

/* Adds "<before><line>" for each line of 'lines', or "<before><line> <line>". */
static bool add_lines (struct git_text *to, const struct git_text *lines, const char *before,
                       bool is_twice)
{
    for (const char *at = lines->data; at && *at; at += strcspn (at, "\n") + 1) {
        int width = (int)strcspn (at, "\n");
        if (!git_text_print (to, "%s%.*s%s%.*s\n", before, width, at, is_twice ? " " : "",
                             is_twice ? width : 0, at))
            return false;
    }
    return true;
}

/* Sends the objects reachable from 'revs' (lines; "^" excludes) as one pack. */
static enum git_end send_objects (struct git_work *work, const struct git_text *revs)
{
    struct git_call call = {
        .stage = {{work->source.dir,
                   {"pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset",
                    "--threads=1"}},
                  {work->target.dir, {"index-pack", "--stdin", "--threads=1"}}},
        .feed = revs->data,
        .feed_size = revs->size,
    };

    return revs->size ? git_must (work, &call, "objects cannot be moved") : GIT_GO_ON;
}

static enum git_end too_much (struct git_work *work)
{
    return git_say (work, GIT_FAIL, "source is larger than this agent can list");
}

static enum git_end move_range (struct move *move, uint32_t to)
{
    _git_text_ struct git_text base = {0}, tips = {0}, ended = {0}, revs = {0}, changes = {0};
    struct git_work *work = move->work;
    char hold[200], drop[200];
    uint32_t from = move->list.position;
    enum git_end end;

    git_list_advance (&move->list, to, &base, &ended);
    git_list_tips (&move->list, from, &tips);
    (void)snprintf (hold, sizeof hold, "update %stip/", work->prefix);
    (void)snprintf (drop, sizeof drop, "delete %stip/", work->prefix);
    if (!add_lines (&revs, &tips, "", false) || !add_lines (&revs, &base, "^", false))
        return too_much (work);
    if (!add_lines (&changes, &tips, hold, true) ||
        !add_lines (&changes, &move->ended, drop, false))
        return too_much (work);
    end = send_objects (work, &revs);
    end = end ? end : git_refs_change (work, &changes);
    git_text_done (&move->ended);
    move->ended = ended;
    ended = (struct git_text){0};
    return end;
}

static enum git_end checkpoint (struct move *move)
{
    const struct git_task *task = move->work->task;
    const struct git_list *list = &move->list;
    char resume[GIT_OID_MAX + 64], mark[GIT_OID_MAX + 1];
    int size, r;

    size = snprintf (resume, sizeof resume, "git-move 1 %" PRIu32 " %" PRIu32 " %s",
                     list->position, list->count, move->digest);
    (void)snprintf (mark, sizeof mark, "%.*s", (int)list->width,
                    list->commit[list->position - 1].oid);
    r = task->checkpoint (task->self, resume, (size_t)size, mark, list->position, list->count);
    if (r == -ESTALE)
        return git_say (move->work, GIT_STOPPED, "the attempt is no longer this agent's");
    if (r == -EEXIST)
        return git_say (move->work, GIT_STOPPED,
                        "the yard has another checkpoint in its place");
    if (r == -EINVAL)
        return git_say (move->work, GIT_FAIL, "the yard will never take this checkpoint");
    if (r < 0)
        return git_say (move->work, GIT_RETRY, "checkpoint was not taken: %s", strerror (-r));
    return GIT_GO_ON;
}

/* Everything the first 'position' commits are is reachable from the target's refs. */
static enum git_end is_held (struct move *move, bool *ret_held)
{
    _git_text_ struct git_text tips = {0}, loose = {0};
    struct git_call call = {
        .stage = {{move->work->target.dir,
                   {"rev-list", "--max-count=1", "--stdin", "--not", "--all"}}},
        .sink = git_sink_text,
        .to = &loose,
    };
    enum git_end end;

    git_list_tips (&move->list, 0, &tips);
    call.feed = tips.data, call.feed_size = tips.size;
    end = git_run (move->work, &call);
    *ret_held = !end && call.status[0] == 0 && loose.size == 0;
    return end;
}

static bool read_resume (const struct git_task *task, uint32_t *ret_position,
                         uint32_t *ret_count, char ret_digest[GIT_OID_MAX + 1])
{
    char text[GIT_OID_MAX + 64];

    if (task->resume_size == 0 || task->resume_size >= sizeof text)
        return false;
    memcpy (text, task->resume, task->resume_size);
    text[task->resume_size] = '\0';
    return sscanf (text, RESUME, ret_position, ret_count, ret_digest) == 3;
}

/* Goes to the position of the last checkpoint if the list up to there is still the same and the
 * target still holds it; else the beginning is right, only slower. */
static enum git_end take_up (struct move *move, const char *resumed, uint32_t position,
                             uint32_t count)
{
    char digest[GIT_OID_MAX + 1];
    enum git_end end = GIT_GO_ON;
    bool is_good = position <= count && count <= move->list.count;

    if (position == 0)
        return GIT_GO_ON;
    if (is_good)
        end = git_list_digest (move->work, &move->list, count, digest);
    if (end)
        return end;
    is_good = is_good && strcmp (digest, resumed) == 0;
    if (is_good) {
        git_list_advance (&move->list, position, NULL, NULL);
        end = is_held (move, &is_good);
    }
    if (!end && !is_good) {
        move->has_restarted = true;
        move->list.position = 0;
        memset (move->list.covered, 0, move->list.count * sizeof *move->list.covered);
    }
    return end;
}

/* Reads the source afresh. 'resumed' and so on say how far the target is. */
static enum git_end survey (struct move *move)
{
    struct git_work *work = move->work;
    char resumed[GIT_OID_MAX + 1] = "";
    uint32_t position = move->list.position, count = move->list.count;
    bool goes_on = count > 0;
    enum git_end end;

    memcpy (resumed, move->digest, sizeof resumed);
    if (!goes_on)
        goes_on = read_resume (work->task, &position, &count, resumed);
    move_done (move);
    end = git_refs_read (work, work->source.dir, &move->refs);
    end = end ? end : git_head_read (work, work->source.dir, move->head);
    end = end ? end : git_list_read (work, &move->list);
    end = end ? end : git_list_digest (work, &move->list, move->list.count, move->digest);
    if (end || !goes_on)
        return end;
    return take_up (move, resumed, position, count);
}

static enum git_end move_commits (struct move *move)
{
    const struct git_task *task = move->work->task;
    struct git_list *list = &move->list;
    enum git_end end = GIT_GO_ON;

    task->progress (task->self, list->position, list->count);
    while (!end && list->position < list->count) {
        uint32_t left = list->count - list->position, range = move->work->settings.range;
        uint32_t step = left < range ? left : range;
        if (git_should_stop (move->work))
            return git_say (move->work, GIT_STOPPED, "stopped");
        move->work->is_in_range = true;
        end = move_range (move, list->position + step);
        end = end ? end : checkpoint (move);
        move->work->is_in_range = false;
        if (end)
            break;
        move->moved += step;
        task->progress (task->self, list->position, list->count);
        if (move->work->settings.pace_ms)
            end = git_pause (move->work, move->work->settings.pace_ms);
    }
    return end;
}

/* What refs point at and no commit reaches: tag objects, tagged trees and blobs. */
static enum git_end move_rest (struct move *move)
{
    _git_text_ struct git_text revs = {0}, tips = {0};
    const char *at = move->refs.data;

    for (; at && *at; at += strcspn (at, "\n") + 1)
        if (!git_text_add (&revs, at, strcspn (at, " ")) || !git_text_add (&revs, "\n", 1))
            return too_much (move->work);
    git_list_tips (&move->list, 0, &tips);
    if (!add_lines (&revs, &tips, "^", false))
        return too_much (move->work);
    return send_objects (move->work, &revs);
}

static enum git_end is_changed (struct move *move, bool *ret_changed)
{
    _git_text_ struct git_text refs = {0};
    char head[GIT_HEAD_MAX];
    enum git_end end = git_refs_read (move->work, move->work->source.dir, &refs);

    end = end ? end : git_head_read (move->work, move->work->source.dir, head);
    *ret_changed = !end && (refs.size != move->refs.size || strcmp (head, move->head) != 0 ||
                            (refs.size && memcmp (refs.data, move->refs.data, refs.size) != 0));
    return end;
}

static enum git_end move_all (struct move *move)
{
    bool has_changed = true;
    enum git_end end = GIT_GO_ON;

    for (int i = 0; i < ROUNDS && has_changed && !end; i++) {
        end = survey (move);
        end = end ? end : move_commits (move);
        end = end ? end : is_changed (move, &has_changed);
    }
    if (!end && has_changed)
        return git_say (move->work, GIT_RETRY, "the source changed while it was moved");
    return end;
}

static enum git_end finish (struct move *move)
{
    struct git_work *work = move->work;
    struct git_proof proof = {0};
    enum git_end end = move_rest (move);

    end = end ? end : git_refs_mirror (work, &move->refs, move->head);
    end = end ? end : git_refs_clean (work);
    end = end ? end : git_prove (work, &move->refs, move->head, &proof);
    end = end ? end : git_hand_over (work);
    if (end)
        return end;
    return git_say (
        work, GIT_DONE,
        "%" PRIu32 " commits (%" PRIu32 " in this attempt%s), %" PRIu64 " objects and %" PRIu64
        " refs are at the target; refs are equal, fsck finds "
        "nothing missing, every object of the source is there",
        move->list.count, move->moved,
        move->has_restarted ? ", from the beginning: the source or the target changed" : "",
        proof.objects, proof.refs);
}

enum git_end git_move (const struct git_task *task, char *ret_sentence, size_t size)
{
    struct git_work work;
    struct move move = {.work = &work};
    enum git_end end = git_begin (&work, task, ret_sentence, size);

    end = end ? end : git_open_source (&work);
    end = end ? end : git_open_target (&work);
    end = end ? end : git_fence_claim (&work);
    end = end ? end : move_all (&move);
    end = end ? end : finish (&move);
    move_done (&move);
    return end;
}

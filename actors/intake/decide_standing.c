/* decide_standing.c - what stands in the way of a job that does not wait. */
#include "actors/intake/decide_act.h"

static struct ym_blocker_row *add_row (struct ym_blocker_row *rows, size_t *count,
                                       uint32_t code, int64_t since)
{
    struct ym_blocker_row *row = &rows[(*count)++];

    *row = (struct ym_blocker_row){.code = code, .since = since};
    (void)ym_text_copy (row->subject, sizeof row->subject, "job");
    return row;
}

static void standing_suspended (const struct why *w, struct ym_blocker_row *row)
{
    (void)ym_text_copy (row->wanted, sizeof row->wanted, "QUEUED");
    (void)ym_text_format (row->have, sizeof row->have, "SUSPENDED by %s",
                          ym_enum_word (YM_ENUM_SUSPENDER, w->suspender));
    (void)ym_text_copy (row->lifted_by, sizeof row->lifted_by,
                        w->suspender == YM_OWNER ? "a key of its tenant: job resume"
                                                 : "an operator: job resume");
}

static void standing_elsewhere (const struct why *w, struct ym_blocker_row *row)
{
    (void)ym_text_copy (row->wanted, sizeof row->wanted, "QUEUED");
    (void)ym_text_copy (row->have, sizeof row->have,
                        ym_life_state_name (&ym_job_life, w->state));
    if (ym_life_is_final (&ym_job_life, w->state))
        (void)ym_text_copy (row->lifted_by, sizeof row->lifted_by, "nobody: it has ended");
    else
        (void)ym_text_format (row->lifted_by, sizeof row->lifted_by,
                              "its agent %.*s: it is under way", (int)w->agent.size,
                              w->agent.at);
}

static void standing_held (const struct why *w, struct ym_blocker_row *row)
{
    (void)ym_text_copy (row->wanted, sizeof row->wanted, "not held");
    (void)ym_text_copy (row->have, sizeof row->have, ym_enum_word (YM_ENUM_HOLD, w->hold));
    (void)ym_text_copy (row->lifted_by, sizeof row->lifted_by,
                        w->hold == YM_BY_OPERATOR ? "an operator: job release"
                        : w->hold == YM_AT_SUBMIT ? "its owner or an operator: job release"
                                                  : "its owner or an operator: job retry");
}

static void standing_dependent (const struct why *w, struct ym_blocker_row *row)
{
    (void)ym_text_copy_str (row->subject, sizeof row->subject, w->waits_for);
    (void)ym_text_copy (row->wanted, sizeof row->wanted, "ended");
    (void)ym_text_format (row->have, sizeof row->have, "%llu of them not ended",
                          (unsigned long long)w->unmet);
    (void)ym_text_copy (row->lifted_by, sizeof row->lifted_by, "their ends");
}

size_t decide_standing (const struct why *w, struct ym_blocker_row ret[STANDING_MAX])
{
    bool is_suspended = w->state == YM_JOB_SUSPENDED;
    size_t count = 0;

    if (is_suspended)
        standing_suspended (w, add_row (ret, &count, YM_SUSPENSION, w->state_at));
    else
        standing_elsewhere (w, add_row (ret, &count, YM_NOT_WAITING, w->state_at));
    if (w->hold != YM_NOT_HELD)
        standing_held (w, add_row (ret, &count, YM_ON_HOLD, w->hold_since));
    if (w->unmet > 0)
        standing_dependent (w, add_row (ret, &count, YM_DEPENDENCY, w->state_at));
    return count;
}

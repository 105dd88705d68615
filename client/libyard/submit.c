/* submit.c - jobs are submitted, one or many.
 *
 * Each carries a request id made from the caller's key: whatever is sent twice is done once.
 */
#include <stdio.h>
#include <string.h>

#include "client/libyard/inside.h"

enum { AFTER_MAX = 8 };

/* What callers knew that were built with the first yard.h. */
#define SPEC_LEAST offsetof (yard_job_spec, urgency)

static void read_order (const yard_job_spec *s, struct check *c, struct ym_job_submit *m)
{
    if (s->urgency != 0)
        m->has |= YM_HAS (job_submit, urgency);
    m->urgency = s->urgency > 0 ? (unsigned)s->urgency : 0;
    if (s->urgency < YARD_URGENCY_ZERO)
        ym_faults_add (&c->faults, "/urgency", "range", "must be from 0 to 31");
    m->held = s->held;
    m->fixed = s->fixed;
    m->not_before = s->not_before_ms;
    m->run_limit_ms = (uint64_t)s->run_limit_ms;
    m->wait_limit_ms = (uint64_t)s->wait_limit_ms;
    m->has |= s->held ? YM_HAS (job_submit, held) : 0;
    m->has |= s->fixed ? YM_HAS (job_submit, fixed) : 0;
    m->has |= s->not_before_ms ? YM_HAS (job_submit, not_before) : 0;
    m->has |= s->run_limit_ms ? YM_HAS (job_submit, run_limit_ms) : 0;
    m->has |= s->wait_limit_ms ? YM_HAS (job_submit, wait_limit_ms) : 0;
}

static void read_after (const yard_job_spec *s, struct check *c,
                        struct ym_dependency after[AFTER_MAX], struct ym_job_submit *m)
{
    char path[64];

    if (s->after_count > AFTER_MAX) {
        ym_faults_add (&c->faults, "/after", "length", "must have as jobs at most 8");
        return;
    }
    for (size_t i = 0; i < s->after_count; i++) {
        const yard_after *one = &s->after[i];
        (void)snprintf (path, sizeof path, "/after/%zu/job", i);
        if (!one->job || !ym_id_read (one->job, &after[i].job) || after[i].job <= 0)
            ym_faults_add (&c->faults, path, "malformed", "must be job_ and 13 characters");
        (void)snprintf (path, sizeof path, "/after/%zu/condition", i);
        check_word (c, path, YM_ENUM_CONDITION, one->condition ? one->condition : "success",
                    &after[i].condition);
    }
    m->after.at = after;
    m->after.count = (uint32_t)s->after_count;
    m->has |= s->after_count ? YM_HAS (job_submit, after) : 0;
}

static yard_err_t *read_spec (const yard_job_spec *from, const char *key,
                              struct ym_dependency after[AFTER_MAX], struct ym_job_submit *m)
{
    yard_job_spec whole = {0}, *s = &whole;
    struct check c = {0};

    *m = (struct ym_job_submit){0};
    if (from->size < SPEC_LEAST)
        return error_options ("yard_job_spec: size is wrong");
    memcpy (s, from, from->size < sizeof *s ? from->size : sizeof *s);
    request_of (key, m->request);
    check_text (&c, "/name", s->name, 80, m->name);
    check_text (&c, "/kind", s->kind, 40, m->kind);
    check_word (&c, "/tier", YM_ENUM_TIER, s->tier ? s->tier : "standard", &m->tier);
    check_words (&c, "/capabilities", s->capabilities, 15, &m->capabilities);
    check_words (&c, "/regions", s->regions, 8, &m->regions);
    check_str (&c, "/source", s->source, &m->source);
    check_str (&c, "/target", s->target, &m->target);
    if (s->pool)
        check_text (&c, "/pool", s->pool, 40, m->pool);
    m->payload =
        ym_bytes (s->payload, s->payload_size < UINT32_MAX ? s->payload_size : UINT32_MAX);
    m->has |= m->capabilities.count ? YM_HAS (job_submit, capabilities) : 0;
    m->has |= m->regions.count ? YM_HAS (job_submit, regions) : 0;
    m->has |= s->pool ? YM_HAS (job_submit, pool) : 0;
    m->has |= s->payload_size ? YM_HAS (job_submit, payload) : 0;
    read_order (s, &c, m);
    read_after (s, &c, after, m);
    return check_end (&c, YM_MSG_job_submit, m);
}

struct many {
    const yard_job_spec *const *specs;
    const char *const *keys;
    yard_submitted *ret;
    struct ym_job_submit msg; /* of one item */
    struct ym_dependency after[AFTER_MAX];
};

static const void *many_next (void *me, size_t item)
{
    struct many *m = me;
    const char *key = m->keys ? m->keys[item] : NULL;
    yard_err_t *err = read_spec (m->specs[item], key, m->after, &m->msg);

    if (!err)
        return &m->msg;
    m->ret[item].err = err;
    m->ret[item].rc = yard_err_rc (err);
    return NULL;
}

static void many_done (void *me, size_t item, const void *answer, yard_err_t *take_err)
{
    struct many *m = me;
    const struct ym_job_accepted *accepted = answer;

    m->ret[item].err = take_err;
    m->ret[item].rc = take_err ? yard_err_rc (take_err) : YARD_OK;
    if (accepted)
        ym_id_print (m->ret[item].job, accepted->job);
}

yard_rc yard_job_submit_many (yard_t *y, const yard_job_spec *const *specs,
                              const char *const *keys, size_t count, yard_submitted *ret)
{
    struct many m = {.specs = specs, .keys = keys, .ret = ret};
    struct batch b = {.count = count,
                      .ask = YM_MSG_job_submit,
                      .answer = YM_MSG_job_accepted,
                      .next = many_next,
                      .done = many_done,
                      .me = &m};

    if (count > 0)
        memset (ret, 0, count * sizeof *ret);
    batch_run (y, &b);
    for (size_t i = 0; i < count; i++)
        if (ret[i].rc != YARD_OK)
            return ret[i].rc;
    return YARD_OK;
}

yard_rc yard_job_submit (yard_t *y, const yard_job_spec *spec, const char *key,
                         char ret_job[YARD_JOB_TEXT], yard_err_t **reterr)
{
    yard_submitted submitted;

    (void)yard_job_submit_many (y, &spec, &key, 1, &submitted);
    if (submitted.err)
        return error_give (submitted.err, reterr);
    memcpy (ret_job, submitted.job, YARD_JOB_TEXT);
    return YARD_OK;
}

/* read.c - what can be asked about jobs, and about the yard as a whole. */
#include <string.h>

#include "client/libyard/inside.h"

static void *make_job (const void *answer)
{
    return result_job (answer);
}

yard_rc yard_job_get (yard_t *y, const char *job, yard_job **ret, yard_err_t **reterr)
{
    struct ym_job_get msg = {0};
    struct question q = {
        .ask = YM_MSG_job_get, .answer = YM_MSG_job_status, .msg = &msg, .make = make_job};
    yard_err_t *err = read_job (job, &msg.job);

    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- lists of jobs --- */

static const yard_job_row *make_row (void *page, const struct ym_job_row *m)
{
    yard_job_row *row = result_room (page, sizeof *row);

    *row = (yard_job_row){.job = result_id (page, m->job),
                          .tenant = result_text (page, m->tenant),
                          .name = result_text (page, m->name),
                          .tier = ym_enum_word (YM_ENUM_TIER, m->tier),
                          .state = ym_life_state_name (&ym_job_life, m->state),
                          .final = ym_life_is_final (&ym_job_life, m->state),
                          .attempt = m->attempt,
                          .agent = result_text (page, m->agent),
                          .region = result_text (page, m->region),
                          .done = m->done,
                          .total = m->total,
                          .submitted_at_ms = m->submitted_at};
    return row;
}

static void *make_page (const void *answer)
{
    const struct ym_job_page *m = answer;
    yard_job_page *page = result_new (sizeof *page);
    const yard_job_row **rows = result_room (page, (m->jobs.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->jobs.count; i++)
        rows[i] = make_row (page, &m->jobs.at[i]);
    page->count = m->jobs.count;
    page->rows = rows;
    if (m->has & YM_HAS (job_page, next))
        page->next = result_id (page, m->next);
    return page;
}

void check_state (struct check *c, const char *word, int32_t *to)
{
    int state = ym_life_state_find (&ym_job_life, word, (unsigned)strnlen (word, 64));

    if (state < 0)
        ym_faults_add (&c->faults, "/state", "range", "must be a state of a job");
    *to = state;
}

static yard_err_t *read_filter (const yard_job_filter *f, struct ym_job_list *m)
{
    struct check c = {0};

    if (f->size < sizeof *f)
        return error_options ("yard_job_filter: size is wrong");
    if (f->limit > 0 && f->limit < PAGE_MAX)
        m->limit = f->limit;
    if (f->state) {
        m->has |= YM_HAS (job_list, state);
        check_state (&c, f->state, &m->state);
    }
    if (f->tier) {
        m->has |= YM_HAS (job_list, tier);
        check_word (&c, "/tier", YM_ENUM_TIER, f->tier, &m->tier);
    }
    if (!f->before || c.faults.count > 0)
        return check_end (&c, YM_MSG_job_list, m);
    m->has |= YM_HAS (job_list, before);
    return read_job (f->before, &m->before);
}

yard_rc yard_job_list (yard_t *y, const yard_job_filter *filter, yard_job_page **ret,
                       yard_err_t **reterr)
{
    struct ym_job_list msg = {.limit = PAGE_MAX};
    struct question q = {
        .ask = YM_MSG_job_list, .answer = YM_MSG_job_page, .msg = &msg, .make = make_page};
    yard_err_t *err = filter ? read_filter (filter, &msg) : NULL;

    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- why a job waits --- */

static const yard_blocker *make_blocker (void *all, const struct ym_blocker_row *m)
{
    yard_blocker *b = result_room (all, sizeof *b);

    *b = (yard_blocker){.code = ym_enum_word (YM_ENUM_BLOCKER, m->code),
                        .subject = result_text (all, m->subject),
                        .wanted = result_text (all, m->wanted),
                        .have = result_text (all, m->have),
                        .since_ms = m->since,
                        .lifted_by = result_text (all, m->lifted_by)};
    return b;
}

static void *make_explained (const void *answer)
{
    const struct ym_job_explained *m = answer;
    yard_explained *e = result_new (sizeof *e);
    const yard_blocker **rows = result_room (e, (m->blockers.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->blockers.count; i++)
        rows[i] = make_blocker (e, &m->blockers.at[i]);
    *e = (yard_explained){.job = result_id (e, m->job),
                          .state = ym_life_state_name (&ym_job_life, m->state),
                          .count = m->blockers.count,
                          .blockers = rows,
                          .chosen = result_str (e, m->chosen)};
    return e;
}

yard_rc yard_job_explain (yard_t *y, const char *job, yard_explained **ret, yard_err_t **reterr)
{
    struct ym_job_explain msg = {0};
    struct question q = {.ask = YM_MSG_job_explain,
                         .answer = YM_MSG_job_explained,
                         .msg = &msg,
                         .make = make_explained};
    yard_err_t *err = read_job (job, &msg.job);

    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

yard_rc yard_job_why_not (yard_t *y, const char *job, const char *agent, yard_explained **ret,
                          yard_err_t **reterr)
{
    struct ym_job_why_not msg = {0};
    struct question q = {.ask = YM_MSG_job_why_not,
                         .answer = YM_MSG_job_explained,
                         .msg = &msg,
                         .make = make_explained};
    struct check c = {0};
    yard_err_t *err = read_job (job, &msg.job);

    check_text (&c, "/agent", agent, 40, msg.agent);
    if (!err)
        err = check_end (&c, YM_MSG_job_why_not, &msg);
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- histories --- */

static const yard_event_row *make_event (void *page, const struct ym_event_row *m)
{
    yard_event_row *row = result_room (page, sizeof *row);

    *row = (yard_event_row){.seq = m->seq,
                            .state = ym_life_state_name (&ym_job_life, m->state),
                            .at_ms = m->at,
                            .attempt = m->attempt,
                            .fence = m->fence,
                            .agent = result_text (page, m->agent),
                            .who = result_text (page, m->who),
                            .why = result_str (page, m->why),
                            .detail = result_str (page, m->detail)};
    return row;
}

static void *make_events (const void *answer)
{
    const struct ym_event_page *m = answer;
    yard_event_page *page = result_new (sizeof *page);
    const yard_event_row **rows = result_room (page, (m->events.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->events.count; i++)
        rows[i] = make_event (page, &m->events.at[i]);
    *page = (yard_event_page){.count = m->events.count, .rows = rows, .more = m->more};
    return page;
}

yard_rc yard_job_events (yard_t *y, const char *job, uint64_t after, unsigned limit,
                         yard_event_page **ret, yard_err_t **reterr)
{
    struct ym_job_events msg = {.after = after, .limit = PAGE_MAX};
    struct question q = {.ask = YM_MSG_job_events,
                         .answer = YM_MSG_event_page,
                         .msg = &msg,
                         .make = make_events};
    struct check c = {0};
    yard_err_t *err = read_job (job, &msg.job);

    if (limit > 0 && limit < PAGE_MAX)
        msg.limit = limit;
    if (!err)
        err = check_end (&c, YM_MSG_job_events, &msg);
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- agents --- */

static const yard_agent_row *make_agent (void *page, const struct ym_agent_row *m)
{
    yard_agent_row *row = result_room (page, sizeof *row);
    const char **words = result_room (page, (m->capabilities.count + 1) * sizeof *words);

    for (uint32_t i = 0; i < m->capabilities.count; i++)
        words[i] = result_text (page, m->capabilities.word[i]);
    *row = (yard_agent_row){.name = result_text (page, m->name),
                            .state = result_text (page, m->state),
                            .region = result_text (page, m->region),
                            .pool = result_text (page, m->pool),
                            .capabilities = words,
                            .slots = m->slots,
                            .used = m->used,
                            .session = m->session,
                            .seen_at_ms = m->seen_at,
                            .draining = m->draining,
                            .drain_by_ms = m->drain_by,
                            .drain_reason = result_str (page, m->drain_reason)};
    return row;
}

static void *make_agents (const void *answer)
{
    const struct ym_agent_page *m = answer;
    yard_agent_page *page = result_new (sizeof *page);
    const yard_agent_row **rows = result_room (page, (m->agents.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->agents.count; i++)
        rows[i] = make_agent (page, &m->agents.at[i]);
    page->count = m->agents.count;
    page->rows = rows;
    if (m->has & YM_HAS (agent_page, next))
        page->next = result_text (page, m->next);
    return page;
}

yard_rc yard_agent_list (yard_t *y, const char *after, yard_agent_page **ret,
                         yard_err_t **reterr)
{
    struct ym_agent_list msg = {0};
    struct question q = {.ask = YM_MSG_agent_list,
                         .answer = YM_MSG_agent_page,
                         .msg = &msg,
                         .make = make_agents};
    struct check c = {0};
    yard_err_t *err;

    if (after) {
        msg.has |= YM_HAS (agent_list, after);
        check_text (&c, "/after", after, 40, msg.after);
    }
    err = check_end (&c, YM_MSG_agent_list, &msg);
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- queues and the yard --- */

static void *make_queue (const void *answer)
{
    const struct ym_queue_status *m = answer;
    yard_queue *q = result_new (sizeof *q);

    *q = (yard_queue){.tier = ym_enum_word (YM_ENUM_TIER, m->tier),
                      .waiting = m->waiting,
                      .offered = m->offered,
                      .classes = m->classes,
                      .oldest_ms = m->oldest_ms,
                      .idle = m->idle,
                      .stopped = m->stopped,
                      .reason = result_str (q, m->reason)};
    return q;
}

yard_rc yard_queue_get (yard_t *y, const char *tier, yard_queue **ret, yard_err_t **reterr)
{
    struct ym_queue_get msg = {0};
    struct question q = {.ask = YM_MSG_queue_get,
                         .answer = YM_MSG_queue_status,
                         .msg = &msg,
                         .make = make_queue};
    struct check c = {0};
    yard_err_t *err;

    check_word (&c, "/tier", YM_ENUM_TIER, tier, &msg.tier);
    err = check_end (&c, YM_MSG_queue_get, &msg);
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

static const yard_actor *make_actor (void *status, const struct ym_yard_actor *m)
{
    yard_actor *a = result_room (status, sizeof *a);

    *a = (yard_actor){.name = result_text (status, m->name),
                      .heard = m->heard,
                      .incarnation = m->incarnation};
    return a;
}

static void *make_status (const void *answer)
{
    const struct ym_yard_status *m = answer;
    yard_status *s = result_new (sizeof *s);
    const yard_actor **rows = result_room (s, (m->actors.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->actors.count; i++)
        rows[i] = make_actor (s, &m->actors.at[i]);
    *s = (yard_status){.version = result_text (s, m->version),
                       .now_ms = m->now,
                       .started_at_ms = m->started_at,
                       .database = m->database,
                       .accepted = m->accepted,
                       .refused = m->refused,
                       .count = m->actors.count,
                       .actors = rows};
    return s;
}

yard_rc yard_yard_get (yard_t *y, yard_status **ret, yard_err_t **reterr)
{
    struct ym_yard_get msg = {0};
    struct question q = {
        .ask = YM_MSG_yard_get, .answer = YM_MSG_yard_status, .msg = &msg, .make = make_status};

    return ask (y, &q, (void **)ret, reterr);
}

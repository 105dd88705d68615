/* policy.c - what can be asked about tenants, windows, problems, and what runs. */
#include "client/libyard/inside.h"

/* --- tenants --- */

static const yard_tenant *make_tenant (void *page, const struct ym_tenant_row *m)
{
    yard_tenant *t = result_room (page, sizeof *t);

    *t = (yard_tenant){.name = result_text (page, m->name),
                       .weight = m->weight,
                       .waiting_max = m->waiting_max,
                       .running_max = m->running_max,
                       .overflow = m->overflow,
                       .version = m->version};
    return t;
}

static void *make_tenants (const void *answer)
{
    const struct ym_tenant_page *m = answer;
    yard_tenant_page *page = result_new (sizeof *page);
    const yard_tenant **rows = result_room (page, (m->tenants.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->tenants.count; i++)
        rows[i] = make_tenant (page, &m->tenants.at[i]);
    page->count = m->tenants.count;
    page->rows = rows;
    if (m->has & YM_HAS (tenant_page, next))
        page->next = result_text (page, m->next);
    return page;
}

yard_rc yard_tenant_list (yard_t *y, const char *after, yard_tenant_page **ret,
                          yard_err_t **reterr)
{
    struct ym_tenant_list msg = {0};
    struct question q = {.ask = YM_MSG_tenant_list,
                         .answer = YM_MSG_tenant_page,
                         .msg = &msg,
                         .make = make_tenants};
    struct check c = {0};
    yard_err_t *err;

    if (after) {
        msg.has |= YM_HAS (tenant_list, after);
        check_text (&c, "/after", after, 40, msg.after);
    }
    err = check_end (&c, YM_MSG_tenant_list, &msg);
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* --- windows --- */

static const yard_window *make_window (void *page, const struct ym_window_row *m)
{
    yard_window *w = result_room (page, sizeof *w);

    *w = (yard_window){.window = m->window,
                       .begins_ms = m->begins,
                       .ends_ms = m->ends,
                       .scope = ym_enum_word (YM_ENUM_SCOPE, m->scope),
                       .subject = result_text (page, m->subject),
                       .reason = result_str (page, m->reason),
                       .version = m->version};
    return w;
}

static void *make_windows (const void *answer)
{
    const struct ym_window_page *m = answer;
    yard_window_page *page = result_new (sizeof *page);
    const yard_window **rows = result_room (page, (m->windows.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->windows.count; i++)
        rows[i] = make_window (page, &m->windows.at[i]);
    page->count = m->windows.count;
    page->rows = rows;
    if (m->has & YM_HAS (window_page, next))
        page->next = m->next;
    return page;
}

yard_rc yard_window_list (yard_t *y, uint64_t after, yard_window_page **ret,
                          yard_err_t **reterr)
{
    struct ym_window_list msg = {.after = after};
    struct question q = {.ask = YM_MSG_window_list,
                         .answer = YM_MSG_window_page,
                         .msg = &msg,
                         .make = make_windows};

    msg.has |= after ? YM_HAS (window_list, after) : 0;
    return ask (y, &q, (void **)ret, reterr);
}

/* --- problems --- */

static const yard_problem *make_problem (void *page, const struct ym_problem_row *m)
{
    yard_problem *p = result_room (page, sizeof *p);

    *p = (yard_problem){.problem = m->problem,
                        .kind = ym_enum_word (YM_ENUM_PROBLEM, m->kind),
                        .job = result_str (page, m->job),
                        .agent = result_text (page, m->agent),
                        .since_ms = m->since,
                        .closed_at_ms = m->closed_at,
                        .detail = result_str (page, m->detail)};
    return p;
}

static void *make_problems (const void *answer)
{
    const struct ym_problem_page *m = answer;
    yard_problem_page *page = result_new (sizeof *page);
    const yard_problem **rows = result_room (page, (m->problems.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->problems.count; i++)
        rows[i] = make_problem (page, &m->problems.at[i]);
    page->count = m->problems.count;
    page->rows = rows;
    if (m->has & YM_HAS (problem_page, next))
        page->next = m->next;
    return page;
}

yard_rc yard_problem_list (yard_t *y, uint64_t before, bool closed, yard_problem_page **ret,
                           yard_err_t **reterr)
{
    struct ym_problem_list msg = {.before = before, .closed = closed};
    struct question q = {.ask = YM_MSG_problem_list,
                         .answer = YM_MSG_problem_page,
                         .msg = &msg,
                         .make = make_problems};

    msg.has |= before ? YM_HAS (problem_list, before) : 0;
    msg.has |= closed ? YM_HAS (problem_list, closed) : 0;
    return ask (y, &q, (void **)ret, reterr);
}

/* --- what runs --- */

static const yard_tier_load *make_tier (void *load, const struct ym_tier_load *m)
{
    yard_tier_load *t = result_room (load, sizeof *t);

    *t = (yard_tier_load){.tier = ym_enum_word (YM_ENUM_TIER, m->tier),
                          .running = m->running,
                          .suspending = m->suspending,
                          .offered = m->offered};
    return t;
}

static void *make_load (const void *answer)
{
    const struct ym_load_page *m = answer;
    yard_load *load = result_new (sizeof *load);
    const yard_tier_load **tiers = result_room (load, (m->tiers.count + 1) * sizeof *tiers);

    for (uint32_t i = 0; i < m->tiers.count; i++)
        tiers[i] = make_tier (load, &m->tiers.at[i]);
    *load = (yard_load){.count = m->tiers.count,
                        .tiers = tiers,
                        .agents = m->agents,
                        .draining = m->draining,
                        .lost = m->lost,
                        .slots = m->slots,
                        .used = m->used};
    return load;
}

yard_rc yard_load_get (yard_t *y, yard_load **ret, yard_err_t **reterr)
{
    struct ym_load_get msg = {0};
    struct question q = {
        .ask = YM_MSG_load_get, .answer = YM_MSG_load_page, .msg = &msg, .make = make_load};

    return ask (y, &q, (void **)ret, reterr);
}

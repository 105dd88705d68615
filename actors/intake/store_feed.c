/* store_feed.c - the SQL of histories and feeds. */
#include "actors/intake/store_feed.h"

#include "common/base/panic.h"

#define STATEMENT(name, text) static const struct ym_statement name = {#name, text}

STATEMENT (job_history_page,
           "SELECT seq, at_ms, on_event, from_state, state, attempt, fence, agent, who, detail "
           "FROM ym.job_history_page ($1::int8, $2::int4, $3::int4, $4::int4)");
STATEMENT (feed_newest, "SELECT ym.feed_newest ()");
STATEMENT (feed_compare,
           "SELECT job_id, seq FROM ym.feed_compare ($1::int8, $2::int8, $3::int4)");
STATEMENT (feed_newer, "SELECT job_id FROM ym.feed_newer ($1::int8, $2::int4)");
STATEMENT (feed_snapshot,
           "SELECT job_id, tenant_id, tenant, name, tier, seq, at_ms, on_event, from_state, "
           "state, agent, detail FROM ym.feed_snapshot ($1::int8, $2::int8, $3::int4)");
STATEMENT (feed_events,
           "SELECT job_id, tenant_id, tenant, name, tier, seq, at_ms, on_event, from_state, "
           "state, agent, detail FROM ym.feed_events ($1::int8[], $2::int4[], $3::int4)");

/* Histories: the first row says that there is one to see. */

unsigned store_call_history (struct ym_turn *t, int32_t sees, const struct ym_job_events *m,
                             int32_t limit)
{
    unsigned call = ym_turn_call (t, &job_history_page);

    ym_param_int8 (t->batch, m->job);
    ym_param_int4 (t->batch, sees);
    ym_param_int4 (t->batch, (int32_t)m->after);
    ym_param_int4 (t->batch, limit);
    return call;
}

bool store_may_history (const struct ym_turn *t, unsigned call)
{
    return ym_rows_count (ym_turn_rows (t, call)) > 0;
}

size_t store_history_count (const struct ym_turn *t, unsigned call)
{
    return ym_rows_count (ym_turn_rows (t, call)) - 1;
}

void store_got_history (const struct ym_turn *t, unsigned call, size_t row,
                        struct ym_event_row *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    row++;
    *ret =
        (struct ym_event_row){.seq = (uint64_t)ym_row_int4 (r, row, 0),
                              .at = ym_row_int8 (r, row, 1),
                              .why = ym_str (ym_life_why (&ym_job_life, ym_row_int2 (r, row, 3),
                                                          ym_row_int2 (r, row, 2))),
                              .state = ym_row_int2 (r, row, 4),
                              .attempt = (uint64_t)ym_row_int4 (r, row, 5),
                              .fence = (uint64_t)ym_row_int8 (r, row, 6),
                              .detail = ym_row_text (r, row, 9)};
    (void)ym_text_copy_str (ret->agent, sizeof ret->agent, ym_row_text (r, row, 7));
    (void)ym_text_copy_str (ret->who, sizeof ret->who, ym_row_text (r, row, 8));
}

/* Feeds. */

unsigned store_call_newest (struct ym_turn *t)
{
    return ym_turn_call (t, &feed_newest);
}

int64_t store_got_newest (const struct ym_turn *t, unsigned call)
{
    return ym_row_int8 (ym_turn_rows (t, call), 0, 0);
}

static unsigned call_range (struct ym_turn *t, const struct ym_statement *s, int64_t after,
                            int64_t until, int32_t limit)
{
    unsigned call = ym_turn_call (t, s);

    ym_param_int8 (t->batch, after);
    ym_param_int8 (t->batch, until);
    ym_param_int4 (t->batch, limit);
    return call;
}

unsigned store_call_snapshot (struct ym_turn *t, int64_t after, int64_t until, int32_t limit)
{
    return call_range (t, &feed_snapshot, after, until, limit);
}

unsigned store_call_compare (struct ym_turn *t, int64_t after, int64_t until, int32_t limit)
{
    return call_range (t, &feed_compare, after, until, limit);
}

void store_got_compared (const struct ym_turn *t, unsigned call, size_t row, int64_t *ret_job,
                         int32_t *ret_seq)
{
    const struct ym_rows *r = ym_turn_rows (t, call);

    *ret_job = ym_row_int8 (r, row, 0);
    *ret_seq = ym_row_int4 (r, row, 1);
}

unsigned store_call_newer (struct ym_turn *t, int64_t after, int32_t limit)
{
    unsigned call = ym_turn_call (t, &feed_newer);

    ym_param_int8 (t->batch, after);
    ym_param_int4 (t->batch, limit);
    return call;
}

int64_t store_got_newer (const struct ym_turn *t, unsigned call, size_t row)
{
    return ym_row_int8 (ym_turn_rows (t, call), row, 0);
}

unsigned store_call_feed_events (struct ym_turn *t, const int64_t *jobs, const int32_t *after,
                                 size_t count, int32_t limit)
{
    unsigned call = ym_turn_call (t, &feed_events);

    ym_param_int8s (t->batch, jobs, count);
    ym_param_int4s (t->batch, after, count);
    ym_param_int4 (t->batch, limit);
    return call;
}

void store_got_feed_event (const struct ym_turn *t, unsigned call, size_t row,
                           struct feed_event *ret)
{
    const struct ym_rows *r = ym_turn_rows (t, call);
    int on = ym_row_int2 (r, row, 7), from = ym_row_int2 (r, row, 8);

    *ret = (struct feed_event){.tenant = ym_row_int4 (r, row, 1),
                               .m = {.job = ym_row_int8 (r, row, 0),
                                     .tier = (uint32_t)ym_row_int2 (r, row, 4),
                                     .seq = (uint64_t)ym_row_int4 (r, row, 5),
                                     .at = ym_row_int8 (r, row, 6),
                                     .state = ym_row_int2 (r, row, 9),
                                     .why = ym_str (ym_life_why (&ym_job_life, from, on)),
                                     .detail = ym_row_text (r, row, 11)}};
    ret->final = ym_life_is_final (&ym_job_life, ret->m.state);
    (void)ym_text_copy_str (ret->m.tenant, sizeof ret->m.tenant, ym_row_text (r, row, 2));
    (void)ym_text_copy_str (ret->m.name, sizeof ret->m.name, ym_row_text (r, row, 3));
    (void)ym_text_copy_str (ret->m.agent, sizeof ret->m.agent, ym_row_text (r, row, 10));
}

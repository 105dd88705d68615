/* store.c - all SQL of a queue. */
#include "actors/queue/store.h"

static const struct ym_statement load = {
    "queue_load",
    "SELECT job_id, tenant_id, requirement FROM ym.queue_load ($1::int2, $2::int8, $3::int4)"};

unsigned store_call_load (struct ym_turn *t, unsigned tier, int64_t after)
{
    unsigned call = ym_turn_call (t, &load);

    ym_param_int2 (t->batch, (int16_t)tier);
    ym_param_int8 (t->batch, after);
    ym_param_int4 (t->batch, STORE_PAGE);
    return call;
}

size_t store_loaded_count (const struct ym_turn *t, unsigned call)
{
    return ym_rows_count (ym_turn_rows (t, call));
}

struct waiting_job store_loaded (const struct ym_turn *t, unsigned call, size_t row)
{
    const struct ym_rows *rows = ym_turn_rows (t, call);

    return (struct waiting_job){ym_row_int8 (rows, row, 0),
                                (uint32_t)ym_row_int4 (rows, row, 1),
                                (uint64_t)ym_row_int8 (rows, row, 2)};
}

/* store_feed.h - histories and feeds as the tables tell them. */
#ifndef YM_INTAKE_STORE_FEED_H
#define YM_INTAKE_STORE_FEED_H
#include "actors/intake/decide.h"
#include "common/actor/actor.h"

/* A page of one job's history. False, and nothing else, if the asker may not see that job. */
unsigned store_call_history (struct ym_turn *t, int32_t sees, const struct ym_job_events *m,
                             int32_t limit);
bool store_may_history (const struct ym_turn *t, unsigned call);
size_t store_history_count (const struct ym_turn *t, unsigned call);
void store_got_history (const struct ym_turn *t, unsigned call, size_t row,
                        struct ym_event_row *ret);

/* Number of the newest job there is. */
unsigned store_call_newest (struct ym_turn *t);
int64_t store_got_newest (const struct ym_turn *t, unsigned call);

/* Live jobs with an id in (after, until], oldest first. */
unsigned store_call_snapshot (struct ym_turn *t, int64_t after, int64_t until, int32_t limit);
unsigned store_call_compare (struct ym_turn *t, int64_t after, int64_t until, int32_t limit);
void store_got_compared (const struct ym_turn *t, unsigned call, size_t row, int64_t *ret_job,
                         int32_t *ret_seq);
/* Jobs newer than one, live or not. */
unsigned store_call_newer (struct ym_turn *t, int64_t after, int32_t limit);
int64_t store_got_newer (const struct ym_turn *t, unsigned call, size_t row);
/* Their events after these numbers, at most 'limit' of each; by job and number. */
unsigned store_call_feed_events (struct ym_turn *t, const int64_t *jobs, const int32_t *after,
                                 size_t count, int32_t limit);

/* A row of a snapshot or of events. */
struct feed_event {
    int32_t tenant;
    bool final;
    struct ym_feed_row m;
};
void store_got_feed_event (const struct ym_turn *t, unsigned call, size_t row,
                           struct feed_event *ret);
#endif

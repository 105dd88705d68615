/* store.h - everything intake asks of its tables and changes in them. Each call_ begins one
 * call in the turn's batch and returns its place; each got_ reads a row of it after the commit.
 */
#ifndef YM_INTAKE_STORE_H
#define YM_INTAKE_STORE_H
#include "actors/intake/decide.h"
#include "actors/intake/decide_key.h"
#include "common/actor/actor.h"

size_t store_rows (const struct ym_turn *t, unsigned call);
/* For the other files of this room: a value that has that size for sure; a number in a reply.
 */
void store_copy_octets (uint8_t *to, size_t size, struct ym_bytes from);
int64_t store_big_endian (const uint8_t *p, size_t size);

/* Ids to mint from: 'span_ms' more milliseconds. */
unsigned store_call_reserve (struct ym_turn *t, int64_t epoch, int64_t span_ms);
void store_got_reserved (const struct ym_turn *t, unsigned call, int64_t *ret_from_ms,
                         int64_t *ret_until_ms);
unsigned store_call_partitions (struct ym_turn *t);
int32_t store_got_partitions (const struct ym_turn *t, unsigned call);

/* Submits. */
struct submission {
    int64_t job;
    int32_t tenant;
    int64_t key;
    uint8_t digest[32];
    uint64_t requirement;
    const char *requirement_text; /* NULL if the table has it */
    const struct ym_job_submit *m;
    uint8_t trace[24];
    bool has_trace;
};
unsigned store_call_submit (struct ym_turn *t, const struct submission *s, size_t count);
enum seen { SEEN_FRESH, SEEN_BEFORE, SEEN_IN_THIS_BATCH, SEEN_STRANGE };
struct submitted {
    enum seen seen;
    uint8_t digest[32];
    int64_t job;
    uint32_t hold; /* of a fresh one */
    uint32_t unmet;
};
/* Rows are in the order of the submissions. */
struct submitted store_got_submitted (const struct ym_turn *t, unsigned call, size_t row);
/* Which of these were answered before: SEEN_BEFORE, or SEEN_IN_THIS_BATCH if not. */
unsigned store_call_seen (struct ym_turn *t, const struct submission *s, size_t count);
struct submitted store_got_seen (const struct ym_turn *t, unsigned call, size_t row);

/* Caps on waiting jobs, and what waits of the tenants that have one. */
unsigned store_call_caps (struct ym_turn *t);
void store_got_cap (const struct ym_turn *t, unsigned call, size_t row, int32_t *ret_tenant,
                    uint64_t *ret_waiting_max);
unsigned store_call_waiting (struct ym_turn *t);
void store_got_waiting (const struct ym_turn *t, unsigned call, size_t row, int32_t *ret_tenant,
                        uint32_t *ret_tier, uint64_t *ret_waiting);

/* Reading. */
struct status {
    size_t place;
    struct ym_job_status m;
};
unsigned store_call_get (struct ym_turn *t, const int64_t *jobs, const int32_t *tenants,
                         size_t count);
void store_got_status (const struct ym_turn *t, unsigned call, size_t row, struct status *ret);
unsigned store_call_list (struct ym_turn *t, int32_t tenant, const struct ym_job_list *m);
/* False for the row that only says how far was looked. */
bool store_got_listed (const struct ym_turn *t, unsigned call, size_t row,
                       struct ym_job_row *ret);
unsigned store_call_events (struct ym_turn *t, const int64_t *jobs, const int32_t *after,
                            size_t count, int32_t limit);
/* False for a row of counters: then only job, fence, done and total are set. */
struct event {
    struct ym_job_changed m;
    int64_t done, total;
};
bool store_got_event (const struct ym_turn *t, unsigned call, size_t row, struct event *ret);

/* Keys. */
unsigned store_call_authorize (struct ym_turn *t, const struct ym_key_authorize *m);
enum authorized {
    AUTHORIZED_NOW,
    AUTHORIZED_OTHERWISE,
    AUTHORIZED_NAME_TAKEN,
    AUTHORIZED_NOT_REPLACED
};
enum authorized store_got_authorized (const struct ym_turn *t, unsigned call,
                                      int64_t *ret_since_ms);
enum revoked { REVOKED_NOW, REVOKED_UNKNOWN, REVOKED_LAST, REVOKED_STALE };
unsigned store_call_revoke (struct ym_turn *t, const struct ym_key_revoke *m);
enum revoked store_got_revoked (const struct ym_turn *t, unsigned call, struct revocation *ret);
unsigned store_call_keys (struct ym_turn *t, const struct ym_key_list *m, int32_t limit);
void store_got_key (const struct ym_turn *t, unsigned call, size_t row, struct ym_key_row *ret);
#endif

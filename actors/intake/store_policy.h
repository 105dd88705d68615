/* store_policy.h - gates, drains, tenants and windows in their tables, and the pages that tell
 * of them. 'message' is always the number of the operator's message, m its body. */
#ifndef YM_INTAKE_STORE_POLICY_H
#define YM_INTAKE_STORE_POLICY_H
#include "actors/intake/decide_policy.h"
#include "common/actor/actor.h"

/* A request that the ledger has. The view of the reply lives as long as the rows. */
struct asked_before {
    bool is;
    uint8_t digest[32];
    struct ym_bytes reply;
};

/* First turn: what the verb needs to know. False if the row that it is about is not there at
 * all, which only a broken table explains. */
unsigned store_call_policy_look (struct ym_turn *t, unsigned message, const void *m,
                                 int32_t tenant);
void store_got_policy_look (const struct ym_turn *t, unsigned call, unsigned message,
                            struct policy_facts *ret, struct asked_before *ret_before);

/* Second turn. */
struct policy_write {
    const struct policy_verdict *verdict;
    int32_t tenant; /* of who asks */
    int64_t key;
    const uint8_t *digest;
    struct ym_bytes reply;
};
enum policy_outcome { POLICY_DONE, POLICY_BEFORE, POLICY_MOVED };
unsigned store_call_policy_set (struct ym_turn *t, unsigned message, const void *m,
                                const struct policy_write *w);
enum policy_outcome store_got_policy_set (const struct ym_turn *t, unsigned call,
                                          struct asked_before *ret_before);

/* Pages. */
unsigned store_call_tenants (struct ym_turn *t, const struct ym_tenant_list *m, int32_t limit);
void store_got_tenant (const struct ym_turn *t, unsigned call, size_t row,
                       struct ym_tenant_row *ret);
unsigned store_call_windows (struct ym_turn *t, const struct ym_window_list *m, int32_t limit);
void store_got_window (const struct ym_turn *t, unsigned call, size_t row,
                       struct ym_window_row *ret);
/* ret_job has room for a job's id as text, which ret points at. */
unsigned store_call_problems (struct ym_turn *t, int32_t sees, const struct ym_problem_list *m,
                              int32_t limit);
void store_got_problem (const struct ym_turn *t, unsigned call, size_t row, char *ret_job,
                        struct ym_problem_row *ret);
#endif

/* store_lease.h - what rounds ask of the tables and change in them: leases, wishes that
 * attempts suspend, and the policy.
 */
#ifndef YM_ASSIGNMENT_STORE_LEASE_H
#define YM_ASSIGNMENT_STORE_LEASE_H
#include "actors/assignment/store.h"

/* One lease of a batch: which agent, in which session, and why that one. */
struct lease_row {
    int64_t job, agent, session;
    struct ym_str why;
};
/* Two calls: the leases, and behind them the policy's number. */
unsigned store_call_lease (struct ym_turn *t, int64_t policy, const struct lease_row *rows,
                           size_t count);
/* Another number than that of the policy it was decided with: nothing at all was leased. */
int64_t store_got_lease_policy (const struct ym_turn *t, unsigned call);

/* What only a lease tells beside what the agent is told. */
struct lease_limits {
    int64_t run_limit_ms;
    uint32_t preempted, losses;
    bool fixed;
};
struct lease_limits store_got_limits (const struct ym_turn *t, unsigned call, size_t row);

/* A wish that an attempt suspends; places are those of the rows. */
struct want_row {
    int64_t job, fence, beneficiary; /* beneficiary 0: its agent is drained */
    struct ym_str detail;
};
unsigned store_call_want (struct ym_turn *t, const struct want_row *rows, size_t count);

/* The policy. The number is asked for first: what is read after it is at least as new. */
unsigned store_call_policy_number (struct ym_turn *t);
int64_t store_got_policy_number (const struct ym_turn *t, unsigned call);

unsigned store_call_gates (struct ym_turn *t);
struct gate_row {
    uint32_t tier;
    bool stopped;
};
struct gate_row store_got_gate (const struct ym_turn *t, unsigned call, size_t row);

unsigned store_call_tenants (struct ym_turn *t);
struct tenant_row {
    uint32_t tenant, running_max;
    bool overflow;
    char name[41];
};
struct tenant_row store_got_tenant (const struct ym_turn *t, unsigned call, size_t row);

unsigned store_call_drains (struct ym_turn *t);
struct drain_row {
    int64_t agent, by, at;
    char reason[201];
};
struct drain_row store_got_drain (const struct ym_turn *t, unsigned call, size_t row);

unsigned store_call_windows (struct ym_turn *t);
struct window_row {
    int64_t begins, ends;
    int scope;
    char subject[41];
};
struct window_row store_got_window (const struct ym_turn *t, unsigned call, size_t row);
#endif

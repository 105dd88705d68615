/* decide.h - who waits for what, who is on offer, and in which rank. Pure. */
#ifndef YM_QUEUE_DECIDE_H
#define YM_QUEUE_DECIDE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/wire.h"

/* What a queue knows of a job that decides whether it may start. */
struct waits_facts {
    uint32_t hold; /* enum hold */
    uint32_t urgency, unmet;
    int64_t not_before_ms; /* 0: at any time */
};

/* The set of what the job itself waits for, as bits numbered by enum blocker; empty: it may be
 * offered. Nothing else decides that, and explaining asks here too. */
unsigned decide_waits (const struct waits_facts *f, int64_t now_ms);
#define DECIDE_BIT(blocker) (1u << (blocker))

enum {
    QUEUE_WINDOW =
        256,         /* on offer per class: what assignment can lease before it hears again */
    LANE_WINDOW = 4, /* at least so many per tenant of it */
};

/* What one lane, a tenant's jobs of one class, looks like to the decision. */
struct lane_facts {
    size_t offered;  /* of its jobs */
    size_t lanes;    /* of its class that have jobs which may be offered; itself among them */
    bool has_next;   /* a job that is not on offer */
    bool goes_first; /* that job is served before one that is on offer */
};
enum offer_verdict {
    OFFER_NOTHING,
    OFFER_NEXT,
    OFFER_INSTEAD, /* of the last that is on offer: the lane's window is full */
};
enum offer_verdict decide_offer (const struct lane_facts *f);

/* A tenant's pass is the virtual time up to which it was served; a job costs it more if its
 * weight is small. One that had nothing to offer is taken forward to the tier's virtual time,
 * so that it cannot save up; one that has jobs on offer may be behind by as many, which may not
 * run yet. */
uint64_t decide_cost (uint32_t weight);
uint64_t decide_pass (uint64_t pass, uint64_t virtual_time, uint64_t cost, size_t offered);
/* The tier's virtual time after a job of that tag was taken from a tenant with that pass. */
uint64_t decide_virtual (uint64_t virtual_time, uint64_t tag, uint64_t pass);
/* Urgency before virtual time; the smallest is served first. */
uint64_t decide_rank (uint32_t urgency, uint64_t tag);

/* What the queue has to say to a question why a job does not start. */
struct explain_wait_facts {
    const struct ym_explain_ask *ask;
    struct waits_facts waits;
    bool is_here, offered;
    bool stopped; /* the queue */
    const char *stop_reason;
    int64_t stopped_ms, now_ms;
    uint32_t tier;
    size_t before_own,
        before_others; /* served before it: exact in its lane, estimated beyond */
};
enum { QUEUE_BLOCKERS_MAX = 8 };
size_t decide_explain_wait (const struct explain_wait_facts *f,
                            struct ym_blocker_row ret[QUEUE_BLOCKERS_MAX]);
#endif

/* queue.h - what the subjects of this actor share. */
#ifndef YM_QUEUE_H
#define YM_QUEUE_H
#include "actors/queue/store.h"
#include "actors/queue/waiting.h"
#include "common/actor/actor.h"

struct queue {
    struct ym_yard *yard;
    struct waiting *waiting;
    unsigned tier;

    bool loading, load_wanted;
    bool is_whole;      /* read once since anything may have been missed */
    int64_t load_at_ms; /* monotonic: when it is read again, though nothing was missed */
    unsigned load;      /* number of the reading under way */
    int64_t *heard;     /* jobs that were told of since the page under way was asked for */
    size_t heard_count, heard_room;
    int64_t loaded_through;

    bool policy_known, policy_wanted, policy_asked;
    int64_t policy_at_ms; /* monotonic: when to look again */
    struct gate_row gate;

    bool offer_fresh; /* the next offer replaces all before it */
    bool tenants_fresh;
    int64_t heard_through; /* the greatest id that intake told of */
    int64_t told_through;  /* what was said of it */
    int64_t tenants_at_ms; /* monotonic: tenants' numbers may be told again then */
    int64_t overdue_at_ms; /* monotonic: as many may be told again then */
    size_t overdue_told;
};

/* loading.c */
extern const struct ym_work load_work;
void load_start (struct queue *q);
void load_missed (struct queue *q); /* what was told may not have come */
int load_pass (struct queue *q, int64_t mono_ms);
void load_heard (struct queue *q, int64_t job); /* newer than what a page may say */

/* policy.c */
extern const struct ym_work policy_work;
void policy_read (struct queue *q);
int policy_pass (struct queue *q, int64_t mono_ms);

/* telling.c */
void tell_offers (struct queue *q);
void tell_overdue (struct queue *q, int64_t wall_ms, int64_t mono_ms);
int tell_tenants (struct queue *q, int64_t mono_ms);
void offer_afresh (struct queue *q);
#endif

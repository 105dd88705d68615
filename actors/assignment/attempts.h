/* attempts.h - what attempts.c, ends.c, signals.c and resources.c share. */
#ifndef YM_ASSIGNMENT_ATTEMPTS_H
#define YM_ASSIGNMENT_ATTEMPTS_H
#include "actors/assignment/assignment.h"
#include "actors/assignment/store_attempt.h"

/* All reports of an attempt begin with the same fields. 'message' is 0 if it has no number. */
struct report {
    int64_t job;
    uint64_t fence;
    int32_t message;
};
struct report report_of (const struct ym_item *item);
struct callbacks take_callbacks (struct ym_turn *t, struct ym_item **items, size_t count);
/* NULL if it is not known, or another one by now. */
struct attempt *attempt_of (struct assignment *a, int64_t job, uint64_t fence);
void answer_noted (struct assignment *a, struct ym_item *item, int64_t checkpoint);
/* What a call did not move, and nobody answered yet, is asked about. */
void rest_to_verify (struct assignment *a, struct ym_item **items, size_t count);
/* A job came to a state, and its attempt (may be NULL) with it. */
void attempt_moved (struct assignment *a, struct attempt *t, const struct report *r, int state,
                    int64_t now_ms);
/* Items of a turn whose call leaves out what has another one of the same attempt before it. */
#define NOT_IN_THIS_CALL UINT32_MAX
struct ym_item **items_of_call (struct ym_turn *t, struct ym_item **items, size_t count,
                                size_t *ret_count);
void choose_items_of_call (struct ym_item **items, size_t count);

/* The yard ends an attempt itself: loss, eviction, giving up. */
struct ending {
    int64_t job, fence, agent;
    int16_t event;
    int16_t problem; /* to raise with it, or SIGNAL_NO_PROBLEM */
    bool counted;
    char detail[80];
};
void attempt_finish (struct assignment *a, struct attempt *t, int event, int problem,
                     const char *detail);
#endif

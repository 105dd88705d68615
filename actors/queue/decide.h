/* decide.h - which jobs a queue offers to assignment. Pure. */
#ifndef YM_QUEUE_DECIDE_H
#define YM_QUEUE_DECIDE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one requirement class looks like to the decision. */
struct class_facts {
    size_t offered;         /* of its jobs, on offer now */
    int64_t newest_offered; /* the greatest id ever on offer since the last withdrawal */
    int64_t next;           /* the oldest that is not on offer; 0 if none */
};

enum {
    QUEUE_WINDOW = 256
}; /* on offer per class: what assignment can lease before it hears from us again */

/* A class's next job is offered while its window has room, and always when it is older than one
 * that is on offer: it must not wait behind a younger one. */
bool decide_offer (const struct class_facts *f);
#endif

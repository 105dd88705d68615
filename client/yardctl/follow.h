/* follow.h - follows jobs until each has come to what is waited for. */
#ifndef YARDCTL_FOLLOW_H
#define YARDCTL_FOLLOW_H
#include "client/yardctl/ctl.h"

struct ctl_follow {
    const char *const *jobs; /* whole names */
    size_t count;
    const char *wanted; /* a state that is enough; NULL: the end */
    bool show;          /* the events, from the beginning */
};
/* 0, or the status of the worst of them; 124 after --timeout. */
int ctl_follow (struct ctl *c, const struct ctl_follow *what);
#endif

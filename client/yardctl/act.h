/* act.h - one change: planned, asked about, carried out, and told. */
#ifndef YARDCTL_ACT_H
#define YARDCTL_ACT_H
#include "client/yardctl/ctl.h"

struct ctl_change {
    const char *kind;    /* member of JSON that holds the subject: "job", "tier" ... */
    const char *subject; /* what is changed */
    yard_rc (*ask) (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                    yard_outcome **ret, yard_err_t **reterr);
    const void *with; /* for 'ask' */
    /* Of a change that is told otherwise than by its outcome, of which there is none then. */
    void (*show) (const struct ctl *c, const struct ctl_change *change);
};
/* Plans with --plan; asks where the command says so; carries out otherwise. 0, or the status of
 * the first that failed. */
int ctl_change (struct ctl *c, const struct ctl_change *changes, size_t count);

/* "JOB" or "JOB:any" as a whole name and a condition of the library. */
int ctl_after_read (struct ctl *c, const char *text, char ret_job[YARD_JOB_TEXT],
                    const char **ret_condition);
#endif

/* names.h - jobs as people name them. */
#ifndef YARDCTL_NAMES_H
#define YARDCTL_NAMES_H
#include "client/yardctl/ctl.h"

/* Whole names of the jobs on the command line, each once. */
struct ctl_names {
    char (*texts)[YARD_JOB_TEXT];
    const char **at;
    size_t count;
};
int ctl_names_read (struct ctl *c, struct ctl_names *ret);
/* Adds a whole name, unless it is there. */
void ctl_names_add (struct ctl_names *names, const char *job);
void ctl_names_done (struct ctl_names *names);
#define _names_ __attribute__ ((cleanup (ctl_names_done)))

/* Looks for jobs whose names end in 'end', of any case. Returns how many there are; 'ret' is
 * the first. */
size_t ctl_names_match (const yard_job_row *const *rows, size_t count, const char *end,
                        const yard_job_row **ret);
#endif

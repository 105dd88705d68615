/* spec.h - what a command line and its documents say, as jobs to submit. */
#ifndef YARDCTL_SPEC_H
#define YARDCTL_SPEC_H
#include "client/yardctl/document.h"

#include "client/yardctl/text.h"

enum { CTL_AFTER_MAX = 8 };

/* Jobs that one waits for, by their whole names. */
struct ctl_after {
    yard_after at[CTL_AFTER_MAX];
    char names[CTL_AFTER_MAX][YARD_JOB_TEXT];
};

/* One job. What it points to belongs to the documents, the command line or itself. */
struct ctl_spec {
    yard_job_spec job;
    struct ctl_words capabilities, regions;
    struct ctl_words after_jobs;  /* as they were written: JOB or JOB:any */
    struct ctl_after *after_read; /* owned; NULL until ctl_specs_after */
    const char *request;
    char made[CTL_KEY_ROOM]; /* what 'request' is, if nobody gave one */
    char *payload;           /* owned, if it is not a text of the document */
    size_t line;             /* in the document; 0: all from the command line */
};
struct ctl_specs {
    struct ctl_specs_inside {
        struct ctl_documents documents;
        char *payload;
        size_t payload_size;
    } inside;
    struct ctl_spec *at;
    size_t count;
};

/* Reads c's flags and the file they name. Not 0: said on stderr. */
int ctl_specs_read (const struct ctl *c, struct ctl_specs *ret);
/* One document into 'ret'; faults are added, each path beginning with 'where'. */
void ctl_spec_read (const struct ctl_document *document, const char *where,
                    struct ctl_spec *ret, struct ctl_faults *faults);
/* Finds the jobs that each is to wait for; may ask the yard. */
int ctl_specs_after (struct ctl *c, struct ctl_specs *specs);
void ctl_specs_done (struct ctl_specs *specs);
#define _specs_ __attribute__ ((cleanup (ctl_specs_done)))
#endif

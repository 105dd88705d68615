/* spec.h - what a command line and its documents say, as jobs to submit. */
#ifndef YARDCTL_SPEC_H
#define YARDCTL_SPEC_H
#include "client/yardctl/document.h"

enum { CTL_KEY_ROOM = 33 };

/* One job. What it points to belongs to the documents, the command line or itself. */
struct ctl_spec {
    yard_job_spec job;
    struct ctl_words capabilities, regions;
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
void ctl_specs_done (struct ctl_specs *specs);
#define _specs_ __attribute__ ((cleanup (ctl_specs_done)))
#endif

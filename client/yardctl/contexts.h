/* contexts.h - the yards an operator has to do with, from contexts.yaml. */
#ifndef YARDCTL_CONTEXTS_H
#define YARDCTL_CONTEXTS_H
#include "client/yardctl/document.h"

struct ctl_contexts {
    char *path;                     /* NULL: there is nowhere to look */
    struct ctl_documents documents; /* none if there is no file */
    char *owned[2];                 /* paths made whole */
};

struct ctl_context {
    const char *name, *endpoint, *server_key, *cert; /* NULL: not said */
};

/* No file is no fault. */
int ctl_contexts_read (const struct ctl *c, struct ctl_contexts *ret);
/* The context of that name, or the current one for NULL; all NULL if there is none. What it
 * points to belongs to 'contexts'. */
int ctl_contexts_choose (const struct ctl *c, struct ctl_contexts *contexts, const char *name,
                         struct ctl_context *ret);
void ctl_contexts_done (struct ctl_contexts *contexts);
#define _contexts_ __attribute__ ((cleanup (ctl_contexts_done)))
#endif

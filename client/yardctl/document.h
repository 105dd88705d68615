/* document.h - documents as people write them, YAML or JSON, as JSON values that know their
 * lines. */
#ifndef YARDCTL_DOCUMENT_H
#define YARDCTL_DOCUMENT_H
#include <jansson.h>

#include "client/yardctl/ctl.h"
#include "client/yardctl/wrong.h"

struct ctl_document {
    json_t *value;
    json_t *lines; /* member of 'value' -> line, as far as known */
    size_t line;   /* where it begins */
};
struct ctl_documents {
    struct ctl_document *at;
    size_t count;
};

enum { CTL_DOCUMENTS_MAX = 100000 };

/* Reads all documents of a file of at most 'most' octets; a list counts as many. Text that
 * begins with { or [ is JSON. If it cannot be read a fault is added and -1 returned. */
int ctl_documents_read (const char *path, size_t most, struct ctl_documents *ret,
                        struct ctl_faults *faults);
int ctl_documents_parse (const char *text, size_t size, struct ctl_documents *ret,
                         struct ctl_faults *faults);
void ctl_documents_done (struct ctl_documents *documents);
#define _documents_ __attribute__ ((cleanup (ctl_documents_done)))
/* The line of a member, or of the document. */
size_t ctl_document_line (const struct ctl_document *document, const char *member);

/* For the two readers. */
struct ctl_document *ctl_documents_add (struct ctl_documents *documents, json_t *take_value,
                                        size_t line);
int ctl_json_read (const char *text, size_t size, struct ctl_documents *ret,
                   struct ctl_faults *faults);
int ctl_yaml_read (const char *text, size_t size, struct ctl_documents *ret,
                   struct ctl_faults *faults);
#endif

/* document.c - documents as people write them. */
#include "client/yardctl/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/text.h"

struct ctl_document *ctl_documents_add (struct ctl_documents *documents, json_t *take_value,
                                        size_t line)
{
    struct ctl_document *added;

    documents->at =
        ctl_more_memory (documents->at, documents->count + 1, sizeof *documents->at);
    added = &documents->at[documents->count++];
    *added = (struct ctl_document){take_value, json_object (), line};
    return added;
}

void ctl_documents_done (struct ctl_documents *documents)
{
    for (size_t i = 0; i < documents->count; i++) {
        json_decref (documents->at[i].value);
        json_decref (documents->at[i].lines);
    }
    free (documents->at);
    *documents = (struct ctl_documents){0};
}

size_t ctl_document_line (const struct ctl_document *document, const char *member)
{
    json_t *line = json_object_get (document->lines, member);

    return line ? (size_t)json_integer_value (line) : document->line;
}

int ctl_documents_parse (const char *text, size_t size, struct ctl_documents *ret,
                         struct ctl_faults *faults)
{
    size_t first = strspn (text, " \t\r\n");

    if (text[first] == '{' || text[first] == '[')
        return ctl_json_read (text, size, ret, faults);
    return ctl_yaml_read (text, size, ret, faults);
}

int ctl_documents_read (const char *path, size_t most, struct ctl_documents *ret,
                        struct ctl_faults *faults)
{
    size_t size = 0;
    _free_ char *text = ctl_read_file (path, most, &size);

    if (text)
        return ctl_documents_parse (text, size, ret, faults);
    ctl_fault_add (faults, "", "malformed", ctl_copy (strerror (errno)));
    return -1;
}

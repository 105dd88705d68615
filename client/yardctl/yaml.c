/* yaml.c - YAML documents as JSON values.
 *
 * Plain scalars that JSON would read as a number, true, false or null are that; everything else
 * is text. Aliases make it possible to say much in few words, so the number of values and the
 * depth are bounded.
 */
#include <yaml.h>

#include "client/yardctl/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/text.h"

enum { VALUES_MAX = 1000000, DEPTH_MAX = 32 };

struct reader {
    yaml_document_t *document;
    struct ctl_faults *faults;
    size_t values; /* so far */
};

static size_t line_of (const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

static json_t *refuse (struct reader *r, const yaml_node_t *node, const char *code,
                       const char *what)
{
    ctl_fault_add (r->faults, "", code, ctl_format ("line %zu: %s", line_of (node), what));
    return NULL;
}

/* NULL: it is no number. */
static json_t *number_of (const char *text)
{
    json_error_t error;
    json_t *value = json_loads (text, JSON_DECODE_ANY, &error);

    if (json_is_number (value))
        return value;
    json_decref (value);
    return NULL;
}

static json_t *plain_value (const char *text)
{
    if (*text == '\0' || strcmp (text, "~") == 0 || strcmp (text, "null") == 0)
        return json_null ();
    if (strcmp (text, "true") == 0 || strcmp (text, "false") == 0)
        return json_boolean (*text == 't');
    return number_of (text);
}

static json_t *scalar (struct reader *r, const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    json_t *value = NULL;

    if (strlen (text) != node->data.scalar.length)
        return refuse (r, node, "text", "a NUL is no text");
    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        value = plain_value (text);
    if (!value)
        value = json_string (text);
    return value ? value : refuse (r, node, "text", "not UTF-8");
}

static json_t *convert (struct reader *r, const yaml_node_t *node, int depth);

static json_t *sequence (struct reader *r, const yaml_node_t *node, int depth)
{
    json_t *list = json_array (), *value;

    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        value = convert (r, yaml_document_get_node (r->document, *item), depth + 1);
        if (!value || json_array_append_new (list, value) != 0) {
            json_decref (list);
            return NULL;
        }
    }
    return list;
}

static json_t *add_pair (struct reader *r, json_t *object, const yaml_node_pair_t *pair,
                         int depth)
{
    yaml_node_t *name = yaml_document_get_node (r->document, pair->key);
    const char *text = (const char *)name->data.scalar.value;
    json_t *value;

    if (name->type != YAML_SCALAR_NODE || strlen (text) != name->data.scalar.length)
        return refuse (r, name, "type", "a member's name must be a text");
    if (json_object_get (object, text))
        return refuse (r, name, "repeated", "this member is there twice");
    value = convert (r, yaml_document_get_node (r->document, pair->value), depth + 1);
    if (value && json_object_set_new (object, text, value) != 0)
        return refuse (r, name, "text", "not UTF-8");
    return value;
}

static json_t *mapping (struct reader *r, const yaml_node_t *node, int depth)
{
    json_t *object = json_object ();

    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        if (!add_pair (r, object, pair, depth)) {
            json_decref (object);
            return NULL;
        }
    return object;
}

/* NULL: a fault was added. */
static json_t *convert (struct reader *r, const yaml_node_t *node, int depth)
{
    if (++r->values > VALUES_MAX)
        return refuse (r, node, "length", "too many values");
    if (depth > DEPTH_MAX)
        return refuse (r, node, "length", "too deep");
    if (node->type == YAML_SCALAR_NODE)
        return scalar (r, node);
    return node->type == YAML_SEQUENCE_NODE ? sequence (r, node, depth)
                                            : mapping (r, node, depth);
}

static void note_lines (struct reader *r, const yaml_node_t *node, json_t *lines)
{
    if (node->type != YAML_MAPPING_NODE)
        return;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *name = yaml_document_get_node (r->document, pair->key);
        (void)json_object_set_new (lines, (const char *)name->data.scalar.value,
                                   json_integer ((json_int_t)line_of (name)));
    }
}

static int add (struct reader *r, struct ctl_documents *ret, const yaml_node_t *node)
{
    json_t *value;

    if (ret->count == CTL_DOCUMENTS_MAX) {
        (void)refuse (r, node, "length", "too many documents");
        return -1;
    }
    value = convert (r, node, 0);
    if (!value)
        return -1;
    note_lines (r, node, ctl_documents_add (ret, value, line_of (node))->lines);
    return 0;
}

static int add_all (struct reader *r, struct ctl_documents *ret, const yaml_node_t *root)
{
    if (root->type != YAML_SEQUENCE_NODE)
        return add (r, ret, root);
    for (yaml_node_item_t *item = root->data.sequence.items.start;
         item < root->data.sequence.items.top; item++)
        if (add (r, ret, yaml_document_get_node (r->document, *item)) != 0)
            return -1;
    return 0;
}

/* 1: there was one more document; 0: the end; -1: a fault was added. */
static int next (yaml_parser_t *parser, struct ctl_documents *ret, struct reader *r)
{
    yaml_document_t document;
    yaml_node_t *root;
    int result = 0;

    if (!yaml_parser_load (parser, &document)) {
        ctl_fault_add (r->faults, "", "malformed",
                       ctl_format ("line %zu: %s", parser->problem_mark.line + 1,
                                   parser->problem ? parser->problem : "not YAML"));
        return -1;
    }
    root = yaml_document_get_root_node (&document);
    r->document = &document;
    if (root)
        result = add_all (r, ret, root) == 0 ? 1 : -1;
    yaml_document_delete (&document);
    return result;
}

int ctl_yaml_read (const char *text, size_t size, struct ctl_documents *ret,
                   struct ctl_faults *faults)
{
    struct reader r = {.faults = faults};
    yaml_parser_t parser;
    int more;

    if (!yaml_parser_initialize (&parser)) {
        ctl_fault_add (faults, "", "malformed", ctl_copy (strerror (ENOMEM)));
        return -1;
    }
    yaml_parser_set_input_string (&parser, (const unsigned char *)text, size);
    do
        more = next (&parser, ret, &r);
    while (more == 1);
    yaml_parser_delete (&parser);
    return more;
}

/* yamlout.c - JSON values written as YAML, by libyaml's own emitter: what is quoted, and how,
 * is its business. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "client/yardctl/show.h"
#include "client/yardctl/text.h"

/* Events that cannot be made or written end the process: memory is all they need. */
static void emit (yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
    if (made && yaml_emitter_emit (emitter, event))
        return;
    (void)fputs ("yardctl: the answer cannot be written as YAML\n", stderr);
    exit (CTL_OUTPUT);
}

/* Plain only if it would be read as what it is. */
static void emit_scalar (yaml_emitter_t *emitter, const char *text, bool is_text)
{
    yaml_event_t event;
    bool plain =
        !is_text || (*text &&
                     strspn (text, "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") > 0 &&
                     strcasecmp (text, "true") != 0 && strcasecmp (text, "false") != 0 &&
                     strcasecmp (text, "null") != 0 && strcasecmp (text, "yes") != 0 &&
                     strcasecmp (text, "no") != 0 && strcasecmp (text, "on") != 0 &&
                     strcasecmp (text, "off") != 0);

    emit (emitter, &event,
          yaml_scalar_event_initialize (
              &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen (text), 1, 1,
              plain ? YAML_ANY_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE));
}

static void emit_value (yaml_emitter_t *emitter, const json_t *value);

static void emit_list (yaml_emitter_t *emitter, const json_t *list)
{
    yaml_event_t event;

    emit (emitter, &event,
          yaml_sequence_start_event_initialize (&event, NULL, NULL, 1,
                                                YAML_BLOCK_SEQUENCE_STYLE));
    for (size_t i = 0; i < json_array_size (list); i++)
        emit_value (emitter, json_array_get (list, i));
    emit (emitter, &event, yaml_sequence_end_event_initialize (&event));
}

static void emit_object (yaml_emitter_t *emitter, const json_t *object)
{
    yaml_event_t event;
    const char *name;
    json_t *value;

    emit (
        emitter, &event,
        yaml_mapping_start_event_initialize (&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
    json_object_foreach ((json_t *)(uintptr_t)object, name, value)
    {
        emit_scalar (emitter, name, true);
        emit_value (emitter, value);
    }
    emit (emitter, &event, yaml_mapping_end_event_initialize (&event));
}

static void emit_value (yaml_emitter_t *emitter, const json_t *value)
{
    _free_ char *text = NULL;

    if (json_is_array (value))
        emit_list (emitter, value);
    else if (json_is_object (value))
        emit_object (emitter, value);
    else if (json_is_string (value))
        emit_scalar (emitter, json_string_value (value), true);
    else {
        text = json_dumps (value, JSON_ENCODE_ANY);
        emit_scalar (emitter, text ? text : "null", false);
    }
}

void ctl_yaml_print (const json_t *value)
{
    yaml_emitter_t emitter;
    yaml_event_t event;

    if (!yaml_emitter_initialize (&emitter))
        abort ();
    yaml_emitter_set_output_file (&emitter, stdout);
    yaml_emitter_set_unicode (&emitter, 1);
    emit (&emitter, &event, yaml_stream_start_event_initialize (&event, YAML_UTF8_ENCODING));
    emit (&emitter, &event, yaml_document_start_event_initialize (&event, NULL, NULL, NULL, 0));
    emit_value (&emitter, value);
    emit (&emitter, &event, yaml_document_end_event_initialize (&event, 1));
    emit (&emitter, &event, yaml_stream_end_event_initialize (&event));
    yaml_emitter_delete (&emitter);
}

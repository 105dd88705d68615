/* config.c - reads the configuration by libyaml's document interface, which knows where each
 * node stands.
 *
 * The walk goes two levels deep and never follows a node further, so neither depth nor aliases
 * of a hostile file matter; its size is bounded by CONFIG_FILE_MAX.
 */
#include "supervisor/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/text.h"
#include "common/handover/handover.h"
#include "supervisor/file.h"

#define FITS_TEXT(most)   ((most) <= CONFIG_TEXT_MAX)
#define FITS_NUMBER(most) 1
#define SETTING(section, name, kind, normal, fast, least, most, doc)                           \
    _Static_assert(FITS_##kind (most), "CONFIG_TEXT_MAX is too small for " #name);
#include "schema/settings.def"
#undef SETTING

struct reading {
    struct config *config;
    struct faults *faults;
    yaml_document_t *document;
};

__attribute__ ((format (printf, 3, 4))) static void
fault_at (const struct reading *r, const yaml_mark_t *mark, const char *format, ...)
{
    char text[FAULT_TEXT_MAX + 1];
    va_list arguments;
    va_start (arguments, format);
    (void)vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    faults_add (r->faults, r->config->file, (unsigned)mark->line + 1,
                (unsigned)mark->column + 1, "%s", text);
}

/* The text of a scalar, or NULL: not a scalar, or it holds what no setting may. */
static const char *scalar_text (const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    for (size_t i = 0; i < node->data.scalar.length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return NULL;
    return text;
}

static bool is_null (const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = (const char *)node->data.scalar.value;
    return strcmp (text, "") == 0 || strcmp (text, "~") == 0 || strcmp (text, "null") == 0;
}

static bool is_section (const char *name)
{
    for (size_t i = 0; i < ym_setting_count; i++)
        if (*name && strcmp (ym_settings[i].section, name) == 0)
            return true;
    return false;
}

/* The keys that may stand in a section; at the top (section "") the sections' names too. */
static const char *valid_key (const char *section, size_t number)
{
    const struct ym_setting *row = &ym_settings[number];
    if (strcmp (row->section, section) == 0)
        return row->name;
    if (*section || (number && strcmp (ym_settings[number - 1].section, row->section) == 0))
        return NULL;
    return row->section;
}

static const char *nearest_key (const char *section, const char *key)
{
    const char *nearest = NULL;
    unsigned least = (unsigned)strlen (key) / 2 + 1;
    for (size_t i = 0; i < ym_setting_count; i++) {
        const char *candidate = valid_key (section, i);
        unsigned distance = candidate ? ym_text_distance (candidate, key) : least;
        if (distance >= least)
            continue;
        least = distance;
        nearest = candidate;
    }
    return nearest;
}

static void list_keys (char *to, size_t room, const char *section)
{
    char list[FAULT_TEXT_MAX + 1] = "";
    for (size_t i = 0; i < ym_setting_count; i++) {
        const char *key = valid_key (section, i);
        if (!key)
            continue;
        (void)ym_text_format (to, room, "%s%s%s", list, *list ? ", " : "", key);
        (void)ym_text_copy (list, sizeof list, to);
    }
}

static const struct ym_setting *find_elsewhere (const char *key)
{
    for (size_t i = 0; i < ym_setting_count; i++)
        if (strcmp (ym_settings[i].name, key) == 0)
            return &ym_settings[i];
    return NULL;
}

static void refuse_key (const struct reading *r, const yaml_node_t *node, const char *section,
                        const char *key)
{
    const struct ym_setting *elsewhere = find_elsewhere (key);
    const char *nearest = nearest_key (section, key);
    char list[FAULT_TEXT_MAX / 2];

    if (elsewhere && *elsewhere->section)
        fault_at (r, &node->start_mark, "\"%s\" belongs under \"%s\"", key, elsewhere->section);
    else if (elsewhere || is_section (key))
        fault_at (r, &node->start_mark, "\"%s\" belongs at the top, not under \"%s\"", key,
                  section);
    else if (nearest)
        fault_at (r, &node->start_mark, "unknown key \"%.80s\"; did you mean \"%s\"?", key,
                  nearest);
    else {
        list_keys (list, sizeof list, section);
        fault_at (r, &node->start_mark, "unknown key \"%.80s\"; here may stand: %s", key, list);
    }
}

static void take_number (const struct reading *r, const yaml_node_t *node,
                         const struct ym_setting *row, struct config_value *value)
{
    const char *text = scalar_text (node);
    if (!text || ym_text_number (text, row->least, row->most, &value->number))
        fault_at (r, &node->start_mark,
                  "\"%s\" must be a whole number from %lld to %lld, not \"%.60s\"", row->name,
                  (long long)row->least, (long long)row->most, text ? text : "?");
    else
        (void)ym_text_format (value->text, sizeof value->text, "%lld",
                              (long long)value->number);
}

static void take_text (const struct reading *r, const yaml_node_t *node,
                       const struct ym_setting *row, struct config_value *value)
{
    const char *text = scalar_text (node);
    size_t size = text ? strlen (text) : 0;
    if (!text)
        fault_at (r, &node->start_mark, "\"%s\" holds control characters", row->name);
    else if (size < (size_t)row->least || size > (size_t)row->most)
        fault_at (r, &node->start_mark,
                  "\"%s\" must be a text of %lld to %lld octets, this one has %zu", row->name,
                  (long long)row->least, (long long)row->most, size);
    else
        (void)ym_text_copy (value->text, sizeof value->text, text);
}

static void take_setting (const struct reading *r, const struct ym_setting *row,
                          const yaml_node_t *key, const yaml_node_t *node)
{
    struct config_value *value = &r->config->values[row - ym_settings];
    if (value->line) {
        fault_at (r, &key->start_mark, "\"%s\" is repeated; it stands in line %u already",
                  row->name, value->line);
        return;
    }

    value->line = (unsigned)node->start_mark.line + 1;
    value->column = (unsigned)node->start_mark.column + 1;
    if (node->type != YAML_SCALAR_NODE)
        fault_at (r, &node->start_mark, "\"%s\" must be one value, not a list or a map",
                  row->name);
    else if (is_null (node))
        fault_at (r, &key->start_mark, "\"%s\" has no value; leave it out for the default",
                  row->name);
    else if (row->is_number)
        take_number (r, node, row, value);
    else
        take_text (r, node, row, value);
}

static const yaml_node_t *node_of (const struct reading *r, int number)
{
    const yaml_node_t *node = yaml_document_get_node (r->document, number);
    ym_assert (node != NULL);
    return node;
}

static void take_map (const struct reading *r, const yaml_node_t *map, const char *section);

/* A section that stands twice would hide one half from whoever edits the other. */
static bool is_repeated (const struct reading *r, const yaml_node_t *map,
                         const yaml_node_pair_t *pair, const char *name)
{
    for (const yaml_node_pair_t *at = map->data.mapping.pairs.start; at < pair; at++) {
        const yaml_node_t *key = node_of (r, at->key);
        const char *text = scalar_text (key);
        if (!text || strcmp (text, name) != 0)
            continue;
        fault_at (r, &node_of (r, pair->key)->start_mark,
                  "section \"%s\" is repeated; it begins in line %zu already", name,
                  key->start_mark.line + 1);
        return true;
    }
    return false;
}

static void take_section (const struct reading *r, const yaml_node_t *map,
                          const yaml_node_pair_t *pair, const char *name)
{
    const yaml_node_t *node = node_of (r, pair->value);
    if (is_repeated (r, map, pair, name) || is_null (node))
        return;
    if (node->type == YAML_MAPPING_NODE)
        take_map (r, node, name);
    else
        fault_at (r, &node->start_mark, "\"%s\" is a section: its settings stand below it",
                  name);
}

static void take_map (const struct reading *r, const yaml_node_t *map, const char *section)
{
    const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
    for (; pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_of (r, pair->key);
        const char *name = scalar_text (key);
        const struct ym_setting *row = name ? ym_setting_find (section, name) : NULL;
        if (!name)
            fault_at (r, &key->start_mark, "a key must be a plain name");
        else if (row)
            take_setting (r, row, key, node_of (r, pair->value));
        else if (!*section && is_section (name))
            take_section (r, map, pair, name);
        else
            refuse_key (r, key, section, name);
    }
}

static void take_document (const struct reading *r)
{
    const yaml_node_t *root = yaml_document_get_root_node (r->document);
    if (!root || is_null (root))
        return;
    if (root->type == YAML_MAPPING_NODE)
        take_map (r, root, "");
    else
        fault_at (r, &root->start_mark, "the file must be a map of settings");
}

static void refuse_yaml (const struct reading *r, const yaml_parser_t *parser)
{
    r->config->is_read = false;
    const char *problem = parser->problem ? parser->problem : "unreadable";
    if (parser->error == YAML_READER_ERROR)
        faults_add (r->faults, r->config->file, 0, 0, "not YAML: %s at octet %zu", problem,
                    parser->problem_offset);
    else
        fault_at (r, &parser->problem_mark, "not YAML: %s%s%s", problem,
                  parser->context ? " " : "", parser->context ? parser->context : "");
}

/* Loads one document and hands it on; false if there is no sense in reading further. */
static bool take_next (struct reading *r, yaml_parser_t *parser, bool is_first)
{
    yaml_document_t document;
    if (!yaml_parser_load (parser, &document)) {
        refuse_yaml (r, parser);
        return false;
    }
    r->document = &document;
    const yaml_node_t *root = yaml_document_get_root_node (&document);
    bool is_more = is_first && root;
    if (is_first)
        take_document (r);
    else if (root)
        fault_at (r, &document.start_mark, "a second document; settings stand in one");
    yaml_document_delete (&document);
    r->document = NULL;
    return is_more;
}

static void take_defaults (struct config *config)
{
    bool is_fast = strcmp (config->values[CONFIG_profile].text, "fast") == 0;
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        const struct ym_setting *row = &ym_settings[i];
        struct config_value *value = &config->values[i];
        if (value->text[0])
            continue;
        ym_assert (ym_text_copy (value->text, sizeof value->text,
                                 is_fast ? row->text_fast : row->text));
        if (row->is_number)
            ym_assert (ym_text_number (value->text, row->least, row->most, &value->number) ==
                       0);
    }
}

void config_parse (struct config *config, const char *file, const void *text, size_t size,
                   struct faults *faults)
{
    unsigned before = faults->count;
    memset (config, 0, sizeof *config);
    (void)ym_text_copy (config->file, sizeof config->file, file);
    config->is_read = true;
    ym_assert (ym_setting_count == CONFIG_SETTINGS);

    yaml_parser_t parser;
    if (!yaml_parser_initialize (&parser))
        ym_panic ("expected memory for the YAML parser");
    yaml_parser_set_input_string (&parser, text, size);
    struct reading reading = {.config = config, .faults = faults};
    if (take_next (&reading, &parser, true))
        (void)take_next (&reading, &parser, false);
    yaml_parser_delete (&parser);

    take_defaults (config);
    if (config->is_read)
        config_check_rules (config, faults);
    faults_sort (faults, before);
}

void config_read (struct config *config, const char *file, struct faults *faults)
{
    _free_ char *text = ym_new (CONFIG_FILE_MAX);
    size_t size = 0;
    memset (config, 0, sizeof *config);
    int rc = file_read (file, text, CONFIG_FILE_MAX, &size, NULL);
    if (rc == -EFBIG)
        faults_add (faults, file, 0, 0, "larger than %d octets", CONFIG_FILE_MAX);
    else if (rc)
        faults_add (faults, file, 0, 0, "cannot be read: %s", strerror (-rc));
    else
        config_parse (config, file, text, size, faults);
}

const char *config_text (const struct config *config, enum config_setting setting)
{
    return config->values[setting].text;
}

int64_t config_number (const struct config *config, enum config_setting setting)
{
    ym_assert (ym_settings[setting].is_number);
    return config->values[setting].number;
}

void config_fault (const struct config *config, enum config_setting setting,
                   struct faults *faults, const char *format, ...)
{
    const struct config_value *value = &config->values[setting];
    char text[FAULT_TEXT_MAX + 1];
    va_list arguments;
    va_start (arguments, format);
    (void)vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    faults_add (faults, config->file, value->line, value->column, "%s", text);
}

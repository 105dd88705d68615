/* config.h - the configuration file: every setting of schema/settings.def, checked, with its
 * place.
 *
 * The file is YAML. What it does not say has the default of its profile. All faults are found
 * in one reading; a configuration with faults must not be used.
 */
#ifndef YM_SUPERVISOR_CONFIG_H
#define YM_SUPERVISOR_CONFIG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/faults.h"

/* The place of each setting in ym_settings. */
enum config_setting {
#define SETTING(section, name, kind, normal, fast, least, most, doc) CONFIG_##name,
#include "schema/settings.def"
#undef SETTING
    CONFIG_SETTINGS
};

enum { CONFIG_TEXT_MAX = 400, CONFIG_FILE_MAX = 65536 };

struct config_value {
    char text[CONFIG_TEXT_MAX + 1]; /* of a number too */
    int64_t number;
    unsigned line, column; /* 0 if the default holds */
};

struct config {
    char file[FAULT_FILE_MAX + 1];
    bool is_read; /* false: not readable as YAML at all, so the values say nothing */
    struct config_value values[CONFIG_SETTINGS];
};

/* 'file' is the name that faults carry. They come in the order of their lines. */
void config_parse (struct config *config, const char *file, const void *text, size_t size,
                   struct faults *faults);
void config_read (struct config *config, const char *file, struct faults *faults);

const char *config_text (const struct config *config, enum config_setting setting);
int64_t config_number (const struct config *config, enum config_setting setting);
/* A fault at the place of a setting, or without a place if its default holds. */
void config_fault (const struct config *config, enum config_setting setting,
                   struct faults *faults, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));

/* What no single row can say: the form of doors and directories, and settings that belong
 * together. Called by config_parse; looks at nothing outside the configuration. */
void config_check_rules (const struct config *config, struct faults *faults);
#endif

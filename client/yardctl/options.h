/* options.h - the table of all flags. */
#ifndef YARDCTL_OPTIONS_H
#define YARDCTL_OPTIONS_H
#include "client/yardctl/ctl.h"

enum ctl_value {
    CTL_TEXT_VALUE,
    CTL_FLAG_VALUE,
    CTL_LIST_VALUE,
    CTL_COUNT_VALUE,
    CTL_SECONDS_VALUE,
    CTL_NUMBER_VALUE, /* struct ctl_number, from 0 */
    CTL_SPAN_VALUE,   /* int64_t, ms */
    CTL_MOMENT_VALUE, /* int64_t, ms since 1970 */
};

struct ctl_option {
    unsigned sets; /* commands that take one of these take it */
    int letter;    /* 0: none */
    const char *name, *value;
    enum ctl_value kind;
    size_t at; /* in struct ctl_options */
    int group; /* of the help */
    const char *doc;
};
extern const struct ctl_option ctl_option_table[];
extern const size_t ctl_option_count;
#endif

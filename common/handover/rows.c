/* rows.c - the actors and settings of the yard, as tables.
 *
 * Expanded from schema/actors.def and schema/settings.def; nothing is said here a second time.
 */
#include "common/handover/handover.h"

#include <string.h>

#include "common/base/enums.h"
#include "common/base/panic.h"

const struct ym_actor_row ym_actor_rows[YM_ACTORS] = {
#define ACTOR(symbol, name, program, argument, role, door, doc)                                \
    {name, program, argument, role, door, doc},
#define MAY(from, to, message)
#include "schema/actors.def"
#undef ACTOR
#undef MAY
};

#define SETTING_TEXT(section, name, normal, fast, least, most, doc)                            \
    {section, name, 0, normal, fast, least, most, doc},
#define SETTING_NUMBER(section, name, normal, fast, least, most, doc)                          \
    {section, name, 1, #normal, #fast, least, most, doc},
const struct ym_setting ym_settings[] = {
#define SETTING(section, name, kind, normal, fast, least, most, doc)                           \
    SETTING_##kind (section, #name, normal, fast, least, most, doc)
#include "schema/settings.def"
#undef SETTING
};
const size_t ym_setting_count = sizeof ym_settings / sizeof ym_settings[0];

int ym_actor_find (const char *name)
{
    for (int i = 0; i < YM_ACTORS; i++)
        if (strcmp (ym_actor_rows[i].name, name) == 0)
            return i;
    return -1;
}

bool ym_actor_is_queue (unsigned actor, uint32_t *ret_tier)
{
    const char *word = actor < YM_ACTORS ? ym_actor_rows[actor].argument : "";
    int tier = ym_enum_find (YM_ENUM_TIER, word, (unsigned)strlen (word));

    if (tier < 0)
        return false;
    *ret_tier = (uint32_t)tier;
    return true;
}

unsigned ym_actor_queue (uint32_t tier)
{
    uint32_t of;

    for (unsigned i = 0; i < YM_ACTORS; i++)
        if (ym_actor_is_queue (i, &of) && of == tier)
            return i;
    ym_panic ("no actor is the queue of tier %u", tier);
}

const struct ym_setting *ym_setting_find (const char *section, const char *name)
{
    for (size_t i = 0; i < ym_setting_count; i++) {
        const struct ym_setting *setting = &ym_settings[i];
        if (strcmp (setting->section, section) == 0 && strcmp (setting->name, name) == 0)
            return setting;
    }
    return NULL;
}

/* settings.c - the payload of a git-move.
 *
 * Strict: a misspelt setting is refused, not ignored, and so is any value out of its range.
 */
#include "client/agents/git/work.h"

#include <inttypes.h>
#include <string.h>

#define NAME_MAX_OCTETS 32

struct cursor {
    const char *at, *end;
};

static const struct setting {
    const char *name;
    size_t offset;
    uint32_t standard, lowest, highest;
} known[] = {
    {"range", offsetof (struct git_settings, range), 50, 1, 100000},
    {"pace_ms", offsetof (struct git_settings, pace_ms), 0, 0, 3600000},
};

static bool take (struct cursor *c, char wanted)
{
    while (c->at < c->end && strchr (" \t\r\n", *c->at) && *c->at)
        c->at++;
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_name (struct cursor *c, char name[NAME_MAX_OCTETS])
{
    size_t size = 0;

    if (!take (c, '"'))
        return false;
    while (c->at < c->end && *c->at != '"' && *c->at != '\\' && size < NAME_MAX_OCTETS - 1)
        name[size++] = *c->at++;
    name[size] = '\0';
    return take (c, '"') && take (c, ':');
}

static bool take_number (struct cursor *c, uint64_t *ret_number)
{
    const char *first;
    uint64_t number = 0;

    while (c->at < c->end && *c->at == ' ')
        c->at++;
    for (first = c->at; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (c->at - first >= 18)
            return false;
        number = number * 10 + (uint64_t)(*c->at - '0');
    }
    if (c->at == first || (*first == '0' && c->at - first > 1))
        return false;
    *ret_number = number;
    return true;
}

static enum git_end set (struct git_work *work, const char *name, uint64_t number)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct setting *s = &known[i];
        if (strcmp (s->name, name) != 0)
            continue;
        if (number < s->lowest || number > s->highest)
            return git_say (work, GIT_FAIL, "payload: %s must be %" PRIu32 " to %" PRIu32, name,
                            s->lowest, s->highest);
        memcpy ((char *)&work->settings + s->offset, &(uint32_t){(uint32_t)number},
                sizeof (uint32_t));
        return GIT_GO_ON;
    }
    return git_say (work, GIT_FAIL, "payload: no setting is called '%s'", name);
}

static enum git_end read_members (struct git_work *work, struct cursor *c, bool *ret_whole)
{
    char name[NAME_MAX_OCTETS];
    uint64_t number;
    enum git_end end;

    *ret_whole = false;
    if (!take (c, '{'))
        return GIT_GO_ON;
    if (take (c, '}')) {
        *ret_whole = true;
        return GIT_GO_ON;
    }
    do {
        if (!take_name (c, name) || !take_number (c, &number))
            return GIT_GO_ON;
        end = set (work, name, number);
        if (end)
            return end;
    } while (take (c, ','));
    *ret_whole = take (c, '}');
    return GIT_GO_ON;
}

enum git_end git_settings_read (struct git_work *work)
{
    const char *payload = work->task->payload;
    struct cursor c = {payload, payload + work->task->payload_size};
    enum git_end end;
    bool whole;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        memcpy ((char *)&work->settings + known[i].offset, &known[i].standard,
                sizeof (uint32_t));
    if (work->task->payload_size == 0)
        return GIT_GO_ON;
    end = read_members (work, &c, &whole);
    if (end)
        return end;
    (void)take (&c, '\0');
    if (!whole || c.at != c.end)
        return git_say (work, GIT_FAIL,
                        "payload: not a JSON object such as {\"range\": 50, \"pace_ms\": 0}");
    return GIT_GO_ON;
}

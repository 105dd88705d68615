/* config_rules.c - what no single row of schema/settings.def can say about a configuration. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"
#include "supervisor/config.h"

static bool is_address (const char *text, size_t size)
{
    char address[INET6_ADDRSTRLEN + 3];
    unsigned char ignored[sizeof (struct in6_addr)];
    if (size >= sizeof address)
        return false;
    memcpy (address, text, size);
    address[size] = '\0';
    if (strcmp (address, "*") == 0)
        return true;
    if (size > 2 && address[0] == '[' && address[size - 1] == ']') {
        address[size - 1] = '\0';
        return inet_pton (AF_INET6, address + 1, ignored) == 1;
    }
    return inet_pton (AF_INET, address, ignored) == 1;
}

/* Numeric addresses only: a name would make the start depend on a resolver. */
static bool is_door (const char *text)
{
    static const char scheme[] = "tcp://";
    if (strncmp (text, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *address = text + sizeof scheme - 1;
    const char *colon = strrchr (address, ':');
    int64_t port;
    return colon && isdigit ((unsigned char)colon[1]) &&
           is_address (address, (size_t)(colon - address)) &&
           ym_text_number (colon + 1, 1, 65535, &port) == 0;
}

static void check_doors (const struct config *config, struct faults *faults)
{
    static const enum config_setting doors[] = {CONFIG_client_door, CONFIG_agent_door};
    for (unsigned i = 0; i < 2; i++)
        if (!is_door (config_text (config, doors[i])))
            config_fault (config, doors[i], faults,
                          "a door is tcp://ADDRESS:PORT with an address in numbers, such as "
                          "tcp://127.0.0.1:7510 or tcp://[::1]:7510, not \"%s\"",
                          config_text (config, doors[i]));
    if (strcmp (config_text (config, CONFIG_client_door),
                config_text (config, CONFIG_agent_door)) == 0)
        config_fault (config, CONFIG_agent_door, faults,
                      "both doors are %s; each needs a port of its own",
                      config_text (config, CONFIG_agent_door));
}

static void check_directories (const struct config *config, struct faults *faults)
{
    static const enum config_setting directories[] = {CONFIG_run_directory,
                                                      CONFIG_program_directory};
    for (unsigned i = 0; i < 2; i++)
        if (config_text (config, directories[i])[0] != '/')
            config_fault (config, directories[i], faults,
                          "a directory begins with /, not \"%s\"",
                          config_text (config, directories[i]));
}

/* Finds "user" as a keyword of a connection string, not inside a word or a value. */
static bool names_user (const char *conninfo)
{
    bool is_quoted = false;
    for (const char *at = conninfo; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '\'')
            is_quoted = !is_quoted;
        else if (!is_quoted && strncmp (at, "user", 4) == 0 &&
                 (at == conninfo || isspace ((unsigned char)at[-1])) &&
                 at[4 + strspn (at + 4, " ")] == '=')
            return true;
    }
    return false;
}

static void check_conninfo (const struct config *config, struct faults *faults)
{
    const char *conninfo = config_text (config, CONFIG_conninfo);
    if (strstr (conninfo, "://"))
        config_fault (config, CONFIG_conninfo, faults,
                      "\"conninfo\" must be in the form host=... dbname=..., not a URI");
    else if (names_user (conninfo))
        config_fault (
            config, CONFIG_conninfo, faults,
            "\"conninfo\" must not name a user; each actor logs in with its own role");
}

/* Blames the setting that the file names, or the first one if it names both. */
static enum config_setting culprit (const struct config *config, enum config_setting first,
                                    enum config_setting second)
{
    return config->values[first].line ? first : second;
}

static void check_times (const struct config *config, struct faults *faults)
{
    int64_t beat = config_number (config, CONFIG_beat_ms);
    int64_t silent = config_number (config, CONFIG_silent_ms);
    if (silent < 2 * beat)
        config_fault (config, culprit (config, CONFIG_silent_ms, CONFIG_beat_ms), faults,
                      "\"silent_ms\" (%lld) must be at least twice \"beat_ms\" (%lld)",
                      (long long)silent, (long long)beat);

    int64_t heartbeat = config_number (config, CONFIG_heartbeat_ms);
    int64_t lease =
        config_number (config, CONFIG_lease_ticks) * config_number (config, CONFIG_tick_ms);
    if (lease < 2 * heartbeat)
        config_fault (
            config, culprit (config, CONFIG_lease_ticks, CONFIG_heartbeat_ms), faults,
            "a lease of %lld ms (\"lease_ticks\" times \"tick_ms\") must last at least "
            "two heartbeats of %lld ms",
            (long long)lease, (long long)heartbeat);
}

void config_check_rules (const struct config *config, struct faults *faults)
{
    const char *profile = config_text (config, CONFIG_profile);
    if (strcmp (profile, "default") != 0 && strcmp (profile, "fast") != 0)
        config_fault (config, CONFIG_profile, faults,
                      "\"profile\" must be default or fast, not \"%s\"", profile);
    check_doors (config, faults);
    check_directories (config, faults);
    check_conninfo (config, faults);
    check_times (config, faults);
}

/* test_config.c - the configuration file: what is good, and every fault with its place. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/own.h"
#include "common/base/text.h"
#include "common/handover/handover.h"
#include "supervisor/config.h"

struct row {
    const char *text;
    const char *faults; /* as printed; "f" is the file */
};

static const struct row rows[] = {
    {"", ""},
    {"# nothing but a comment\n", ""},
    {"doors:\n  # all at their defaults\nlimits:\n", ""},
    {"profile: fast\n", ""},
    {"doors: {client_door: 'tcp://[::1]:1', agent_door: \"tcp://*:2\"}\n", ""},
    {"database:\n  conninfo: host=/run/pg dbname=x options='-c user=1'\n", ""},
    {"prifile: fast\n", "f:1:1: unknown key \"prifile\"; did you mean \"profile\"?\n"},
    {"profile: default\nlimit:\n  turn_max: 1\n",
     "f:2:1: unknown key \"limit\"; did you mean \"limits\"?\n"},
    {"limits:\n  turnmax: 1\n", "f:2:3: unknown key \"turnmax\"; did you mean \"turn_max\"?\n"},
    {"jobs:\n  zzz: 1\n",
     "f:2:3: unknown key \"zzz\"; here may stand: attempts_max, "
     "losses_max, retry_ms, run_expected_ms, age_grants, submit_rate, submit_burst\n"},
    {"limits:\n  beat_ms: 1\n", "f:2:3: \"beat_ms\" belongs under \"actors\"\n"},
    {"beat_ms: 1\n", "f:1:1: \"beat_ms\" belongs under \"actors\"\n"},
    {"jobs:\n  profile: fast\n", "f:2:3: \"profile\" belongs at the top, not under \"jobs\"\n"},
    {"jobs:\n  limits:\n", "f:2:3: \"limits\" belongs at the top, not under \"jobs\"\n"},
    {"profile: slow\n", "f:1:10: \"profile\" must be default or fast, not \"slow\"\n"},
    {"limits:\n  turn_max: 0\n",
     "f:2:13: \"turn_max\" must be a whole number from 1 to 4096, not \"0\"\n"},
    {"limits:\n  turn_max: 1e3\n",
     "f:2:13: \"turn_max\" must be a whole number from 1 to 4096, not \"1e3\"\n"},
    {"limits:\n  turn_max: 99999999999999999999\n",
     "f:2:13: \"turn_max\" must be a whole number from 1 to 4096, not "
     "\"99999999999999999999\"\n"},
    {"limits:\n  turn_max:\n",
     "f:2:3: \"turn_max\" has no value; leave it out for the default\n"},
    {"limits:\n  turn_max: [1]\n",
     "f:2:13: \"turn_max\" must be one value, not a list or a map\n"},
    {"run_directory: \"\"\n",
     "f:1:16: \"run_directory\" must be a text of 1 to 80 octets, this "
     "one has 0\n"},
    {"run_directory: \"/a\\nb\"\n", "f:1:16: \"run_directory\" holds control characters\n"},
    {"run_directory: run\n", "f:1:16: a directory begins with /, not \"run\"\n"},
    {"limits:\n  turn_max: 7\n  turn_max: 8\n",
     "f:3:3: \"turn_max\" is repeated; it stands in line 2 already\n"},
    {"jobs:\n  attempts_max: 7\nlimits:\njobs:\n",
     "f:4:1: section \"jobs\" is repeated; it begins in line 1 already\n"},
    {"limits: 7\n", "f:1:9: \"limits\" is a section: its settings stand below it\n"},
    {"- 1\n", "f:1:1: the file must be a map of settings\n"},
    {"[1, 2]: 3\n", "f:1:1: a key must be a plain name\n"},
    {"profile: fast\n---\nprofile: fast\n",
     "f:2:1: a second document; settings stand in one\n"},
    {"doors:\n  client_door: tcp://localhost:7\n",
     "f:2:16: a door is tcp://ADDRESS:PORT with an address in numbers, such as "
     "tcp://127.0.0.1:7510 or tcp://[::1]:7510, not \"tcp://localhost:7\"\n"},
    {"doors:\n  client_door: tcp://127.0.0.1:7511\n",
     "f: both doors are tcp://127.0.0.1:7511; each needs a port of its own\n"},
    {"database:\n  conninfo: host=/run user = me\n",
     "f:2:13: \"conninfo\" must not name a user; each actor logs in with its own role\n"},
    {"database:\n  conninfo: postgresql://u@h/d\n",
     "f:2:13: \"conninfo\" must be in the form host=... dbname=..., not a URI\n"},
    {"actors:\n  beat_ms: 3000\n",
     "f:2:12: \"silent_ms\" (5000) must be at least twice \"beat_ms\" (3000)\n"},
    {"agents:\n  lease_ticks: 2\n",
     "f:2:16: a lease of 2000 ms (\"lease_ticks\" times \"tick_ms\") must last at least two "
     "heartbeats of 3000 ms\n"},
    {"jobs:\n  attempts_max: x\nprofile: 1\n",
     "f:2:17: \"attempts_max\" must be a whole number from 1 to 100, not \"x\"\n"
     "f:3:10: \"profile\" must be a text of 4 to 7 octets, this one has 1\n"},
    {"a: [\n b", "f:3:1: not YAML: did not find expected ',' or ']' while parsing a flow "
                 "sequence\n"},
    {"a: \xff\n", "f: not YAML: invalid leading UTF-8 octet at octet 3\n"},
};

static void print (char *to, size_t room, const struct faults *faults)
{
    size_t used = 0;
    to[0] = '\0';
    for (unsigned i = 0; i < faults->count && i < FAULTS_MAX; i++) {
        char line[FAULT_LINE_MAX + 1];
        fault_print (line, &faults->list[i]);
        (void)ym_text_format (to + used, room - used, "%s\n", line);
        used += strlen (to + used);
    }
}

Test (config, rows)
{
    _free_ struct config *config = ym_new (sizeof *config);
    _free_ struct faults *faults = ym_new (sizeof *faults);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[4096];
        faults->count = 0;
        config_parse (config, "f", rows[i].text, strlen (rows[i].text), faults);
        print (text, sizeof text, faults);
        cr_expect_str_eq (text, rows[i].faults, "row %u\nis:     %swanted: %s", i, text,
                          rows[i].faults);
    }
}

Test (config, defaults_follow_the_profile)
{
    static const char fast[] = "actors:\n  silent_ms: 777\nprofile: fast\n";
    _free_ struct config *config = ym_new (sizeof *config);
    _free_ struct faults *faults = ym_new (sizeof *faults);
    config_parse (config, "f", "", 0, faults);
    for (unsigned i = 0; i < CONFIG_SETTINGS; i++)
        cr_expect_str_eq (config_text (config, i), ym_settings[i].text);
    cr_expect (config_number (config, CONFIG_silent_ms) == 5000);

    config_parse (config, "f", fast, strlen (fast), faults);
    cr_expect (config_number (config, CONFIG_silent_ms) == 777, "the file wins");
    cr_expect (config_number (config, CONFIG_beat_ms) == 250);
    cr_expect (config->values[CONFIG_silent_ms].line == 2 &&
               config->values[CONFIG_silent_ms].column == 14);
    cr_expect (faults->count == 0);
}

Test (config, more_faults_than_are_kept_are_counted)
{
    char text[FAULTS_MAX * 16] = "";
    for (unsigned i = 0; i < FAULTS_MAX + 3; i++) {
        char line[16];
        (void)ym_text_format (line, sizeof line, "qq%u: 1\n", i);
        (void)strcat (text, line);
    }
    _free_ struct config *config = ym_new (sizeof *config);
    _free_ struct faults *faults = ym_new (sizeof *faults);
    config_parse (config, "f", text, strlen (text), faults);
    cr_expect (faults->count == FAULTS_MAX + 3);

    char printed[65536] = "";
    FILE *to = fmemopen (printed, sizeof printed, "w");
    cr_assert (to != NULL);
    faults_print (faults, to);
    cr_assert (fclose (to) == 0);
    cr_expect (strstr (printed, "f:64:1: ") && strstr (printed, "... and 3 more\n"));
}

Test (config, a_file_that_is_not_there_is_named)
{
    _free_ struct config *config = ym_new (sizeof *config);
    _free_ struct faults *faults = ym_new (sizeof *faults);
    char text[1000];
    config_read (config, "/nonexistent/yardmaster.yaml", faults);
    config_read (config, "/", faults);
    print (text, sizeof text, faults);
    cr_expect_str_eq (
        text, "/nonexistent/yardmaster.yaml: cannot be read: No such file or directory\n"
              "/: cannot be read: Is a directory\n");
    cr_expect (!config->is_read);
}

/* The sample that is installed must be good, and show every setting with its default. */
Test (config, the_sample_shows_every_setting)
{
    _free_ struct config *config = ym_new (sizeof *config);
    _free_ struct faults *faults = ym_new (sizeof *faults);
    static char text[CONFIG_FILE_MAX];
    config_read (config, YM_SOURCE_DIR "/systemd/yardmaster.yaml", faults);
    print (text, sizeof text, faults);
    cr_expect (faults->count == 0, "%s", text);

    FILE *file = fopen (YM_SOURCE_DIR "/systemd/yardmaster.yaml", "re");
    cr_assert (file != NULL);
    text[fread (text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose (file);
    for (size_t i = 0; i < ym_setting_count; i++) {
        const struct ym_setting *row = &ym_settings[i];
        char line[600];
        (void)ym_text_format (line, sizeof line, "\n%s# %s\n", *row->section ? "  " : "",
                              row->doc);
        cr_expect (strstr (text, line), "doc of %s", row->name);
        (void)ym_text_format (line, sizeof line, "\n%s#%s: %s\n", *row->section ? "  " : "",
                              row->name, row->text);
        cr_expect (strstr (text, line), "default of %s", row->name);
    }
}

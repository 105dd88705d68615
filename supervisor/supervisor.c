/* supervisor.c - options, configuration, and the life of yardmasterd around its loop.
 *
 * Ends with 0 after an orderly stop, 64 for wrong options, 70 when the actors keep failing, and
 * 78 when the configuration, or what it names, is wrong.
 */
#include "supervisor/supervisor.h"

#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/text.h"
#include "supervisor/check.h"
#include "supervisor/loop.h"
#include "supervisor/notify.h"

struct options {
    const char *config;
    bool only_check;
    int exit_status; /* -1: go on */
};

static void print_usage (FILE *to)
{
    (void)fprintf (to, "usage: yardmasterd [--config FILE] [--check]\n"
                       "  --config FILE  read FILE instead of " SUPERVISOR_CONFIG "\n"
                       "  --check        tell every fault of the configuration, start nothing\n"
                       "  --version      tell the version\n");
}

static struct options read_options (int argc, char **argv)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.config = SUPERVISOR_CONFIG, .exit_status = -1};
    for (int option; (option = getopt_long (argc, argv, "c:h", names, NULL)) != -1;) {
        if (option == 'c')
            options.config = optarg;
        else if (option == 'k')
            options.only_check = true;
        else if (option == 'v')
            options.exit_status = printf ("yardmasterd %s\n", YM_VERSION) < 0;
        else {
            print_usage (option == 'h' ? stdout : stderr);
            options.exit_status = option == 'h' ? 0 : SUPERVISOR_EXIT_USAGE;
        }
        if (options.exit_status >= 0)
            return options;
    }
    if (optind != argc) {
        print_usage (stderr);
        options.exit_status = SUPERVISOR_EXIT_USAGE;
    }
    return options;
}

/* Everything that is wrong, in one list: first the file, then the world it names. */
static void load (const char *file, struct config *config,
                  char ret_door_secret[Z85_TEXT_SIZE + 1], struct faults *faults)
{
    config_read (config, file, faults);
    if (config->is_read)
        check_world (config, ret_door_secret, faults);
}

static void log_faults (const struct faults *faults)
{
    for (unsigned i = 0; i < faults->count && i < FAULTS_MAX; i++) {
        const struct fault *fault = &faults->list[i];
        ym_log (YM_LOG_WARNING, "config_fault", ym_log_text ("file", fault->file),
                ym_log_number ("line", fault->line), ym_log_number ("column", fault->column),
                ym_log_text ("why", fault->text));
    }
    ym_log (YM_LOG_WARNING, "reload_refused", ym_log_number ("faults", faults->count),
            ym_log_text ("why", "the old configuration stays"));
}

static void log_changes (const struct config *old, const struct config *new)
{
    for (unsigned i = 0; i < CONFIG_SETTINGS; i++)
        if (strcmp (old->values[i].text, new->values[i].text) != 0)
            ym_log (YM_LOG_WARNING, "setting_changed",
                    ym_log_text ("name", ym_settings[i].name),
                    ym_log_text ("old", old->values[i].text),
                    ym_log_text ("new", new->values[i].text),
                    ym_log_text ("why", "takes effect with the next restart of yardmasterd"));
}

static void on_reload (struct yard *yard)
{
    (void)notify_reloading ();
    _free_ struct config *fresh = ym_new (sizeof *fresh);
    _free_ struct faults *faults = ym_new (sizeof *faults);
    char door_secret[Z85_TEXT_SIZE + 1];
    load (yard->config->file, fresh, door_secret, faults);
    explicit_bzero (door_secret, sizeof door_secret);

    if (faults->count)
        log_faults (faults);
    else {
        log_changes (yard->config, fresh);
        yard_tell_all (yard, "RELOAD");
        ym_log_plain (YM_LOG_INFO, "reloaded");
    }
    if (yard->announced)
        (void)notify_reloaded ();
}

static void shield (void)
{
    struct rlimit none = {0, 0};
    (void)umask (0077);
    ym_assert (setrlimit (RLIMIT_CORE, &none) == 0);
    ym_assert (signal (SIGPIPE, SIG_IGN) != SIG_ERR);
#ifndef __SANITIZE_ADDRESS__ /* the leak check looks into its own process */
    ym_assert (prctl (PR_SET_DUMPABLE, 0) == 0);
#endif
}

static int run (const struct config *config, const struct keys *keys)
{
    struct place *place = NULL;
    char why[PLACE_ERROR_MAX + 1];
    if (place_open (config_text (config, CONFIG_run_directory), &place, why) != 0) {
        (void)fprintf (stderr, "yardmasterd: %s\n", why);
        return SUPERVISOR_EXIT_CONFIG;
    }
    ym_log (YM_LOG_INFO, "yard_started", ym_log_text ("version", YM_VERSION),
            ym_log_text ("config", config->file),
            ym_log_text ("profile", config_text (config, CONFIG_profile)));

    _free_ struct yard *yard = ym_new (sizeof *yard);
    yard_init (yard, config, keys, place);
    int exit_status = loop_run (yard, on_reload);
    ym_log (YM_LOG_INFO, "yard_stopped", ym_log_number ("exit", exit_status));
    place_close (place);
    return exit_status;
}

static int check_or_run (const struct options *options, struct config *config,
                         struct keys *keys)
{
    _free_ struct faults *faults = ym_new (sizeof *faults);
    load (options->config, config, keys->door_secret, faults);
    if (faults->count) {
        faults_print (faults, stderr);
        return SUPERVISOR_EXIT_CONFIG;
    }
    if (options->only_check)
        return printf ("%s: good\n", options->config) < 0;
    return run (config, keys);
}

int supervisor_main (int argc, char **argv)
{
    struct options options = read_options (argc, argv);
    if (options.exit_status >= 0)
        return options.exit_status;

    shield ();
    ym_log_open ("supervisor");
    _free_ struct config *config = ym_new (sizeof *config);
    struct keys *keys = keys_new ();
    int exit_status = check_or_run (&options, config, keys);
    keys_free (keys);
    return exit_status;
}

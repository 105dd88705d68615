/* check.c - looks at what the configuration names, so that every fault is told before the
 * start. */
#include "supervisor/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/handover/handover.h"
#include "supervisor/keyfile.h"

enum { PATH_ROOM = 512 };

static int find_program (const char *path)
{
    struct stat st;
    if (stat (path, &st) < 0)
        return -errno;
    if (!S_ISREG (st.st_mode))
        return -EACCES;
    return faccessat (AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static bool is_first_of_program (unsigned actor)
{
    for (unsigned i = 0; i < actor; i++)
        if (strcmp (ym_actor_rows[i].program, ym_actor_rows[actor].program) == 0)
            return false;
    return true;
}

static void check_programs (const struct config *config, struct faults *faults)
{
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        char path[PATH_ROOM];
        (void)ym_text_format (path, sizeof path, "%s/%s",
                              config_text (config, CONFIG_program_directory),
                              ym_actor_rows[i].program);
        int rc = is_first_of_program (i) ? find_program (path) : 0;
        if (rc)
            config_fault (config, CONFIG_program_directory, faults,
                          "the program %s cannot be run: %s", path, strerror (-rc));
    }
}

/* The directory itself if it is there, else the one it will be made in. */
static void check_run_directory (const struct config *config, struct faults *faults)
{
    const char *directory = config_text (config, CONFIG_run_directory);
    char path[CONFIG_TEXT_MAX + 1];
    struct stat st;
    (void)ym_text_copy (path, sizeof path, directory);
    if (stat (path, &st) < 0) {
        char *slash = strrchr (path, '/');
        if (slash)
            slash[slash == path] = '\0';
    }
    if (stat (path, &st) == 0 && !S_ISDIR (st.st_mode))
        config_fault (config, CONFIG_run_directory, faults, "%s is not a directory", path);
    else if (faccessat (AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
        config_fault (config, CONFIG_run_directory, faults,
                      "the run directory %s cannot be used: %s cannot be written: %s",
                      directory, path, strerror (errno));
}

void check_world (const struct config *config, char ret_door_secret[Z85_TEXT_SIZE + 1],
                  struct faults *faults)
{
    const char *credentials = getenv ("CREDENTIALS_DIRECTORY");
    char path[KEYFILE_PATH_MAX + 1];
    keyfile_path (path, config, credentials);
    keyfile_read (path, credentials, ret_door_secret, faults);
    check_programs (config, faults);
    check_run_directory (config, faults);
}

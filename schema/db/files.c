/* files.c - the steps of a directory: NNNN_what_it_does.sql, from 0001 without a gap.
 *
 * Nothing is trusted because it is there: a name of another form, a gap, a file that is too
 * large or not UTF-8 refuses the whole directory.
 */
#include "schema/db/database.h"

#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALLED "/usr/share/yardmaster/sql"

static void closedir_at (DIR **d)
{
    if (*d)
        (void)closedir (*d);
}
#define _closedir_ __attribute__ ((cleanup (closedir_at)))

/* A built tree is build/<preset>/bin below the sources. */
bool plan_find_directory (char *to, size_t room)
{
    char self[4096];
    ssize_t size = readlink ("/proc/self/exe", self, sizeof self - 1);

    if (access (INSTALLED, R_OK) == 0)
        return ym_text_copy (to, room, INSTALLED);
    if (size <= 0)
        return false;
    self[size] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr (self, '/');

        if (!slash)
            return false;
        *slash = '\0';
    }
    return ym_text_format (to, room, "%s/schema/sql", self) && access (to, R_OK) == 0;
}

struct plan *plan_new (void)
{
    return ym_new (sizeof (struct plan));
}

void plan_free (struct plan *plan)
{
    if (!plan)
        return;
    for (unsigned i = 0; i < plan->count; i++)
        ym_free_at (&plan->steps[i].text);
    ym_free_at (&plan);
}

/* The first reason is the one to tell. */
__attribute__ ((format (printf, 2, 3))) static void refuse (struct plan *plan,
                                                            const char *format, ...)
{
    va_list args;

    if (plan->refusal[0])
        return;
    va_start (args, format);
    (void)vsnprintf (plan->refusal, sizeof plan->refusal, format, args);
    va_end (args);
}

static bool is_name (const char *file)
{
    size_t size = strlen (file);

    return size > 9 && size < 5 + STEP_NAME_MAX && strspn (file, "0123456789") == 4 &&
           file[4] == '_' && strcmp (file + size - 4, ".sql") == 0 &&
           5 + strspn (file + 5, "abcdefghijklmnopqrstuvwxyz0123456789_") == size - 4;
}

static int read_whole (int directory, const char *file, char **ret, size_t *ret_size)
{
    _close_ int fd = openat (directory, file, O_RDONLY | O_CLOEXEC);
    _free_ char *text = NULL;
    struct stat st;
    size_t used = 0;

    if (fd < 0 || fstat (fd, &st) < 0)
        return -errno;
    if (!S_ISREG (st.st_mode) || st.st_size > STEP_OCTETS_MAX)
        return -EFBIG;
    text = ym_new ((size_t)st.st_size + 1);
    while (used < (size_t)st.st_size) {
        ssize_t r = read (fd, text + used, (size_t)st.st_size - used);

        if (r < 0 && errno != EINTR)
            return -errno;
        if (r == 0)
            break;
        used += r > 0 ? (size_t)r : 0;
    }
    text[used] = '\0';
    *ret = text;
    *ret_size = used;
    text = NULL;
    return 0;
}

static void read_step (struct plan *plan, int directory, const char *file)
{
    struct step *step = &plan->steps[plan->count];
    uint8_t digest[crypto_hash_sha256_BYTES];
    size_t size = 0;
    int r;

    r = read_whole (directory, file, &step->text, &size);
    if (r < 0) {
        refuse (plan, "%s cannot be read: %s", file, strerror (-r));
        return;
    }
    plan->count++;
    if (!ym_text_is_clean (step->text, size))
        refuse (plan, "%s is not UTF-8 text", file);
    step->number = (unsigned)strtoul (file, NULL, 10);
    (void)ym_text_copy (step->file, sizeof step->file, file);
    (void)ym_text_format (step->name, sizeof step->name, "%.*s", (int)strlen (file) - 9,
                          file + 5);
    (void)crypto_hash_sha256 (digest, (const unsigned char *)step->text, size);
    ym_text_hex (step->sha256, digest, sizeof digest);
}

static int by_number (const void *a, const void *b)
{
    const struct step *left = a, *right = b;

    return left->number < right->number ? -1 : left->number > right->number;
}

static void check_numbers (struct plan *plan)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];

        if (i > 0 && step->number == step[-1].number)
            refuse (plan, "%s and %s have the same number", step[-1].file, step->file);
        else if (step->number != i + 1)
            refuse (plan, "step %04u is missing: the next file is %s", i + 1, step->file);
    }
}

void plan_read_files (struct plan *plan, const char *directory)
{
    _closedir_ DIR *d = opendir (directory);
    const struct dirent *entry;

    if (!d) {
        refuse (plan, "%s cannot be read: %s", directory, strerror (errno));
        return;
    }
    while ((entry = readdir (d))) {
        size_t size = strlen (entry->d_name);

        if (size < 4 || strcmp (entry->d_name + size - 4, ".sql") != 0)
            continue;
        if (!is_name (entry->d_name))
            refuse (plan, "%.100s is not named like a step: 0001_what_it_does.sql",
                    entry->d_name);
        else if (plan->count == STEPS_MAX)
            refuse (plan, "%s has more than %d steps", directory, STEPS_MAX);
        else
            read_step (plan, dirfd (d), entry->d_name);
    }
    qsort (plan->steps, plan->count, sizeof plan->steps[0], by_number);
    check_numbers (plan);
    if (plan->count == 0)
        refuse (plan, "there are no steps in %s", directory);
}

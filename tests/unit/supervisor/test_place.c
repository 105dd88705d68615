/* test_place.c - the run directory: one owner at a time, incarnations that rise, nobody else in
 * it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "supervisor/place.h"

static char directory[60], run[80];

static void make (void)
{
    (void)ym_text_copy (directory, sizeof directory, "/tmp/ym-place-XXXXXX");
    cr_assert (mkdtemp (directory) != NULL);
    (void)ym_text_format (run, sizeof run, "%s/run", directory);
}

static void drop (void)
{
    static const char *const names[] = {"lock", "actors", "actors.new"};
    char path[120];
    for (unsigned i = 0; i < 3; i++) {
        (void)ym_text_format (path, sizeof path, "%s/%s", run, names[i]);
        (void)unlink (path);
    }
    (void)unlink (run);
    (void)rmdir (run);
    cr_expect (rmdir (directory) == 0);
}

TestSuite (place, .init = make, .fini = drop);

Test (place, has_one_owner)
{
    struct place *first = NULL, *second = NULL;
    char why[PLACE_ERROR_MAX + 1], wanted[200];
    cr_assert (place_open (run, &first, why) == 0, "%s", why);
    cr_expect (place_open (run, &second, why) == -EBUSY && second == NULL);
    (void)ym_text_format (wanted, sizeof wanted, "another yardmasterd (pid %d) runs in %s",
                          (int)getpid (), run);
    cr_expect_str_eq (why, wanted);
    place_close (first);
    cr_expect (place_open (run, &second, why) == 0, "free again");
    place_close (second);
}

Test (place, incarnations_rise_even_when_the_clock_is_set_back)
{
    struct place *place = NULL;
    char why[PLACE_ERROR_MAX + 1];
    cr_assert (place_open (run, &place, why) == 0);
    cr_expect (place_next_incarnation (place, 1000) == 1000);
    cr_expect (place_next_incarnation (place, 1000) == 1001);
    cr_expect (place_next_incarnation (place, 5000) == 5000);
    cr_expect (place_next_incarnation (place, -7) == 5001);
    place_close (place);
    cr_assert (place_open (run, &place, why) == 0);
    cr_expect (place_next_incarnation (place, 10) == 5002);
    place_close (place);
}

Test (place, is_closed_to_others)
{
    struct place *place = NULL;
    char why[PLACE_ERROR_MAX + 1];
    struct stat st;
    cr_assert (mkdir (run, 0755) == 0 && chmod (run, 0755) == 0);
    cr_assert (place_open (run, &place, why) == 0);
    cr_expect (stat (run, &st) == 0 && (st.st_mode & 07777) == 0700);
    place_close (place);

    cr_assert (chmod (run, 0770) == 0);
    place = NULL;
    cr_expect (place_open (run, &place, why) == -EPERM && place == NULL);
    cr_expect (strstr (why, "writable by nobody else"), "%s", why);
}

Test (place, is_not_reached_through_a_link)
{
    struct place *place = NULL;
    char why[PLACE_ERROR_MAX + 1];
    cr_assert (symlink (directory, run) == 0);
    cr_expect (place_open (run, &place, why) < 0 && place == NULL);
    cr_expect (place_open ("/nonexistent/run", &place, why) == -ENOENT);
    cr_expect_str_eq (
        why, "run directory /nonexistent/run cannot be made: No such file or directory");
}

Test (place, replaces_the_list_as_a_whole)
{
    struct place *place = NULL;
    char why[PLACE_ERROR_MAX + 1], path[120], text[40] = "";
    cr_assert (place_open (run, &place, why) == 0);
    cr_expect (place_write_actors (place, "a long first list\n", 18) == 0);
    cr_expect (place_write_actors (place, "short\n", 6) == 0);
    (void)ym_text_format (path, sizeof path, "%s/actors", run);
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    cr_assert (fd >= 0);
    cr_expect (read (fd, text, sizeof text - 1) == 6);
    cr_expect_str_eq (text, "short\n");
    (void)close (fd);
    place_close (place);
}

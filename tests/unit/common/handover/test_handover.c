/* test_handover.c - what is put in comes out, sealed, and nothing malformed is read. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/enums.h"
#include "common/base/text.h"
#include "common/handover/handover.h"

Test (handover, round_trip)
{
    struct ym_handover *h = ym_handover_new (), *back = NULL;
    cr_assert (ym_handover_put (h, "name", "queue-standard") == 0);
    cr_assert (ym_handover_put (h, "argument", "") == 0);
    cr_assert (ym_handover_put (h, "bus_public.queue-standard", "a b = c#\"") == 0);
    cr_assert (ym_handover_put (h, "turn_max", "-512") == 0);
    int fd = ym_handover_seal (h);
    cr_assert (fd >= 0);
    ym_handover_free (h);

    cr_assert (ym_handover_read (fd, &back) == 0);
    cr_expect_str_eq (ym_handover_text (back, "name"), "queue-standard");
    cr_expect_str_eq (ym_handover_text (back, "argument"), "");
    cr_expect_str_eq (ym_handover_text (back, "bus_public.queue-standard"), "a b = c#\"");
    cr_expect (ym_handover_number (back, "turn_max") == -512);
    cr_expect (ym_handover_text (back, "queue-standard") == NULL, "a value is no name");
    cr_expect (ym_handover_text (back, "nam") == NULL);
    cr_expect (fcntl (fd, F_GETFD) < 0 && errno == EBADF, "closed");
    ym_handover_free (back);
}

Test (handover, form_of_the_lines)
{
    struct ym_handover *h = ym_handover_new ();
    char text[64] = "";
    cr_assert (ym_handover_put (h, "name", "intake") == 0);
    cr_assert (ym_handover_put (h, "argument", "") == 0);
    cr_assert (ym_handover_put (h, "role", "ym intake") == 0);
    int fd = ym_handover_seal (h);
    cr_assert (fd >= 0);
    cr_expect (read (fd, text, sizeof text - 1) > 0);
    cr_expect_str_eq (text, "name intake\nargument \nrole ym intake\n");
    (void)close (fd);
    ym_handover_free (h);
}

Test (handover, is_sealed)
{
    struct ym_handover *h = ym_handover_new ();
    cr_assert (ym_handover_put (h, "name", "x") == 0);
    int fd = ym_handover_seal (h);
    cr_assert (fd >= 0);
    cr_expect (write (fd, "y", 1) < 0 && errno == EPERM);
    cr_expect (ftruncate (fd, 0) < 0 && errno == EPERM);
    cr_expect (ftruncate (fd, 100) < 0 && errno == EPERM);
    cr_expect (fcntl (fd, F_ADD_SEALS, 0) < 0 && errno == EPERM);
    cr_expect (fcntl (fd, F_GETFD) == FD_CLOEXEC);
    (void)close (fd);
    ym_handover_free (h);
}

Test (handover, refuses_what_does_not_fit_a_line)
{
    static const struct {
        const char *name, *value;
    } rows[] = {{"", "x"},     {"two words", "x"}, {"Name", "x"}, {"n\n", "x"},
                {"n", "a\nb"}, {"n", "\t"},        {"n", "\x7f"}, {"there", "again"}};
    struct ym_handover *h = ym_handover_new ();
    cr_assert (ym_handover_put (h, "there", "once") == 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect (ym_handover_put (h, rows[i].name, rows[i].value) == -EINVAL, "row %u", i);
    cr_expect_str_eq (ym_handover_text (h, "there"), "once");
    ym_handover_free (h);
    ym_handover_free (NULL);
}

Test (handover, is_bounded)
{
    static char value[YM_HANDOVER_MAX + 1];
    struct ym_handover *h = ym_handover_new (), *back = NULL;
    memset (value, 'v', sizeof value - 1);
    cr_expect (ym_handover_put (h, "n", value) == -E2BIG);
    value[YM_HANDOVER_MAX - 3] = '\0';
    cr_expect (ym_handover_put (h, "n", value) == 0, "to the last octet");
    cr_expect (ym_handover_put (h, "m", "") == -E2BIG);
    int fd = ym_handover_seal (h);
    cr_assert (fd >= 0);
    ym_handover_free (h);
    cr_assert (ym_handover_read (fd, &back) == 0);
    cr_expect_str_eq (ym_handover_text (back, "n"), value);
    ym_handover_free (back);
}

static int of_text (const char *text, size_t size)
{
    int fd = memfd_create ("test", MFD_CLOEXEC);
    cr_assert (fd >= 0 && write (fd, text, size) == (ssize_t)size);
    cr_assert (lseek (fd, 0, SEEK_SET) == 0);
    return fd;
}

Test (handover, reading_refuses_what_is_malformed)
{
    static const struct {
        const char *text;
        size_t size;
    } rows[] = {{"name x", 6},     {"name\n", 5},  {" x\n", 3},   {"\n", 1},
                {"a 1\na 2\n", 8}, {"a 1\n\n", 5}, {"a \0\n", 4}, {"a 1\nb", 5},
                {"a 1\nB 2\n", 8}, {"a \x01\n", 4}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ym_handover *h = NULL;
        int fd = of_text (rows[i].text, rows[i].size);
        cr_expect (ym_handover_read (fd, &h) == -EINVAL && h == NULL, "row %u", i);
        cr_expect (fcntl (fd, F_GETFD) < 0, "row %u: closed", i);
    }
    struct ym_handover *h = NULL;
    cr_expect (ym_handover_read (-1, &h) == -EBADF && h == NULL);
}

Test (handover, reading_refuses_what_is_too_long)
{
    static char text[YM_HANDOVER_MAX + 1];
    struct ym_handover *h = NULL;
    memset (text, 'v', sizeof text);
    memcpy (text, "n ", 2);
    text[sizeof text - 1] = '\n';
    cr_expect (ym_handover_read (of_text (text, sizeof text), &h) == -EINVAL && h == NULL);
}

Test (handover, a_missing_number_is_a_broken_promise, .signal = SIGABRT)
{
    struct ym_handover *h = ym_handover_new ();
    (void)ym_handover_number (h, "turn_max");
}

Test (rows, actors)
{
    cr_expect (ym_actor_find ("intake") == YM_ACTOR_INTAKE);
    cr_expect (ym_actor_find ("nobody") == -1);
    for (unsigned i = 0; i < YM_ACTORS; i++) {
        const struct ym_actor_row *row = &ym_actor_rows[i];
        cr_expect (ym_actor_find (row->name) == (int)i, "names are unique");
        cr_expect (!*row->door || ym_setting_find ("doors", row->door), "%s", row->name);
    }
}

/* Numbers in the handover are believed without a look, so the rows must be sound. */
Test (rows, settings)
{
    for (size_t i = 0; i < ym_setting_count; i++) {
        const struct ym_setting *row = &ym_settings[i];
        int64_t number;
        cr_expect (ym_setting_find (row->section, row->name) == row);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq (row->name, ym_settings[k].name, "a handover has one of each");
        if (row->is_number) {
            cr_expect (ym_text_number (row->text, row->least, row->most, &number) == 0);
            cr_expect (ym_text_number (row->text_fast, row->least, row->most, &number) == 0);
            continue;
        }
        cr_expect (strlen (row->text) >= (size_t)row->least);
        cr_expect (strlen (row->text) <= (size_t)row->most);
    }
    cr_expect (ym_setting_find ("doors", "turn_max") == NULL);
}

Test (handover, each_tier_has_its_queue)
{
    uint32_t tier, of, seen = 0;

    for (tier = 0; tier < YM_COUNT_tier; tier++) {
        cr_expect (ym_actor_is_queue (ym_actor_queue (tier), &of));
        cr_expect_eq (of, tier);
    }
    for (unsigned i = 0; i < YM_ACTORS; i++)
        seen += ym_actor_is_queue (i, &of);
    cr_expect_eq (seen, (uint32_t)YM_COUNT_tier, "one queue a tier, and nobody else is one");
    cr_expect_eq (ym_actor_queue (YM_PREMIUM), (unsigned)YM_ACTOR_QUEUE_PREMIUM);
    of = 77;
    cr_expect_not (ym_actor_is_queue (YM_ACTOR_INTAKE, &of));
    cr_expect_not (ym_actor_is_queue (YM_ACTORS, &of));
    cr_expect_eq (of, 77u, "untouched");
}

/* test_journal.c - entries as the journal reads them, against a socket of our own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/journal.h"

static char folder[] = "/tmp/ym-journal-XXXXXX", path[64];
static int reader;

static void begin (void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    cr_assert_not_null (mkdtemp (folder));
    (void)snprintf (path, sizeof path, "%s/socket", folder);
    (void)snprintf (address.sun_path, sizeof address.sun_path, "%s", path);
    reader = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq (bind (reader, (struct sockaddr *)&address, sizeof address), 0);
}

static void end (void)
{
    (void)close (reader);
    (void)unlink (path);
    (void)rmdir (folder);
}

TestSuite (journal, .init = begin, .fini = end);

static bool has_field (const char *entry, size_t size, const char *name, const char *value)
{
    char want[200];
    uint64_t length = strlen (value);
    size_t at = (size_t)snprintf (want, sizeof want, "%s\n", name);

    memcpy (want + at, &length, sizeof length); /* little endian, as all our machines */
    at += sizeof length;
    at += (size_t)snprintf (want + at, sizeof want - at, "%s\n", value);
    return memmem (entry, size, want, at) != NULL;
}

Test (journal, an_entry_has_its_fields)
{
    const struct ym_log_field fields[] = {ym_log_job (1), ym_log_text ("to", "a\nb")};
    int fd = ym_journal_open (path);
    char entry[4096];

    cr_assert_geq (fd, 0);
    cr_assert (ym_journal_send (fd, YM_LOG_WARNING, "job_moved", "intake", "job_moved x", 11,
                                fields, 2));
    ssize_t size = recv (reader, entry, sizeof entry, MSG_DONTWAIT);
    cr_assert_gt (size, 0);
    cr_expect (has_field (entry, (size_t)size, "MESSAGE", "job_moved x"));
    cr_expect (has_field (entry, (size_t)size, "PRIORITY", "4"));
    cr_expect (has_field (entry, (size_t)size, "YARD_EVENT", "job_moved"));
    cr_expect (has_field (entry, (size_t)size, "YARD_ACTOR", "intake"));
    cr_expect (has_field (entry, (size_t)size, "YARD_JOB_ID", fields[0].value));
    cr_expect (has_field (entry, (size_t)size, "YARD_TO", "a\nb"), "a value may have lines");
    (void)close (fd);
}

Test (journal, that_is_gone_does_not_take_the_line)
{
    int fd = ym_journal_open (path);

    (void)close (reader);
    cr_expect_not (ym_journal_send (fd, YM_LOG_INFO, "e", "a", "e", 1, NULL, 0));
    (void)close (fd);
    (void)unlink (path);
    cr_expect_lt (ym_journal_open (path), 0);
}

Test (journal, reads_only_the_stream_it_names)
{
    struct stat st;
    char stream[64];

    cr_assert_eq (fstat (reader, &st), 0);
    (void)snprintf (stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
                    (unsigned long long)st.st_ino);
    cr_expect (ym_journal_reads (reader, stream));
    cr_expect_not (ym_journal_reads (reader, "1:1"));
    cr_expect_not (ym_journal_reads (reader, NULL));
}

/* test_keyfile.c - the door key file: where it is looked for, its form, who may read it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/base/text.h"
#include "supervisor/keyfile.h"

/* The pair of the zmq_curve manual page. */
#define PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
#define OTHER  "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

struct row {
    const char *text;
    const char *fault; /* NULL: good */
};

static const struct row rows[] = {
    {"curve\n    public-key = \"" PUBLIC "\"\n    secret-key = \"" SECRET "\"\n", NULL},
    {"# secret\n\nmetadata\n    name = \"door # 1\"\ncurve\n    secret-key = '" SECRET "'\n",
     NULL},
    {"curve\n    secret-key=\"" SECRET "\"", NULL},
    {"curve\r\n    secret-key = \"" SECRET "\"\r\n", NULL},
    {"", "f: not a certificate: it has no curve section"},
    {"secret-key = \"" SECRET "\"\n", "f: not a certificate: it has no curve section"},
    {"curve\n    public-key = \"" PUBLIC "\"\n",
     "f: has no secret-key; this looks like the public half, the doors need the file that ends "
     "in _secret"},
    {"curve\nmetadata\n    secret-key = \"" SECRET "\"\n",
     "f: has no secret-key; this looks like the public half, the doors need the file that ends "
     "in _secret"},
    {"curve\n    secret-key = \"short\"\n",
     "f:2:19: the secret-key is not a key of 40 Z85 characters in quotes"},
    {"curve\n    secret-key\n",
     "f:2:5: the secret-key is not a key of 40 Z85 characters in quotes"},
    {"curve\n    secret-key = \"" SECRET "\n",
     "f:2:5: the secret-key is not a key of 40 Z85 characters in quotes"},
    {"curve\n    secret-key = \"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\"\n",
     "f:2:19: the secret-key is not a key of 40 Z85 characters in quotes"},
    {"curve\n    secret-key = \"#####################################%%%\"\n",
     "f:2:19: the secret-key is not a key of 40 Z85 characters in quotes"},
    {"curve\n    public-key = \"" OTHER "\"\n    secret-key = \"" SECRET "\"\n",
     "f:2:1: the public-key does not belong to the secret-key"},
    {"curve\n    secret-key = \"" SECRET "\"\n    secret-key = \"" SECRET "\"\n",
     "f:3:5: a second secret-key; the first is in line 2"},
};

Test (keyfile, rows)
{
    _free_ struct faults *faults = ym_new (sizeof *faults);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1000], line[FAULT_LINE_MAX + 1] = "", secret[Z85_TEXT_SIZE + 1] = "untouched";
        faults->count = 0;
        (void)ym_text_copy (text, sizeof text, rows[i].text);
        keyfile_parse ("f", text, strlen (text), secret, faults);
        if (faults->count)
            fault_print (line, &faults->list[0]);
        cr_expect (faults->count == (rows[i].fault != NULL), "row %u", i);
        cr_expect_str_eq (line, rows[i].fault ? rows[i].fault : "", "row %u: %s", i, line);
        cr_expect_str_eq (secret, rows[i].fault ? "untouched" : SECRET, "row %u", i);
        cr_expect (!strstr (line, SECRET), "row %u tells the key", i);
    }
}

struct place {
    char directory[60], file[100], config_file[100], credentials[100];
};

static void write_key (const char *path, mode_t mode)
{
    static const char text[] = "curve\n    secret-key = \"" SECRET "\"\n";
    (void)unlink (path);
    int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert (fd >= 0 && write (fd, text, strlen (text)) == (ssize_t)strlen (text));
    cr_assert (fchmod (fd, mode) == 0 && close (fd) == 0);
}

static struct place make_place (void)
{
    struct place p = {.directory = "/tmp/ym-keyfile-XXXXXX"};
    cr_assert (mkdtemp (p.directory) != NULL);
    (void)ym_text_format (p.file, sizeof p.file, "%s/k", p.directory);
    (void)ym_text_format (p.config_file, sizeof p.config_file, "%s/yard.yaml", p.directory);
    (void)ym_text_format (p.credentials, sizeof p.credentials, "%s/cred", p.directory);
    cr_assert (mkdir (p.credentials, 0700) == 0);
    return p;
}

static void drop_place (const struct place *p)
{
    char path[120];
    (void)ym_text_format (path, sizeof path, "%s/k", p->credentials);
    (void)unlink (path);
    (void)unlink (p->file);
    cr_expect (rmdir (p->credentials) == 0 && rmdir (p->directory) == 0);
}

Test (keyfile, only_its_owner_may_read_it)
{
    static const struct {
        mode_t mode;
        bool is_credential, is_good;
    } modes[] = {
        {0600, false, true},  {0400, false, true},  {0440, false, false},
        {0640, false, false}, {0604, false, false}, {0440, true, true},
        {0400, true, true},   {0444, true, false},  {0460, true, false},
    };
    struct place p = make_place ();
    _free_ struct faults *faults = ym_new (sizeof *faults);
    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char secret[Z85_TEXT_SIZE + 1];
        faults->count = 0;
        write_key (p.file, modes[i].mode);
        keyfile_read (p.file, modes[i].is_credential ? p.directory : p.credentials, secret,
                      faults);
        cr_expect ((faults->count == 0) == modes[i].is_good, "row %u", i);
        if (!modes[i].is_good)
            cr_expect (strstr (faults->list[0].text, "others may touch it"), "row %u", i);
    }
    drop_place (&p);
}

Test (keyfile, tells_what_cannot_be_read)
{
    struct place p = make_place ();
    _free_ struct faults *faults = ym_new (sizeof *faults);
    char secret[Z85_TEXT_SIZE + 1] = "untouched", missing[120], wanted[200];
    (void)ym_text_format (missing, sizeof missing, "%s/door.key_secret", p.directory);
    keyfile_read (missing, NULL, secret, faults);
    keyfile_read (p.directory, NULL, secret, faults);
    cr_assert (faults->count == 2);
    (void)ym_text_format (wanted, sizeof wanted,
                          "there is no door key; make one with: yardctl key new %s/door.key",
                          p.directory);
    cr_expect_str_eq (faults->list[0].text, wanted);
    cr_expect_str_eq (faults->list[1].text, "the door key cannot be read: Is a directory");
    cr_expect_str_eq (secret, "untouched");
    drop_place (&p);
}

Test (keyfile, is_looked_for_in_order)
{
    struct place p = make_place ();
    _free_ struct config *config = ym_new (sizeof *config);
    _free_ struct faults *faults = ym_new (sizeof *faults);
    char path[KEYFILE_PATH_MAX + 1], in_credentials[120];
    static const char text[] = "doors:\n  door_key: k\n";
    config_parse (config, p.config_file, text, strlen (text), faults);
    cr_assert (faults->count == 0);

    keyfile_path (path, config, p.credentials);
    cr_expect_str_eq (path, p.file, "beside the configuration");
    keyfile_path (path, config, NULL);
    cr_expect_str_eq (path, p.file);
    (void)ym_text_format (in_credentials, sizeof in_credentials, "%s/k", p.credentials);
    write_key (in_credentials, 0400);
    keyfile_path (path, config, p.credentials);
    cr_expect_str_eq (path, in_credentials, "the credential comes first");

    config_parse (config, p.config_file, "", 0, faults);
    keyfile_path (path, config, p.credentials);
    cr_expect_str_eq (path, "/etc/yardmaster/door.key_secret");
    config_parse (config, "yard.yaml", text, strlen (text), faults);
    keyfile_path (path, config, NULL);
    cr_expect_str_eq (path, "k");
    drop_place (&p);
}

Test (z85, known_pair)
{
    static const uint8_t public[] = {0xBB, 0x88, 0x47, 0x1D, 0x65, 0xE2, 0x65, 0x9B,
                                     0x30, 0xC5, 0x5A, 0x53, 0x21, 0xCE, 0xBB, 0x5A,
                                     0xAB, 0x2B, 0x70, 0xA3, 0x98, 0x64, 0x5C, 0x26,
                                     0xDC, 0xA2, 0xB2, 0xFC, 0xB4, 0x3F, 0xC5, 0x18};
    char text[Z85_TEXT_SIZE + 1];
    uint8_t back[Z85_KEY_SIZE];
    z85_encode (text, public);
    cr_expect_str_eq (text, PUBLIC);
    cr_expect (z85_decode (back, text) == 0 && memcmp (back, public, sizeof public) == 0);
    cr_expect (z85_decode (back, "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI\"") == -EINVAL);
    cr_expect (z85_decode (back, "short") == -EINVAL);
    cr_expect (memcmp (back, public, sizeof public) == 0, "untouched");
}

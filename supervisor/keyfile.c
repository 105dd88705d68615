/* keyfile.c - reads the one value of a ZCert that matters here: curve/secret-key.
 *
 * ZPL (ZeroMQ RFC 4): a line is a name at some depth of four spaces, perhaps "= value", perhaps
 * quoted, perhaps a comment. A key holds '#', so a value is taken as it stands between quotes.
 * No fault ever quotes from a line: it might be the key.
 */
#include "supervisor/keyfile.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/base/panic.h"
#include "common/base/text.h"
#include "supervisor/file.h"

struct reading {
    const char *file;
    struct faults *faults;
    bool in_curve, had_curve;
    unsigned secret_line, secret_column, public_line;
    const char *secret, *public;
};

void keyfile_path (char to[KEYFILE_PATH_MAX + 1], const struct config *config,
                   const char *credentials)
{
    const char *key = config_text (config, CONFIG_door_key);
    if (*key == '/') {
        (void)ym_text_copy (to, KEYFILE_PATH_MAX + 1, key);
        return;
    }
    if (credentials && *credentials) {
        (void)ym_text_format (to, KEYFILE_PATH_MAX + 1, "%s/%s", credentials, key);
        if (access (to, F_OK) == 0)
            return;
    }
    const char *slash = strrchr (config->file, '/');
    int folder = slash ? (int)(slash - config->file) + 1 : 0;
    (void)ym_text_format (to, KEYFILE_PATH_MAX + 1, "%.*s%s", folder, config->file, key);
}

/* The value of "= value" at 'at', terminated in place; NULL if it has none. */
static char *take_value (char *at)
{
    at += strspn (at, " \t");
    if (*at != '=')
        return NULL;
    at++;
    at += strspn (at, " \t");
    char quote = *at;
    if (quote == '"' || quote == '\'') {
        char *end = strchr (at + 1, quote);
        if (!end)
            return NULL;
        *end = '\0';
        return at + 1;
    }
    at[strcspn (at, " \t\r#")] = '\0';
    return at;
}

static void take_line (struct reading *r, char *line, unsigned number)
{
    size_t depth = strspn (line, " ");
    char *name = line + depth;
    size_t size = strcspn (name, " \t\r=#\"'");
    if (size == 0)
        return;
    if (depth == 0) {
        r->in_curve = size == 5 && memcmp (name, "curve", 5) == 0;
        r->had_curve |= r->in_curve;
        return;
    }
    if (!r->in_curve || size != 10)
        return;

    char *value = take_value (name + size);
    if (memcmp (name, "secret-key", 10) == 0) {
        if (r->secret_line)
            faults_add (r->faults, r->file, number, (unsigned)depth + 1,
                        "a second secret-key; the first is in line %u", r->secret_line);
        r->secret = value;
        r->secret_line = number;
        r->secret_column = (unsigned)(value ? value - line : (long)depth) + 1;
    }
    else if (memcmp (name, "public-key", 10) == 0) {
        r->public = value;
        r->public_line = number;
    }
}

static bool is_pair (const char *public, const uint8_t secret[Z85_KEY_SIZE])
{
    uint8_t key[crypto_scalarmult_BYTES];
    char text[Z85_TEXT_SIZE + 1];
    ym_assert (crypto_scalarmult_base (key, secret) == 0);
    z85_encode (text, key);
    return strcmp (text, public) == 0;
}

static void check_keys (const struct reading *r)
{
    uint8_t secret[Z85_KEY_SIZE];
    if (!r->had_curve)
        faults_add (r->faults, r->file, 0, 0, "not a certificate: it has no curve section");
    else if (!r->secret_line)
        faults_add (r->faults, r->file, 0, 0,
                    "has no secret-key; this looks like the public half, the doors need the "
                    "file that ends in _secret");
    else if (!r->secret || strlen (r->secret) != Z85_TEXT_SIZE ||
             z85_decode (secret, r->secret) != 0)
        faults_add (r->faults, r->file, r->secret_line, r->secret_column,
                    "the secret-key is not a key of 40 Z85 characters in quotes");
    else if (r->public && !is_pair (r->public, secret))
        faults_add (r->faults, r->file, r->public_line, 1,
                    "the public-key does not belong to the secret-key");
    explicit_bzero (secret, sizeof secret);
}

void keyfile_parse (const char *file, char *text, size_t size,
                    char ret_secret[Z85_TEXT_SIZE + 1], struct faults *faults)
{
    struct reading r = {.file = file, .faults = faults};
    unsigned before = faults->count, number = 1;
    for (char *line = text, *end; line < text + size; line = end + 1, number++) {
        end = memchr (line, '\n', (size_t)(text + size - line));
        if (!end)
            end = text + size;
        *end = '\0';
        take_line (&r, line, number);
    }
    check_keys (&r);
    if (faults->count == before)
        memcpy (ret_secret, r.secret, Z85_TEXT_SIZE + 1);
}

static bool is_below (const char *file, const char *directory)
{
    size_t size = directory ? strlen (directory) : 0;
    return size && strncmp (file, directory, size) == 0 && file[size] == '/' &&
           !strchr (file + size + 1, '/');
}

static void check_mode (const char *file, const struct stat *st, const char *credentials,
                        struct faults *faults)
{
    mode_t others = is_below (file, credentials) ? 0037 : 0077;
    if (st->st_mode & others)
        faults_add (faults, file, 0, 0,
                    "others may touch it (mode %04o); the secret key needs mode 0600 or 0400: "
                    "chmod 0600 %s",
                    st->st_mode & 07777, file);
    uid_t self = geteuid ();
    if (self != 0 && st->st_uid != 0 && st->st_uid != self)
        faults_add (faults, file, 0, 0,
                    "belongs to user %u; it must belong to user %u or to root",
                    (unsigned)st->st_uid, (unsigned)self);
}

static void refuse_file (const char *file, int rc, struct faults *faults)
{
    static const char ending[] = "_secret";
    size_t size = strlen (file), stem = size - (sizeof ending - 1);
    if (rc == -ENOENT && size > sizeof ending && strcmp (file + stem, ending) == 0)
        faults_add (faults, file, 0, 0,
                    "there is no door key; make one with: yardctl key new %.*s", (int)stem,
                    file);
    else
        faults_add (faults, file, 0, 0, "the door key cannot be read: %s", strerror (-rc));
}

void keyfile_read (const char *file, const char *credentials,
                   char ret_secret[Z85_TEXT_SIZE + 1], struct faults *faults)
{
    static char text[KEYFILE_MAX + 1];
    struct stat st;
    size_t size = 0;
    int rc = file_read (file, text, KEYFILE_MAX, &size, &st);
    if (rc) {
        refuse_file (file, rc, faults);
        return;
    }
    check_mode (file, &st, credentials, faults);
    keyfile_parse (file, text, size, ret_secret, faults);
    explicit_bzero (text, sizeof text);
}

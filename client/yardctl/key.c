/* key.c - yardctl key: pairs are made and read here, and let in or shut out by the yard.
 *
 * A secret key leaves this program only into its own file, which nobody else may read.
 */
#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/yardctl/act.h"
#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

/* czmq keeps 255 octets of a path, and adds "_secret". */
enum { ROWS = 100, PATH_MOST = 240, PUBLIC_MODE = 0644, SECRET_MODE = 0600 };

static void done_cert (zcert_t **cert)
{
    zcert_destroy (cert);
}
#define _cert_ __attribute__ ((cleanup (done_cert)))

struct pair {
    const char *public_key, *name, *file, *secret_file;
};
#define AT(member) offsetof (struct pair, member)
static const struct ctl_field fields[] = {
    {"public_key", NULL, CTL_TEXT, AT (public_key), 0},
    {"name", NULL, CTL_TEXT, AT (name), 0},
    {"file", NULL, CTL_TEXT, AT (file), 0},
    {"secret_file", NULL, CTL_TEXT, AT (secret_file), 0},
};
static const struct ctl_shape pair_shape = {"keys", NULL, AT (public_key), fields,
                                            sizeof fields / sizeof *fields};

/* Takes the name, so that nothing there is ever replaced; the file is empty. */
static int reserve (const struct ctl *c, const char *path, mode_t mode)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0)
        return ctl_wrong (
            c, errno == EEXIST ? CTL_CONFLICT : CTL_CONFIG, "file", "%s: %s", path,
            errno == EEXIST ? "is there already and is not replaced" : strerror (errno));
    (void)close (fd);
    return CTL_DONE;
}

/* Also after a power failure a pair is whole or not there. */
static bool sync_file (const char *path)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && fsync (fd) == 0;

    if (fd >= 0)
        (void)close (fd);
    return done;
}

static int save (const struct ctl *c, zcert_t *cert, const struct pair *pair)
{
    struct stat secret;

    if (zcert_save (cert, pair->file) == 0 && sync_file (pair->file) &&
        sync_file (pair->secret_file) && stat (pair->secret_file, &secret) == 0 &&
        (secret.st_mode & 077) == 0 && secret.st_size > 0)
        return CTL_DONE;
    return ctl_wrong (c, CTL_CONFIG, "file", "%s could not be written: %s", pair->file,
                      strerror (errno));
}

static int make (const struct ctl *c, zcert_t *cert, const struct pair *pair)
{
    int wrong = reserve (c, pair->secret_file, SECRET_MODE);

    if (wrong)
        return wrong;
    wrong = reserve (c, pair->file, PUBLIC_MODE);
    if (wrong) {
        (void)unlink (pair->secret_file);
        return wrong;
    }
    wrong = save (c, cert, pair);
    if (wrong) {
        (void)unlink (pair->file);
        (void)unlink (pair->secret_file);
    }
    return wrong;
}

int ctl_key_new (struct ctl *c)
{
    _free_ char *secret_file = ctl_format ("%s_secret", c->args[0]);
    _cert_ zcert_t *cert = NULL;
    struct pair pair = {.name = c->o.name ? c->o.name : "", .file = c->args[0]};
    int wrong;

    if (strlen (pair.file) > PATH_MOST)
        return ctl_wrong (c, CTL_USAGE, "usage", "the path is longer than %d octets",
                          PATH_MOST);
    cert = zcert_new ();
    if (!cert)
        return ctl_wrong (c, CTL_CONFIG, "file", "no key can be made: %s", strerror (errno));
    if (c->o.name)
        zcert_set_meta (cert, "name", "%s", c->o.name);
    pair.secret_file = secret_file;
    pair.public_key = zcert_public_txt (cert);
    wrong = make (c, cert, &pair);
    if (!wrong)
        ctl_show_row (c, &pair_shape, &pair);
    return wrong;
}

int ctl_key_fingerprint (struct ctl *c)
{
    const char *path = c->args[0];
    _cert_ zcert_t *cert = NULL;
    struct pair pair = {.file = path, .secret_file = ""};

    if (access (path, R_OK) != 0)
        return ctl_wrong (c, CTL_CONFIG, "file", "%s: %s", path, strerror (errno));
    cert = strlen (path) > PATH_MOST ? NULL : zcert_load (path);
    if (!cert)
        return ctl_wrong (c, CTL_CONFIG, "file", "%s is not a certificate file", path);
    pair.public_key = zcert_public_txt (cert);
    pair.name = zcert_meta (cert, "name") ? zcert_meta (cert, "name") : "";
    if (c->form == CTL_TABLE)
        (void)puts (pair.public_key);
    else
        ctl_show_row (c, &pair_shape, &pair);
    return CTL_DONE;
}

int ctl_key_authorize (struct ctl *c)
{
    _result_ yard_key *key = NULL;
    yard_err_t *err = NULL;

    if (yard_key_authorize (c->yard, c->args[0], c->o.role, c->o.tenant, c->o.name, &key,
                            &err) != YARD_OK)
        return ctl_wrong_err (c, NULL, err);
    ctl_show_row (c, &ctl_key_shape, key);
    return CTL_DONE;
}

int ctl_key_rotate (struct ctl *c)
{
    _result_ yard_key *key = NULL;
    yard_err_t *err = NULL;

    if (yard_key_rotate (c->yard, c->args[0], c->args[1], &key, &err) != YARD_OK)
        return ctl_wrong_err (c, NULL, err);
    ctl_show_row (c, &ctl_key_shape, key);
    return CTL_DONE;
}

struct revocation {
    yard_key **key; /* as it is after it */
};

static yard_rc ask_revoke (struct ctl *c, const struct ctl_change *change, const yard_how *how,
                           yard_outcome **ret, yard_err_t **reterr)
{
    const struct revocation *r = change->with;

    return yard_key_revoke (c->yard, change->subject, how, r->key, ret, reterr);
}

static void show_revoked (const struct ctl *c, const struct ctl_change *change)
{
    const struct revocation *r = change->with;

    ctl_show_row (c, &ctl_key_shape, *r->key);
}

int ctl_key_revoke (struct ctl *c)
{
    _result_ yard_key *key = NULL;
    struct revocation with = {&key};
    struct ctl_change change = {.kind = "key",
                                .subject = c->args[0],
                                .ask = ask_revoke,
                                .with = &with,
                                .show = show_revoked};

    return ctl_change (c, &change, 1);
}

int ctl_key_list (struct ctl *c)
{
    _rows_ struct ctl_rows rows = {0};
    size_t limit = c->o.limit > 0 ? (size_t)c->o.limit : ROWS, left = limit;
    const char *after = c->o.after;
    yard_err_t *err = NULL;
    yard_key_page *page;

    while (left > 0) {
        if (yard_key_list (c->yard, after, &page, &err) != YARD_OK)
            return ctl_wrong_err (c, NULL, err);
        left = ctl_rows_add (&rows, &ctl_key_shape, page, page->keys, page->count, page->next,
                             limit);
        after = page->next;
    }
    ctl_show_rows (c, &ctl_key_shape, &rows);
    return CTL_DONE;
}

/* certificate.c - keys from text or from certificate files (ZCert).
 *
 * A path is looked at before czmq sees it: czmq only says that a certificate could not be had,
 * and an operator wants to know why.
 */
#include "client/libyard/certificate.h"

#include <czmq.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/libyard/error.h"

/* czmq adds "_secret" to a path and keeps 255 octets of it. */
enum { PATH_MOST = 240 };

static void done_cert (zcert_t **cert)
{
    zcert_destroy (cert);
}
#define _cert_ __attribute__ ((cleanup (done_cert)))

static yard_err_t *load (const char *path, const char *what, zcert_t **ret)
{
    if (strlen (path) > PATH_MOST)
        return error_options ("%s: the path is longer than %d octets", what, PATH_MOST);
    if (access (path, R_OK) != 0)
        return error_options ("%s: %s: %s", what, path, strerror (errno));
    *ret = zcert_load (path);
    if (!*ret)
        return error_options ("%s: %s is not a certificate file", what, path);
    return NULL;
}

static bool is_key (const char *text)
{
    uint8_t key[KEY_SIZE];

    return strlen (text) == KEY_TEXT - 1 && zmq_z85_decode (key, text) != NULL;
}

yard_err_t *certificate_public (const char *key, const char *what, char ret_text[KEY_TEXT])
{
    _cert_ zcert_t *cert = NULL;
    yard_err_t *err;

    if (!key || !*key)
        return error_options ("%s is not set", what);
    if (is_key (key) && access (key, F_OK) != 0) {
        memcpy (ret_text, key, KEY_TEXT);
        return NULL;
    }
    err = load (key, what, &cert);
    if (!err)
        (void)ym_text_copy (ret_text, KEY_TEXT, zcert_public_txt (cert));
    return err;
}

yard_err_t *certificate_pair (const char *path, char ret_public[KEY_TEXT],
                              char ret_secret[KEY_TEXT])
{
    static const uint8_t none[KEY_SIZE];
    _cert_ zcert_t *cert = NULL;
    yard_err_t *err;

    if (!path || !*path)
        return error_options ("the certificate is not set");
    err = load (path, "the certificate", &cert);
    if (err)
        return err;
    if (memcmp (zcert_secret_key (cert), none, sizeof none) == 0)
        return error_options ("%s holds no secret key; the secret file is usually %s_secret",
                              path, path);
    (void)ym_text_copy (ret_public, KEY_TEXT, zcert_public_txt (cert));
    (void)ym_text_copy (ret_secret, KEY_TEXT, zcert_secret_txt (cert));
    return NULL;
}

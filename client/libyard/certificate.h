/* certificate.h - keys from text or from certificate files (ZCert). */
#ifndef YARD_CERTIFICATE_H
#define YARD_CERTIFICATE_H
#include "client/libyard/yard.h"

enum { KEY_TEXT = 41, KEY_SIZE = 32 };

/* 'key' is Z85 text, or the path of a certificate file if there is one of that name. NULL, or
 * an error that names 'what' the key is for. */
yard_err_t *certificate_public (const char *key, const char *what, char ret_text[KEY_TEXT]);
yard_err_t *certificate_pair (const char *path, char ret_public[KEY_TEXT],
                              char ret_secret[KEY_TEXT]);
#endif

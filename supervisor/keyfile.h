/* keyfile.h - the secret certificate of the doors (ZCert, a ZPL text file). */
#ifndef YM_SUPERVISOR_KEYFILE_H
#define YM_SUPERVISOR_KEYFILE_H
#include <stddef.h>

#include "supervisor/config.h"
#include "supervisor/faults.h"
#include "supervisor/z85.h"

enum { KEYFILE_MAX = 16384, KEYFILE_PATH_MAX = FAULT_FILE_MAX };

/* Where setting door_key is: an absolute path as it is; a relative one in 'credentials' if it
 * is there, else beside the configuration file. 'credentials' is $CREDENTIALS_DIRECTORY or
 * NULL. */
void keyfile_path (char to[KEYFILE_PATH_MAX + 1], const struct config *config,
                   const char *credentials);

/* The secret key in the text. On a fault 'ret_secret' is untouched. 'text' is
 * changed, and has room for one octet more than 'size'. */
void keyfile_parse (const char *file, char *text, size_t size,
                    char ret_secret[Z85_TEXT_SIZE + 1], struct faults *faults);

/* Reads and checks the file too: regular, ours, readable by nobody else. A file directly in
 * 'credentials' may be readable by a group, as the service manager makes it so. */
void keyfile_read (const char *file, const char *credentials,
                   char ret_secret[Z85_TEXT_SIZE + 1], struct faults *faults);
#endif

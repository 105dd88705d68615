/* z85.h - 32 octets as 40 printable characters (ZeroMQ RFC 32), the text form of a CURVE key.
 */
#ifndef YM_SUPERVISOR_Z85_H
#define YM_SUPERVISOR_Z85_H
#include <stdint.h>

enum { Z85_KEY_SIZE = 32, Z85_TEXT_SIZE = 40 };

void z85_encode (char to[Z85_TEXT_SIZE + 1], const uint8_t from[Z85_KEY_SIZE]);
/* 'text' has 40 characters, not necessarily terminated. -EINVAL: not Z85; 'to' is untouched. */
int z85_decode (uint8_t to[Z85_KEY_SIZE], const char *text);
#endif

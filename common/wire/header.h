/* header.h - what the files of this room share. */
#ifndef YM_WIRE_HEADER_H
#define YM_WIRE_HEADER_H
#include "common/wire/wire.h"

/* Whatever 'h' says, version and flags are those of this program. */
void ym_wire_put_header (uint8_t to[YM_HEADER_SIZE], const struct ym_header *h);
/* A word is 1 .. YM_WORD_MAX octets out of a-z 0-9 . _ - : = > */
bool ym_wire_is_word (const char *at, size_t size);
/* Which fields of 'msg' are to be written, as bits: the required ones and those 'has' names. */
uint64_t ym_wire_present (const struct ym_message *m, const void *msg);
#endif

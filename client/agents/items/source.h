/* source.h - a JSON Lines file, line by line, from any offset. */
#ifndef YARD_ITEMS_SOURCE_H
#define YARD_ITEMS_SOURCE_H
#include "client/agents/items/work.h"

struct items_source {
    int fd;
    char *buffer;
    size_t begin, end; /* of what is read and not yet taken */
    uint64_t offset;   /* in the file, of the next line */
    uint64_t number;   /* of the last line taken, from 1 */
    bool is_at_end;
};

enum items_end items_source_open (struct items_work *work, struct items_source *ret_source);
void items_source_close (struct items_source *source);

/* Goes to a line by the offset of its beginning and the number of lines before it. */
enum items_end items_source_seek (struct items_work *work, struct items_source *source,
                                  uint64_t offset, uint64_t lines);

/* The next line, without its end; valid until the next call. '*ret_line' is NULL after the
 * last. A line that is too long fails with its number. */
enum items_end items_source_next (struct items_work *work, struct items_source *source,
                                  const char **ret_line, size_t *ret_size);

#define _items_source_ __attribute__ ((cleanup (items_source_close)))

#endif

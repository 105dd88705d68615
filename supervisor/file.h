/* file.h - small files, read whole. */
#ifndef YM_SUPERVISOR_FILE_H
#define YM_SUPERVISOR_FILE_H
#include <stddef.h>
#include <sys/stat.h>

/* Reads up to 'room' octets. -EFBIG if there are more, -EISDIR or -EINVAL if it is not a
 * regular file, else what open and read say. 'ret_stat' may be NULL; it is of the file that was
 * read. */
int file_read (const char *path, void *to, size_t room, size_t *ret_size,
               struct stat *ret_stat);
#endif

/* place.h - the run directory: one yard at a time, and where operators find its processes.
 *
 * run_directory/lock is locked as long as this process lives and holds "pid incarnation\n", so
 * that incarnations rise even when the clock is set back between two starts.
 * run_directory/actors is replaced as a whole: lines "name pid incarnation state restarts\n".
 */
#ifndef YM_SUPERVISOR_PLACE_H
#define YM_SUPERVISOR_PLACE_H
#include <stddef.h>
#include <stdint.h>

struct place;

/* Makes the directory (0700) if it is missing. On failure -errno and a sentence in 'reterr':
 * -EBUSY if another one holds it, -EPERM if others may write to it. */
enum { PLACE_ERROR_MAX = 300 };
int place_open (const char *directory, struct place **ret, char reterr[PLACE_ERROR_MAX + 1]);
void place_close (struct place *place);

/* A number above all it gave before, here or in earlier lives of this directory. */
uint64_t place_next_incarnation (struct place *place, int64_t wall_ms);
/* 0 or -errno. */
int place_write_actors (const struct place *place, const char *text, size_t size);
#endif

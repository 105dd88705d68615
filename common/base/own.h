/* own.h - memory and what owns it.  Allocation never returns NULL: out of memory is a panic. */
#ifndef YM_BASE_OWN_H
#define YM_BASE_OWN_H
#include <stddef.h>

void *ym_new (size_t size);                     /* zeroed */
void *ym_new_array (size_t count, size_t size); /* zeroed; overflow is a panic */
void *ym_grow_array (void *old, size_t count,
                     size_t size); /* like realloc; the new part is not zeroed */
char *ym_copy_text (const char *text);

/* Cleanup attributes for locals: leaving early is always right. */
void ym_free_at (void *pointer_to_pointer);
void ym_close_at (const int *fd); /* closes fd >= 0; keeps errno */
void ym_fclose_at (void *pointer_to_file);
#define _free_   __attribute__ ((cleanup (ym_free_at)))
#define _close_  __attribute__ ((cleanup (ym_close_at)))
#define _fclose_ __attribute__ ((cleanup (ym_fclose_at)))

/* A bump allocator for what lives as long as one turn. Not zeroed, aligned for anything. One
 * owner, one thread. reset keeps the first block, so a warm arena does not call malloc. */
struct ym_arena;
struct ym_arena *ym_arena_new (size_t block);
void ym_arena_free (struct ym_arena *arena);
void *ym_arena_take (struct ym_arena *arena, size_t size);
void ym_arena_reset (struct ym_arena *arena);
size_t
ym_arena_used (const struct ym_arena *arena); /* octets handed out since the last reset */
#endif

/* handover.h - what the supervisor gives an actor at its start, and how the two talk after it.
 *
 * Descriptor YM_FD_HANDOVER is a sealed memfd with lines "name value\n"; names are unique. The
 * actor reads it whole, closes it and forgets it. Keys are Z85 text (40 characters).
 *
 *   name queue-standard           the actor
 *   argument standard             from schema/actors.def
 *   incarnation 7                 rises with each start of any actor of this yard
 *   role ym_queue                 PostgreSQL role
 *   bus_secret Z85                its own bus key
 *   bus_public.<actor> Z85        the bus key of every actor, its own too
 *   door_secret Z85               only for an actor with a door
 *   door tcp://127.0.0.1:7510     only for an actor with a door
 *   <setting> value               every setting of schema/settings.def
 *
 * Descriptor YM_FD_MEMORY is a memfd of YM_MEMORY_SIZE octets that every incarnation of an
 * actor gets: what it must know of its predecessor's death.
 *
 * Descriptor YM_FD_CONTROL is one end of a SOCK_SEQPACKET pair; a datagram is one line without
 * an end: the actor says READY once, then BEAT from its main loop every beat_ms, and
 * STATUS text now and then; the supervisor says STOP (drain, then exit 0) and RELOAD. End of
 * file means that the other side is gone: an actor then exits at once.
 */
#ifndef YM_HANDOVER_H
#define YM_HANDOVER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { YM_FD_HANDOVER = 3, YM_FD_CONTROL = 4, YM_FD_MEMORY = 5 };
enum { YM_HANDOVER_MAX = 65536, YM_MEMORY_SIZE = 262144 };
enum { YM_KEY_TEXT_MAX = 40 };

/* Every actor, in start order, from schema/actors.def. */
enum ym_actor_id {
#define ACTOR(symbol, name, program, argument, role, door, doc) YM_ACTOR_##symbol,
#define MAY(from, to, message)
#include "schema/actors.def"
#undef ACTOR
#undef MAY
    YM_ACTORS
};
struct ym_actor_row {
    const char *name, *program, *argument, *role, *door, *doc;
};
extern const struct ym_actor_row ym_actor_rows[YM_ACTORS];
int ym_actor_find (const char *name); /* -1 if unknown */
/* The queue of a tier is the actor whose argument is the tier's word. */
unsigned ym_actor_queue (uint32_t tier);
bool ym_actor_is_queue (unsigned actor, uint32_t *ret_tier);

/* Settings, from schema/settings.def. */
struct ym_setting {
    const char *section, *name;
    int is_number;
    const char *text, *text_fast; /* defaults, as text also for numbers */
    int64_t least, most;
    const char *doc;
};
extern const struct ym_setting ym_settings[];
extern const size_t ym_setting_count;
const struct ym_setting *ym_setting_find (const char *section,
                                          const char *name); /* NULL if unknown */

/* Writing: one owner. seal gives a descriptor to inherit, positioned at the start, or -errno.
 */
struct ym_handover;
struct ym_handover *ym_handover_new (void);
void ym_handover_free (struct ym_handover *h); /* wipes it */
int ym_handover_put (
    struct ym_handover *h, const char *name,
    const char *value); /* -EINVAL: repeated, or a character that does not fit a line; -E2BIG */
int ym_handover_seal (const struct ym_handover *h);

/* Reading: takes all of 'fd' and closes it. -EINVAL for a malformed one. */
int ym_handover_read (int fd, struct ym_handover **ret);
const char *ym_handover_text (const struct ym_handover *h,
                              const char *name); /* NULL if absent */
/* Panics if absent or not a number: the supervisor checked it. */
int64_t ym_handover_number (const struct ym_handover *h, const char *name);
#endif

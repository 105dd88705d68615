/* spawn.h - one new process: an actor's program with its handover and its control socket.
 *
 * The child dies with the supervisor, gains no privileges, leaves no core, and inherits nothing
 * but its three descriptors, standard output and error, and a handful of environment variables.
 * What keeps it from running its program it says as a STATUS line on the control socket.
 */
#ifndef YM_SUPERVISOR_SPAWN_H
#define YM_SUPERVISOR_SPAWN_H
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/config.h"
#include "supervisor/keys.h"

struct child {
    pid_t pid;
    int pidfd, control; /* both nonblocking, closed on exec */
};

/* The memory that all incarnations of an actor share: a descriptor or -errno. */
int spawn_memory (void);
/* 0 or -errno. */
int spawn_actor (const struct config *config, const struct keys *keys, enum ym_actor_id actor,
                 uint64_t incarnation, int memory, struct child *ret);
/* A handover for that actor, or -errno; for spawn_actor and its test. */
int spawn_handover (const struct config *config, const struct keys *keys,
                    enum ym_actor_id actor, uint64_t incarnation);
#endif

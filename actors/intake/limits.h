/* limits.h - how much one key and one tenant may ask for: submits per second, and jobs that
 * wait.
 *
 * How many of a tenant's jobs wait is counted by the queues; what was accepted since a queue
 * counted is added here. Memory: a row for each key that submitted of late, one for each
 * tenant, and the ids of what capped tenants had accepted and the queues did not count yet. */
#ifndef YM_INTAKE_LIMITS_H
#define YM_INTAKE_LIMITS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/intake/decide.h"

struct limits;
/* A rate of 0: any number. */
struct limits *limits_new (int64_t submit_rate, int64_t submit_burst);
void limits_free (struct limits *l);

/* One submit of a key: 0, or how long it has to wait. */
int64_t limits_token (struct limits *l, int64_t key, int64_t now_ms);
/* Forgets keys that could ask for all they may. */
void limits_sweep (struct limits *l, int64_t now_ms);
size_t limits_keys (const struct limits *l);

/* The caps: begin forgets all, then each that is not 0. */
void limits_caps_begin (struct limits *l);
void limits_cap (struct limits *l, int32_t tenant, uint64_t waiting_max);
/* A queue's word: fresh forgets what it said before; through, if not 0, is the last job it
 * counted. */
void limits_counted (struct limits *l, uint32_t tier, bool fresh, int64_t through);
void limits_waiting (struct limits *l, uint32_t tier, int32_t tenant, uint64_t waiting);
bool limits_is_capped (const struct limits *l, int32_t tenant);
/* Whether one more of the tenant's jobs may wait, when 'planned' of this turn are to. */
bool limits_has_room (const struct limits *l, int32_t tenant, uint64_t planned);
void limits_accepted (struct limits *l, uint32_t tier, int32_t tenant, int64_t job);
#endif

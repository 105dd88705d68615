/* poison.h - messages that end the process that handles them.
 *
 * A small memory that outlives the process: the supervisor makes it once per actor and every
 * incarnation inherits it. Before a message from the door is handled its digest is written
 * there, and taken away when its turn is over. What stands there when the next incarnation
 * begins was under way when its predecessor died. It is suspected: it has its turns alone, so
 * that the next death tells who it was, and a turn that ends well clears it. After
 * YM_POISON_DEATHS it is not handled any more. The memory goes with the supervisor.
 *
 * Plain memory and plain functions: nothing here fails.
 */
#ifndef YM_ACTOR_POISON_H
#define YM_ACTOR_POISON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    YM_POISON_DEATHS = 3,
    YM_POISON_ROWS = 1024,    /* suspects; the oldest goes */
    YM_POISON_FLIGHTS = 4096, /* of one lane: the greatest turn_max */
    YM_POISON_LANES = 3,      /* the two of the database, and what is heard at once */
    YM_POISON_HEARD = 2,
    YM_DIGEST_OCTETS = 16,
};

struct ym_digest {
    uint8_t at[YM_DIGEST_OCTETS];
};

struct ym_poison {
    uint64_t magic;
    uint32_t next; /* the row that goes when a new one comes */
    struct {
        struct ym_digest digest;
        uint32_t deaths; /* 0: a free row */
        uint32_t is_told;
    } rows[YM_POISON_ROWS];
    uint32_t flight_count[YM_POISON_LANES];
    struct ym_digest flights[YM_POISON_LANES][YM_POISON_FLIGHTS];
};

/* Who asks with which message and which body. */
struct ym_digest ym_poison_digest (unsigned message, int64_t key, const void *body,
                                   size_t size);

/* A new incarnation: counts what was under way. If suspects were among it, only they are held
 * responsible. Memory that is not ours, or of another layout, is made empty. Returns how many.
 */
unsigned ym_poison_begin (struct ym_poison *p);
unsigned ym_poison_deaths (const struct ym_poison *p, const struct ym_digest *d);

void ym_poison_takes_off (struct ym_poison *p, unsigned lane, const struct ym_digest *d);
/* The lane's turn is over, and we live: what was in it is not suspected any more. */
void ym_poison_lands (struct ym_poison *p, unsigned lane);

/* True the first time it is asked of a digest that is quarantined. */
bool ym_poison_tell_once (struct ym_poison *p, const struct ym_digest *d);
#endif

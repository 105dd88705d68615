/* yard.h - the inside of the skeleton: what actor.c, lane.c and keys.c share. */
#ifndef YM_ACTOR_YARD_H
#define YM_ACTOR_YARD_H
#include "common/actor/actor.h"

struct ym_queue_of_items {
    struct ym_item *head, **tail;
    size_t count, octets;
};

enum { YM_LANE_SHARES = 64 };

struct ym_lane_state {
    struct ym_yard *yard;
    enum ym_lane lane;
    struct ym_store *store;
    struct ym_queue_of_items first; /* recovery and replays, before anything else */
    struct ym_queue_of_items
        waiting[YM_LANE_SHARES]; /* by the key that asks; served in turns */
    unsigned next_share;
    size_t waiting_count, waiting_octets;
    struct ym_item **turn;
    size_t turn_count, turn_room;
    struct ym_turn now;
    bool up, recovering, busy, alone; /* alone: the turn is a replay of one item */
    int64_t away_since_ms;            /* when it last served, while it is down or recovers */
};

struct ym_yard {
    const struct ym_actor *actor;
    void *me;
    struct ym_handover *handover;
    struct ym_bus *bus;
    struct ym_lane_state lanes[YM_LANES];
    unsigned lane_count;
    struct ym_arena *hear_arena;
    int64_t epoch, tick, keys_number, keys_at_ms, started_ms;
    bool ready, stopping, keys_wanted, keys_asked;
    int64_t stop_at_ms, beat_at_ms, beat_ms;
    size_t inbox_max, turn_max;
    uint64_t refused;         /* without a word: nobody waited for an answer */
    struct ym_poison *poison; /* NULL: nobody keeps count */
};

void ym_lane_open (struct ym_yard *yard, enum ym_lane lane);
void ym_lane_close (struct ym_lane_state *lane);
void ym_lane_add (struct ym_lane_state *lane, struct ym_item *take_item);
void ym_lane_add_first (struct ym_lane_state *lane, struct ym_item *take_item);
bool ym_lane_is_full (const struct ym_lane_state *lane, const struct ym_item *item);
bool ym_lane_is_idle (const struct ym_lane_state *lane);
void ym_lane_step (struct ym_lane_state *lane, int64_t mono_ms); /* begins a turn if it can */

void ym_item_free (struct ym_item *item);
struct ym_item *ym_item_new (const struct ym_work *work, void *take_body);
/* Decodes a letter into 'arena'; refuses it and returns NULL if it is malformed. */
const void *ym_item_decode (struct ym_yard *yard, struct ym_item *item, struct ym_arena *arena);

extern const struct ym_work *const ym_own_works[]; /* claim, keys, poison; ends with NULL */
extern const struct ym_work ym_poison_work;
void ym_quarantine_open (struct ym_yard *yard, int fd);
/* Weighs a letter from the door; true if it is refused: the item has ended. */
bool ym_quarantine_takes (struct ym_yard *yard, struct ym_item *item);
void ym_quarantine_begins (struct ym_yard *yard, unsigned lane, const struct ym_item *item);
void ym_quarantine_ends (struct ym_yard *yard, unsigned lane);
void ym_keys_claim (struct ym_yard *yard); /* first item of a recovery: claims the scope, then
                                              lets the actor recover */
void ym_keys_step (struct ym_yard *yard, int64_t mono_ms);
void ym_yard_is_ready (struct ym_yard *yard);
#endif

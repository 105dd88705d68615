/* actor.h - the life every actor leads, so that an actor is only its rules.
 *
 * A turn is what has gathered for one lane while the lane's last commit was under way: many
 * messages, one reading of the clock, one transaction. A kind of work says which statements its
 * items need (plan) and, once they are committed, what is said about them (done). Nothing is
 * said in plan. If the transaction fails, the turn is replayed item by item, so that only the
 * culprit is refused; if its outcome is unknown, it is replayed after the actor has recovered,
 * so what is planned must be harmless when it is done twice.
 *
 * A message that needs no database has a handler (hear) that runs at once.
 *
 * One thread. No call blocks. Bodies of messages and items live until their turn ends.
 */
#ifndef YM_ACTOR_H
#define YM_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/actor/poison.h"
#include "common/base/refusal.h"
#include "common/bus/bus.h"
#include "common/handover/handover.h"
#include "common/store/store.h"
#include "common/wire/wire.h"

enum ym_lane { YM_LANE_WRITE, YM_LANE_READ, YM_LANES };

struct ym_yard; /* this process: bus, lanes, settings */
struct ym_work;

struct ym_item {
    const struct ym_work *work;
    const void *body;  /* the decoded message, or what ym_put took */
    struct ym_to from; /* who asked */
    struct ym_key key; /* door: the asker's row */
    bool asked;        /* somebody waits for an answer */
    unsigned call;     /* plan may note here which call is the item's own */
    void *note;        /* and here what done needs to know, in the turn's arena */
    void *keep;        /* what stays with the item when it is put again; freed with it */
    unsigned tries;
    bool in_doubt;   /* it was sent, and nobody knows whether it was committed */
    unsigned deaths; /* of processes that handled it: it has its turns alone */
    struct ym_digest digest;
    struct ym_item *next;
    struct ym_letter letter; /* the skeleton's */
    bool has_letter;
};

struct ym_turn {
    struct ym_yard *yard;
    struct ym_batch *batch;
    struct ym_arena *arena; /* for what plan needs until done */
    int64_t now_ms;         /* wall clock, read once */
    unsigned calls;         /* calls so far; ym_turn_call counts */
    enum ym_lane lane;
};
/* Begins a call in the turn's batch; returns its place, for ym_batch_rows in done. */
unsigned ym_turn_call (struct ym_turn *t, const struct ym_statement *statement);
const struct ym_rows *ym_turn_rows (const struct ym_turn *t, unsigned call);

struct ym_work {
    const char *name;
    enum ym_lane lane;
    bool one_at_a_time;  /* at most one item of this work in a turn */
    bool forget_unknown; /* recover makes up for it: not replayed after a lost connection */
    unsigned most;       /* items in one turn at most; 0: the setting turn_max */
    void (*plan) (void *me, struct ym_turn *t, struct ym_item **items, size_t count);
    void (*done) (void *me, struct ym_turn *t, struct ym_item **items, size_t count);
    void (*failed) (void *me,
                    struct ym_item *item); /* for items nobody asked for; may be NULL */
};

/* What an actor does with a message: exactly one of hear and work. */
struct ym_handler {
    unsigned message;
    void (*hear) (void *me, struct ym_item *item);
    const struct ym_work *work;
};

struct ym_actor {
    const char *name;
    const char *scope; /* row of ym.owner that fences its writes; NULL if it writes nothing */
    bool reads;        /* wants the second lane */
    const struct ym_handler *handlers;
    size_t handler_count;
    const struct ym_work *const
        *works; /* in the order their statements take in a turn; ends with NULL */
    void *(*begin) (struct ym_yard *yard); /* makes 'me'; memory only */
    void (*end) (void *me);
    void (*recover) (void *me); /* connected, scope claimed: ym_put what loads the tables;
                                   everything else waits until that is done */
    void (*recovered) (void *me);
    void (*link) (void *me, unsigned peer, enum ym_link_news news);
    int (*pass) (void *me, int64_t mono_ms); /* once a pass of the loop; milliseconds until it
                                                wants the next, -1: no wish */
    void (*keys) (void *me);                 /* the door's key table changed; may be NULL */
};

/* Options, sockets, readiness, signals, loop, drain. Returns the exit status. */
int ym_actor_main (const struct ym_actor *actor);

/* Puts an item of the actor's own into its lane. 'take_body' is freed with it. */
void ym_put (struct ym_yard *yard, const struct ym_work *work, void *take_body);
/* The same, but it waits in line behind what this key of the door has asked for already. */
void ym_put_for (struct ym_yard *yard, const struct ym_work *work, void *take_body,
                 int64_t key);
/* Moves a message from hear, or from a turn, into a lane as another kind of work; the caller
 * answers it no more. It is refused here and now if the lane is full or its database away. */
void ym_put_again (struct ym_yard *yard, struct ym_item *item, const struct ym_work *work);

/* Saying. answer and refuse end an asked item; in a turn only after the commit. */
void ym_answer (struct ym_yard *yard, struct ym_item *item, unsigned number, const void *msg);
void ym_refuse (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why);
/* The same, with the time after which it may be asked again. */
void ym_refuse_later (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why,
                      unsigned retry_after_ms);
void ym_refuse_faults (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why,
                       const struct ym_faults *faults);
void ym_send (struct ym_yard *yard, unsigned peer, unsigned number, uint64_t ask,
              const void *msg);

struct ym_bus *ym_yard_bus (struct ym_yard *yard);
const struct ym_handover *ym_yard_handover (const struct ym_yard *yard);
int64_t ym_yard_setting (const struct ym_yard *yard, const char *name);
int64_t ym_yard_epoch (const struct ym_yard *yard); /* of its scope, once claimed */
int64_t ym_yard_tick (const struct ym_yard *yard);  /* of its scope, when claimed */
bool ym_yard_has_database (const struct ym_yard *yard);
bool ym_yard_is_stopping (const struct ym_yard *yard);
uint64_t ym_yard_refused (const struct ym_yard *yard); /* requests refused since the start */
int64_t ym_yard_started_ms (const struct ym_yard *yard);
/* Ask the key table again now (a key changed). */
void ym_yard_reload_keys (struct ym_yard *yard);
/* For a turn that changes the key table: read is planned after the change, take is the first
 * thing done, so that the change is in force at this door before anybody hears of it. */
unsigned ym_keys_read (struct ym_turn *t);
void ym_keys_take (struct ym_turn *t, unsigned call);
#endif

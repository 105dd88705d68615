/* lane.c - turns: gather, plan, commit, say; replay what failed.
 *
 * Waiting letters are kept as frames and decoded when their turn begins, so that what waits is
 * bounded in octets and a turn's memory is one arena. Keys take turns, one item each, and none
 * may take more than half of the room: who asks for much waits behind himself, not others
 * behind him.
 */
#include "common/actor/yard.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum {
    INBOX_OCTETS = 64 << 20,
    HOLD_MS = 3000, /* how long asked items wait for a lost database before they are refused */
    TRIES_MAX = 5,  /* of an item whose turn failed for a passing reason */
};

static void queue_init (struct ym_queue_of_items *q)
{
    *q = (struct ym_queue_of_items){.tail = &q->head};
}

static void queue_add (struct ym_queue_of_items *q, struct ym_item *item)
{
    item->next = NULL;
    *q->tail = item;
    q->tail = &item->next;
    q->count++;
    q->octets += item->has_letter ? item->letter.size : 0;
}

static struct ym_item *queue_take (struct ym_queue_of_items *q)
{
    struct ym_item *item = q->head;

    if (!item)
        return NULL;
    q->head = item->next;
    if (!q->head)
        q->tail = &q->head;
    q->count--;
    q->octets -= item->has_letter ? item->letter.size : 0;
    item->next = NULL;
    return item;
}

/* Share 0 is the actor's own and that of the bus: no stranger's backlog is before it. */
static unsigned share_number (const struct ym_item *item)
{
    uint64_t key = (uint64_t)item->key.key;

    return key == 0 ? 0 : 1 + (unsigned)(key % (YM_LANE_SHARES - 1));
}

static void wait_in_line (struct ym_lane_state *lane, struct ym_item *item)
{
    queue_add (&lane->waiting[share_number (item)], item);
    lane->waiting_count++;
    lane->waiting_octets += item->has_letter ? item->letter.size : 0;
}

/* The queue whose turn it is, or NULL. */
static struct ym_queue_of_items *next_in_line (struct ym_lane_state *lane)
{
    for (unsigned n = 0; n < YM_LANE_SHARES && lane->waiting_count > 0; n++) {
        unsigned share = (lane->next_share + n) % YM_LANE_SHARES;
        if (lane->waiting[share].head) {
            lane->next_share = share;
            return &lane->waiting[share];
        }
    }
    return NULL;
}

static struct ym_item *take_from (struct ym_lane_state *lane, struct ym_queue_of_items *share)
{
    struct ym_item *item = queue_take (share);

    lane->waiting_count--;
    lane->waiting_octets -= item->has_letter ? item->letter.size : 0;
    return item;
}

static struct ym_item *take_in_line (struct ym_lane_state *lane)
{
    struct ym_queue_of_items *share = next_in_line (lane);

    if (!share)
        return NULL;
    lane->next_share = (lane->next_share + 1) % YM_LANE_SHARES;
    return take_from (lane, share);
}

struct ym_item *ym_item_new (const struct ym_work *work, void *take_body)
{
    struct ym_item *item = ym_new (sizeof *item);

    item->work = work;
    item->body = take_body;
    return item;
}

void ym_item_free (struct ym_item *item)
{
    if (!item)
        return;
    if (item->has_letter)
        ym_letter_free (&item->letter);
    else
        free ((void *)item->body);
    free (item->keep);
    free (item);
}

const void *ym_item_decode (struct ym_yard *yard, struct ym_item *item, struct ym_arena *arena)
{
    const struct ym_letter *l = &item->letter;
    struct ym_faults faults = {0};
    void *body = ym_arena_take (arena, l->message->size);

    memset (body, 0, l->message->size);
    if (ym_wire_decode (l->message, l->frame, l->size, arena, body, &faults)) {
        item->body = body;
        return body;
    }
    ym_refuse_faults (yard, item, YM_REFUSAL_INVALID, &faults);
    return NULL;
}

void ym_lane_add (struct ym_lane_state *lane, struct ym_item *take_item)
{
    wait_in_line (lane, take_item);
}

void ym_lane_add_first (struct ym_lane_state *lane, struct ym_item *take_item)
{
    queue_add (&lane->first, take_item);
}

bool ym_lane_is_full (const struct ym_lane_state *lane, const struct ym_item *item)
{
    const struct ym_queue_of_items *share = &lane->waiting[share_number (item)];

    return lane->waiting_count >= lane->yard->inbox_max ||
           lane->waiting_octets >= INBOX_OCTETS || share->count >= lane->yard->inbox_max / 2 ||
           share->octets >= INBOX_OCTETS / 2;
}

bool ym_lane_is_idle (const struct ym_lane_state *lane)
{
    return !lane->busy && lane->waiting_count == 0 && lane->first.count == 0;
}

/* The end of an item that was not carried out. */
static void give_up (struct ym_yard *yard, struct ym_item *item, enum ym_refusal why)
{
    if (item->asked)
        ym_refuse (yard, item, why);
    else if (item->work->failed)
        item->work->failed (yard->me, item);
    ym_item_free (item);
}

static void end_turn (struct ym_lane_state *lane)
{
    ym_quarantine_ends (lane->yard, lane->lane);
    lane->turn_count = 0;
    lane->busy = false;
    lane->alone = false;
    ym_arena_reset (lane->now.arena);
}

typedef void carry_f (void *me, struct ym_turn *t, struct ym_item **items, size_t count);

/* Calls plan or done for the items of one kind of work in the turn. */
static void one_work (struct ym_lane_state *lane, const struct ym_work *work, void *me,
                      bool done)
{
    struct ym_item **group = ym_arena_take (lane->now.arena, lane->turn_count * sizeof *group);
    carry_f *carry = done ? work->done : work->plan;
    size_t count = 0;

    for (size_t i = 0; i < lane->turn_count; i++)
        if (lane->turn[i]->work == work)
            group[count++] = lane->turn[i];
    if (count > 0)
        carry (me, &lane->now, group, count);
}

/* In the order of the tables: the skeleton's own work, then the actor's. */
static void each_work (struct ym_lane_state *lane, bool done)
{
    const struct ym_work *const *works = lane->yard->actor->works;

    for (size_t w = 0; ym_own_works[w]; w++)
        one_work (lane, ym_own_works[w], lane->yard, done);
    for (size_t w = 0; works[w]; w++)
        one_work (lane, works[w], lane->yard->me, done);
}

static void free_turn (struct ym_lane_state *lane)
{
    for (size_t i = 0; i < lane->turn_count; i++)
        ym_item_free (lane->turn[i]);
    end_turn (lane);
}

static void recovery_goes_on (struct ym_lane_state *lane)
{
    struct ym_yard *yard = lane->yard;

    if (!lane->recovering || lane->first.count > 0)
        return;
    lane->recovering = false;
    if (lane->lane == YM_LANE_WRITE) {
        if (yard->actor->recovered)
            yard->actor->recovered (yard->me);
        ym_yard_is_ready (yard);
    }
}

static void committed (struct ym_lane_state *lane)
{
    each_work (lane, true);
    free_turn (lane);
    recovery_goes_on (lane);
}

/* Reasons that pass: too few resources, shutting down, lock timeout, deadlock, serialization.
 */
static bool passes (const char *sqlstate)
{
    static const char *const classes[] = {"53", "57", "55", "40", "08"};

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp (sqlstate, classes[i], 2) == 0)
            return true;
    return false;
}

static void log_failure (const struct ym_lane_state *lane, const struct ym_result *r)
{
    ym_log (YM_LOG_WARNING, "turn_failed", ym_log_number ("items", (int64_t)lane->turn_count),
            ym_log_text ("work", lane->turn[0]->work->name),
            ym_log_text ("sqlstate", r->sqlstate), ym_log_number ("call", r->failed_call),
            ym_log_text ("why", r->text));
}

static void rolled_back (struct ym_lane_state *lane, const struct ym_result *r)
{
    size_t count = lane->turn_count;

    log_failure (lane, r);
    if (strcmp (r->sqlstate, "YM001") == 0)
        ym_panic ("another process owns %s", lane->yard->actor->scope);
    if (lane->recovering && count > 0 && !passes (r->sqlstate))
        ym_panic ("recovery failed: %s", r->text);
    for (size_t i = 0; i < count; i++) {
        struct ym_item *item = lane->turn[i];
        item->tries++;
        if (lane->recovering && !item->asked && item->tries >= TRIES_MAX)
            ym_panic ("recovery failed: %s", r->text);
        if (count == 1 && !passes (r->sqlstate))
            give_up (lane->yard, item, YM_REFUSAL_INTERNAL);
        else if (item->tries >= TRIES_MAX)
            give_up (lane->yard, item, YM_REFUSAL_BACKEND_UNAVAILABLE);
        else
            ym_lane_add_first (lane, item);
    }
    lane->turn_count = 0;
    end_turn (lane);
    recovery_goes_on (lane);
}

/* Nobody is answered: what was asked is done again after recovery, and the ledger tells. */
static void outcome_unknown (struct ym_lane_state *lane, bool is_sent)
{
    for (size_t i = 0; i < lane->turn_count; i++) {
        struct ym_item *item = lane->turn[i];
        item->in_doubt = item->in_doubt || is_sent;
        if (item->work->forget_unknown || (lane->recovering && !item->asked))
            give_up (lane->yard, item, YM_REFUSAL_BACKEND_UNAVAILABLE);
        else
            wait_in_line (lane, item);
    }
    lane->turn_count = 0;
    end_turn (lane);
}

static void on_done (void *arg, struct ym_batch *b, const struct ym_result *r)
{
    struct ym_lane_state *lane = arg;

    lane->now.batch = b;
    switch (r->outcome) {
    case YM_COMMITTED:
        committed (lane);
        break;
    case YM_ROLLED_BACK:
        rolled_back (lane, r);
        break;
    case YM_UNKNOWN:
    case YM_NOT_SENT:
        outcome_unknown (lane, r->outcome == YM_UNKNOWN);
        break;
    }
}

/* True if the item may join the turn that is being gathered. */
static bool fits (const struct ym_lane_state *lane, const struct ym_item *item)
{
    unsigned most = item->work->one_at_a_time ? 1 : item->work->most;
    unsigned same = 0;

    if (most == 0)
        return true;
    for (size_t i = 0; i < lane->turn_count; i++)
        same += lane->turn[i]->work == item->work;
    return same < most;
}

/* Nobody would hear the answer, and reading changes nothing. */
static bool is_idle_question (const struct ym_lane_state *lane, const struct ym_item *item)
{
    return lane->lane == YM_LANE_READ && item->asked &&
           !ym_bus_reaches (lane->yard->bus, &item->from);
}

/* Its key was in force when it came, and may be revoked since. */
static bool is_shut_out (const struct ym_lane_state *lane, const struct ym_item *item)
{
    return item->has_letter && item->from.at_door &&
           !ym_bus_find_key (lane->yard->bus, item->key.key);
}

static void take_one (struct ym_lane_state *lane, struct ym_item *item)
{
    if (is_idle_question (lane, item)) {
        ym_item_free (item);
        return;
    }
    if (is_shut_out (lane, item)) {
        ym_refuse (lane->yard, item, YM_REFUSAL_KEY_REVOKED);
        ym_item_free (item);
        return;
    }
    ym_quarantine_begins (lane->yard, lane->lane, item);
    if (item->has_letter && !ym_item_decode (lane->yard, item, lane->now.arena)) {
        ym_item_free (item);
        return;
    }
    lane->turn[lane->turn_count++] = item;
}

/* What failed with others, or may have ended our predecessor. */
static bool goes_alone (const struct ym_item *item)
{
    return item->tries > 0 || item->deaths > 0;
}

/* As many as fit. */
static void gather (struct ym_lane_state *lane)
{
    bool is_first = lane->first.count > 0;
    struct ym_queue_of_items *q;

    while ((q = is_first ? &lane->first : next_in_line (lane)) && q->head) {
        if (lane->turn_count >= lane->turn_room || !fits (lane, q->head))
            break;
        if (lane->turn_count > 0 && (lane->alone || goes_alone (q->head)))
            break;
        lane->alone = goes_alone (q->head);
        take_one (lane, is_first ? queue_take (q) : take_in_line (lane));
    }
}

static const struct ym_statement check_owner = {"owner_check",
                                                "SELECT ym.owner_check ($1::text, $2::int8)"};

static void run_turn (struct ym_lane_state *lane)
{
    struct ym_yard *yard = lane->yard;

    lane->busy = true;
    lane->now.now_ms = ym_time_wall_ms ();
    lane->now.calls = 0;
    lane->now.batch = ym_store_begin (lane->store, lane, on_done);
    if (lane->lane == YM_LANE_WRITE && yard->actor->scope && yard->epoch > 0) {
        (void)ym_turn_call (&lane->now, &check_owner);
        ym_param_text (lane->now.batch, ym_str (yard->actor->scope));
        ym_param_int8 (lane->now.batch, yard->epoch);
    }
    each_work (lane, false);
    ym_store_commit (lane->now.batch);
}

static bool is_serving (const struct ym_lane_state *lane)
{
    return lane->up && !lane->recovering;
}

static void refuse_share (struct ym_lane_state *lane, struct ym_queue_of_items *share)
{
    for (size_t n = share->count; n > 0; n--) {
        struct ym_item *item = take_from (lane, share);
        if (item->asked)
            give_up (lane->yard, item, YM_REFUSAL_BACKEND_UNAVAILABLE);
        else
            wait_in_line (lane, item);
    }
}

/* While the database is away, or a recovery waits for it, what somebody waits for is refused
 * after a while. */
static void refuse_held (struct ym_lane_state *lane, int64_t mono_ms)
{
    if (is_serving (lane) || mono_ms - lane->away_since_ms < HOLD_MS)
        return;
    for (unsigned i = 0; i < YM_LANE_SHARES; i++)
        refuse_share (lane, &lane->waiting[i]);
}

void ym_lane_step (struct ym_lane_state *lane, int64_t mono_ms)
{
    if (!lane->busy && lane->up)
        recovery_goes_on (lane);
    refuse_held (lane, mono_ms);
    if (lane->busy || !lane->up)
        return;
    while (!lane->busy &&
           (lane->first.count > 0 || (!lane->recovering && lane->waiting_count > 0))) {
        gather (lane);
        if (lane->turn_count > 0)
            run_turn (lane);
        else
            ym_quarantine_ends (lane->yard, lane->lane);
    }
    if (!lane->busy)
        recovery_goes_on (lane);
}

static void drop_first (struct ym_lane_state *lane)
{
    struct ym_item *item;

    while ((item = queue_take (&lane->first)))
        if (lane->recovering && !item->asked)
            ym_item_free (item);
        else
            wait_in_line (lane, item);
}

static void on_up (void *arg)
{
    struct ym_lane_state *lane = arg;
    struct ym_yard *yard = lane->yard;

    lane->up = true;
    lane->recovering = true;
    ym_log (YM_LOG_INFO, "database_up", ym_log_number ("lane", lane->lane));
    if (lane->lane == YM_LANE_WRITE)
        ym_keys_claim (yard);
}

static void on_down (void *arg, const char *why)
{
    struct ym_lane_state *lane = arg;

    ym_log (YM_LOG_WARNING, "database_down", ym_log_number ("lane", lane->lane),
            ym_log_text ("why", why));
    if (is_serving (lane))
        lane->away_since_ms = ym_time_mono_ms ();
    lane->up = false;
    drop_first (lane);
    lane->recovering = false;
    ym_yard_is_ready (lane->yard);
}

void ym_lane_open (struct ym_yard *yard, enum ym_lane which)
{
    struct ym_lane_state *lane = &yard->lanes[which];

    lane->yard = yard;
    lane->lane = which;
    for (unsigned i = 0; i < YM_LANE_SHARES; i++)
        queue_init (&lane->waiting[i]);
    queue_init (&lane->first);
    lane->turn_room = yard->turn_max;
    lane->turn = ym_new_array (lane->turn_room, sizeof *lane->turn);
    lane->now = (struct ym_turn){.yard = yard, .lane = which, .arena = ym_arena_new (1 << 20)};
    lane->away_since_ms = ym_time_mono_ms ();
    lane->store = ym_store_open (&(struct ym_store_options){
        .conninfo = ym_handover_text (yard->handover, "conninfo"),
        .user = ym_handover_text (yard->handover, "role"),
        .application = ym_handover_text (yard->handover, "name"),
        .connect_ms = (unsigned)ym_handover_number (yard->handover, "connect_ms"),
        .statement_ms = (unsigned)ym_handover_number (yard->handover, "statement_ms"),
        .arg = lane,
        .up = on_up,
        .down = on_down});
}

void ym_lane_close (struct ym_lane_state *lane)
{
    struct ym_item *item;

    ym_store_close (lane->store);
    while ((item = queue_take (&lane->first)) || (item = take_in_line (lane)))
        give_up (lane->yard, item,
                 item->in_doubt ? YM_REFUSAL_BACKEND_UNAVAILABLE : YM_REFUSAL_STOPPING);
    /* It may be committed yet. */
    for (size_t i = 0; i < lane->turn_count; i++)
        give_up (lane->yard, lane->turn[i], YM_REFUSAL_BACKEND_UNAVAILABLE);
    free (lane->turn);
    ym_arena_free (lane->now.arena);
}

unsigned ym_turn_call (struct ym_turn *t, const struct ym_statement *statement)
{
    ym_store_call (t->batch, statement);
    return t->calls++;
}

const struct ym_rows *ym_turn_rows (const struct ym_turn *t, unsigned call)
{
    return ym_batch_rows (t->batch, call);
}

/* agents.c - agents come, beat, go silent and leave; the ticker counts.
 *
 * An agent is the identity of its keys: one that replaces another speaks for the same agent. A
 * session is one run of its program. Leases end in ticks of the
 * database, never in wall time: nothing expires because this process, or the database, was
 * away.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "actors/assignment/assignment.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/time.h"

struct move {
    int64_t agent, session;
    int16_t event;
};

static const char *event_word (int event)
{
    return event == YM_AGENT_ON_LEAVE ? "left" : "lost";
}

/* Also one that counts as lost: it may only have been slow, and has to stop what it does. */
void tell_agent (struct assignment *a, const struct agent *to, unsigned number, const void *msg)
{
    if (to->to.at_door) /* it spoke since we started */
        ym_bus_answer (ym_yard_bus (a->yard), &to->to, number, msg);
}

static void heard_of (struct assignment *a, struct agent *agent, const struct ym_item *item)
{
    if (!agent->reachable || a->tick - agent->heard_tick > 1)
        a->look = true; /* it may be given work again */
    agent->heard_tick = a->tick;
    agent->heard_ms = ym_time_wall_ms ();
    agent->heard = true;
    agent->reachable = true;
    agent->to = item->from;
    agent->to.ask = 0;
}

static struct agent *in_session (struct assignment *a, const struct ym_item *item,
                                 uint64_t session)
{
    struct agent *agent = roster_agent (&a->roster, item->key.identity);

    if (!agent || agent->state != YM_AGENT_CONNECTED || agent->moving ||
        (uint64_t)agent->session != session)
        return NULL;
    return agent;
}

/* Registering. */

static void answer_registered (struct assignment *a, struct ym_item *item,
                               const struct agent *agent, const struct ym_held *lost,
                               uint32_t lost_count)
{
    ym_answer (
        a->yard, item, YM_MSG_agent_registered,
        &(struct ym_agent_registered){.session = (uint64_t)agent->session,
                                      .heartbeat_ms = (uint64_t)a->heartbeat_ms,
                                      .lease_ms = (uint64_t)(a->lease_ticks * a->tick_ms),
                                      .lost = {lost, lost_count}});
}

/* A session that comes back: what it holds and the yard does not know as its own is lost. */
static void come_back (struct assignment *a, struct ym_item *item, struct agent *agent)
{
    const struct ym_agent_register *m = item->body;
    _free_ struct ym_held *lost = ym_new_array (m->held.count + 1, sizeof *lost);
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->held.count; i++) {
        const struct attempt *t = roster_attempt (&a->roster, m->held.at[i].job);
        if (!t || t->agent != agent || (uint64_t)t->fence != m->held.at[i].fence)
            lost[count++] = m->held.at[i];
    }
    heard_of (a, agent, item);
    answer_registered (a, item, agent, lost, count);
}

void on_register (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_agent_register *m = item->body;
    struct agent *agent;

    if (m->session == 0)
        ym_put_again (a->yard, item, &register_work);
    else if (!ym_yard_has_database (a->yard))
        ym_refuse (a->yard, item, YM_REFUSAL_BACKEND_UNAVAILABLE);
    else if ((agent = in_session (a, item, m->session)))
        come_back (a, item, agent);
    else
        ym_refuse (a->yard, item, YM_REFUSAL_NOT_REGISTERED);
}

static void plan_register (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;

    for (size_t i = 0; i < count; i++)
        items[i]->call =
            store_call_register (t, a->tick, items[i]->key.identity, items[i]->body);
}

static void take_over (struct assignment *a, struct ym_turn *t, struct ym_item *item)
{
    const struct ym_agent_register *m = item->body;
    struct agent *agent = roster_add_agent (&a->roster, item->key.identity, item->key.name);
    bool fresh;
    int64_t session = store_got_session (t, item->call, &fresh);

    if (session != agent->session)
        agent_lose_attempts (a, agent);
    agent->session = session;
    agent->state = YM_AGENT_CONNECTED;
    agent->moving = false;
    agent->slots = (uint32_t)m->slots;
    memcpy (agent->request, m->request, sizeof agent->request);
    if (fresh)
        agent->state_at = t->now_ms;
    roster_describe_agent (&a->roster, agent, m->region, m->pool, &m->capabilities);
    policy_fit_agent (a, agent);
    heard_of (a, agent, item);
    a->look = true;
    ym_log (YM_LOG_INFO, "agent_registered", ym_log_text ("agent", agent->name),
            ym_log_number ("session", session), ym_log_text ("region", agent->region),
            ym_log_text ("pool", agent->pool), ym_log_number ("slots", agent->slots));
    answer_registered (a, item, agent, NULL, 0);
}

static void done_register (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        take_over (me, t, items[i]);
}

const struct ym_work register_work = {
    .name = "register", .most = 16, .plan = plan_register, .done = done_register};

/* Beats. */

void on_beat (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct ym_agent_beat *m = item->body;
    struct agent *agent = in_session (a, item, m->session);

    if (!agent) {
        ym_refuse (a->yard, item,
                   ym_yard_has_database (a->yard) ? YM_REFUSAL_NOT_REGISTERED
                                                  : YM_REFUSAL_BACKEND_UNAVAILABLE);
        return;
    }
    heard_of (a, agent, item);
    ym_answer (a->yard, item, YM_MSG_agent_beaten,
               &(struct ym_agent_beaten){.session = m->session});
}

/* Leaving and being lost. */

static void put_move (struct assignment *a, struct agent *agent, int16_t event)
{
    struct move *m = ym_new (sizeof *m);

    *m = (struct move){agent->id, agent->session, event};
    agent->moving = true;
    ym_put (a->yard, &move_work, m);
    agent_lose_attempts (a, agent);
}

static void plan_move (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    int64_t *agents = ym_arena_take (t->arena, 2 * count * sizeof *agents);
    int16_t *events = ym_arena_take (t->arena, count * sizeof *events);

    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct move *m = items[i]->body;
        agents[i] = m->agent;
        agents[count + i] = m->session;
        events[i] = m->event;
    }
    items[0]->call = store_call_move (t, agents, agents + count, events, count);
}

static void gone (struct agent *agent, int event, int64_t now_ms)
{
    agent->reachable = false;
    agent->state = event == YM_AGENT_ON_LEAVE ? YM_AGENT_LEFT : YM_AGENT_LOST;
    agent->state_at = now_ms;
    ym_log (YM_LOG_INFO, "agent_gone", ym_log_text ("agent", agent->name),
            ym_log_text ("why", event_word (event)));
}

/* What the table did counts, whatever became of the memory meanwhile. */
static bool was_moved (const struct ym_turn *t, unsigned call, int64_t agent)
{
    for (size_t i = 0; i < store_rows (t, call); i++)
        if (store_got_moved (t, call, i) == agent)
            return true;
    return false;
}

static void done_move (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;

    for (size_t i = 0; i < count; i++) {
        const struct move *m = items[i]->body;
        struct agent *agent = roster_agent (&a->roster, m->agent);
        if (!agent || agent->session != m->session)
            continue;
        agent->moving = false;
        if (was_moved (t, items[0]->call, m->agent))
            gone (agent, m->event, t->now_ms);
    }
}

static void failed_move (void *me, struct ym_item *item)
{
    struct assignment *a = me;
    const struct move *m = item->body;
    struct agent *agent = roster_agent (&a->roster, m->agent);

    if (agent)
        agent->moving = false; /* the next tick sees it again */
}

const struct ym_work move_work = {.name = "move",
                                  .forget_unknown = true,
                                  .plan = plan_move,
                                  .done = done_move,
                                  .failed = failed_move};

/* An agent's own goodbye: its attempts are given away once it is committed, after what it
 * reported before. */

void on_leave (void *me, struct ym_item *item)
{
    struct assignment *a = me;

    ym_put_again (a->yard, item, &leave_work);
}

static void plan_leave (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    const int16_t event = YM_AGENT_ON_LEAVE;

    (void)me;
    for (size_t i = 0; i < count; i++) {
        const struct ym_agent_leave *m = items[i]->body;
        int64_t session = (int64_t)m->session;
        items[i]->call = store_call_move (t, &items[i]->key.identity, &session, &event, 1);
    }
}

static void done_leave (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;

    for (size_t i = 0; i < count; i++) {
        const struct ym_agent_leave *m = items[i]->body;
        struct agent *agent = roster_agent (&a->roster, items[i]->key.identity);
        if (agent && was_moved (t, items[i]->call, agent->id)) {
            gone (agent, YM_AGENT_ON_LEAVE, t->now_ms);
            agent_lose_attempts (a, agent);
        }
        ym_answer (a->yard, items[i], YM_MSG_agent_beaten,
                   &(struct ym_agent_beaten){.session = m->session});
    }
}

const struct ym_work leave_work = {
    .name = "leave", .most = 8, .plan = plan_leave, .done = done_leave};

/* The ticker. */

static void plan_tick (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;
    size_t heard = 0, all = a->roster.agent_count;
    int64_t *agents = ym_arena_take (t->arena, (2 * all + 1) * sizeof *agents);
    int64_t *at_ms = agents + all;

    (void)count;
    for (size_t i = 0; i < all; i++) {
        struct agent *agent = a->roster.agents[i];
        if (!agent->heard)
            continue;
        agent->heard = false;
        agents[heard] = agent->id;
        at_ms[heard++] = agent->heard_ms;
    }
    items[0]->call = store_call_tick (t, ym_yard_epoch (a->yard), agents, at_ms, heard);
    (void)store_call_policy_number (t);
}

static void lose_silent_agents (struct assignment *a)
{
    for (size_t i = 0; i < a->roster.agent_count; i++) {
        struct agent *agent = a->roster.agents[i];
        if (agent->state == YM_AGENT_CONNECTED && !agent->moving &&
            a->tick - agent->heard_tick > a->lease_ticks)
            put_move (a, agent, YM_AGENT_ON_LOSE);
    }
}

/* An agent none of whose keys is in force any more cannot report: its work goes to others. One
 * that has another key is waited for. */
void lose_revoked_agents (struct assignment *a)
{
    for (size_t i = 0; i < a->roster.agent_count; i++) {
        struct agent *agent = a->roster.agents[i];
        if (agent->state == YM_AGENT_CONNECTED && !agent->moving &&
            !ym_bus_has_identity (ym_yard_bus (a->yard), agent->id))
            put_move (a, agent, YM_AGENT_ON_LOSE);
    }
}

static void done_tick (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    struct assignment *a = me;

    (void)count;
    a->ticking = false;
    a->tick = store_got_tick (t, items[0]->call);
    a->tick_at_ms = ym_time_mono_ms () + a->tick_ms; /* a slow one makes no lease shorter */
    a->look_for_victims = true;
    policy_is (a, store_got_policy_number (t, items[0]->call + 1));
    if (a->policy.window_count > 0)
        policy_fit_agents (a);
    leasing_tick (a);
    lose_silent_agents (a);
    lose_revoked_agents (a);
    draining_tick (a);
    attempts_tick (a);
}

static void failed_tick (void *me, struct ym_item *item)
{
    struct assignment *a = me;

    (void)item;
    a->ticking = false;
}

const struct ym_work tick_work = {.name = "tick",
                                  .one_at_a_time = true,
                                  .forget_unknown = true,
                                  .plan = plan_tick,
                                  .done = done_tick,
                                  .failed = failed_tick};

void agents_pass (struct assignment *a, int64_t mono_ms)
{
    if (a->ticking || mono_ms < a->tick_at_ms || !ym_yard_has_database (a->yard) ||
        ym_yard_is_stopping (a->yard))
        return;
    a->tick_at_ms = mono_ms + a->tick_ms;
    a->ticking = true;
    ym_put (a->yard, &tick_work, NULL);
}

int agents_wait_ms (const struct assignment *a, int64_t mono_ms)
{
    if (a->ticking || ym_yard_is_stopping (a->yard))
        return -1;
    return a->tick_at_ms > mono_ms          ? (int)(a->tick_at_ms - mono_ms)
           : ym_yard_has_database (a->yard) ? 0
                                            : 100;
}

/* The list for operators. */

static int by_name (const void *x, const void *y)
{
    return strcmp ((*(struct agent *const *)x)->name, (*(struct agent *const *)y)->name);
}

static struct ym_agent_row list_row (const struct agent *agent)
{
    struct ym_agent_row row = {.capabilities = agent->capabilities,
                               .slots = agent->slots,
                               .used = agent->used,
                               .session = (uint64_t)agent->session,
                               .seen_at = agent->heard_ms,
                               .draining = agent->draining};

    if (agent->draining) {
        row.drain_by = agent->drain_by;
        row.drain_reason = ym_str (agent->drain_reason);
    }
    (void)ym_text_copy (row.name, sizeof row.name, agent->name);
    (void)ym_text_copy (row.state, sizeof row.state,
                        ym_life_state_name (&ym_agent_life, agent->state));
    (void)ym_text_copy (row.region, sizeof row.region, agent->region);
    (void)ym_text_copy (row.pool, sizeof row.pool, agent->pool);
    return row;
}

/* One whose key was revoked is history, unless it still holds something. */
static bool is_listed (const struct assignment *a, const struct agent *agent)
{
    return agent->used > 0 || ym_bus_has_identity (ym_yard_bus (a->yard), agent->id);
}

void on_agent_list (void *me, struct ym_item *item)
{
    enum { PAGE = 200 };
    struct assignment *a = me;
    const struct ym_agent_list *m = item->body;
    size_t all = 0;
    _free_ struct agent **sorted =
        ym_new_array (a->roster.agent_count + 1, sizeof (struct agent *));
    _free_ struct ym_agent_row *rows = ym_new_array (PAGE, sizeof *rows);
    struct ym_agent_page page = {.agents = {rows, 0}};

    for (size_t i = 0; i < a->roster.agent_count; i++)
        if (is_listed (a, a->roster.agents[i]))
            sorted[all++] = a->roster.agents[i];
    qsort (sorted, all, sizeof *sorted, by_name);
    for (size_t i = 0; i < all; i++) {
        if (strcmp (sorted[i]->name, m->after) <= 0)
            continue;
        if (page.agents.count == PAGE) {
            page.has |= YM_HAS (agent_page, next);
            (void)ym_text_copy (page.next, sizeof page.next, rows[PAGE - 1].name);
            break;
        }
        rows[page.agents.count++] = list_row (sorted[i]);
    }
    ym_answer (a->yard, item, YM_MSG_agent_page, &page);
}

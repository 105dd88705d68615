/* agent_session.c - registering, beats, and the lease that hangs on them.
 *
 * A lease counts from when the beat that was answered had been sent: the yard heard it later,
 * so we stop before it gives our work to others. A session survives lost connections; a new one
 * holds nothing.
 */
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/refusal.h"
#include "common/base/time.h"

enum {
    HELD_MAX = 1000,
    PAUSE_LEAST_MS = 100,
    PAUSE_MOST_MS = 5000,
    DENIED_MS = 5000,
    LEAVE_MS = 2000,
    REGISTER_DOUBLINGS = 3,
    SILENCE_LEAST_MS = 5000,
};

/* Leases go on while the host sleeps, and the monotonic clock does not. */
static int64_t lease_clock_ms (void)
{
    struct timespec t;

    ym_assert (clock_gettime (CLOCK_BOOTTIME, &t) == 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool session_has_lapsed (const struct agent *a)
{
    return lease_clock_ms () >= a->lease_until_ms;
}

static void new_session (struct agent *a)
{
    atomic_store (&a->session, 0);
    randombytes_buf (a->request, sizeof a->request);
    a->register_ask = 0;
    a->lease_until_ms = INT64_MAX;
    a->beat_due_ms = INT64_MAX;
}

void session_over (struct agent *a, bool gave_up)
{
    attempts_lost (a, gave_up);
    new_session (a);
    a->register_due_ms = 0;
    if (a->session_state == SESSION_HERE)
        a->session_state = SESSION_REGISTERING;
    agent_look_by (a, 0);
}

void session_up (struct agent *a)
{
    if (!a->was_here && a->session == 0 && a->register_tries == 0)
        new_session (a);
    if (a->session != 0)
        a->register_ask = 0; /* what was asked before is answered nowhere */
    a->session_state = SESSION_REGISTERING;
    a->register_due_ms = 0;
    agent_look_by (a, 0);
}

/* --- registering --- */

static uint32_t list_held (struct agent *a, struct ym_held held[HELD_MAX])
{
    struct yard_task *t, *next;
    uint32_t count = 0;

    if (a->session == 0)
        return 0;
    HASH_ITER (hh, a->by_job, t, next)
    if (count < HELD_MAX)
        held[count++] = (struct ym_held){t->job, t->fence};
    return count;
}

static int64_t register_pause (const struct agent *a)
{
    unsigned tries = a->register_tries;

    return (int64_t)REGISTER_AGAIN_MS
           << (tries < REGISTER_DOUBLINGS ? tries : REGISTER_DOUBLINGS);
}

static void send_register (struct agent *a, int64_t now)
{
    struct ym_held held[HELD_MAX];
    struct ym_agent_register m = {.session = a->session,
                                  .capabilities = a->capabilities,
                                  .slots = a->opts->slots,
                                  .held = {held, list_held (a, held)}};

    memcpy (m.request, a->request, sizeof m.request);
    (void)ym_text_copy (m.region, sizeof m.region, a->opts->region);
    (void)ym_text_copy (m.pool, sizeof m.pool, a->opts->pool ? a->opts->pool : "shared");
    /* An answer may be that to any sending, so the lease counts from the first. */
    if (a->register_ask == 0) {
        a->register_ask = agent_ask (a, SESSION_PLACE, 0);
        a->register_sent_ms = lease_clock_ms ();
    }
    a->register_due_ms = now + PAUSE_LEAST_MS;
    if (agent_send (a, YM_MSG_agent_register, a->register_ask, &m))
        a->register_due_ms = now + register_pause (a);
    a->register_tries++;
}

static void begin_session (struct agent *a, int64_t lease_until_ms)
{
    a->session_state = SESSION_HERE;
    a->register_tries = 0;
    a->lease_until_ms = lease_until_ms;
    a->beat_due_ms = ym_time_mono_ms () + a->heartbeat_ms -
                     (lease_clock_ms () - (lease_until_ms - a->lease_ms));
    agent_look_by (a, 0);
    reports_again (a);
}

static void hear_registered (struct agent *a, const struct ym_agent_registered *m)
{
    int64_t lease_until_ms = a->register_sent_ms + (int64_t)m->lease_ms;

    if (a->session_state != SESSION_REGISTERING)
        return;
    a->was_here = true;
    a->register_ask = 0;
    atomic_store (&a->session, m->session);
    a->heartbeat_ms = m->heartbeat_ms > 0 ? (int64_t)m->heartbeat_ms : 1;
    a->lease_ms = (int64_t)m->lease_ms;
    for (uint32_t i = 0; i < m->lost.count; i++)
        attempt_lost (a, m->lost.at[i].job, m->lost.at[i].fence);
    if (lease_clock_ms () < lease_until_ms) {
        begin_session (a, lease_until_ms);
        return;
    }
    /* It took longer than the lease: the session is ours, but nothing may rest on it yet. */
    a->register_due_ms = 0;
    agent_look_by (a, 0);
}

/* --- beats --- */

static void send_beat (struct agent *a, int64_t now)
{
    struct ym_agent_beat m = {.session = a->session};
    unsigned at = a->beat++ % BEATS;

    a->beats[at].ask = agent_ask (a, SESSION_PLACE, 1);
    a->beats[at].sent_ms = lease_clock_ms ();
    a->beat_due_ms = now + a->heartbeat_ms;
    (void)agent_send (a, YM_MSG_agent_beat, a->beats[at].ask, &m);
}

static void hear_beaten (struct agent *a, uint64_t ask)
{
    for (unsigned i = 0; i < BEATS; i++)
        if (a->beats[i].ask == ask && a->beats[i].sent_ms + a->lease_ms > a->lease_until_ms)
            a->lease_until_ms = a->beats[i].sent_ms + a->lease_ms;
    if (ask == a->leave_ask)
        a->left = true;
}

/* --- refusals --- */

static bool is_current (const struct agent *a, uint64_t ask)
{
    if (ask == a->register_ask || ask == a->leave_ask)
        return true;
    for (unsigned i = 0; i < BEATS; i++)
        if (a->beats[i].ask == ask)
            return true;
    return false;
}

/* At the start a refusal for good is for whoever started us. Later somebody may repair it, so
 * we go on asking; what we held is lost. */
static void hear_refused (struct agent *a, uint64_t ask, const struct ym_refused *m)
{
    int wait = pause_ms (a->register_tries, PAUSE_LEAST_MS, PAUSE_MOST_MS);

    if (!is_current (a, ask))
        return;
    if (ask == a->leave_ask) {
        a->left = true;
        return;
    }
    if (m->retryable && ym_refusal_find (m->code) != YM_REFUSAL_NOT_REGISTERED) {
        if ((uint64_t)wait < m->retry_after_ms)
            wait = (int)m->retry_after_ms;
        if (ask == a->register_ask)
            a->register_due_ms = ym_time_mono_ms () + wait;
        agent_look_by (a, a->register_due_ms);
        return;
    }
    session_over (a, false);
    if (m->retryable)
        return;
    if (!a->was_here)
        a->why = error_refused (m);
    a->register_due_ms = ym_time_mono_ms () + DENIED_MS;
}

void session_hear (struct agent *a, const struct ym_header *h, const void *body)
{
    if (h->number == YM_MSG_agent_registered && h->ask == a->register_ask)
        hear_registered (a, body);
    else if (h->number == YM_MSG_agent_beaten)
        hear_beaten (a, h->ask);
    else if (h->number == YM_MSG_refused)
        hear_refused (a, h->ask, body);
}

/* --- time passes --- */

void session_leave (struct agent *a, int64_t now)
{
    struct ym_agent_leave m = {.session = a->session};

    a->leaving = true;
    a->leave_by_ms = now + LEAVE_MS;
    if (a->session_state != SESSION_HERE) {
        a->left = true;
        return;
    }
    a->leave_ask = agent_ask (a, SESSION_PLACE, 2);
    if (!agent_send (a, YM_MSG_agent_leave, a->leave_ask, &m))
        a->left = true;
}

static void renew_if_silent (struct agent *a, int64_t now)
{
    int64_t silence = 2 * a->heartbeat_ms + REGISTER_AGAIN_MS;

    /* Beats are answered at once; a registration may take its time, and ZeroMQ's own heartbeats
     * find out about a dead connection. */
    silence = silence > SILENCE_LEAST_MS ? silence : SILENCE_LEAST_MS;
    if (a->door.up && a->session_state != SESSION_HERE)
        return;

    if (a->door.up && now - a->door.heard_ms < silence) {
        agent_look_by (a, a->door.heard_ms + silence);
        return;
    }
    if (!a->door.up && a->door.socket)
        return; /* the library connects again by itself */
    door_renew (&a->door);
    a->session_state = SESSION_AWAY;
    agent_look_by (a, now + PAUSE_LEAST_MS);
}

void session_send (struct agent *a, int64_t now)
{
    if (session_has_lapsed (a))
        session_over (a, true);
    renew_if_silent (a, now);
    if (a->session_state == SESSION_REGISTERING && now >= a->register_due_ms)
        send_register (a, now);
    if (a->session_state == SESSION_HERE && now >= a->beat_due_ms)
        send_beat (a, now);
    if (a->session_state == SESSION_REGISTERING)
        agent_look_by (a, a->register_due_ms);
    if (a->session_state == SESSION_HERE)
        agent_look_by (a, a->beat_due_ms);
    if (a->lease_until_ms < INT64_MAX)
        agent_look_by (a, now + a->lease_until_ms - lease_clock_ms ());
}

/* Only before the first session: later we go on trying. */
yard_err_t *session_trouble (struct agent *a, int64_t now)
{
    yard_err_t *why = a->why;

    a->why = NULL;
    if (why || a->was_here)
        return why;
    if (a->door.denied && !a->door.up)
        return error_new (YARD_EDENIED, EXIT_DENIED, "denied",
                          "%s: the yard does not let this key in (%s)", a->door.endpoint,
                          a->door.public_text);
    if (now >= a->give_up_ms)
        return error_new (YARD_EUNREACHABLE, EXIT_UNREACHABLE, "unreachable", "%s: %s",
                          a->door.endpoint, door_trouble (&a->door));
    agent_look_by (a, a->give_up_ms);
    return NULL;
}

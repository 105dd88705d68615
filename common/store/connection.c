/* connection.c - the life of the one connection: attempt, set-up, loss, and again.
 *
 * RESTING -> CONNECTING -> SETTING_UP -> IDLE <-> RUNNING; a loss leads from anywhere to
 * RESTING. Callbacks come from ym_store_process alone and after the state has changed, so that
 * the owner sees what is so now. Nothing here waits.
 */
#include "common/store/inside.h"

#include "common/base/log.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { BACKOFF_LEAST_MS = 20, BACKOFF_MOST_MS = 1000 };

/* libpq's texts have several lines; ours have one. */
void ym_store_note_why (struct ym_store *s, const char *text)
{
    size_t used = 0;

    for (; *text && used < sizeof s->why - 1; text++) {
        bool is_space = *text == '\n' || *text == '\t' || *text == ' ';

        if (is_space && (used == 0 || s->why[used - 1] == ' '))
            continue;
        s->why[used++] = is_space ? ' ' : *text;
    }
    while (used > 0 && s->why[used - 1] == ' ')
        used--;
    s->why[used] = '\0';
}

bool ym_store_is_last_word (const PGresult *result)
{
    const char *severity = PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);

    return severity && (strcmp (severity, "FATAL") == 0 || strcmp (severity, "PANIC") == 0);
}

/* The server stopped waiting for the synchronous standby: the commit is here and perhaps
 * nowhere else. It says so in a warning with a general SQLSTATE and a text that may be
 * translated; the place it comes from is neither. */
static bool is_about_standby (const PGresult *notice)
{
    const char *place = PQresultErrorField (notice, PG_DIAG_SOURCE_FUNCTION);

    return place && strcmp (place, "SyncRepWaitForLSN") == 0;
}

static void note_doubt (struct ym_batch *b, const char *sqlstate, const char *text)
{
    b->is_doubtful = true;
    (void)ym_text_copy (b->result.sqlstate, sizeof b->result.sqlstate, sqlstate);
    (void)ym_text_copy (b->result.text, sizeof b->result.text, text);
}

static void on_notice (void *arg, const PGresult *notice)
{
    struct ym_store *s = arg;
    const char *severity = PQresultErrorField (notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField (notice, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField (notice, PG_DIAG_MESSAGE_PRIMARY);

    if (!severity || !sqlstate || !text)
        return;
    if (s->state == YM_STORE_RUNNING && is_about_standby (notice))
        note_doubt (s->current, sqlstate, text);
    if (ym_store_is_last_word (notice))
        ym_store_note_why (s, text);
    ym_log (YM_LOG_DEBUG, "database_notice", ym_log_text ("severity", severity),
            ym_log_text ("sqlstate", sqlstate), ym_log_text ("why", text));
}

static char *own_text (const char *text)
{
    return text ? ym_copy_text (text) : NULL;
}

struct ym_store *ym_store_open (const struct ym_store_options *options)
{
    struct ym_store *s = ym_new (sizeof *s);

    ym_assert (options->conninfo && options->connect_ms > 0 && options->statement_ms > 0);
    s->options = *options;
    s->options.conninfo = own_text (options->conninfo);
    s->options.user = own_text (options->user);
    s->options.application = own_text (options->application);
    s->backoff_ms = BACKOFF_LEAST_MS;
    for (unsigned i = 0; i < 2; i++) {
        s->batch[i] = ym_new (sizeof *s->batch[i]);
        s->batch[i]->store = s;
    }
    ym_store_target_init (s);
    return s;
}

void ym_store_close (struct ym_store *s)
{
    if (!s)
        return;
    ym_assert (s->callbacks == 0);
    PQfinish (s->c);
    ym_store_target_done (s);
    for (unsigned i = 0; i < 2; i++)
        ym_batch_free (s->batch[i]);
    ym_free_at (&s->options.conninfo);
    ym_free_at (&s->options.user);
    ym_free_at (&s->options.application);
    ym_free_at (&s);
}

/* The next host at once, and a rest after each round of all. */
static void rest (struct ym_store *s)
{
    bool was_up = s->state >= YM_STORE_IDLE;

    s->state = YM_STORE_RESTING;
    s->wake_ms = ym_time_mono_ms ();
    if (!was_up) {
        s->host = (s->host + 1) % s->hosts;
        if (++s->hosts_tried < s->hosts)
            return;
    }
    s->hosts_tried = 0;
    s->wake_ms += s->backoff_ms;
    s->backoff_ms = s->backoff_ms * 2 < BACKOFF_MOST_MS ? s->backoff_ms * 2 : BACKOFF_MOST_MS;
}

/* PQfinish on a non-blocking connection does not wait. */
static void drop (struct ym_store *s)
{
    PQfinish (s->c);
    s->c = NULL;
    s->prepared_count = 0;
    s->is_broken = false;
    rest (s);
}

static void say_down (struct ym_store *s)
{
    if (s->has_said_down)
        return;
    s->has_said_down = true;
    s->callbacks++;
    if (s->options.down)
        s->options.down (s->options.arg, s->why);
    s->callbacks--;
}

/* What a batch came to is known only by the answer to its Sync; but if part of it never left,
 * the Sync, its last octets, did not either. */
void ym_store_lost (struct ym_store *s, const char *why)
{
    struct ym_batch *b = s->state == YM_STORE_RUNNING ? s->current : NULL;

    if (why)
        ym_store_note_why (s, why);
    drop (s);
    if (b && !b->result.text[0])
        (void)ym_text_copy (b->result.text, sizeof b->result.text, s->why);
    if (b)
        ym_batch_end (b, b->is_refused   ? YM_ROLLED_BACK
                         : b->is_flushed ? YM_UNKNOWN
                                         : YM_NOT_SENT);
    say_down (s);
}

static void attempt (struct ym_store *s, int64_t mono_ms)
{
    if (s->target)
        s->why[0] = '\0';
    s->c = ym_store_target_connect (s);
    s->state = YM_STORE_CONNECTING;
    s->polling = PGRES_POLLING_WRITING;
    s->deadline_ms = mono_ms + s->options.connect_ms;
    if (!s->c)
        ym_store_lost (s, NULL);
    else if (PQstatus (s->c) == CONNECTION_BAD)
        ym_store_lost (s, PQerrorMessage (s->c));
}

/* A turn's deadline is ours; the server's come before it, because its "no" is certain and our
 * giving up is not, and because a backend whose client is gone must let go of its locks. */
static bool send_settings (struct ym_store *s)
{
    unsigned ms = s->options.statement_ms;
    char statement[16], lock[16], idle[16];
    const char *values[] = {statement, lock, idle};

    (void)snprintf (statement, sizeof statement, "%u", ms - ms / 8);
    (void)snprintf (lock, sizeof lock, "%u", ms / 2);
    (void)snprintf (idle, sizeof idle, "%u", ms);
    return PQsendQueryParams (
               s->c,
               "SELECT pg_catalog.set_config('statement_timeout', $1, false),"
               " pg_catalog.set_config('lock_timeout', $2, false),"
               " pg_catalog.set_config('idle_in_transaction_session_timeout', $3, false),"
               " pg_catalog.set_config('client_connection_check_interval', '2000', false)",
               3, NULL, values, NULL, NULL, 0) &&
           PQpipelineSync (s->c);
}

static void set_up (struct ym_store *s)
{
    (void)PQsetNoticeReceiver (s->c, on_notice, s);
    s->state = YM_STORE_SETTING_UP;
    s->empty_answers = 0;
    if (PQsetnonblocking (s->c, 1) != 0 || !PQenterPipelineMode (s->c) || !send_settings (s))
        ym_store_lost (s, PQerrorMessage (s->c));
}

/* libpq takes a connect that is under way for a finished one if it is asked too early. */
static bool is_ready (const struct ym_store *s)
{
    struct pollfd ready = {.fd = PQsocket (s->c)};

    ready.events = s->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    return poll (&ready, 1, 0) != 0;
}

static void shake_hands (struct ym_store *s)
{
    if (!is_ready (s))
        return;
    s->polling = PQconnectPoll (s->c);
    if (s->polling == PGRES_POLLING_FAILED)
        ym_store_lost (s, PQerrorMessage (s->c));
    else if (s->polling == PGRES_POLLING_OK)
        set_up (s);
}

static void say_up (struct ym_store *s)
{
    s->state = YM_STORE_IDLE;
    s->backoff_ms = BACKOFF_LEAST_MS;
    s->hosts_tried = 0;
    s->has_said_down = false;
    s->why[0] = '\0';
    s->callbacks++;
    if (s->options.up)
        s->options.up (s->options.arg);
    s->callbacks--;
}

static void take_set_up (struct ym_store *s, PGresult *result)
{
    ExecStatusType status = PQresultStatus (result);

    if (status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED)
        ym_store_note_why (s, PQresultErrorMessage (result));
    PQclear (result);
    if (status == PGRES_PIPELINE_SYNC)
        say_up (s);
    else if (status != PGRES_TUPLES_OK)
        ym_store_lost (s, NULL);
}

/* An error without an SQLSTATE was made by libpq: the connection is gone. */
static bool is_from_libpq (const PGresult *result)
{
    return PQresultStatus (result) == PGRES_FATAL_ERROR &&
           !PQresultErrorField (result, PG_DIAG_SQLSTATE);
}

/* A NULL closes the results of one operation; two in a row mean that libpq has nothing more to
 * say although the Sync was not answered. */
static bool take_one (struct ym_store *s)
{
    PGresult *result = PQgetResult (s->c);

    if (!result)
        return ++s->empty_answers < 2;
    s->empty_answers = 0;
    if (is_from_libpq (result)) {
        if (!s->why[0])
            ym_store_note_why (s, PQresultErrorMessage (result));
        PQclear (result);
        return false;
    }
    if (s->state == YM_STORE_SETTING_UP)
        take_set_up (s, result);
    else
        ym_batch_take (s->current, result);
    return true;
}

static bool is_answering (const struct ym_store *s)
{
    return s->state == YM_STORE_SETTING_UP || s->state == YM_STORE_RUNNING;
}

/* What had arrived before the connection broke counts: the Sync may be among it. PQisBusy also
 * reads what an idle server says. */
static void exchange (struct ym_store *s)
{
    PGconn *c = s->c;
    bool is_alive = PQconsumeInput (c) == 1 && !s->is_broken;
    int flushed = is_alive ? PQflush (c) : -1;

    if (s->state == YM_STORE_RUNNING && flushed == 0)
        s->current->is_flushed = true;
    while (s->c == c && !PQisBusy (c) && is_answering (s))
        if (!take_one (s)) {
            is_alive = false;
            break;
        }
    if (s->c == c && (!is_alive || PQstatus (c) == CONNECTION_BAD))
        ym_store_lost (s, s->why[0] ? NULL : PQerrorMessage (c));
}

static bool has_deadline (const struct ym_store *s)
{
    return s->state == YM_STORE_CONNECTING || is_answering (s);
}

void ym_store_process (struct ym_store *s, int64_t mono_ms)
{
    ym_assert (s->callbacks == 0);
    if (s->state == YM_STORE_RESTING) {
        if (mono_ms >= s->wake_ms)
            attempt (s, mono_ms);
        return;
    }
    if (s->state == YM_STORE_CONNECTING)
        shake_hands (s);
    else
        exchange (s);
    if (has_deadline (s) && mono_ms >= s->deadline_ms)
        ym_store_lost (s, s->state == YM_STORE_RUNNING ? "the batch was not answered in time"
                                                       : "the database did not answer in time");
}

int ym_store_fd (const struct ym_store *s, short *ret_want)
{
    *ret_want = 0;
    if (!s->c)
        return -1;
    if (s->state == YM_STORE_CONNECTING)
        *ret_want = s->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    else
        *ret_want = POLLIN;
    if (s->state == YM_STORE_SETTING_UP ||
        (s->state == YM_STORE_RUNNING && !s->current->is_flushed))
        *ret_want |= POLLOUT;
    return PQsocket (s->c);
}

int ym_store_wait_ms (const struct ym_store *s, int64_t mono_ms)
{
    int64_t until_ms = s->state == YM_STORE_RESTING ? s->wake_ms : s->deadline_ms;

    if (s->state == YM_STORE_IDLE)
        return -1;
    return until_ms <= mono_ms ? 0 : (int)(until_ms - mono_ms);
}

bool ym_store_is_up (const struct ym_store *s)
{
    return s->state >= YM_STORE_IDLE;
}

bool ym_store_is_busy (const struct ym_store *s)
{
    return s->current != NULL;
}

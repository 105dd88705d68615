/* batch.c - calls gathered, sent in one pipeline, answered by one Sync.
 *
 * The calls of a batch are one implicit transaction: the server commits when it reads the Sync
 * and rolls back all of it when one of them fails. So nothing is believed before the Sync is
 * answered.
 */
#include "common/store/inside.h"

#include <string.h>

/* 0A000: a cached plan no longer fits the schema; 26000: the statement is gone. Both heal with
 * a new connection. */
static bool is_stale_statement (const char *sqlstate)
{
    return strcmp (sqlstate, "0A000") == 0 || strcmp (sqlstate, "26000") == 0;
}

struct ym_batch *ym_store_begin (struct ym_store *s, void *arg, ym_store_done_f *done)
{
    struct ym_batch *b = s->batch[0]->phase == YM_BATCH_FREE ? s->batch[0] : s->batch[1];

    if (s->current || b->phase != YM_BATCH_FREE)
        ym_panic ("a batch began while another was under way");
    s->current = b;
    b->phase = YM_BATCH_OPEN;
    b->arg = arg;
    b->done = done;
    b->calls = b->params = b->ops = b->answered = 0;
    b->buffer.used = 0;
    b->is_failed = b->is_refused = b->is_doubtful = b->is_flushed = false;
    b->result = (struct ym_result){.outcome = YM_NOT_SENT};
    return b;
}

void ym_store_call (struct ym_batch *b, const struct ym_statement *statement)
{
    ym_assert (b->phase == YM_BATCH_OPEN);
    if (b->calls == YM_STORE_CALLS_MAX)
        ym_panic ("more than %d calls in one batch", YM_STORE_CALLS_MAX);
    b->call[b->calls++] = (struct ym_store_call){.statement = statement, .first = b->params};
}

static bool send_prepare (struct ym_batch *b, unsigned call)
{
    struct ym_store *s = b->store;
    const struct ym_statement *statement = b->call[call].statement;

    if (ym_store_is_prepared (s, statement))
        return true;
    ym_store_remember (s, statement);
    b->op[b->ops++] = (struct ym_store_op){.is_prepare = true, .call = call};
    return PQsendPrepare (s->c, statement->name, statement->text, 0, NULL);
}

static bool send_call (struct ym_batch *b, unsigned call)
{
    static const int binary[YM_STORE_PARAMS_MAX] = {[0 ... YM_STORE_PARAMS_MAX - 1] = 1};
    const struct ym_store_call *c = &b->call[call];
    const char *values[YM_STORE_PARAMS_MAX];
    int sizes[YM_STORE_PARAMS_MAX];

    for (unsigned i = 0; i < c->count; i++) {
        const struct ym_store_param *param = &b->param[c->first + i];

        values[i] = param->size < 0 ? NULL : (const char *)b->buffer.at + param->at;
        sizes[i] = param->size;
    }
    b->op[b->ops++] = (struct ym_store_op){.call = call};
    return PQsendQueryPrepared (b->store->c, c->statement->name, (int)c->count, values, sizes,
                                binary, 1);
}

static bool send_all (struct ym_batch *b)
{
    for (unsigned i = 0; i < b->calls; i++)
        if (!send_prepare (b, i) || !send_call (b, i))
            return false;
    return PQpipelineSync (b->store->c);
}

/* A loss found here is handled by the next ym_store_process: done never comes from a commit
 * that sent something. */
void ym_store_commit (struct ym_batch *b)
{
    struct ym_store *s = b->store;

    ym_assert (b->phase == YM_BATCH_OPEN);
    b->phase = YM_BATCH_SENT;
    b->result.calls = b->calls;
    if (s->state != YM_STORE_IDLE) {
        ym_batch_end (b, YM_NOT_SENT);
        return;
    }
    s->state = YM_STORE_RUNNING;
    s->empty_answers = 0;
    s->why[0] = '\0';
    s->deadline_ms = ym_time_mono_ms () + s->options.statement_ms;
    if (send_all (b)) {
        b->is_flushed = PQflush (s->c) == 0;
    }
    else {
        ym_store_note_why (s, PQerrorMessage (s->c));
        s->is_broken = true;
        s->deadline_ms = 0;
    }
}

static void note_failure (struct ym_batch *b, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField (result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);

    if (b->is_failed)
        return;
    b->is_failed = true;
    (void)ym_text_copy (b->result.sqlstate, sizeof b->result.sqlstate,
                        sqlstate ? sqlstate : "");
    (void)ym_text_copy (b->result.text, sizeof b->result.text, text ? text : "");
    b->result.failed_call = b->answered < b->ops ? b->op[b->answered].call : b->calls;
    if (ym_store_is_last_word (result))
        ym_store_note_why (b->store, b->result.text);
}

static void take_answer (struct ym_batch *b, PGresult *take_result)
{
    const struct ym_store_op *op = &b->op[b->answered++];
    ExecStatusType status = PQresultStatus (take_result);
    bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

    if (is_good && !op->is_prepare) {
        b->rows[op->call].result = take_result;
        return;
    }
    if (!is_good && op->is_prepare)
        ym_store_forget (b->store, b->call[op->call].statement);
    PQclear (take_result);
}

/* Each operation has one result, the aborted ones too; then comes the Sync. A commit that fails
 * (a deferred constraint) puts an error between. */
void ym_batch_take (struct ym_batch *b, PGresult *take_result)
{
    ExecStatusType status = PQresultStatus (take_result);

    if (status == PGRES_FATAL_ERROR)
        note_failure (b, take_result);
    if (status != PGRES_PIPELINE_SYNC && b->answered < b->ops) {
        take_answer (b, take_result);
        return;
    }
    PQclear (take_result);
    if (status != PGRES_PIPELINE_SYNC)
        return;
    ym_assert (b->answered == b->ops);
    b->is_refused = b->is_failed;
    if (is_stale_statement (b->result.sqlstate)) {
        ym_store_lost (b->store, "the prepared statements are older than the schema");
        return;
    }
    if (b->is_doubtful &&
        !b->is_failed) { /* the owner must recover, as after a lost connection */
        ym_store_lost (b->store, "a commit is in doubt: its standby was not waited for");
        return;
    }
    b->store->state = YM_STORE_IDLE;
    ym_batch_end (b, b->is_failed ? YM_ROLLED_BACK : YM_COMMITTED);
}

static void clear_rows (struct ym_batch *b)
{
    for (unsigned i = 0; i < b->calls; i++) {
        PQclear (b->rows[i].result);
        b->rows[i].result = NULL;
    }
}

/* One large batch must not hold its memory for ever. */
static void trim (struct ym_store_buffer *buffer)
{
    if (buffer->room <= YM_STORE_KEEP)
        return;
    ym_free_at (&buffer->at);
    *buffer = (struct ym_store_buffer){.at = NULL};
}

void ym_batch_end (struct ym_batch *b, enum ym_outcome outcome)
{
    struct ym_store *s = b->store;

    s->current = NULL;
    b->phase = YM_BATCH_ENDED;
    b->result.outcome = outcome;
    s->callbacks++;
    b->done (b->arg, b, &b->result);
    s->callbacks--;
    clear_rows (b);
    trim (&b->buffer);
    b->phase = YM_BATCH_FREE;
}

void ym_batch_free (struct ym_batch *b)
{
    clear_rows (b);
    ym_free_at (&b->buffer.at);
    ym_free_at (&b);
}

const struct ym_rows *ym_batch_rows (const struct ym_batch *b, unsigned call)
{
    ym_assert (b->phase == YM_BATCH_ENDED && b->result.outcome == YM_COMMITTED);
    ym_assert (call < b->calls);
    return &b->rows[call];
}

/* agent_task.c - what a handler may ask and say about its attempt; runs in the worker's thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "client/libyard/agent.h"
#include "common/base/panic.h"
#include "common/base/time.h"

enum { RESUME_MAX = 65536, MARK_MAX = 200, ROWS_MAX = 1000, ID_MAX = 128 };

const char *yard_task_job (const yard_task *task)
{
    return task->job_text;
}

const char *yard_task_name (const yard_task *task)
{
    return task->name;
}

const char *yard_task_kind (const yard_task *task)
{
    return task->kind;
}

const char *yard_task_tenant (const yard_task *task)
{
    return task->tenant;
}

const char *yard_task_source (const yard_task *task)
{
    return task->source;
}

const char *yard_task_target (const yard_task *task)
{
    return task->target;
}

const void *yard_task_payload (const yard_task *task, size_t *ret_size)
{
    if (ret_size)
        *ret_size = task->payload_size;
    return task->payload;
}

uint32_t yard_task_attempt (const yard_task *task)
{
    return (uint32_t)task->attempt;
}

uint64_t yard_task_fence (const yard_task *task)
{
    return task->fence;
}

void yard_task_resume (const yard_task *task, yard_checkpoint *ret)
{
    *ret = (yard_checkpoint){.number = task->resume_checkpoint,
                             .resume = task->resume,
                             .resume_size = task->resume_size,
                             .mark = task->mark,
                             .done = task->resume_done,
                             .total = task->resume_total};
}

/* --- asking and waiting --- */

static bool is_fenced (const yard_task *t)
{
    return atomic_load (&t->stop) == YARD_STOP_FENCED;
}

static bool encode_work (yard_task *t, unsigned number, const void *msg)
{
    struct ym_header h = {.number = (uint16_t)number};
    size_t room = ym_wire_room (ym_message_find (number), msg);

    if (room > t->work_room) {
        t->work = ym_grow_array (t->work, room, 1);
        t->work_room = room;
    }
    t->work_size = ym_wire_encode (&h, msg, t->work, t->work_room);
    return t->work_size > 0;
}

/* Hands the ask to the I/O thread and waits; an answer is then in t->answer. Under 'talk'. */
static yard_rc exchange (yard_task *t, unsigned number, const void *msg)
{
    struct agent *a = t->agent;
    yard_rc rc;

    if (!encode_work (t, number, msg))
        return YARD_EINVALID;
    pthread_mutex_lock (&a->lock);
    if (is_fenced (t)) {
        rc = t->gave_up ? YARD_EUNREACHABLE : YARD_EFENCED;
    }
    else {
        t->asking = true;
        DL_APPEND (a->asking, t);
        agent_wake (a);
        while (t->asking)
            pthread_cond_wait (&t->answered, &a->lock);
        rc = t->answer_rc;
    }
    pthread_mutex_unlock (&a->lock);
    return rc;
}

yard_rc task_talk (yard_task *t, unsigned number, const void *msg)
{
    yard_rc rc;

    pthread_mutex_lock (&t->talk);
    rc = exchange (t, number, msg);
    pthread_mutex_unlock (&t->talk);
    return rc;
}

static void count_up (yard_task *t, uint64_t done, uint64_t total)
{
    pthread_mutex_lock (&t->agent->lock);
    t->done = done;
    t->total = total;
    pthread_mutex_unlock (&t->agent->lock);
}

yard_rc yard_task_checkpoint (yard_task *task, const void *resume, size_t size,
                              const char *mark, uint64_t done, uint64_t total,
                              const yard_mapping *mappings, size_t count)
{
    struct ym_attempt_checkpoint m = {.session = task->agent->session,
                                      .job = task->job,
                                      .fence = task->fence,
                                      .resume = ym_bytes (resume, size),
                                      .mark = ym_str (mark),
                                      .done = done,
                                      .total = total};
    _free_ struct ym_mapping *rows = NULL;
    yard_rc rc;

    if (size > RESUME_MAX || (mark && strlen (mark) > MARK_MAX) || count > ROWS_MAX)
        return YARD_EINVALID;
    rows = ym_new_array (count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct ym_mapping){ym_str (mappings[i].source), ym_str (mappings[i].target)};
    m.mappings.at = rows;
    m.mappings.count = (uint32_t)count;
    pthread_mutex_lock (&task->talk);
    m.checkpoint = task->checkpoint + 1;
    rc = exchange (task, YM_MSG_attempt_checkpoint, &m);
    if (rc == YARD_OK)
        task->checkpoint++;
    pthread_mutex_unlock (&task->talk);
    if (rc == YARD_OK)
        count_up (task, done, total);
    return rc;
}

/* --- lookups --- */

struct wanted {
    const char *source;
    size_t place;
};

static int by_source (const void *x, const void *y)
{
    return strcmp (((const struct wanted *)x)->source, ((const struct wanted *)y)->source);
}

static char *copy_str (struct ym_str s)
{
    char *copy = ym_new ((size_t)s.size + 1);

    if (s.size > 0)
        memcpy (copy, s.at, s.size);
    return copy;
}

/* The same source may have been asked for twice: each place gets a copy of its own. */
static void fill_targets (const struct ym_attempt_mappings *m, const struct wanted *sorted,
                          size_t count, char **ret_targets)
{
    for (uint32_t i = 0; i < m->mappings.count; i++) {
        _free_ char *source = copy_str (m->mappings.at[i].source);
        struct wanted key = {.source = source};
        const struct wanted *w = bsearch (&key, sorted, count, sizeof *sorted, by_source);

        while (w && w > sorted && strcmp (w[-1].source, source) == 0)
            w--;
        for (; w && w < sorted + count && strcmp (w->source, source) == 0; w++)
            if (!ret_targets[w->place])
                ret_targets[w->place] = copy_str (m->mappings.at[i].target);
    }
}

static yard_rc read_targets (yard_task *t, const char *const *sources, size_t count,
                             char **ret_targets)
{
    const struct ym_message *m = ym_message_find (YM_MSG_attempt_mappings);
    struct ym_arena *arena = ym_arena_new (65536);
    _free_ struct wanted *sorted = ym_new_array (count + 1, sizeof *sorted);
    struct ym_attempt_mappings found;
    struct ym_faults faults;
    bool is_good = ym_wire_decode (m, zmq_msg_data (&t->answer), zmq_msg_size (&t->answer),
                                   arena, &found, &faults);

    for (size_t i = 0; i < count; i++) {
        ret_targets[i] = NULL;
        sorted[i] = (struct wanted){sources[i], i};
    }
    qsort (sorted, count, sizeof *sorted, by_source);
    if (is_good)
        fill_targets (&found, sorted, count, ret_targets);
    ym_arena_free (arena);
    return is_good ? YARD_OK : YARD_EVERSION;
}

yard_rc yard_task_lookup (yard_task *task, const char *const *sources, size_t count,
                          char **ret_targets)
{
    struct ym_attempt_lookup m = {
        .session = task->agent->session, .job = task->job, .fence = task->fence};
    _free_ struct ym_source_id *rows = NULL;
    yard_rc rc;

    if (count > ROWS_MAX)
        return YARD_EINVALID;
    rows = ym_new_array (count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i].source = ym_str (sources[i]);
    m.sources.at = rows;
    m.sources.count = (uint32_t)count;
    pthread_mutex_lock (&task->talk);
    rc = exchange (task, YM_MSG_attempt_lookup, &m);
    if (rc == YARD_OK)
        rc = read_targets (task, sources, count, ret_targets);
    pthread_mutex_unlock (&task->talk);
    return rc;
}

/* --- saying and being told --- */

void yard_task_progress (yard_task *task, uint64_t done, uint64_t total)
{
    struct agent *a = task->agent;

    pthread_mutex_lock (&a->lock);
    task->done = done < INT64_MAX ? done : INT64_MAX;
    task->total = total < INT64_MAX ? total : INT64_MAX;
    if (!task->progressed && !is_fenced (task)) {
        task->progressed = true;
        DL_APPEND2 (a->progressed, task, progress_prev, progress_next);
        agent_wake (a);
    }
    pthread_mutex_unlock (&a->lock);
}

yard_stop yard_task_should_stop (const yard_task *task)
{
    return (yard_stop)atomic_load (&task->stop);
}

yard_stop yard_task_stop_by (const yard_task *task, int64_t *ret_left_ms)
{
    int64_t by = atomic_load (&task->stop_by_ms), left = by - ym_time_mono_ms ();

    if (ret_left_ms)
        *ret_left_ms = by == 0 ? -1 : left > 0 ? left : 0;
    return yard_task_should_stop (task);
}

int yard_task_stop_fd (const yard_task *task)
{
    /* The descriptor is made when it is first asked for; to the handler that is no change. */
    yard_task *t = (yard_task *)(uintptr_t)task;

    pthread_mutex_lock (&t->agent->lock);
    if (t->stop_fd < 0)
        t->stop_fd = eventfd (atomic_load (&t->stop) != YARD_GO_ON, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_unlock (&t->agent->lock);
    return t->stop_fd;
}

void yard_task_result (yard_task *task, const char *format, ...)
{
    char text[2048];
    va_list args;

    struct act *act = worker_act;

    va_start (args, format);
    (void)vsnprintf (text, sizeof text, format, args);
    va_end (args);
    if (!act || act->task != task)
        act = &task->act[MAIN];
    pthread_mutex_lock (&task->agent->lock);
    (void)ym_text_copy (act->result, sizeof act->result, text);
    if (!ym_text_is_clean (act->result, strlen (act->result)))
        (void)ym_text_copy (act->result, sizeof act->result,
                            "(the handler's sentence was no UTF-8)");
    pthread_mutex_unlock (&task->agent->lock);
}

/* --- after YARD_WORKING --- */

/* The handler may still be about to return. */
static void say (struct act *act, unsigned signal, yard_step step)
{
    if (act->signal != signal)
        return;
    if (act->state == ACT_ASYNC) {
        act->state = ACT_ANSWERED;
        act->step = step;
        agent_post (act->task);
    }
    else if (act->state == ACT_RUNNING) {
        act->has_said = true;
        act->step = step;
    }
}

static void say_main (yard_task *t, unsigned signal, yard_step step)
{
    struct agent *a = t->agent;

    pthread_mutex_lock (&a->lock);
    say (&t->act[MAIN], signal, step);
    pthread_mutex_unlock (&a->lock);
}

void yard_task_prepared (yard_task *task)
{
    say_main (task, YM_PREPARE, YARD_DONE);
}

void yard_task_deprovisioned (yard_task *task)
{
    yard_rc rc = resources_clear (task);

    say_main (task, YM_DEPROVISION, rc == YARD_OK ? YARD_DONE : YARD_RETRY);
}

void yard_task_started (yard_task *task)
{
    pthread_mutex_lock (&task->agent->lock);
    task->has_begun = true;
    agent_post (task);
    pthread_mutex_unlock (&task->agent->lock);
}

void yard_task_complete (yard_task *task, yard_step step)
{
    struct agent *a = task->agent;
    struct act *side = &task->act[SIDE];

    pthread_mutex_lock (&a->lock);
    say (&task->act[MAIN], YM_START, step == YARD_WORKING ? YARD_RETRY : step);
    task->has_completed |= task->act[MAIN].signal == YM_START;
    if (side->state == ACT_ASYNC)
        say (side, side->signal, YARD_DONE);
    pthread_mutex_unlock (&a->lock);
}

/* Also where the handler had nothing to say about it, and what runs was stopped. */
static void say_stopped (yard_task *t, unsigned signal)
{
    struct agent *a = t->agent;

    pthread_mutex_lock (&a->lock);
    say (&t->act[SIDE], signal, YARD_DONE);
    worker_stopped (t);
    pthread_mutex_unlock (&a->lock);
}

void yard_task_suspended (yard_task *task)
{
    say_stopped (task, YM_STOP);
}

void yard_task_terminated (yard_task *task)
{
    say_stopped (task, YM_END);
}

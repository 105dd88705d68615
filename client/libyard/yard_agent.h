/* yard_agent.h - write an agent: a program that runs attempts of jobs.
 *
 * The library keeps the connection, registers, sends heartbeats from a thread of its own and
 * calls your handlers in worker threads, so a handler may block. At most 'slots' attempts are
 * worked at at once. Everything that is reported carries the attempt's fencing number; when the
 * lease is over every report returns YARD_EFENCED and yard_task_should_stop says so.
 *
 * The easy way: one handler, 'start', that runs the attempt to its end, stores checkpoints, and
 * returns YARD_STOPPED soon after yard_task_should_stop says so. All signals are then answered
 * for it.
 *
 * Signals: a handler that returns within 50 ms answers the signal, and that is all the yard
 * hears. One that takes longer, or returns YARD_WORKING, makes the library say "working on it";
 * the result follows when the handler returns, or after YARD_WORKING when yard_task_prepared
 * and so on is called.
 *
 * Threads: yard_agent_run is called once, from one thread. prepare, start and deprovision of a
 * task are called one after the other; suspend and terminate may be called in another thread
 * while one of these runs. Everything about a task may be called from any thread while the
 * task lives.
 *
 * Life of a task: until every handler called with it has returned and, for each one that
 * returned YARD_WORKING, the call that ends this was made: yard_task_prepared,
 * yard_task_complete, yard_task_deprovisioned, yard_task_suspended or yard_task_terminated;
 * also of a task that was fenced meanwhile. suspend and terminate end 'start' too: once one of
 * them has returned YARD_DONE, or yard_task_suspended or yard_task_terminated was called, a
 * start that had returned YARD_WORKING is over, and nothing may touch the task. A start that
 * blocks still has to return; if it returns YARD_WORKING only then, that is its end. In the
 * same way yard_task_complete ends a suspend or terminate that returned YARD_WORKING, or
 * returns it afterwards. yard_agent_run returns when no task lives.
 */
#ifndef YARD_AGENT_H
#define YARD_AGENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yard.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yard_task yard_task;

/* What a handler ends with. */
typedef enum {
    YARD_DONE,    /* start: the attempt completed; the others: it is done */
    YARD_RETRY,   /* it failed, and may succeed when it is tried again */
    YARD_FAIL,    /* it failed for good */
    YARD_STOPPED, /* it ended because yard_task_should_stop said so */
    YARD_WORKING, /* it goes on by itself, and a call tells how it ended */
} yard_step;

typedef struct {
    size_t size;      /* sizeof (yard_handler) */
    const char *kind; /* "git-move"; also offered as a capability */
    yard_step (*start) (yard_task *task, void *user);
    void *user;

    /* Each of these may be NULL. What fails is told, and the signal comes again; the handler is
     * then called again. */

    /* Makes what the attempt needs. Called again for each attempt: yard_task_resources says
     * what is there already. */
    yard_step (*prepare) (yard_task *task, void *user);
    /* Stop the attempt, with a checkpoint, or for good; yard_task_should_stop and
     * yard_task_stop_by say why and until when, to start too. After YARD_RETRY and YARD_FAIL
     * they take it back, and the attempt goes on. */
    yard_step (*suspend) (yard_task *task, void *user);
    yard_step (*terminate) (yard_task *task, void *user);
    /* Removes what yard_task_resources lists, also what was only begun, whoever made it; it
     * may be gone already. Called when the job ends for good (completed, failed or
     * terminated) while anything is left, before the end is reported, or in an attempt of its
     * own if the agent that made it was lost. yard_task_should_stop does not concern it unless
     * it says YARD_STOP_FENCED. */
    yard_step (*deprovision) (yard_task *task, void *user);
    /* start calls yard_task_started when the attempt really runs; else it runs as soon as start
     * was called. */
    bool says_started;
} yard_handler;

typedef struct {
    size_t size;               /* sizeof (yard_agent_opts) */
    yard_opts conn;            /* the agents' door and this agent's certificate; timeout_ms: how
                       long to try at the start, 0: 30,000 */
    const char *region, *pool; /* pool NULL: "shared" */
    const char *const
        *capabilities; /* ends with NULL; may be NULL; the handlers' kinds are added */
    unsigned slots;    /* 1 .. 1000, as many as a registration lists as held */
    int stop_fd;       /* readable = drain and return; -1: SIGTERM and SIGINT do that */
} yard_agent_opts;

/* Runs until told to stop: then no new attempts are taken, running handlers are told to stop
 * (YARD_STOP_DRAIN), their attempts are left to others at once, and it returns. 0, or an exit
 * status: 69 the yard cannot be reached for 30 s at the start, 6 not allowed, 78 bad options;
 * with 'reterr' set to an error to free. */
int yard_agent_run (const yard_agent_opts *opts, const yard_handler *handlers, size_t count,
                    yard_err_t **reterr);

/* The attempt. Text is valid as long as the task. */
const char *yard_task_job (const yard_task *task); /* "job_..." */
const char *yard_task_name (const yard_task *task);
const char *yard_task_kind (const yard_task *task);
const char *yard_task_tenant (const yard_task *task);
const char *
yard_task_source (const yard_task *task); /* opaque addresses, as submitted, or as */
const char *
yard_task_target (const yard_task *task); /* the last attempt that moved them said */
const void *yard_task_payload (const yard_task *task, size_t *ret_size);
uint32_t yard_task_attempt (const yard_task *task); /* from 1 */
uint64_t
yard_task_fence (const yard_task *task); /* fencing number, for targets that check it */

/* Where to go on: the last acknowledged checkpoint of any earlier attempt. number 0: from the
 * beginning. Any pointer may be NULL. */
typedef struct {
    uint64_t number;
    const void *resume;
    size_t resume_size;
    const char *mark;
    uint64_t done, total;
} yard_checkpoint;
void yard_task_resume (const yard_task *task, yard_checkpoint *ret);

typedef struct {
    const char *source, *target;
} yard_mapping; /* at most 128 octets each */

/* Stores a resume point (<= 64 KiB) with the mappings made since the last one (<= 1000), all or
 * nothing. Returns when it is durable: YARD_OK, YARD_EFENCED, or YARD_EUNREACHABLE when the
 * lease ran out while the yard could not be reached. Numbers itself. Retries by itself. */
yard_rc yard_task_checkpoint (yard_task *task, const void *resume, size_t size,
                              const char *mark, uint64_t done, uint64_t total,
                              const yard_mapping *mappings, size_t count);

/* Which of these source ids (<= 1000) did an earlier attempt map? For each, 'ret_targets[i]' is
 * the target id, to free with free (), or NULL. */
yard_rc yard_task_lookup (yard_task *task, const char *const *sources, size_t count,
                          char **ret_targets);

/* Counters; cheap, coalesced, never blocks. total 0: not known. */
void yard_task_progress (yard_task *task, uint64_t done, uint64_t total);

/* --- what the job makes at its source or target, beside what it moves --- */

/* A job with anything on this list does not end before it is removed, whatever happens to its
 * agents. So: say _provisioning before you make something, _provisioned when it exists, and
 * _removed when it is gone, or is to stay because it belongs to the job's owner from now on.
 * Each returns when that is durable, as yard_task_checkpoint does. 'name' (1 to 40 of a-z 0-9 .
 * _ -) is unique in the job, 'address' at most 200 octets, or NULL to keep what was said
 * before; at most YARD_RESOURCES_MAX. YARD_EVERSION: this yard is of a version that keeps no
 * such list. */
enum { YARD_RESOURCES_MAX = 32 };
yard_rc yard_task_provisioning (yard_task *task, const char *name, const char *address);
yard_rc yard_task_provisioned (yard_task *task, const char *name, const char *address);
yard_rc yard_task_removed (yard_task *task, const char *name);

typedef struct {
    char name[41], address[201];
    bool is_provisioned; /* false: it was begun, and may exist */
} yard_resource;
/* What this attempt and earlier ones made and did not remove: writes at most 'room', returns
 * how many there are. */
size_t yard_task_resources (const yard_task *task, yard_resource *ret, size_t room);

/* The source or the target is somewhere else from now on; NULL: it stays. To be called by
 * prepare, or before yard_task_started: the yard learns it when the attempt is prepared or
 * started, and YARD_ECONFLICT says that it was told already. Both at most 1024 octets. */
yard_rc yard_task_moved (yard_task *task, const char *source, const char *target);

/* --- being told to stop --- */

typedef enum {
    YARD_GO_ON,
    YARD_STOP_TERMINATED, /* for good */
    YARD_STOP_FENCED,     /* the attempt is another's: report nothing, change nothing */
    YARD_STOP_DRAIN,      /* this agent goes */
    YARD_STOP_SUSPENDED,  /* until somebody resumes it */
    YARD_STOP_PREEMPTED,  /* a more urgent job needs the slot; it will come back */
} yard_stop;
yard_stop yard_task_should_stop (const yard_task *task);
int yard_task_stop_fd (const yard_task *task); /* readable once should_stop is not YARD_GO_ON */
/* As should_stop; and in how many ms the attempt is given to others if it has not stopped by
 * then, below 0: there is no such limit. */
yard_stop yard_task_stop_by (const yard_task *task, int64_t *ret_left_ms);

/* --- after YARD_WORKING --- */

void yard_task_prepared (yard_task *task);
void yard_task_started (yard_task *task);
void yard_task_suspended (yard_task *task);
void yard_task_terminated (yard_task *task);
void yard_task_deprovisioned (yard_task *task);
void yard_task_complete (yard_task *task, yard_step step); /* how start ended */

/* One sentence for the job's owner, sent with the end of the attempt or with what went wrong in
 * the handler that calls it (<= 1024 octets). */
void yard_task_result (yard_task *task, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif

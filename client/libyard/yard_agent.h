/* yard_agent.h - write an agent: a program that runs attempts of jobs.
 *
 * The library keeps the connection, registers, sends heartbeats from a thread of its own and
 * calls your handler in a worker thread for each attempt, so a handler may block. At most
 * 'slots' handlers run at once. Everything a handler reports carries the attempt's fencing
 * number; when the lease is over every report returns YARD_EFENCED and yard_task_should_stop
 * says so.
 *
 * Threads: yard_agent_run is called once, from one thread. A yard_task belongs to the worker
 * thread that runs its handler and is valid until the handler returns.
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
    YARD_DONE,    /* the attempt completed */
    YARD_RETRY,   /* it failed, another attempt may succeed */
    YARD_FAIL,    /* it failed for good */
    YARD_STOPPED, /* it ended because yard_task_should_stop said so */
} yard_step;

typedef struct {
    size_t size;      /* sizeof (yard_handler) */
    const char *kind; /* "git-move"; also offered as a capability */
    yard_step (*start) (yard_task *task, void *user);
    void *user;
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
const char *yard_task_source (const yard_task *task); /* opaque addresses, as submitted */
const char *yard_task_target (const yard_task *task);
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

typedef enum { YARD_GO_ON, YARD_STOP_TERMINATED, YARD_STOP_FENCED, YARD_STOP_DRAIN } yard_stop;
yard_stop yard_task_should_stop (const yard_task *task);
int yard_task_stop_fd (const yard_task *task); /* readable once should_stop is not YARD_GO_ON */

/* One sentence for the job's owner, sent with the end of the attempt (<= 1024 octets). */
void yard_task_result (yard_task *task, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif

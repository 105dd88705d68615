/* yard.h - ask a yard for jobs, watch them, and administer it.
 *
 * Threads: a yard_t belongs to one thread at a time; use one per thread. There is no global
 * state.
 *
 * Time: every call ends within the timeout_ms of its yard_t (yard_job_wait, yard_process:
 * within their own). Until then it reconnects by itself, asks again what stayed without an
 * answer, and waits out refusals that are for now only (busy, stopping, the database is away),
 * with jittered pauses. Asking again is safe: reads change nothing, and what changes something
 * carries a request id or has the same effect twice.
 *
 * Errors: a call returns YARD_OK or what went wrong in general. With 'reterr' (may be NULL) it
 * then also gives an error with a sentence, to be freed with yard_err_free. Without a failure
 * 'reterr' is untouched, with one the other outputs are.
 *
 * Ownership: a result is one block that belongs to the caller: free it, with all the text in
 * it, with yard_free. Text is UTF-8, ends with NUL, and is never NULL unless said here. Results
 * may grow at their end in later versions, so never copy one by value; lists hold pointers to
 * their rows. Structs that go in begin with 'size': set it to sizeof of the struct and
 * everything unused to zero.
 *
 * Units: names that end in _ms are milliseconds; _at_ms since 1970-01-01 UTC. Sizes are octets.
 * A job is named by "job_" and 13 characters, or by these 13 alone. Tiers, states, roles and
 * codes are words, listed in the reference (docs/reference).
 *
 * Memory that cannot be had ends the process.
 */
#ifndef YARD_H
#define YARD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yard yard_t;
typedef struct yard_err yard_err_t;

typedef enum {
    YARD_OK = 0,
    YARD_ETIMEOUT,     /* waited long enough; the yard is well */
    YARD_EUNREACHABLE, /* no answer, or the yard cannot work now; the outcome may be unknown:
                          ask again with the same key */
    YARD_EDENIED,      /* this key may not do that, or may not even connect */
    YARD_ENOTFOUND,    /* no such job or key */
    YARD_ECONFLICT,    /* not possible as things are now */
    YARD_EINVALID,     /* what was asked breaks a rule; the error lists every fault */
    YARD_EBUSY,        /* too much is going on; try again later */
    YARD_EVERSION,     /* the yard speaks another version than this library */
    YARD_EINTERNAL,    /* the yard broke a rule of its own; an operator should read its log */
    YARD_EFENCED       /* the lease is over (agents only) */
} yard_rc;

/* --- errors --- */

typedef struct {
    const char *path; /* which field, as a JSON pointer: "/regions/1"; "" for the whole */
    const char *code; /* missing, unknown, repeated, type, range, length, text, malformed */
    const char *text; /* a sentence */
} yard_fault;

/* A stable word: one of docs/reference/refusals.md, or of the library's own: "unreachable",
 * "timeout", "denied", "options", "version". */
const char *yard_err_slug (const yard_err_t *err);
const char *yard_err_text (const yard_err_t *err); /* a sentence for people */
yard_rc yard_err_rc (const yard_err_t *err);
int yard_err_retry_after_ms (const yard_err_t *err); /* 0: not known */
int yard_err_exit (const yard_err_t *err);           /* the status a command should end with */
size_t yard_err_fault_count (const yard_err_t *err); /* at most 16 */
const yard_fault *yard_err_fault (const yard_err_t *err,
                                  size_t which); /* NULL beyond the last */
void yard_err_free (yard_err_t *err);            /* NULL does nothing */

/* Frees any result of this library, but errors. NULL does nothing. */
void yard_free (void *result);

/* --- connection --- */

typedef struct {
    size_t size;             /* sizeof (yard_opts) */
    const char *endpoint;    /* "tcp://HOST:PORT", the clients' door */
    const char *server_key;  /* the door's public key: Z85 (40 characters), or the path of a
                                public  certificate file */
    const char *cert_path;   /* the caller's secret certificate file (ZCert) */
    const char *client_name; /* name and version of the program, <= 40 octets; may be NULL */
    int timeout_ms;          /* of each call; 0: 10,000 */
} yard_opts;

/* Reads the keys and begins to connect; does not wait for the yard. YARD_EINVALID: an option or
 * a file is wrong (exit status 78). */
yard_rc yard_open (yard_t **ret, const yard_opts *opts, yard_err_t **reterr);
void yard_close (yard_t *y); /* NULL does nothing */

typedef struct {
    const char *version;              /* of the yard */
    const char *role, *tenant, *name; /* of the key that asked */
    int64_t now_ms;                   /* the yard's clock */
    uint64_t message_max;             /* octets of one message at most */
} yard_welcome;
yard_rc yard_hello (yard_t *y, yard_welcome **ret, yard_err_t **reterr);

/* --- jobs --- */

enum { YARD_JOB_TEXT = 24 }; /* room for a job's name, with its NUL */
enum { YARD_URGENCY_ZERO = -1 };

typedef struct {
    const char *job;
    const char *condition; /* "success" (also if NULL): it completed; "any": it ended */
} yard_after;

typedef struct {
    size_t size;                     /* sizeof (yard_job_spec) */
    const char *name;                /* for people, <= 80 octets */
    const char *kind;                /* which handler of an agent, <= 40 */
    const char *tier;                /* "standard" (also if NULL), "premium", "platinum" */
    const char *const *capabilities; /* ends with NULL; may be NULL; at most 15 words */
    const char *const *regions;      /* ends with NULL; NULL: anywhere; at most 8 words */
    const char *pool;                /* NULL: "shared" */
    const char *source, *target;     /* opaque addresses, <= 1024 */
    const void *payload;             /* opaque, for the agent; may be NULL */
    size_t payload_size;             /* <= 65536 */
    int urgency;                     /* order inside its tier: 1 to 31, above 16 for operators;
                                        0: the usual 16; YARD_URGENCY_ZERO: it does not start */
    bool held;                       /* stored, but not started until it is released */
    bool fixed;                      /* never preempted */
    int64_t not_before_ms;           /* not started before; 0: at any time */
    int64_t run_limit_ms;            /* an attempt that runs longer is ended, and the job fails;
                                        0: no limit */
    int64_t wait_limit_ms;           /* it fails if it was never started so long after its
                                        submit; 0: no limit */
    const yard_after *after;         /* jobs it waits for; may be NULL */
    size_t after_count;              /* <= 8 */
} yard_job_spec;

/* Submits a job. When YARD_OK is returned it is stored and will not be lost. 'key' (any text,
 * or NULL: random) makes retries safe: the same key and spec again, also by another process,
 * get the same job; the same key with another spec is YARD_ECONFLICT. Keys are per tenant. */
yard_rc yard_job_submit (yard_t *y, const yard_job_spec *spec, const char *key,
                         char ret_job[YARD_JOB_TEXT], yard_err_t **reterr);

typedef struct {
    yard_rc rc;
    char job[YARD_JOB_TEXT]; /* if YARD_OK */
    yard_err_t *err;         /* else why; free each with yard_err_free */
} yard_submitted;

/* Submits many at once, up to 512 outstanding: much faster than one by one. 'keys' may be NULL,
 * or hold NULL. 'ret' has a result for each, also if not all succeeded; the first failure's rc
 * is returned. timeout_ms bounds the wait for each job, not for all. */
yard_rc yard_job_submit_many (yard_t *y, const yard_job_spec *const *specs,
                              const char *const *keys, size_t count, yard_submitted *ret);

typedef struct {
    const char *job, *tenant, *name, *kind, *tier;
    const char *state;          /* "QUEUED" ... */
    bool final;                 /* it has ended */
    uint64_t seq;               /* number of its latest event; rises by one with each */
    uint64_t attempt;           /* attempts begun */
    uint64_t fence;             /* fencing number of the latest; 0 before the first */
    const char *agent, *region; /* of the latest attempt; "" before the first */
    uint64_t checkpoint;        /* number of the last stored one; 0: none */
    uint64_t done, total;       /* units; total 0: not known */
    int64_t submitted_at_ms, state_at_ms;
    const char *why;    /* reason of its latest event */
    const char *result; /* what the agent said at the end; "" before */
    const char *wanted; /* of its agent: "nothing", "terminate", "suspend" */
    const char *source, *target;
    uint64_t urgency;      /* 0 to 31 */
    const char *hold;      /* "not_held", or why it is held */
    const char *suspender; /* "nobody", or who suspended it or asked for it */
    int64_t not_before_ms; /* 0: at any time */
    uint64_t run_limit_ms; /* 0: none */
    uint64_t retries;      /* attempts that ended with an error that may pass */
    uint64_t preempted;    /* times it gave its slot up */
    uint64_t resources;    /* provisioned and not removed */
    uint64_t unmet;        /* jobs that it still waits for */
    const char *needs;     /* of an agent: pool|regions|capabilities|minutes */
} yard_job;
yard_rc yard_job_get (yard_t *y, const char *job, yard_job **ret, yard_err_t **reterr);

typedef struct {
    const char *job, *tenant, *name, *tier, *state;
    bool final;
    uint64_t attempt;
    const char *agent, *region;
    uint64_t done, total;
    int64_t submitted_at_ms;
} yard_job_row;
typedef struct {
    size_t count;
    const yard_job_row *const *rows; /* newest first */
    const char *next;                /* 'before' of the next page; NULL: this is the last */
} yard_job_page;
typedef struct {
    size_t size;        /* sizeof (yard_job_filter) */
    const char *before; /* only jobs older than this one; may be NULL */
    const char *state;  /* only in this state; may be NULL */
    const char *tier;   /* only of this tier; may be NULL */
    unsigned limit;     /* rows at most, <= 200; 0: 200 */
} yard_job_filter;
/* One page of jobs. 'filter' may be NULL. */
yard_rc yard_job_list (yard_t *y, const yard_job_filter *filter, yard_job_page **ret,
                       yard_err_t **reterr);

/* How a change is asked for. May be NULL wherever it is a parameter. */
typedef struct {
    size_t size;        /* sizeof (yard_how) */
    const char *reason; /* for the history, <= 200 octets; may be NULL */
    const char *key;    /* as in yard_job_submit; may be NULL */
    bool plan;          /* only say what it would do; nothing is changed */
    bool versioned;   /* refused (YARD_ECONFLICT, "stale_version") unless 'version', which a */
    uint64_t version; /* plan told, is still the one */
} yard_how;

typedef struct {
    bool planned;      /* nothing was changed */
    uint64_t version;  /* of what was, or would be, changed */
    const char *state; /* of the job after it; "" if it was no job, or a plan */
    bool final;        /* the job has ended */
    uint64_t made;     /* number of what was made, if something was */
    size_t count;
    const char *const *effects; /* sentences: what it does, and what follows */
} yard_outcome;

/* What some verbs need. */
typedef struct {
    size_t size;           /* sizeof (yard_job_change) */
    unsigned urgency;      /* of "urge": 0 to 31 */
    const char *tier;      /* of "retier" */
    const char *on;        /* of "depend": the job to wait for */
    const char *condition; /* of "depend": "success" (also if NULL), "any" */
} yard_job_change;

/* Changes a job. 'verb' is "terminate", "suspend", "resume", "hold", "release", "retry",
 * "urge", "retier" or "depend"; 'change' (may be NULL) is for the last three. 'ret' may be
 * NULL. */
yard_rc yard_job_act (yard_t *y, const char *job, const char *verb,
                      const yard_job_change *change, const yard_how *how, yard_outcome **ret,
                      yard_err_t **reterr);

typedef struct {
    const char *code;      /* "no_region", "slots_taken" ... */
    const char *subject;   /* what it is about */
    const char *wanted;    /* what the job needs */
    const char *have;      /* what there is */
    int64_t since_ms;      /* since 1970 */
    const char *lifted_by; /* who can lift it, and how */
} yard_blocker;
typedef struct {
    const char *job, *state;
    size_t count; /* 0: it starts in the next round */
    const yard_blocker *const *blockers;
    const char *chosen; /* why the latest attempt's agent was taken and others were not; "" */
} yard_explained;
/* Why does a job not start? */
yard_rc yard_job_explain (yard_t *y, const char *job, yard_explained **ret,
                          yard_err_t **reterr);
/* What stands between a job and one agent? */
yard_rc yard_job_why_not (yard_t *y, const char *job, const char *agent, yard_explained **ret,
                          yard_err_t **reterr);

typedef struct {
    uint64_t seq;      /* its number; rises by one with each */
    const char *state; /* after it */
    int64_t at_ms;
    uint64_t attempt, fence;
    const char *agent;
    const char *who;    /* name of the key that asked for it; "": the yard by itself */
    const char *why;    /* reason */
    const char *detail; /* what was said beside it */
} yard_event_row;
typedef struct {
    size_t count;
    const yard_event_row *const *rows; /* by number */
    bool more;                         /* ask with 'after' set to the last number */
} yard_event_page;
/* A job's history: at most 'limit' (<= 200; 0: 200) events after the one numbered 'after'. */
yard_rc yard_job_events (yard_t *y, const char *job, uint64_t after, unsigned limit,
                         yard_event_page **ret, yard_err_t **reterr);

/* Waits until the job has ended, at most timeout_ms (-1: without limit; YARD_ETIMEOUT after
 * it). 'ret' (may be NULL) says how. */
yard_rc yard_job_wait (yard_t *y, const char *job, int timeout_ms, yard_job **ret,
                       yard_err_t **reterr);

/* --- events --- */

enum { YARD_FROM_NOW = -1, YARD_WATCHES = 1000 /* of one yard_t at most */ };

/* Begins to watch a job; yard_process gives its events. 'after' is the number of the last event
 * already known: 0 gives the whole history, YARD_FROM_NOW what comes after this call. 'ret_now'
 * (may be NULL) is the job as it is; if it has ended and there is no event after 'after', none
 * will come. The events come in order, none missing and none twice, also over lost connections.
 * A watch ends with the job's last event. */
yard_rc yard_job_watch (yard_t *y, const char *job, int64_t after, yard_job **ret_now,
                        yard_err_t **reterr);
void yard_job_unwatch (yard_t *y, const char *job);

typedef enum {
    YARD_EVENT_CHANGED = 1, /* a numbered event of the job's history */
    YARD_EVENT_PROGRESS,    /* counters; only job, fence, done and total are set */
    YARD_EVENT_LOST,        /* the yard ended this watch, or the feed if 'job' is "", before its
                               end: 'why' says why, 'detail' is the slug */
    /* of a feed */
    YARD_EVENT_SNAPSHOT,  /* how a job is */
    YARD_EVENT_CAUGHT_UP, /* every job was told; no more is set */
    YARD_EVENT_ROW,       /* an event of some job */
    YARD_EVENT_RESNAPSHOT /* rows may have been lost and the feed begins anew: forget what is
                             known, snapshots of all jobs follow; 'why' says what happened */
} yard_event_type;
typedef struct {
    yard_event_type type;
    const char *job;
    uint64_t seq;
    const char *state; /* after it */
    bool final;        /* the last one */
    int64_t at_ms;
    uint64_t attempt, fence;
    const char *agent;
    const char *why;    /* reason */
    const char *detail; /* what was said beside it */
    uint64_t done, total;
    const char *tenant, *name, *tier; /* of a feed's job; else "" */
} yard_event;

typedef struct {
    size_t size;        /* sizeof (yard_feed_filter) */
    bool snapshot;      /* begin with every job that has not ended */
    const char *tier;   /* only this tier; may be NULL */
    const char *state;  /* only what leads to this state; may be NULL */
    const char *tenant; /* only this tenant; may be NULL */
} yard_feed_filter;
/* Opens the feed of this yard_t, in place of the one it may have: every event of every job that
 * fits, through yard_process, without a gap as long as no YARD_EVENT_RESNAPSHOT comes. 'filter'
 * may be NULL. */
yard_rc yard_feed_open (yard_t *y, const yard_feed_filter *filter, yard_err_t **reterr);
void yard_feed_close (yard_t *y);

/* The next event: YARD_OK and an event to free, or YARD_ETIMEOUT if none came in timeout_ms (0:
 * do not wait; -1: without limit), YARD_EDENIED if the key was turned away; with a lost
 * connection it waits and resumes. Without a watch or a feed it is YARD_EINVALID. */
yard_rc yard_process (yard_t *y, int timeout_ms, yard_event **ret, yard_err_t **reterr);

/* A descriptor to poll for reading: when it is readable call yard_process with timeout 0 until
 * it returns YARD_ETIMEOUT. It stays the same until yard_close, and belongs to the library.
 * -1 with errno: there are no descriptors left. */
int yard_fd (yard_t *y);

/* --- the yard --- */

typedef struct {
    const char *name, *state, *region, *pool;
    const char *const *capabilities; /* ends with NULL */
    uint64_t slots, used, session;
    int64_t seen_at_ms;
    bool draining;            /* it gets no new work */
    int64_t drain_by_ms;      /* when what it still runs is suspended; 0: never */
    const char *drain_reason; /* "" if it is not drained */
} yard_agent_row;
typedef struct {
    size_t count;
    const yard_agent_row *const *rows; /* by name */
    const char *next;                  /* 'after' of the next page; NULL: this is the last */
} yard_agent_page;
/* At most 200 agents, by name; 'after' may be NULL. */
yard_rc yard_agent_list (yard_t *y, const char *after, yard_agent_page **ret,
                         yard_err_t **reterr);

typedef struct {
    const char *tier;
    uint64_t waiting;   /* jobs that wait */
    uint64_t offered;   /* of these, offered to assignment */
    uint64_t classes;   /* different requirements among them */
    uint64_t oldest_ms; /* how long the oldest has waited; 0: none */
    uint64_t idle;      /* of the waiting: held, too early, dependent, or of urgency 0 */
    bool stopped;       /* nothing of it is started */
    const char *reason; /* why it is stopped */
} yard_queue;
yard_rc yard_queue_get (yard_t *y, const char *tier, yard_queue **ret, yard_err_t **reterr);

typedef struct {
    const char *tier;
    uint64_t running;    /* attempts that agents hold */
    uint64_t suspending; /* of these, asked to suspend */
    uint64_t offered;    /* waiting jobs that assignment looks at */
} yard_tier_load;
typedef struct {
    size_t count;
    const yard_tier_load *const *tiers;
    uint64_t agents, draining, lost; /* connected, of these draining; lost */
    uint64_t slots, used;            /* of the connected */
} yard_load;
/* What runs, by tier, and the agents in numbers. */
yard_rc yard_load_get (yard_t *y, yard_load **ret, yard_err_t **reterr);

typedef struct {
    uint64_t problem;
    const char *kind;     /* "stale_request" ... */
    const char *job;      /* "" if it is about none */
    const char *agent;    /* "" if it is about none */
    int64_t since_ms;     /* 1970 */
    int64_t closed_at_ms; /* 0: open */
    const char *detail;
} yard_problem;
typedef struct {
    size_t count;
    const yard_problem *const *rows; /* newest first */
    uint64_t next;                   /* 'before' of the next page; 0: this is the last */
} yard_problem_page;
/* At most 200 problems, newest first; 'before' 0: from the newest; 'closed': also those that
 * are over. */
yard_rc yard_problem_list (yard_t *y, uint64_t before, bool closed, yard_problem_page **ret,
                           yard_err_t **reterr);

typedef struct {
    const char *name;
    bool heard; /* within its heartbeat */
    uint64_t incarnation;
} yard_actor;
typedef struct {
    const char *version;
    int64_t now_ms, started_at_ms;
    bool database; /* it answers */
    uint64_t accepted, refused;
    size_t count;
    const yard_actor *const *actors;
} yard_status;
yard_rc yard_yard_get (yard_t *y, yard_status **ret, yard_err_t **reterr);

/* --- policy (operators); 'how' and 'ret' as in yard_job_act --- */

/* 'verb': "stop" or "start" the queue of a tier. */
yard_rc yard_queue_act (yard_t *y, const char *tier, const char *verb, const yard_how *how,
                        yard_outcome **ret, yard_err_t **reterr);
/* 'verb': "drain" or "undrain" an agent. What a drained one still runs at 'deadline_ms' is
 * suspended and goes on elsewhere; 0: it may end. */
yard_rc yard_agent_act (yard_t *y, const char *agent, const char *verb, int64_t deadline_ms,
                        const yard_how *how, yard_outcome **ret, yard_err_t **reterr);

typedef struct {
    const char *name;
    uint64_t weight;                   /* its share of a tier */
    uint64_t waiting_max, running_max; /* 0: any number */
    bool overflow; /* its platinum jobs may leave its dedicated pool when that is full */
    uint64_t version;
} yard_tenant;
typedef struct {
    size_t count;
    const yard_tenant *const *rows; /* by name */
    const char *next;               /* 'after' of the next page; NULL: this is the last */
} yard_tenant_page;
typedef struct {
    size_t size;            /* sizeof (yard_tenant_change) */
    const uint64_t *weight; /* 1 to 1000; NULL: as it is, also below */
    const uint64_t *waiting_max, *running_max;
    const bool *overflow;
} yard_tenant_change;
/* At most 200 tenants; 'after' may be NULL. */
yard_rc yard_tenant_list (yard_t *y, const char *after, yard_tenant_page **ret,
                          yard_err_t **reterr);
yard_rc yard_tenant_set (yard_t *y, const char *tenant, const yard_tenant_change *change,
                         const yard_how *how, yard_outcome **ret, yard_err_t **reterr);

typedef struct {
    uint64_t window;
    int64_t begins_ms, ends_ms;
    const char *scope;   /* "yard", "region", "pool", "agent" */
    const char *subject; /* which; "" for the yard */
    const char *reason;
    uint64_t version;
} yard_window;
typedef struct {
    size_t count;
    const yard_window *const *rows; /* by number */
    uint64_t next;                  /* 'after' of the next page; 0: this is the last */
} yard_window_page;
typedef struct {
    size_t size; /* sizeof (yard_window_spec) */
    int64_t begins_ms, ends_ms;
    const char *scope;   /* NULL: "yard" */
    const char *subject; /* NULL for the yard */
} yard_window_spec;
/* At most 200 windows that have not ended, after the one numbered 'after'. */
yard_rc yard_window_list (yard_t *y, uint64_t after, yard_window_page **ret,
                          yard_err_t **reterr);
/* Nothing starts on the window's agents that cannot end before it, nor in it. */
yard_rc yard_window_add (yard_t *y, const yard_window_spec *spec, const yard_how *how,
                         yard_outcome **ret, yard_err_t **reterr);
yard_rc yard_window_remove (yard_t *y, uint64_t window, const yard_how *how, yard_outcome **ret,
                            yard_err_t **reterr);

/* --- keys (admins) --- */

typedef struct {
    const char *public_key; /* Z85 */
    const char *role, *tenant, *name;
    int64_t since_ms;
    int64_t revoked_at_ms; /* 0: in force */
} yard_key;
typedef struct {
    size_t count;
    const yard_key *const *keys; /* by public key */
    const char *next;            /* 'after' of the next page; NULL: this is the last */
} yard_key_page;

/* 'public_key' is Z85 text or the path of a certificate file. 'ret' may be NULL. */
yard_rc yard_key_authorize (yard_t *y, const char *public_key, const char *role,
                            const char *tenant, const char *name, yard_key **ret,
                            yard_err_t **reterr);
/* Lets 'new_key' in as another key of the same party: what 'old_key' began goes on with it.
 * Both are good until one is revoked. */
yard_rc yard_key_rotate (yard_t *y, const char *old_key, const char *new_key, yard_key **ret,
                         yard_err_t **reterr);
/* Shuts a key out. 'how' may be NULL; of its plan the outcome is in 'ret_plan', else the key is
 * in 'ret', each of which may be NULL. It needs no how->key: the same again changes nothing. */
yard_rc yard_key_revoke (yard_t *y, const char *public_key, const yard_how *how, yard_key **ret,
                         yard_outcome **ret_plan, yard_err_t **reterr);
/* At most 200 keys; 'after' (Z85) may be NULL. */
yard_rc yard_key_list (yard_t *y, const char *after, yard_key_page **ret, yard_err_t **reterr);

#ifdef __cplusplus
}
#endif
#endif

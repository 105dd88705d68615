/* yard_items.h - moves work items from a JSON Lines file into a target store, in batches.
 *
 * The mover sees its attempt only through struct items_task, so it runs the same under the
 * agent SDK and under a test. It blocks; it looks at should_stop between batches and within
 * long passes.
 *
 * A batch is one transaction at the target, which first checks and raises the fencing number
 * kept there: nothing of an attempt lands once a later one has written. An item is written
 * once, whatever is done again; the checkpoint that follows says which target id it got.
 */
#ifndef YARD_ITEMS_H
#define YARD_ITEMS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/agents/common/provision.h"

#define ITEMS_ID_MAX    128  /* octets of an id */
#define ITEMS_BATCH_MAX 1000 /* items of a checkpoint */
#define ITEMS_LINE_MAX  ((size_t)1 << 20)

enum items_end {
    ITEMS_GO_ON, /* a step is done, the next may begin; never how a move ends */
    ITEMS_DONE,
    ITEMS_RETRY,   /* another attempt may succeed */
    ITEMS_FAIL,    /* it will not */
    ITEMS_STOPPED, /* told to stop, or a later attempt has taken over */
};

struct items_mapping {
    const char *source, *target;
};

struct items_task {
    void *self; /* first argument of the functions */
    const char *job;
    const char *source, *target; /* absolute paths or file:// addresses */
    const void *payload;
    size_t payload_size; /* JSON: {"batch": items, "pace_ms": ms} */
    const void *resume;
    size_t resume_size; /* of the last checkpoint; size 0: the beginning */
    uint64_t fence;

    /* 0 when durable, -ESTALE when the attempt is no longer ours, -EEXIST when the yard has
     * another checkpoint in its place, -EINVAL when it will never take it, else another
     * negative errno: later it may. */
    int (*checkpoint) (void *self, const void *resume, size_t size, const char *mark,
                       uint64_t done, uint64_t total, const struct items_mapping *mappings,
                       size_t count);
    /* The target ids of those that are mapped, to free; NULL for the others. As checkpoint. */
    int (*lookup) (void *self, const char *const *sources, size_t count, char **ret_targets);
    void (*progress) (void *self, uint64_t done, uint64_t total);
    bool (*should_stop) (void *self);
    int (*stop_fd) (void *self); /* readable when should_stop is true; -1: none */

    /* What the job made; both NULL: nobody asks. As checkpoint. */
    int (*provision) (void *self, const char *name, const char *address,
                      enum agents_provision state);
    bool (*provisioned) (void *self, const char *name, char ret_address[AGENTS_ADDRESS_MAX]);
};

/* 'ret_sentence' tells the job's owner how it ended and why. */
enum items_end items_move (const struct items_task *task, char *ret_sentence, size_t size);

/* Makes what is missing of two resources: "store", the target if there is nothing, and
 * "staging", a file beside it for the proof. What is wrong with the job is left to items_move
 * to say. ITEMS_DONE, ITEMS_RETRY or ITEMS_STOPPED. */
enum items_end items_prepare (const struct items_task *task, char *ret_sentence, size_t size);

/* Removes of the two what this job made and did not hand over. ITEMS_DONE, ITEMS_RETRY or
 * ITEMS_STOPPED. */
enum items_end items_deprovision (const struct items_task *task, char *ret_sentence,
                                  size_t size);

#endif

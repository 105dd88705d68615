/* program.h - what the programs of all agents share: options, and a mover's view of its
 * attempt.
 *
 * A mover sees its attempt through functions that return 0 or a negative errno, so tests drive
 * it without a yard. These bind them to the agent SDK; 'self' is the task.
 */
#ifndef YARD_AGENTS_PROGRAM_H
#define YARD_AGENTS_PROGRAM_H
#include "client/agents/common/provision.h"
#include "client/libyard/yard_agent.h"

/* Reads the options, runs the agent; what the program ends with: as yard_agent_run says; 64
 * usage. 'what' is what it moves, and the payload's settings, for --help. */
int agents_main (int argc, char **argv, const char *program, const char *what,
                 const yard_handler *handlers, size_t count);

/* 0 when durable, -ESTALE when the attempt is no longer ours, -EEXIST when the yard has another
 * checkpoint in its place, -EINVAL when it will never take it, else another negative errno:
 * later it may. */
int agents_result (yard_rc rc);

void agents_progress (void *self, uint64_t done, uint64_t total);
/* should_pause: stop when nothing is lost by it; should_stop: at once, because the attempt is
 * ended, or there is no time left to wait for that. */
bool agents_should_pause (void *self);
bool agents_should_stop (void *self);
int agents_stop_fd (void *self);
int agents_provision (void *self, const char *name, const char *address,
                      enum agents_provision state);
bool agents_provisioned (void *self, const char *name, char ret_address[AGENTS_ADDRESS_MAX]);

/* How a handler ended, for the yard and as one line in the log. */
yard_step agents_ended (yard_task *task, const char *handler, yard_step step,
                        const char *sentence);

#endif

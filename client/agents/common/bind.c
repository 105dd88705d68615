/* bind.c - a mover's view of its attempt, from the agent SDK. */
#include "client/agents/common/program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HURRY_MS 2000 /* less is left than a mover may need to end what it is at */

int agents_result (yard_rc rc)
{
    switch (rc) {
    case YARD_OK:
        return 0;
    case YARD_EFENCED:
        return -ESTALE;
    case YARD_ECONFLICT:
        return -EEXIST;
    case YARD_EINVALID:
        return -EINVAL;
    default:
        return -EHOSTUNREACH;
    }
}

void agents_progress (void *self, uint64_t done, uint64_t total)
{
    yard_task_progress (self, done, total);
}

bool agents_should_pause (void *self)
{
    return yard_task_should_stop (self) != YARD_GO_ON;
}

bool agents_should_stop (void *self)
{
    int64_t left_ms;

    switch (yard_task_stop_by (self, &left_ms)) {
    case YARD_GO_ON:
        return false;
    case YARD_STOP_SUSPENDED:
    case YARD_STOP_PREEMPTED:
        return left_ms >= 0 && left_ms < HURRY_MS;
    default:
        return true;
    }
}

int agents_stop_fd (void *self)
{
    return yard_task_stop_fd (self);
}

int agents_provision (void *self, const char *name, const char *address,
                      enum agents_provision state)
{
    /* One that is too long to be kept is found by the task's own. */
    const char *kept = address && strlen (address) < AGENTS_ADDRESS_MAX ? address : "";
    yard_rc rc;

    if (state == AGENTS_GONE)
        rc = yard_task_removed (self, name);
    else if (state == AGENTS_MADE)
        rc = yard_task_provisioned (self, name, kept);
    else
        rc = yard_task_provisioning (self, name, kept);
    /* A yard that keeps no list still has the work done. */
    return rc == YARD_EVERSION ? 0 : agents_result (rc);
}

bool agents_provisioned (void *self, const char *name, char ret_address[AGENTS_ADDRESS_MAX])
{
    yard_resource rows[YARD_RESOURCES_MAX];
    size_t count = yard_task_resources (self, rows, YARD_RESOURCES_MAX);

    for (size_t i = 0; i < count; i++) {
        if (strcmp (rows[i].name, name) != 0)
            continue;
        memcpy (ret_address, rows[i].address, AGENTS_ADDRESS_MAX);
        return true;
    }
    return false;
}

/* One write, so that lines of several attempts stay whole; the prefix is for the journal. */
static void say_ended (yard_task *task, const char *handler, const char *end, const char *why)
{
    char quoted[2048], *to = quoted;

    for (; *why && to < quoted + sizeof quoted - 2; *to++ = *why++)
        if (*why == '"' || *why == '\\')
            *to++ = '\\';
    *to = '\0';
    fprintf (stderr, "%s%s job=%s attempt=%" PRIu32 " fence=%" PRIu64 " end=%s why=\"%s\"\n",
             isatty (STDERR_FILENO) ? "" : "<6>", handler, yard_task_job (task),
             yard_task_attempt (task), yard_task_fence (task), end, quoted);
}

yard_step agents_ended (yard_task *task, const char *handler, yard_step step,
                        const char *sentence)
{
    static const char *const words[] = {
        [YARD_DONE] = "done",       [YARD_RETRY] = "retry",     [YARD_FAIL] = "fail",
        [YARD_STOPPED] = "stopped", [YARD_WORKING] = "working",
    };

    yard_task_result (task, "%s", sentence);
    say_ended (task, handler, words[step], sentence);
    return step;
}

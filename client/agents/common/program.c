/* program.c - the options of an agent, and running it. */
#include "client/agents/common/program.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPABILITIES_MAX 16 /* the yard takes no more of one agent */

struct options {
    yard_agent_opts agent;
    const char *capability[CAPABILITIES_MAX + 1];
    size_t capabilities;
};

static const struct argp_option known[] = {
    {"endpoint", 'e', "ADDRESS", 0, "the agents' door, such as tcp://yard:7511", 0},
    {"server-key", 'k', "KEY", 0, "the door's public key: in Z85, or the file that holds it",
     0},
    {"cert", 'c', "FILE", 0, "this agent's certificate, the secret file", 0},
    {"region", 'r', "NAME", 0, "where this agent runs", 0},
    {"pool", 'p', "NAME", 0, "which pool it is of (shared)", 0},
    {"capability", 'C', "WORD", 0, "what else it offers; may be given again", 0},
    {"slots", 's', "NUMBER", 0, "attempts at once (1)", 0},
    {0},
};

static unsigned read_slots (struct argp_state *state, const char *text)
{
    char *rest;
    unsigned long number;

    errno = 0;
    number = strtoul (text, &rest, 10);
    if (errno || *rest || rest == text || *text == '-' || number < 1 || number > 1000)
        argp_error (state, "--slots must be 1 to 1000");
    return (unsigned)number;
}

static void check (struct argp_state *state, const struct options *o)
{
    if (!o->agent.conn.endpoint)
        argp_error (state, "no --endpoint, and YARD_AGENT_ENDPOINT is not set");
    if (!o->agent.conn.server_key)
        argp_error (state, "no --server-key, and YARD_SERVER_KEY is not set");
    if (!o->agent.conn.cert_path)
        argp_error (state, "no --cert, and YARD_CERT is not set");
    if (!o->agent.region)
        argp_error (state, "no --region");
}

static error_t take_option (int key, char *text, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'e':
        o->agent.conn.endpoint = text;
        break;
    case 'k':
        o->agent.conn.server_key = text;
        break;
    case 'c':
        o->agent.conn.cert_path = text;
        break;
    case 'r':
        o->agent.region = text;
        break;
    case 'p':
        o->agent.pool = text;
        break;
    case 'C':
        if (o->capabilities == CAPABILITIES_MAX)
            argp_error (state, "more than %d capabilities", CAPABILITIES_MAX);
        o->capability[o->capabilities++] = text;
        break;
    case 's':
        o->agent.slots = read_slots (state, text);
        break;
    case ARGP_KEY_END:
        check (state, o);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int agents_main (int argc, char **argv, const char *program, const char *what,
                 const yard_handler *handlers, size_t count)
{
    const struct argp argp = {known, take_option, NULL, what, NULL, NULL, NULL};
    struct options options = {
        .agent = {.size = sizeof (yard_agent_opts),
                  .conn = {.size = sizeof (yard_opts),
                           .endpoint = getenv ("YARD_AGENT_ENDPOINT"),
                           .server_key = getenv ("YARD_SERVER_KEY"),
                           .cert_path = getenv ("YARD_CERT"),
                           .client_name = program},
                  .slots = 1,
                  .stop_fd = -1},
    };
    yard_err_t *err = NULL;
    int exit_status;

    argp_err_exit_status = 64;
    (void)argp_parse (&argp, argc, argv, 0, NULL, &options);
    options.agent.capabilities = options.capability;
    exit_status = yard_agent_run (&options.agent, handlers, count, &err);
    if (err)
        fprintf (stderr, "%s: %s\n", program, yard_err_text (err));
    yard_err_free (err);
    return exit_status;
}

/* connect.c - which yard, with which key: flags, then the named context, then the environment,
 * then the current context; each of the three values comes from the first that has it. */
#include "client/yardctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/yardctl/contexts.h"
#include "client/yardctl/text.h"
#include "client/yardctl/wrong.h"

static void fill (const char **to, const char *from)
{
    if (!*to && from && *from)
        *to = from;
}

static void fill_from_context (yard_opts *opts, const struct ctl_context *from)
{
    fill (&opts->endpoint, from->endpoint);
    fill (&opts->server_key, from->server_key);
    fill (&opts->cert_path, from->cert);
}

static void fill_from_environment (yard_opts *opts)
{
    fill (&opts->endpoint, getenv ("YARD_ENDPOINT"));
    fill (&opts->server_key, getenv ("YARD_SERVER_KEY"));
    fill (&opts->cert_path, getenv ("YARD_CERT"));
}

static bool is_whole (const yard_opts *opts)
{
    return opts->endpoint && opts->server_key && opts->cert_path;
}

static int complete (const struct ctl *c, yard_opts *opts, struct ctl_contexts *contexts)
{
    const char *named = getenv ("YARD_CONTEXT");
    struct ctl_context chosen;
    int wrong;

    if (!c->o.context)
        fill_from_environment (opts);
    if (is_whole (opts))
        return CTL_DONE;
    wrong = ctl_contexts_read (c, contexts);
    if (!wrong)
        wrong = ctl_contexts_choose (c, contexts,
                                     c->o.context      ? c->o.context
                                     : named && *named ? named
                                                       : NULL,
                                     &chosen);
    if (wrong)
        return wrong;
    fill_from_context (opts, &chosen);
    fill_from_environment (opts);
    return CTL_DONE;
}

static int missing (const struct ctl *c, const char *what, const char *flag, const char *name)
{
    return ctl_wrong (c, CTL_CONFIG, "options",
                      "%s is not set: use --%s, %s, or a context (yardctl context list --help)",
                      what, flag, name);
}

static int check (const struct ctl *c, const yard_opts *opts)
{
    if (!opts->endpoint)
        return missing (c, "the endpoint", "endpoint", "YARD_ENDPOINT");
    if (!opts->server_key)
        return missing (c, "the server key", "server-key", "YARD_SERVER_KEY");
    if (!opts->cert_path)
        return missing (c, "your certificate", "cert", "YARD_CERT");
    return CTL_DONE;
}

int ctl_connect (struct ctl *c)
{
    _contexts_ struct ctl_contexts contexts = {0};
    yard_opts opts = {.size = sizeof opts,
                      .endpoint = c->o.endpoint,
                      .server_key = c->o.server_key,
                      .cert_path = c->o.cert,
                      .client_name = "yardctl " YM_VERSION,
                      .timeout_ms = (int)c->o.timeout_ms};
    yard_err_t *err = NULL;
    int wrong = is_whole (&opts) ? CTL_DONE : complete (c, &opts, &contexts);

    if (!wrong)
        wrong = check (c, &opts);
    if (wrong)
        return wrong;
    if (yard_open (&c->yard, &opts, &err) != YARD_OK)
        return ctl_wrong_err (c, NULL, err);
    return CTL_DONE;
}

bool ctl_may_ask (const struct ctl *c)
{
    return !c->o.no_input && isatty (STDIN_FILENO) && isatty (STDERR_FILENO);
}

int ctl_confirm (struct ctl *c, const char *format, ...)
{
    char answer[16];
    va_list args;

    if (c->o.yes)
        return CTL_DONE;
    if (!ctl_may_ask (c))
        return ctl_wrong (c, CTL_USAGE, "not_confirmed",
                          "nothing was done: there is no terminal to ask on; say --yes");
    va_start (args, format);
    (void)vfprintf (stderr, format, args);
    va_end (args);
    (void)fputs (" [y/N] ", stderr);
    if (fgets (answer, sizeof answer, stdin) &&
        (strcmp (answer, "y\n") == 0 || strcmp (answer, "yes\n") == 0))
        return CTL_DONE;
    return ctl_wrong (c, CTL_USAGE, "not_confirmed", "nothing was done");
}

/* store_client.c - one store connection as a test drives it; see store_client.h. */
#include "tests/lib/store_client.h"

#include "common/base/time.h"
#include "tests/lib/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>

static void on_up (void *arg)
{
    ((struct client *)arg)->ups++;
}

static void on_down (void *arg, const char *why)
{
    struct client *c = arg;

    c->downs++;
    (void)ym_text_copy (c->why, sizeof c->why, why);
}

static void on_done (void *arg, struct ym_batch *b, const struct ym_result *result)
{
    struct client *c = arg;

    c->dones++;
    c->result = *result;
    if (result->outcome == YM_COMMITTED && c->check)
        c->check (b);
}

void client_open (struct client *c, const char *conninfo, const char *application,
                  unsigned statement_ms)
{
    struct ym_store_options options = {.conninfo = conninfo,
                                       .application = application,
                                       .connect_ms = 2000,
                                       .statement_ms = statement_ms,
                                       .arg = c,
                                       .up = on_up,
                                       .down = on_down};

    *c = (struct client){.ups = 0};
    c->store = ym_store_open (&options);
}

void client_turn (struct client *c, int most_ms)
{
    struct pollfd p = {.fd = ym_store_fd (c->store, &p.events)};
    int wait_ms = ym_store_wait_ms (c->store, ym_time_mono_ms ());

    if (wait_ms < 0 || wait_ms > most_ms)
        wait_ms = most_ms;
    cr_assert (poll (&p, p.fd >= 0, wait_ms) >= 0 || errno == EINTR);
    ym_store_process (c->store, ym_time_mono_ms ());
}

void client_await (struct client *c, const unsigned *count, unsigned least)
{
    int64_t end_ms = ym_time_mono_ms () + CLIENT_LIMIT_MS;

    while (*count < least && ym_time_mono_ms () < end_ms)
        client_turn (c, 100);
    cr_assert_geq (*count, least, "waited too long; why: %s; text: %s", c->why, c->result.text);
}

void client_up (struct client *c, const char *application)
{
    client_open (c, cluster_conninfo (), application, CLIENT_STATEMENT_MS);
    client_await (c, &c->ups, 1);
    cr_assert (ym_store_is_up (c->store));
}

struct ym_batch *client_begin (struct client *c)
{
    return ym_store_begin (c->store, c, on_done);
}

enum ym_outcome client_commit (struct client *c, struct ym_batch *b)
{
    unsigned before = c->dones;

    ym_store_commit (b);
    client_await (c, &c->dones, before + 1);
    cr_assert_eq (c->dones, before + 1);
    cr_assert_not (ym_store_is_busy (c->store));
    return c->result.outcome;
}

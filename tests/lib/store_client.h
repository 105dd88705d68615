/* store_client.h - one store connection as a test drives it: turn by turn, bounded. */
#ifndef YM_TEST_STORE_CLIENT_H
#define YM_TEST_STORE_CLIENT_H
#include "common/store/store.h"

enum { CLIENT_LIMIT_MS = 10000, CLIENT_STATEMENT_MS = 800 };

struct client {
    struct ym_store *store;
    unsigned ups, downs, dones;
    char why[200];                      /* of the latest down */
    struct ym_result result;            /* of the latest batch */
    void (*check) (struct ym_batch *b); /* reads the rows of a committed batch */
};

void client_open (struct client *c, const char *conninfo, const char *application,
                  unsigned statement_ms);
/* Opened at the program's cluster, and up. */
void client_up (struct client *c, const char *application);
/* One round of the loop that waits at most so long. */
void client_turn (struct client *c, int most_ms);
/* Until *count is at least that; the test fails after CLIENT_LIMIT_MS. */
void client_await (struct client *c, const unsigned *count, unsigned least);
struct ym_batch *client_begin (struct client *c);
enum ym_outcome client_commit (struct client *c, struct ym_batch *b);
#endif

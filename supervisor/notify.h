/* notify.h - what the service manager is told, if there is one ($NOTIFY_SOCKET).
 *
 * Own and small, because it must never hold the loop up: a service manager that does not read
 * costs NOTIFY_WAIT_MS at most. True means sent, or that nobody wants to know.
 */
#ifndef YM_SUPERVISOR_NOTIFY_H
#define YM_SUPERVISOR_NOTIFY_H
#include <stdbool.h>
#include <stdint.h>

enum { NOTIFY_WAIT_MS = 50 };

/* READY=1 goes with every status once the yard is ready, so that none is lost for good. */
bool notify_status (const char *text, bool is_ready);
bool notify_reloading (void);
bool notify_reloaded (void);
bool notify_stopping (void);
/* Asks for that much more time to start or stop. */
bool notify_extend (int64_t ms);
bool notify_alive (void);
/* Milliseconds between two signs of life that are wanted, or 0 for none. */
int64_t notify_watchdog_ms (void);
#endif

/* notify.h - what the service manager is told, if there is one ($NOTIFY_SOCKET).
 *
 * Nothing here fails: a service manager that cannot be told notices by itself.
 */
#ifndef YM_SUPERVISOR_NOTIFY_H
#define YM_SUPERVISOR_NOTIFY_H
#include <stdint.h>

void notify_ready (void);
void notify_status (const char *text);
void notify_reloading (void);
void notify_stopping (void);
/* Asks for that much more time to start or stop. */
void notify_extend (int64_t ms);
/* Milliseconds between two signs of life that are wanted, or 0 for none. */
int64_t notify_watchdog_ms (void);
void notify_alive (void);
#endif

/* loop.h - the one loop of the supervisor: signals, actors, deadlines, the watchdog. */
#ifndef YM_SUPERVISOR_LOOP_H
#define YM_SUPERVISOR_LOOP_H
#include "supervisor/yard.h"

/* Runs the yard until it has stopped; 'on_reload' is called on SIGHUP. Gives the exit status.
 */
int loop_run (struct yard *yard, void (*on_reload) (struct yard *yard));
#endif

/* supervisor.h - the program yardmasterd as a function, so that a test can be it. */
#ifndef YM_SUPERVISOR_SUPERVISOR_H
#define YM_SUPERVISOR_SUPERVISOR_H

#define SUPERVISOR_CONFIG "/etc/yardmaster/yardmaster.yaml"
enum { SUPERVISOR_EXIT_USAGE = 64, SUPERVISOR_EXIT_CONFIG = 78 };

int supervisor_main (int argc, char **argv);
#endif

/* check.h - whether the world fits the configuration: the door key, the programs, the run
 * directory. */
#ifndef YM_SUPERVISOR_CHECK_H
#define YM_SUPERVISOR_CHECK_H
#include "supervisor/config.h"
#include "supervisor/z85.h"

/* Changes nothing. 'ret_door_secret' is filled if the door key is good. */
void check_world (const struct config *config, char ret_door_secret[Z85_TEXT_SIZE + 1],
                  struct faults *faults);
#endif

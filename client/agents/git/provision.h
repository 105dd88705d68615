/* provision.h - the target as something the job made. */
#ifndef YARD_GIT_PROVISION_H
#define YARD_GIT_PROVISION_H
#include "client/agents/git/work.h"

/* The move is proven: the target is its owner's from now on, and no longer the job's to remove.
 */
enum git_end git_hand_over (struct git_work *work);

#endif

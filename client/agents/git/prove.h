/* prove.h - the last step: the target holds what the source holds. */
#ifndef YARD_GIT_PROVE_H
#define YARD_GIT_PROVE_H
#include "client/agents/git/text.h"
#include "client/agents/git/work.h"

struct git_proof {
    uint64_t refs, objects;
};

/* Equal refs (without GIT_OWN_REFS) and HEAD; fsck finds nothing missing or broken at the
 * target, and nothing wrong that it does not find at the source too; every object reachable at
 * the source is at the target. GIT_RETRY if the source is no longer what 'refs' and 'head' say.
 */
enum git_end git_prove (struct git_work *work, const struct git_text *refs, const char *head,
                        struct git_proof *ret_proof);

#endif

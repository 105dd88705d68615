/* list.h - all commits of a repository, parents before children, and the tips of any beginning.
 *
 * The tips of the first n commits are those without a child among them: what is reachable from
 * the tips is exactly these n commits.
 */
#ifndef YARD_GIT_LIST_H
#define YARD_GIT_LIST_H
#include "client/agents/git/text.h"
#include "client/agents/git/work.h"

struct git_commit {
    const char *oid; /* 'width' characters in the text; not terminated */
    size_t line_end; /* offset in the text of the line after it */
    uint32_t parents_at, parents;
};

struct git_list {
    struct git_text text; /* as rev-list printed it */
    size_t width;
    struct git_commit *commit;
    uint32_t count;
    uint32_t *parent;      /* indexes of commits */
    uint32_t *slot, slots; /* hash of object ids to index + 1 */
    bool *covered;         /* has a child before 'position' */
    uint32_t position;
};

void git_list_done (struct git_list *list);

enum git_end git_list_read (struct git_work *work, struct git_list *ret_list);

/* Parses 'list->text'. False: it is not what rev-list --topo-order --reverse --parents prints.
 */
bool git_list_parse (struct git_list *list);

/* Takes in the commits up to 'to'. Adds, one object id per line, to 'ret_base' (may be NULL)
 * what they stand on: all their parents before the old position; and to 'ret_ended' those of
 * them that were tips until now. */
void git_list_advance (struct git_list *list, uint32_t to, struct git_text *ret_base,
                       struct git_text *ret_ended);

/* Adds the tips of the first 'position' commits that are not before 'from', one per line. */
void git_list_tips (const struct git_list *list, uint32_t from, struct git_text *ret_tips);

/* Digest of the first 'count' commits and their parents. */
enum git_end git_list_digest (struct git_work *work, const struct git_list *list,
                              uint32_t count, char ret_digest[GIT_OID_MAX + 1]);

#define _git_list_ __attribute__ ((cleanup (git_list_done)))

#endif

/* statements.c - which statements the present connection has prepared.
 *
 * A preparation outlives the rollback of the batch it came with, so it is kept when the server
 * acknowledged it and dropped when it did not.
 */
#include "common/store/inside.h"

#include <string.h>

static int place_of (const struct ym_store *s, const struct ym_statement *statement)
{
    for (unsigned i = 0; i < s->prepared_count; i++)
        if (s->prepared[i] == statement || strcmp (s->prepared[i]->name, statement->name) == 0)
            return (int)i;
    return -1;
}

bool ym_store_is_prepared (const struct ym_store *s, const struct ym_statement *statement)
{
    int place = place_of (s, statement);

    if (place < 0)
        return false;
    if (strcmp (s->prepared[place]->text, statement->text) != 0)
        ym_panic ("two statements are called %s", statement->name);
    return true;
}

void ym_store_remember (struct ym_store *s, const struct ym_statement *statement)
{
    if (s->prepared_count == YM_STORE_STATEMENTS_MAX)
        ym_panic ("more than %d statements on one connection", YM_STORE_STATEMENTS_MAX);
    s->prepared[s->prepared_count++] = statement;
}

void ym_store_forget (struct ym_store *s, const struct ym_statement *statement)
{
    int place = place_of (s, statement);

    ym_assert (place >= 0);
    s->prepared[place] = s->prepared[--s->prepared_count];
}

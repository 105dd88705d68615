/* decide.c - the rule of the window, without input or output. */
#include "actors/queue/decide.h"

bool decide_offer (const struct class_facts *f)
{
    if (f->next == 0)
        return false;
    return f->offered < QUEUE_WINDOW || f->next < f->newest_offered;
}

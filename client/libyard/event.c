/* event.c - events of watches and of the feed, kept until the caller asks for them. */
#include <stdlib.h>
#include <utlist.h>

#include "client/libyard/inside.h"
#include "common/base/time.h"

yard_event *event_new (yard_event_type type)
{
    yard_event *e = result_new (sizeof *e);

    *e = (yard_event){.type = type,
                      .job = "",
                      .state = "",
                      .agent = "",
                      .why = "",
                      .detail = "",
                      .tenant = "",
                      .name = "",
                      .tier = ""};
    return e;
}

bool event_has_room (const struct yard *y)
{
    return y->event_count < EVENTS_MAX;
}

void event_keep (struct yard *y, yard_event *take_event)
{
    struct queued *q = ym_new (sizeof *q);

    q->event = take_event;
    DL_APPEND (y->events, q);
    y->event_count++;
}

static yard_event *take_event (struct yard *y)
{
    struct queued *q = y->events;
    yard_event *event;

    if (!q)
        return NULL;
    DL_DELETE (y->events, q);
    y->event_count--;
    event = q->event;
    free (q);
    return event;
}

static yard_err_t *next_event (struct yard *y, int64_t until_ms, yard_event **ret)
{
    bool last = false;

    for (;;) {
        watches_sweep (y);
        feed_sweep (y);
        *ret = take_event (y);
        if (*ret)
            return NULL;
        if (y->watch_count == 0 && !y->feed)
            return error_new (YARD_EINVALID, EXIT_INTERNAL, "options", "no job is watched");
        if (is_turned_away (y))
            return turned_away (y);
        if (last)
            return error_new (YARD_ETIMEOUT, EXIT_TIMEOUT, "timeout", "no event");
        last = ym_time_mono_ms () >= until_ms;
        pump (y, until_ms);
    }
}

yard_rc yard_process (yard_t *y, int timeout_ms, yard_event **ret, yard_err_t **reterr)
{
    int64_t until_ms = timeout_ms < 0 ? INT64_MAX : ym_time_mono_ms () + timeout_ms;
    yard_event *event;
    yard_err_t *err = next_event (y, until_ms, &event);

    settle (y);
    if (err)
        return error_give (err, reterr);
    *ret = event;
    return YARD_OK;
}

void events_done (struct yard *y)
{
    yard_event *event;

    while ((event = take_event (y)))
        yard_free (event);
}

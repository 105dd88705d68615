/* outbox.c - frames that could not be sent yet, to one peer or connection.
 *
 * First in, first out; bounded by number and by octets. What does not fit is the caller's
 * trouble: it gives up the whole outbox, since a queue with a hole in it would be worse.
 */
#include <stdlib.h>

#include "common/bus/inside.h"

bool ym_outbox_take (struct ym_outbox *box, unsigned count_max, uint64_t seq, zmq_msg_t *frame)
{
    size_t size = zmq_msg_size (frame);
    if (box->count >= count_max || size > YM_BUS_OUTBOX_OCTETS - box->octets) {
        (void)zmq_msg_close (frame);
        return false;
    }
    struct ym_parcel *parcel = ym_new (sizeof *parcel);
    parcel->seq = seq;
    parcel->size = size;
    ym_assert (zmq_msg_init (&parcel->frame) == 0);
    ym_assert (zmq_msg_move (&parcel->frame, frame) == 0);
    if (box->last)
        box->last->next = parcel;
    else
        box->first = parcel;
    box->last = parcel;
    box->count++;
    box->octets += size;
    return true;
}

void ym_outbox_pop (struct ym_outbox *box)
{
    struct ym_parcel *parcel = box->first;
    box->first = parcel->next;
    if (!box->first)
        box->last = NULL;
    box->count--;
    box->octets -= parcel->size;
    (void)zmq_msg_close (&parcel->frame);
    free (parcel);
}

unsigned ym_outbox_clear (struct ym_outbox *box)
{
    unsigned dropped = box->count;
    while (box->first)
        ym_outbox_pop (box);
    return dropped;
}

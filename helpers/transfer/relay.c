/* SPDX-License-Identifier: Apache-2.0 */
/* Who speaks when is known from the records, so one thread serves both sides. */
#include "transfer/transfer.h"

#include "base/cancel.h"
#include "base/error.h"
#include "transfer/pace.h"
#include "transfer/wire.h"

/* One record, whole; *head is its head, and *data (of DRV_WIRE_OFFER_MAX) its bytes. */
static gboolean
pass(DrvPeer *from, DrvPeer *to, DrvWireHead *head, guint8 *data, GError **error)
{
    return drv_cancel_check(error) && drv_wire_next(from, head, error) &&
           drv_peer_read(from, data, head->size, error) &&
           drv_wire_send(to, head->type, head->offset, data, head->size, error);
}

/* Files of which the receiver has something are the ones that it answers blocks of. */
static gboolean
has_some(GByteArray *answer, guint64 file)
{
    return file + 1 < answer->len && answer->data[file + 1];
}

gboolean
drv_transfer_relay(DrvPeer *sender, DrvPeer *receiver, GError **error)
{
    g_autofree guint8 *data = g_malloc(DRV_WIRE_OFFER_MAX);
    g_autoptr(GByteArray) answer = g_byte_array_new();
    DrvWireHead head;

    if (!pass(sender, receiver, &head, data, error) ||
        !pass(receiver, sender, &head, data, error))
        return FALSE;
    if (head.type != DRV_WIRE_ANSWER || head.size == 0)
        return drv_wire_throw(receiver, head.type, error);
    if (data[0] != DRV_PLACE_FAR)
        return TRUE;
    g_byte_array_append(answer, data, head.size);
    do {
        if (!pass(sender, receiver, &head, data, error))
            return FALSE;
        if (head.type == DRV_WIRE_DATA && !drv_pace_moved(head.size, error))
            return FALSE;
        if (head.type == DRV_WIRE_BLOCKS && has_some(answer, head.offset)) {
            DrvWireHead need;

            if (!pass(receiver, sender, &need, data, error))
                return FALSE;
        }
    } while (head.type != DRV_WIRE_END);
    return pass(receiver, sender, &head, data, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/wire.h"

#include <string.h>

#include "base/error.h"

#define HEAD_SIZE 16

static void
put_u32(guint8 *at, guint32 number)
{
    number = GUINT32_TO_LE(number);
    memcpy(at, &number, sizeof number);
}

static void
put_u64(guint8 *at, guint64 number)
{
    number = GUINT64_TO_LE(number);
    memcpy(at, &number, sizeof number);
}

static guint32
get_u32(const guint8 *at)
{
    guint32 number;

    memcpy(&number, at, sizeof number);
    return GUINT32_FROM_LE(number);
}

static guint64
get_u64(const guint8 *at)
{
    guint64 number;

    memcpy(&number, at, sizeof number);
    return GUINT64_FROM_LE(number);
}

gboolean
drv_wire_send(DrvPeer *peer,
              DrvWireType type,
              guint64 offset,
              gconstpointer data,
              gsize size,
              GError **error)
{
    guint8 head[HEAD_SIZE] = { (guint8)type };

    put_u32(head + 4, (guint32)size);
    put_u64(head + 8, offset);
    return drv_peer_write(peer, head, sizeof head, error) &&
           (size == 0 || drv_peer_write(peer, data, size, error));
}

gboolean
drv_wire_throw(const DrvPeer *peer, DrvWireType type, GError **error)
{
    return drv_throw(error,
                     DRV_ERROR_REMOTE,
                     "%s sent an unexpected record (%c)",
                     peer->name,
                     g_ascii_isprint(type) ? type : '?');
}

static gsize
max_size(DrvWireType type)
{
    switch (type) {
    case DRV_WIRE_OFFER:
        return DRV_WIRE_OFFER_MAX;
    case DRV_WIRE_ANSWER:
    case DRV_WIRE_FILE:
    case DRV_WIRE_BLOCKS:
    case DRV_WIRE_NEED:
    case DRV_WIRE_DATA:
    case DRV_WIRE_END:
    case DRV_WIRE_RECEIPT:
        return DRV_WIRE_DATA_MAX;
    default:
        return 0;
    }
}

gboolean
drv_wire_next(DrvPeer *peer, DrvWireHead *head, GError **error)
{
    guint8 wire[HEAD_SIZE];

    if (!drv_peer_read(peer, wire, sizeof wire, error))
        return FALSE;
    head->type = (DrvWireType)wire[0];
    head->size = get_u32(wire + 4);
    head->offset = get_u64(wire + 8);
    return (max_size(head->type) > 0 && head->size <= max_size(head->type)) ||
           drv_wire_throw(peer, head->type, error);
}

GBytes *
drv_wire_expect(DrvPeer *peer, DrvWireType type, GError **error)
{
    g_autofree guint8 *data = NULL;
    DrvWireHead head;

    if (!drv_wire_next(peer, &head, error))
        return NULL;
    if (head.type != type) {
        (void)drv_wire_throw(peer, head.type, error);
        return NULL;
    }
    data = g_malloc(head.size + 1);
    if (!drv_peer_read(peer, data, head.size, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&data), head.size);
}

void
drv_block_pack(const DrvBlock *block, guint8 *wire)
{
    put_u64(wire, block->offset);
    put_u32(wire + 8, block->size);
    memcpy(wire + 12, block->digest, sizeof block->digest);
}

gboolean
drv_block_unpack(DrvBlock *block, const guint8 *wire, guint64 from, guint64 file_size)
{
    block->offset = get_u64(wire);
    block->size = get_u32(wire + 8);
    memcpy(block->digest, wire + 12, sizeof block->digest);
    return block->size > 0 && block->size <= DRV_BLOCK_SIZE && block->offset >= from &&
           block->offset <= file_size && block->size <= file_size - block->offset &&
           block->offset % DRV_BLOCK_SIZE + block->size <= DRV_BLOCK_SIZE;
}

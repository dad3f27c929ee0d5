/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/wire.h - records of a transfer.
 *
 * A record is one letter, three zero bytes, a 32-bit size, a 64-bit offset, and so many
 * bytes.  Numbers are little-endian.
 *
 *     sender → receiver  O  offer: what there is (tree.h)
 *     receiver → sender  A  answer: place, and which files it has something of
 *     sender → receiver  F  a file begins: its number in the offer is the offset
 *                        B  list of its next blocks: offset, size, SHA-256
 *     receiver → sender  N  for files it has something of: a bit per block it lacks
 *     sender → receiver  D  data at this offset: as many complete blocks of the list
 *                        E  end: digest of all
 *     receiver → sender  R  receipt
 */
#pragma once

#include <glib.h>

#include "source/peer.h"

typedef enum {
    DRV_WIRE_OFFER = 'O',
    DRV_WIRE_ANSWER = 'A',
    DRV_WIRE_FILE = 'F',
    DRV_WIRE_BLOCKS = 'B',
    DRV_WIRE_NEED = 'N',
    DRV_WIRE_DATA = 'D',
    DRV_WIRE_END = 'E',
    DRV_WIRE_RECEIPT = 'R',
} DrvWireType;

#define DRV_WIRE_DATA_MAX (1024 * 1024)
#define DRV_WIRE_OFFER_MAX (32 * 1024 * 1024)

typedef struct {
    DrvWireType type;
    guint32 size;
    guint64 offset;
} DrvWireHead;

gboolean drv_wire_send(DrvPeer *peer,
                       DrvWireType type,
                       guint64 offset,
                       gconstpointer data,
                       gsize size,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The next record's head, checked for its size; its bytes are still to be read. */
gboolean
drv_wire_next(DrvPeer *peer, DrvWireHead *head, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A complete record, which must be of @type; NULL with @error. */
GBytes *drv_wire_expect(DrvPeer *peer, DrvWireType type, GError **error);

/* Sets DRV_ERROR_REMOTE "…: unexpected record" and returns FALSE. */
gboolean drv_wire_throw(const DrvPeer *peer, DrvWireType type, GError **error);

/* --- blocks ----------------------------------------------------------------------------
 */

#define DRV_BLOCK_SIZE (64 * 1024)
#define DRV_BLOCKS_MAX 4096 /* of one list */
#define DRV_BLOCK_WIRE 44   /* bytes in a list */

typedef struct {
    guint64 offset;
    guint32 size; /* at most DRV_BLOCK_SIZE, and within one aligned piece of that size */
    guint8 digest[32];
} DrvBlock;

void drv_block_pack(const DrvBlock *block, guint8 *wire);
/* FALSE when it is not after @from, or not within @file_size. */
gboolean drv_block_unpack(DrvBlock *block,
                          const guint8 *wire,
                          guint64 from,
                          guint64 file_size) G_GNUC_WARN_UNUSED_RESULT;

/* SPDX-License-Identifier: Apache-2.0 */
/* source/peer.h - the other side of an op that converses: bytes both ways.
 *
 * The same conversation runs from either end: an op of a worker gets its caller as peer
 * (request/op.h), and the caller gets the op (transport/remote.h).  One side speaks at a
 * time; what it says is sent by the time it reads.
 */
#pragma once

#include <glib.h>

typedef struct {
    gboolean (*write)(gpointer state, gconstpointer data, gsize size, GError **error);
    /* Up to @size bytes, at least one; -1 with @error, also when the peer is gone. */
    gssize (*read)(gpointer state, gpointer data, gsize size, GError **error);
    gpointer state;
    const char *name; /* "host02", for messages */
} DrvPeer;

static inline gboolean
drv_peer_write(DrvPeer *peer, gconstpointer data, gsize size, GError **error)
{
    return peer->write(peer->state, data, size, error);
}

/* All of @size bytes. */
static inline gboolean
drv_peer_read(DrvPeer *peer, gpointer data, gsize size, GError **error)
{
    for (gsize done = 0; done < size;) {
        gssize got = peer->read(peer->state, (guint8 *)data + done, size - done, error);

        if (got <= 0)
            return FALSE;
        done += (gsize)got;
    }
    return TRUE;
}

/* One side of a conversation. */
typedef gboolean (*DrvPeerTalk)(DrvPeer *peer, gpointer data, GError **error);

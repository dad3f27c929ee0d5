/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/transfer.h - files and directories to another host, with proof.
 *
 * Two functions converse over a DrvPeer, whichever end began the session: one sends, one
 * receives.  docs/transfer.md has the records, and the crash matrix.
 *
 * The sender says what there is.  The receiver says which files it has something of:
 * from an earlier try, or the version that exists at the target.  Of those only blocks
 * that differ travel.  Everything is verified by SHA-256, made durable and published in
 * one step; then the receiver gives a receipt.  Nothing is changed at the source.
 */
#pragma once

#include <glib.h>

#include "source/peer.h"
#include "stage/stage.h"

/* What has arrived, is on disk, and is where it belongs. */
typedef struct {
    guint64 bytes;   /* of data in files, holes not counted */
    guint64 sent;    /* bytes of data that had to travel */
    char digest[65]; /* SHA-256 over names, types, sizes and the digests of all blocks */
    gboolean synced;
} DrvReceipt;

/* "25 bytes, 3 sent, SHA-256 …, synced"; caller frees. */
char *drv_receipt_text(const DrvReceipt *receipt);

/* Where the receiver is, as the sender's files are concerned. */
typedef enum {
    DRV_PLACE_FAR = 'f',  /* elsewhere: the files were sent */
    DRV_PLACE_NEAR = 'n', /* it sees the source's directory: nothing was sent */
    DRV_PLACE_SAME = 's', /* its target is the source: nothing was sent */
} DrvPlace;

/* --- sending ---------------------------------------------------------------------------
 */

typedef struct {
    int dir_fd;        /* directory of @name */
    const char *where; /* its path */
    const char *name;  /* a file, link or directory in it */
    const char *as;    /* its name at the target */
} DrvSendRoot;

typedef struct {
    const DrvSendRoot *roots;
    guint n_roots;
    /* A file that was made for this in the directory of the first root, to find out
     * whether the receiver sees it: "<stage>/nonce-…"; NULL: always send.
     */
    const char *nonce;
    /* A name below the roots that becomes another one there, also where the text of a
     * link begins with it: "<image>.snap", "disk.0.snap"; NULL: none.
     */
    const char *from, *to;
} DrvSend;

/* Send and wait for the receipt, which is compared with what was sent: a receipt that
 * does not fit is DRV_ERROR_REMOTE.  @place says whether anything was sent.
 */
gboolean drv_transfer_send(DrvPeer *peer,
                           const DrvSend *send,
                           DrvPlace *place,
                           DrvReceipt *receipt,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- receiving -------------------------------------------------------------------------
 */

typedef struct {
    const char *dir; /* absolute; made if missing.  What arrives gets its names here */
    const char *key; /* name of what is changed: its stage is the lock */
    /* A different existing target is set aside as ".aside-<name>-<time>"; FALSE:
     * it is replaced.  Files that are kept so have moved, with their modes; of copies
     * the umask takes what it does not allow.
     */
    gboolean keep;
    const char *const *drop; /* names that go with what is replaced, or NULL */
    /* Before anything is published: may change what has arrived in @dir_fd, where names
     * at the top are @key and "@key.snap".
     */
    gboolean (*settle)(int dir_fd, const char *where, gpointer data, GError **error);
    gpointer data;
} DrvReceive;

/* Receive what the peer sends, publish it and give the receipt.  Until all has arrived
 * nothing at the target has changed; what has arrived stays in ".incoming-<key>" for the
 * next try.
 */
gboolean drv_transfer_receive(DrvPeer *peer,
                              const DrvReceive *receive,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove what an unfinished transfer to @key has left in the directory, if nobody works
 * on it.
 */
gboolean drv_transfer_forget(int dir_fd,
                             const char *where,
                             const char *key,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Plan: what an unfinished transfer to @key has left goes with what @stage commits. */
void drv_transfer_plan_forget(DrvStage *stage, const char *key);

/* Set aside an existing @name in @dir, as ".aside-<name>-<time>", with a warning; TRUE
 * when there is nothing.
 */
gboolean drv_transfer_set_aside(const char *dir,
                                const char *name,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- relaying --------------------------------------------------------------------------
 */

/* Between a sender and a receiver that cannot reach each other. */
gboolean drv_transfer_relay(DrvPeer *sender,
                            DrvPeer *receiver,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

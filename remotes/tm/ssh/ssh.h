/* SPDX-License-Identifier: Apache-2.0 */
/* ssh.h - what the ops of tm/ssh have in common.
 *
 * A transfer has two ends, each an op that converses: one sends (transfer/transfer.h),
 * one receives.  The action on the front-end decides who is whose peer:
 *
 *     the data are here          we send, and a worker of the destination receives
 *     they come here             a worker of the source sends, and we receive
 *     between two hosts          a worker of the source sends, and reaches the worker of
 *                                the destination by its own ssh
 *     those cannot reach         both are our peers, and we pass on what they say
 */
#pragma once

#include "tm/tm.h"
#include "transfer/transfer.h"

/* Give a disk that has arrived as @name in @dir_fd the size that the user asked for. */
gboolean ssh_grow(const TmClone *request,
                  int dir_fd,
                  const char *where,
                  const char *name,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Move the directory the shortest way that there is; *result as in SshMoveEnd. */
gboolean ssh_mv_transfer(const TmMove *request,
                         char **result,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* clone: send the image to @receiver on the host. */
extern const DrvOp ssh_clone_receive;
gboolean ssh_clone_to(TmClone *request,
                      const DrvOp *receiver,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* clone, on the host: receive it; @settle changes what has arrived to what shall be there
 * (DrvReceive, @data is the request).
 */
typedef gboolean (*SshSettle)(int dir_fd,
                              const char *where,
                              gpointer data,
                              GError **error);
gboolean ssh_clone_arrive(const TmClone *request,
                          DrvPeer *peer,
                          SshSettle settle,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* mvds, cpds: have @sender on the host of the disk send it, and make it the image here.
 * @with_snapshots: those of the image are replaced by the disk's.
 */
gboolean ssh_store(const TmStore *request,
                   const DrvOp *sender,
                   gboolean with_snapshots,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
extern const DrvOp ssh_mvds_send;
extern const DrvOp ssh_cpds_send;
extern const DrvOp ssh_cpds_live_send;

/* A file @nonce that the source has made: does the destination see it, and @target? */
typedef struct {
    DrvRequest head;
    char *target;
    char *nonce;
} SshProof;
extern const DrvRequestType ssh_proof;
DRV_REQUEST_AUTOPTR(SshProof)

/* The two ends of mv. */
extern const DrvOp ssh_mv_send;
extern const DrvOp ssh_mv_receive;
extern const DrvOp ssh_mv_push;

/* Our side of them, for drv_remote_converse(): @data is a SshMoveEnd. */
typedef struct {
    const TmMove *request;
    char *result; /* of the sender: "near", "same", or the receipt */
} SshMoveEnd;
gboolean ssh_mv_send_talk(DrvPeer *peer, gpointer data, GError **error);
gboolean ssh_mv_receive_talk(DrvPeer *peer, gpointer data, GError **error);

/* Send the file @file of a disk (below @dir_fd) as image, with its snapshots if
 * @snap_dir is not NULL and there.
 */
gboolean ssh_store_send_file(DrvPeer *peer,
                             int dir_fd,
                             const char *where,
                             const char *file,
                             const char *snap_dir,
                             const char *image,
                             char **result,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

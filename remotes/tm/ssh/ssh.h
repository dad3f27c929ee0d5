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

/* --- the hosts' stores of images -------------------------------------------------------
 *
 * A system datastore may have a directory ".images" with images by their content
 * (source/content.h), from which disks are made.  It is filled from another host that has
 * the image, or from here.
 */

/* clone by the store of the host, where settings and image allow it; else *done is FALSE
 * and nothing has happened.  @taker is the op that makes the disk there.
 */
gboolean ssh_store_clone(TmClone *request,
                         const DrvOp *taker,
                         gboolean *done,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
extern const DrvOp ssh_clone_stored;

/* On the host: make the disk of what the store has; *result says SSH_STORE_… */
gboolean ssh_store_take(const TmClone *request,
                        SshSettle settle,
                        char **result,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
#define SSH_STORE_DONE "done"
#define SSH_STORE_MISSING "missing"
#define SSH_STORE_NO_ROOM "no room"  /* it is larger than the store may be */
#define SSH_STORE_FAR "unreachable " /* and why: of the neighbour's way to the host */

/* The directory of the store in the datastore of @request's disk, made; and an entry of
 * it that is what it is called, or -1: without @error when there is none.
 */
int ssh_store_open(const TmClone *request, char **path, GError **error);
int ssh_store_entry(const TmClone *request, int dir_fd, const char *path, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Remove what has not been used for long, and what the image needs the room of; *fits is
 * FALSE when there cannot be room.
 */
gboolean ssh_store_trim(const TmClone *request,
                        int dir_fd,
                        const char *path,
                        gboolean *fits,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* On the front-end, with its memory of who has what, the directory @memory: fill the
 * store of @request->host with the image; and note that it has it.
 */
gboolean ssh_store_fill(int memory, const char *path, TmClone *request, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void ssh_store_remember(int memory, const TmClone *request);

/* Fill it: sent from a neighbour, received. */
extern const DrvOp ssh_store_push;
extern const DrvOp ssh_store_receive;
gboolean ssh_store_send(DrvPeer *peer,
                        int dir_fd,
                        const char *where,
                        const char *name,
                        const char *content,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* mvds, cpds: have @sender on the host of the disk send it, and make it the image here.
 * @with_snapshots: those of the image are replaced by the disk's.
 */
gboolean ssh_image_return(const TmStore *request,
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
    /* Of the sender, with the receipt: holds the source, and takes it when committed. */
    DrvStage *removal;
} SshMoveEnd;
void ssh_mv_end_clear(SshMoveEnd *end);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SshMoveEnd, ssh_mv_end_clear)
gboolean ssh_mv_send_talk(DrvPeer *peer, gpointer data, GError **error);
gboolean ssh_mv_receive_talk(DrvPeer *peer, gpointer data, GError **error);

/* Send the file @file of a disk (below @dir_fd) as image, with its snapshots if
 * @snap_dir is not NULL and there.
 */
gboolean ssh_image_send(DrvPeer *peer,
                        int dir_fd,
                        const char *where,
                        const char *file,
                        const char *snap_dir,
                        const char *image,
                        char **result,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

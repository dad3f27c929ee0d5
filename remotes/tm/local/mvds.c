/* SPDX-License-Identifier: Apache-2.0 */
/* mvds: a chain goes back as it is, and the image is a link to its newest file; without
 * snapshots it is that file, of which only what has changed travels.
 */
#include "base/error.h"
#include "base/status.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/ssh/ssh.h"

extern const DrvOp local_mvds_send;

static gboolean
run_mvds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return ssh_image_return(data, &local_mvds_send, TRUE, error);
}

const DrvOp local_mvds = {
    .name = "local.mvds",
    .request = &tm_mvds,
    .run = run_mvds,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(local_mvds);

/* --- on the host that has the disk -----------------------------------------------------
 */

static gboolean
send_chain(const TmStore *request,
           DrvPeer *peer,
           const TmDir *dir,
           const TmDisk *disk,
           char **result,
           GError **error)
{
    g_autoptr(DrvStage) stage = drv_stage_open(dir->fd, dir->path, dir->disk, error);
    gboolean single;

    if (stage == NULL || !tm_overlay_check(disk, disk->file, error) ||
        !tm_overlay_is_single(disk, &single, error))
        return FALSE;
    drv_status_route(request->host, request->image);
    return ssh_image_send(peer,
                          disk->base_fd,
                          disk->base,
                          single ? disk->file : dir->disk,
                          single ? NULL : disk->snap_dir,
                          request->image,
                          result,
                          error);
}

static gboolean
send_disk(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_auto(TmDisk) disk = TM_DISK_INIT;

    if (!tm_dir_open(&dir, request->target, FALSE, error) ||
        !tm_disk_look(&disk, &dir, error))
        return FALSE;
    return disk.kind == TM_DISK_CHAIN
               ? send_chain(request, peer, &dir, &disk, result, error)
               : ssh_mvds_send.converse(data, peer, result, error);
}

const DrvOp local_mvds_send = {
    .name = "local.mvds_send",
    .request = &tm_mvds,
    .converse = send_disk,
};
DRV_OP_REGISTER(local_mvds_send);

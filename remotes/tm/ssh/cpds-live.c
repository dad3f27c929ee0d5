/* SPDX-License-Identifier: Apache-2.0 */
/* cpds of a disk whose domain runs: a copy of one moment is made on the host and sent. */
#include "base/error.h"
#include "base/path.h"
#include "tm/ssh/copy-live.h"
#include "tm/ssh/ssh.h"

static gboolean
copy_and_send(const TmStore *request,
              DrvPeer *peer,
              const TmDir *dir,
              const TmDisk *disk,
              char **result,
              GError **error)
{
    g_autoptr(DrvStage) stage = drv_stage_open(dir->fd, dir->path, dir->disk, error);
    g_auto(TmLive) live = TM_LIVE_INIT;

    if (stage == NULL ||
        !tm_live_open(
            &live, request->deploy_id, request->vm_id, request->vm_mad, error) ||
        !ssh_copy_live(
            &live, disk, request->dev_target, request->format, stage, "image", error))
        return FALSE;
    return ssh_image_send(peer,
                          drv_stage_fd(stage),
                          drv_stage_path(stage),
                          "image",
                          NULL,
                          request->image,
                          result,
                          error);
}

static gboolean
send_live(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_auto(TmDisk) disk = TM_DISK_INIT;

    if (!tm_dir_open(&dir, request->target, FALSE, error) ||
        !tm_disk_look(&disk, &dir, error))
        return FALSE;
    if (disk.kind == TM_DISK_MISSING)
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "'%s' is missing", request->target);
    return copy_and_send(request, peer, &dir, &disk, result, error);
}

const DrvOp ssh_cpds_live_send_op = {
    .name = "ssh.cpds_live_send",
    .request = &tm_cpds,
    .converse = send_live,
};
DRV_OP_REGISTER(ssh_cpds_live_send_op);

/* SPDX-License-Identifier: Apache-2.0 */
/* mvds, cpds, on the host that has the disk: send it, with its snapshots or one of them.
 */
#include "base/error.h"
#include "base/path.h"
#include "base/status.h"
#include "image/qemu-img.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/ssh/ssh.h"

gboolean
ssh_image_send(DrvPeer *peer,
               int dir_fd,
               const char *where,
               const char *file,
               const char *snap_dir,
               const char *image,
               char **result,
               GError **error)
{
    g_autofree char *as = g_path_get_basename(image);
    g_autofree char *snap_as = g_strconcat(as, ".snap", NULL);
    DrvSendRoot roots[] = {
        { .dir_fd = dir_fd, .where = where, .name = file, .as = as },
        { .dir_fd = dir_fd, .where = where, .name = snap_dir, .as = snap_as },
    };
    DrvSend send = { .roots = roots, .n_roots = 1, .from = snap_dir, .to = snap_as };
    DrvReceipt receipt;
    DrvPlace place;

    if (snap_dir && drv_path_exists(dir_fd, snap_dir))
        send.n_roots = 2;
    if (!drv_transfer_send(peer, &send, &place, &receipt, error))
        return FALSE;
    *result = drv_receipt_text(&receipt);
    return TRUE;
}

/* An overlay becomes one whole image, in the disk's stage. */
static gboolean
flatten(const TmDisk *disk, const char *file, DrvStage *stage, GError **error)
{
    g_autofree char *from = g_build_filename(disk->base, file, NULL);
    g_autoptr(DrvCmd) cmd = drv_qemu_img_convert(from, "qcow2", "image", "qcow2", TRUE);
    guint64 size;

    if (!tm_overlay_read(disk, file, &size, NULL, error) ||
        !tm_overlay_check(disk, file, error))
        return FALSE;
    drv_cmd_cwd(cmd, drv_stage_fd(stage));
    drv_cmd_timeout(cmd, drv_qemu_img_convert_timeout(size));
    return drv_cmd_run(cmd, error) &&
           drv_path_keep_rights(drv_stage_fd(stage), "image", disk->base_fd, file, error);
}

static gboolean
send_file(const TmStore *request,
          DrvPeer *peer,
          const TmDir *dir,
          const TmDisk *disk,
          gboolean with_snapshots,
          char **result,
          GError **error)
{
    g_autoptr(DrvStage) stage = drv_stage_open(dir->fd, dir->path, dir->disk, error);
    g_autofree char *file =
        request->snapshot_id < 0 || with_snapshots
            ? g_strdup(disk->file)
            : tm_disk_snapshot_file(disk, (guint64)request->snapshot_id);

    if (stage == NULL)
        return FALSE;
    if (disk->kind != TM_DISK_CHAIN)
        return ssh_image_send(peer,
                              disk->base_fd,
                              disk->base,
                              file,
                              with_snapshots ? disk->snap_dir : NULL,
                              request->image,
                              result,
                              error);
    return flatten(disk, file, stage, error) && ssh_image_send(peer,
                                                               drv_stage_fd(stage),
                                                               drv_stage_path(stage),
                                                               "image",
                                                               NULL,
                                                               request->image,
                                                               result,
                                                               error);
}

static gboolean
send_disk(const TmStore *request,
          DrvPeer *peer,
          gboolean with_snapshots,
          char **result,
          GError **error)
{
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_auto(TmDisk) disk = TM_DISK_INIT;

    if (!tm_dir_open(&dir, request->target, FALSE, error) ||
        !tm_disk_look(&disk, &dir, error))
        return FALSE;
    if (disk.kind == TM_DISK_MISSING)
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "'%s' is missing", request->target);
    if (!with_snapshots && request->snapshot_id >= 0 &&
        !tm_disk_has_snapshot(&disk, (guint64)request->snapshot_id))
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "'%s' has no snapshot %" G_GINT64_FORMAT,
                         request->target,
                         request->snapshot_id);
    drv_status_route(request->host, request->image);
    return send_file(request, peer, &dir, &disk, with_snapshots, result, error);
}

static gboolean
send_mvds(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    return send_disk(data, peer, TRUE, result, error);
}

const DrvOp ssh_mvds_send = {
    .name = "ssh.mvds_send",
    .request = &tm_mvds,
    .converse = send_mvds,
};
DRV_OP_REGISTER(ssh_mvds_send);

static gboolean
send_cpds(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    return send_disk(data, peer, FALSE, result, error);
}

const DrvOp ssh_cpds_send = {
    .name = "ssh.cpds_send",
    .request = &tm_cpds,
    .converse = send_cpds,
};
DRV_OP_REGISTER(ssh_cpds_send);

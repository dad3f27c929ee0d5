/* SPDX-License-Identifier: Apache-2.0 */
/* resize: a disk file, or what its link names, gets larger. */
#include <fcntl.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/qemu-img.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/tm.h"

static gboolean
resize_qcow2(const TmResize *request, const TmDisk *disk, guint64 size, GError **error)
{
    g_autoptr(DrvCmd) cmd =
        drv_qemu_img_resize(disk->file, "qcow2", size, !request->sparse);
    guint64 now;
    gboolean ok;

    if (!tm_overlay_read(disk, disk->file, &now, NULL, error))
        return FALSE;
    if (now >= size)
        return TRUE;
    if (!tm_overlay_check(disk, disk->file, error))
        return FALSE;
    drv_cmd_cwd(cmd, disk->base_fd);
    /* Without allocation it is a matter of milliseconds, and either done or not. */
    if (request->sparse)
        drv_cancel_shield();
    ok = drv_cmd_run(cmd, error);
    if (request->sparse)
        drv_cancel_unshield();
    return ok;
}

static gboolean
resize_raw(const TmResize *request, const TmDisk *disk, guint64 size, GError **error)
{
    g_auto(DrvFd) fd = drv_path_open_beneath(
        disk->base_fd, disk->base, disk->file, O_RDWR | O_NONBLOCK, 0, error);

    return fd >= 0 && tm_raw_grow(fd, size, !request->sparse, disk->file, error);
}

/* Of a running VM the hypervisor does it, and knows better when. */
static DrvWhere
where(gconstpointer data)
{
    const TmResize *request = data;

    return request->lcm_state == TM_LCM_DISK_RESIZE ? DRV_NOWHERE : DRV_AT_DATA;
}

static gboolean
resize_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmResize *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_auto(TmDisk) disk = TM_DISK_INIT;
    g_autoptr(DrvStage) stage = NULL;
    guint64 size;

    (void)in, (void)result;
    if (!tm_size_of_mb(request->size_mb, &size, error) ||
        !tm_dir_open(&dir, request->target, FALSE, error))
        return FALSE;
    stage = drv_stage_open(dir.fd, dir.path, dir.disk, error);
    if (stage == NULL || !tm_disk_look(&disk, &dir, error))
        return FALSE;
    if (disk.kind == TM_DISK_MISSING)
        return drv_throw(
            error, DRV_ERROR_NOT_FOUND, "'%s/%s' is missing", dir.path, dir.disk);
    if (disk.kind == TM_DISK_CHAIN || disk.kind == TM_DISK_PERSISTENT ||
        g_str_equal(request->format, "qcow2"))
        return resize_qcow2(request, &disk, size, error);
    return resize_raw(request, &disk, size, error);
}

const DrvOp tm_resize_op = {
    .name = "tm.resize",
    .request = &tm_resize,
    .run = resize_disk,
    .where = where,
};
DRV_OP_REGISTER(tm_resize_op);

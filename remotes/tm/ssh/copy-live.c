/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ssh/copy-live.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/qemu-img.h"
#include "source/copy.h"
#include "tm/ops/tm-image.h"
#include "virt/block.h"
#include "virt/freeze.h"

static gboolean
is_qcow2(const TmDisk *disk, const char *format)
{
    return disk->kind == TM_DISK_CHAIN || g_str_equal(format, "qcow2");
}

/* The file is made by us, so that it is ours whoever the hypervisor runs as. */
static gboolean
make_qcow2(const TmDisk *disk, DrvStage *stage, const char *name, GError **error)
{
    g_autoptr(DrvCmd) create = NULL;
    guint64 size;

    if (!tm_overlay_check(disk, disk->file, error) ||
        !tm_overlay_read(disk, disk->file, &size, NULL, error))
        return FALSE;
    create = drv_qemu_img_create(name, "qcow2", size, NULL);
    drv_cmd_cwd(create, drv_stage_fd(stage));
    return drv_cmd_run(create, error);
}

static int
make_raw(DrvStage *stage, const char *name, GError **error)
{
    return drv_path_open_beneath(drv_stage_fd(stage),
                                 drv_stage_path(stage),
                                 name,
                                 O_RDWR | O_CREAT | O_EXCL,
                                 0666,
                                 error);
}

static gboolean
make_target(const TmDisk *disk,
            const char *format,
            DrvStage *stage,
            const char *name,
            GError **error)
{
    g_auto(DrvFd) fd = -1;
    struct stat info;

    if (is_qcow2(disk, format))
        return make_qcow2(disk, stage, name, error) &&
               drv_path_keep_rights(
                   drv_stage_fd(stage), name, disk->base_fd, disk->file, error);
    if (fstatat(disk->base_fd, disk->file, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return drv_throw_errno(error, "cannot stat '%s/%s'", disk->base, disk->file);
    fd = make_raw(stage, name, error);
    return fd >= 0 && tm_raw_grow(fd, (guint64)info.st_size, FALSE, name, error) &&
           drv_path_keep_rights(fd, "", disk->base_fd, disk->file, error);
}

static gboolean
copy_by_hypervisor(TmLive *live,
                   const TmDisk *disk,
                   const char *target,
                   const char *format,
                   DrvStage *stage,
                   const char *name,
                   GError **error)
{
    g_autofree char *file = g_build_filename(drv_stage_path(stage), name, NULL);
    DrvBlockCopy copy = {
        .target = target,
        .file = file,
        .format = is_qcow2(disk, format) ? "qcow2" : "raw",
        .reuse = TRUE,
        .quiet_s = TM_AGENT_TIMEOUT_S,
    };

    return make_target(disk, format, stage, name, error) &&
           drv_block_copy(live->domain, &copy, error);
}

static gboolean
copy_quietly(
    TmLive *live, const TmDisk *disk, DrvStage *stage, const char *name, GError **error)
{
    g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;
    g_auto(DrvFd) in = drv_path_open_beneath(
        disk->base_fd, disk->base, disk->file, O_RDONLY | O_NONBLOCK, 0, error);
    g_auto(DrvFd) out = -1;
    DrvCopyOptions options = { .name = drv_stage_path(stage) };

    if (in < 0 ||
        !drv_path_unlink(drv_stage_fd(stage), drv_stage_path(stage), name, error))
        return FALSE;
    out = make_raw(stage, name, error);
    return out >= 0 &&
           drv_freeze_begin(&quiet, live->domain, TM_AGENT_TIMEOUT_S, error) &&
           drv_copy_fd(in, out, &options, NULL, error) && drv_freeze_end(&quiet, error);
}

gboolean
ssh_copy_live(TmLive *live,
              const TmDisk *disk,
              const char *target,
              const char *format,
              DrvStage *stage,
              const char *name,
              GError **error)
{
    g_autoptr(GError) why = NULL;

    if (copy_by_hypervisor(live, disk, target, format, stage, name, &why))
        return TRUE;
    if (is_qcow2(disk, format) || (!drv_error_is(why, DRV_ERROR_UNSUPPORTED) &&
                                   !drv_error_is(why, DRV_ERROR_VIRT))) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    drv_ignore(&why, "the guest is made quiet and the disk copied");
    return copy_quietly(live, disk, stage, name, error);
}

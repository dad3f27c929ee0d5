/* SPDX-License-Identifier: Apache-2.0 */
/* cpds of a disk whose domain runs: the hypervisor copies it while the guest goes on, and
 * the copy is the disk at one moment at the end, with the guest quiet.  Where it cannot,
 * the guest is quiet for as long as a copy takes.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/qemu-img.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/cpds.h"
#include "tm/overlay/live.h"
#include "virt/block.h"
#include "virt/freeze.h"

static gboolean
keep_rights(const TmCpds *cpds, GError **error)
{
    return drv_path_keep_rights(
        drv_stage_fd(cpds->stage), "image", cpds->disk.base_fd, cpds->disk.file, error);
}

/* The file is made by us, so that it is ours whoever the hypervisor runs as. */
static gboolean
make_target(const TmCpds *cpds, GError **error)
{
    const TmDisk *disk = &cpds->disk;
    g_autoptr(DrvCmd) create = NULL;
    g_auto(DrvFd) fd = -1;
    guint64 size;
    struct stat info;

    if (cpds->qcow2) {
        if (!tm_overlay_check(disk, disk->file, error) ||
            !tm_overlay_read(disk, disk->file, &size, NULL, error))
            return FALSE;
        create = drv_qemu_img_create("image", "qcow2", size, NULL);
        drv_cmd_cwd(create, drv_stage_fd(cpds->stage));
        return drv_cmd_run(create, error) && keep_rights(cpds, error);
    }
    if (fstatat(disk->base_fd, disk->file, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return drv_throw_errno(error, "cannot stat '%s/%s'", disk->base, disk->file);
    fd = drv_stage_create(cpds->stage, "image", error);
    return fd >= 0 && tm_raw_grow(fd, (guint64)info.st_size, FALSE, "image", error) &&
           keep_rights(cpds, error);
}

static gboolean
copy_by_hypervisor(const TmStore *request, TmLive *live, TmCpds *cpds, GError **error)
{
    g_autofree char *file = g_build_filename(drv_stage_path(cpds->stage), "image", NULL);
    DrvBlockCopy copy = {
        .target = request->dev_target,
        .file = file,
        .format = cpds->qcow2 ? "qcow2" : "raw",
        .reuse = TRUE,
        .quiet_s = TM_AGENT_TIMEOUT_S,
    };

    return make_target(cpds, error) && drv_block_copy(live->domain, &copy, error);
}

static gboolean
copy_quietly(const TmStore *request,
             TmLive *live,
             const TmDisk *disk,
             DrvStage *stage,
             gboolean qcow2,
             GError **error)
{
    g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

    return drv_path_remove_tree(
               drv_stage_fd(stage), drv_stage_path(stage), "image", error) &&
           drv_freeze_begin(&quiet, live->domain, TM_AGENT_TIMEOUT_S, error) &&
           tm_cpds_copy(request, disk, qcow2, stage, error) &&
           drv_freeze_end(&quiet, error);
}

static gboolean
copy_live(const TmStore *request, TmLive *live, TmCpds *cpds, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (copy_by_hypervisor(request, live, cpds, &why))
        return TRUE;
    if (!drv_error_is(why, DRV_ERROR_UNSUPPORTED) && !drv_error_is(why, DRV_ERROR_VIRT)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    drv_ignore(&why, "the guest is made quiet and the disk copied");
    return copy_quietly(request, live, &cpds->disk, cpds->stage, cpds->qcow2, error);
}

gboolean
overlay_run_cpds_live(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmCpds) cpds = TM_CPDS_INIT;
    g_auto(TmLive) live = TM_LIVE_INIT;

    (void)in, (void)result;
    if (!tm_cpds_open(&cpds, request, error))
        return FALSE;
    if (cpds.is_image)
        return TRUE;
    return tm_live_open(
               &live, request->deploy_id, request->vm_id, request->vm_mad, error) &&
           copy_live(request, &live, &cpds, error) && tm_cpds_publish(&cpds, error);
}

DRV_OP_REGISTER(overlay_cpds_live);

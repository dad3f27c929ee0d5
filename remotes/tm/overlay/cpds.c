/* SPDX-License-Identifier: Apache-2.0 */
/* cpds: a disk or one of its snapshots becomes an image.  The copy is made beside the
 * image's place and gets its name when it is complete.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/qemu-img.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/cpds.h"
#include "tm/overlay/live.h"

/* The file to copy, below the disk's base. */
static char *
source_file(const TmDisk *disk, gint64 snapshot_id)
{
    if (snapshot_id < 0)
        return g_strdup(disk->file);
    return tm_disk_snapshot_file(disk, (guint64)snapshot_id);
}

/* A file that no driver has made a chain of may be written by its guest, header and all:
 * what it names is read only if it is the image that oned tells of.
 */
static gboolean
check_backing(const TmStore *request, const TmDisk *disk, char *backing, GError **error)
{
    g_autofree char *clean = drv_path_collapse(backing ? backing : "");
    g_autofree char *source = drv_path_collapse(request->source);

    if (backing == NULL || disk->kind == TM_DISK_CHAIN ||
        disk->kind == TM_DISK_PERSISTENT ||
        (disk->kind == TM_DISK_PLAIN && g_str_equal(clean, source)))
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "'%s/%s' has an unexpected backing file: '%s'",
                     disk->base,
                     disk->file,
                     backing);
}

static gboolean
copy_qcow2(const TmStore *request,
           const TmDisk *disk,
           const char *file,
           DrvStage *stage,
           GError **error)
{
    g_autofree char *from = g_build_filename(disk->base, file, NULL);
    g_autoptr(DrvCmd) cmd = drv_qemu_img_convert(from, "qcow2", "image", "qcow2", TRUE);
    g_autofree char *backing = NULL;
    guint64 size;

    if (!tm_overlay_read(disk, file, &size, &backing, error) ||
        !check_backing(request, disk, backing, error) ||
        !tm_overlay_check(disk, file, error))
        return FALSE;
    drv_cmd_cwd(cmd, drv_stage_fd(stage));
    drv_cmd_timeout(cmd, drv_qemu_img_convert_timeout(size));
    return drv_cmd_run(cmd, error) &&
           drv_path_keep_rights(drv_stage_fd(stage), "image", disk->base_fd, file, error);
}

static gboolean
copy_raw(const TmDisk *disk, const char *file, DrvStage *stage, GError **error)
{
    g_auto(DrvFd) fd = drv_path_open_beneath(
        disk->base_fd, disk->base, file, O_RDONLY | O_NONBLOCK, 0, error);

    return fd >= 0 && tm_copy_to_stage(stage, fd, "image", NULL, error);
}

gboolean
tm_cpds_copy(const TmStore *request,
             const TmDisk *disk,
             gboolean qcow2,
             DrvStage *stage,
             GError **error)
{
    g_autofree char *file = source_file(disk, request->snapshot_id);

    return qcow2 ? copy_qcow2(request, disk, file, stage, error)
                 : copy_raw(disk, file, stage, error);
}

void
tm_cpds_clear(TmCpds *cpds)
{
    g_clear_pointer(&cpds->stage, drv_stage_free);
    g_clear_pointer(&cpds->name, g_free);
    tm_disk_clear(&cpds->disk);
    tm_dir_clear(&cpds->dir);
}

gboolean
tm_cpds_open(TmCpds *cpds, const TmStore *request, GError **error)
{
    const TmDir *dir = &cpds->dir;
    g_autofree char *image = NULL;
    g_autofree char *directory = NULL;
    g_auto(DrvFd) fd = -1;

    if (!tm_dir_open(&cpds->dir, request->target, FALSE, error) ||
        !tm_disk_look(&cpds->disk, dir, error))
        return FALSE;
    if (cpds->disk.kind == TM_DISK_MISSING)
        return drv_throw(
            error, DRV_ERROR_NOT_FOUND, "'%s/%s' is missing", dir->path, dir->disk);
    cpds->qcow2 = cpds->disk.kind == TM_DISK_CHAIN ||
                  cpds->disk.kind == TM_DISK_PERSISTENT ||
                  g_str_equal(request->format, "qcow2");
    image = tm_dir_image_path(dir, request->image);
    cpds->name = g_path_get_basename(image);
    directory = g_path_get_dirname(image);
    cpds->is_image =
        cpds->disk.kind == TM_DISK_IMAGE && g_str_equal(cpds->disk.link, image);
    if (cpds->is_image)
        return TRUE;
    fd = drv_path_make_dir(directory, error);
    if (fd < 0)
        return FALSE;
    cpds->stage = drv_stage_open(fd, directory, cpds->name, error);
    return cpds->stage != NULL;
}

gboolean
tm_cpds_publish(TmCpds *cpds, GError **error)
{
    drv_stage_publish(cpds->stage, "image", cpds->name);
    return drv_stage_commit(cpds->stage, error);
}

static gboolean
save_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmCpds) cpds = TM_CPDS_INIT;

    (void)in, (void)result;
    if (!tm_cpds_open(&cpds, request, error))
        return FALSE;
    if (!cpds.is_image && request->snapshot_id >= 0 &&
        !tm_disk_has_snapshot(&cpds.disk, (guint64)request->snapshot_id))
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "'%s' has no snapshot %" G_GINT64_FORMAT,
                         request->target,
                         request->snapshot_id);
    return cpds.is_image ||
           (tm_cpds_copy(request, &cpds.disk, cpds.qcow2, cpds.stage, error) &&
            tm_cpds_publish(&cpds, error));
}

static DrvWhere
where(gconstpointer data)
{
    const TmStore *request = data;
    gboolean is_live =
        request->lcm_state == TM_LCM_HOTPLUG_SAVEAS && request->snapshot_id < 0;

    return is_live ? DRV_LIVE : DRV_AT_DATA;
}

const DrvOp overlay_cpds_live = {
    .name = "overlay.cpds_live",
    .request = &tm_cpds,
    .run = overlay_run_cpds_live,
    .worker = DRV_WORKER_VIRT,
};

const DrvOp overlay_cpds = {
    .name = "overlay.cpds",
    .request = &tm_cpds,
    .run = save_disk,
    .where = where,
    .live = &overlay_cpds_live,
};
DRV_OP_REGISTER(overlay_cpds);

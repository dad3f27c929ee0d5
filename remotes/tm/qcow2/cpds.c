/* SPDX-License-Identifier: Apache-2.0 */
/* cpds: a disk or one of its snapshots becomes an image.  The copy is made beside the
 * image's place and gets its name when it is complete.
 */
#include <fcntl.h>

#include "common/tm-dir.h"
#include "common/tm-image.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-image.h"
#include "drv-path.h"
#include "drv-stage.h"
#include "tm.h"

/* The file to copy, below the disk's base. */
static char *
source_file(const TmDisk *disk, gint64 snapshot_id)
{
    if (snapshot_id < 0)
        return g_strdup(disk->file);
    return tm_disk_snapshot_file(disk, (guint64)snapshot_id);
}

static gboolean
copy_qcow2(const TmDisk *disk, const char *file, DrvStage *stage, GError **error)
{
    g_autofree char *from = g_build_filename(disk->base, file, NULL);
    g_autoptr(DrvCmd) cmd = drv_image_convert_cmd(from, "qcow2", "image", "qcow2", TRUE);
    guint64 size;

    if (!tm_overlay_read(disk->base_fd, disk->base, file, &size, NULL, error))
        return FALSE;
    drv_cmd_cwd(cmd, drv_stage_fd(stage));
    return drv_cmd_run(cmd, error);
}

static gboolean
copy_raw(const TmDisk *disk, const char *file, DrvStage *stage, GError **error)
{
    g_auto(DrvFd) fd = drv_path_open_beneath(
        disk->base_fd, disk->base, file, O_RDONLY | O_NONBLOCK, 0, error);

    return fd >= 0 && tm_copy_to_stage(stage, fd, "image", NULL, error);
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_auto(TmDisk) disk = TM_DISK_INIT;
    g_autoptr(DrvStage) stage = NULL;
    g_autofree char *image = NULL;
    g_autofree char *name = NULL;
    g_autofree char *folder = NULL;
    g_autofree char *file = NULL;
    g_auto(DrvFd) folder_fd = -1;
    gboolean chain;

    (void)in, (void)result;
    if (!tm_dir_open(&dir, request->target, FALSE, error) ||
        !tm_disk_look(&disk, &dir, error))
        return FALSE;
    if (disk.kind == TM_DISK_MISSING)
        return drv_throw(
            error, DRV_ERROR_NOT_FOUND, "'%s/%s' is missing", dir.path, dir.disk);
    image = tm_dir_image_path(&dir, request->image);
    name = g_path_get_basename(image);
    folder = g_path_get_dirname(image);
    if (disk.kind == TM_DISK_IMAGE && g_str_equal(disk.link, image))
        return TRUE; /* the disk is that image */
    folder_fd = drv_path_make_dir(folder, error);
    if (folder_fd < 0)
        return FALSE;
    stage = drv_stage_open(folder_fd, folder, name, error);
    if (stage == NULL)
        return FALSE;
    file = source_file(&disk, request->snapshot_id);
    chain = disk.kind == TM_DISK_CHAIN || disk.kind == TM_DISK_PERSISTENT ||
            g_str_equal(request->format, "qcow2");
    if (chain ? !copy_qcow2(&disk, file, stage, error)
              : !copy_raw(&disk, file, stage, error))
        return FALSE;
    drv_stage_put(stage, "image", name);
    return drv_stage_commit(stage, error);
}

static gboolean
is_live(gconstpointer data)
{
    const TmStore *request = data;

    return request->lcm_state == TM_LCM_HOTPLUG_SAVEAS && request->snapshot_id < 0;
}

const DrvOp qcow2_cpds = {
    .name = "qcow2.cpds",
    .request = &tm_cpds,
    .run = run,
    .is_live = is_live,
    .live = "qcow2.cpds_live",
};
DRV_OP_REGISTER(qcow2_cpds);

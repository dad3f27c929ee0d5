/* SPDX-License-Identifier: Apache-2.0 */
/* snap_revert of an image that no VM uses. */
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "datastore/fs/fs.h"
#include "image/inspect.h"
#include "image/qemu-img.h"

static gboolean
revert_chain(FsImage *image, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(image->dir, file, NULL);
    g_autofree char *active = NULL;
    g_autofree char *child = NULL;
    g_auto(DrvImageInfo) info = { 0 };
    g_auto(DrvFd) fd = fs_image_open_file(image, file, error);
    g_autoptr(DrvCmd) cmd = NULL;
    gint64 highest;

    if (fd < 0 || !drv_inspect_fd(fd, path, &info, error) ||
        !fs_image_scan(image, file, &highest, &child, error))
        return FALSE;
    active = g_strdup_printf("%s/%" G_GINT64_FORMAT, image->snap_dir, highest);
    if (g_str_equal(active, file))
        return drv_throw(error, DRV_ERROR_FAILED, "'%s' is the newest file itself", path);
    cmd = drv_qemu_img_overlay(
        "copy", info.virtual_size, path, drv_inspect_format_name(info.format), NULL);
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    if (!drv_cmd_run(cmd, error) ||
        !drv_path_keep_rights(drv_stage_fd(image->stage), "copy", fd, "", error))
        return FALSE;
    drv_stage_publish(image->stage, "copy", active);
    return TRUE;
}

static gboolean
revert(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_autofree char *file = NULL;

    (void)in, (void)result;
    if (!fs_image_open(&image, "", request->source, error))
        return FALSE;
    file = fs_image_find_snapshot(&image, request->snapshot_id, error);
    if (file == NULL)
        return FALSE;
    if (fs_image_is_chain(&image)) {
        if (!revert_chain(&image, file, error))
            return FALSE;
    } else {
        if (!fs_image_stage_copy(&image, file, error))
            return FALSE;
        drv_stage_publish(image.stage, "copy", image.name);
    }
    fs_image_take_sidecars(&image);
    return drv_stage_commit(image.stage, error);
}

const DrvOp fs_snap_revert = {
    .name = "fs.snap_revert",
    .request = &ds_snapshot,
    .run = revert,
};
DRV_OP_REGISTER(fs_snap_revert);

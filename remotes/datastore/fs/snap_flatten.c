/* SPDX-License-Identifier: Apache-2.0 */
/* snap_flatten of an image that no VM uses: a snapshot becomes the image, and all others
 * go. */
#include <fcntl.h>

#include "base/path.h"
#include "datastore/fs/fs.h"
#include "image/chain.h"
#include "image/inspect.h"
#include "image/qemu-img.h"

static gboolean
flatten_chain(FsImage *image, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(image->dir, file, NULL);
    g_autofree char *root = g_path_get_dirname(image->dir);
    g_autoptr(DrvCmd) cmd = drv_qemu_img_convert(path, "qcow2", "copy", "qcow2", TRUE);
    g_auto(DrvImageInfo) info = { 0 };

    if (!drv_chain_check(root, path, "qcow2", error) ||
        !drv_inspect_file(AT_FDCWD, path, DRV_INSPECT_FOLLOW, &info, error))
        return FALSE;
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    drv_cmd_timeout(cmd, drv_qemu_img_convert_timeout(info.virtual_size));
    return drv_cmd_run(cmd, error) &&
           drv_path_keep_rights(
               drv_stage_fd(image->stage), "copy", image->dir_fd, file, error);
}

static gboolean
flatten(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_autofree char *file = NULL;

    (void)in, (void)result;
    if (!fs_image_open(&image, "", request->source, error))
        return FALSE;
    if (!drv_path_exists(image.dir_fd, image.snap_dir) &&
        drv_path_exists(image.dir_fd, image.name))
        return TRUE;
    file = fs_image_find_snapshot(&image, request->snapshot_id, error);
    if (file == NULL)
        return FALSE;
    if (fs_image_is_chain(&image) ? !flatten_chain(&image, file, error)
                                  : !fs_image_stage_copy(&image, file, error))
        return FALSE;
    drv_stage_publish(image.stage, "copy", image.name);
    drv_stage_remove(image.stage, image.snap_dir);
    fs_image_take_sidecars(&image);
    return drv_stage_commit(image.stage, error);
}

const DrvOp fs_snap_flatten = {
    .name = "fs.snap_flatten",
    .request = &ds_snapshot,
    .run = flatten,
};
DRV_OP_REGISTER(fs_snap_flatten);

/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete of an image that no VM uses. */
#include "base/error.h"
#include "base/path.h"
#include "datastore/fs/fs.h"
#include "image/snapshots.h"

static gboolean
delete_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_autofree char *file = NULL;
    g_autofree char *note = NULL;
    g_autofree char *child = NULL;
    gint64 highest;

    (void)in, (void)result;
    if (!fs_image_open(&image, "", request->source, error))
        return FALSE;
    file = fs_image_snapshot(&image, request->snapshot_id);
    note = g_strdup_printf(
        "%s/%" G_GINT64_FORMAT ".current", image.snap_dir, request->snapshot_id);
    if (fs_image_is_chain(&image) &&
        !fs_image_scan(&image, file, &highest, &child, error))
        return FALSE;
    if (child)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "snapshot %" G_GINT64_FORMAT
                         " is the backing file of '%s/%s/%s'",
                         request->snapshot_id,
                         image.dir,
                         image.snap_dir,
                         child);
    if (!drv_snapshots_has(
            image.dir_fd, image.dir, image.snap_dir, (guint64)request->snapshot_id))
        return TRUE;
    drv_stage_remove(image.stage, file);
    if (drv_path_exists(image.dir_fd, note))
        drv_stage_remove(image.stage, note);
    fs_image_take_sidecars(&image);
    return drv_stage_commit(image.stage, error);
}

const DrvOp fs_snap_delete = {
    .name = "fs.snap_delete",
    .request = &ds_snapshot,
    .run = delete_snapshot,
};
DRV_OP_REGISTER(fs_snap_delete);

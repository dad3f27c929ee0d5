/* SPDX-License-Identifier: Apache-2.0 */
/* rm: image, snapshots and checksums disappear at once, by a rename. */
#include "drv-error.h"
#include "drv-path.h"
#include "fs/fs.h"

static gboolean
is_nothing(gconstpointer data)
{
    return *((const DsImage *)data)->source == '\0';
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;

    (void)in, (void)result;
    if (!fs_image_open(&image, request->base_path, request->source, error))
        return FALSE;
    drv_stage_sweep(image.dir_fd, image.dir);
    if (drv_path_exists(image.dir_fd, image.snap_dir))
        drv_stage_take(image.stage, image.snap_dir);
    fs_image_take_sidecars(&image);
    drv_stage_take(image.stage, image.name);
    return drv_stage_commit(image.stage, error);
}

const DrvOp fs_rm = {
    .name = "fs.rm", .request = &ds_rm, .run = run, .is_nothing = is_nothing
};
DRV_OP_REGISTER(fs_rm);

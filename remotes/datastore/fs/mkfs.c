/* SPDX-License-Identifier: Apache-2.0 */
#include "image/mkfs.h"
#include "base/bytes.h"
#include "base/error.h"
#include "datastore/fs/fs.h"

/* The file of a disk that is saved is made by cpds. */
static DrvWhere
where(gconstpointer data)
{
    const DsMkfs *request = data;

    return g_str_equal(request->format, "save_as") ? DRV_NOWHERE : DRV_AT_DATA;
}

static gboolean
make_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsMkfs *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    DrvMkfs want = {
        .format = request->format,
        .fs = request->fs,
        .size = request->size_mb * DRV_MIB,
        .supported_fs = (const char *const *)request->supported_fs,
        .fs_options = (const char *const *)request->fs_options,
    };

    (void)in, (void)result;
    if (request->size_mb > G_MAXINT64 / DRV_MIB)
        return drv_throw(error, DRV_ERROR_DUMP, "invalid image size");
    return fs_image_new(&image, request->base_path, request->name, error) &&
           drv_mkfs(drv_stage_fd(image.stage), "data", &want, error) &&
           fs_image_publish(&image, "data", error);
}

const DrvOp fs_mkfs = {
    .name = "fs.mkfs",
    .request = &ds_mkfs,
    .run = make_image,
    .where = where,
};
DRV_OP_REGISTER(fs_mkfs);

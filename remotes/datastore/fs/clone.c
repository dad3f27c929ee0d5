/* SPDX-License-Identifier: Apache-2.0 */
/* clone: a copy of an image, from here or from the stream of another bridge. */
#include "base/fd.h"
#include "base/path.h"
#include "datastore/fs/fs.h"
#include "image/chain.h"
#include "image/inspect.h"
#include "image/qemu-img.h"
#include "source/copy.h"

static gboolean
copy_from_here(const DsClone *request, int fd, GError **error)
{
    g_auto(DrvFd) from = drv_chain_open_image(request->source, error);
    DrvCopyOptions options = { .name = request->base_path };

    return from >= 0 && drv_copy_fd(from, fd, &options, NULL, error);
}

/* The copy is what is inspected and converted: the original may be in use. */
static gboolean
convert(const DsClone *request, FsImage *image, int fd, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(DrvCmd) cmd = NULL;

    info.format = DRV_IMAGE_RAW;
    if (!g_str_equal(request->format, "raw") &&
        (!drv_inspect_fd(fd, request->source, &info, error) ||
         !drv_inspect_admit(&info, request->source, error)))
        return FALSE;
    cmd = drv_qemu_img_convert(
        "data", drv_inspect_format_name(info.format), "converted", request->driver, TRUE);
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    return drv_cmd_run(cmd, error);
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsClone *request = data;
    gboolean converts = *request->driver != '\0';
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_auto(DrvFd) fd = -1;

    (void)result;
    if (!fs_image_new(&image, request->base_path, request->name, error))
        return FALSE;
    fd = drv_stage_create(image.stage, "data", error);
    if (fd < 0)
        return FALSE;
    if (request->source_bridges[0] ? !drv_copy_source(in, fd, TRUE, NULL, error)
                                   : !copy_from_here(request, fd, error))
        return FALSE;
    if (converts && !convert(request, &image, fd, error))
        return FALSE;
    return fs_image_publish(&image, converts ? "converted" : "data", error);
}

const DrvOp fs_clone = { .name = "fs.clone", .request = &ds_clone, .run = run };
DRV_OP_REGISTER(fs_clone);

/* SPDX-License-Identifier: Apache-2.0 */
/* clone: a copy of an image, from here or from the stream of another bridge. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "datastore/fs/fs.h"
#include "image/chain.h"
#include "image/inspect.h"
#include "image/qemu-img.h"
#include "image/snapshots.h"
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
    struct stat there;

    if (fstat(fd, &there) < 0)
        return drv_throw_errno(error, "cannot stat the copy");
    info.format = DRV_IMAGE_RAW;
    info.virtual_size = (guint64)there.st_size;
    if (!g_str_equal(request->format, "raw") &&
        (!drv_inspect_fd(fd, request->source, &info, error) ||
         !drv_inspect_admit(&info, request->source, error)))
        return FALSE;
    cmd = drv_qemu_img_convert(
        "data", drv_inspect_format_name(info.format), "converted", request->driver, TRUE);
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    drv_cmd_timeout(cmd, drv_qemu_img_convert_timeout(info.virtual_size));
    return drv_cmd_run(cmd, error) &&
           drv_path_keep_rights(drv_stage_fd(image->stage), "converted", fd, "", error);
}

/* An image with a chain of snapshots becomes one file. */
static gboolean
flatten(const DsClone *request, FsImage *image, const char *newest, GError **error)
{
    g_autofree char *clean = drv_path_collapse(request->source);
    g_autofree char *dir = g_path_get_dirname(clean);
    g_autofree char *root = g_path_get_dirname(dir);
    const char *driver = *request->driver ? request->driver : "qcow2";
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(DrvCmd) cmd =
        drv_qemu_img_convert(newest, "qcow2", "converted", driver, TRUE);

    if (!drv_chain_check(root, newest, "qcow2", error) ||
        !drv_inspect_file(AT_FDCWD, newest, DRV_INSPECT_FOLLOW, &info, error))
        return FALSE;
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    drv_cmd_timeout(cmd, drv_qemu_img_convert_timeout(info.virtual_size));
    return drv_cmd_run(cmd, error) &&
           drv_path_keep_rights(
               drv_stage_fd(image->stage), "converted", AT_FDCWD, newest, error);
}

static gboolean
copy(const DsClone *request, DrvSource *in, FsImage *image, GError **error)
{
    g_auto(DrvFd) fd = drv_stage_create(image->stage, "data", error);

    if (fd < 0)
        return FALSE;
    if (request->source_bridges[0] ? !drv_copy_source(in, fd, TRUE, NULL, error)
                                   : !copy_from_here(request, fd, error))
        return FALSE;
    return *request->driver == '\0' || convert(request, image, fd, error);
}

static gboolean
clone_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsClone *request = data;
    g_autofree char *clean = drv_path_collapse(request->source);
    g_autofree char *newest =
        request->source_bridges[0] ? NULL : drv_snapshots_newest(clean);
    gboolean flattens = newest && !g_str_equal(newest, clean);
    gboolean converts = flattens || *request->driver;
    g_auto(FsImage) image = FS_IMAGE_INIT;

    (void)result;
    if (!fs_image_new(&image, request->base_path, request->name, error))
        return FALSE;
    if (flattens ? !flatten(request, &image, newest, error)
                 : !copy(request, in, &image, error))
        return FALSE;
    return fs_image_publish(&image, converts ? "converted" : "data", error);
}

const DrvOp fs_clone = { .name = "fs.clone", .request = &ds_clone, .run = clone_image };
DRV_OP_REGISTER(fs_clone);

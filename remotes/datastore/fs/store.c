/* SPDX-License-Identifier: Apache-2.0 */
/* cp's op: the stream becomes an image.  It gets its name when it is complete, admitted
 * and, if the datastore wants one format, converted.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "datastore/ds-limit.h"
#include "datastore/fs/fs.h"
#include "image/inspect.h"
#include "image/qemu-img.h"
#include "source/copy.h"
#include "source/unpack.h"

static guint64
free_bytes(int dir_fd)
{
    struct statvfs info;

    return fstatvfs(dir_fd, &info) == 0 ? (guint64)info.f_bavail * info.f_frsize : 0;
}

static gboolean
write_stream(
    const DsCp *request, const FsImage *image, DrvSource *in, int fd, GError **error)
{
    g_autoptr(DrvSource) limited = NULL;
    int plain = drv_source_plain_fd(in);
    DrvCopyOptions options = { .name = image->dir };

    if (plain >= 0 && request->sparse)
        return drv_copy_fd(plain, fd, &options, NULL, error);
    limited = ds_limit_stream(request, in, free_bytes(image->dir_fd));
    return drv_copy_source(limited, fd, request->sparse, NULL, error);
}

/* No VM has a use for what would come of it. */
static gboolean
refuse_archive(const DsCp *request, DrvArchiveKind kind, GError **error)
{
    gboolean is_ova = g_str_has_suffix(request->shown, ".ova");

    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "%s: unpack it and register the disk%s in it ('%s')",
                     is_ova                    ? "an OVA is not a disk"
                     : kind == DRV_ARCHIVE_ZIP ? "a zip is not a disk"
                                               : "a tar is not a disk",
                     is_ova ? "s" : "",
                     request->shown);
}

static gboolean
refuse_empty(const DsCp *request, int fd, GError **error)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot stat the new image");
    return info.st_size > 0 ||
           drv_throw(error, DRV_ERROR_REFUSED, "'%s' is empty", request->shown);
}

static gboolean
convert(const DsCp *request,
        const FsImage *image,
        const DrvImageInfo *info,
        GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_qemu_img_convert("data",
                                                 drv_inspect_format_name(info->format),
                                                 "converted",
                                                 request->driver,
                                                 request->sparse);

    if (!ds_limit_check_conversion(
            request, info->virtual_size, free_bytes(image->dir_fd), error))
        return FALSE;
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    drv_cmd_timeout(cmd, drv_qemu_img_convert_timeout(info->virtual_size));
    return drv_cmd_run(cmd, error) && drv_path_keep_rights(drv_stage_fd(image->stage),
                                                           "converted",
                                                           drv_stage_fd(image->stage),
                                                           "data",
                                                           error);
}

static gboolean
wants_conversion(const DsCp *request, const DrvImageInfo *info)
{
    static const char *const drivers[] = { "raw", "qcow2", NULL };

    return request->convert && g_strv_contains(drivers, request->driver) &&
           info->format != DRV_IMAGE_LUKS &&
           !g_str_equal(drv_inspect_core_format(info->format), request->driver);
}

/* What it is decides whether it may come in, and what it is called: *made is the name in
 * the stage of what is to be published, *format what the front-end is told.
 */
static gboolean
admit(const DsCp *request,
      const FsImage *image,
      int fd,
      const char **made,
      const char **format,
      GError **error)
{
    DrvArchiveKind kind = DRV_ARCHIVE_NONE;
    g_auto(DrvImageInfo) info = { 0 };

    *made = "data";
    *format = "raw";
    if (!refuse_empty(request, fd, error))
        return FALSE;
    if (request->ds_type == DS_TYPE_FILE)
        return TRUE;
    if (!drv_unpack_is_archive(fd, &kind, error))
        return FALSE;
    if (kind != DRV_ARCHIVE_NONE)
        return refuse_archive(request, kind, error);
    if (!drv_inspect_fd(fd, request->shown, &info, error) ||
        !drv_inspect_admit(&info, request->shown, error) ||
        !ds_limit_check_size(request, info.virtual_size, error))
        return FALSE;
    *format = drv_inspect_core_format(info.format);
    if (!wants_conversion(request, &info))
        return TRUE;
    *made = "converted";
    *format = request->driver;
    return convert(request, image, &info, error);
}

static gboolean
store_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsCp *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    const char *made, *format;
    g_auto(DrvFd) fd = -1;

    if (!fs_image_new(&image, request->base_path, request->name, error))
        return FALSE;
    fd = drv_stage_create(image.stage, "data", error);
    if (fd < 0 || !write_stream(request, &image, in, fd, error) ||
        !admit(request, &image, fd, &made, &format, error) ||
        !fs_image_publish(&image, made, error))
        return FALSE;
    *result = g_strdup(format);
    return TRUE;
}

const DrvOp fs_store = { .name = "fs.store", .request = &ds_cp, .run = store_image };
DRV_OP_REGISTER(fs_store);

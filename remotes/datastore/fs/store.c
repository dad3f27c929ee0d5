/* SPDX-License-Identifier: Apache-2.0 */
/* cp's op: the stream becomes an image.  It gets its name when it is complete, admitted
 * and, if the datastore wants one format, converted.
 */
#include <sys/statvfs.h>

#include "drv-copy.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-image.h"
#include "drv-inspect.h"
#include "drv-path.h"
#include "drv-unpack.h"
#include "fs/fs.h"

#define MIB (1024 * 1024ULL)

/* A stream that is not ours to free, for stages that own what they wrap. */
static gssize
read_borrowed(gpointer state, guint8 *data, gsize size, GError **error)
{
    return drv_source_read(state, data, size, error);
}

static DrvSource *
limit_expansion(const DsCp *request, int dir_fd, DrvSource *in, guint64 *limit)
{
    static const DrvSourceOps ops = { .read = read_borrowed };
    struct statvfs info;

    *limit = request->expand_limit_mb * MIB;
    if (*limit == 0 && fstatvfs(dir_fd, &info) == 0)
        *limit = (guint64)info.f_bavail * info.f_frsize;
    return drv_source_new_limited(
        drv_source_new(&ops, in, request->path),
        *limit,
        request->expand_limit_mb ? "EXPAND_LIMIT_MB" : "free space in the datastore");
}

static gboolean
write_stream(
    const DsCp *request, const FsImage *image, DrvSource *in, int fd, GError **error)
{
    g_autoptr(DrvSource) limited = NULL;
    int plain = drv_source_plain_fd(in);
    DrvCopyOptions options = { .name = image->dir };
    guint64 limit;

    if (plain >= 0 && request->sparse)
        return drv_copy_fd(plain, fd, &options, NULL, error);
    if (!request->is_packed)
        return drv_sparse_write(in, fd, request->sparse, NULL, error);
    limited = limit_expansion(request, image->dir_fd, in, &limit);
    return drv_sparse_write(limited, fd, request->sparse, NULL, error);
}

/* A bundle becomes a folder; nothing in it is ever opened by a tool of ours. */
static gboolean
unpack_bundle(const DsCp *request, FsImage *image, int fd, GError **error)
{
    DrvStage *stage = image->stage;
    g_auto(DrvFd) dir = drv_path_make_beneath(
        drv_stage_fd(stage), drv_stage_path(stage), "folder", error);
    DrvUnpackLimits limits = { .max_bytes = request->expand_limit_mb * MIB };
    struct statvfs info;

    if (limits.max_bytes == 0 && fstatvfs(image->dir_fd, &info) == 0)
        limits.max_bytes = (guint64)info.f_bavail * info.f_frsize;
    if (dir < 0 || !drv_unpack_archive(fd, dir, &limits, request->path, error))
        return FALSE;
    drv_stage_put(stage, "folder", image->name);
    return TRUE;
}

static gboolean
convert(const DsCp *request, FsImage *image, const DrvImageInfo *info, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_image_convert_cmd("data",
                                                  drv_image_format_name(info->format),
                                                  "converted",
                                                  request->driver,
                                                  request->sparse);

    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    if (!drv_cmd_run(cmd, error))
        return FALSE;
    drv_stage_put(image->stage, "converted", image->name);
    return TRUE;
}

static gboolean
wants_conversion(const DsCp *request, const DrvImageInfo *info)
{
    static const char *const drivers[] = { "raw", "qcow2", NULL };

    return request->convert && g_strv_contains(drivers, request->driver) &&
           info->format != DRV_IMAGE_LUKS &&
           !g_str_equal(drv_image_core_format(info->format), request->driver);
}

/* What it is decides whether it may come in, and what it is called. */
static gboolean
admit(const DsCp *request, FsImage *image, int fd, char **result, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };

    if (!drv_inspect_fd(fd, request->path, &info, error) ||
        !drv_inspect_admit(&info, request->path, error))
        return FALSE;
    if (wants_conversion(request, &info)) {
        *result = g_strdup(request->driver);
        return convert(request, image, &info, error);
    }
    *result = g_strdup(drv_image_core_format(info.format));
    drv_stage_put(image->stage, "data", image->name);
    return TRUE;
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsCp *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_autofree char *format = NULL;
    DrvArchiveKind kind = DRV_ARCHIVE_NONE;
    g_auto(DrvFd) fd = -1;

    if (!fs_image_new(&image, request->base_path, request->name, error))
        return FALSE;
    fd = drv_stage_create(image.stage, "data", error);
    if (fd < 0 || !write_stream(request, &image, in, fd, error) ||
        (request->ds_type != DS_TYPE_FILE && !drv_unpack_is_archive(fd, &kind, error)))
        return FALSE;
    if (request->ds_type == DS_TYPE_FILE) {
        format = g_strdup("raw");
        drv_stage_put(image.stage, "data", image.name);
    } else if (kind != DRV_ARCHIVE_NONE) {
        format = g_strdup("dir");
        if (!unpack_bundle(request, &image, fd, error))
            return FALSE;
    } else if (!admit(request, &image, fd, &format, error)) {
        return FALSE;
    }
    if (!drv_stage_commit(image.stage, error))
        return FALSE;
    *result = g_steal_pointer(&format);
    return TRUE;
}

const DrvOp fs_store = { .name = "fs.store", .request = &ds_cp, .run = run };
DRV_OP_REGISTER(fs_store);

/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ops/tm-image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/chain.h"
#include "image/inspect.h"
#include "image/qemu-img.h"
#include "source/copy.h"

void
tm_image_clear(TmImage *image)
{
    drv_fd_close_one(image->dir_fd);
    drv_fd_close_one(image->fd);
    g_free(image->path);
    g_free(image->dir);
    g_free(image->name);
    *image = (TmImage)TM_IMAGE_INIT;
}

static gboolean
read_format(TmImage *image, const char *format, gboolean is_ours, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };
    struct stat file;

    if (fstat(image->fd, &file) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", image->path);
    image->virtual_size = (guint64)file.st_size;
    if (g_str_equal(format, "raw"))
        return TRUE;
    if (!drv_inspect_fd(image->fd, image->path, &info, error))
        return FALSE;
    image->is_qcow2 = info.format == DRV_IMAGE_QCOW2;
    /* It may be a raw disk whose guest has written this. */
    if (*format == '\0' && !is_ours && (info.backing_file || info.has_data_file))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' has a backing file, but oned does not declare it qcow2",
                         image->path);
    if (g_str_equal(format, "qcow2") && !image->is_qcow2)
        return drv_throw(error, DRV_ERROR_REFUSED, "'%s' is not qcow2", image->path);
    if (image->is_qcow2)
        image->virtual_size = info.virtual_size;
    return TRUE;
}

gboolean
tm_image_open(TmImage *image, const char *path, const char *format, GError **error)
{
    g_autofree char *link = NULL;

    image->path = drv_path_collapse(path);
    image->dir = g_path_get_dirname(image->path);
    image->name = g_path_get_basename(image->path);
    image->dir_fd = drv_path_open_dir(image->dir, error);
    if (image->dir_fd < 0)
        return FALSE;
    /* An image with snapshots may be a link into its own .snap directory. */
    link = drv_path_read_link(image->dir_fd, image->name);
    image->fd = drv_chain_open_image(image->path, error);
    return image->fd >= 0 && read_format(image, format, link != NULL, error);
}

gboolean
tm_image_check(const TmImage *image, GError **error)
{
    g_autofree char *root = g_path_get_dirname(image->dir);

    return drv_chain_check(root, image->path, image->is_qcow2 ? "qcow2" : "raw", error);
}

gboolean
tm_size_of_mb(guint64 mb, guint64 *size, GError **error)
{
    if (mb > G_MAXINT64 / DRV_MIB)
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "%" G_GUINT64_FORMAT " MB is not a valid disk size",
                         mb);
    *size = mb * DRV_MIB;
    return TRUE;
}

gboolean
tm_overlay_make(int fd,
                const char *name,
                guint64 size,
                const char *backing,
                gboolean backing_is_qcow2,
                const char *options,
                GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_qemu_img_overlay(
        name, size, backing, backing_is_qcow2 ? "qcow2" : "raw", options);

    drv_cmd_cwd(cmd, fd);
    return drv_cmd_run(cmd, error);
}

gboolean
tm_overlay_check(const TmDisk *disk, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(disk->base, file, NULL);

    return drv_chain_check(disk->root, path, "qcow2", error);
}

gboolean
tm_overlay_read(
    const TmDisk *disk, const char *file, guint64 *size, char **backing, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };
    g_autofree char *path = g_build_filename(disk->base, file, NULL);
    g_auto(DrvFd) fd = drv_chain_open(disk->root, path, O_RDONLY, error);

    if (fd < 0 || !drv_inspect_fd(fd, path, &info, error))
        return FALSE;
    if (info.format != DRV_IMAGE_QCOW2)
        return drv_throw(error, DRV_ERROR_REFUSED, "'%s' is not qcow2", path);
    if (info.has_data_file)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' has an external data file", path);
    *size = info.virtual_size;
    if (backing)
        *backing = g_steal_pointer(&info.backing_file);
    return TRUE;
}

gboolean
tm_overlay_is_single(const TmDisk *disk, gboolean *single, GError **error)
{
    g_autofree char *backing = NULL;
    guint64 size;

    *single = FALSE;
    if (tm_disk_highest(disk) != 0)
        return TRUE;
    if (!tm_overlay_read(disk, disk->file, &size, &backing, error))
        return FALSE;
    *single = backing == NULL;
    return TRUE;
}

static gboolean
grow(int fd, off_t now, off_t size, gboolean full)
{
    if (full && fallocate(fd, 0, now, size - now) == 0)
        return TRUE;
    return (!full || errno == EOPNOTSUPP) && ftruncate(fd, size) == 0;
}

/* What did not work is taken back: it may have been done in part. */
gboolean
tm_raw_grow(int fd, guint64 size, gboolean full, const char *name, GError **error)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", name);
    if ((guint64)info.st_size >= size ||
        (grow(fd, info.st_size, (off_t)size, full) && fsync(fd) == 0))
        return TRUE;
    (void)drv_throw_errno(error, "cannot grow '%s'", name);
    (void)!ftruncate(fd, info.st_size);
    return FALSE;
}

gboolean
tm_copy_to_stage(
    DrvStage *stage, int in_fd, const char *name, int *out_fd, GError **error)
{
    g_auto(DrvFd) fd = drv_stage_create(stage, name, error);
    DrvCopyOptions options = { .name = drv_stage_path(stage) };

    if (fd < 0 || !drv_copy_fd(in_fd, fd, &options, NULL, error))
        return FALSE;
    if (out_fd)
        *out_fd = drv_fd_steal(&fd);
    return TRUE;
}

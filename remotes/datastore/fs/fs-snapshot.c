/* SPDX-License-Identifier: Apache-2.0 */
/* What the snapshot actions of images that no VM uses have in common. */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "datastore/fs/fs.h"
#include "image/chain.h"
#include "image/inspect.h"
#include "image/snapshots.h"
#include "source/copy.h"

int
fs_image_open_file(const FsImage *image, const char *file, GError **error)
{
    g_autofree char *root = g_path_get_dirname(image->dir);
    g_autofree char *path = g_build_filename(image->dir, file, NULL);

    return drv_chain_open(root, path, O_RDONLY, error);
}

gboolean
fs_image_scan(
    const FsImage *image, const char *file, gint64 *highest, char **child, GError **error)
{
    g_autoptr(GArray) numbers =
        drv_snapshots_numbers(image->dir_fd, image->dir, image->snap_dir);
    g_autofree char *number = g_path_get_basename(file);

    *highest = -1;
    for (guint i = 0; i < numbers->len; i++) {
        guint64 n = g_array_index(numbers, guint64, i);
        g_autofree char *candidate =
            g_strdup_printf("%s/%" G_GUINT64_FORMAT, image->snap_dir, n);
        g_auto(DrvImageInfo) info = { 0 };
        g_autofree char *backing = NULL;
        g_auto(DrvFd) fd = fs_image_open_file(image, candidate, error);

        if (fd < 0 || !drv_inspect_fd(fd, candidate, &info, error))
            return FALSE;
        *highest = (gint64)n;
        backing = info.backing_file ? g_path_get_basename(info.backing_file) : NULL;
        if (*child == NULL && g_strcmp0(backing, number) == 0)
            *child = g_path_get_basename(candidate);
    }
    return TRUE;
}

gboolean
fs_image_stage_copy(FsImage *image, const char *file, GError **error)
{
    g_auto(DrvFd) from = fs_image_open_file(image, file, error);
    g_auto(DrvFd) to = from < 0 ? -1 : drv_stage_create(image->stage, "copy", error);
    DrvCopyOptions options = { .name = image->dir };

    return to >= 0 && drv_copy_fd(from, to, &options, NULL, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the snapshot actions of images that no VM uses have in common. */
#include <fcntl.h>

#include "drv-copy.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-inspect.h"
#include "drv-path.h"
#include "fs/fs.h"

int
fs_image_open_file(const FsImage *image, const char *file, GError **error)
{
    g_autofree char *link = drv_path_read_link(image->dir_fd, file);

    /* Snapshot 0 of a chain is a link to the image itself. */
    return drv_path_open_beneath(image->dir_fd,
                                 image->dir,
                                 link ? image->name : file,
                                 O_RDONLY | O_NONBLOCK,
                                 0,
                                 error);
}

gboolean
fs_image_scan(
    const FsImage *image, const char *file, gint64 *highest, char **child, GError **error)
{
    g_autofree char *path = g_build_filename(image->dir, image->snap_dir, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autofree char *number = g_path_get_basename(file);
    const char *name;

    *highest = -1;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *candidate = g_build_filename(image->snap_dir, name, NULL);
        g_auto(DrvImageInfo) info = { 0 };
        g_autofree char *backing = NULL;
        g_auto(DrvFd) fd = -1;
        guint64 n;

        if (!g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT32, &n, NULL))
            continue;
        *highest = MAX(*highest, (gint64)n);
        fd = fs_image_open_file(image, candidate, error);
        if (fd < 0 || !drv_inspect_fd(fd, candidate, &info, error))
            return FALSE;
        backing = info.backing_file ? g_path_get_basename(info.backing_file) : NULL;
        if (*child == NULL && g_strcmp0(backing, number) == 0)
            *child = g_strdup(name);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* snap_flatten of an image that no VM uses: a snapshot becomes the image, and all others
 * go. */
#include <fcntl.h>
#include <sys/stat.h>

#include "drv-error.h"
#include "drv-fd.h"
#include "drv-image.h"
#include "drv-path.h"
#include "drv-snapshots.h"
#include "fs/fs.h"

/* qemu-img follows the chain by name: where a name is a link, it must be to the image. */
static gboolean
check_links(const FsImage *image, GError **error)
{
    g_autoptr(GArray) numbers =
        drv_snapshots_numbers(image->dir_fd, image->dir, image->snap_dir);
    struct stat self, there;

    if (fstatat(image->dir_fd, image->name, &self, AT_SYMLINK_NOFOLLOW) < 0)
        return drv_throw_errno(error, "cannot look at '%s/%s'", image->dir, image->name);
    for (guint i = 0; i < numbers->len; i++) {
        g_autofree char *name = g_strdup_printf(
            "%s/%" G_GUINT64_FORMAT, image->snap_dir, g_array_index(numbers, guint64, i));
        g_autofree char *link = drv_path_read_link(image->dir_fd, name);

        if (link && (fstatat(image->dir_fd, name, &there, 0) < 0 ||
                     there.st_ino != self.st_ino || there.st_dev != self.st_dev))
            return drv_throw(error,
                             DRV_ERROR_REFUSED,
                             "'%s/%s' is a symbolic link to '%s', which is not followed",
                             image->dir,
                             name,
                             link);
    }
    return TRUE;
}

static gboolean
flatten_chain(FsImage *image, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(image->dir, file, NULL);
    g_autoptr(DrvCmd) cmd = drv_image_convert_cmd(path, "qcow2", "copy", "qcow2", TRUE);
    g_auto(DrvFd) fd = fs_image_open_file(image, file, error);

    if (fd < 0 || !check_links(image, error))
        return FALSE;
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    return drv_cmd_run(cmd, error);
}

static gboolean
flatten(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_autofree char *file = NULL;

    (void)in, (void)result;
    if (!fs_image_open(&image, "", request->source, error))
        return FALSE;
    if (!drv_path_exists(image.dir_fd, image.snap_dir) &&
        drv_path_exists(image.dir_fd, image.name))
        return TRUE;
    file = fs_image_find_snapshot(&image, request->snapshot_id, error);
    if (file == NULL)
        return FALSE;
    if (fs_image_is_chain(&image) ? !flatten_chain(&image, file, error)
                                  : !fs_image_stage_copy(&image, file, error))
        return FALSE;
    drv_stage_put(image.stage, "copy", image.name);
    drv_stage_take(image.stage, image.snap_dir);
    fs_image_take_sidecars(&image);
    return drv_stage_commit(image.stage, error);
}

const DrvOp fs_snap_flatten = {
    .name = "fs.snap_flatten",
    .request = &ds_snapshot,
    .run = flatten,
};
DRV_OP_REGISTER(fs_snap_flatten);

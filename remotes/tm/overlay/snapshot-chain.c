/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a file out of a chain while nobody uses it.
 *
 * Rebasing a child copies into it whatever it would lose and changes its header at the
 * end, so it may be interrupted anywhere and done again: at worst some clusters are left
 * that belong to nothing.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/qemu-img.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/snapshot.h"

gboolean
tm_snap_parent(const TmSnapDisk *snap, const char *file, char **parent, GError **error)
{
    const TmDisk *disk = &snap->disk;
    guint64 size;

    if (!tm_overlay_read(disk, file, &size, parent, error))
        return FALSE;
    if (*parent == NULL)
        *parent = g_strdup("");
    return TRUE;
}

/* The format of the file that @parent names: an overlay of ours, or an image. */
static const char *
parent_format(const TmSnapDisk *snap, const char *parent)
{
    g_autofree char *directory = g_path_get_dirname(parent);
    g_auto(TmImage) image = TM_IMAGE_INIT;

    if (*parent != '/' || g_str_has_suffix(directory, snap->disk.snap_dir))
        return "qcow2";
    return tm_image_open(&image, parent, "", NULL) && !image.is_qcow2 ? "raw" : "qcow2";
}

static gboolean
rebase_child(const TmSnapDisk *snap,
             const char *child,
             const char *parent,
             GError **error)
{
    const TmDisk *disk = &snap->disk;
    g_autofree char *name = g_path_get_basename(child);
    g_autoptr(DrvCmd) repair = drv_qemu_img_repair(name);
    g_autoptr(DrvCmd) rebase =
        drv_qemu_img_rebase(name, parent, parent_format(snap, parent));
    g_auto(DrvFd) fd = drv_path_open_beneath(
        disk->base_fd, disk->base, disk->snap_dir, O_RDONLY | O_DIRECTORY, 0, error);
    guint64 size;

    if (fd < 0 || !tm_overlay_check(disk, child, error) ||
        !tm_overlay_read(disk, child, &size, NULL, error))
        return FALSE;
    drv_cmd_cwd(repair, fd);
    drv_cmd_cwd(rebase, fd);
    drv_cmd_timeout(rebase, drv_qemu_img_convert_timeout(size));
    return drv_cmd_run(repair, error) && drv_cmd_run(rebase, error);
}

gboolean
tm_snap_free_children(const TmSnapDisk *snap,
                      const char *file,
                      const char *except,
                      GError **error)
{
    g_auto(GStrv) children = tm_snap_children(snap, file, error);
    g_autofree char *parent = NULL;

    if (children == NULL || (children[0] && !tm_snap_parent(snap, file, &parent, error)))
        return FALSE;
    for (guint i = 0; children[i]; i++) {
        if (g_strcmp0(children[i], except) != 0 &&
            !rebase_child(snap, children[i], parent, error))
            return FALSE;
    }
    return TRUE;
}

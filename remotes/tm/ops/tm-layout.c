/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ops/tm-layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/inspect.h"
#include "image/qemu-img.h"
#include "image/snapshots.h"

static int
open_snap(int dir_fd, const char *where, const char *snap_dir, GError **error)
{
    return drv_path_open_beneath(
        dir_fd, where, snap_dir, O_RDONLY | O_DIRECTORY, 0, error);
}

/* The number of the file in the same directory that @backing means; NULL: another file.
 */
static char *
number_of(int snap_fd, const char *backing, const char *image)
{
    g_autofree char *number = g_path_get_basename(backing);
    g_autofree char *directory = g_path_get_dirname(backing);

    if (g_strcmp0(number, image) == 0 && drv_path_exists(snap_fd, "0"))
        return g_strdup("0");
    if (!drv_snapshots_is_number(number) || !drv_path_exists(snap_fd, number) ||
        (strchr(backing, '/') && !g_str_has_suffix(directory, ".snap")))
        return NULL;
    return g_steal_pointer(&number);
}

/* How the files of a directory are to name each other. */
typedef struct {
    int fd;
    const char *dir;
    const char *head;
    const char *image;
} Naming;

static gboolean
name_file(const Naming *as, const char *file, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };
    g_autofree char *number = NULL;
    g_autofree char *text = NULL;
    g_autoptr(DrvCmd) cmd = NULL;

    if (!drv_inspect_file(as->fd, file, DRV_INSPECT_NOFOLLOW, &info, error))
        return FALSE;
    if (info.format != DRV_IMAGE_QCOW2 || info.has_data_file)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s/%s' is not an overlay", as->dir, file);
    if (info.backing_file == NULL || (*as->head == '/' && *info.backing_file == '/'))
        return TRUE;
    number = number_of(as->fd, info.backing_file, as->image);
    text = number ? g_strconcat(as->head, number, NULL) : NULL;
    if (number == NULL)
        return *as->head == '/' ||
               drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s/%s' is backed by '%s', which is not one "
                         "of its snapshots",
                         as->dir,
                         file,
                         info.backing_file);
    if (g_str_equal(text, info.backing_file))
        return TRUE;
    cmd = drv_qemu_img_rename_backing(file, text, "qcow2");
    drv_cmd_cwd(cmd, as->fd);
    return drv_cmd_run(cmd, error);
}

/* The one link of the directory to itself, by its present name. */
static gboolean
name_self(int snap_fd, const char *name, const char *snap_dir, GError **error)
{
    g_autofree char *link = drv_path_read_link(snap_fd, name);

    return link == NULL || !g_str_has_suffix(name, ".snap") ||
           g_str_equal(name, snap_dir) || drv_path_unlink(snap_fd, snap_dir, name, error);
}

gboolean
tm_layout_name(int dir_fd,
               const char *where,
               const char *snap_dir,
               const char *head,
               const char *image,
               GError **error)
{
    g_auto(DrvFd) fd = open_snap(dir_fd, where, snap_dir, error);
    g_auto(GStrv) names = fd < 0 ? NULL : drv_path_list(fd, snap_dir, error);
    const Naming as = { .fd = fd, .dir = snap_dir, .head = head, .image = image };

    if (names == NULL)
        return FALSE;
    for (guint i = 0; names[i]; i++) {
        g_autofree char *link = drv_path_read_link(fd, names[i]);

        if (!name_self(fd, names[i], snap_dir, error) ||
            (link == NULL && drv_snapshots_is_number(names[i]) &&
             !name_file(&as, names[i], error)))
            return FALSE;
    }
    return drv_path_exists(fd, snap_dir) || symlinkat(".", fd, snap_dir) == 0 ||
           drv_throw_errno(error, "cannot create a link in '%s'", snap_dir);
}

/* --- an image becomes a disk -----------------------------------------------------------
 */

/* The image itself becomes file 0, in the place of a link that named it. */
static gboolean
move_first(
    int dir_fd, const char *disk, int snap_fd, const char *snap_dir, GError **error)
{
    return drv_path_unlink(snap_fd, snap_dir, "0", error) &&
           (drv_path_rename_noreplace(dir_fd, disk, snap_fd, "0") == 0 ||
            drv_throw_errno(error, "cannot make '%s' the first of its chain", disk));
}

static gboolean
link_newest(
    int dir_fd, const char *where, const char *disk, const char *snap_dir, GError **error)
{
    gint64 newest = drv_snapshots_highest(dir_fd, where, snap_dir);
    g_autofree char *text = g_strdup_printf("%s/%" G_GINT64_FORMAT, snap_dir, newest);

    return symlinkat(text, dir_fd, disk) == 0 ||
           drv_throw_errno(error, "cannot create link '%s'", disk);
}

/* A link into the chain keeps its number, whatever the directory was called before. */
static gboolean
check_link(int dir_fd, const char *disk, const char *snap_dir, GError **error)
{
    g_autofree char *text = drv_path_read_link(dir_fd, disk);
    g_autofree char *number = g_path_get_basename(text);
    g_autofree char *wanted = g_build_filename(snap_dir, number, NULL);

    return (g_str_equal(text, wanted) && drv_snapshots_is_number(number) &&
            drv_path_exists(dir_fd, wanted)) ||
           drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "the image is a link to '%s', which is not one of its snapshots",
                     text);
}

gboolean
tm_layout_make(
    int dir_fd, const char *where, const char *disk, const char *image, GError **error)
{
    g_autofree char *snap_dir = g_strconcat(disk, ".snap", NULL);
    g_autofree char *head = g_strconcat(snap_dir, "/", NULL);
    g_autofree char *first = g_build_filename(snap_dir, "0", NULL);
    g_autofree char *link = drv_path_read_link(dir_fd, disk);
    g_autofree char *first_link = drv_path_read_link(dir_fd, first);
    g_auto(DrvFd) snap_fd = -1;

    if (link)
        return check_link(dir_fd, disk, snap_dir, error) &&
               tm_layout_name(dir_fd, where, snap_dir, head, image, error);
    if (first_link == NULL && drv_snapshots_highest(dir_fd, where, snap_dir) >= 0 &&
        !drv_snapshots_is_chain(dir_fd, snap_dir))
        return TRUE;
    snap_fd = drv_path_make_beneath(dir_fd, where, snap_dir, error);
    return snap_fd >= 0 &&
           (!drv_path_exists(snap_fd, "0") || first_link
                ? move_first(dir_fd, disk, snap_fd, snap_dir, error)
                : drv_path_unlink(dir_fd, where, disk, error)) &&
           link_newest(dir_fd, where, disk, snap_dir, error) &&
           tm_layout_name(dir_fd, where, snap_dir, head, image, error);
}

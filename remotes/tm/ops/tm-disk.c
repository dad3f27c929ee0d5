/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in a VM's directory: what it is, and where its data are. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/chain.h"
#include "image/snapshots.h"
#include "request/request.h"
#include "tm/ops/tm-dir.h"

void
tm_disk_clear(TmDisk *disk)
{
    drv_fd_close_one(disk->base_fd);
    g_free(disk->link);
    g_free(disk->root);
    g_free(disk->base);
    g_free(disk->file);
    g_free(disk->snap_dir);
    g_free(disk->link_head);
    *disk = (TmDisk)TM_DISK_INIT;
}

/* The data are in the VM's directory. */
static gboolean
set_local(TmDisk *disk, const TmDir *dir, const char *file, GError **error)
{
    disk->base = g_strdup(dir->path);
    disk->base_fd = fcntl(dir->fd, F_DUPFD_CLOEXEC, 3);
    disk->file = g_strdup(file);
    disk->snap_dir = g_strconcat(dir->disk, ".snap", NULL);
    disk->link_head = g_strconcat(disk->snap_dir, "/", NULL);
    return disk->base_fd >= 0 || drv_throw_errno(error, "cannot use '%s'", dir->path);
}

/* An image is right below a datastore; before 5.0 a link to the VM's own directory was
 * absolute, too.
 */
static gboolean
check_dir(const TmDisk *disk, const TmDir *dir, const char *directory, GError **error)
{
    g_autofree char *root = g_path_get_dirname(directory);

    return g_str_equal(root, disk->root) || g_str_equal(directory, dir->path) ||
           drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "'%s/%s' names '%s', which is in no datastore beside '%s'",
                     dir->path,
                     dir->disk,
                     disk->link,
                     dir->ds_path);
}

/* The data are in an image datastore: @directory is it, @image the image's name there. */
static gboolean
set_image(TmDisk *disk,
          const TmDir *dir,
          const char *directory,
          const char *image,
          const char *file,
          GError **error)
{
    if (!check_dir(disk, dir, directory, error))
        return FALSE;
    disk->base = g_strdup(directory);
    disk->base_fd = drv_chain_open_dir(disk->root, directory, error);
    disk->file = g_strdup(file);
    disk->snap_dir = g_strconcat(image, ".snap", NULL);
    disk->link_head = g_strconcat(directory, "/", disk->snap_dir, "/", NULL);
    return disk->base_fd >= 0;
}

/* An absolute link: "<ds>/<image>" or "<ds>/<image>.snap/<n>". */
static gboolean
look_absolute(TmDisk *disk, const TmDir *dir, GError **error)
{
    g_autofree char *clean = drv_path_collapse(disk->link);
    g_autofree char *name = g_path_get_basename(clean);
    g_autofree char *directory = g_path_get_dirname(clean);
    g_autofree char *snap = g_path_get_basename(directory);
    g_autofree char *image = NULL;
    g_autofree char *ds = NULL;
    g_autofree char *file = NULL;

    if (!drv_request_check_path(dir->disk, clean, error))
        return FALSE;
    if (!g_str_has_suffix(snap, ".snap") || !drv_snapshots_is_number(name)) {
        disk->kind = TM_DISK_IMAGE;
        return set_image(disk, dir, directory, name, name, error);
    }
    image = g_strndup(snap, strlen(snap) - strlen(".snap"));
    ds = g_path_get_dirname(directory);
    file = g_build_filename(snap, name, NULL);
    disk->kind = TM_DISK_PERSISTENT;
    return set_image(disk, dir, ds, image, file, error);
}

gboolean
tm_disk_look(TmDisk *disk, const TmDir *dir, GError **error)
{
    g_autofree char *snap_head = g_strconcat(dir->disk, ".snap/", NULL);
    g_autofree char *link = drv_path_read_link(dir->fd, dir->disk);
    struct stat info;

    disk->link = g_strdup(link ? link : "");
    disk->root = g_path_get_dirname(dir->ds_path);
    if (link && *link == '/')
        return look_absolute(disk, dir, error);
    if (link && g_str_has_prefix(link, snap_head) &&
        drv_snapshots_is_number(link + strlen(snap_head))) {
        disk->kind = TM_DISK_CHAIN;
        return set_local(disk, dir, link, error);
    }
    if (fstatat(dir->fd, dir->disk, &info, AT_SYMLINK_NOFOLLOW) < 0)
        disk->kind = TM_DISK_MISSING;
    else
        disk->kind = S_ISREG(info.st_mode) ? TM_DISK_PLAIN : TM_DISK_OTHER;
    if (disk->kind == TM_DISK_OTHER)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s/%s' is neither a file nor a link made by a driver",
                         dir->path,
                         dir->disk);
    return set_local(disk, dir, dir->disk, error);
}

char *
tm_disk_snapshot_file(const TmDisk *disk, guint64 id)
{
    return drv_snapshots_file(disk->base_fd, disk->base, disk->snap_dir, id);
}

gboolean
tm_disk_has_snapshot(const TmDisk *disk, guint64 id)
{
    return drv_snapshots_has(disk->base_fd, disk->base, disk->snap_dir, id);
}

gint64
tm_disk_highest(const TmDisk *disk)
{
    return drv_snapshots_highest(disk->base_fd, disk->base, disk->snap_dir);
}

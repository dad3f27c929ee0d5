/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/overlay/snapshot.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/snapshots.h"
#include "tm/ops/tm-image.h"

void
tm_snap_disk_clear(TmSnapDisk *snap)
{
    g_clear_pointer(&snap->image_stage, drv_stage_free);
    g_clear_pointer(&snap->vm_stage, drv_stage_free);
    tm_disk_clear(&snap->disk);
    tm_dir_clear(&snap->dir);
}

gboolean
tm_snap_disk_open(TmSnapDisk *snap, const TmSnapshot *request, GError **error)
{
    TmDir *dir = &snap->dir;
    g_autofree char *image = NULL;

    if (!tm_dir_open(dir, request->target, FALSE, error))
        return FALSE;
    snap->vm_stage = drv_stage_open(dir->fd, dir->path, dir->disk, error);
    if (snap->vm_stage == NULL || !tm_disk_look(&snap->disk, dir, error))
        return FALSE;
    if (snap->disk.kind == TM_DISK_MISSING)
        return drv_throw(
            error, DRV_ERROR_NOT_FOUND, "'%s/%s' is missing", dir->path, dir->disk);
    if (snap->disk.kind != TM_DISK_PERSISTENT && snap->disk.kind != TM_DISK_IMAGE)
        return TRUE;
    image = g_strndup(snap->disk.snap_dir, strlen(snap->disk.snap_dir) - strlen(".snap"));
    snap->image_stage = drv_stage_open(snap->disk.base_fd, snap->disk.base, image, error);
    return snap->image_stage != NULL;
}

DrvStage *
tm_snap_data_stage(TmSnapDisk *snap)
{
    return snap->image_stage ? snap->image_stage : snap->vm_stage;
}

gboolean
tm_snap_is_chain(const TmSnapDisk *snap)
{
    return snap->disk.kind == TM_DISK_CHAIN || snap->disk.kind == TM_DISK_PERSISTENT;
}

char *
tm_snap_text(const TmSnapDisk *snap, guint64 n)
{
    return g_strdup_printf("%s%" G_GUINT64_FORMAT, snap->disk.link_head, n);
}

gboolean
tm_snap_overlay(TmSnapDisk *snap, const char *name, const char *file, GError **error)
{
    const TmDisk *disk = &snap->disk;
    g_autofree char *number = g_path_get_basename(file);
    g_autofree char *backing = g_strconcat(disk->link_head, number, NULL);
    guint64 size;

    return tm_overlay_read(disk, file, &size, NULL, error) &&
           tm_overlay_make(drv_stage_fd(tm_snap_data_stage(snap)),
                           name,
                           size,
                           backing,
                           TRUE,
                           NULL,
                           error) &&
           drv_path_keep_rights(
               drv_stage_fd(tm_snap_data_stage(snap)), name, disk->base_fd, file, error);
}

gboolean
tm_snap_relink(TmSnapDisk *snap, const char *text, GError **error)
{
    if (!drv_stage_link(snap->vm_stage, "relink", text, error))
        return FALSE;
    drv_stage_publish(snap->vm_stage, "relink", snap->dir.disk);
    return snap->image_stage
               ? drv_stage_commit_both(snap->image_stage, snap->vm_stage, error)
               : drv_stage_commit(snap->vm_stage, error);
}

/* Backing texts are relative, by way of the directory's link to itself, perhaps several
 * times
 * ("disk.0.snap/disk.0.snap/1"), or absolute: the last two components tell.
 */
gboolean
tm_snap_names(const char *backing, const char *file)
{
    g_autofree char *clean = drv_path_collapse(backing);
    g_autofree char *tail = g_strconcat("/", file, NULL);

    return g_str_equal(clean, file) || g_str_has_suffix(clean, tail) ||
           (strchr(clean, '/') == NULL && g_str_has_suffix(file, clean) &&
            file[strlen(file) - strlen(clean) - 1] == '/');
}

static gboolean
is_child(const TmSnapDisk *snap,
         const char *candidate,
         const char *file,
         gboolean *child,
         GError **error)
{
    const TmDisk *disk = &snap->disk;
    g_autofree char *link = drv_path_read_link(disk->base_fd, candidate);
    g_autofree char *backing = NULL;
    guint64 size;

    *child = FALSE;
    if (link || g_str_equal(candidate, file))
        return TRUE; /* "0" of a persistent disk: the image, which has no backing file */
    if (!tm_overlay_read(disk, candidate, &size, &backing, error))
        return FALSE;
    *child = backing && tm_snap_names(backing, file);
    return TRUE;
}

char **
tm_snap_children(const TmSnapDisk *snap, const char *file, GError **error)
{
    const TmDisk *disk = &snap->disk;
    g_autoptr(GArray) numbers =
        drv_snapshots_numbers(disk->base_fd, disk->base, disk->snap_dir);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < numbers->len; i++) {
        g_autofree char *candidate = g_strdup_printf(
            "%s/%" G_GUINT64_FORMAT, disk->snap_dir, g_array_index(numbers, guint64, i));
        gboolean child;

        if (!is_child(snap, candidate, file, &child, error))
            return NULL;
        if (child)
            g_ptr_array_add(found, g_steal_pointer(&candidate));
    }
    g_ptr_array_add(found, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&found), FALSE);
}

gboolean
tm_snap_copy(TmSnapDisk *snap, const char *file, const char *name, GError **error)
{
    const TmDisk *disk = &snap->disk;
    g_auto(DrvFd) fd = drv_path_open_beneath(
        disk->base_fd, disk->base, file, O_RDONLY | O_NONBLOCK, 0, error);

    return fd >= 0 && tm_copy_to_stage(tm_snap_data_stage(snap), fd, name, NULL, error);
}

char *
tm_snap_plan_copy(TmSnapDisk *snap, guint64 id, GError **error)
{
    const TmDisk *disk = &snap->disk;
    DrvStage *stage = tm_snap_data_stage(snap);
    g_autofree char *file = g_strdup_printf("%s/%" G_GUINT64_FORMAT, disk->snap_dir, id);
    g_auto(DrvFd) fd = -1;

    if (drv_path_exists(disk->base_fd, disk->snap_dir)) {
        drv_stage_publish(stage, "copy", file);
        return g_strdup("copy");
    }
    fd = drv_path_make_beneath(drv_stage_fd(stage), drv_stage_path(stage), "snap", error);
    if (fd < 0)
        return NULL;
    drv_stage_publish(stage, "snap", disk->snap_dir);
    return g_strdup_printf("snap/%" G_GUINT64_FORMAT, id);
}

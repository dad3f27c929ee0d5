/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore/fs/fs.h"

#include <fcntl.h>
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/snapshots.h"

void
fs_image_clear(FsImage *image)
{
    g_clear_pointer(&image->stage, drv_stage_free);
    drv_fd_close_one(image->dir_fd);
    g_free(image->dir);
    g_free(image->name);
    g_free(image->snap_dir);
    *image = (FsImage)FS_IMAGE_INIT;
}

/* All but holding it. */
static gboolean
find(FsImage *image, const char *base_path, const char *source, GError **error)
{
    g_autofree char *clean = drv_path_collapse(source);
    g_autofree char *base = drv_path_collapse(base_path);

    if (!drv_request_check_path("SOURCE", source, error))
        return FALSE;
    image->dir = g_path_get_dirname(clean);
    image->name = g_path_get_basename(clean);
    if ((*base && !g_str_equal(image->dir, base)) || *image->name == '.' ||
        g_str_equal(image->dir, "/"))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "Bad formed or unavailable Image source '%s': it is not in '%s'",
                         source,
                         base_path);
    image->dir_fd = drv_path_open_dir(image->dir, error);
    if (image->dir_fd < 0)
        return FALSE;
    image->snap_dir = g_strconcat(image->name, ".snap", NULL);
    return TRUE;
}

gboolean
fs_image_open(FsImage *image, const char *base_path, const char *source, GError **error)
{
    if (!find(image, base_path, source, error))
        return FALSE;
    image->stage = drv_stage_open(image->dir_fd, image->dir, image->name, error);
    return image->stage != NULL;
}

gboolean
fs_image_open_to_delete(FsImage *image,
                        const char *base_path,
                        const char *source,
                        GError **error)
{
    return find(image, base_path, source, error) &&
           drv_stage_open_to_delete(
               image->dir_fd, image->dir, image->name, &image->stage, error);
}

gboolean
fs_image_new(FsImage *image, const char *base_path, const char *name, GError **error)
{
    image->dir = drv_path_collapse(base_path);
    image->name = g_strdup(name);
    image->dir_fd = drv_path_make_dir(image->dir, error);
    if (image->dir_fd < 0)
        return FALSE;
    drv_stage_sweep(image->dir_fd, image->dir);
    image->stage = drv_stage_open_unpublished(image->dir_fd, image->dir, name, error);
    return image->stage != NULL;
}

gboolean
fs_image_publish(FsImage *image, const char *made, GError **error)
{
    drv_stage_publish(image->stage, made, image->name);
    if (!drv_stage_commit(image->stage, error) || !drv_cancel_check(error))
        return FALSE;
    drv_stage_leave_to_answer(g_steal_pointer(&image->stage));
    return TRUE;
}

gboolean
fs_image_is_chain(const FsImage *image)
{
    return drv_snapshots_is_chain(image->dir_fd, image->snap_dir);
}

char *
fs_image_snapshot(const FsImage *image, gint64 id)
{
    return drv_snapshots_file(image->dir_fd, image->dir, image->snap_dir, (guint64)id);
}

char *
fs_image_find_snapshot(const FsImage *image, gint64 id, GError **error)
{
    if (drv_snapshots_has(image->dir_fd, image->dir, image->snap_dir, (guint64)id))
        return fs_image_snapshot(image, id);
    drv_throw(error,
              DRV_ERROR_NOT_FOUND,
              "'%s/%s' has no snapshot %" G_GINT64_FORMAT,
              image->dir,
              image->name,
              id);
    return NULL;
}

void
fs_image_take_sidecars(FsImage *image)
{
    g_autofree char *md5 = g_strconcat(image->name, ".md5sum", NULL);

    if (drv_path_exists(image->dir_fd, md5))
        drv_stage_remove(image->stage, md5);
}

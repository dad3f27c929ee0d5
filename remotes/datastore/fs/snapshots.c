/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete, snap_revert, snap_flatten of an image that no VM uses. */
#include <fcntl.h>
#include <string.h>

#include "drv-copy.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-image.h"
#include "drv-inspect.h"
#include "drv-path.h"
#include "fs/fs.h"

static int
open_file(const FsImage *image, const char *file, GError **error)
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

/* Highest number in the snapshot folder, or what stands on @file if @wanted is given. */
static gboolean
scan(
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
        fd = open_file(image, candidate, error);
        if (fd < 0 || !drv_inspect_fd(fd, candidate, &info, error))
            return FALSE;
        backing = info.backing_file ? g_path_get_basename(info.backing_file) : NULL;
        if (*child == NULL && g_strcmp0(backing, number) == 0)
            *child = g_strdup(name);
    }
    return TRUE;
}

static gboolean
delete_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_autofree char *file = NULL;
    g_autofree char *note = NULL;
    g_autofree char *child = NULL;
    gint64 highest;

    (void)in, (void)result;
    if (!fs_image_open(&image, "", request->source, error))
        return FALSE;
    file = fs_image_snapshot(&image, request->snapshot_id);
    note = g_strdup_printf(
        "%s/%" G_GINT64_FORMAT ".current", image.snap_dir, request->snapshot_id);
    if (fs_image_is_chain(&image) && !scan(&image, file, &highest, &child, error))
        return FALSE;
    if (child)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s/%s/%s' stands on snapshot %" G_GINT64_FORMAT,
                         image.dir,
                         image.snap_dir,
                         child,
                         request->snapshot_id);
    if (!drv_path_exists(image.dir_fd, file))
        return TRUE;
    drv_stage_take(image.stage, file);
    if (drv_path_exists(image.dir_fd, note))
        drv_stage_take(image.stage, note);
    fs_image_take_sidecars(&image);
    return drv_stage_commit(image.stage, error);
}

/* "copy" in the stage becomes a copy of @file. */
static gboolean
stage_copy(FsImage *image, const char *file, GError **error)
{
    g_auto(DrvFd) from = open_file(image, file, error);
    g_auto(DrvFd) to = from < 0 ? -1 : drv_stage_create(image->stage, "copy", error);
    DrvCopyOptions options = { .name = image->dir };

    return to >= 0 && drv_copy_fd(from, to, &options, NULL, error);
}

static gboolean
revert_chain(FsImage *image, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(image->dir, file, NULL);
    g_autofree char *active = NULL;
    g_autofree char *child = NULL;
    g_auto(DrvImageInfo) info = { 0 };
    g_auto(DrvFd) fd = open_file(image, file, error);
    g_autoptr(DrvCmd) cmd = NULL;
    gint64 highest;

    if (fd < 0 || !drv_inspect_fd(fd, path, &info, error) ||
        !scan(image, file, &highest, &child, error))
        return FALSE;
    active = g_strdup_printf("%s/%" G_GINT64_FORMAT, image->snap_dir, highest);
    if (g_str_equal(active, file))
        return drv_throw(error, DRV_ERROR_FAILED, "'%s' is the newest file itself", path);
    cmd = drv_image_overlay_cmd(
        "copy", info.virtual_size, path, drv_image_format_name(info.format), NULL);
    drv_cmd_cwd(cmd, drv_stage_fd(image->stage));
    if (!drv_cmd_run(cmd, error))
        return FALSE;
    drv_stage_put(image->stage, "copy", active);
    return TRUE;
}

static gboolean
revert(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;
    g_autofree char *file = NULL;

    (void)in, (void)result;
    if (!fs_image_open(&image, "", request->source, error))
        return FALSE;
    file = fs_image_snapshot(&image, request->snapshot_id);
    if (fs_image_is_chain(&image)) {
        if (!revert_chain(&image, file, error))
            return FALSE;
    } else {
        if (!stage_copy(&image, file, error))
            return FALSE;
        drv_stage_put(image.stage, "copy", image.name);
    }
    fs_image_take_sidecars(&image);
    return drv_stage_commit(image.stage, error);
}

static gboolean
flatten_chain(FsImage *image, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(image->dir, file, NULL);
    g_autoptr(DrvCmd) cmd = drv_image_convert_cmd(path, "qcow2", "copy", "qcow2", TRUE);

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
    file = fs_image_snapshot(&image, request->snapshot_id);
    if (fs_image_is_chain(&image) ? !flatten_chain(&image, file, error)
                                  : !stage_copy(&image, file, error))
        return FALSE;
    drv_stage_put(image.stage, "copy", image.name);
    drv_stage_take(image.stage, image.snap_dir);
    fs_image_take_sidecars(&image);
    return drv_stage_commit(image.stage, error);
}

const DrvOp fs_snap_delete = {
    .name = "fs.snap_delete",
    .request = &ds_snapshot,
    .run = delete_snapshot,
};
DRV_OP_REGISTER(fs_snap_delete);

const DrvOp fs_snap_revert = { .name = "fs.snap_revert",
                               .request = &ds_snapshot,
                               .run = revert };
DRV_OP_REGISTER(fs_snap_revert);

const DrvOp fs_snap_flatten = {
    .name = "fs.snap_flatten",
    .request = &ds_snapshot,
    .run = flatten,
};
DRV_OP_REGISTER(fs_snap_flatten);

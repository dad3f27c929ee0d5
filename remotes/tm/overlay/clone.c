/* SPDX-License-Identifier: Apache-2.0 */
/* clone: qcow2 images get an overlay, all others a copy (a reflink where there is one).
 */
#include "tm/overlay/clone.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/qemu-img.h"
#include "image/snapshots.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"

/* Size the disk shall have: the image's, or more if the user asked for more. */
static gboolean
wanted_size(const TmClone *request, const TmImage *image, guint64 *size, GError **error)
{
    guint64 asked = 0;

    if (request->size_mb > request->original_size_mb &&
        !tm_size_of_mb(request->size_mb, &asked, error))
        return FALSE;
    *size = MAX(asked, image->virtual_size);
    return TRUE;
}

/* "0" in the directory "snap" of the stage. */
static gboolean
make_first(const TmClone *request, const TmImage *image, int snap_fd, GError **error)
{
    g_autoptr(DrvCmd) convert = NULL;
    g_autoptr(DrvCmd) resize = NULL;
    guint64 size;

    if (!wanted_size(request, image, &size, error))
        return FALSE;
    if (!request->standalone)
        return tm_overlay_make(snap_fd,
                               "0",
                               size,
                               image->path,
                               image->is_qcow2,
                               request->qcow2_options,
                               error) &&
               drv_path_keep_rights(snap_fd, "0", image->fd, "", error);
    if (!tm_image_check(image, error))
        return FALSE;
    convert = drv_qemu_img_convert(
        image->path, image->is_qcow2 ? "qcow2" : "raw", "0", "qcow2", request->sparse);
    resize = drv_qemu_img_resize("0", "qcow2", size, !request->sparse);
    drv_cmd_cwd(convert, snap_fd);
    drv_cmd_timeout(convert, drv_qemu_img_convert_timeout(image->virtual_size));
    drv_cmd_cwd(resize, snap_fd);
    return drv_cmd_run(convert, error) &&
           drv_path_keep_rights(snap_fd, "0", image->fd, "", error) &&
           (size == image->virtual_size || drv_cmd_run(resize, error));
}

/* The layout: disk.N → disk.N.snap/0, and in there a link by which the text
 * "disk.N.snap/0" also leads to it from inside.
 */
static gboolean
make_overlay(const TmClone *request,
             const TmDir *dir,
             const TmImage *image,
             DrvStage *stage,
             GError **error)
{
    g_autofree char *snap = g_strconcat(dir->disk, ".snap", NULL);
    g_autofree char *self = g_strconcat("snap/", snap, NULL);
    g_autofree char *first = g_strconcat(snap, "/0", NULL);
    g_auto(DrvFd) snap_fd =
        drv_path_make_beneath(drv_stage_fd(stage), drv_stage_path(stage), "snap", error);

    if (snap_fd < 0 || !make_first(request, image, snap_fd, error) ||
        !drv_stage_link(stage, self, ".", error) ||
        !drv_stage_link(stage, "link", first, error))
        return FALSE;
    drv_stage_remove(stage, snap);
    drv_stage_publish(stage, "snap", snap);
    drv_stage_publish(stage, "link", dir->disk);
    return drv_stage_commit(stage, error);
}

static gboolean
make_copy(const TmClone *request,
          const TmDir *dir,
          const TmImage *image,
          DrvStage *stage,
          GError **error)
{
    g_autofree char *snap = g_strconcat(dir->disk, ".snap", NULL);
    g_auto(DrvFd) fd = -1;
    guint64 size;

    if (!wanted_size(request, image, &size, error) ||
        !tm_copy_to_stage(stage, image->fd, "copy", &fd, error))
        return FALSE;
    if (image->is_qcow2 && size > image->virtual_size) {
        g_autoptr(DrvCmd) resize = drv_qemu_img_resize("copy", "qcow2", size, FALSE);

        drv_cmd_cwd(resize, drv_stage_fd(stage));
        if (!drv_cmd_run(resize, error))
            return FALSE;
    } else if (!image->is_qcow2 &&
               !tm_raw_grow(fd, size, !request->sparse, dir->disk, error)) {
        return FALSE;
    }
    if (drv_path_exists(dir->fd, snap))
        drv_stage_remove(stage, snap);
    drv_stage_publish(stage, "copy", dir->disk);
    return drv_stage_commit(stage, error);
}

/* Kernels, initrds and CDROMs are what they are; else the front-end's word counts. */
gboolean
tm_overlay_clone(const TmClone *request, TmDir *dir, gboolean qcow2, GError **error)
{
    g_autofree char *source = tm_dir_image_path(dir, request->source);
    g_autofree char *path = drv_snapshots_newest(source);
    gboolean is_disk = request->disk_id >= 0;
    gboolean unsaid = *request->format == '\0';
    g_auto(TmImage) image = TM_IMAGE_INIT;
    g_autoptr(DrvStage) stage = NULL;
    gboolean overlay;

    if (!tm_image_open(&image, path, is_disk ? request->format : "raw", error))
        return FALSE;
    overlay = is_disk && (unsaid ? qcow2 && g_str_equal(request->disk_type, "FILE")
                                 : image.is_qcow2);
    stage = drv_stage_open(dir->fd, dir->path, dir->disk, error);
    if (stage == NULL)
        return FALSE;
    return overlay ? make_overlay(request, dir, &image, stage, error)
                   : make_copy(request, dir, &image, stage, error);
}

static gboolean
clone_qcow2(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmClone *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;

    (void)in, (void)result;
    return tm_dir_open(&dir, request->target, TRUE, error) &&
           tm_dir_unmonitor(&dir, error) &&
           tm_overlay_clone(request, &dir, TRUE, error) && tm_dir_keep(&dir);
}

/* Up to 6.0.2 "shared" knew raw disks only, and those front-ends tell no format. */
static gboolean
clone_shared(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmClone *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;

    (void)in, (void)result;
    return tm_dir_open(&dir, request->target, TRUE, error) &&
           tm_dir_unmonitor(&dir, error) &&
           tm_overlay_clone(request, &dir, FALSE, error) && tm_dir_keep(&dir);
}

const DrvOp overlay_clone = { .name = "overlay.clone",
                              .request = &tm_clone,
                              .run = clone_qcow2 };
DRV_OP_REGISTER(overlay_clone);

const DrvOp overlay_clone_shared = { .name = "overlay.clone_shared",
                                     .request = &tm_clone,
                                     .run = clone_shared };
DRV_OP_REGISTER(overlay_clone_shared);

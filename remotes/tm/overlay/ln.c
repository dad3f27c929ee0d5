/* SPDX-License-Identifier: Apache-2.0 */
/* ln: the image itself is the disk.  A qcow2 image has its snapshots beside it, and the
 * disk is a link to the newest of them; any other is linked as it is.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/chain.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/ops/tm-layout.h"
#include "tm/tm.h"

/* Plan "<image>.snap" with its link to itself and "0" → the image, unless it is there;
 * *newest is the highest number that was in it, -1 without any.
 */
static gboolean
plan_snap_dir(const TmImage *image, DrvStage *stage, gint64 *newest, GError **error)
{
    g_auto(TmDisk) disk = TM_DISK_INIT;
    g_autofree char *self = NULL;
    g_auto(DrvFd) fd = -1;

    disk.base = g_strdup(image->dir);
    disk.snap_dir = g_strconcat(image->name, ".snap", NULL);
    disk.base_fd = fcntl(image->dir_fd, F_DUPFD_CLOEXEC, 3);
    *newest = tm_disk_highest(&disk);
    if (*newest >= 0)
        return TRUE;
    if (drv_path_exists(image->dir_fd, disk.snap_dir)) {
        g_autofree char *first = g_strconcat(disk.snap_dir, "/0", NULL);

        drv_stage_publish(stage, "0", first);
        return drv_stage_link(stage, "0", image->path, error);
    }
    fd = drv_path_make_beneath(drv_stage_fd(stage), drv_stage_path(stage), "snap", error);
    self = g_strconcat("snap/", disk.snap_dir, NULL);
    drv_stage_publish(stage, "snap", disk.snap_dir);
    return fd >= 0 && drv_stage_link(stage, self, ".", error) &&
           drv_stage_link(stage, "snap/0", image->path, error);
}

/* What is there must be one of ours: the VM will open it. */
static gboolean
check_newest(const TmImage *image, const char *target, GError **error)
{
    g_autofree char *root = g_path_get_dirname(image->dir);
    g_auto(DrvFd) fd = drv_chain_open(root, target, O_PATH, error);

    return fd >= 0;
}

/* Texts that are relative lead from the image, but not from a VM's directory. */
static gboolean
name_absolutely(const TmImage *image, GError **error)
{
    g_autofree char *snap_dir = g_strconcat(image->name, ".snap", NULL);
    g_autofree char *head = g_strconcat(image->path, ".snap/", NULL);

    return tm_layout_name(image->dir_fd, image->dir, snap_dir, head, image->name, error);
}

/* disk.N is to be a link to @target. */
static gboolean
plan_link(const TmDir *dir, DrvStage *stage, const char *target, GError **error)
{
    g_autofree char *snap = g_strconcat(dir->disk, ".snap", NULL);

    drv_stage_remove(stage, snap);
    drv_stage_publish(stage, "link", dir->disk);
    return drv_stage_link(stage, "link", target, error);
}

static gboolean
link_newest(const TmDir *dir, const TmImage *image, DrvStage *stage, GError **error)
{
    g_autoptr(DrvStage) image_stage =
        drv_stage_open(image->dir_fd, image->dir, image->name, error);
    g_autofree char *target = NULL;
    gboolean there;
    gint64 newest;

    if (image_stage == NULL || !plan_snap_dir(image, image_stage, &newest, error))
        return FALSE;
    there = newest >= 0;
    newest = MAX(newest, 0);
    target = g_strdup_printf("%s.snap/%" G_GINT64_FORMAT, image->path, newest);
    return (!there ||
            (check_newest(image, target, error) && name_absolutely(image, error))) &&
           plan_link(dir, stage, target, error) &&
           drv_stage_commit_both(image_stage, stage, error);
}

/* @qcow2: an image whose format nobody said may be one. */
static gboolean
link_image(const TmClone *request, TmDir *dir, gboolean qcow2, GError **error)
{
    g_autofree char *path = tm_dir_image_path(dir, request->source);
    gboolean unsaid = *request->format == '\0';
    gboolean layout = unsaid ? qcow2 && g_str_equal(request->disk_type, "FILE")
                             : g_str_equal(request->format, "qcow2");
    g_auto(TmImage) image = TM_IMAGE_INIT;
    g_autoptr(DrvStage) stage = NULL;

    /* A persistent raw disk was written by guests, so its header is never looked at. */
    if (!tm_image_open(&image, path, layout && !unsaid ? "qcow2" : "raw", error))
        return FALSE;
    stage = drv_stage_open(dir->fd, dir->path, dir->disk, error);
    if (stage == NULL || !tm_dir_unmonitor(dir, error))
        return FALSE;
    if (layout)
        return link_newest(dir, &image, stage, error);
    return plan_link(dir, stage, image.path, error) && drv_stage_commit(stage, error);
}

static gboolean
link_qcow2(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmClone *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;

    (void)in, (void)result;
    return tm_dir_open(&dir, request->target, TRUE, error) &&
           link_image(request, &dir, TRUE, error) && tm_dir_keep(&dir);
}

static gboolean
link_shared(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmClone *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;

    (void)in, (void)result;
    return tm_dir_open(&dir, request->target, TRUE, error) &&
           link_image(request, &dir, FALSE, error) && tm_dir_keep(&dir);
}

const DrvOp overlay_ln = { .name = "overlay.ln",
                           .request = &tm_clone,
                           .run = link_qcow2 };
DRV_OP_REGISTER(overlay_ln);

const DrvOp overlay_ln_shared = { .name = "overlay.ln_shared",
                                  .request = &tm_clone,
                                  .run = link_shared };
DRV_OP_REGISTER(overlay_ln_shared);

/* SPDX-License-Identifier: Apache-2.0 */
/* ln.ssh: the host sees the image, but its VMs are on storage of its own.  The image
 * comes there with all its snapshots, and mvds.ssh brings it back.
 */
#include "base/error.h"
#include "base/path.h"
#include "image/chain.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/ops/tm-layout.h"
#include "tm/ops/tm-tree.h"
#include "tm/tm.h"

/* An image may be a link to the newest of its snapshots: then so is the disk. */
static gboolean
copy_first(const TmImage *image, DrvStage *stage, const char *disk, GError **error)
{
    g_autofree char *link = drv_path_read_link(image->dir_fd, image->name);
    g_autofree char *number = link ? g_path_get_basename(link) : NULL;
    g_autofree char *text = link ? g_strconcat(disk, ".snap/", number, NULL) : NULL;

    return link ? drv_stage_link(stage, disk, text, error)
                : tm_tree_copy(
                      image->dir_fd, image->name, drv_stage_fd(stage), disk, error);
}

/* By its own path: some drivers' files name each other by numbers alone. */
static gboolean
check_chain(const TmImage *image, GError **error)
{
    g_autofree char *link = drv_path_read_link(image->dir_fd, image->name);
    g_autofree char *path = g_build_filename(image->dir, link ? link : image->name, NULL);
    g_autofree char *root = g_path_get_dirname(image->dir);

    return drv_chain_check(root, path, "qcow2", error);
}

static gboolean
copy_all(const TmImage *image, const TmDir *dir, DrvStage *stage, GError **error)
{
    g_autofree char *from = g_strconcat(image->name, ".snap", NULL);
    g_autofree char *to = g_strconcat(dir->disk, ".snap", NULL);

    return copy_first(image, stage, dir->disk, error) &&
           (!drv_path_exists(image->dir_fd, from) ||
            tm_tree_copy(image->dir_fd, from, drv_stage_fd(stage), to, error));
}

static gboolean
publish(const TmDir *dir, DrvStage *stage, GError **error)
{
    g_autofree char *snap = g_strconcat(dir->disk, ".snap", NULL);

    drv_stage_remove(stage, snap); /* of an earlier disk with this number */
    if (drv_path_exists(drv_stage_fd(stage), snap))
        drv_stage_publish(stage, snap, snap);
    drv_stage_publish(stage, dir->disk, dir->disk);
    return drv_stage_commit(stage, error);
}

/* @qcow2: an image whose format nobody said may be one. */
static gboolean
bring_image(const TmClone *request, TmDir *dir, gboolean qcow2, GError **error)
{
    g_autofree char *path = tm_dir_image_path(dir, request->source);
    gboolean unsaid = *request->format == '\0';
    gboolean layout = unsaid ? qcow2 && g_str_equal(request->disk_type, "FILE")
                             : g_str_equal(request->format, "qcow2");
    g_auto(TmImage) image = TM_IMAGE_INIT;
    g_autoptr(DrvStage) image_stage = NULL;
    g_autoptr(DrvStage) stage = NULL;

    if (!tm_image_open(&image, path, layout ? "qcow2" : "raw", error) ||
        (layout && !check_chain(&image, error)))
        return FALSE;
    image_stage = drv_stage_open(image.dir_fd, image.dir, image.name, error);
    stage = image_stage ? drv_stage_open(dir->fd, dir->path, dir->disk, error) : NULL;
    return stage && copy_all(&image, dir, stage, error) &&
           (!layout || tm_layout_make(drv_stage_fd(stage),
                                      drv_stage_path(stage),
                                      dir->disk,
                                      image.name,
                                      error)) &&
           publish(dir, stage, error);
}

static gboolean
bring(const TmClone *request, gboolean qcow2, GError **error)
{
    g_auto(TmDir) dir = TM_DIR_INIT;

    return tm_dir_open(&dir, request->target, TRUE, error) &&
           tm_dir_monitor(dir.ds_path, error) &&
           bring_image(request, &dir, qcow2, error) && tm_dir_keep(&dir);
}

static gboolean
bring_qcow2(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return bring(data, TRUE, error);
}

const DrvOp overlay_ln_ssh = { .name = "overlay.ln_ssh",
                               .request = &tm_clone,
                               .run = bring_qcow2 };
DRV_OP_REGISTER(overlay_ln_ssh);

static gboolean
bring_shared(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return bring(data, FALSE, error);
}

const DrvOp overlay_ln_shared_ssh = { .name = "overlay.ln_shared_ssh",
                                      .request = &tm_clone,
                                      .run = bring_shared };
DRV_OP_REGISTER(overlay_ln_shared_ssh);

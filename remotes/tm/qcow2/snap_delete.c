/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete: what stands on the snapshot gets its data first, then it goes.
 *
 * Rebasing a child copies into it whatever it would lose and changes its header at the
 * end, so it may be interrupted anywhere and done again.
 */
#include "common/tm-image.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-image.h"
#include "drv-path.h"
#include "qcow2/snapshot.h"

/* What the snapshot itself stands on: "" for an image that stands on nothing. */
static gboolean
read_parent(const TmSnapDisk *snap, const char *file, char **parent, GError **error)
{
    const TmDisk *disk = &snap->disk;
    guint64 size;

    if (!tm_overlay_read(disk->base_fd, disk->base, file, &size, parent, error))
        return FALSE;
    if (*parent == NULL)
        *parent = g_strdup("");
    return TRUE;
}

/* The format of the file that @parent names: an overlay of ours, or an image. */
static const char *
parent_format(const TmSnapDisk *snap, const char *parent)
{
    g_autofree char *folder = g_path_get_dirname(parent);
    g_auto(TmImage) image = TM_IMAGE_INIT;

    if (*parent != '/' || g_str_has_suffix(folder, snap->disk.snap_dir))
        return "qcow2";
    return tm_image_open(&image, parent, "", NULL) && !image.is_qcow2 ? "raw" : "qcow2";
}

static gboolean
rebase_child(const TmSnapDisk *snap,
             const char *child,
             const char *parent,
             GError **error)
{
    g_autofree char *folder =
        g_build_filename(snap->disk.base, snap->disk.snap_dir, NULL);
    g_autofree char *name = g_path_get_basename(child);
    g_autoptr(DrvCmd) cmd =
        drv_image_rebase_cmd(name, parent, parent_format(snap, parent));
    g_auto(DrvFd) fd = drv_path_open_dir(folder, error);

    if (fd < 0)
        return FALSE;
    drv_cmd_cwd(cmd, fd);
    return drv_cmd_run(cmd, error);
}

static gboolean
delete_overlay(TmSnapDisk *snap, const char *file, GError **error)
{
    g_auto(GStrv) children = tm_snap_children(snap, file, error);
    g_autofree char *parent = NULL;

    if (children == NULL)
        return FALSE;
    if (g_str_equal(file, snap->disk.file))
        return drv_throw(error, DRV_ERROR_FAILED, "'%s' is the active file", file);
    if (children[0] && !read_parent(snap, file, &parent, error))
        return FALSE;
    for (guint i = 0; children[i]; i++) {
        if (!rebase_child(snap, children[i], parent, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmSnapDisk) snap = TM_SNAP_DISK_INIT;
    g_autofree char *file = NULL;
    g_autofree char *note = NULL;
    DrvStage *stage;

    (void)in, (void)result;
    if (!tm_snap_disk_open(&snap, request, error))
        return FALSE;
    file = tm_disk_snapshot_file(&snap.disk, request->snapshot_id);
    note = g_strdup_printf(
        "%s/%" G_GUINT64_FORMAT ".current", snap.disk.snap_dir, request->snapshot_id);
    stage = tm_snap_data_stage(&snap);
    if (!drv_path_exists(snap.disk.base_fd, file))
        return TRUE;
    if (tm_snap_is_chain(&snap) && !delete_overlay(&snap, file, error))
        return FALSE;
    if (drv_path_exists(snap.disk.base_fd, note))
        drv_stage_take(stage, note);
    drv_stage_take(stage, file);
    return drv_stage_commit(stage, error);
}

static gboolean
is_live(gconstpointer data)
{
    const TmSnapshot *request = data;

    return request->lcm_state == TM_LCM_SNAPSHOT_DELETE &&
           g_str_equal(request->format, "qcow2");
}

const DrvOp qcow2_snap_delete = {
    .name = "qcow2.snap_delete",
    .request = &tm_snapshot,
    .run = run,
    .is_live = is_live,
    .live = "qcow2.snap_delete_live",
};
DRV_OP_REGISTER(qcow2_snap_delete);

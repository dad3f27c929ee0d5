/* SPDX-License-Identifier: Apache-2.0 */
/* snap_revert: the active file becomes an empty overlay on the snapshot; a raw disk, also
 * the image of a persistent one, becomes a copy of it.  Each in one rename.
 */
#include "base/error.h"
#include "tm/overlay/snapshot.h"

static gboolean
revert_overlay(TmSnapDisk *snap, guint64 id, GError **error)
{
    g_autofree char *file = tm_disk_snapshot_file(&snap->disk, id);
    DrvStage *stage = tm_snap_data_stage(snap);

    if (g_str_equal(file, snap->disk.file))
        return drv_throw(error, DRV_ERROR_FAILED, "'%s' is the active file itself", file);
    if (!tm_snap_overlay(snap, "overlay", file, error))
        return FALSE;
    drv_stage_publish(stage, "overlay", snap->disk.file);
    return drv_stage_commit(stage, error);
}

static gboolean
revert_copy(TmSnapDisk *snap, guint64 id, GError **error)
{
    g_autofree char *file = tm_disk_snapshot_file(&snap->disk, id);

    if (!tm_snap_copy(snap, file, "copy", error))
        return FALSE;
    drv_stage_publish(tm_snap_data_stage(snap), "copy", snap->disk.file);
    return drv_stage_commit(tm_snap_data_stage(snap), error);
}

static gboolean
revert_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmSnapDisk) snap = TM_SNAP_DISK_INIT;

    (void)in, (void)result;
    if (!tm_snap_disk_open(&snap, request, error))
        return FALSE;
    if (!tm_disk_has_snapshot(&snap.disk, request->snapshot_id))
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "'%s' has no snapshot %" G_GUINT64_FORMAT,
                         request->target,
                         request->snapshot_id);
    return tm_snap_is_chain(&snap) ? revert_overlay(&snap, request->snapshot_id, error)
                                   : revert_copy(&snap, request->snapshot_id, error);
}

const DrvOp overlay_snap_revert = {
    .name = "overlay.snap_revert",
    .request = &tm_snapshot,
    .run = revert_disk,
};
DRV_OP_REGISTER(overlay_snap_revert);

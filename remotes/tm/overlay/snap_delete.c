/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete: what is backed by the snapshot gets its data first, then it goes. */
#include "base/error.h"
#include "base/path.h"
#include "tm/overlay/live.h"
#include "tm/overlay/snapshot.h"

static gboolean
delete_overlay(TmSnapDisk *snap, const char *file, GError **error)
{
    if (g_str_equal(file, snap->disk.file))
        return drv_throw(error, DRV_ERROR_FAILED, "'%s' is the active file", file);
    return tm_snap_free_children(snap, file, NULL, error);
}

static gboolean
delete_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
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
    if (!tm_disk_has_snapshot(&snap.disk, request->snapshot_id))
        return TRUE;
    if (tm_snap_is_chain(&snap) && !delete_overlay(&snap, file, error))
        return FALSE;
    if (drv_path_exists(snap.disk.base_fd, note))
        drv_stage_remove(stage, note);
    drv_stage_remove(stage, file);
    return drv_stage_commit(stage, error);
}

static DrvWhere
where(gconstpointer data)
{
    const TmSnapshot *request = data;
    gboolean is_live = request->lcm_state == TM_LCM_SNAPSHOT_DELETE &&
                       g_str_equal(request->format, "qcow2");

    return is_live ? DRV_LIVE : DRV_AT_DATA;
}

const DrvOp overlay_snap_delete_live = {
    .name = "overlay.snap_delete_live",
    .request = &tm_snapshot,
    .run = overlay_run_snap_delete_live,
    .worker = DRV_WORKER_VIRT,
};

const DrvOp overlay_snap_delete = {
    .name = "overlay.snap_delete",
    .request = &tm_snapshot,
    .run = delete_snapshot,
    .where = where,
    .live = &overlay_snap_delete_live,
};
DRV_OP_REGISTER(overlay_snap_delete);

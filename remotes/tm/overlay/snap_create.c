/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create: an empty overlay becomes the active file; a raw disk is copied. */
#include "base/error.h"
#include "base/path.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/live.h"
#include "tm/overlay/snapshot.h"

/* A try that was cut short may have left the file: fine if it is backed by the active one
 * and nobody names it yet, since then it was never in use.
 */
static gboolean
may_reuse(TmSnapDisk *snap, const char *file, gboolean *there, GError **error)
{
    const TmDisk *disk = &snap->disk;
    g_autofree char *backing = NULL;
    guint64 size;

    *there = drv_path_exists(disk->base_fd, file);
    if (!*there)
        return TRUE;
    if (!tm_overlay_read(disk, file, &size, &backing, NULL) || backing == NULL ||
        !tm_snap_names(backing, disk->file))
        return drv_throw(
            error, DRV_ERROR_EXISTS, "'%s/%s' already exists", disk->base, file);
    return TRUE;
}

/* Other drivers' chains may lack the link by which the texts lead on from inside. */
static gboolean
plan_self_link(TmSnapDisk *snap, GError **error)
{
    const TmDisk *disk = &snap->disk;
    g_autofree char *name = g_path_get_basename(disk->snap_dir);
    g_autofree char *self = g_build_filename(disk->snap_dir, name, NULL);
    DrvStage *stage = tm_snap_data_stage(snap);

    if (drv_path_exists(disk->base_fd, self))
        return TRUE;
    drv_stage_publish(stage, "self", self);
    return drv_stage_link(stage, "self", ".", error);
}

static gboolean
create_overlay(TmSnapDisk *snap, guint64 id, GError **error)
{
    g_autofree char *next = tm_snap_text(snap, id + 1);
    g_autofree char *file =
        g_strdup_printf("%s/%" G_GUINT64_FORMAT, snap->disk.snap_dir, id + 1);
    g_autofree char *active = drv_path_collapse(snap->disk.link);
    DrvStage *stage = tm_snap_data_stage(snap);
    gboolean there;

    if (g_str_equal(active, next))
        return TRUE; /* taken already */
    if (!may_reuse(snap, file, &there, error))
        return FALSE;
    if (!there) {
        if (!plan_self_link(snap, error) ||
            !tm_snap_overlay(snap, "overlay", snap->disk.file, error))
            return FALSE;
        drv_stage_publish(stage, "overlay", file);
    }
    return tm_snap_relink(snap, next, error);
}

static gboolean
create_copy(TmSnapDisk *snap, guint64 id, GError **error)
{
    g_autofree char *copy = tm_snap_plan_copy(snap, id, error);

    return copy && tm_snap_copy(snap, snap->disk.file, copy, error) &&
           drv_stage_commit(tm_snap_data_stage(snap), error);
}

static gboolean
create_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmSnapDisk) snap = TM_SNAP_DISK_INIT;

    (void)in, (void)result;
    if (!tm_snap_disk_open(&snap, request, error))
        return FALSE;
    return tm_snap_is_chain(&snap) ? create_overlay(&snap, request->snapshot_id, error)
                                   : create_copy(&snap, request->snapshot_id, error);
}

const DrvOp overlay_snap_create = {
    .name = "overlay.snap_create",
    .request = &tm_snapshot,
    .run = create_snapshot,
};
DRV_OP_REGISTER(overlay_snap_create);

const DrvOp overlay_snap_create_live = {
    .name = "overlay.snap_create_live",
    .request = &tm_snapshot,
    .run = overlay_run_snap_create_live,
    .worker = DRV_WORKER_VIRT,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete of a disk whose domain runs, by the hypervisor.
 *
 * The snapshot's file is right below the active one: its data are pulled up.  It is
 * deeper: the file above it is written down into it, which leaves that one's content
 * under the snapshot's name, and "<id>.current" says so from then on.  Where the
 * hypervisor knows the file by a link only, it must not write to it; then all down to
 * there is pulled up, and what is no longer in use is seen to as without a domain.
 *
 * A note that is written down first does no harm if we die: the file above keeps its
 * content until it is removed, and counts as long as it is there.
 */

#include "base/error.h"
#include "base/path.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/chain-live.h"

/* Earlier tries may have been cut short after the hypervisor's part: the file above is
 * out of the chain then, but still there, and a note names @file as the new home.
 */
static gboolean
finish_earlier(TmSnapDisk *snap, const char *file, gboolean *finished, GError **error)
{
    g_auto(GStrv) children = tm_snap_children(snap, file, error);

    *finished = FALSE;
    for (guint i = 0; children && children[i]; i++) {
        g_autofree char *id = g_path_get_basename(children[i]);
        g_autofree char *note = g_strdup_printf("%s/%s.current", snap->disk.snap_dir, id);
        g_autofree char *above = NULL;
        guint depth;

        if (!drv_path_exists(snap->disk.base_fd, note) ||
            g_str_equal(children[i], snap->disk.file))
            continue;
        if (!tm_chain_find_above(snap, children[i], &above, &depth, error))
            return FALSE;
        if (above)
            continue; /* in use: the job was not done */
        drv_stage_remove(tm_snap_data_stage(snap), children[i]);
        *finished = TRUE;
        return drv_stage_commit(tm_snap_data_stage(snap), error);
    }
    return children != NULL;
}

/* Take @file out of the running chain; *gone is the file that is to be removed then. */
static gboolean
free_file(TmSnapDisk *snap,
          TmLive *live,
          const char *target,
          const char *file,
          char **gone,
          GError **error)
{
    g_autofree char *above = NULL;
    guint depth;

    *gone = g_strdup(file);
    if (!tm_chain_find_above(snap, file, &above, &depth, error))
        return FALSE;
    if (above && !g_str_equal(above, snap->disk.file) &&
        tm_chain_may_write(snap, live, target, depth, file)) {
        g_free(*gone);
        *gone = g_strdup(above);
        return tm_snap_free_children(snap, file, above, error) &&
               tm_chain_write_down(snap, live, target, above, file, depth, error);
    }
    return (above == NULL || tm_chain_pull(snap, live, target, depth + 1, error)) &&
           tm_snap_free_children(snap, file, NULL, error);
}

static gboolean
delete_live(TmSnapDisk *snap,
            TmLive *live,
            const TmSnapshot *request,
            const char *file,
            GError **error)
{
    g_autofree char *note = g_strdup_printf(
        "%s/%" G_GUINT64_FORMAT ".current", snap->disk.snap_dir, request->snapshot_id);
    DrvStage *stage = tm_snap_data_stage(snap);
    g_autofree char *gone = NULL;
    gboolean finished = FALSE;

    if (!tm_overlay_check(&snap->disk, snap->disk.file, error) ||
        !finish_earlier(snap, file, &finished, error) || finished)
        return finished;
    if (!free_file(snap, live, request->dev_target, file, &gone, error))
        return FALSE;
    if (drv_path_exists(snap->disk.base_fd, note))
        drv_stage_remove(stage, note);
    drv_stage_remove(stage, gone);
    return drv_stage_commit(stage, error);
}

gboolean
overlay_run_snap_delete_live(gconstpointer data,
                             DrvSource *in,
                             char **result,
                             GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmSnapDisk) snap = TM_SNAP_DISK_INIT;
    g_auto(TmLive) live = TM_LIVE_INIT;
    g_autofree char *file = NULL;

    (void)in, (void)result;
    if (!tm_snap_disk_open(&snap, request, error))
        return FALSE;
    file = tm_disk_snapshot_file(&snap.disk, request->snapshot_id);
    if (!tm_disk_has_snapshot(&snap.disk, request->snapshot_id))
        return TRUE;
    if (g_str_equal(file, snap.disk.file))
        return drv_throw(error, DRV_ERROR_FAILED, "'%s' is the active file", file);
    return tm_live_open(
               &live, request->deploy_id, request->vm_id, request->vm_mad, error) &&
           delete_live(&snap, &live, request, file, error);
}

DRV_OP_REGISTER(overlay_snap_delete_live);

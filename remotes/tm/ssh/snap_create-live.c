/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create_live: the disk as it is at one moment becomes a numbered copy. */
#include "tm/overlay/snapshot.h"
#include "tm/ssh/copy-live.h"

static gboolean
create_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmSnapDisk) snap = TM_SNAP_DISK_INIT;
    g_auto(TmLive) live = TM_LIVE_INIT;
    g_autofree char *copy = NULL;

    (void)in, (void)result;
    if (!tm_snap_disk_open(&snap, request, error) ||
        !tm_live_open(&live, request->deploy_id, request->vm_id, request->vm_mad, error))
        return FALSE;
    copy = tm_snap_plan_copy(&snap, request->snapshot_id, error);
    return copy &&
           ssh_copy_live(&live,
                         &snap.disk,
                         request->dev_target,
                         request->format,
                         tm_snap_data_stage(&snap),
                         copy,
                         error) &&
           drv_stage_commit(tm_snap_data_stage(&snap), error);
}

const DrvOp ssh_snap_create_live_op = {
    .name = "ssh.snap_create_live",
    .request = &tm_snapshot,
    .run = create_snapshot,
};
DRV_OP_REGISTER(ssh_snap_create_live_op);

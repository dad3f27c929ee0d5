/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of disks that are whole files, of either format: numbered copies.  Taking
 * and deleting one never needs what another one has.
 */
#include "tm/overlay/snapshot.h"
#include "base/error.h"

extern const DrvOp overlay_snap_delete;

static gboolean
delete_copy(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    return overlay_snap_delete.run(data, in, result, error);
}

/* The guest does not use the copy, so that it need not be asked. */
const DrvOp ssh_snap_delete = {
    .name = "ssh.snap_delete",
    .request = &tm_snapshot,
    .run = delete_copy,
};
DRV_OP_REGISTER(ssh_snap_delete);

const DrvOp ssh_snap_create_live = {
    .name = "ssh.snap_create_live",
    .request = &tm_snapshot,
    .worker = DRV_WORKER_VIRT,
};

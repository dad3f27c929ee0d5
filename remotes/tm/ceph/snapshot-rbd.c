/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create, snap_delete, snap_revert of a disk. */
#include "rbd/snapshot-op.h"
#include "tm/ceph/disk.h"

static gboolean
change(const CephSnapshot *request, DrvRbdChange what, GError **error)
{
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;

    return ceph_disk_check_type(&request->disk, error) &&
           ceph_disk_image_open(&at, (const TmHead *)request, &request->disk, error) &&
           what(at.pool, at.image, request->snapshot.snapshot_id, error);
}

DRV_RBD_SNAPSHOT_OP("ceph.tm.", snap_create, ceph_tm_snapshot, drv_rbd_tree_snap_create);
DRV_RBD_SNAPSHOT_OP("ceph.tm.", snap_delete, ceph_tm_snapshot, drv_rbd_tree_snap_delete);
DRV_RBD_SNAPSHOT_OP("ceph.tm.", snap_revert, ceph_tm_snapshot, drv_rbd_tree_revert);

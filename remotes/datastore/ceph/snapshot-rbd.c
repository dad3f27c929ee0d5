/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete, snap_revert and snap_flatten of an image. */
#include "base/error.h"
#include "datastore/ceph/ceph.h"
#include "rbd/snapshot-op.h"

static gboolean
change(const CephImage *request, DrvRbdChange what, GError **error)
{
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autoptr(DrvRbdPool) pool = NULL;

    if (request->image.snapshot_id < 0)
        return drv_throw(error, DRV_ERROR_DUMP, "TARGET_SNAPSHOT is not a snapshot");
    if (!drv_rbd_site_split(request->image.source, &where, &name, error))
        return FALSE;
    pool = drv_rbd_pool_open(&request->site, where, error);
    return pool && what(pool, name, (guint64)request->image.snapshot_id, error);
}

DRV_RBD_SNAPSHOT_OP("ceph.", snap_delete, ceph_snapshot_type, drv_rbd_tree_snap_delete);
DRV_RBD_SNAPSHOT_OP("ceph.", snap_revert, ceph_snapshot_type, drv_rbd_tree_revert);
DRV_RBD_SNAPSHOT_OP("ceph.", snap_flatten, ceph_snapshot_type, drv_rbd_tree_flatten);

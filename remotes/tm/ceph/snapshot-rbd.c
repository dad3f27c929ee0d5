/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create, snap_delete, snap_revert of a disk. */
#include "rbd/tree.h"
#include "tm/ceph/disk.h"

typedef gboolean (*Change)(DrvRbdPool *pool,
                           const char *disk,
                           guint64 id,
                           GError **error);

static gboolean
change(const CephSnapshot *request, Change what, GError **error)
{
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;

    return ceph_disk_check_type(&request->disk, error) &&
           ceph_disk_image_open(&at, (const TmHead *)request, &request->disk, error) &&
           what(at.pool, at.image, request->snapshot.snapshot_id, error);
}

#define SNAPSHOT_OP(action, what)                                                        \
    static gboolean run_##action(                                                        \
        gconstpointer data, DrvSource *in, char **result, GError **error)                \
    {                                                                                    \
        (void)in, (void)result;                                                          \
        return change(data, what, error);                                                \
    }                                                                                    \
    static const DrvOp op_##action = {                                                   \
        .name = "ceph.tm." #action,                                                      \
        .request = &ceph_tm_snapshot,                                                    \
        .run = run_##action,                                                             \
    };                                                                                   \
    DRV_OP_REGISTER(op_##action)

SNAPSHOT_OP(snap_create, drv_rbd_tree_snap_create);
SNAPSHOT_OP(snap_delete, drv_rbd_tree_snap_delete);
SNAPSHOT_OP(snap_revert, drv_rbd_tree_revert);

/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete, snap_revert and snap_flatten of an image. */
#include "base/error.h"
#include "datastore/ceph/ceph.h"
#include "rbd/tree.h"

typedef gboolean (*Change)(DrvRbdPool *pool,
                           const char *disk,
                           guint64 id,
                           GError **error);

static gboolean
change(const CephImage *request, Change what, GError **error)
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

#define SNAPSHOT_OP(action, what)                                                        \
    static gboolean run_##action(                                                        \
        gconstpointer data, DrvSource *in, char **result, GError **error)                \
    {                                                                                    \
        (void)in, (void)result;                                                          \
        return change(data, what, error);                                                \
    }                                                                                    \
    static const DrvOp op_##action = {                                                   \
        .name = "ceph." #action,                                                         \
        .request = &ceph_snapshot_type,                                                  \
        .run = run_##action,                                                             \
    };                                                                                   \
    DRV_OP_REGISTER(op_##action)

SNAPSHOT_OP(snap_delete, drv_rbd_tree_snap_delete);
SNAPSHOT_OP(snap_revert, drv_rbd_tree_revert);
SNAPSHOT_OP(snap_flatten, drv_rbd_tree_flatten);

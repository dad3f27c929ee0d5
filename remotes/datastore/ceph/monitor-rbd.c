/* SPDX-License-Identifier: Apache-2.0 */
/* monitor's op: how full the pool is.  By the way, what dead drivers left is settled. */
#include "datastore/ceph/ceph.h"
#include "rbd/trash.h"
#include "rbd/tree.h"

static gboolean
measure_pool(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephMonitor *request = data;
    g_autoptr(DrvRbdPool) pool =
        drv_rbd_pool_open(&request->site, request->site.pool, error);
    g_autofree char *text = pool ? drv_rbd_pool_df_text(pool, error) : NULL;

    (void)in;
    if (text == NULL)
        return FALSE;
    drv_rbd_step_sweep(pool, drv_rbd_tree_settle);
    drv_rbd_trash_purge(pool);
    *result = g_steal_pointer(&text);
    return TRUE;
}

static const DrvOp op = { .name = "ceph.monitor",
                          .request = &ceph_monitor_type,
                          .run = measure_pool };
DRV_OP_REGISTER(op);

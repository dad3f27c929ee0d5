/* SPDX-License-Identifier: Apache-2.0 */
/* monitor's op: how full the pool is.  By the way, what dead drivers left is settled. */
#include "datastore/ceph/ceph.h"
#include "image/df.h"
#include "rbd/tree.h"

#define MIB (1024 * 1024ULL)

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephMonitor *request = data;
    g_autoptr(DrvRbdPool) pool =
        drv_rbd_pool_open(&request->site, request->site.pool, error);
    guint64 used, available;
    DrvDf df;

    (void)in;
    if (pool == NULL || !drv_rbd_pool_df(pool, &used, &available, error))
        return FALSE;
    drv_rbd_step_sweep(pool, drv_rbd_tree_settle);
    df.used_mb = used / MIB;
    df.free_mb = available / MIB;
    df.total_mb = df.used_mb + df.free_mb;
    *result = drv_df_text(&df);
    return TRUE;
}

static const DrvOp op = { .name = "ceph.monitor",
                          .request = &ceph_monitor_type,
                          .run = run };
DRV_OP_REGISTER(op);

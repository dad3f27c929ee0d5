/* SPDX-License-Identifier: Apache-2.0 */
/* monitor: how full the pool is, and what each VM's disks take of it. */
#include "image/df.h"
#include "rbd/tree.h"
#include "rbd/usage.h"
#include "tm/ceph/ceph.h"

#define MIB (1024 * 1024ULL)

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephTmMonitor *request = data;
    g_autoptr(DrvRbdPool) pool =
        drv_rbd_pool_open(&request->site, request->site.pool, error);
    g_autofree char *text = NULL;
    g_autofree char *vms = NULL;
    guint64 used, available;
    DrvDf df;

    (void)in;
    if (pool == NULL || !drv_rbd_pool_df(pool, &used, &available, error))
        return FALSE;
    drv_rbd_step_sweep(pool, drv_rbd_tree_settle);
    vms = request->monitor.vms ? drv_rbd_usage_vms(pool, error) : g_strdup("");
    if (vms == NULL)
        return FALSE;
    df.used_mb = used / MIB;
    df.free_mb = available / MIB;
    df.total_mb = df.used_mb + df.free_mb;
    text = drv_df_text(&df);
    *result = g_strconcat(text, "\n", vms, NULL);
    return TRUE;
}

static const DrvOp op = { .name = "ceph.tm.monitor",
                          .request = &ceph_tm_monitor,
                          .run = run };
DRV_OP_REGISTER(op);

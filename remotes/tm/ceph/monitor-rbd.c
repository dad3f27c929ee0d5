/* SPDX-License-Identifier: Apache-2.0 */
/* monitor: how full the pool is, and what each VM's disks take of it. */
#include "rbd/trash.h"
#include "rbd/tree.h"
#include "rbd/usage.h"
#include "tm/ceph/ceph.h"

static gboolean
measure_pool(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephTmMonitor *request = data;
    g_autoptr(DrvRbdPool) pool =
        drv_rbd_pool_open(&request->site, request->site.pool, error);
    g_autofree char *text = pool ? drv_rbd_pool_df_text(pool, error) : NULL;
    g_autofree char *vms = NULL;

    (void)in;
    if (text == NULL)
        return FALSE;
    drv_rbd_step_sweep(pool, drv_rbd_tree_settle);
    drv_rbd_trash_purge(pool);
    vms = request->monitor.vms ? drv_rbd_usage_vms(pool, error) : g_strdup("");
    if (vms == NULL)
        return FALSE;
    *result = g_strconcat(text, "\n", vms, NULL);
    return TRUE;
}

static const DrvOp op = { .name = "ceph.tm.monitor",
                          .request = &ceph_tm_monitor,
                          .run = measure_pool };
DRV_OP_REGISTER(op);

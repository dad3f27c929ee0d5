/* SPDX-License-Identifier: Apache-2.0 */
/* The front-end's half of ceph's actions with the suffix ".ssh". */
#include "base/error.h"
#include "tm/ceph/ceph.h"

#define PREPARE(type)                                                                    \
    static gboolean prepare_##type(gpointer data, GError **error)                        \
    {                                                                                    \
        return ceph_disk_prepare(data, &((type *)data)->disk, TRUE, error);              \
    }
PREPARE(CephClone)
PREPARE(CephStore)

const DrvOp ceph_ssh_clone = {
    .name = "ceph.tm.clone_ssh",
    .request = &ceph_tm_clone,
    .worker = DRV_WORKER_RBD,
    .prepare = prepare_CephClone,
};

const DrvOp ceph_ssh_mvds = {
    .name = "ceph.tm.mvds_ssh",
    .request = &ceph_tm_mvds,
    .worker = DRV_WORKER_RBD,
    .prepare = prepare_CephStore,
};

static DrvWhere
where_to_save(gconstpointer data)
{
    const CephStore *request = data;

    return request->disk.lcm_state == TM_LCM_HOTPLUG_SAVEAS ? DRV_LIVE : DRV_AT_DATA;
}

static gboolean
prepare_cpds(gpointer data, GError **error)
{
    const CephStore *request = data;

    return request->store.snapshot_id < 0
               ? prepare_CephStore(data, error)
               : drv_throw(error,
                           DRV_ERROR_UNSUPPORTED,
                           "snapshots of disks outside of the pool cannot be saved");
}

static const DrvOp cpds_live = {
    .name = "ceph.tm.cpds_ssh_live",
    .request = &ceph_tm_cpds,
    .worker = DRV_WORKER_VIRT,
};

const DrvOp ceph_ssh_cpds = {
    .name = CEPH_CPDS_SSH,
    .request = &ceph_tm_cpds,
    .worker = DRV_WORKER_RBD,
    .prepare = prepare_cpds,
    .where = where_to_save,
    .live = &cpds_live,
};

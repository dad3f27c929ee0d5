/* SPDX-License-Identifier: Apache-2.0 */
/* mv: a disk is where it was; but when its host is silent, that host is fenced.  The
 * directory of a VM is moved as on any shared storage.
 */
#include "tm/ceph/ceph.h"

extern const DrvOp tm_mv_op;

static DrvWhere
where(gconstpointer data)
{
    const CephMove *request = data;
    gint64 state = request->disk.lcm_state;
    gboolean is_silent = state == TM_LCM_PROLOG_MIGRATE_UNKNOWN ||
                         state == TM_LCM_PROLOG_MIGRATE_UNKNOWN_FAILURE;

    if (request->move.disk_id >= 0 && is_silent && !request->disk.shareable)
        return DRV_LIVE;
    return tm_mv_op.where(data);
}

static gboolean
move_directory(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    return tm_mv_op.run(data, in, result, error);
}

static gboolean
prepare(gpointer data, GError **error)
{
    return ceph_disk_prepare(data, &((CephMove *)data)->disk, FALSE, error);
}

static const DrvOp fence = {
    .name = "ceph.tm.fence",
    .request = &ceph_tm_mv,
    .worker = DRV_WORKER_RBD,
};

const DrvOp ceph_disk_mv = {
    .name = "tm.mv", /* the op for directories */
    .request = &ceph_tm_mv,
    .run = move_directory,
    .prepare = prepare,
    .where = where,
    .live = &fence,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create_live and cpds of a running VM's disk: the guest is quiet while worker-rbd
 * takes a snapshot.
 */
#include "tm/overlay/live.h"
#include "tm/ceph/ceph.h"
#include "tm/ceph/cpds.h"
#include "transport/remote.h"
#include "virt/freeze.h"

static gboolean
ask_rbd(const char *op, gconstpointer request, GError **error)
{
    return drv_remote_run_here(
        DRV_WORKER_RBD, op, drv_request_pack(request), NULL, NULL, error);
}

static gboolean
ask_quietly(TmLive *live, const char *op, gconstpointer request, GError **error)
{
    g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

    return drv_freeze_begin(&quiet, live->domain, TM_AGENT_TIMEOUT_S, error) &&
           ask_rbd(op, request, error) && drv_freeze_end(&quiet, error);
}

static gboolean
run_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmLive) live = TM_LIVE_INIT;

    (void)in, (void)result;
    return tm_live_open(
               &live, request->deploy_id, request->vm_id, request->vm_mad, error) &&
           ask_quietly(&live, "ceph.tm.snap_create", request, error);
}

static gboolean
run_cpds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmLive) live = TM_LIVE_INIT;

    (void)in, (void)result;
    return tm_live_open(
               &live, request->deploy_id, request->vm_id, request->vm_mad, error) &&
           ask_quietly(&live, CEPH_CPDS_MARK, request, error) &&
           ask_rbd(CEPH_CPDS_COPY, request, error);
}

static const DrvOp snapshot_op = { .name = "ceph.tm.snap_create_live",
                                   .request = &ceph_tm_snapshot,
                                   .run = run_snapshot };
DRV_OP_REGISTER(snapshot_op);

static const DrvOp cpds_op = { .name = "ceph.tm.cpds_live",
                               .request = &ceph_tm_cpds,
                               .run = run_cpds };
DRV_OP_REGISTER(cpds_op);

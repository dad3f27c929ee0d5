/* SPDX-License-Identifier: Apache-2.0 */
/* cpds.ssh of a running VM's disk: the hypervisor copies it to a file, as it is at one
 * moment, and worker-rbd stores that file.
 */
#include "base/error.h"
#include "tm/ceph/ceph.h"
#include "tm/ssh/copy-live.h"
#include "transport/remote.h"

static gboolean
store_copy(const CephStore *request, DrvStage *stage, GError **error)
{
    g_autoptr(DrvRequest) copy = drv_request_copy(request);
    TmStore *store = (TmStore *)copy;

    g_free(store->target);
    store->target = g_build_filename(drv_stage_path(stage), "copy", NULL);
    return drv_remote_run_here(
        DRV_WORKER_RBD, CEPH_CPDS_SSH, drv_request_pack(copy), NULL, NULL, error);
}

static gboolean
run_cpds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephStore *request = data;
    const TmStore *store = &request->store;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_auto(TmDisk) disk = TM_DISK_INIT;
    g_auto(TmLive) live = TM_LIVE_INIT;
    g_autoptr(DrvStage) stage = NULL;

    (void)in, (void)result;
    if (!tm_dir_open(&dir, store->target, FALSE, error) ||
        !tm_disk_look(&disk, &dir, error))
        return FALSE;
    if (disk.kind == TM_DISK_MISSING)
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "'%s' is missing", store->target);
    stage = drv_stage_open(dir.fd, dir.path, dir.disk, error);
    return stage &&
           tm_live_open(&live, store->deploy_id, store->vm_id, store->vm_mad, error) &&
           ssh_copy_live(&live, &disk, store->dev_target, "raw", stage, "copy", error) &&
           store_copy(request, stage, error);
}

static const DrvOp op = { .name = "ceph.tm.cpds_ssh_live",
                          .request = &ceph_tm_cpds,
                          .run = run_cpds };
DRV_OP_REGISTER(op);

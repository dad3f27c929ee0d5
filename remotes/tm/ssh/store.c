/* SPDX-License-Identifier: Apache-2.0 */
/* mvds, cpds: a disk comes back from its host and becomes an image. */
#include "base/error.h"
#include "base/path.h"
#include "base/status.h"
#include "tm/ssh/ssh.h"
#include "transport/remote.h"

/* --- here, where the image is ----------------------------------------------------------
 */

typedef struct {
    const TmStore *request;
    gboolean with_snapshots; /* those of the image are replaced by the disk's */
} Store;

static gboolean
receive_image(DrvPeer *peer, gpointer data, GError **error)
{
    const Store *store = data;
    g_autofree char *image = drv_path_collapse(store->request->image);
    g_autofree char *dir = g_path_get_dirname(image);
    g_autofree char *name = g_path_get_basename(image);
    g_autofree char *snap = g_strconcat(name, ".snap", NULL);
    g_autofree char *sum = g_strconcat(name, ".md5sum", NULL);
    const char *const drop[] = { sum, store->with_snapshots ? snap : NULL, NULL };
    DrvReceive receive = { .dir = dir, .key = name, .drop = drop };

    return drv_transfer_receive(peer, &receive, error);
}

static gboolean
store(const TmStore *request,
      const char *op,
      gboolean live,
      gboolean with_snapshots,
      GError **error)
{
    Store what = { .request = request, .with_snapshots = with_snapshots };
    g_autoptr(DrvRemote) remote = NULL;
    gboolean ok;

    drv_status_route(request->host, request->image);
    remote =
        drv_remote_open(request->host, live ? DRV_WORKER_VIRT : DRV_WORKER_PLAIN, error);
    ok = remote &&
         drv_remote_converse(
             remote, op, drv_request_pack(request), receive_image, &what, NULL, error);
    return ok;
}

static gboolean
run_mvds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return store(data, "ssh.mvds_send", FALSE, TRUE, error);
}

const DrvOp ssh_mvds = {
    .name = "ssh.mvds",
    .request = &tm_mvds,
    .run = run_mvds,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(ssh_mvds);

static gboolean
run_cpds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmStore *request = data;
    gboolean live =
        request->lcm_state == TM_LCM_HOTPLUG_SAVEAS && request->snapshot_id < 0;

    (void)in, (void)result;
    return store(
        request, live ? "ssh.cpds_live_send" : "ssh.cpds_send", live, FALSE, error);
}

const DrvOp ssh_cpds = {
    .name = "ssh.cpds",
    .request = &tm_cpds,
    .run = run_cpds,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(ssh_cpds);

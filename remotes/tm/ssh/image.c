/* SPDX-License-Identifier: Apache-2.0 */
/* mvds, cpds: a disk comes back from its host and becomes an image. */
#include "base/error.h"
#include "base/path.h"
#include "base/status.h"
#include "tm/ops/tm-layout.h"
#include "tm/ssh/ssh.h"
#include "transport/remote.h"

/* Of the worker with libvirt, where the op itself is (cpds-live.c). */
const DrvOp ssh_cpds_live_send = {
    .name = "ssh.cpds_live_send",
    .request = &tm_cpds,
    .worker = DRV_WORKER_VIRT,
};

/* --- here, where the image is ----------------------------------------------------------
 */

typedef struct {
    const TmStore *request;
    gboolean with_snapshots; /* those of the image are replaced by the disk's */
} Store;

/* A chain of tm/local is an image as it is, but its files have to name each other by the
 * image's name.
 */
static gboolean
name_chain(int dir_fd, const char *where, gpointer data, GError **error)
{
    g_autofree char *snap = g_strconcat(data, ".snap", NULL);
    g_autofree char *head = g_strconcat(snap, "/", NULL);
    g_autofree char *link = drv_path_read_link(dir_fd, data);

    return link == NULL || tm_layout_name(dir_fd, where, snap, head, NULL, error);
}

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
    DrvReceive receive = {
        .dir = dir, .key = name, .drop = drop, .settle = name_chain, .data = name
    };

    return drv_transfer_receive(peer, &receive, error);
}

gboolean
ssh_image_return(const TmStore *request,
                 const DrvOp *sender,
                 gboolean with_snapshots,
                 GError **error)
{
    Store what = { .request = request, .with_snapshots = with_snapshots };
    g_autoptr(DrvRemote) remote = NULL;

    drv_status_route(request->host, request->image);
    remote = drv_remote_open(request->host, sender->worker, error);
    return remote && drv_remote_converse(remote,
                                         sender->name,
                                         drv_request_pack(request),
                                         receive_image,
                                         &what,
                                         NULL,
                                         error);
}

static gboolean
run_mvds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return ssh_image_return(data, &ssh_mvds_send, TRUE, error);
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
    return ssh_image_return(
        request, live ? &ssh_cpds_live_send : &ssh_cpds_send, FALSE, error);
}

const DrvOp ssh_cpds = {
    .name = "ssh.cpds",
    .request = &tm_cpds,
    .run = run_cpds,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(ssh_cpds);

/* SPDX-License-Identifier: Apache-2.0 */
/* clone, ln: an image goes to the host, with its snapshots.  Persistent or not makes no
 * difference until the disk is brought back by mvds.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/status.h"
#include "tm/ops/tm-dir.h"
#include "tm/ssh/ssh.h"
#include "transport/remote.h"

static gboolean
send_image(DrvPeer *peer, gpointer data, GError **error)
{
    const TmClone *request = data;
    g_autofree char *source = drv_path_collapse(request->source);
    g_autofree char *where = g_path_get_dirname(source);
    g_autofree char *name = g_path_get_basename(source);
    g_autofree char *as = g_path_get_basename(request->target);
    g_autofree char *snap = g_strconcat(name, ".snap", NULL);
    g_autofree char *snap_as = g_strconcat(as, ".snap", NULL);
    g_auto(DrvFd) dir_fd = drv_path_open_dir(where, error);
    DrvSendRoot roots[] = {
        { .dir_fd = dir_fd, .where = where, .name = name, .as = as },
        { .dir_fd = dir_fd, .where = where, .name = snap, .as = snap_as },
    };
    DrvSend send = { .roots = roots, .n_roots = 1, .from = snap, .to = snap_as };
    DrvReceipt receipt;
    DrvPlace place;

    if (dir_fd < 0)
        return FALSE;
    if (request->disk_id >= 0 && drv_path_exists(dir_fd, snap))
        send.n_roots = 2;
    return drv_transfer_send(peer, &send, &place, &receipt, error);
}

gboolean
ssh_clone_to(TmClone *request, const DrvOp *receiver, GError **error)
{
    g_autoptr(DrvRemote) remote = NULL;

    drv_status_route(request->source, request->host);
    remote = drv_remote_open(request->host, DRV_WORKER_PLAIN, error);
    return remote && drv_remote_converse(remote,
                                         receiver->name,
                                         drv_request_pack(request),
                                         send_image,
                                         request,
                                         NULL,
                                         error);
}

static gboolean
clone_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    TmClone *request = (TmClone *)data;
    gboolean done;

    (void)in, (void)result;
    return ssh_store_clone(request, &ssh_clone_stored, &done, error) &&
           (done || ssh_clone_to(request, &ssh_clone_receive, error));
}

const DrvOp ssh_clone = {
    .name = "ssh.clone",
    .request = &tm_clone,
    .run = clone_disk,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(ssh_clone);

/* A persistent image is another one each time, which no host need keep. */
static gboolean
bring_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return ssh_clone_to((TmClone *)data, &ssh_clone_receive, error);
}

const DrvOp ssh_ln = {
    .name = "ssh.ln",
    .request = &tm_clone,
    .run = bring_disk,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(ssh_ln);

/* --- on the host -----------------------------------------------------------------------
 */

static gboolean
grow(int dir_fd, const char *where, gpointer data, GError **error)
{
    const TmClone *request = data;
    g_autofree char *name = g_path_get_basename(request->target);

    return request->disk_id < 0 || ssh_grow(request, dir_fd, where, name, error);
}

gboolean
ssh_clone_arrive(const TmClone *request, DrvPeer *peer, SshSettle settle, GError **error)
{
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *dir = g_path_get_dirname(target);
    g_autofree char *ds = g_path_get_dirname(dir);
    g_autofree char *name = g_path_get_basename(target);
    g_autofree char *snap = g_strconcat(name, ".snap", NULL);
    const char *const drop[] = { snap, NULL };
    DrvReceive receive = {
        .dir = dir, .key = name, .drop = drop, .settle = settle, .data = (gpointer)request
    };
    gboolean ok;

    drv_status_route(request->source, request->host);
    ok = tm_dir_monitor(ds, error) && drv_transfer_receive(peer, &receive, error);
    if (!ok) /* unless something has arrived for the next try */
        drv_path_remove_empty(AT_FDCWD, dir);
    return ok;
}

static gboolean
receive(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    (void)result;
    return ssh_clone_arrive(data, peer, grow, error);
}

static gboolean
take_stored(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in;
    return ssh_store_take(data, grow, result, error);
}

const DrvOp ssh_clone_stored = {
    .name = "ssh.clone_stored",
    .request = &tm_clone,
    .run = take_stored,
};
DRV_OP_REGISTER(ssh_clone_stored);

const DrvOp ssh_clone_receive = {
    .name = "ssh.clone_receive",
    .request = &tm_clone,
    .converse = receive,
};
DRV_OP_REGISTER(ssh_clone_receive);

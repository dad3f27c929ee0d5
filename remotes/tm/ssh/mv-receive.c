/* SPDX-License-Identifier: Apache-2.0 */
/* The receiver of mv: what stands in the way is set aside. */
#include "base/path.h"
#include "base/status.h"
#include "tm/ops/tm-dir.h"
#include "tm/ssh/ssh.h"

gboolean
ssh_mv_receive_talk(DrvPeer *peer, gpointer data, GError **error)
{
    const SshMoveEnd *end = data;
    g_autofree char *target = drv_path_collapse(end->request->target);
    g_autofree char *dir = g_path_get_dirname(target);
    g_autofree char *name = g_path_get_basename(target);
    DrvReceive receive = { .dir = dir, .key = name, .keep = TRUE };

    return drv_transfer_receive(peer, &receive, error);
}

static gboolean
receive_from_caller(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    const TmMove *request = data;
    SshMoveEnd end = { .request = request };
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *ds = g_path_get_dirname(target);
    gboolean ok;

    (void)result;
    drv_status_route(request->source_host, request->host);
    ok = (request->unprobed || tm_dir_monitor(ds, error)) &&
         ssh_mv_receive_talk(peer, &end, error);
    return ok;
}

const DrvOp ssh_mv_receive = {
    .name = "ssh.mv_receive",
    .request = &tm_mv,
    .converse = receive_from_caller,
};
DRV_OP_REGISTER(ssh_mv_receive);

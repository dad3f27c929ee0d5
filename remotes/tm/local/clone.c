/* SPDX-License-Identifier: Apache-2.0 */
/* clone, ln: as ssh's, and on the host a qcow2 image becomes the first file of a chain.
 */
#include "tm/ops/tm-layout.h"
#include "tm/ssh/ssh.h"

extern const DrvOp local_clone_receive;
extern const DrvOp local_clone_stored;

static gboolean
clone_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    TmClone *request = (TmClone *)data;
    gboolean done;

    (void)in, (void)result;
    return ssh_store_clone(request, &local_clone_stored, &done, error) &&
           (done || ssh_clone_to(request, &local_clone_receive, error));
}

const DrvOp local_clone = {
    .name = "local.clone",
    .request = &tm_clone,
    .run = clone_disk,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(local_clone);

static gboolean
bring_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return ssh_clone_to((TmClone *)data, &local_clone_receive, error);
}

const DrvOp local_ln = {
    .name = "local.ln",
    .request = &tm_clone,
    .run = bring_disk,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(local_ln);

/* --- on the host -----------------------------------------------------------------------
 */

static gboolean
settle(int dir_fd, const char *where, gpointer data, GError **error)
{
    const TmClone *request = data;
    g_autofree char *disk = g_path_get_basename(request->target);
    g_autofree char *image = g_path_get_basename(request->source);

    if (request->disk_id < 0) /* a kernel */
        return TRUE;
    return (!g_str_equal(request->format, "qcow2") ||
            tm_layout_make(dir_fd, where, disk, image, error)) &&
           ssh_grow(request, dir_fd, where, disk, error);
}

static gboolean
receive(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    (void)result;
    return ssh_clone_arrive(data, peer, settle, error);
}

const DrvOp local_clone_receive = {
    .name = "local.clone_receive",
    .request = &tm_clone,
    .converse = receive,
};
DRV_OP_REGISTER(local_clone_receive);

static gboolean
take_stored(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in;
    return ssh_store_take(data, settle, result, error);
}

const DrvOp local_clone_stored = {
    .name = "local.clone_stored",
    .request = &tm_clone,
    .run = take_stored,
};
DRV_OP_REGISTER(local_clone_stored);

/* SPDX-License-Identifier: Apache-2.0 */
/* delete: as on shared storage, and what an unfinished transfer has left goes too. */
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "tm/ssh/ssh.h"

extern const DrvOp tm_delete_op;

static gboolean
delete_target(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmDelete *request = data;
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *dir = g_path_get_dirname(target);
    g_autofree char *name = g_path_get_basename(target);
    g_auto(DrvFd) fd = -1;

    if (!tm_delete_op.run(data, in, result, error))
        return FALSE;
    fd = drv_path_open_dir(dir, NULL);
    return fd < 0 || drv_transfer_forget(fd, dir, name, error);
}

const DrvOp ssh_delete = { .name = "ssh.delete",
                           .request = &tm_delete,
                           .run = delete_target };
DRV_OP_REGISTER(ssh_delete);

/* SPDX-License-Identifier: Apache-2.0 */
/* clone.ssh: the host sees the image, but its VMs are on storage of its own. */
#include "base/error.h"
#include "tm/overlay/clone.h"

/* Nothing there depends on the image afterwards, so that the VM can go to any host. */
static gboolean
clone_full(const TmClone *request, gboolean qcow2, GError **error)
{
    TmClone full = *request;
    g_auto(TmDir) dir = TM_DIR_INIT;

    full.standalone = TRUE;
    return tm_dir_open(&dir, request->target, TRUE, error) &&
           tm_dir_monitor(dir.ds_path, error) &&
           tm_overlay_clone(&full, &dir, qcow2, error) && tm_dir_keep(&dir);
}

static gboolean
clone_qcow2_ssh(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return clone_full(data, TRUE, error);
}

const DrvOp overlay_clone_ssh = { .name = "overlay.clone_ssh",
                                  .request = &tm_clone,
                                  .run = clone_qcow2_ssh };
DRV_OP_REGISTER(overlay_clone_ssh);

static gboolean
clone_shared_ssh(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return clone_full(data, FALSE, error);
}

const DrvOp overlay_clone_shared_ssh = { .name = "overlay.clone_shared_ssh",
                                         .request = &tm_clone,
                                         .run = clone_shared_ssh };
DRV_OP_REGISTER(overlay_clone_shared_ssh);

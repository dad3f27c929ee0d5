/* SPDX-License-Identifier: Apache-2.0 */
/* ln: the disk is the image.  The snapshot for clones goes, if there are none. */
#include "rbd/image.h"
#include "rbd/tree.h"
#include "tm/ceph/disk.h"

static gboolean
link_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephClone *request = data;
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autoptr(DrvRbdPool) pool = NULL;
    g_auto(DrvRbdImage) image = NULL;

    (void)in, (void)result;
    if (!drv_rbd_site_split(request->clone.source, &where, &name, error))
        return FALSE;
    pool = drv_rbd_pool_open(&request->disk.site, where, error);
    if (pool == NULL || !drv_rbd_step_pass(pool, name, drv_rbd_tree_settle, error))
        return FALSE;
    image = drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error);
    if (image == NULL)
        return FALSE;
    drv_rbd_image_close(g_steal_pointer(&image));
    return drv_rbd_tree_drop_base(pool, name, DRV_RBD_BASE_SNAPSHOT, error);
}

static const DrvOp op = { .name = "ceph.tm.ln",
                          .request = &ceph_tm_clone,
                          .run = link_disk };
DRV_OP_REGISTER(op);

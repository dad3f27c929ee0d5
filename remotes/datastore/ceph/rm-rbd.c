/* SPDX-License-Identifier: Apache-2.0 */
/* rm's op: an image with its snapshots.  Gone already is fine. */
#include "datastore/ceph/ceph.h"
#include "rbd/tree.h"

static gboolean
remove_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephImage *request = data;
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autoptr(DrvRbdPool) pool = NULL;

    (void)in, (void)result;
    if (!drv_rbd_site_split(request->image.source, &where, &name, error))
        return FALSE;
    pool = drv_rbd_pool_open(&request->site, where, error);
    return pool && drv_rbd_tree_remove(pool, name, error);
}

static const DrvOp op = { .name = "ceph.rm",
                          .request = &ceph_rm_type,
                          .run = remove_image };
DRV_OP_REGISTER(op);

/* SPDX-License-Identifier: Apache-2.0 */
/* clone's op: a full copy of an image, without its snapshots. */
#include "base/error.h"
#include "datastore/ceph/ceph.h"
#include "datastore/ceph/new-image.h"
#include "rbd/write.h"

/* The original is in the same pool, or in one that the same user may read. */
static gboolean
copy(CephNew *new, const CephClone *request, GError **error)
{
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autoptr(DrvRbdPool) pool = NULL;
    g_auto(DrvRbdImage) from = NULL;
    g_auto(DrvRbdImage) to = NULL;
    guint64 size = 0;

    if (!drv_rbd_site_split(request->clone.source, &where, &name, error))
        return FALSE;
    pool = drv_rbd_pool_open(&request->site, where, error);
    from = pool ? drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error) : NULL;
    if (from == NULL)
        return FALSE;
    (void)rbd_get_size(from, &size);
    to = ceph_new_create(new, size, error);
    return to && drv_rbd_write_copy(new->pool, from, to, error);
}

static gboolean
clone_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephClone *request = data;
    g_auto(CephNew) new = CEPH_NEW_INIT;

    (void)in;
    return ceph_new_begin(&new, &request->site, request->clone.image_id, error) &&
           copy(&new, request, error) && ceph_new_finish(&new, NULL, result, error);
}

static const DrvOp op = { .name = "ceph.clone",
                          .request = &ceph_clone_type,
                          .run = clone_image };
DRV_OP_REGISTER(op);

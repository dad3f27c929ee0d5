/* SPDX-License-Identifier: Apache-2.0 */
/* cpds: a disk, or a snapshot of it, becomes an image of its own.  The disk of a running
 * VM is copied from a snapshot that was taken for this (live-live.c).
 */
#include "base/error.h"
#include "rbd/tree.h"
#include "rbd/write.h"
#include "tm/ceph/cpds.h"
#include "tm/ceph/disk.h"

/* The image to copy, at the moment that was asked for. */
static DrvRbdImage
open_source(const CephDiskImage *at,
            const TmStore *request,
            const char *moment,
            GError **error)
{
    g_autofree char *holder = NULL;
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, request->snapshot_id);
    const char *snapshot = request->snapshot_id >= 0 ? id : moment;
    DrvRbdImage image;
    int rc;

    holder = request->snapshot_id >= 0
                 ? drv_rbd_tree_holder(
                       at->pool, at->image, (guint64)request->snapshot_id, error)
                 : g_strdup(at->image);
    image = holder ? drv_rbd_image_open(at->pool, holder, DRV_RBD_LOOK, error) : NULL;
    if (image == NULL)
        return NULL;
    rc = rbd_snap_set(image, snapshot);
    if (rc == 0)
        return image;
    drv_rbd_image_close(image);
    (void)drv_rbd_throw(at->pool, rc, error, "cannot read snapshot '%s'", snapshot);
    return NULL;
}

static gboolean
fill(DrvRbdPool *pool, DrvRbdImage to, gpointer from, GError **error)
{
    guint64 size = 0;
    int rc = rbd_get_size(from, &size);

    if (rc == 0)
        rc = rbd_resize(to, size);
    if (rc < 0)
        return drv_rbd_throw(pool, rc, error, "cannot give the image its size");
    return drv_rbd_write_copy(pool, from, to, error);
}

static gboolean
copy(const CephDiskImage *at,
     DrvRbdPool *to_pool,
     const char *name,
     const TmStore *request,
     const char *moment,
     GError **error)
{
    g_auto(DrvRbdImage) from = open_source(at, request, moment, error);

    return from && drv_rbd_tree_make(to_pool, name, fill, from, error);
}

gboolean
ceph_cpds_run(const CephStore *request, const char *moment, GError **error)
{
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autoptr(DrvRbdPool) to = NULL;

    if (!drv_rbd_site_split(request->store.image, &where, &name, error) ||
        !ceph_disk_image_open(&at, (const TmHead *)request, &request->disk, error))
        return FALSE;
    if (g_str_equal(name, at.image) && g_str_equal(where, at.pool->name))
        return TRUE; /* the disk is that image */
    to = drv_rbd_pool_open(&request->disk.site, where, error);
    return to && copy(&at, to, name, &request->store, moment, error);
}

static gboolean
save_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return ceph_cpds_run(data, NULL, error);
}

static const DrvOp op = { .name = "ceph.tm.cpds",
                          .request = &ceph_tm_cpds,
                          .run = save_disk };
DRV_OP_REGISTER(op);

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

/* Looked for when what a dead driver left is settled: an image that is there is whole,
 * and somebody else's.
 */
static gboolean
check_target(DrvRbdPool *pool, const char *name, GError **error)
{
    gboolean exists;

    if (!drv_rbd_image_exists(pool, name, &exists, error))
        return FALSE;
    return !exists || drv_throw(error,
                                DRV_ERROR_EXISTS,
                                "there is an image '%s/%s' already",
                                pool->name,
                                name);
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
    g_autoptr(DrvRbdStep) step = NULL;
    g_auto(DrvRbdImage) to = NULL;
    guint64 size = 0;

    if (from == NULL)
        return FALSE;
    (void)rbd_get_size(from, &size);
    step = drv_rbd_step_begin(to_pool, name, drv_rbd_tree_settle, error);
    if (step == NULL || !check_target(to_pool, name, error) ||
        !drv_rbd_step_note(step, "make", error) ||
        !drv_rbd_image_create(to_pool, name, size, error))
        return FALSE;
    to = drv_rbd_image_open(to_pool, name, DRV_RBD_CHANGE, error);
    if (to == NULL || !drv_rbd_write_copy(to_pool, from, to, error))
        return FALSE;
    drv_rbd_image_close(g_steal_pointer(&to));
    return drv_rbd_step_end(step, error);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* clone: the disk is a clone of the image's snapshot "snap".  One that is there already
 * is left as it is if it was made so.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "rbd/image.h"
#include "rbd/tree.h"
#include "rbd/write.h"
#include "tm/ceph/disk.h"
#include "tm/ops/tm-dir.h"

#define TRIES 5 /* while others delete the last clone, and the snapshot with it */

static gboolean
check_existing(const CephDiskImage *at, DrvRbdImage image, GError **error)
{
    g_autofree char *parent = NULL;
    g_autofree char *snapshot = NULL;

    if (!drv_rbd_image_parent(at->pool, image, &parent, &snapshot, error))
        return FALSE;
    return parent == NULL || g_str_equal(parent, at->base) ||
           drv_rbd_tree_is_former(at->image, parent) || /* it was reverted */
           drv_throw(error,
                     DRV_ERROR_EXISTS,
                     "there is an image '%s/%s' already, which is a clone of '%s'",
                     at->pool->name,
                     at->image,
                     parent);
}

static gboolean
clone_base(const CephDiskImage *at, gboolean ready, GError **error)
{
    for (guint i = 1;; i++) {
        g_autoptr(GError) why = NULL;

        if (!ready &&
            !drv_rbd_tree_base(at->pool, at->base, DRV_RBD_BASE_SNAPSHOT, error))
            return FALSE;
        if (drv_rbd_image_clone(
                at->pool, at->base, DRV_RBD_BASE_SNAPSHOT, at->image, &why))
            return TRUE;
        if (i == TRIES || drv_error_is(why, DRV_ERROR_CANCELLED)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        drv_ignore(&why, "another driver may have removed the snapshot");
        ready = FALSE;
    }
}

/* Images of format 1 have no clones. */
static gboolean
copy_base(const CephDiskImage *at, DrvRbdImage from, GError **error)
{
    g_auto(DrvRbdImage) to = NULL;
    guint64 size = 0;

    (void)rbd_get_size(from, &size);
    if (!drv_rbd_image_create(at->pool, at->image, size, error))
        return FALSE;
    to = drv_rbd_image_open(at->pool, at->image, DRV_RBD_CHANGE, error);
    return to && drv_rbd_write_copy(at->pool, from, to, error);
}

static gboolean
fill(const CephDiskImage *at, GError **error)
{
    g_auto(DrvRbdImage) base =
        drv_rbd_image_open(at->pool, at->base, DRV_RBD_LOOK, error);
    int is_protected = 0;
    uint8_t old = 0;

    if (base == NULL)
        return FALSE;
    (void)rbd_get_old_format(base, &old);
    if (old)
        return copy_base(at, base, error);
    (void)rbd_snap_is_protected(base, DRV_RBD_BASE_SNAPSHOT, &is_protected);
    drv_rbd_image_close(g_steal_pointer(&base));
    return clone_base(at, is_protected, error);
}

static gboolean
grow(const CephDiskImage *at, const TmClone *request, GError **error)
{
    g_auto(DrvRbdImage) image = NULL;
    int rc;

    if (request->size_mb <= request->original_size_mb || request->size_mb == 0)
        return TRUE;
    image = drv_rbd_image_open(at->pool, at->image, DRV_RBD_CHANGE, error);
    if (image == NULL)
        return FALSE;
    rc = rbd_resize(image, request->size_mb * DRV_MIB);
    return rc == 0 || drv_rbd_throw(at->pool, rc, error, "cannot resize the disk");
}

static gboolean
make(const CephDiskImage *at, DrvRbdStep *step, const TmClone *request, GError **error)
{
    return drv_rbd_step_note(step, "make", error) && fill(at, error) &&
           grow(at, request, error);
}

/* Shared storage needs no probe on the host. */
static void
unmonitor(const TmClone *request)
{
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autoptr(GError) why = NULL;

    if (!tm_dir_open(&dir, request->target, FALSE, &why) || !tm_dir_unmonitor(&dir, &why))
        drv_ignore(&why, "this host has no such datastore");
}

static gboolean
clone_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephClone *request = data;
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;
    g_autoptr(DrvRbdStep) step = NULL;
    g_auto(DrvRbdImage) image = NULL;

    (void)in, (void)result;
    if (!ceph_disk_image_open(&at, data, &request->disk, error))
        return FALSE;
    if (at.base == NULL)
        return drv_throw(error, DRV_ERROR_DUMP, "the disk is not one to be cloned");
    unmonitor(&request->clone);
    if (!drv_rbd_step_pass(at.pool, at.base, drv_rbd_tree_settle, error))
        return FALSE;
    step = drv_rbd_step_begin(at.pool, at.image, drv_rbd_tree_settle, error);
    if (step == NULL ||
        !drv_rbd_image_find(at.pool, at.image, DRV_RBD_LOOK, &image, error))
        return FALSE;
    if (image ? !check_existing(&at, image, error)
              : !make(&at, step, &request->clone, error))
        return FALSE;
    return drv_rbd_step_end(step, error);
}

static const DrvOp op = { .name = "ceph.tm.clone",
                          .request = &ceph_tm_clone,
                          .run = clone_disk };
DRV_OP_REGISTER(op);

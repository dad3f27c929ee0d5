/* SPDX-License-Identifier: Apache-2.0 */
/* delete: a clone or a volatile disk with its snapshots; with a VM's directory, its
 * checkpoint.  The image of a persistent disk never gets here.
 */
#include "base/error.h"
#include "rbd/image.h"
#include "rbd/tree.h"
#include "tm/ceph/disk.h"

extern const DrvOp tm_delete_op;

static gboolean
delete_dir(const CephDelete *request, DrvSource *in, char **result, GError **error)
{
    g_autoptr(DrvRbdPool) pool =
        drv_rbd_pool_open(&request->disk.site, request->disk.site.pool, error);
    g_autofree char *checkpoint = g_strdup_printf(
        "one-sys-%" G_GUINT64_FORMAT "-checkpoint", request->delete.vm_id);

    return pool && drv_rbd_tree_remove(pool, checkpoint, error) &&
           tm_delete_op.run(request, in, result, error);
}

static gboolean
delete_disk(const CephDelete *request, GError **error)
{
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;

    if (!ceph_disk_image_open(&at, (const TmHead *)request, &request->disk, error) ||
        !drv_rbd_tree_remove(at.pool, at.image, error))
        return FALSE;
    return at.base == NULL ||
           drv_rbd_tree_drop_base(at.pool, at.base, DRV_RBD_BASE_SNAPSHOT, error);
}

static gboolean
remove_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephDelete *request = data;

    return request->delete.disk_id < 0 ? delete_dir(request, in, result, error)
                                       : delete_disk(request, error);
}

static const DrvOp op = { .name = "ceph.tm.delete",
                          .request = &ceph_tm_delete,
                          .run = remove_disk };
DRV_OP_REGISTER(op);

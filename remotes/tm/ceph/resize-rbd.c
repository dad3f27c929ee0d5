/* SPDX-License-Identifier: Apache-2.0 */
/* resize: a disk gets larger, never smaller. */
#include "base/bytes.h"
#include "base/error.h"
#include "rbd/image.h"
#include "tm/ceph/disk.h"

static gboolean
resize_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephResize *request = data;
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;
    g_auto(DrvRbdImage) image = NULL;
    guint64 size = 0;
    int rc;

    (void)in, (void)result;
    if (request->resize.size_mb > G_MAXINT64 / DRV_MIB)
        return drv_throw(error, DRV_ERROR_USAGE, "invalid disk size");
    if (!ceph_disk_image_open(&at, data, &request->disk, error))
        return FALSE;
    image = drv_rbd_image_open(at.pool, at.image, DRV_RBD_CHANGE, error);
    if (image == NULL)
        return FALSE;
    rc = rbd_get_size(image, &size);
    if (rc == 0 && size < request->resize.size_mb * DRV_MIB)
        rc = rbd_resize(image, request->resize.size_mb * DRV_MIB);
    return rc == 0 ||
           drv_rbd_throw(
               at.pool, rc, error, "cannot resize '%s/%s'", at.pool->name, at.image);
}

static const DrvOp op = { .name = "ceph.tm.resize",
                          .request = &ceph_tm_resize,
                          .run = resize_disk };
DRV_OP_REGISTER(op);

/* SPDX-License-Identifier: Apache-2.0 */
/* mv of a disk whose host is silent: its image stays where it is, but that host may still
 * run the VM.  From here on it cannot write.
 */
#include "base/error.h"
#include "base/log.h"
#include "rbd/fence.h"
#include "tm/ceph/disk.h"

static gboolean
fence_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephMove *request = data;
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;
    guint n;

    (void)in, (void)result;
    if (!ceph_disk_image_open(&at, data, &request->disk, error) ||
        !drv_rbd_fence(at.pool, at.image, &n, error))
        return drv_prefix(
            error, "%s may still write to the disk", request->move.source_host);
    if (n == 0)
        drv_info("%s does not have the disk open: nobody has", request->move.source_host);
    else
        drv_info("%s can no longer write to the disk, even if it is alive",
                 request->move.source_host);
    return TRUE;
}

static const DrvOp op = { .name = "ceph.tm.fence",
                          .request = &ceph_tm_mv,
                          .run = fence_disk };
DRV_OP_REGISTER(op);

/* SPDX-License-Identifier: Apache-2.0 */
/* mkfs's op: an empty image; with a file system or swap space, built as a file first.  Of
 * format save_as only the name is kept free.
 */
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "datastore/ceph/ceph.h"
#include "datastore/ceph/new-image.h"
#include "image/mkfs.h"
#include "rbd/fill.h"

static gboolean
make(CephNew *new, const CephMkfs *request, GError **error)
{
    const DsMkfs *wanted = &request->mkfs;
    DrvMkfs want = {
        .format = g_str_equal(wanted->format, "qcow2") ? "raw" : wanted->format,
        .fs = wanted->fs,
        .size = wanted->size_mb * DRV_MIB,
        .supported_fs = (const char *const *)wanted->supported_fs,
        .fs_options = (const char *const *)wanted->fs_options,
    };
    g_auto(DrvRbdImage) image = NULL;

    if (wanted->size_mb == 0 || wanted->size_mb > G_MAXINT64 / DRV_MIB)
        return drv_throw(error, DRV_ERROR_DUMP, "invalid image size");
    image = ceph_new_create(new, want.size, error);
    return image && drv_rbd_fill(new->pool, image, &want, request->staging_dir, error);
}

static gboolean
make_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephMkfs *request = data;
    g_auto(CephNew) new = CEPH_NEW_INIT;
    gboolean later = g_str_equal(request->mkfs.format, "save_as");

    (void)in;
    return ceph_new_begin(&new, &request->site, request->mkfs.image_id, error) &&
           (later || make(&new, request, error)) &&
           ceph_new_finish(&new, NULL, result, error);
}

static const DrvOp op = { .name = "ceph.mkfs",
                          .request = &ceph_mkfs_type,
                          .run = make_image };
DRV_OP_REGISTER(op);

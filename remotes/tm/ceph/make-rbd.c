/* SPDX-License-Identifier: Apache-2.0 */
/* mkimage, mkswap: a volatile disk.  Run again, it is made again. */
#include "base/bytes.h"
#include "base/error.h"
#include "rbd/fill.h"
#include "rbd/tree.h"
#include "tm/ceph/disk.h"

static gboolean
make(const CephDiskImage *at, const CephMake *request, const char *format, GError **error)
{
    const TmMake *wanted = &request->make;
    g_autofree char *directory = g_path_get_dirname(wanted->target);
    DrvMkfs want = {
        .format = g_str_equal(format, "qcow2") ? "raw" : format,
        .fs = wanted->fs,
        .size = wanted->size_mb * DRV_MIB,
        .supported_fs = (const char *const *)wanted->supported_fs,
        .fs_options = (const char *const *)wanted->fs_options,
    };
    g_auto(DrvRbdImage) image = NULL;

    if (wanted->size_mb == 0 || wanted->size_mb > G_MAXINT64 / DRV_MIB)
        return drv_throw(error, DRV_ERROR_USAGE, "invalid disk size");
    if (!drv_rbd_image_create(at->pool, at->image, want.size, error))
        return FALSE;
    image = drv_rbd_image_open(at->pool, at->image, DRV_RBD_CHANGE, error);
    return image && drv_rbd_fill(at->pool,
                                 image,
                                 &want,
                                 g_file_test(directory, G_FILE_TEST_IS_DIR) ? directory
                                                                            : "/var/tmp",
                                 error);
}

static gboolean
make_disk(const CephMake *request, const char *format, GError **error)
{
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;
    g_autoptr(DrvRbdStep) step = NULL;

    if (!ceph_disk_image_open(&at, (const TmHead *)request, &request->disk, error))
        return FALSE;
    if (*request->disk.source)
        return drv_throw(error, DRV_ERROR_REFUSED, "the disk has an image");
    step = drv_rbd_step_begin(at.pool, at.image, drv_rbd_tree_settle, error);
    return step && drv_rbd_step_note(step, "make", error) &&
           drv_rbd_image_remove(at.pool, at.image, FALSE, error) &&
           make(&at, request, format, error) && drv_rbd_step_end(step, error);
}

static gboolean
run_mkimage(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return make_disk(data, ((const CephMake *)data)->make.format, error);
}

static gboolean
run_mkswap(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return make_disk(data, "swap", error);
}

static const DrvOp mkimage = { .name = "ceph.tm.mkimage",
                               .request = &ceph_tm_mkimage,
                               .run = run_mkimage };
DRV_OP_REGISTER(mkimage);

static const DrvOp mkswap = { .name = "ceph.tm.mkswap",
                              .request = &ceph_tm_mkswap,
                              .run = run_mkswap };
DRV_OP_REGISTER(mkswap);

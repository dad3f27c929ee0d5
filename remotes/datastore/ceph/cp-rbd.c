/* SPDX-License-Identifier: Apache-2.0 */
/* cp's op: the stream becomes image "one-<id>".  What is raw goes straight in; other
 * formats are looked at as a file first, and converted.
 */
#include <fcntl.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "datastore/ceph/ceph.h"
#include "datastore/ceph/new-image.h"
#include "datastore/ds-limit.h"
#include "image/inspect.h"
#include "rbd/qemu.h"
#include "rbd/write.h"
#include "source/copy.h"

#define HEAD_SIZE (64 * 1024)

/* What fits into the pool, where no other limit holds: 0 else. */
static gboolean
find_free(
    CephNew *new, const DsCp *request, gboolean is_limit, guint64 *free, GError **error)
{
    *free = 0;
    return request->expand_limit_mb > 0 || !is_limit ||
           drv_rbd_pool_room(new->pool, free, error);
}

/* How large it is, is known when it is there. */
static gboolean
store_raw(CephNew *new, const DsCp *request, DrvSource *in, GError **error)
{
    guint64 hint = drv_source_size_hint(in);
    guint64 size = 0;
    g_auto(DrvRbdImage) image =
        ceph_new_create(new, hint == DRV_SOURCE_SIZE_UNKNOWN ? 0 : hint, error);

    if (image == NULL || !drv_rbd_write_stream(new->pool, image, in, error))
        return FALSE;
    (void)rbd_get_size(image, &size);
    return ds_limit_check_size(request, size, error);
}

/* The file has no name, so that nothing of it stays whatever happens. */
static gboolean
store_converted(CephNew *new, const CephCp *request, DrvSource *in, GError **error)
{
    g_auto(DrvFd) fd = open(request->staging_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    g_auto(DrvImageInfo) info = { 0 };
    DrvRbdImage image;
    guint64 free;

    if (fd < 0)
        return drv_throw_errno(
            error, "cannot use STAGING_DIR '%s' to convert", request->staging_dir);
    if (!drv_copy_source(in, fd, TRUE, NULL, error) ||
        !drv_inspect_fd(fd, request->cp.shown, &info, error) ||
        !drv_inspect_admit(&info, request->cp.shown, error) ||
        !ds_limit_check_size(&request->cp, info.virtual_size, error) ||
        !find_free(new, &request->cp, request->cp.size_mb == 0, &free, error) ||
        !ds_limit_check_conversion(&request->cp, info.virtual_size, free, error))
        return FALSE;
    image = ceph_new_create(new, info.virtual_size, error);
    if (image == NULL)
        return FALSE;
    drv_rbd_image_close(image);
    return drv_rbd_qemu_convert(new->pool,
                                fd,
                                drv_inspect_format_name(info.format),
                                new->name,
                                info.virtual_size,
                                error);
}

static gboolean
store(CephNew *new, const CephCp *request, DrvSource *in, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };
    const guint8 *head;
    gssize size = drv_source_peek(in, HEAD_SIZE, &head, error);

    if (size < 0 ||
        !drv_inspect_memory(
            head, (gsize)size, DRV_SOURCE_SIZE_UNKNOWN, request->cp.shown, &info, error))
        return FALSE;
    if (info.format == DRV_IMAGE_RAW || info.format == DRV_IMAGE_LUKS)
        return store_raw(new, &request->cp, in, error);
    return store_converted(new, request, in, error);
}

static gboolean
store_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephCp *request = data;
    g_auto(CephNew) new = CEPH_NEW_INIT;
    g_autoptr(DrvSource) limited = NULL;
    guint64 free;

    if (!ceph_new_begin(&new, &request->site, request->cp.image_id, error) ||
        !find_free(&new, &request->cp, request->cp.is_unbounded, &free, error))
        return FALSE;
    limited = ds_limit_stream(&request->cp, in, free);
    return store(&new, request, limited, error) &&
           ceph_new_finish(&new, "raw", result, error);
}

static const DrvOp op = { .name = "ceph.cp",
                          .request = &ceph_cp_type,
                          .run = store_image };
DRV_OP_REGISTER(op);

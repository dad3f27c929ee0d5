/* SPDX-License-Identifier: Apache-2.0 */
/* cp's op: the stream becomes image "one-<id>".  What is raw goes straight in; other
 * formats are looked at as a file first, and converted.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "datastore/ceph/ceph.h"
#include "datastore/ceph/new-image.h"
#include "image/inspect.h"
#include "rbd/qemu.h"
#include "rbd/write.h"
#include "source/copy.h"

#define MIB (1024 * 1024ULL)
#define HEAD_SIZE (64 * 1024)

/* A stream that is not ours to free. */
static gssize
read_borrowed(gpointer state, guint8 *data, gsize size, GError **error)
{
    return drv_source_read(state, data, size, error);
}

/* What is decompressed may not become larger than it is allowed to, or than the pool. */
static DrvSource *
limit_expansion(CephNew *new, const DsCp *request, DrvSource *in, GError **error)
{
    static const DrvSourceOps ops = { .read = read_borrowed };
    g_autoptr(DrvSource) borrowed = drv_source_new(&ops, in, request->path);
    guint64 limit = request->expand_limit_mb * MIB;
    guint64 used;

    if (!request->is_packed)
        return g_steal_pointer(&borrowed);
    if (limit == 0 && !drv_rbd_pool_df(new->pool, &used, &limit, error))
        return NULL;
    return drv_source_new_limited(g_steal_pointer(&borrowed),
                                  limit,
                                  request->expand_limit_mb ? "EXPAND_LIMIT_MB"
                                                           : "free space in the pool");
}

static gboolean
store_raw(CephNew *new, DrvSource *in, GError **error)
{
    guint64 hint = drv_source_size_hint(in);
    g_auto(DrvRbdImage) image =
        ceph_new_create(new, hint == DRV_SOURCE_SIZE_UNKNOWN ? 0 : hint, error);

    return image && drv_rbd_write_stream(new->pool, image, in, error);
}

/* The file has no name, so that nothing of it stays whatever happens. */
static gboolean
store_converted(CephNew *new, const CephCp *request, DrvSource *in, GError **error)
{
    g_auto(DrvFd) fd = open(request->staging_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    g_auto(DrvImageInfo) info = { 0 };
    DrvRbdImage image;

    if (fd < 0)
        return drv_throw_errno(
            error, "cannot use STAGING_DIR '%s' to convert", request->staging_dir);
    if (!drv_copy_source(in, fd, TRUE, NULL, error) ||
        !drv_inspect_fd(fd, request->cp.path, &info, error) ||
        !drv_inspect_admit(&info, request->cp.path, error))
        return FALSE;
    image = ceph_new_create(new, info.virtual_size, error);
    if (image == NULL)
        return FALSE;
    drv_rbd_image_close(image);
    return drv_rbd_qemu_convert(
        new->pool, fd, drv_inspect_format_name(info.format), new->name, error);
}

static gboolean
store(CephNew *new, const CephCp *request, DrvSource *in, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };
    const guint8 *head;
    gssize size = drv_source_peek(in, HEAD_SIZE, &head, error);

    if (size < 0 ||
        !drv_inspect_memory(
            head, (gsize)size, DRV_SOURCE_SIZE_UNKNOWN, request->cp.path, &info, error))
        return FALSE;
    if (info.format == DRV_IMAGE_RAW || info.format == DRV_IMAGE_LUKS)
        return store_raw(new, in, error);
    return store_converted(new, request, in, error);
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephCp *request = data;
    g_auto(CephNew) new = CEPH_NEW_INIT;
    g_autoptr(DrvSource) limited = NULL;

    if (!ceph_new_begin(&new, &request->site, request->cp.image_id, error))
        return FALSE;
    limited = limit_expansion(&new, &request->cp, in, error);
    return limited && store(&new, request, limited, error) &&
           ceph_new_finish(&new, "raw", result, error);
}

static const DrvOp op = { .name = "ceph.cp", .request = &ceph_cp_type, .run = run };
DRV_OP_REGISTER(op);

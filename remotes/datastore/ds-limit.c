/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore/ds-limit.h"

#include "base/bytes.h"
#include "base/error.h"
#include "source/source.h"

#define MB_MAX (G_MAXINT64 / DRV_MIB / 2)
#define FORMAT_ROOM (64 * DRV_MIB) /* tables and headers beside the data of a disk */

/* A stream that is not ours to free, for stages that own what they wrap. */
static gssize
read_borrowed(gpointer state, guint8 *data, gsize size, GError **error)
{
    return drv_source_read(state, data, size, error);
}

static guint64
size_of_hint(gpointer state)
{
    return drv_source_size_hint(state);
}

static guint64
bytes_of(guint64 mb)
{
    return MIN(mb, MB_MAX) * DRV_MIB;
}

DrvSource *
ds_limit_stream(const DsCp *request, DrvSource *in, guint64 free)
{
    static const DrvSourceOps ops = { .read = read_borrowed, .size = size_of_hint };
    DrvSource *source = drv_source_new(&ops, in, request->shown);
    guint64 size = bytes_of(request->size_mb);

    if (size > 0)
        source = drv_source_new_limited(
            source, size + size / 8 + FORMAT_ROOM, "its SIZE and what formats add");
    if (request->expand_limit_mb > 0)
        return drv_source_new_limited(
            source, bytes_of(request->expand_limit_mb), "EXPAND_LIMIT_MB");
    if (request->is_unbounded)
        return drv_source_new_limited(source, free, "free space in the datastore");
    return source;
}

gboolean
ds_limit_check_size(const DsCp *request, guint64 virtual_size, GError **error)
{
    if (request->size_mb == 0 || virtual_size <= bytes_of(request->size_mb))
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_NO_SPACE,
                     "the disk has %" G_GUINT64_FORMAT
                     " MB, more than SIZE %" G_GUINT64_FORMAT " of the image ('%s')",
                     (virtual_size + DRV_MIB - 1) / DRV_MIB,
                     request->size_mb,
                     request->shown);
}

gboolean
ds_limit_check_conversion(const DsCp *request,
                          guint64 virtual_size,
                          guint64 free,
                          GError **error)
{
    guint64 limit = request->expand_limit_mb ? bytes_of(request->expand_limit_mb)
                    : request->size_mb       ? bytes_of(request->size_mb)
                                             : free;

    if (virtual_size <= limit)
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_NO_SPACE,
                     "not converted: the disk has %" G_GUINT64_FORMAT
                     " MB, more than the %" G_GUINT64_FORMAT " of %s ('%s')",
                     (virtual_size + DRV_MIB - 1) / DRV_MIB,
                     limit / DRV_MIB,
                     request->expand_limit_mb ? "EXPAND_LIMIT_MB"
                     : request->size_mb       ? "SIZE"
                                              : "free space",
                     request->shown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How large an image will be, before it comes in. */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "datastore/ds-limit.h"
#include "datastore/ds-origin.h"
#include "image/inspect.h"
#include "source/fetch.h"

/* Bytes that tell what most images are, and the size of all. */
#define HEAD_SIZE (256 * 1024)
#define LARGE_HEAD (16 * 1024 * 1024)
#define LARGEST_DISK ((guint64)16 << 40) /* bytes */

static guint64
dir_size(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint64 size = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        struct stat info;

        if (lstat(child, &info) < 0)
            continue;
        size += S_ISDIR(info.st_mode) ? dir_size(child) : (guint64)info.st_size;
    }
    return size;
}

/* By the path that was found to be allowed, whatever the given one leads to by now. */
static gboolean
dir_size_of(int fd, guint64 *size, GError **error)
{
    g_autofree char *path = drv_path_of_fd(fd, error);

    if (path == NULL)
        return FALSE;
    *size = dir_size(path);
    return TRUE;
}

/* What could be stored; where the datastore is on other hosts, what any disk may have. */
static guint64
free_bytes(const DsCp *request)
{
    struct statvfs info;

    return statvfs(request->base_path, &info) == 0
               ? (guint64)info.f_bavail * info.f_frsize
               : LARGEST_DISK;
}

static gboolean
count_bytes(const DsCp *request, DrvSource *in, guint64 *size, GError **error)
{
    g_autoptr(DrvSource) source = ds_limit_stream(request, in, free_bytes(request));
    g_autofree char *block = g_malloc(HEAD_SIZE);
    gssize got;

    *size = 0;
    while ((got = drv_source_read(source, block, HEAD_SIZE, error)) > 0)
        *size += (guint64)got;
    return got == 0;
}

/* The size of the disk is not that of its file. */
static gboolean
has_own_size(const DrvImageInfo *info)
{
    return info->format != DRV_IMAGE_RAW && info->format != DRV_IMAGE_LUKS;
}

/* A file is looked at as a whole; of a stream as much as it takes. */
static gboolean
inspect(DrvSource *source, guint64 total, DrvImageInfo *info, GError **error)
{
    static const gsize sizes[] = { HEAD_SIZE, LARGE_HEAD };
    const char *name = drv_source_name(source);
    int fd = drv_source_plain_fd(source);

    if (fd >= 0)
        return drv_inspect_fd(fd, name, info, error);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const guint8 *head;
        gssize got = drv_source_peek(source, sizes[i], &head, error);

        drv_inspect_info_clear(info);
        if (got < 0 || !drv_inspect_memory(head, (gsize)got, total, name, info, error))
            return FALSE;
        if (has_own_size(info) && info->virtual_size == 0)
            continue;
        return TRUE;
    }
    return TRUE;
}

static gboolean
stream_size(DsCp *request, guint64 *size, GError **error)
{
    g_autoptr(DrvSource) source = NULL;
    g_auto(DrvImageInfo) info = { 0 };

    if (!ds_origin_open(request, &source, error))
        return FALSE;
    *size =
        request->is_unbounded ? DRV_SOURCE_SIZE_UNKNOWN : drv_source_size_hint(source);
    if (!inspect(source, *size, &info, error))
        return FALSE;
    if (!has_own_size(&info))
        return *size != DRV_SOURCE_SIZE_UNKNOWN ||
               count_bytes(request, source, size, error);
    *size = info.virtual_size;
    return *size > 0 || drv_throw(error,
                                  DRV_ERROR_REFUSED,
                                  "the size of the disk in this %s image is not known",
                                  drv_inspect_format_name(info.format));
}

static gboolean
any_size(DsCp *request, guint64 *size, GError **error)
{
    g_auto(DrvFd) fd = -1;
    struct stat info;

    if (drv_fetch_scheme(request->path) == DRV_FETCH_PATH) {
        fd = ds_origin_open_path(request, error);
        if (fd < 0)
            return FALSE;
        if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
            return dir_size_of(fd, size, error);
    }
    return stream_size(request, size, error);
}

gboolean
ds_origin_size(DsCp *request, guint64 *size, GError **error)
{
    return any_size(request, size, error) &&
           (*size > 0 || drv_throw(error, DRV_ERROR_REFUSED, "it is empty"));
}

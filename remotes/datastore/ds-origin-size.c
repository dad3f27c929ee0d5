/* SPDX-License-Identifier: Apache-2.0 */
/* How large an image will be, before it comes in. */
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "datastore/ds-origin.h"
#include "image/inspect.h"
#include "source/fetch.h"

#define HEAD_SIZE (256 * 1024) /* bytes that are enough to know an image */

static guint64
folder_size(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint64 size = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        struct stat info;

        if (lstat(child, &info) < 0)
            continue;
        size += S_ISDIR(info.st_mode) ? folder_size(child) : (guint64)info.st_size;
    }
    return size;
}

/* By the path that was found to be allowed, whatever the given one leads to by now. */
static gboolean
folder_size_of(int fd, guint64 *size, GError **error)
{
    g_autofree char *path = drv_path_of_fd(fd, error);

    if (path == NULL)
        return FALSE;
    *size = folder_size(path);
    return TRUE;
}

static gboolean
count_bytes(DrvSource *source, guint64 *size, GError **error)
{
    g_autofree char *block = g_malloc(HEAD_SIZE);
    gssize got;

    *size = 0;
    while ((got = drv_source_read(source, block, HEAD_SIZE, error)) > 0)
        *size += (guint64)got;
    return got == 0;
}

static gboolean
stream_size(DsCp *request, guint64 *size, GError **error)
{
    g_autoptr(DrvSource) source = NULL;
    g_auto(DrvImageInfo) info = { 0 };
    const guint8 *head;
    guint64 hint;
    gssize got;

    if (!ds_origin_open(request, &source, error))
        return FALSE;
    hint = request->is_packed ? DRV_SOURCE_SIZE_UNKNOWN : drv_source_size_hint(source);
    got = drv_source_peek(source, HEAD_SIZE, &head, error);
    if (got < 0 ||
        !drv_inspect_memory(head, (gsize)got, hint, request->path, &info, error))
        return FALSE;
    if (info.format != DRV_IMAGE_RAW && info.format != DRV_IMAGE_LUKS &&
        info.virtual_size > 0) {
        *size = info.virtual_size;
        return TRUE;
    }
    *size = hint;
    return hint != DRV_SOURCE_SIZE_UNKNOWN || count_bytes(source, size, error);
}

gboolean
ds_origin_size(DsCp *request, guint64 *size, GError **error)
{
    g_auto(DrvFd) fd = -1;
    struct stat info;

    if (drv_fetch_scheme(request->path) == DRV_FETCH_PATH) {
        fd = ds_origin_open_path(request, error);
        if (fd < 0)
            return FALSE;
        if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
            return folder_size_of(fd, size, error);
    }
    return stream_size(request, size, error);
}

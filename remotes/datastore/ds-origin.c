/* SPDX-License-Identifier: Apache-2.0 */
#include "ds-origin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "drv-digest.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-fetch.h"
#include "drv-inspect.h"
#include "drv-path.h"
#include "drv-unpack.h"

#define HEAD_SIZE (256 * 1024) /* bytes that are enough to know an image */

/* --- local paths
 * ------------------------------------------------------------------------- */

static int
open_allowed(const DsCp *request, GError **error)
{
    g_auto(DrvFd) fd = open(request->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_autofree char *real = NULL;
    struct stat info;

    if (fd < 0) {
        (void)drv_throw_errno(error, "cannot access '%s'", request->path);
        return -1;
    }
    real = drv_path_of_fd(fd, error);
    if (real == NULL)
        return -1;
    if (!drv_path_is_allowed(real,
                             (const char *const *)request->safe_dirs,
                             (const char *const *)request->restricted_dirs)) {
        (void)drv_throw(
            error,
            DRV_ERROR_REFUSED,
            "Not allowed to copy image from %s, check RESTRICTED_DIRS in your "
            "datastore",
            request->path);
        return -1;
    }
    if (fstat(fd, &info) < 0 ||
        !(S_ISREG(info.st_mode) || S_ISBLK(info.st_mode) || S_ISDIR(info.st_mode))) {
        (void)drv_throw(error,
                        DRV_ERROR_REFUSED,
                        "'%s' is neither a file nor a block device",
                        request->path);
        return -1;
    }
    return drv_fd_steal(&fd);
}

/* --- the pipeline
 * -------------------------------------------------------------------------- */

static DrvSource *
fetch(const DsCp *request, int fd, GError **error)
{
    DrvFetchS3 s3 = {
        .access_key_id = request->s3_access_key,
        .secret_access_key = request->s3_secret_key,
        .region = *request->s3_region ? request->s3_region : NULL,
        .endpoint = *request->s3_endpoint ? request->s3_endpoint : NULL,
        .aws = request->s3_aws && *request->s3_endpoint == '\0',
    };
    DrvFetchRequest wanted = DRV_FETCH_REQUEST_INIT;

    wanted.url = request->path;
    wanted.fd = fd;
    wanted.limit_rate = request->limit_rate;
    wanted.s3 = &s3;
    return drv_fetch_open(&wanted, error);
}

static const char *
or_null(const char *text)
{
    return text && *text ? text : NULL;
}

/* Files datastores hold what is to be used as it is. */
static gboolean
wants_unpacking(const DsCp *request)
{
    return !request->no_decompress && request->ds_type != DS_TYPE_FILE;
}

gboolean
ds_origin_open(DsCp *request, DrvSource **source, GError **error)
{
    DrvDigestExpected expected = {
        .hex = { [DRV_DIGEST_MD5] = or_null(request->md5),
                 [DRV_DIGEST_SHA1] = or_null(request->sha1),
                 [DRV_DIGEST_SHA256] = or_null(request->sha256) },
    };
    gboolean local = drv_fetch_scheme(request->path) == DRV_FETCH_PATH;
    g_auto(DrvFd) fd = local ? open_allowed(request, error) : -1;
    DrvUnpackFilter filter = DRV_UNPACK_NONE;
    g_autoptr(DrvSource) stream = NULL;

    if (local && fd < 0)
        return FALSE;
    stream = fetch(request, fd, error);
    if (stream && drv_digest_is_expected(&expected)) {
        stream = drv_source_new_digest(g_steal_pointer(&stream), &expected, error);
        stream = stream ? drv_source_new_threaded(g_steal_pointer(&stream)) : NULL;
    }
    if (stream && wants_unpacking(request))
        stream = drv_source_new_unpacked(g_steal_pointer(&stream), &filter, error);
    if (stream == NULL)
        return FALSE;
    request->is_packed = filter != DRV_UNPACK_NONE;
    *source = request->is_packed || !local
                  ? drv_source_new_threaded(g_steal_pointer(&stream))
                  : g_steal_pointer(&stream);
    return TRUE;
}

/* --- sizes
 * ----------------------------------------------------------------------------------- */

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

    if (drv_fetch_scheme(request->path) == DRV_FETCH_PATH) {
        fd = open_allowed(request, error);
        if (fd < 0)
            return FALSE;
        if (g_file_test(request->path, G_FILE_TEST_IS_DIR)) {
            *size = folder_size(request->path);
            return TRUE;
        }
    }
    return stream_size(request, size, error);
}

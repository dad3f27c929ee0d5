/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore/ds-origin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/chain.h"
#include "source/digest.h"
#include "source/fetch.h"
#include "source/unpack.h"

/* --- local paths
 * ------------------------------------------------------------------------- */

/* What is in the datastore itself must not lead out of it. */
static int
open_path(const DsCp *request, GError **error)
{
    g_autofree char *base = drv_path_collapse(request->base_path);
    g_autofree char *root = g_path_get_dirname(base);
    int fd;

    if (*base && drv_path_is_below(request->path, base))
        return drv_chain_open(root, request->path, O_RDONLY, error);
    fd = open(request->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        (void)drv_throw_errno(error, "cannot access '%s'", request->path);
    return fd;
}

int
ds_origin_open_path(const DsCp *request, GError **error)
{
    g_auto(DrvFd) fd = open_path(request, error);
    g_autofree char *real = NULL;
    struct stat info;

    if (fd < 0)
        return -1;
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
    g_auto(DrvFd) fd = local ? ds_origin_open_path(request, error) : -1;
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

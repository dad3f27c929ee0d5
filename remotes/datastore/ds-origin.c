/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore/ds-origin.h"

#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "request/request.h"
#include "source/digest.h"
#include "source/fetch.h"
#include "source/unpack.h"

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
    DrvFetchPolicy policy = {
        .ssh_hosts = (const char *const *)request->ssh_hosts,
        .safe_dirs = (const char *const *)request->safe_dirs,
        .restricted_dirs = (const char *const *)request->restricted_dirs,
    };
    DrvFetchRequest wanted = DRV_FETCH_REQUEST_INIT;

    wanted.url = request->path;
    wanted.policy = &policy;
    wanted.min_rate = request->min_rate;
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
    request->is_unbounded = filter != DRV_UNPACK_NONE ||
                            drv_source_size_hint(stream) == DRV_SOURCE_SIZE_UNKNOWN;
    *source = filter != DRV_UNPACK_NONE || !local
                  ? drv_source_new_threaded(g_steal_pointer(&stream))
                  : g_steal_pointer(&stream);
    return TRUE;
}

gboolean
ds_origin_read_settings(DsCp *request, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);

    if (config == NULL)
        return FALSE;
    g_free(request->shown);
    request->shown = drv_fetch_display_name(request->path);
    g_strfreev(request->ssh_hosts);
    request->ssh_hosts =
        drv_request_split_words(drv_config_get(config, "SSH_SOURCE_HOSTS", ""));
    if (!drv_config_get_uint(config, "FETCH_MIN_RATE", 4096, &request->min_rate, error))
        return FALSE;
    request->min_rate = CLAMP(request->min_rate, 1, G_MAXUINT32);
    return drv_config_get_uint(
        config, "EXPAND_LIMIT_MB", 0, &request->expand_limit_mb, error);
}

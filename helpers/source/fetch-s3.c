/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-s3.c - where an object is, and AWS Signature Version 4 for its GET. */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "base/error.h"
#include "source/fetch-private.h"

/* The signature is ours and not libcurl's, because libcurl before 8 does not sign what
 * object stores want signed, and older ones cannot sign at all.
 */
#define ALGORITHM "AWS4-HMAC-SHA256"
#define SIGNED_HEADERS "host;x-amz-content-sha256;x-amz-date"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_SIZE 32
#define DEFAULT_REGION "us-east-1"

/* What is needed to sign again and again. */
typedef struct {
    char *access_key_id;
    char *secret_access_key;
    char *region;
    char *host;
    char *path;
} Signer;

static void
signer_free(gpointer data)
{
    Signer *self = data;

    if (self->secret_access_key)
        memset(self->secret_access_key, 0, strlen(self->secret_access_key));
    g_free(self->access_key_id);
    g_free(self->secret_access_key);
    g_free(self->region);
    g_free(self->host);
    g_free(self->path);
    g_free(self);
}

static void
hmac(gconstpointer key, gsize key_size, const char *text, guint8 *out)
{
    g_autoptr(GHmac) mac = g_hmac_new(G_CHECKSUM_SHA256, key, key_size);
    gsize size = SHA256_SIZE;

    g_hmac_update(mac, (const guchar *)text, -1);
    g_hmac_get_digest(mac, out, &size);
}

/* HMAC of day, region, service and a constant, each with the one before as key. */
static char *
signature(const DrvFetchS3 *s3, const char *region, const char *day, const char *to_sign)
{
    g_autofree char *first = g_strconcat("AWS4", s3->secret_access_key, NULL);
    guint8 key[SHA256_SIZE];

    hmac(first, strlen(first), day, key);
    hmac(key, sizeof key, region, key);
    hmac(key, sizeof key, "s3", key);
    hmac(key, sizeof key, "aws4_request", key);
    memset(first, 0, strlen(first));
    return g_compute_hmac_for_string(G_CHECKSUM_SHA256, key, sizeof key, to_sign, -1);
}

/* The header lines that sign a GET of https://@host@path at @time (UTC seconds). */
static GStrv
sign_get(const DrvFetchS3 *s3,
         const char *region,
         const char *host,
         const char *path,
         gint64 time)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(time);
    g_autofree char *stamp = g_date_time_format(when, "%Y%m%dT%H%M%SZ");
    g_autofree char *day = g_strndup(stamp, 8);
    g_autofree char *scope = g_strdup_printf("%s/%s/s3/aws4_request", day, region);
    g_autofree char *canonical =
        g_strdup_printf("GET\n%s\n\nhost:%s\nx-amz-content-sha256:" EMPTY_SHA256
                        "\nx-amz-date:%s\n\n" SIGNED_HEADERS "\n" EMPTY_SHA256,
                        path,
                        host,
                        stamp);
    g_autofree char *digest =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, canonical, -1);
    g_autofree char *to_sign =
        g_strdup_printf(ALGORITHM "\n%s\n%s\n%s", stamp, scope, digest);
    g_autofree char *mac = signature(s3, region, day, to_sign);
    GStrv lines = g_new0(char *, 4);

    lines[0] = g_strdup_printf("x-amz-date: %s", stamp);
    lines[1] = g_strdup("x-amz-content-sha256: " EMPTY_SHA256);
    lines[2] = g_strdup_printf("Authorization: " ALGORITHM
                               " Credential=%s/%s, SignedHeaders=" SIGNED_HEADERS
                               ", Signature=%s",
                               s3->access_key_id,
                               scope,
                               mac);
    return lines;
}

static GStrv
sign_now(gpointer data)
{
    Signer *self = data;
    const DrvFetchS3 keys = { .access_key_id = self->access_key_id,
                              .secret_access_key = self->secret_access_key };

    return sign_get(
        &keys, self->region, self->host, self->path, g_get_real_time() / G_USEC_PER_SEC);
}

/* --- where -------------------------------------------------------------------------- */

/* TRUE when all of @text is graphic ASCII: it may stand in a header. */
static gboolean
is_graphic(const char *text)
{
    for (; *text; text++)
        if (!g_ascii_isgraph(*text))
            return FALSE;
    return TRUE;
}

static gboolean
is_made_of(const char *text, const char *more)
{
    gsize size = strlen(text);

    for (gsize i = 0; i < size; i++)
        if (!g_ascii_isalnum(text[i]) && strchr(more, text[i]) == NULL)
            return FALSE;
    return size > 0;
}

static gboolean
check_keys(const DrvFetchS3 *s3, const char *name, GError **error)
{
    if (s3 == NULL || s3->access_key_id == NULL || s3->secret_access_key == NULL ||
        *s3->access_key_id == '\0' || *s3->secret_access_key == '\0')
        return drv_throw(
            error,
            DRV_ERROR_DUMP,
            "cannot fetch '%s': ACCESS_KEY_ID and SECRET_ACCESS_KEY are needed",
            name);
    if (!is_graphic(s3->access_key_id))
        return drv_throw(
            error, DRV_ERROR_DUMP, "cannot fetch '%s': invalid ACCESS_KEY_ID", name);
    if (s3->region && *s3->region && !is_made_of(s3->region, "-"))
        return drv_throw(
            error, DRV_ERROR_DUMP, "cannot fetch '%s': invalid REGION", name);
    if (!s3->aws && (s3->endpoint == NULL || *s3->endpoint == '\0'))
        return drv_throw(error,
                         DRV_ERROR_DUMP,
                         "cannot fetch '%s': ENDPOINT is needed unless AWS is yes",
                         name);
    return TRUE;
}

/* The last two components. */
static gboolean
split_url(const char *url, const char *name, char **bucket, char **object, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(url + strlen("s3://"), "/", -1);
    guint n = g_strv_length(parts);

    if (n < 2 || *parts[n - 1] == '\0' || strcmp(parts[n - 1], ".") == 0 ||
        strcmp(parts[n - 1], "..") == 0 || !is_made_of(parts[n - 2], "-._") ||
        *parts[n - 2] == '.')
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "cannot fetch '%s': expected s3://bucket/object",
                         name);
    *bucket = g_strdup(parts[n - 2]);
    *object = g_uri_escape_string(parts[n - 1], NULL, FALSE);
    return TRUE;
}

/* Scheme and host (with its port, unless that is the scheme's own) of the endpoint. */
static gboolean
split_endpoint(
    const char *endpoint, const char *name, char **scheme, char **host, GError **error)
{
    const char *rest = strstr(endpoint, "://");
    g_autofree char *found =
        g_ascii_strdown(rest ? endpoint : "https", rest ? rest - endpoint : -1);
    g_autofree char *authority = g_strdup(rest ? rest + 3 : endpoint);
    gboolean tls = strcmp(found, "https") == 0;

    while (g_str_has_suffix(authority, "/"))
        authority[strlen(authority) - 1] = '\0';
    if ((!tls && strcmp(found, "http") != 0) || !is_made_of(authority, "-._:[]"))
        return drv_throw(
            error,
            DRV_ERROR_DUMP,
            "cannot fetch '%s': invalid ENDPOINT, expected http(s)://host:port",
            name);
    if (g_str_has_suffix(authority, tls ? ":443" : ":80"))
        *strrchr(authority, ':') = '\0';
    *scheme = g_steal_pointer(&found);
    *host = g_steal_pointer(&authority);
    return TRUE;
}

/* A bucket with a dot does not fit the certificate for *.s3.…, so it goes into the path.
 */
static void
place_at_amazon(
    const char *region, const char *bucket, const char *object, char **host, char **path)
{
    const char *domain = g_str_has_prefix(region, "cn-") ? "com.cn" : "com";
    g_autofree char *base = g_strdup_printf("s3.%s.amazonaws.%s", region, domain);

    if (strchr(bucket, '.')) {
        *host = g_steal_pointer(&base);
        *path = g_strdup_printf("/%s/%s", bucket, object);
    } else {
        *host = g_strdup_printf("%s.%s", bucket, base);
        *path = g_strdup_printf("/%s", object);
    }
}

gboolean
drv_fetch_s3_target(const char *url,
                    const DrvFetchS3 *s3,
                    DrvHttpTarget *target,
                    GError **error)
{
    g_autofree char *name = drv_fetch_display_name(url);
    g_autofree char *bucket = NULL;
    g_autofree char *object = NULL;
    g_autofree char *scheme = NULL;
    const char *region;
    Signer *signer;

    if (!check_keys(s3, name, error) || !split_url(url, name, &bucket, &object, error))
        return FALSE;
    region = s3->region && *s3->region ? s3->region : DEFAULT_REGION;
    signer = g_new0(Signer, 1);
    *target = (DrvHttpTarget){ .name = g_steal_pointer(&name),
                               .headers = sign_now,
                               .data = signer,
                               .free_data = signer_free };
    if (s3->aws)
        place_at_amazon(region, bucket, object, &signer->host, &signer->path);
    else if (!split_endpoint(s3->endpoint, target->name, &scheme, &signer->host, error))
        return FALSE;
    if (!s3->aws)
        signer->path = g_strdup_printf("/%s/%s", bucket, object);
    signer->access_key_id = g_strdup(s3->access_key_id);
    signer->secret_access_key = g_strdup(s3->secret_access_key);
    signer->region = g_strdup(region);
    target->url = g_strdup_printf(
        "%s://%s%s", scheme ? scheme : "https", signer->host, signer->path);
    return TRUE;
}

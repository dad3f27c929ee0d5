/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "source/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "source/fetch-private.h"

static const struct {
    const char *prefix;
    DrvFetchScheme scheme;
} schemes[] = {
    { "/", DRV_FETCH_PATH },        { "http://", DRV_FETCH_HTTP },
    { "https://", DRV_FETCH_HTTP }, { "ssh://", DRV_FETCH_SSH },
    { "s3://", DRV_FETCH_S3 },
};

DrvFetchScheme
drv_fetch_scheme(const char *url)
{
    for (guint i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (g_ascii_strncasecmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return schemes[i].scheme;
    return DRV_FETCH_UNKNOWN;
}

/* How far @rest, which follows the scheme, may hold a user and password.  In a URL they
 * end before the path.  But with a '/' in a password, or in what is no URL of ours, they
 * may be anywhere.
 */
static gsize
authority_length(DrvFetchScheme scheme, const char *rest)
{
    gsize size = strcspn(rest, "/?#");
    const char *colon = memchr(rest, ':', size);

    if (scheme == DRV_FETCH_UNKNOWN ||
        (scheme != DRV_FETCH_SSH && *rest != '[' && colon &&
         memchr(rest, '@', size) == NULL &&
         colon + 1 + strspn(colon + 1, "0123456789") < rest + size))
        return strlen(rest);
    return size;
}

char *
drv_fetch_display_name(const char *url)
{
    const char *slashes = strstr(url, "://");
    const char *rest = slashes ? slashes + 3 : url;
    gsize authority;
    const char *at = NULL;

    if (url[0] == '/')
        return g_strdup(url);
    authority = authority_length(drv_fetch_scheme(url), rest);
    for (gsize i = 0; i < authority; i++)
        if (rest[i] == '@')
            at = rest + i;
    return g_strdup_printf("%.*s%.*s",
                           (int)(rest - url),
                           url,
                           (int)strcspn(at ? at + 1 : rest, "?#"),
                           at ? at + 1 : rest);
}

/* What ssh takes for a destination, and never for an option. */
static gboolean
is_ssh_host(const char *host)
{
    const char *at = strrchr(host, '@');
    const char *name = at ? at + 1 : host;

    for (const char *c = host; *c; c++)
        if (!g_ascii_isalnum(*c) && strchr("-._@:%", *c) == NULL)
            return FALSE;
    return *name && *name != '-' && *host != '-' && *host != '@';
}

/* The length of "[user@]host" or "[user@][address]". */
static gsize
ssh_host_length(const char *rest)
{
    gsize size = strcspn(rest, ":/[");
    const char *end = rest[size] == '[' ? strchr(rest + size, ']') : NULL;

    return end ? (gsize)(end - rest) + 1 : size;
}

gboolean
drv_fetch_split_ssh(const char *url, char **host, char **path, GError **error)
{
    const char *rest = url + strlen("ssh://");
    gsize size = ssh_host_length(rest);
    g_auto(GStrv) pieces = NULL;
    g_autofree char *found = g_strndup(rest, size);
    g_autofree char *name = NULL;

    rest += size;
    if (*rest == ':')
        rest++;
    else if (*rest != '/')
        rest = "";
    if (g_str_has_prefix(rest, "~/"))
        rest += 2;
    pieces = g_strsplit_set(found, "[]", -1); /* ssh itself wants no brackets */
    *host = g_strjoinv("", pieces);
    *path = g_strdup(rest);
    if (is_ssh_host(*host) && **path)
        return TRUE;
    name = drv_fetch_display_name(url);
    return drv_throw(
        error, DRV_ERROR_REFUSED, "cannot fetch '%s': expected ssh://host/path", name);
}

static gboolean
throw_rate(const char *text, GError **error)
{
    return drv_throw(error,
                     DRV_ERROR_DUMP,
                     "LIMIT_TRANSFER_BW '%s' is not a valid rate (e.g. 500k or 2m)",
                     text);
}

gboolean
drv_fetch_parse_rate(const char *text, guint64 *bytes_per_second, GError **error)
{
    static const char units[] = "bkmgt"; /* each 1024 times the one before */
    const char *unit;
    char *end;
    guint64 value;
    guint shift = 0;

    *bytes_per_second = 0;
    if (text == NULL || *text == '\0')
        return TRUE;
    value = g_ascii_strtoull(text, &end, 10);
    if (!g_ascii_isdigit(*text))
        return throw_rate(text, error);
    if (*end) {
        unit = strchr(units, g_ascii_tolower(*end));
        if (unit == NULL || end[1])
            return throw_rate(text, error);
        shift = 10 * (guint)(unit - units);
    }
    if (value > (guint64)G_MAXINT64 >> shift)
        return throw_rate(text, error);
    *bytes_per_second = value << shift;
    return TRUE;
}

static DrvSource *
open_path(const DrvFetchRequest *request, GError **error)
{
    g_auto(DrvFd) fd = -1;
    struct stat st;

    if (request->fd >= 0) /* its offset is shared by the copy: from the begin */
        fd = fcntl(request->fd, F_DUPFD_CLOEXEC, 3);
    else
        fd = open(request->url, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        drv_throw_errno(error, "cannot fetch '%s'", request->url);
        return NULL;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        drv_throw(error,
                  DRV_ERROR_REFUSED,
                  "cannot fetch '%s': neither a file nor a block device",
                  request->url);
        return NULL;
    }
    if (lseek(fd, 0, SEEK_SET) < 0) {
        drv_throw_errno(error, "cannot fetch '%s'", request->url);
        return NULL;
    }
    return drv_source_new_fd(drv_fd_steal(&fd), request->url);
}

void
drv_http_target_clear(DrvHttpTarget *target)
{
    if (target->free_data)
        target->free_data(target->data);
    g_free(target->url);
    g_free(target->name);
    *target = (DrvHttpTarget){ 0 };
}

static DrvSource *
open_http(const DrvFetchRequest *request, GError **error)
{
    DrvHttpTarget target = { .url = g_strdup(request->url),
                             .name = drv_fetch_display_name(request->url),
                             .follow = TRUE };

    return drv_fetch_open_http(&target, request, error);
}

static DrvSource *
open_s3(const DrvFetchRequest *request, GError **error)
{
    g_auto(DrvHttpTarget) target = { 0 };

    if (!drv_fetch_s3_target(request->url, request->s3, &target, error))
        return NULL;
    return drv_fetch_open_http(&target, request, error);
}

DrvSource *
drv_fetch_open(const DrvFetchRequest *request, GError **error)
{
    g_autofree char *name = NULL;

    if (request->fd >= 0)
        return open_path(request, error);
    switch (drv_fetch_scheme(request->url)) {
    case DRV_FETCH_PATH:
        return open_path(request, error);
    case DRV_FETCH_HTTP:
        return open_http(request, error);
    case DRV_FETCH_SSH:
        return drv_fetch_open_ssh(request, error);
    case DRV_FETCH_S3:
        return open_s3(request, error);
    default:
        name = drv_fetch_display_name(request->url);
        drv_throw(
            error,
            DRV_ERROR_REFUSED,
            "cannot fetch '%s': neither an absolute path nor http, https, ssh or s3",
            name);
        return NULL;
    }
}

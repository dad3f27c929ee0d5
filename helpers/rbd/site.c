/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/site.h"

#include <string.h>

#include "base/config.h"
#include "base/error.h"

#define CONF "datastore/ceph/ceph.conf"
#define NAME_MAX_BYTES 200 /* librbd's own is 96 for old images, none for later ones */

static gboolean
read_limits(const DrvConfig *config, DrvRbdSite *site, GError **error)
{
    return drv_config_get_uint(config, "CEPH_TIMEOUT", 10, &site->timeout_s, error) &&
           drv_config_get_uint(config, "CEPH_LEASE", 20, &site->lease_s, error) &&
           drv_config_get_uint(config, "CEPH_MAX_DEPTH", 8, &site->max_depth, error) &&
           drv_config_get_uint(
               config, "CEPH_TRASH_SECONDS", 86400, &site->trash_s, error) &&
           drv_config_get_uint(
               config, "CEPH_REMOVE_MB", 16384, &site->remove_mb, error) &&
           drv_config_get_uint(config, "CEPH_PURGE_SECONDS", 20, &site->purge_s, error) &&
           drv_config_get_uint(
               config, "CEPH_PURGE_RATE", 500, &site->purge_rate, error) &&
           drv_config_get_uint(
               config, "CEPH_FLATTEN_RATE", 100, &site->flatten_rate, error);
}

static void
replace(char **text, const char *with)
{
    g_free(*text);
    *text = g_strdup(with);
}

gboolean
drv_rbd_site_complete(DrvRbdSite *site, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load(CONF, error);
    gboolean trash = FALSE;

    if (config == NULL || !read_limits(config, site, error) ||
        !drv_config_get_bool(config, "CEPH_TRASH", FALSE, &trash, error))
        return FALSE;
    site->trash = site->trash || trash;
    if (site->format == 0 &&
        !drv_config_get_uint(config, "RBD_FORMAT", 2, &site->format, error))
        return FALSE;
    if (*site->pool == '\0')
        replace(&site->pool, drv_config_get(config, "POOL_NAME", "one"));
    if (site->format != 1 && site->format != 2)
        return drv_throw(error,
                         DRV_ERROR_CONFIG,
                         "RBD_FORMAT is %" G_GUINT64_FORMAT ", neither 1 nor 2",
                         site->format);
    if (site->timeout_s == 0 || site->lease_s == 0 || site->max_depth == 0)
        return drv_throw(error,
                         DRV_ERROR_CONFIG,
                         CONF
                         ": CEPH_TIMEOUT, CEPH_LEASE and CEPH_MAX_DEPTH may not be 0");
    return TRUE;
}

static gboolean
is_name(const char *text, gsize length)
{
    if (length == 0 || length > NAME_MAX_BYTES || !g_utf8_validate(text, length, NULL))
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if ((guchar)text[i] < 0x20 || text[i] == 0x7f || text[i] == '@' || text[i] == '/')
            return FALSE;
    }
    return TRUE;
}

gboolean
drv_rbd_site_split(const char *text, char **pool, char **image, GError **error)
{
    const char *first = strchr(text, '/');
    const char *last = strrchr(text, '/');
    gboolean ok = first && is_name(text, (gsize)(first - text)) &&
                  is_name(last + 1, strlen(last + 1)) &&
                  (last == first || is_name(first + 1, (gsize)(last - first - 1)));

    if (!ok)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' is not the name of an RBD image", text);
    *pool = g_strndup(text, (gsize)(last - text));
    *image = g_strdup(last + 1);
    return TRUE;
}

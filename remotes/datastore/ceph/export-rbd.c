/* SPDX-License-Identifier: Apache-2.0 */
/* export's op: the answer as a whole, with the MD5 digest of the image if its template
 * has none.
 */
#include "datastore/ceph/ceph.h"
#include "rbd/write.h"
#include "request/dump.h"
#include "source/digest.h"

#define READ_SIZE (1024 * 1024)

static char *
digest_of(DrvSource *data, GError **error)
{
    g_autoptr(DrvDigest) digest = drv_digest_new(DRV_DIGEST_MD5, error);
    g_autofree char *buffer = g_malloc(READ_SIZE);
    gssize got;

    if (digest == NULL)
        return NULL;
    while ((got = drv_source_read(data, buffer, READ_SIZE, error)) > 0)
        drv_digest_update(digest, buffer, (gsize)got);
    return got < 0 ? NULL : drv_digest_finish(digest, error);
}

static char *
find_digest(const CephImage *request, GError **error)
{
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autoptr(DrvRbdPool) pool = NULL;
    g_auto(DrvRbdImage) image = NULL;
    g_autoptr(DrvSource) data = NULL;

    if (!drv_rbd_site_split(request->image.source, &where, &name, error))
        return NULL;
    pool = drv_rbd_pool_open(&request->site, where, error);
    image = pool ? drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error) : NULL;
    if (image == NULL)
        return NULL;
    if (*request->image.md5)
        return g_strdup(request->image.md5);
    data = drv_rbd_read_source(pool, image, request->image.source, error);
    return data ? digest_of(data, error) : NULL;
}

/* Only what is set: the receiving side takes an empty value for one. */
static char *
source_url(const CephImage *request)
{
    const DrvRbdSite *site = &request->site;
    const char *host =
        request->image.bridges[0] ? request->image.bridges[0] : "localhost";
    const struct {
        const char *name, *value;
    } parts[] = { { "CEPH_USER", site->user },
                  { "CEPH_KEY", site->key },
                  { "CEPH_CONF", site->conf } };
    GString *url = g_string_new(NULL);
    char mark = '?';

    g_string_printf(url, "rbd://%s/%s", host, request->image.source);
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *value = g_uri_escape_string(parts[i].value, "/", FALSE);

        if (*value == '\0')
            continue;
        g_string_append_printf(url, "%c%s=%s", mark, parts[i].name, value);
        mark = '&';
    }
    return g_string_free(url, FALSE);
}

static gboolean
export_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephImage *request = data;
    g_autofree char *md5 = find_digest(request, error);
    g_autofree char *url = source_url(request);
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, request->image.size_mb);
    const char *format = *request->image.format ? request->image.format : "raw";
    const char *const children[] = {
        "IMPORT_SOURCE", url,    "MD5",     md5,  "SIZE", size,
        "FORMAT",        format, "DISPOSE", "NO", NULL,
    };

    (void)in;
    if (md5 == NULL)
        return FALSE;
    *result = drv_dump_build("IMPORT_INFO", children);
    return TRUE;
}

static const DrvOp op = { .name = "ceph.export",
                          .request = &ceph_export_type,
                          .run = export_image };
DRV_OP_REGISTER(op);

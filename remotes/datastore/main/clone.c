/* SPDX-License-Identifier: Apache-2.0 */
/* clone - duplicate a registered image.
 *
 *   clone [DUMP|-] IMAGE_ID < dump        prints: SOURCE [FORMAT]
 *
 * FORMAT is printed when DRIVER changes it, and only to releases that expect it: those
 * that send the dump on stdin.  To the others nothing is converted.
 */
#include "datastore/ds.h"
#include "source/fetch.h"
#include "transport/bridge.h"
#include "transport/dispatch.h"

static gboolean
prepare(gpointer data, DrvDump *dump, GError **error)
{
    DsClone *request = data;
    gboolean same =
        *request->driver == '\0' || g_str_equal(request->driver, request->format);

    if (same || !drv_dump_came_from_stdin(dump)) {
        g_free(request->driver);
        request->driver = g_strdup("");
    }
    g_free(request->name);
    request->name = ds_new_name(error);
    return request->name != NULL;
}

/* The original is on a bridge of another datastore: fetch it from there. */
static gboolean
open_remote(gpointer data, DrvSource **in, GError **error)
{
    const DsClone *request = data;
    DrvFetchRequest wanted = DRV_FETCH_REQUEST_INIT;
    g_autofree char *host = NULL;
    g_autofree char *file = NULL;
    g_autofree char *url = NULL;

    if (request->source_bridges[0] == NULL)
        return TRUE;
    host = drv_bridge_host((const char *const *)request->source_bridges,
                           g_ascii_strtoull(request->image_id, NULL, 10),
                           error);
    if (host == NULL || !drv_dispatch(host, &ds_newest, data, NULL, &file, error))
        return FALSE;
    url = g_strdup_printf("ssh://%s:%s", host, file);
    wanted.url = url;
    *in = drv_fetch_open(&wanted, error);
    return *in != NULL;
}

static char *
answer(gpointer data, const char *result)
{
    const DsClone *request = data;
    g_autofree char *source = ds_source_text(request->base_path, request->name);

    (void)result;
    if (*request->driver == '\0')
        return g_steal_pointer(&source);
    return g_strdup_printf("%s %s", source, request->driver);
}

int
main(int argc, char **argv)
{
    static const DsAction action = {
        .type = &ds_clone,
        .subject = "clone to image",
        .prepare = prepare,
        .open = open_remote,
        .answer = answer,
    };

    return ds_main(argc, argv, &action);
}

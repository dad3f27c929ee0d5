/* SPDX-License-Identifier: Apache-2.0 */
/* cp - register an image from where PATH says.
 *
 *   cp [DUMP|-] IMAGE_ID < dump        prints: SOURCE FORMAT
 *
 * One pass: fetch, digest, decompress, write, inspect, publish.  Each run makes a new
 * SOURCE, and none is left on failure.
 */
#include "datastore/ds-origin.h"

static gboolean
prepare(gpointer data, DrvDump *dump, GError **error)
{
    DsCp *request = data;

    (void)dump;
    if (!ds_origin_read_settings(request, error))
        return FALSE;
    if (request->image_type == DS_IMAGE_CDROM || request->ds_type == DS_TYPE_FILE)
        request->convert = FALSE;
    g_free(request->name);
    request->name = ds_new_name(error);
    return request->name != NULL;
}

static gboolean
open_origin(gpointer data, DrvSource **in, GError **error)
{
    return ds_origin_open(data, in, error);
}

static char *
answer(gpointer data, const char *result)
{
    const DsCp *request = data;
    g_autofree char *source = ds_source_text(request->base_path, request->name);

    return g_strdup_printf("%s %s", source, result);
}

int
main(int argc, char **argv)
{
    static const DsAction action = {
        .type = &ds_cp,
        .subject = "register image",
        .prepare = prepare,
        .open = open_origin,
        .answer = answer,
    };

    return ds_main(argc, argv, &action);
}

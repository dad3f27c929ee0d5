/* SPDX-License-Identifier: Apache-2.0 */
/* mkfs - make an empty image.
 *
 *   mkfs [DUMP|-] IMAGE_ID < dump        prints: SOURCE
 *
 * Of format save_as only the name is made: cpds will make the file.
 */
#include "image/mkfs.h"
#include "datastore/ds.h"

static gboolean
prepare(gpointer data, DrvDump *dump, GError **error)
{
    DsMkfs *request = data;

    (void)dump;
    if (!drv_mkfs_read_config(
            request->fs, &request->supported_fs, &request->fs_options, error))
        return FALSE;
    g_free(request->name);
    request->name = ds_new_name(error);
    return request->name != NULL;
}

static char *
answer(gpointer data, const char *result)
{
    const DsMkfs *request = data;

    (void)result;
    return ds_source_text(request->base_path, request->name);
}

int
main(int argc, char **argv)
{
    static const DsAction action = {
        .type = &ds_mkfs,
        .subject = "make image",
        .prepare = prepare,
        .answer = answer,
    };

    return ds_main(argc, argv, &action);
}

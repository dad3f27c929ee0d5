/* SPDX-License-Identifier: Apache-2.0 */
/* mkfs - make an empty image.
 *
 *   mkfs [DUMP|-] IMAGE_ID < dump        prints: SOURCE
 *
 * Of format save_as only the name is made: cpds will make the file.
 */
#include "drv-config.h"
#include "ds.h"

#define DEFAULT_SUPPORTED_FS "ext2,ext3,ext4,xfs"

static gboolean
prepare(gpointer data, DrvDump *dump, GError **error)
{
    DsMkfs *request = data;
    g_autoptr(DrvConfig) config = drv_config_load("datastore/datastore.conf", error);
    g_autofree char *key = g_strconcat("FS_OPTS_", request->fs, NULL);

    (void)dump;
    if (config == NULL)
        return FALSE;
    g_strfreev(request->supported_fs);
    request->supported_fs = g_strsplit_set(
        drv_config_get(config, "SUPPORTED_FS", DEFAULT_SUPPORTED_FS), ", ", -1);
    g_strfreev(request->fs_options);
    request->fs_options = g_strsplit_set(drv_config_get(config, key, ""), " \t", -1);
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

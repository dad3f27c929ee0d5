/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "drv-config.h"
#include "tm.h"

#define DEFAULT_SUPPORTED_FS "ext2,ext3,ext4,xfs"

gboolean
tm_read_fs_config(gpointer data, GError **error)
{
    TmMake *request = data;
    g_autoptr(DrvConfig) config = drv_config_load("datastore/datastore.conf", error);
    g_autofree char *key = g_strconcat("FS_OPTS_", request->fs, NULL);

    if (config == NULL)
        return FALSE;
    g_strfreev(request->supported_fs);
    request->supported_fs = g_strsplit_set(
        drv_config_get(config, "SUPPORTED_FS", DEFAULT_SUPPORTED_FS), ", ", -1);
    g_strfreev(request->fs_options);
    request->fs_options = g_strsplit_set(drv_config_get(config, key, ""), " \t", -1);
    return TRUE;
}

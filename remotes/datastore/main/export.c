/* SPDX-License-Identifier: Apache-2.0 */
/* export - tell a marketplace where an image is.
 *
 *   export [DUMP|-] APP_ID < dump        prints: <IMPORT_INFO>…
 */
#include "datastore/ds.h"
#include "request/dump.h"

/* The op's result is "MD5 FORMAT FILE". */
static char *
answer(gpointer data, const char *result)
{
    const DsImage *request = data;
    g_auto(GStrv) parts = g_strsplit(result, " ", 3);
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, request->size_mb);
    g_autofree char *remote =
        request->bridges[0]
            ? g_strdup_printf("ssh://%s:%s", request->bridges[0], parts[2])
            : g_strdup(parts[2]);
    const char *const children[] = {
        "IMPORT_SOURCE", remote,   "MD5",     parts[0], "SIZE", size,
        "FORMAT",        parts[1], "DISPOSE", "NO",     NULL,
    };

    return drv_dump_build("IMPORT_INFO", children);
}

int
main(int argc, char **argv)
{
    static const DsAction action = {
        .type = &ds_export,
        .subject = "export image for app",
        .answer = answer,
    };

    return ds_main(argc, argv, &action);
}

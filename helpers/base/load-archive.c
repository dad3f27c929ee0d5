/* SPDX-License-Identifier: Apache-2.0 */
#include "base/load-archive.h"

#include <locale.h>

DrvArchiveFunctions drv_archive;

gboolean
drv_load_archive(GError **error)
{
    static const char *const names[] = { DRV_ARCHIVE_FUNCTIONS(DRV_LOAD_NAME) NULL };
    static gsize done;

    setlocale(LC_CTYPE, "C.UTF-8"); /* in which it understands names */
    G_STATIC_ASSERT(sizeof drv_archive == (G_N_ELEMENTS(names) - 1) * sizeof(gpointer));
    return drv_load("libarchive.so.13", names, (gpointer *)&drv_archive, &done, error);
}

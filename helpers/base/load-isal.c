/* SPDX-License-Identifier: Apache-2.0 */
#include "base/load-isal.h"

DrvIsalFunctions drv_isal;

gboolean
drv_load_isal(GError **error)
{
    static const char *const names[] = { DRV_ISAL_FUNCTIONS(DRV_LOAD_NAME) NULL };
    static gsize done;

    G_STATIC_ASSERT(sizeof drv_isal == (G_N_ELEMENTS(names) - 1) * sizeof(gpointer));
    return drv_load("libisal.so.2", names, (gpointer *)&drv_isal, &done, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/load-curl.h"
#include "base/error.h"

DrvCurlFunctions drv_curl;

gboolean
drv_load_curl(GError **error)
{
    static const char *const names[] = { DRV_CURL_FUNCTIONS(DRV_LOAD_NAME) NULL };
    static gsize done, begun;

    G_STATIC_ASSERT(sizeof drv_curl == (G_N_ELEMENTS(names) - 1) * sizeof(gpointer));
    if (!drv_load("libcurl.so.4", names, (gpointer *)&drv_curl, &done, error))
        return FALSE;
    if (g_once_init_enter(&begun))
        g_once_init_leave(&begun, curl_global_init(CURL_GLOBAL_DEFAULT) + 1U);
    return begun == CURLE_OK + 1U ||
           drv_throw(error, DRV_ERROR_FAILED, "cannot initialise libcurl");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/load-crypto.h"

DrvCryptoFunctions drv_crypto;

gboolean
drv_load_crypto(GError **error)
{
    static const char *const names[] = { DRV_CRYPTO_FUNCTIONS(DRV_LOAD_NAME) NULL };
    static gsize done;

    G_STATIC_ASSERT(sizeof drv_crypto == (G_N_ELEMENTS(names) - 1) * sizeof(gpointer));
    return drv_load("libcrypto.so.3", names, (gpointer *)&drv_crypto, &done, error);
}

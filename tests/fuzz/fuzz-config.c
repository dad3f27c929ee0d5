/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files. */
#include <stdint.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "A", "B", "LIBVIRT_URI", "HOME" };
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvConfig) config = drv_config_parse("x", text, &error);

    g_assert((config == NULL) == (error != NULL));
    for (guint i = 0; config && i < G_N_ELEMENTS(names); i++) {
        guint64 number;
        gboolean flag;

        g_assert_nonnull(drv_config_get(config, names[i], "fallback"));
        (void)!drv_config_get_uint(config, names[i], 1, &number, NULL);
        (void)!drv_config_get_bool(config, names[i], TRUE, &flag, NULL);
    }
    return 0;
}

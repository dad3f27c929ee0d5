/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that a front-end's monitor daemon sends, and its key. */
#include <stdint.h>
#include <string.h>

#include "im/client/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(const ImClient *client)
{
    g_autoptr(ImContext) im = im_context_new("kvm", "7", "host01", client->config, NULL);

    g_assert_nonnull(im); /* it was XML a moment ago */
    for (const ImKind *kind = im_kinds; kind->message; kind++) {
        g_autofree char *path =
            g_strconcat("PROBES_PERIOD/", kind->period ? kind->period : "X", NULL);

        (void)im_config_number(im, path, kind->default_s);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *pem = im_repair_pem(text);
    g_auto(ImClient) client = { .hypervisor = g_strdup("kvm") };
    g_autoptr(GError) error = NULL;

    g_assert_true(pem == NULL || g_str_has_suffix(pem, "-----\n"));
    if (im_client_configure(&client, text, NULL, &error)) {
        g_assert_nonnull(client.address);
        g_assert_cmpint(client.port, >, 0);
        ask(&client);
    } else {
        g_assert_nonnull(error);
    }
    return 0;
}

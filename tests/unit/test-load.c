/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/error.h"
#include "base/load-crypto.h"

static void
test_loaded(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(drv_load_crypto(&error));
    g_assert_no_error(error);
    g_assert_true(drv_load_crypto(&error));
    g_assert_nonnull(EVP_sha256());
}

static void
test_missing_library(void)
{
    static const char *const names[] = { "anything", NULL };
    g_autoptr(GError) error = NULL;
    gpointer table[1] = { NULL };
    gsize done = 0;

    g_assert_false(drv_load("libdrv-of-no-system.so.0", names, table, &done, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "libdrv-of-no-system.so.0"));
}

static void
test_missing_function(void)
{
    static const char *const names[] = { "strlen", "drv_function_of_no_library", NULL };
    g_autoptr(GError) error = NULL;
    gpointer table[2] = { NULL };
    gsize done = 0;

    g_assert_false(drv_load("libc.so.6", names, table, &done, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "drv_function_of_no_library"));
    g_assert_cmpuint(done, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/load/loaded", test_loaded);
    g_test_add_func("/load/missing-library", test_missing_library);
    g_test_add_func("/load/missing-function", test_missing_function);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "im/client/launch.h"

#include <string.h>

#include "base/action.h"
#include "base/error.h"

#define CLIENT "monitord-client"

static gboolean
is_stock_client(const char *name)
{
    return (g_str_has_prefix(name, CLIENT) ||
            g_str_has_prefix(name, "collectd-client")) &&
           !g_str_equal(name, CLIENT);
}

gboolean
im_launch(const char *name,
          const char *const *argv,
          const char *config,
          GString *out,
          GError **error)
{
    g_autofree char *directory = g_strconcat(name, ".d", NULL);
    g_autofree char *path =
        g_build_filename(drv_action_remotes_dir(), "im", directory, NULL);
    g_autoptr(GPtrArray) files = NULL;

    if (strchr(name, '/') || *name == '.')
        return drv_throw(error, DRV_ERROR_USAGE, "invalid directory name: '%s'", name);
    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "'%s': no such directory", path);
    files = im_executables(path);
    for (guint i = 0; i < files->len; i++) {
        const char *file = g_ptr_array_index(files, i);
        g_autofree char *base = g_path_get_basename(file);

        if (!is_stock_client(base) && !im_run_program(file, argv, config, out, error))
            return FALSE;
    }
    return TRUE;
}

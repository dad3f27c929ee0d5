/* SPDX-License-Identifier: Apache-2.0 */
/* Running the probes of a directory: ours as functions, those of others as processes. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "cmd/cmd.h"
#include "im/client/client.h"

#define PROBE_TIMEOUT_MS 80000 /* within the front-end's 90 s for all */
#define PROBES "-probes.d/"
#define OUTPUT_MAX ((gsize)64 << 20)

static const char *const left_overs[] = { ".rpmnew",   ".rpmsave",   ".rpmorig",
                                          ".dpkg-old", ".dpkg-dist", ".dpkg-new",
                                          "~" };

static gboolean
is_left_over(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(left_overs); i++) {
        if (g_str_has_suffix(name, left_overs[i]))
            return TRUE;
    }
    return strstr(name, ".dpkg-") != NULL || *name == '.';
}

/* Pairs of a stock probe and the native one in its place; the build makes the list of
 * packaging/stock-probes.
 */
static const char *const stock_probes[][2] = { STOCK_PROBES };

/* A stock probe in whose place there is ours: where a tree was synced by copying, it is
 * still on the host.  The directory of hosts without KVM has another name and the same
 * probes.
 */
static gboolean
is_replaced(const char *path)
{
    const char *below = strstr(path, PROBES);

    for (guint i = 0; below && i < G_N_ELEMENTS(stock_probes); i++) {
        const char *stock = strstr(stock_probes[i][0], PROBES);
        const char *native = strstr(stock_probes[i][1], PROBES);
        g_autofree char *ours = NULL;

        if (stock == NULL || strcmp(stock, below) != 0)
            continue;
        ours = g_strdup_printf("%.*s%s", (int)(below - path), path, native);
        return im_builtin(ours) != NULL;
    }
    return FALSE;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
im_executables(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        if (g_file_test(file, G_FILE_TEST_IS_REGULAR) &&
            g_file_test(file, G_FILE_TEST_IS_EXECUTABLE) && !is_left_over(name) &&
            !is_replaced(file))
            g_ptr_array_add(files, g_steal_pointer(&file));
    }
    g_ptr_array_sort(files, by_name);
    return files;
}

gboolean
im_run_program(const char *path,
               const char *const *argv,
               const char *config,
               GString *out,
               GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *directory =
        g_build_filename(drv_action_remotes_dir(), "im", "kvm.d", NULL);
    g_auto(DrvFd) cwd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(path, NULL);
    g_autoptr(GString) said = g_string_new(NULL);

    if (!drv_cmd_input(cmd, STDIN_FILENO, config ? config : "", error))
        return FALSE;
    for (guint i = 0; argv[i]; i++)
        drv_cmd_arg(cmd, argv[i]);
    if (cwd >= 0)
        drv_cmd_cwd(cmd, cwd);
    drv_cmd_keep_env(cmd, "SSH_CLIENT");
    drv_cmd_timeout(cmd, PROBE_TIMEOUT_MS);
    if (!drv_cmd_capture(cmd, said, OUTPUT_MAX, error))
        return drv_prefix(error, "Error executing %s", name);
    g_string_append_len(out, said->str, (gssize)said->len);
    return TRUE;
}

/* Probes of others may forget the last line break. */
static void
end_line(GString *out)
{
    if (out->len > 0 && out->str[out->len - 1] != '\n')
        g_string_append_c(out, '\n');
}

gboolean
im_run_programs(const char *path,
                const char *const *argv,
                const char *config,
                GString *out,
                GError **error)
{
    g_autoptr(GPtrArray) files = im_executables(path);

    for (guint i = 0; i < files->len; i++) {
        if (!im_run_program(g_ptr_array_index(files, i), argv, config, out, error))
            return FALSE;
        end_line(out);
    }
    return TRUE;
}

gboolean
im_run_dir(
    ImContext *im, const ImClient *client, const char *dir, GString *out, GError **error)
{
    g_autofree char *directory = g_strconcat(client->hypervisor, "-probes.d", NULL);
    g_autofree char *path =
        g_build_filename(drv_action_remotes_dir(), "im", directory, dir, NULL);
    g_autoptr(GPtrArray) files = im_executables(path);
    const char *const argv[] = {
        client->hypervisor, client->host_id, client->host_name, NULL
    };

    for (guint i = 0; i < files->len; i++) {
        const char *file = g_ptr_array_index(files, i);
        const ImProbe *probe = im_builtin(file);
        g_autofree char *name = g_path_get_basename(file);

        if (probe && !probe->run(im, out, error))
            return drv_prefix(error, "Error executing %s", name);
        if (probe == NULL && !im_run_program(file, argv, client->config, out, error))
            return FALSE;
        end_line(out);
    }
    return TRUE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The client of front-ends up to 5.10: all flat probes at each period, in one datagram.
 *
 *   kvm DS_LOCATION PORT PERIOD HOST_ID HOST
 *
 * It ends when the front-end has renewed the tree, which touches <remotes>/.update.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "base/action.h"
#include "base/cancel.h"
#include "base/error.h"
#include "cmd/cmd.h"
#include "im/client/client.h"
#include "im/client/launch.h"
#include "monitor/monitord.h"

#define OWN_CHECK_MS 1000

enum { TYPE = 1, DS_LOCATION, PORT, PERIOD, HOST_ID, HOST };

static char *
flat_dir(char **argv)
{
    g_autofree char *directory = g_strconcat(argv[TYPE], "-probes.d", NULL);

    return g_build_filename(drv_action_remotes_dir(), "im", directory, NULL);
}

/* Seconds of the file's time; 0 when there is none. */
static gint64
tree_time(void)
{
    g_autofree char *path = g_build_filename(drv_action_remotes_dir(), ".update", NULL);
    GStatBuf st;

    return g_stat(path, &st) == 0 ? (gint64)st.st_mtime : 0;
}

/* Leave a client behind that goes on with these arguments. */
static gboolean
detach(char **argv, GError **error)
{
    g_autofree char *self = g_canonicalize_filename(argv[0], NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(self, NULL);

    for (int i = 1; argv[i]; i++)
        drv_cmd_arg(cmd, argv[i]);
    drv_cmd_arg(cmd, "--stay");
    drv_cmd_keep_env(cmd, "SSH_CLIENT");
    return drv_cmd_detach(cmd, error);
}

gboolean
im_collect_start(int argc, char **argv, GError **error)
{
    g_autofree char *directory = flat_dir(argv);
    g_autoptr(GString) out = g_string_new(NULL);

    (void)argc;
    if (!im_end_clients(argv[HOST_ID], error) ||
        !im_run_programs(directory, (const char *const *)argv + 1, NULL, out, error) ||
        !detach(argv, error))
        return FALSE;
    if (drv_action_reply_text(out->str) != 0)
        return drv_throw(error, DRV_ERROR_FAILED, "the answer was not read");
    return TRUE;
}

/* Ours are called, the others' run. */
static gboolean
run_flat(ImContext *im, const ImClient *client, char **argv, GString *out, GError **error)
{
    g_autofree char *directory = flat_dir(argv);
    g_autoptr(GPtrArray) files = im_executables(directory);

    for (guint i = 0; i < files->len; i++) {
        const char *file = g_ptr_array_index(files, i);
        const ImProbe *probe = im_builtin(file);
        gboolean ok =
            probe ? probe->run(im, out, error)
                  : im_run_program(file, (const char *const *)argv + 1, NULL, out, error);

        if (!ok)
            return FALSE;
    }
    (void)client;
    return TRUE;
}

/* Look once; *hangs when libvirt did not answer. */
static void
report(const ImClient *client, ImContext *im, char **argv, gboolean *hangs)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *line = NULL;
    gboolean ok = run_flat(im, client, argv, out, &error);

    *hangs = !ok && drv_error_is(error, DRV_ERROR_TIMEOUT);
    if (!ok)
        im_virt_drop(im);
    line = drv_monitord_collect_line(argv[HOST_ID], !ok, ok ? out->str : error->message);
    g_clear_error(&error);
    if (!drv_monitord_send_datagram(client->address, client->port, line, &error))
        drv_ignore(&error, "the next one may arrive");
}

gboolean
im_collect_stay(int argc, char **argv, GError **error)
{
    g_auto(ImClient) client = { 0 };
    g_autoptr(ImContext) im =
        im_context_new(argv[TYPE], argv[HOST_ID], argv[HOST], NULL, error);
    gint64 began_with = tree_time();
    guint64 port, period_s;
    gboolean hangs;
    guint hopeless = 0;

    argv[argc - 1] = NULL; /* "--stay" is not for the probes */
    if (im == NULL)
        return FALSE;
    client.address = g_strdup(drv_action_caller_address());
    if (client.address == NULL ||
        !g_ascii_string_to_unsigned(argv[PORT], 10, 1, G_MAXUINT16, &port, NULL) ||
        !g_ascii_string_to_unsigned(argv[PERIOD], 10, 1, 86400, &period_s, NULL))
        return drv_throw(error, DRV_ERROR_USAGE, "address, port or period is missing");
    client.port = (guint16)port;
    im->lasting = TRUE;
    g_free(im->ds_location);
    im->ds_location = g_strdup(argv[DS_LOCATION]);
    while (tree_time() == began_with) {
        gint64 end = g_get_monotonic_time() / 1000 + (gint64)period_s * 1000;

        report(&client, im, argv, &hangs);
        hopeless = hangs ? hopeless + 1 : 0;
        if (hopeless >= IM_MAX_STUCK_CALLS) /* neither threads nor processes pile up */
            return detach(argv, error);
        while (g_get_monotonic_time() / 1000 < end && tree_time() == began_with) {
            if (drv_poll(NULL, 0, OWN_CHECK_MS, error) < 0)
                return FALSE;
        }
    }
    return TRUE;
}
